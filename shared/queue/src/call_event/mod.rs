//! The message that tells of one event of a call: how it is written, and how it is read from a stranger's hands.
//!
//! Reading is strict about what would poison a record and lenient about spelling. What an event means for its call
//! is [`domain::call`]'s to say.

mod fields;
mod read;

use domain::{
    CallId, Invalid, Mode, OrgId, Timestamp,
    call::{CallEvent, CallStatus, HangupReason, Parties},
};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use fields::MICRO_CENTS;

/// An event of a call on its way through the queue.
///
/// Serialises to the wire form; [`from_json`](Self::from_json) reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEventMessage {
    /// Whose call it is.
    pub organization_id: OrgId,
    /// In which data set.
    pub mode: Mode,
    /// The call.
    pub call_id: CallId,
    /// What happened.
    pub event: CallEvent,
}

/// The message can never be handled: every fault that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidMessage {
    /// One entry for each faulty field, named as on the wire, such as `data.duration`; `body` for the whole.
    pub faults: Vec<Invalid>,
}

impl CallEventMessage {
    /// Reads a message: JSON in at most 256 KiB, names in snake case, unknown ones ignored, `null` and empty text as
    /// absent.
    ///
    /// `now` bounds the time that a call id may carry: not before 2020, not more than a day ahead.
    ///
    /// # Errors
    /// [`InvalidMessage`] with every faulty field. It repeats no value of the message.
    pub fn from_json(body: &str, now: Timestamp) -> Result<Self, InvalidMessage> {
        read::message(body, now).map_err(|faults| InvalidMessage { faults })
    }

    /// The message as it travels.
    ///
    /// # Errors
    /// None in practice: every field is text, a number or JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

impl std::fmt::Display for InvalidMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidMessage {}

impl From<InvalidMessage> for crate::Failure {
    /// A faulty message stays faulty.
    fn from(invalid: InvalidMessage) -> Self {
        Self::never(invalid.to_string())
    }
}

/// The wire form, borrowed from a message.
#[derive(Serialize)]
struct Wire<'a> {
    id: &'a str,
    r#type: &'a str,
    timestamp: Timestamp,
    organization_id: OrgId,
    mode: Mode,
    call_id: CallId,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<i64>,
    data: WireData<'a>,
}

#[derive(Serialize)]
struct WireData<'a> {
    #[serde(flatten)]
    parties: &'a Parties,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<CallStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hangup_cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hangup_reason: Option<HangupReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Map<String, Value>>,
}

impl<'a> From<&'a CallEvent> for WireData<'a> {
    #[expect(clippy::cast_precision_loss, reason = "reading bounds a cost to 10^15 micro-cents, which f64 holds exactly")]
    fn from(event: &'a CallEvent) -> Self {
        let facts = &event.facts;
        Self {
            parties: &event.parties,
            status: facts.status,
            duration: facts.duration,
            cost: facts.cost_micro_cents.map(|micro_cents| micro_cents as f64 / MICRO_CENTS),
            latency_ms: facts.latency_ms,
            hangup_cause: facts.hangup_cause.as_deref(),
            hangup_reason: facts.hangup_reason,
            recording_url: facts.recording_url.as_deref(),
            transcript: facts.transcript.as_deref(),
            metadata: facts.metadata.as_ref(),
        }
    }
}

impl Serialize for CallEventMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let wire = Wire {
            id: self.event.id.as_str(),
            r#type: self.event.kind.as_str(),
            timestamp: self.event.timestamp,
            organization_id: self.organization_id,
            mode: self.mode,
            call_id: self.call_id,
            sequence: self.event.sequence,
            data: WireData::from(&self.event),
        };
        wire.serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
