//! What the carriers' words come to: one table for all of them. Which word is which row stands with each carrier.

use domain::call::{CallStatus, Direction, EventKind, Facts, HangupReason};

/// A row of the table: what a carrier's word means for its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The call exists.
    Initiated,
    /// The called side rings.
    Ringing,
    /// The called side answered.
    Answered,
    /// The call is over. It was a conversation, unless it was never answered.
    Completed,
    /// The call is over and was none.
    Ended(End),
    /// It failed, and something else says why.
    Failed,
}

impl Meaning {
    /// Whether the call is over.
    pub(crate) const fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Ended(_) | Self::Failed)
    }
}

/// How a call without a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Busy,
    NoAnswer,
    Cancelled,
    TimedOut,
    Rejected,
    Unallocated,
    OutOfOrder,
}

/// Who hung up, if the carrier says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HungUp {
    Caller,
    Callee,
    Unknown,
}

impl End {
    /// Status, Q.850 cause and reason of a call that ended so.
    const fn row(self) -> (CallStatus, &'static str, HangupReason) {
        match self {
            Self::Busy => (CallStatus::Busy, "USER_BUSY", HangupReason::Busy),
            Self::NoAnswer => (CallStatus::NoAnswer, "NO_ANSWER", HangupReason::NoAnswer),
            Self::Cancelled => (CallStatus::Failed, "ORIGINATOR_CANCEL", HangupReason::UserHangup),
            Self::TimedOut => (CallStatus::Failed, "RECOVERY_ON_TIMER_EXPIRE", HangupReason::Timeout),
            Self::Rejected => (CallStatus::Failed, "CALL_REJECTED", HangupReason::Rejected),
            Self::Unallocated => (CallStatus::Failed, "UNALLOCATED_NUMBER", HangupReason::NetworkError),
            Self::OutOfOrder => (CallStatus::Failed, "NETWORK_OUT_OF_ORDER", HangupReason::NetworkError),
        }
    }

    /// What a SIP response (RFC 3261, §21) says of the end; `None` for one that is no failure.
    pub(crate) const fn of_sip(code: u16) -> Option<Self> {
        Some(match code {
            486 | 600 => Self::Busy,
            408 | 480 => Self::NoAnswer,
            487 => Self::Cancelled,
            403 | 603 => Self::Rejected,
            404 | 484 => Self::Unallocated,
            400..=699 => Self::OutOfOrder,
            _ => return None,
        })
    }

    /// The event and its facts.
    pub(crate) fn event(self) -> (EventKind, Facts) {
        let (status, cause, reason) = self.row();
        let facts = Facts {
            status: Some(status),
            duration: Some(0),
            hangup_cause: Some(cause.to_owned()),
            hangup_reason: Some(reason),
            ..Facts::default()
        };
        (EventKind::Failed, facts)
    }
}

/// The end of a conversation: who hung up, seen from the organization, whose side of the call is the agent's.
pub(crate) fn completed(duration: Option<u32>, by: HungUp, direction: Direction) -> (EventKind, Facts) {
    let reason = match (by, direction) {
        (HungUp::Caller, Direction::Inbound) | (HungUp::Callee, Direction::Outbound) => HangupReason::UserHangup,
        (HungUp::Callee, Direction::Inbound) | (HungUp::Caller, Direction::Outbound) => HangupReason::AgentHangup,
        (HungUp::Unknown, _) => HangupReason::NormalClearing,
    };
    let facts = Facts {
        status: Some(CallStatus::Completed),
        duration,
        hangup_cause: Some("NORMAL_CLEARING".to_owned()),
        hangup_reason: Some(reason),
        ..Facts::default()
    };
    (EventKind::Completed, facts)
}
