//! Reads a call event field by field, so that its sender learns of every fault at once.
//!
//! Which fields there are stands here; what one field may hold stands in [`fields`](super::fields).

use domain::{
    CallId, Invalid, Mode, Timestamp,
    call::{CallAlias, CallEvent, Facts, Parties},
};
use serde::Deserialize;
use serde_json::{Value, error::Category};

use super::{
    CallEventMessage,
    fields::{self, Faults},
};
use crate::MAX_BODY_BYTES;

/// The message before its values are looked at. The names are fixed here, so that one given twice is an error.
#[derive(Deserialize)]
struct Wire {
    id: Option<Value>,
    r#type: Option<Value>,
    timestamp: Option<Value>,
    organization_id: Option<Value>,
    mode: Option<Value>,
    call_id: Option<Value>,
    sequence: Option<Value>,
    data: Option<Data>,
}

#[derive(Default, Deserialize)]
struct Data {
    from_number: Option<Value>,
    to_number: Option<Value>,
    direction: Option<Value>,
    phone_number_id: Option<Value>,
    endpoint_id: Option<Value>,
    status: Option<Value>,
    duration: Option<Value>,
    cost: Option<Value>,
    latency_ms: Option<Value>,
    hangup_cause: Option<Value>,
    hangup_reason: Option<Value>,
    recording_url: Option<Value>,
    transcript: Option<Value>,
    carrier: Option<Value>,
    carrier_call_id: Option<Value>,
    metadata: Option<Value>,
    transcript_url: Option<Value>,
    part: Option<Value>,
    parts: Option<Value>,
}

/// Reads a whole message, or answers its faults: at least one.
pub(super) fn message(body: &str, now: Timestamp) -> Result<CallEventMessage, Vec<Invalid>> {
    let wire = parse(body).map_err(|problem| vec![Invalid::new("body", problem)])?;
    let mut faults = Faults::default();
    let data = wire.data.unwrap_or_default();
    let organization_id = faults.required("organization_id", wire.organization_id, fields::parsed);
    let mode = faults.optional("mode", wire.mode, fields::parsed).unwrap_or(Mode::Live);
    let call = faults.required("call_id", wire.call_id, |value| fields::call(value, now));
    let id = faults.required("id", wire.id, fields::parsed);
    let kind = faults.required("type", wire.r#type, fields::parsed);
    let timestamp = faults.required("timestamp", wire.timestamp, fields::parsed);
    let call = call.and_then(|call| with_time(call, timestamp?, now, &mut faults));
    let sequence = faults.optional("sequence", wire.sequence, fields::integer);
    let (parties, facts) = read_data(data, &mut faults);
    match (organization_id, call, id, kind, timestamp, faults.into_result()) {
        (Some(organization_id), Some((call_id, alias)), Some(id), Some(kind), Some(timestamp), Ok(())) => {
            let event = CallEvent { id, kind, timestamp, sequence, parties, facts };
            if event.id.is_kept_for_the_system() && !event.is_timeout() {
                return Err(vec![Invalid::new("id", "must not begin with ~, which is kept for the system")]);
            }
            Ok(CallEventMessage { organization_id, mode, call_id, alias, event })
        }
        (.., faults) => Err(faults.err().unwrap_or_default()),
    }
}

/// A call's id, and the name that its source gave it in the place of one: that gets the event's time.
fn with_time(
    call: Result<CallId, CallAlias>,
    timestamp: Timestamp,
    now: Timestamp,
    faults: &mut Faults,
) -> Option<(CallId, Option<CallAlias>)> {
    match call {
        Ok(id) => Some((id, None)),
        Err(alias) => match fields::can_be_a_calls(timestamp, now) {
            Ok(()) => Some((alias.stored_id(timestamp), Some(alias))),
            Err(problem) => {
                faults.note("timestamp", problem);
                None
            }
        },
    }
}

fn parse(body: &str) -> Result<Wire, String> {
    if body.len() > MAX_BODY_BYTES {
        return Err(format!("must be at most {MAX_BODY_BYTES} bytes"));
    }
    serde_json::from_str(body).map_err(|error| match error.classify() {
        // The library's own words would repeat values here.
        Category::Data => "must be a JSON object, data in it too, that names no field twice".to_owned(),
        Category::Io | Category::Syntax | Category::Eof => {
            format!("must be JSON; it is not at line {}, column {}", error.line(), error.column())
        }
    })
}

fn read_data(data: Data, faults: &mut Faults) -> (Parties, Facts) {
    let parties = Parties {
        from_number: faults.optional("data.from_number", data.from_number, fields::party),
        to_number: faults.optional("data.to_number", data.to_number, fields::party),
        direction: faults.optional("data.direction", data.direction, fields::direction),
        phone_number_id: faults.optional("data.phone_number_id", data.phone_number_id, fields::parsed),
        endpoint_id: faults.optional("data.endpoint_id", data.endpoint_id, fields::parsed),
        carrier: faults.optional("data.carrier", data.carrier, |value| fields::printable(value, 32)),
        carrier_call_id: faults.optional("data.carrier_call_id", data.carrier_call_id, |value| fields::printable(value, 128)),
    };
    let facts = Facts {
        status: faults.optional("data.status", data.status, fields::status).flatten(),
        duration: faults.optional("data.duration", data.duration, fields::count),
        cost_micro_cents: faults.optional("data.cost", data.cost, fields::micro_cents),
        latency_ms: faults.optional("data.latency_ms", data.latency_ms, fields::count),
        hangup_cause: faults.optional("data.hangup_cause", data.hangup_cause, fields::hangup_cause),
        hangup_reason: faults.optional("data.hangup_reason", data.hangup_reason, fields::hangup_reason),
        recording_url: faults.optional("data.recording_url", data.recording_url, fields::url),
        transcript: faults.optional("data.transcript", data.transcript, fields::text),
        stored_transcript: None,
        transcript_part: None,
        transcript_url: faults.optional("data.transcript_url", data.transcript_url, fields::url),
        metadata: faults.optional("data.metadata", data.metadata, fields::metadata),
    };
    let transcript_part = part(data.part, data.parts, facts.transcript.is_some(), faults);
    (parties, Facts { transcript_part, ..facts })
}

/// Which part of how many the transcript is: both numbers or none, and a text with them.
fn part(part: Option<Value>, parts: Option<Value>, has_text: bool, faults: &mut Faults) -> Option<(u16, u16)> {
    let part = faults.optional("data.part", part, fields::part);
    let parts = faults.optional("data.parts", parts, fields::part);
    let problem = match (part, parts) {
        (None, None) => return None,
        (Some(part), Some(parts)) if part > parts => "must not be greater than parts",
        (Some(_), Some(_)) if !has_text => "needs a transcript",
        (Some(part), Some(parts)) => return Some((part, parts)),
        _ => "comes with parts, and parts with it",
    };
    faults.note("data.part", problem);
    None
}
