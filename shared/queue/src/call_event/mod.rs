//! The message that tells of one event of a call: how it is written, and how it is read from a stranger's hands.
//!
//! Reading is strict about what would poison a record and lenient about spelling. What an event means for its call
//! is [`domain::call`]'s to say.

mod fields;
mod read;

use domain::{
    CallId, Invalid, Mode, OrgId, Timestamp,
    call::{CallAlias, CallEvent},
    wire::EventData,
};
use serde::{Serialize, Serializer};

/// An event of a call on its way through the queue.
///
/// Serialises to the wire form; [`from_json`](Self::from_json) reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEventMessage {
    /// Whose call it is.
    pub organization_id: OrgId,
    /// In which data set.
    pub mode: Mode,
    /// The call; where its source gave it a name without a time, the id that it gets if this is the first of it.
    pub call_id: CallId,
    /// That name.
    pub alias: Option<CallAlias>,
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

/// A call as its source names it.
#[derive(Serialize)]
#[serde(untagged)]
enum CallName<'a> {
    Id(CallId),
    Alias(&'a CallAlias),
}

/// The wire form, borrowed from a message.
#[derive(Serialize)]
struct Wire<'a> {
    id: &'a str,
    r#type: &'a str,
    timestamp: Timestamp,
    organization_id: OrgId,
    mode: Mode,
    call_id: CallName<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<i64>,
    data: EventData<'a>,
}

impl Serialize for CallEventMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let wire = Wire {
            id: self.event.id.as_str(),
            r#type: self.event.kind.as_str(),
            timestamp: self.event.timestamp,
            organization_id: self.organization_id,
            mode: self.mode,
            call_id: self.alias.as_ref().map_or(CallName::Id(self.call_id), CallName::Alias),
            sequence: self.event.sequence,
            data: EventData::of(&self.event),
        };
        wire.serialize(serializer)
    }
}

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;
