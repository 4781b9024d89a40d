//! Plivo: signatures, callbacks, XML. Vobiz has the same callbacks and XML.
//!
//! Sources: "Signature validation", "XML request", "Dial", "Record" and "Hangup causes" in Plivo's documentation, and
//! its helper library for Python, by which the tests check this file.

use aws_lc_rs::hmac::HMAC_SHA256;
use domain::{
    call::{Direction, EventKind, Parties},
    carrier::Carrier,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use crate::{
    answer::{Answer, Dial, DialTarget, RejectReason},
    callback::{Party, StatusCallback, Unreadable, VoiceRequest, call_id, parties},
    money::micro_cents,
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

/// Words for how far a call, or the leg that XML dialled, has come.
const STATUSES: &[(&str, Meaning)] = &[
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

/// Why a call ended, by names: Plivo's own, whose numbers for the first two are not documented, then those of Q.850.
const CAUSES: &[(&str, End)] = &[
    ("Busy Line", End::Busy),
    ("No Answer", End::NoAnswer),
    ("Rejected", End::Rejected),
    ("USER_BUSY", End::Busy),
    ("NO_ANSWER", End::NoAnswer),
    ("NO_USER_RESPONSE", End::NoAnswer),
    ("ORIGINATOR_CANCEL", End::Cancelled),
    ("RECOVERY_ON_TIMER_EXPIRE", End::TimedOut),
    ("CALL_REJECTED", End::Rejected),
    ("UNALLOCATED_NUMBER", End::Unallocated),
];

/// Why a call ended, by numbers. Any other is a failure of the network, unless the call ended as calls do.
const CODES: &[(&str, End)] = &[("1000", End::Cancelled), ("2000", End::Unallocated), ("2010", End::OutOfOrder), ("2020", End::OutOfOrder)];

/// Who hung up.
const SOURCES: &[(&str, HungUp)] = &[("Caller", HungUp::Caller), ("Callee", HungUp::Callee), ("Call recipient", HungUp::Callee)];

pub(crate) fn is_signed(request: &Request<'_>) -> bool {
    offered(request).next().is_some() && !nonces(request).is_empty()
}

/// The signatures of the account and of its parent.
fn offered(request: &Request<'_>) -> impl Iterator<Item = Vec<u8>> {
    signatures(request.header(SIGNATURE)).chain(signatures(request.header(MAIN_SIGNATURE)))
}

pub(crate) fn verify(request: &Request<'_>, tokens: &[SecretString]) -> Result<Verified, Refused> {
    let nonce = nonce(request.header(NONCE))?;
    let signatures: Vec<Vec<u8>> = offered(request).collect();
    let texts: Vec<String> = signed(request)?.into_iter().map(|text| format!("{text}.{nonce}")).collect();
    let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    let fits = any_fits(HMAC_SHA256, tokens, &texts, &signatures);
    if fits { Ok(Verified { nonces: vec![nonce.to_owned()] }) } else { Err(Refused) }
}

pub(crate) fn nonces(request: &Request<'_>) -> Vec<String> {
    nonce(request.header(NONCE)).map(str::to_owned).into_iter().collect()
}

/// What may have been signed, nonce apart: the URL with its query sorted, then the form's sorted names and values.
///
/// Of a query beyond ASCII there are two readings: as UTF-8, and byte by byte as Plivo's library for Python has it.
fn signed(request: &Request<'_>) -> Result<Vec<String>, Refused> {
    if request.is_get() && !request.body.is_empty() {
        return Err(Refused); // nothing would sign the body
    }
    let query = Parameters::from_form(request.query().as_bytes()).map_err(|_| Refused)?;
    let form = Parameters::from_form(request.body).map_err(|_| Refused)?;
    let query: Vec<String> = query.sorted().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = query.join("&");
    let by_bytes: Option<String> = (!query.is_ascii()).then(|| query.bytes().map(char::from).collect());
    let posted: Option<String> = (!form.is_empty()).then(|| form.sorted().into_iter().flat_map(|(name, value)| [name, value]).collect());
    let text = |query: &str| match &posted {
        None if query.is_empty() => request.base().to_owned(),
        None => format!("{}?{query}", request.base()),
        Some(posted) if query.is_empty() => format!("{}?{posted}", request.base()),
        Some(posted) => format!("{}?{query}.{posted}", request.base()),
    };
    Ok(std::iter::once(&query).chain(&by_bytes).map(|query| text(query)).collect())
}

pub(crate) fn voice(carrier: Carrier, parameters: &Parameters) -> Result<VoiceRequest, Unreadable> {
    let is_over = parameters.get("CallStatus").and_then(|word| named(STATUSES, word)).is_some_and(Meaning::is_end);
    Ok(VoiceRequest {
        carrier,
        carrier_call_id: call_id(parameters, &["CallUUID"])?,
        from: Party::caller(parameters.get("From")),
        to: Party::read(parameters.get("To").ok_or(Unreadable::To)?),
        direction: direction(parameters),
        awaits_route: !is_over && !matches!(parameters.get("Event"), Some("Ring" | "Hangup")),
    })
}

pub(crate) fn status(carrier: Carrier, parameters: &Parameters) -> Result<Option<StatusCallback>, Unreadable> {
    // The caller's leg comes first: a leg that XML dialled is told of with an id of its own.
    let call = call_id(parameters, &["DialALegUUID", "ALegUUID", "CallUUID"])?;
    let told = told(carrier, parameters);
    // Their times carry no offset, so that nobody knows when they were.
    Ok(told.map(|told| {
        let parties = told_parties(carrier, parameters, &call);
        told.of_call(carrier, call, parties, None, None)
    }))
}

fn told(carrier: Carrier, parameters: &Parameters) -> Option<Told> {
    if let Some(url) = parameters.get("RecordUrl") {
        // What is recorded still has a duration of -1.
        let is_ready = parameters.get("RecordingDuration").is_none_or(|seconds| !seconds.starts_with('-'));
        return Told::recording(parameters.get("RecordingID").unwrap_or(url), url).filter(|_| is_ready);
    }
    if let Some(word) = parameters.get("DialStatus") {
        return ended_dial(carrier, parameters, word);
    }
    match (parameters.get("DialAction").or_else(|| parameters.get("DialBLegStatus")), parameters.get("Event")) {
        (Some("answer" | "connected"), _) => Some(Told::progress(Some(Leg::Dialled.name()), EventKind::Answered)),
        (None, Some("StartApp")) => Some(Told::progress(None, EventKind::Answered)),
        (Some("hangup"), _) => Some(hung_up(parameters, Leg::Dialled)),
        (Some("digits"), _) => None,
        (Some(word), _) => Told::unknown(carrier, word, Leg::Dialled.name(), None),
        (None, Some("Ring")) => Some(Told::progress(None, EventKind::Ringing)),
        (None, _) => call_status(carrier, parameters),
    }
}

/// How far the caller's leg has come.
fn call_status(carrier: Carrier, parameters: &Parameters) -> Option<Told> {
    let leg = Leg::Callers;
    let word = parameters.get("CallStatus").or_else(|| parameters.get("Event"))?;
    let told = match named(STATUSES, word) {
        Some(Meaning::Initiated) => Told::progress(None, EventKind::Initiated),
        Some(Meaning::Ringing) => Told::progress(None, EventKind::Ringing),
        Some(Meaning::Answered) => Told::progress(None, EventKind::Answered),
        Some(Meaning::Completed) => hung_up(parameters, leg),
        Some(Meaning::Ended(end)) => Told::ended(leg.name(), end),
        Some(Meaning::Failed) => Told::ended(leg.name(), failure(parameters, leg)),
        None if word == "Hangup" => hung_up(parameters, leg),
        None => Told::unknown(carrier, word, leg.name(), None)?,
    };
    let cost = cost(carrier, parameters);
    Some(told.with(|facts| facts.cost_micro_cents = cost))
}

/// What the XML's action URL is told: how the dialled leg ended, in one word.
fn ended_dial(carrier: Carrier, parameters: &Parameters, word: &str) -> Option<Told> {
    let leg = Leg::Action.name();
    Some(match named(STATUSES, word) {
        Some(Meaning::Answered | Meaning::Completed) => Told::completed(leg, None, HungUp::Unknown, direction(parameters)),
        Some(Meaning::Ended(end)) => Told::ended(leg, end),
        Some(Meaning::Failed) => Told::ended(leg, failure(parameters, Leg::Action)),
        Some(Meaning::Initiated | Meaning::Ringing) | None => Told::unknown(carrier, word, leg, None)?,
    })
}

/// Whose end is told, under parameters of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leg {
    Callers,
    Dialled,
    Action,
}

impl Leg {
    const fn name(self) -> &'static str {
        match self {
            Self::Callers => "caller",
            Self::Dialled => "dialled",
            Self::Action => "dial",
        }
    }

    fn get(self, parameters: &Parameters, name: &str) -> Option<String> {
        let prefix = match self {
            Self::Callers => "",
            Self::Dialled => "DialBLeg",
            Self::Action => "Dial",
        };
        parameters.get(&format!("{prefix}{name}")).map(str::to_owned)
    }
}

/// The end of a leg, of which only the rest tells whether there was a conversation.
fn hung_up(parameters: &Parameters, leg: Leg) -> Told {
    let seconds = |name| leg.get(parameters, name).and_then(|text| text.parse::<u32>().ok());
    let (duration, billed) = (seconds("Duration"), seconds("BillDuration"));
    let counted = [duration, billed].into_iter().flatten().max();
    let was_answered = leg.get(parameters, "AnswerTime").is_some() || counted.is_none_or(|seconds| seconds > 0);
    let end = cause(parameters, leg);
    match end {
        Some(end) if counted.is_none_or(|seconds| seconds == 0) => Told::ended(leg.name(), end),
        _ if !was_answered => Told::ended(leg.name(), End::NoAnswer),
        _ => {
            let by = leg.get(parameters, "HangupSource").and_then(|source| named(SOURCES, &source)).unwrap_or(HungUp::Unknown);
            Told::completed(leg.name(), duration, by, direction(parameters))
        }
    }
}

/// Why a call failed, whatever more is told of it.
fn failure(parameters: &Parameters, leg: Leg) -> End {
    cause(parameters, leg).unwrap_or(End::OutOfOrder)
}

/// Why a call ended, if not as calls do: by name, by number, by Q.850.
fn cause(parameters: &Parameters, leg: Leg) -> Option<End> {
    let get = |name| leg.get(parameters, name);
    let by_name = get("HangupCauseName").and_then(|name| named(CAUSES, &name));
    let code = get("HangupCauseCode");
    let by_code = code.as_deref().and_then(|code| named(CODES, code));
    let by_q850 = get("HangupCause").and_then(|name| named(CAUSES, &name));
    let other = code.and_then(|code| code.parse().ok()).filter(|code: &u32| !matches!(code, 0 | 4000..=4030));
    by_name.or(by_code).or(by_q850).or(other.map(|_| End::OutOfOrder))
}

/// The whole cost of a call. Plivo tells it in US dollars; Vobiz in the account's currency, so that it counts only
/// where that is told to be the dollar.
fn cost(carrier: Carrier, parameters: &Parameters) -> Option<u64> {
    let is_dollars = carrier == Carrier::Plivo || parameters.get("Currency") == Some("USD");
    parameters.get("TotalCost").filter(|_| is_dollars).and_then(micro_cents)
}

/// What a table has under a word, in whatever case it is written.
fn named<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, meaning)| *meaning)
}

