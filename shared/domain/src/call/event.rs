//! One thing that happened to a call, as its source told it.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{CallStatus, Direction};
use crate::{EndpointId, NumberId, Timestamp, carrier::Carrier};

/// The id that a source gave an event: 1 to 128 printable ASCII characters without spaces. Two messages with one id
/// are one event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Box<str>);

/// The text cannot be an event's id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be 1 to 128 printable ASCII characters without spaces")]
pub struct InvalidEventId;

impl EventId {
    /// The id of the one event in a call that no source told: the system's own, by which it gave the call up.
    pub const TIMEOUT: &str = "~timeout";

    /// Whether the id is one of those that no source gives.
    #[must_use]
    pub fn is_kept_for_the_system(&self) -> bool {
        self.0.starts_with('~')
    }

    /// The id of what a carrier told and gave no id to: made from the parts that identify it, so that the same thing
    /// told again is the same event.
    #[must_use]
    pub fn of_carrier(carrier: Carrier, parts: &[&str]) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in parts {
            // With their lengths, so that no two lists of parts read the same.
            hash.update(&part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
        let hash = hash.finish();
        let half = hash.as_ref().get(..16).unwrap_or_default();
        Self(format!("{carrier}_{}", hex::encode(half)).into())
    }

    /// Whether the id is one that [`of_carrier`](Self::of_carrier) makes: what it names was told at the carriers' door, under a
    /// signature of the organization's own credential or the operator's.
    #[must_use]
    pub fn is_of_carrier(&self) -> bool {
        let made = self.0.split_once('_').filter(|(carrier, _)| carrier.parse::<Carrier>().is_ok());
        made.is_some_and(|(_, hash)| hash.len() == 32 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
    }

    /// The id as the source wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, InvalidEventId> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.into())) } else { Err(InvalidEventId) }
    }
}

/// What happened. A kind that this version does not know is kept under its name and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The call exists.
    Initiated,
    /// The called side rings.
    Ringing,
    /// The called side answered.
    Answered,
    /// The call ended after it was connected.
    Completed,
    /// The call ended without being connected, or by a fault.
    Failed,
    /// A recording can be fetched.
    RecordingReady,
    /// A transcript is there.
    TranscriptReady,
    /// Something else: 1 to 64 letters, digits, `.`, `_`, `-`.
    Other(Box<str>),
}

/// The text cannot be an event's type.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be 1 to 64 letters, digits, dots, dashes and underscores, such as call.completed")]
pub struct InvalidEventKind;

impl EventKind {
    /// The type's name, such as `call.completed`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Initiated => "call.initiated",
            Self::Ringing => "call.ringing",
            Self::Answered => "call.answered",
            Self::Completed => "call.completed",
            Self::Failed => "call.failed",
            Self::RecordingReady => "recording.ready",
            Self::TranscriptReady => "transcript.ready",
            Self::Other(name) => name,
        }
    }

    /// Whether a call is over with it.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

impl FromStr for EventKind {
    type Err = InvalidEventKind;

    fn from_str(text: &str) -> Result<Self, InvalidEventKind> {
        Ok(match text {
            "call.initiated" => Self::Initiated,
            "call.ringing" => Self::Ringing,
            "call.answered" => Self::Answered,
            "call.completed" => Self::Completed,
            "call.failed" => Self::Failed,
            "recording.ready" => Self::RecordingReady,
            "transcript.ready" => Self::TranscriptReady,
            other => {
                let fits =
                    (1..=64).contains(&other.len()) && other.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
                if !fits {
                    return Err(InvalidEventKind);
                }
                Self::Other(other.into())
            }
        })
    }
}

/// Implements serde for a type that is a checked string.
macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

as_text!(EventId, EventKind);

/// Why a call ended, in the API's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HangupReason {
    /// Ended as calls end.
    NormalClearing,
    /// The caller or called person hung up.
    UserHangup,
    /// The agent hung up.
    AgentHangup,
    /// Nobody answered.
    NoAnswer,
    /// Busy.
    Busy,
    /// Refused.
    Rejected,
    /// The network failed.
    NetworkError,
    /// Took too long.
    Timeout,
}

impl HangupReason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::NormalClearing,
        Self::UserHangup,
        Self::AgentHangup,
        Self::NoAnswer,
        Self::Busy,
        Self::Rejected,
        Self::NetworkError,
        Self::Timeout,
    ];

    /// The reason's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NormalClearing => "normal_clearing",
            Self::UserHangup => "user_hangup",
            Self::AgentHangup => "agent_hangup",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Rejected => "rejected",
            Self::NetworkError => "network_error",
            Self::Timeout => "timeout",
        }
    }

    /// The reason that a Q.850 cause name stands for, if it stands for one.
    #[must_use]
    pub fn of_cause(cause: &str) -> Option<Self> {
        Some(match cause {
            "NORMAL_CLEARING" => Self::NormalClearing,
            "USER_BUSY" => Self::Busy,
            "NO_ANSWER" | "NO_USER_RESPONSE" => Self::NoAnswer,
            "CALL_REJECTED" => Self::Rejected,
            "ORIGINATOR_CANCEL" => Self::UserHangup,
            "RECOVERY_ON_TIMER_EXPIRE" => Self::Timeout,
            "UNALLOCATED_NUMBER" | "NETWORK_OUT_OF_ORDER" => Self::NetworkError,
            _ => return None,
        })
    }
}

