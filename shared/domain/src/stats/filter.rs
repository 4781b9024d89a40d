//! What a list of calls, its statistics and its trends are narrowed to.

use super::Outcome;
use crate::{
    CallId, EndpointId, NumberId, Timestamp,
    call::{CallStatus, Counted, Direction},
};

/// Which calls are meant; the default means all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Only calls that have come this far, no less and no further.
    pub status: Option<CallStatus>,
    /// Only calls of this direction.
    pub direction: Option<Direction>,
    /// Only calls to or from this number of the organization.
    pub number_id: Option<NumberId>,
    /// Only calls that were routed to this endpoint.
    pub endpoint_id: Option<EndpointId>,
    /// Only calls that began at this instant or later.
    pub from: Option<Timestamp>,
    /// Only calls that began before this instant.
    pub until: Option<Timestamp>,
}

impl CallFilter {
    /// Whether calls of an outcome are meant.
    #[must_use]
    pub fn keeps(&self, outcome: Outcome) -> bool {
        self.status.is_none_or(|status| status == outcome.status) && self.direction.is_none_or(|direction| direction == outcome.direction)
    }

    /// Whether calls that began at an instant are meant.
    #[must_use]
    pub fn covers(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= time) && self.until.is_none_or(|until| time < until)
    }

    /// Whether a call is meant.
    #[must_use]
    pub fn takes(&self, id: CallId, call: &Counted) -> bool {
        self.keeps(call.into())
            && self.number_id.is_none_or(|number| Some(number) == call.number_id)
            && self.endpoint_id.is_none_or(|endpoint| Some(endpoint) == call.endpoint_id)
            && self.covers(id.time().unwrap_or(Timestamp::EPOCH))
    }

    /// Whether nothing but the time narrows it.
    #[must_use]
    pub const fn is_of_time_alone(&self) -> bool {
        self.status.is_none() && self.direction.is_none() && self.number_id.is_none() && self.endpoint_id.is_none()
    }

    /// Whether calls that still go on can be meant.
    #[must_use]
    pub fn wants_live(&self) -> bool {
        self.status.is_none_or(|status| !status.is_terminal())
    }

    /// Whether calls that are over can be meant.
    #[must_use]
    pub fn wants_ended(&self) -> bool {
        self.status.is_none_or(CallStatus::is_terminal)
    }
}