/// The sides of the caller's leg. What is told of the leg that XML dialled may name others.
fn told_parties(carrier: Carrier, parameters: &Parameters, call: &str) -> Parties {
    let known = parties(carrier, call);
    match parameters.get("To").filter(|_| parameters.get("CallUUID") == Some(call)) {
        Some(to) => Parties {
            from_number: Some(Party::caller(parameters.get("From")).shown),
            to_number: Some(Party::read(to).shown),
            direction: Some(direction(parameters)),
            ..known
        },
        None => known,
    }
}

fn direction(parameters: &Parameters) -> Direction {
    let is_outbound = parameters.get("Direction").is_some_and(|direction| direction.starts_with("outbound"));
    if is_outbound { Direction::Outbound } else { Direction::Inbound }
}

pub(crate) fn answer(carrier: Carrier, answer: &Answer<'_>) -> String {
    let verb = match answer {
        Answer::Dial(dial) => dial_element(carrier, dial),
        Answer::Reject(RejectReason::Busy) => Element::new("Hangup").with("reason", "busy"),
        Answer::Reject(RejectReason::Rejected) => Element::new("Hangup").with("reason", "rejected"),
        Answer::HangUp => Element::new("Hangup"),
    };
    Element::new("Response").child(verb).document()
}

fn dial_element(carrier: Carrier, dial: &Dial<'_>) -> Element {
    let target = match &dial.target {
        DialTarget::Number(number) => Element::new("Number").text(number.as_str()),
        DialTarget::Sip { uri, headers, .. } => Element::new("User").with("sipHeaders", sip_headers(carrier, headers).as_deref()).text(uri),
    };
    Element::new("Dial").with("action", dial.status_url).with("callbackUrl", dial.status_url).child(target)
}

/// The longest name and value of a header ("Rules for SIP headers").
const MAX_HEADER_NAME: usize = 24;
const MAX_HEADER_VALUE: usize = 120;

/// `Name=value,…` of the headers that the XML can carry: names of letters and digits, so that `X-Customer-Id` becomes
/// `CustomerId`, before which `X-PH-` is put; of other values Plivo takes the `%` escapes, and Vobiz nothing.
fn sip_headers(carrier: Carrier, headers: &[(&str, &str)]) -> Option<String> {
    let carried = headers.iter().filter_map(|(name, value)| {
        let name = name.get(2..)?.replace('-', "");
        let escaped = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric()) && (carrier == Carrier::Plivo || escaped == *value);
        let fits = (1..=MAX_HEADER_NAME).contains(&name.len()) && (1..=MAX_HEADER_VALUE).contains(&escaped.len());
        (is_plain && fits).then(|| format!("{name}={escaped}"))
    });
    let texts: Vec<String> = carried.collect();
    (!texts.is_empty()).then(|| texts.join(","))
}
