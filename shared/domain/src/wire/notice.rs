//! What an organization is told of a webhook receiver that fails.

use serde::Serialize;

use crate::{EndpointId, SubscriptionId, Timestamp, health::Health, webhook::ReceiverId};

/// A receiver and its health: the data of `webhook.failing` and `webhook.disabled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReceiverNotice {
    /// The endpoint, if it is one.
    pub endpoint_id: Option<EndpointId>,
    /// The subscription, if it is one.
    pub subscription_id: Option<SubscriptionId>,
    /// Where its webhooks go.
    pub url: String,
    /// `active`, or `error` once it is switched off.
    pub status: &'static str,
    /// Why it was switched off.
    pub status_reason: Option<String>,
    /// Since when nothing but failures came back; null if it did not fail before.
    pub failing_since: Option<Timestamp>,
    /// How many failures there were in a row, or since a replay was asked for.
    pub failures: u32,
    /// How much of the time has passed after which it is switched off, in per cent; null if it was switched off for another
    /// reason.
    pub percent: Option<u8>,
    /// When it is switched off unless it takes something before.
    pub disables_at: Option<Timestamp>,
}

impl ReceiverNotice {
    /// The notice of a receiver that fails and is still active.
    #[must_use]
    pub fn failing(health: &Health, url: String, percent: u8) -> Self {
        let disables_at = Some(health.disables_at());
        Self { percent: Some(percent), disables_at, ..Self::of(health.receiver, Some(health), url, "active") }
    }

    /// The notice of a receiver that was switched off; `health` if that was for its failures.
    #[must_use]
    pub fn disabled(receiver: ReceiverId, health: Option<&Health>, url: String, reason: String) -> Self {
        Self { status_reason: Some(reason), percent: health.map(|_| 100), ..Self::of(receiver, health, url, "error") }
    }

    fn of(receiver: ReceiverId, health: Option<&Health>, url: String, status: &'static str) -> Self {
        let (endpoint_id, subscription_id) = match receiver {
            ReceiverId::Endpoint(id) => (Some(id), None),
            ReceiverId::Subscription(id) => (None, Some(id)),
        };
        Self {
            endpoint_id,
            subscription_id,
            url,
            status,
            status_reason: None,
            failing_since: health.map(|health| health.failing_since),
            failures: health.map_or(0, |health| health.failures),
            percent: None,
            disables_at: None,
        }
    }
}
