//! What one field of a call event may hold. Each reader takes JSON and answers the value or what is allowed.
//!
//! No reader repeats what it was given: messages carry phone numbers and transcripts.

use std::{fmt::Display, str::FromStr};

use domain::{
    CallId, E164, Invalid, Timestamp,
    call::{CallAlias, CallStatus, Direction, HangupReason, InvalidCallAlias},
};
use serde_json::{Map, Number, Value};

/// Micro-cents in a cent.
pub(super) const MICRO_CENTS: f64 = 1e6;

/// Ten million dollars: more is a unit mistaken, and below it f64 holds every micro-cent.
const MAX_CENTS: f64 = 1e9;

const MAX_NUMBER_CHARS: usize = 64;
const MAX_CAUSE_LENGTH: usize = 64;
const MAX_URL_LENGTH: usize = 2048;
const MAX_METADATA_BYTES: usize = 4096;

/// 4 MiB in messages of 256 KiB.
const MAX_PARTS: u16 = 16;

/// 2020-01-01T00:00:00Z in milliseconds: no call of this system is older.
const EARLIEST_CALL_MS: i64 = 1_577_836_800_000;
const DAY_MS: i64 = 86_400_000;

/// A value, or what is allowed in its place.
type Read<T> = Result<T, String>;

/// The faults of a message so far.
#[derive(Default)]
pub(super) struct Faults(Vec<Invalid>);

impl Faults {
    /// Reads a field that may be absent; `None` also if it is faulty, which is noted.
    pub(super) fn optional<T>(&mut self, field: &str, value: Option<Value>, read: impl FnOnce(Value) -> Read<T>) -> Option<T> {
        let value = value.filter(|value| value.as_str() != Some(""))?;
        read(value).map_err(|problem| self.0.push(Invalid::new(field, problem))).ok()
    }

    /// Reads a field that must be there.
    pub(super) fn required<T>(&mut self, field: &str, value: Option<Value>, read: impl FnOnce(Value) -> Read<T>) -> Option<T> {
        if value.as_ref().is_none_or(|value| value.as_str() == Some("")) {
            self.0.push(Invalid::new(field, "is required"));
        }
        self.optional(field, value, read)
    }

    /// Notes a fault of what was read.
    pub(super) fn note(&mut self, field: &str, problem: &str) {
        self.0.push(Invalid::new(field, problem));
    }

    pub(super) fn into_result(self) -> Result<(), Vec<Invalid>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// Any text.
pub(super) fn text(value: Value) -> Read<String> {
    if let Value::String(text) = value { Ok(text) } else { Err("must be a string".to_owned()) }
}

/// Text that its type reads: ids, times, names.
pub(super) fn parsed<T: FromStr<Err: Display>>(value: Value) -> Read<T> {
    text(value)?.parse().map_err(|error: T::Err| error.to_string())
}

/// Up to `max` characters, none of them a control character.
pub(super) fn printable(value: Value, max: usize) -> Read<String> {
    let text = text(value)?;
    let fits = text.chars().count() <= max && !text.chars().any(char::is_control);
    if fits { Ok(text) } else { Err(format!("must be at most {max} printable characters")) }
}

/// The caller or the called side: an E.164 number in its one spelling, else what the network showed (`anonymous`,
/// a SIP address).
pub(super) fn party(value: Value) -> Read<String> {
    let text = printable(value, MAX_NUMBER_CHARS)?;
    Ok(text.parse::<E164>().map_or(text, |number| number.to_string()))
}

/// A call's id: a UUID of version 7 whose time can be true; or the name that its source gave it in the place of one.
pub(super) fn call(value: Value, now: Timestamp) -> Read<Result<CallId, CallAlias>> {
    let text = text(value)?;
    match text.parse::<CallId>().ok().and_then(|id| Some((id, id.time()?))) {
        Some((id, time)) => can_be_a_calls(time, now).map(|()| Ok(id)).map_err(|problem| problem.to_owned()),
        None => text.parse().map(Err).map_err(|error: InvalidCallAlias| error.to_string()),
    }
}

/// Whether a call can have begun at this time.
pub(super) fn can_be_a_calls(time: Timestamp, now: Timestamp) -> Result<(), &'static str> {
    if time.as_millis() < EARLIEST_CALL_MS {
        return Err("must not carry a time before 2020");
    }
    if time.millis_since(now) > DAY_MS {
        return Err("must not carry a time more than a day ahead");
    }
    Ok(())
}

