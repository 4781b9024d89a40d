//! Calls: a set of events, folded by one total order into one record.
//!
//! Events come in any order and any number of times. Nothing of a call is stored but the set of its distinct
//! events and the route that was found once; status, times and duration are computed from them, so they cannot
//! depend on the order of arrival.

mod alias;
mod counted;
mod event;
mod fold;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, str::FromStr};

use serde::{Deserialize, Serialize};

pub use alias::{CallAlias, InvalidCallAlias};
pub use counted::Counted;
pub use event::{
    CallEvent, EventId, EventKind, EventOrder, Facts, HangupReason, InvalidEventId, InvalidEventKind, Parties, StoredTranscript,
};
pub use fold::{Call, IgnoreReason, TimelineEntry};

use crate::{CallId, EndpointId, NumberId};

/// Who called whom, seen from the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Someone called the organization's number.
    Inbound,
    /// The organization called someone.
    Outbound,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// Known of, nothing rings yet.
    Initiated,
    /// The called side rings.
    Ringing,
    /// Answered and going on.
    InProgress,
    /// Ended after it was connected.
    Completed,
    /// Ended by a fault.
    Failed,
    /// The called side was busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
}

impl Direction {
    /// Both directions.
    pub const ALL: [Self; 2] = [Self::Inbound, Self::Outbound];

    /// The direction's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// The text names no direction.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be inbound or outbound")]
pub struct UnknownDirection;

impl FromStr for Direction {
    type Err = UnknownDirection;

    fn from_str(text: &str) -> Result<Self, UnknownDirection> {
        Self::ALL.into_iter().find(|direction| direction.as_str() == text).ok_or(UnknownDirection)
    }
}

/// The text names no status.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be initiated, ringing, in_progress (or answered), completed, failed, busy or no_answer")]
pub struct UnknownStatus;

/// Hyphens count as underscores, and `answered` is `in_progress`.
impl FromStr for CallStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let name = text.replace('-', "_");
        let name = if name == "answered" { "in_progress" } else { name.as_str() };
        Self::ALL.into_iter().find(|status| status.as_str() == name).ok_or(UnknownStatus)
    }
}

impl CallStatus {
    /// Every status, in the order in which a call may go through them.
    pub const ALL: [Self; 7] =
        [Self::Initiated, Self::Ringing, Self::InProgress, Self::Completed, Self::Failed, Self::Busy, Self::NoAnswer];

    /// The statuses with which a call ends.
    pub const TERMINAL: [Self; 4] = [Self::Completed, Self::Failed, Self::Busy, Self::NoAnswer];

    /// The status's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
        }
    }

    /// Whether the call is over.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Busy | Self::NoAnswer)
    }
}

/// Where a call belongs: found once, from the number that it came to or was placed with, and then kept, whatever
/// becomes of the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The organization's number.
    pub number_id: NumberId,
    /// The endpoint that the number rang at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<EndpointId>,
    /// The event that found it: the one whose handling owes a webhook to the events that came before.
    pub found_by: EventId,
}

/// All that is stored of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// The call's id.
    pub id: CallId,
    /// Its distinct events.
    pub events: BTreeMap<EventId, CallEvent>,
    /// Where it belongs; `None` until an event tells a number of the organization.
    pub route: Option<Route>,
    /// What its source calls it, where that is not its id.
    pub alias: Option<CallAlias>,
}

impl CallRecord {
    /// A call of which nothing is known yet.
    #[must_use]
    pub const fn new(id: CallId) -> Self {
        Self { id, events: BTreeMap::new(), route: None, alias: None }
    }
}

/// Adds an event to a call. An event whose id is known changes nothing, even if it says something else: the first
/// one that was stored stays.
///
/// Any order and any repetition of the same events gives an equal record.
pub fn apply(record: &mut CallRecord, event: CallEvent) {
    record.events.entry(event.id.clone()).or_insert(event);
}
