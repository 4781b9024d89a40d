//! Twilio: signatures, callbacks, TwiML.
//!
//! Sources: "Security" (signatures), "TwiML" for `<Dial>`, `<Sip>` and `<Reject>`, "Call resource" (statuses) in
//! Twilio's documentation, and its helper library for Python, by which the tests check this file.

use std::borrow::Cow;

use aws_lc_rs::{digest, hmac};
use domain::{
    Timestamp,
    call::{Direction, EventKind, Parties},
    carrier::Carrier,
};
use jiff::fmt::rfc2822;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    answer::{Answer, Dial, DialTarget, RejectReason},
    callback::{Party, StatusCallback, Unreadable, VoiceRequest, call_id, parties},
    outcome::{End, HungUp, Meaning},
    parameters::Parameters,
    request::Request,
    signature::{Refused, Verified, any_fits, signatures},
    told::{Told, recording_url},
    xml::Element,
};

const CARRIER: Carrier = Carrier::Twilio;
const SIGNATURE: &str = "x-twilio-signature";
const SIGNATURE_SETTINGS: &str = "x-twilio-webhooks-signature-settings";

/// Twilio's words for how far a call has come.
const STATUSES: &[(&str, Meaning)] = &[
    ("queued", Meaning::Initiated),
    ("initiated", Meaning::Initiated),
    ("ringing", Meaning::Ringing),
    ("in-progress", Meaning::Answered),
    ("answered", Meaning::Answered),
    ("completed", Meaning::Completed),
    ("busy", Meaning::Ended(End::Busy)),
    ("no-answer", Meaning::Ended(End::NoAnswer)),
    ("canceled", Meaning::Ended(End::Cancelled)),
    ("failed", Meaning::Failed),
];

/// What Twilio shows for callers who hide: numbers that on a keypad spell anonymous, restricted, blocked, unknown and
/// unavailable.
const HIDDEN: [&str; 5] = ["+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"];

pub(crate) fn is_signed(request: &Request<'_>) -> bool {
    signatures(request.header(SIGNATURE)).next().is_some()
}

pub(crate) fn verify(request: &Request<'_>, tokens: &[SecretString]) -> Result<Verified, Refused> {
    let algorithm = algorithm(request.header(SIGNATURE_SETTINGS))?;
    let signed = signed_parameters(request)?;
    let texts: Vec<String> = urls(request.url).into_iter().map(|url| format!("{url}{signed}")).collect();
    let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    let signatures: Vec<Vec<u8>> = signatures(request.header(SIGNATURE)).collect();
    let fits = any_fits(algorithm, tokens, &texts, &signatures);
    if fits { Ok(Verified { nonces: Vec::new() }) } else { Err(Refused) }
}

/// HMAC-SHA1, unless the settings, `key=…,algorithm=…`, name another.
fn algorithm(settings: Option<&str>) -> Result<hmac::Algorithm, Refused> {
    let parts = settings.unwrap_or_default().split(',').filter_map(|part| part.split_once('='));
    let named = parts.filter(|(name, _)| name.trim() == "algorithm").map(|(_, value)| value.trim()).find(|value| !value.is_empty());
    match named.map(str::to_ascii_uppercase).as_deref() {
        None | Some("HMAC_SHA1") => Ok(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        Some("HMAC_SHA256") => Ok(hmac::HMAC_SHA256),
        Some(_) => Err(Refused),
    }
}

/// What is signed after the URL: each distinct name and value of a form, nothing of JSON, whose hash is in the URL.
fn signed_parameters(request: &Request<'_>) -> Result<String, Refused> {
    if request.body.is_empty() {
        return Ok(String::new());
    }
    if request.is_get() {
        return Err(Refused); // nothing would sign the body
    }
    if request.is_json() {
        return if hash_fits(request) { Ok(String::new()) } else { Err(Refused) };
    }
    let parameters = Parameters::from_form(request.body).map_err(|_| Refused)?;
    let mut pairs = parameters.sorted();
    pairs.dedup();
    Ok(pairs.into_iter().flat_map(|(name, value)| [name, value]).collect())
}

/// Whether the query names the hash of the body.
fn hash_fits(request: &Request<'_>) -> bool {
    let query = Parameters::from_form(request.query().as_bytes());
    let told = query.ok().and_then(|query| query.get("bodySHA256").and_then(|hash| hex::decode(hash).ok()));
    told.is_some_and(|told| digest::digest(&digest::SHA256, request.body).as_ref() == told)
}

/// The URL as it came, and without or with the port that goes without saying: Twilio signs either.
fn urls(url: &str) -> Vec<Cow<'_, str>> {
    let other = other_port(url).map(Cow::Owned);
    std::iter::once(Cow::Borrowed(url)).chain(other).collect()
}

fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let (host, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    match host.strip_suffix(port) {
        Some(bare) => Some(format!("{scheme}://{bare}{rest}")),
        None if host.rsplit(']').next().is_some_and(|end| end.contains(':')) => None, // a port of its own
        None => Some(format!("{scheme}://{host}{port}{rest}")),
    }
}

pub(crate) fn voice(parameters: &Parameters) -> Result<VoiceRequest, Unreadable> {
    Ok(VoiceRequest {
        carrier: CARRIER,
        carrier_call_id: call_id(parameters, &["CallSid"])?,
        from: caller(parameters),
        to: Party::read(parameters.get("To").ok_or(Unreadable::To)?),
        direction: direction(parameters),
        awaits_route: true,
    })
}

pub(crate) fn status(parameters: &Parameters) -> Result<Option<StatusCallback>, Unreadable> {
    // A leg that XML dialled is told of under its own id, with that of the caller's leg beside it.
    let call = call_id(parameters, &["ParentCallSid", "CallSid"])?;
    let told = if parameters.get("RecordingStatus").is_some() { recording(parameters) } else { progress(parameters) };
    let timestamp = parameters.get("Timestamp").and_then(timestamp);
    let sequence = parameters.get("SequenceNumber").and_then(|count| count.parse().ok());
    Ok(told.map(|told| {
        let parties = told_parties(parameters, &call);
        told.of_call(CARRIER, call, parties, timestamp, sequence)
    }))
}

/// A recording is told of when it begins, too, and when there is none.
fn recording(parameters: &Parameters) -> Option<Told> {
    let url = parameters.get("RecordingUrl").filter(|_| parameters.get("RecordingStatus") == Some("completed"))?;
    Told::recording(parameters.get("RecordingSid").unwrap_or(url), url)
}

/// How far the call has come, or how the leg ended that XML dialled.
fn progress(parameters: &Parameters) -> Option<Told> {
    let dialled = parameters.get("DialCallStatus");
    let word = dialled.or_else(|| parameters.get("CallStatus"))?;
    let leg = if dialled.is_some() { "dial" } else { parameters.get("CallSid").unwrap_or_default() };
    let Some((_, meaning)) = STATUSES.iter().find(|(known, _)| *known == word) else {
        return Told::unknown(CARRIER, word, leg, parameters.get("SequenceNumber"));
    };
    let other_leg = parameters.get("ParentCallSid").map(|_| leg);
    let told = match meaning {
        Meaning::Initiated => Told::progress(other_leg, EventKind::Initiated),
        Meaning::Ringing => Told::progress(other_leg, EventKind::Ringing),
        Meaning::Answered if dialled.is_none() => Told::progress(other_leg, EventKind::Answered),
        // Of a leg that has ended it says that there was a conversation.
        Meaning::Answered | Meaning::Completed => completed(parameters, leg),
        Meaning::Ended(end) => Told::ended(leg, *end),
        Meaning::Failed => Told::ended(leg, sip_end(parameters).unwrap_or(End::OutOfOrder)),
    };
    Some(told.with(|facts| facts.recording_url = parameters.get("RecordingUrl").and_then(recording_url)))
}

