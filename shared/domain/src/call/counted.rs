//! What a call counts as: the few facts by which lists filter and which statistics add up.

use super::{Call, CallRecord, CallStatus, Direction};
use crate::{EndpointId, NumberId};

/// The facts of a call that counters know. Two calls with equal facts, begun in the same hour, count alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Counted {
    /// How far it has come.
    pub status: CallStatus,
    /// Who called whom.
    pub direction: Direction,
    /// The organization's number.
    pub number_id: Option<NumberId>,
    /// The endpoint it was routed to.
    pub endpoint_id: Option<EndpointId>,
    /// Whether it was answered.
    pub answered: bool,
    /// Seconds from answer to end.
    pub duration: u32,
    /// Cost in millionths of a US cent.
    pub cost_micro_cents: u64,
}

impl Call {
    /// What the call counts as.
    #[must_use]
    pub const fn counted(&self) -> Counted {
        Counted {
            status: self.status,
            direction: self.direction,
            number_id: self.phone_number_id,
            endpoint_id: self.endpoint_id,
            // Who spoke was answered, whether or not the source said so.
            answered: self.answered_at.is_some() || self.duration > 0,
            duration: self.duration,
            cost_micro_cents: self.cost_micro_cents,
        }
    }
}

impl CallRecord {
    /// How much is known of the call: grows with each event and with the route, and is equal only for equal records.
    #[must_use]
    pub fn version(&self) -> usize {
        self.events.len() * 2 + usize::from(self.route.is_some())
    }

    /// Whether the call is over: then it is counted.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.events.values().any(|event| event.kind.is_terminal())
    }
}
