//! From the set of events to what a reader sees. One order decides; nothing else does.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{CallAlias, CallEvent, CallRecord, CallStatus, Direction, EventKind, Facts, HangupReason, Parties};
use crate::{CallId, EndpointId, NumberId, Timestamp};

/// A call as readers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The id under which it is stored, which carries a time.
    pub id: CallId,
    /// The id under which clients know it, if that is another one: its source's, which carries none.
    pub public_id: Option<CallId>,
    /// The caller.
    pub from_number: Option<String>,
    /// The called side.
    pub to_number: Option<String>,
    /// Who called whom; inbound unless an event says otherwise.
    pub direction: Direction,
    /// How far it has come.
    pub status: CallStatus,
    /// Seconds from answer to end; 0 until it is over and when it was never answered.
    pub duration: u32,
    /// Cost in millionths of a US cent; 0 until known.
    pub cost_micro_cents: u64,
    /// Time to connect, in milliseconds; 0 until known.
    pub latency_ms: u32,
    /// The organization's number.
    pub phone_number_id: Option<NumberId>,
    /// The endpoint it was routed to.
    pub endpoint_id: Option<EndpointId>,
    /// Where the recording is.
    pub recording_url: Option<String>,
    /// A Q.850 cause name.
    pub hangup_cause: Option<String>,
    /// Why it ended.
    pub hangup_reason: Option<HangupReason>,
    /// The carrier's name.
    pub carrier: Option<String>,
    /// The carrier's id of the call.
    pub carrier_call_id: Option<String>,
    /// What the source attached.
    pub metadata: Map<String, Value>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// The transcript, if its text is at hand.
    pub transcript: Option<String>,
    /// Whether there is a transcript, at hand or not. One in parts is there when all of them are.
    pub has_transcript: bool,
    /// Where the source keeps the transcript, if it did not send it.
    pub transcript_url: Option<String>,
}

/// Why an event stands in the timeline without an effect on the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoreReason {
    /// An earlier event had ended the call.
    CallWasOver,
    /// The system had given the call up, and then its end was told after all.
    EndWasTold,
    /// The type is not known to this version.
    UnknownType,
}

impl IgnoreReason {
    /// The reason's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallWasOver => "call_was_over",
            Self::EndWasTold => "end_was_told",
            Self::UnknownType => "unknown_type",
        }
    }
}

/// One event of a call's timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry<'a> {
    /// The event.
    pub event: &'a CallEvent,
    /// Why it had no effect, if it had none.
    pub ignored: Option<IgnoreReason>,
}

impl CallRecord {
    /// The events in the order that decides: time, sequence, id.
    #[must_use]
    pub fn in_order(&self) -> Vec<&CallEvent> {
        let mut events: Vec<&CallEvent> = self.events.values().collect();
        events.sort_by_key(|event| event.order());
        events
    }

    /// The events in order, each with the reason if it changed nothing.
    #[must_use]
    pub fn timeline(&self) -> Vec<TimelineEntry<'_>> {
        let events = self.in_order();
        let end = end(&events);
        events.into_iter().map(|event| TimelineEntry { event, ignored: ignored(event, end) }).collect()
    }

    /// Folds the events into the call they tell.
    ///
    /// The first terminal event in order ends the call, one that a source told before the system's own. Of the parties the first word stays; of cost, latency, recording,
    /// transcript and metadata the last one does, as a later word corrects an earlier. Number and endpoint are the
    /// route's once it is found.
    #[must_use]
    pub fn call(&self) -> Call {
        let events = self.in_order();
        let end = end(&events);
        let answer = events.iter().copied().find(|event| event.kind == EventKind::Answered && ignored(event, end).is_none());
        let answered_at = answer.map(|event| event.timestamp);
        let hangup_cause = end.and_then(|event| event.facts.hangup_cause.clone());
        let named_reason = end.and_then(|event| event.facts.hangup_reason);
        let told = transcript(&events);
        let route = self.route.as_ref();
        Call {
            id: self.id,
            public_id: self.alias.as_ref().and_then(CallAlias::public_id),
            from_number: first(&events, |p| p.from_number.clone()),
            to_number: first(&events, |p| p.to_number.clone()),
            direction: first(&events, |p| p.direction).unwrap_or(Direction::Inbound),
            status: status(&events, end),
            duration: duration(&events, end, answered_at),
            cost_micro_cents: last(&events, |f| f.cost_micro_cents).unwrap_or(0),
            latency_ms: last(&events, |f| f.latency_ms).unwrap_or(0),
            phone_number_id: route.map(|route| route.number_id).or_else(|| first(&events, |p| p.phone_number_id)),
            endpoint_id: self.endpoint_id(),
            recording_url: last(&events, |f| f.recording_url.clone()),
            hangup_reason: named_reason.or_else(|| hangup_cause.as_deref().and_then(HangupReason::of_cause)),
            hangup_cause,
            carrier: first(&events, |p| p.carrier.clone()),
            carrier_call_id: first(&events, |p| p.carrier_call_id.clone()),
            metadata: last(&events, |f| f.metadata.clone()).unwrap_or_default(),
            created_at: self.created_at(),
            answered_at,
            completed_at: end.map(|event| event.timestamp),
            has_transcript: !told.is_empty(),
            transcript_url: told.last().and_then(|event| event.facts.transcript_url.clone()),
            transcript: text(&told),
        }
    }

    /// The endpoint it is routed to: the route's once it is found, else the first that an event names.
    #[must_use]
    pub fn endpoint_id(&self) -> Option<EndpointId> {
        match &self.route {
            Some(route) => route.endpoint_id,
            None => first(&self.in_order(), |parties| parties.endpoint_id),
        }
    }

    /// The event that ended the call, if one did.
    #[must_use]
    pub fn end(&self) -> Option<&CallEvent> {
        end(&self.in_order())
    }

    /// When the call began: the time in the id that its source gave it, else its earliest event's.
    fn created_at(&self) -> Timestamp {
        let told = self.id.time().filter(|_| self.alias.is_none());
        let earliest = || self.events.values().map(|event| event.timestamp).min();
        told.or_else(earliest).or(self.id.time()).unwrap_or(Timestamp::EPOCH)
    }
}

