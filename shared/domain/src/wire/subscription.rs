//! Webhook subscriptions as clients see them.

use secrecy::SecretString;
use serde::Serialize;

use super::MASKED_SECRET;
use crate::{OrgId, SubscriptionId, Timestamp, secret::Revealed};

/// A webhook subscription. Every field is always present, null when unset.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Where its events go.
    pub url: String,
    /// Which events it takes.
    pub events: Vec<String>,
    /// Whether it takes any.
    pub active: bool,
    /// `active`, `inactive`, or `error` where the system switched it off.
    pub status: &'static str,
    /// Why the system switched it off.
    pub status_reason: Option<String>,
    /// The signing secret, whole or masked.
    pub secret: Revealed,
    /// Whose subscription it is.
    pub organization_id: OrgId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The answer to a test: which delivery to look for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookTest {
    /// Always true.
    pub success: bool,
    /// The event's id.
    pub event_id: String,
    /// `webhook.test`.
    pub event: &'static str,
    /// The delivery's id as the receiver sees it, in the header `webhook-id`.
    pub webhook_id: String,
}

impl Subscription {
    /// The subscription as its organization sees it, with the secret masked.
    #[must_use]
    pub fn masked(subscription: crate::subscription::Subscription, organization_id: OrgId) -> Self {
        let status = match (subscription.active, &subscription.status_reason) {
            (true, _) => "active",
            (false, None) => "inactive",
            (false, Some(_)) => "error",
        };
        Self {
            id: subscription.id,
            url: subscription.url,
            events: subscription.events.entries().to_vec(),
            active: subscription.active,
            status,
            status_reason: subscription.status_reason,
            secret: MASKED_SECRET.to_owned().into(),
            organization_id,
            created_at: subscription.created_at,
            updated_at: subscription.updated_at,
        }
    }

    /// The same subscription with its secret shown: for the answers of which the contract says so.
    #[must_use]
    pub fn with_secret(self, secret: SecretString) -> Self {
        Self { secret: secret.into(), ..self }
    }
}