/// A call that came to 0 seconds was never answered. Of the leg that XML dialled it is certain that it was.
fn completed(parameters: &Parameters, leg: &str) -> Told {
    let is_dialled = parameters.get("DialCallStatus").is_some();
    let seconds = parameters.get(if is_dialled { "DialCallDuration" } else { "CallDuration" }).and_then(|text| text.parse().ok());
    if seconds == Some(0) && !is_dialled {
        return Told::ended(leg, sip_end(parameters).unwrap_or(End::NoAnswer));
    }
    Told::completed(leg, seconds, HungUp::Unknown, direction(parameters))
}

fn sip_end(parameters: &Parameters) -> Option<End> {
    let code = parameters.get("DialSipResponseCode").or_else(|| parameters.get("SipResponseCode"))?;
    code.parse().ok().and_then(End::of_sip)
}

/// The sides of the caller's leg. Those of a leg that XML dialled are others, and not the call's.
fn told_parties(parameters: &Parameters, call: &str) -> Parties {
    let known = parties(CARRIER, call);
    if parameters.get("ParentCallSid").is_some() || parameters.get("To").is_none() {
        return known;
    }
    let to = parameters.get("To").map(|to| Party::read(to).shown);
    Parties { from_number: Some(caller(parameters).shown), to_number: to, direction: Some(direction(parameters)), ..known }
}

fn caller(parameters: &Parameters) -> Party {
    Party::caller(parameters.get("From").filter(|from| !HIDDEN.contains(from)))
}

/// `inbound`, `outbound-api`, `outbound-dial`.
fn direction(parameters: &Parameters) -> Direction {
    let is_outbound = parameters.get("Direction").is_some_and(|direction| direction.starts_with("outbound"));
    if is_outbound { Direction::Outbound } else { Direction::Inbound }
}

/// RFC 2822, in whole seconds.
fn timestamp(text: &str) -> Option<Timestamp> {
    let instant = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Timestamp::from_millis(instant.as_millisecond()).ok()
}

pub(crate) fn answer(answer: &Answer<'_>) -> String {
    let verb = match answer {
        Answer::Dial(dial) => dial_verb(dial),
        Answer::Reject(RejectReason::Busy) => Element::new("Reject").with("reason", "busy"),
        Answer::Reject(RejectReason::Rejected) => Element::new("Reject").with("reason", "rejected"),
        Answer::HangUp => Element::new("Hangup"),
    };
    Element::new("Response").child(verb).document()
}

/// Attributes in the order of their names, as Twilio's own libraries write them.
fn dial_verb(dial: &Dial<'_>) -> Element {
    Element::new("Dial")
        .with("action", dial.status_url)
        // The caller hears it ring and pays nothing until someone answers; the caller's leg tells the truth, too.
        .with("answerOnBridge", "true")
        .child(noun(dial))
}

/// That the call was initiated is known from the question.
const EVENTS: &str = "ringing answered completed";

fn noun(dial: &Dial<'_>) -> Element {
    match &dial.target {
        DialTarget::Number(number) => {
            let noun = Element::new("Number").with("statusCallback", dial.status_url).with("statusCallbackEvent", EVENTS);
            noun.text(number.as_str())
        }
        DialTarget::Sip { uri, credentials, headers } => Element::new("Sip")
            .with("password", credentials.as_ref().map(|credentials| credentials.password.expose_secret()))
            .with("statusCallback", dial.status_url)
            .with("statusCallbackEvent", EVENTS)
            .with("username", credentials.as_ref().map(|credentials| credentials.username))
            .text(&with_headers(uri, headers)),
    }
}

/// What a URI's headers cannot hold as it is (RFC 3261, §25.1: hvalue), and more.
const HEADER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The most characters of all headers together ("TwiML: Sip", custom headers).
const MAX_HEADER_CHARS: usize = 1024;

/// The URI with its headers, as many as fit.
fn with_headers(uri: &str, headers: &[(&str, &str)]) -> String {
    let mut query = String::new();
    for (name, value) in headers {
        let separator = if query.is_empty() { "?" } else { "&" };
        let header = format!("{separator}{}={}", utf8_percent_encode(name, HEADER), utf8_percent_encode(value, HEADER));
        if query.len() + header.len() <= MAX_HEADER_CHARS {
            query.push_str(&header);
        }
    }
    format!("{uri}{query}")
}