/// The event that ends the call: the first in order that a source told, else the system's own.
fn end<'a>(events: &[&'a CallEvent]) -> Option<&'a CallEvent> {
    let mut ends = events.iter().copied().filter(|event| event.kind.is_terminal());
    ends.clone().find(|event| !event.is_timeout()).or_else(|| ends.next())
}

/// The events that tell the transcript, in the order of its parts; none if there is no transcript. The last word stays: a
/// whole one, a link, or as many parts as it has. Parts that come after it are those of the next one, which says nothing
/// until all of them are there: parts of two transcripts are never put together.
fn transcript<'a>(events: &[&'a CallEvent]) -> Vec<&'a CallEvent> {
    let mut told = Vec::new();
    let mut coming: BTreeMap<u16, BTreeMap<u16, &CallEvent>> = BTreeMap::new();
    for event in events.iter().copied().filter(|event| event.facts.tells_transcript()) {
        let Some((part, parts)) = event.facts.transcript_part else {
            told = vec![event];
            continue;
        };
        let heard = coming.entry(parts).or_default();
        heard.insert(part, event);
        if heard.len() >= usize::from(parts) {
            told = std::mem::take(heard).into_values().collect();
        }
    }
    told
}

/// The text of a transcript; `None` unless all of it is at hand.
fn text(told: &[&CallEvent]) -> Option<String> {
    let parts: Option<Vec<&str>> = told.iter().map(|event| event.facts.transcript.as_deref()).collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| parts.concat())
}

fn first<T>(events: &[&CallEvent], field: impl Fn(&Parties) -> Option<T>) -> Option<T> {
    events.iter().find_map(|event| field(&event.parties))
}

fn last<T>(events: &[&CallEvent], field: impl Fn(&Facts) -> Option<T>) -> Option<T> {
    events.iter().rev().find_map(|event| field(&event.facts))
}

/// The status: the end if there is one, else the furthest that any event tells. It never moves backwards.
fn status(events: &[&CallEvent], end: Option<&CallEvent>) -> CallStatus {
    if let Some(status) = end.and_then(CallEvent::terminal_status) {
        return status;
    }
    let furthest = events.iter().map(|event| match event.kind {
        EventKind::Answered => CallStatus::InProgress,
        EventKind::Ringing => CallStatus::Ringing,
        EventKind::Initiated
        | EventKind::Completed
        | EventKind::Failed
        | EventKind::RecordingReady
        | EventKind::TranscriptReady
        | EventKind::Other(_) => CallStatus::Initiated,
    });
    furthest.max().unwrap_or(CallStatus::Initiated)
}

/// Seconds of conversation: what the source counted, be it told by a later word of the end, else whole seconds from answer
/// to end, else none.
fn duration(events: &[&CallEvent], end: Option<&CallEvent>, answered_at: Option<Timestamp>) -> u32 {
    let Some(end) = end.filter(|end| end.kind == EventKind::Completed) else { return 0 };
    let counted = answered_at.map(|answer| end.timestamp.millis_since(answer).max(0) / 1000);
    let told = || events.iter().filter(|event| event.kind == EventKind::Completed).find_map(|event| event.facts.duration);
    end.facts.duration.or_else(told).unwrap_or_else(|| counted.and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(0))
}

fn ignored(event: &CallEvent, end: Option<&CallEvent>) -> Option<IgnoreReason> {
    let moves_status = match event.kind {
        EventKind::Initiated | EventKind::Ringing | EventKind::Answered | EventKind::Completed | EventKind::Failed => true,
        EventKind::RecordingReady | EventKind::TranscriptReady => false,
        EventKind::Other(_) => return Some(IgnoreReason::UnknownType),
    };
    if event.is_timeout() && end.is_some_and(|end| !end.is_timeout()) {
        return Some(IgnoreReason::EndWasTold);
    }
    let after_the_end = end.is_some_and(|end| event.order() > end.order());
    (moves_status && after_the_end).then_some(IgnoreReason::CallWasOver)
}