/// Whom and what a call connects: mostly the same in every event of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Parties {
    /// The caller: an E.164 number, or what the network showed in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_number: Option<String>,
    /// The called side, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_number: Option<String>,
    /// Inbound or outbound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The organization's number, if the source knows its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_number_id: Option<NumberId>,
    /// The endpoint, if the source knows its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<EndpointId>,
    /// The carrier's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// The carrier's id of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier_call_id: Option<String>,
}

/// A transcript that is kept beside its call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTranscript {
    /// The name that its content gives it.
    #[serde(rename = "d")]
    pub digest: String,
    /// In how many parts it is kept.
    #[serde(rename = "p")]
    pub parts: u16,
}

/// What one event tells beyond the parties.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The outcome in the source's words; only `call.failed` reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<CallStatus>,
    /// Seconds from answer to end, as the source counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<u32>,
    /// Cost in millionths of a US cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_cents: Option<u64>,
    /// Time to connect, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u32>,
    /// A Q.850 cause name in upper case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hangup_cause: Option<String>,
    /// Why it ended, if the source says so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hangup_reason: Option<HangupReason>,
    /// Where the recording is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_url: Option<String>,
    /// The transcript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<String>,
    /// Where the transcript is kept, if its text does not lie with the event.
    #[serde(rename = "st", default, skip_serializing_if = "Option::is_none")]
    pub stored_transcript: Option<StoredTranscript>,
    /// Which part of how many the transcript is, from 1; `None` for a whole one.
    #[serde(rename = "tp", default, skip_serializing_if = "Option::is_none")]
    pub transcript_part: Option<(u16, u16)>,
    /// Where the source keeps the transcript, if it does not send it.
    #[serde(rename = "tu", default, skip_serializing_if = "Option::is_none")]
    pub transcript_url: Option<String>,
    /// What the source attached: a JSON object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

/// One thing that happened to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEvent {
    /// The source's id of it.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// When, by the source's clock.
    pub timestamp: Timestamp,
    /// The source's count, to order events of one instant.
    pub sequence: Option<i64>,
    /// Whom the call connects.
    pub parties: Parties,
    /// What else the event tells.
    pub facts: Facts,
}

/// The place of an event in the one total order: time, then the source's count (none before any), then id.
pub type EventOrder<'a> = (Timestamp, Option<i64>, &'a EventId);

impl Facts {
    /// Whether a transcript was told, or a part of one.
    #[must_use]
    pub const fn tells_transcript(&self) -> bool {
        self.transcript.is_some() || self.stored_transcript.is_some() || self.transcript_url.is_some()
    }
}

impl CallEvent {
    /// The event by which the system ends a call of which nothing was heard for too long. Nobody answered what still
    /// rings; anything else failed. There is one at most in a call, and an end that its source tells goes before it.
    #[must_use]
    pub fn timeout(status: CallStatus, now: Timestamp) -> Self {
        let ends = if status == CallStatus::Ringing { CallStatus::NoAnswer } else { CallStatus::Failed };
        let facts = Facts { status: Some(ends), hangup_reason: Some(HangupReason::Timeout), ..Facts::default() };
        let id = EventId(EventId::TIMEOUT.into());
        Self { id, kind: EventKind::Failed, timestamp: now, sequence: None, parties: Parties::default(), facts }
    }

    /// Whether the system told it, because no source did.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        let named = self.kind == EventKind::Failed && self.facts.hangup_reason == Some(HangupReason::Timeout);
        named && self.id.as_str() == EventId::TIMEOUT
    }

    /// The event's place in the order that decides everything.
    #[must_use]
    pub const fn order(&self) -> EventOrder<'_> {
        (self.timestamp, self.sequence, &self.id)
    }

    /// The status that a terminal event ends the call with, `None` for any other event.
    ///
    /// A failure takes the outcome that the source named; else `USER_BUSY` and `NO_ANSWER` tell it; else it failed.
    #[must_use]
    pub fn terminal_status(&self) -> Option<CallStatus> {
        if self.kind == EventKind::Completed {
            return Some(CallStatus::Completed);
        }
        if self.kind != EventKind::Failed {
            return None;
        }
        let named = self.facts.status.filter(|status| matches!(status, CallStatus::Failed | CallStatus::Busy | CallStatus::NoAnswer));
        Some(named.unwrap_or(match self.facts.hangup_cause.as_deref() {
            Some("USER_BUSY") => CallStatus::Busy,
            Some("NO_ANSWER") => CallStatus::NoAnswer,
            _ => CallStatus::Failed,
        }))
    }
}