fn number(value: Value) -> Option<Number> {
    if let Value::Number(number) = value { Some(number) } else { None }
}

/// An integer; `1.0` is one in JSON's eyes too.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub(super) fn integer(value: Value) -> Read<i64> {
    let number = number(value);
    let whole = |number: &Number| number.as_f64().filter(|number| number.fract() == 0.0 && number.abs() < 9e15).map(|whole| whole as i64);
    number.and_then(|number| number.as_i64().or_else(|| whole(&number))).ok_or_else(|| "must be an integer".to_owned())
}

/// A count of seconds or milliseconds. `12.0` is an integer in JSON's eyes too.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
pub(super) fn count(value: Value) -> Read<u32> {
    let number = number(value).and_then(|number| number.as_f64());
    let whole = number.filter(|number| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number));
    whole.map(|whole| whole as u32).ok_or_else(|| format!("must be an integer from 0 to {}", u32::MAX))
}

/// A cost in cents as integer micro-cents, rounded.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
pub(super) fn micro_cents(value: Value) -> Read<u64> {
    let cents = number(value).and_then(|number| number.as_f64()).filter(|cents| (0.0..=MAX_CENTS).contains(cents));
    let cents = cents.ok_or_else(|| format!("must be a number of cents from 0 to {MAX_CENTS}"))?;
    Ok((cents * MICRO_CENTS).round() as u64)
}

pub(super) fn direction(value: Value) -> Read<Direction> {
    serde_json::from_value(value).map_err(|_| "must be inbound or outbound".to_owned())
}

/// A status by its name; hyphens for underscores, and `answered` for `in_progress`. A word that is no status says
/// nothing: only a failure reads the field, and has its cause to go by.
pub(super) fn status(value: Value) -> Read<Option<CallStatus>> {
    let name = text(value)?.replace('-', "_");
    let name = if name == "answered" { "in_progress".to_owned() } else { name };
    Ok(serde_json::from_value(Value::String(name)).ok())
}

/// The number of a part, or of parts. All together must fit into an answer of the API.
pub(super) fn part(value: Value) -> Read<u16> {
    let part = count(value).ok().and_then(|part| u16::try_from(part).ok());
    part.filter(|part| (1..=MAX_PARTS).contains(part)).ok_or_else(|| format!("must be an integer from 1 to {MAX_PARTS}"))
}

/// A Q.850 cause name, in upper case.
pub(super) fn hangup_cause(value: Value) -> Read<String> {
    let cause = text(value)?.to_ascii_uppercase();
    let fits = cause.len() <= MAX_CAUSE_LENGTH && cause.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    if fits { Ok(cause) } else { Err("must be a cause name such as NORMAL_CLEARING, at most 64 characters".to_owned()) }
}

pub(super) fn hangup_reason(value: Value) -> Read<HangupReason> {
    let allowed = "must be normal_clearing, user_hangup, agent_hangup, no_answer, busy, rejected, network_error or timeout";
    serde_json::from_value(value).map_err(|_| allowed.to_owned())
}

/// A URL that a browser can open. Nobody here fetches it.
pub(super) fn url(value: Value) -> Read<String> {
    let text = text(value)?;
    let http =
        text.len() <= MAX_URL_LENGTH && url::Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if http { Ok(text) } else { Err(format!("must be an http or https URL of at most {MAX_URL_LENGTH} characters")) }
}

/// A JSON object, small enough to be stored beside the call.
pub(super) fn metadata(value: Value) -> Read<Map<String, Value>> {
    let Value::Object(object) = value else {
        return Err("must be a JSON object".to_owned());
    };
    let small = serde_json::to_string(&object).is_ok_and(|json| json.len() <= MAX_METADATA_BYTES);
    if small { Ok(object) } else { Err(format!("must be at most {MAX_METADATA_BYTES} bytes of JSON")) }
}
