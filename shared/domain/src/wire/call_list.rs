//! Calls in lists, and what a simulation answers.

use serde::Serialize;

use super::{Call, TimelineEvent};
use crate::{
    CallId, Timestamp,
    call::{CallStatus, EventId, EventKind},
};

/// A page of calls, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallList {
    /// The calls of the page.
    pub data: Vec<Call>,
    /// How many calls there are in all.
    pub total: u64,
    /// Which page it is, from 1.
    pub page: u64,
    /// How many calls a page has at most.
    pub limit: usize,
    /// How many pages there are.
    pub total_pages: u64,
    /// Where the list goes on; null on the last page.
    pub next_cursor: Option<String>,
}

/// The events of a call, in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallEventList {
    /// The events.
    pub data: Vec<TimelineEvent>,
    /// How many.
    pub total: usize,
}

/// The answer to a simulation: which call to look for, and how it will end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SimulatedCall {
    /// The call's id.
    pub call_id: CallId,
    /// The same id once more.
    pub id: CallId,
    /// The script that is played.
    pub script: &'static str,
    /// The status that the call comes to.
    pub status: CallStatus,
    /// The events that were sent.
    pub events: Vec<SimulatedEvent>,
}

/// An event as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SimulatedEvent {
    /// Its id.
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// When.
    pub timestamp: Timestamp,
}
