//! Webhook subscriptions: receivers of an organization's events that no call has to be routed to.

use serde::{Deserialize, Serialize};

use crate::{SubscriptionId, Timestamp, secret::Sealed, webhook::EventFilter};

/// The most subscriptions of one organization and mode.
pub const MAX_SUBSCRIPTIONS: usize = 50;

/// A webhook subscription. Organization and mode stand in its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id; version 7.
    pub id: SubscriptionId,
    /// Where its events go: an `https:` URL.
    pub url: String,
    /// Which events it takes.
    pub events: EventFilter,
    /// Whether it takes any.
    pub active: bool,
    /// Why the system switched it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// The signing secret.
    pub secret: Sealed,
    /// The signing secret before the last rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_secret: Option<Sealed>,
    /// Until when it keeps signing beside the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<Timestamp>,
    /// The request that rotated the secret last: the same request again rotates nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_by: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Settings of a subscription that a PATCH changes; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionChange {
    /// Where its events go.
    pub url: Option<String>,
    /// Which events it takes.
    pub events: Option<EventFilter>,
    /// Whether it takes any.
    pub active: Option<bool>,
}

impl Subscription {
    /// The secret before the last rotation, while it keeps signing.
    #[must_use]
    pub fn previous_secret(&self, now: Timestamp) -> Option<&Sealed> {
        self.previous_secret.as_ref().filter(|_| self.previous_until.is_some_and(|until| now < until))
    }

    /// The name under which an event goes to this subscription now, `None` if it does not take it.
    #[must_use]
    pub fn takes<'a>(&'a self, event: &'a str) -> Option<&'a str> {
        self.events.name_for(event).filter(|_| self.active)
    }
}
