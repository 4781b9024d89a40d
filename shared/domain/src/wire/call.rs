//! A call as clients and receivers see it.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    CallId, EndpointId, NumberId, OrgId, Timestamp,
    call::{self, CallEvent, CallRecord, CallStatus, Direction, HangupReason, Parties, TimelineEntry},
};

/// A call in lists and webhooks. Every field but the last is always present, null when unset.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Call {
    /// The call's id.
    pub id: CallId,
    /// The caller.
    pub from_number: Option<String>,
    /// The called side.
    pub to_number: Option<String>,
    /// `inbound` or `outbound`.
    pub direction: Direction,
    /// How far the call has come.
    pub status: CallStatus,
    /// Seconds from answer to end.
    pub duration: u32,
    /// Cost in US cents, with fractions.
    pub cost: f64,
    /// Cost in US cents, rounded.
    pub cost_cents: u64,
    /// Time to connect, in milliseconds.
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
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub metadata: Map<String, Value>,
    /// Whose call it is.
    pub organization_id: OrgId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// The transcript; null in lists.
    pub transcript: Option<String>,
    /// Whether there is a transcript.
    pub has_transcript: bool,
    /// Where the source keeps the transcript; absent if it sent it, or none, and in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript_url: Option<String>,
}

const MICRO: u64 = 1_000_000;

impl Call {
    /// The call that a record tells, with its transcript.
    #[must_use]
    pub fn new(record: &CallRecord, organization_id: OrgId) -> Self {
        Self::of(record.call(), organization_id)
    }

    /// A call as it was folded.
    #[must_use]
    pub fn of(call: call::Call, organization_id: OrgId) -> Self {
        Self {
            id: call.public_id.unwrap_or(call.id),
            from_number: call.from_number,
            to_number: call.to_number,
            direction: call.direction,
            status: call.status,
            duration: call.duration,
            cost: cents(call.cost_micro_cents),
            cost_cents: (call.cost_micro_cents + MICRO / 2) / MICRO,
            latency_ms: call.latency_ms,
            phone_number_id: call.phone_number_id,
            endpoint_id: call.endpoint_id,
            recording_url: call.recording_url,
            hangup_cause: call.hangup_cause,
            hangup_reason: call.hangup_reason,
            carrier: call.carrier,
            carrier_call_id: call.carrier_call_id,
            metadata: call.metadata,
            organization_id,
            created_at: call.created_at,
            answered_at: call.answered_at,
            completed_at: call.completed_at,
            transcript: call.transcript,
            has_transcript: call.has_transcript,
            transcript_url: call.transcript_url,
        }
    }

    /// The same call as lists show it: without the transcript's text.
    #[must_use]
    pub fn listed(mut self) -> Self {
        (self.transcript, self.transcript_url) = (None, None);
        self
    }
}

/// Micro-cents as a number of cents. Below 2^53 micro-cents (90 million dollars) the nearest number that JSON's
/// readers know; above it the last digits are rounded.
#[expect(clippy::cast_precision_loss, reason = "explained above")]
pub(super) fn cents(micro_cents: u64) -> f64 {
    micro_cents as f64 / MICRO as f64
}

/// One call with its events.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallDetail {
    /// The call.
    #[serde(flatten)]
    pub call: Call,
    /// What happened, in order.
    pub events: Vec<TimelineEvent>,
}

impl CallDetail {
    /// The call that a record tells, with its events in order.
    #[must_use]
    pub fn new(record: &CallRecord, organization_id: OrgId) -> Self {
        Self { call: Call::new(record, organization_id), events: TimelineEvent::all(record) }
    }
}

/// One event of a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimelineEvent {
    /// The source's id of it.
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// When, by the source's clock.
    pub timestamp: Timestamp,
    /// What the event told.
    #[cfg_attr(feature = "openapi", schema(value_type = EventData<'static>))]
    pub data: Value,
    /// Whether the event had no effect on the call's status.
    pub ignored: bool,
    /// Why it had none: `call_was_over`, `end_was_told` or `unknown_type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored_reason: Option<&'static str>,
}

impl TimelineEvent {
    /// The events of a call in order.
    #[must_use]
    pub fn all(record: &CallRecord) -> Vec<Self> {
        record.timeline().iter().map(Self::new).collect()
    }

    fn new(entry: &TimelineEntry<'_>) -> Self {
        Self {
            id: entry.event.id.to_string(),
            kind: entry.event.kind.as_str().to_owned(),
            timestamp: entry.event.timestamp,
            data: serde_json::to_value(EventData::of(entry.event).without_transcript()).unwrap_or_default(),
            ignored: entry.ignored.is_some(),
            ignored_reason: entry.ignored.map(crate::call::IgnoreReason::as_str),
        }
    }
}

/// What an event told, in the names of the queue's messages.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CallEventData))]
pub struct EventData<'a> {
    #[serde(flatten)]
    parties: &'a Parties,
    /// How a call that failed ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<CallStatus>,
    /// Seconds of conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u32>,
    /// US cents, with fractions.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<f64>,
    /// Milliseconds until the call was connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    latency_ms: Option<u32>,
    /// A Q.850 cause name.
    #[serde(skip_serializing_if = "Option::is_none")]
    hangup_cause: Option<&'a str>,
    /// Why the call ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    hangup_reason: Option<HangupReason>,
    /// Where the recording is.
    #[serde(skip_serializing_if = "Option::is_none")]
    recording_url: Option<&'a str>,
    /// The transcript, or a part of it; never in a timeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<&'a str>,
    /// Which part of the transcript it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u16>,
    /// How many parts there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<u16>,
    /// Where the source keeps the transcript.
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript_url: Option<&'a str>,
    /// What the source attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    metadata: Option<&'a Map<String, Value>>,
}

impl<'a> EventData<'a> {
    /// Everything that an event told.
    #[must_use]
    pub fn of(event: &'a CallEvent) -> Self {
        let facts = &event.facts;
        Self {
            parties: &event.parties,
            status: facts.status,
            duration: facts.duration,
            cost: facts.cost_micro_cents.map(cents),
            latency_ms: facts.latency_ms,
            hangup_cause: facts.hangup_cause.as_deref(),
            hangup_reason: facts.hangup_reason,
            recording_url: facts.recording_url.as_deref(),
            transcript: facts.transcript.as_deref(),
            part: facts.transcript_part.map(|(part, _)| part),
            parts: facts.transcript_part.map(|(_, parts)| parts),
            transcript_url: facts.transcript_url.as_deref(),
            metadata: facts.metadata.as_ref(),
        }
    }

    /// The same without the transcript's text: in a timeline it stands on the call alone.
    #[must_use]
    pub fn without_transcript(self) -> Self {
        Self { transcript: None, ..self }
    }
}
