//! Plivo: signatures, callbacks, XML. Vobiz has the same callbacks and XML.
//!
//! Sources: "Signature validation", "XML request", "Dial", "Hangup causes" in Plivo's documentation, and its helper
//! library for Python, by which the tests check this file.

use aws_lc_rs::hmac::HMAC_SHA256;
use domain::{
    call::{Direction, EventKind, Parties},
    carrier::Carrier,
};
use secrecy::SecretString;

use crate::{
    answer::{Answer, Dial, DialTarget, RejectReason},
    callback::{Party, StatusCallback, Unreadable, VoiceRequest, call_id, parties},
    outcome::{End, HungUp, Meaning},
    parameters::Parameters,
    request::Request,
    signature::{Refused, Verified, any_fits, nonce, signatures},
    told::Told,
    xml::Element,
};

const SIGNATURE: &str = "x-plivo-signature-v3";
/// The same by the main account's token, for requests of its subaccounts.
const MAIN_SIGNATURE: &str = "x-plivo-signature-ma-v3";
const NONCE: &str = "x-plivo-signature-v3-nonce";

/// Words for how far a call has come: values of `CallStatus`, `DialStatus`, `Event` and `DialAction`.
const WORDS: &[(&str, Meaning)] = &[
    ("queued", Meaning::Initiated),
    ("initiated", Meaning::Initiated),
    ("ringing", Meaning::Ringing),
    ("in-progress", Meaning::Answered),
    ("answered", Meaning::Answered),
    ("completed", Meaning::Completed),
    ("busy", Meaning::Ended(End::Busy)),
    ("no-answer", Meaning::Ended(End::NoAnswer)),
    ("cancel", Meaning::Ended(End::Cancelled)),
    ("canceled", Meaning::Ended(End::Cancelled)),
    ("timeout", Meaning::Ended(End::TimedOut)),
    ("rejected", Meaning::Ended(End::Rejected)),
    ("failed", Meaning::Failed),
];

pub(crate) fn verify(request: &Request<'_>, tokens: &[SecretString]) -> Result<Verified, Refused> {
    let nonce = nonce(request.header(NONCE))?;
    let signatures: Vec<Vec<u8>> = signatures(request.header(SIGNATURE)).chain(signatures(request.header(MAIN_SIGNATURE))).collect();
    let texts: Vec<String> = signed(request)?.into_iter().map(|text| format!("{text}.{nonce}")).collect();
    let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    let fits = any_fits(HMAC_SHA256, tokens, &texts, &signatures);
    if fits { Ok(Verified { nonces: vec![nonce.to_owned()] }) } else { Err(Refused) }
}

fn signed(_request: &Request<'_>) -> Result<Vec<String>, Refused> {
    Err(Refused)
}

pub(crate) fn voice(carrier: Carrier, parameters: &Parameters) -> Result<VoiceRequest, Unreadable> {
    Ok(VoiceRequest {
        carrier,
        carrier_call_id: call_id(parameters, &["CallUUID"])?,
        from: parameters.get("From").map_or_else(Party::anonymous, Party::read),
        to: Party::read(parameters.get("To").ok_or(Unreadable::To)?),
        direction: Direction::Inbound,
        awaits_route: true,
    })
}

pub(crate) fn status(_carrier: Carrier, _parameters: &Parameters) -> Result<Option<StatusCallback>, Unreadable> {
    Ok(None)
}

pub(crate) fn answer(answer: &Answer<'_>) -> String {
    let element = match answer {
        Answer::Dial(dial) => dial_element(dial),
        Answer::Reject(RejectReason::Busy) => Element::new("Hangup").with("reason", "busy"),
        Answer::Reject(RejectReason::Rejected) => Element::new("Hangup").with("reason", "rejected"),
        Answer::HangUp => Element::new("Hangup"),
    };
    Element::new("Response").child(element).document()
}

fn dial_element(dial: &Dial<'_>) -> Element {
    let target = match &dial.target {
        DialTarget::Number(number) => Element::new("Number").text(number.as_str()),
        DialTarget::Sip { uri, .. } => Element::new("User").text(uri),
    };
    Element::new("Dial").with("action", dial.action_url).child(target)
}
