//! Webhook deliveries as clients see them.

use serde::Serialize;

use crate::{
    CallId, DeliveryId, EndpointId, OrgId, SubscriptionId, Timestamp,
    delivery::{self, AttemptRecord, DeliveryState, KEPT_SECONDS},
    webhook::ReceiverId,
};

/// A delivery in lists. Every field is always present, null when unset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The id as receivers see it, in the header `webhook-id`.
    pub webhook_id: String,
    /// The event's name as the receiver knows it.
    pub event: String,
    /// `pending`, `retrying`, `delivered` or `dead`.
    pub status: &'static str,
    /// Why it ended, where no attempt tells.
    pub status_reason: Option<String>,
    /// The endpoint that gets it.
    pub endpoint_id: Option<EndpointId>,
    /// The subscription that gets it.
    pub subscription_id: Option<SubscriptionId>,
    /// The call it is about.
    pub call_id: Option<CallId>,
    /// How many attempts were made in all.
    pub attempts_count: u32,
    /// The last attempt.
    pub last_attempt: Option<Attempt>,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Timestamp>,
    /// Whose delivery it is.
    pub organization_id: OrgId,
    /// When its body was frozen.
    pub created_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attempt {
    /// Its number, from 1; replays count on.
    pub number: u32,
    /// When it was made.
    pub timestamp: Timestamp,
    /// The receiver's HTTP status; null if it did not answer.
    pub status: Option<u16>,
    /// What sort of failure it was; null if it was none.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The first kilobyte of the receiver's answer.
    pub answer: String,
}

/// A delivery with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryDetail {
    /// As in lists.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// The attempts that are kept, in their order: the last thirty.
    pub attempts: Vec<Attempt>,
    /// The bytes that are sent, as text.
    pub body: String,
}

/// What a replay did, or a dry run would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Replay {
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// How many deliveries are sent again.
    pub count: usize,
    /// How many are not, because their receiver is gone or not active.
    pub skipped: usize,
    /// By when the last one is sent; null if none is.
    pub sent_by: Option<Timestamp>,
    /// With the same body, the next ones; null if there are no more.
    pub next_cursor: Option<String>,
}

impl Delivery {
    /// The delivery that a state tells.
    #[must_use]
    pub fn new(state: &DeliveryState, organization_id: OrgId) -> Self {
        let (endpoint_id, subscription_id) = match state.receiver {
            ReceiverId::Endpoint(id) => (Some(id), None),
            ReceiverId::Subscription(id) => (None, Some(id)),
        };
        Self {
            id: state.id,
            webhook_id: format!("{}{}", DeliveryId::PREFIX, state.id),
            event: state.event.clone(),
            status: state.status.as_str(),
            status_reason: state.reason.clone(),
            endpoint_id,
            subscription_id,
            call_id: state.call_id,
            attempts_count: state.last(),
            last_attempt: state.attempts.iter().next_back().map(Attempt::new),
            next_attempt_at: state.next_at,
            organization_id,
            created_at: state.created_at,
            expires_at: state.created_at.plus_millis(KEPT_SECONDS * 1_000),
        }
    }
}

impl Attempt {
    fn new((number, attempt): (&u32, &AttemptRecord)) -> Self {
        let AttemptRecord { at, status, error, duration_ms, answer } = attempt.clone();
        let error = error.or_else(|| status.and_then(class).map(str::to_owned));
        Self { number: *number, timestamp: at, status, error, duration_ms, answer }
    }
}

impl DeliveryDetail {
    /// The delivery that body and state tell.
    #[must_use]
    pub fn new(delivery: delivery::Delivery, state: &DeliveryState, organization_id: OrgId) -> Self {
        let attempts = state.attempts.iter().map(Attempt::new).collect();
        Self { delivery: Delivery::new(state, organization_id), attempts, body: delivery.body }
    }
}

/// What sort of failure an HTTP status is, `None` if it is none.
const fn class(status: u16) -> Option<&'static str> {
    match status {
        200..=299 => None,
        300..=399 => Some("redirect"),
        400..=499 => Some("client_error"),
        500..=599 => Some("server_error"),
        _ => Some("unexpected_status"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some(200), None, None)]
    #[case(Some(301), None, Some("redirect"))]
    #[case(Some(410), None, Some("client_error"))]
    #[case(Some(503), None, Some("server_error"))]
    #[case(Some(199), None, Some("unexpected_status"))]
    #[case(None, Some("timeout"), Some("timeout"))]
    fn an_attempt_tells_what_sort_of_failure_it_was(#[case] status: Option<u16>, #[case] error: Option<&str>, #[case] shown: Option<&str>) {
        let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let record = AttemptRecord { at, status, error: error.map(str::to_owned), duration_ms: 7, answer: String::new() };
        assert_eq!(Attempt::new((&1, &record)).error.as_deref(), shown);
    }
}
