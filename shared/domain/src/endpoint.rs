//! Endpoints: what a number rings.

use serde::{Deserialize, Serialize};

use crate::{EndpointId, Timestamp, secret::Sealed, webhook::EventFilter};

/// The longest name of an endpoint, in characters.
pub const MAX_NAME_CHARS: usize = 100;

/// Who answers behind an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// An HTTPS server of the organization that takes signed webhooks.
    Webhook,
}

impl Provider {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
        }
    }

    /// The family of providers it belongs to: `agent`, `sip` or `webhook`.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
        }
    }
}

/// Whether calls reach an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointStatus {
    /// Calls and events reach it.
    Active,
    /// Its owner switched it off.
    Inactive,
    /// The system switched it off; the reason stands beside.
    Error,
}

impl EndpointStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Error => "error",
        }
    }
}

/// An endpoint of an organization. Organization and mode stand in its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its id; version 7.
    pub id: EndpointId,
    /// What its owner calls it: 1 to 100 characters.
    pub name: String,
    /// The type as the creator wrote it.
    #[serde(rename = "type")]
    pub declared_type: String,
    /// Who answers.
    pub provider: Provider,
    /// Where: an `https:` URL for a webhook.
    pub url: String,
    /// Whether calls reach it.
    pub status: EndpointStatus,
    /// Why the system switched it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<String>,
    /// How many numbers ring it. Kept by the transactions that attach and detach.
    pub phone_numbers_count: u32,
    /// The signing secret of a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Sealed>,
    /// Which events it takes.
    pub events: EventFilter,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Endpoint {
    /// The name under which an event goes to this endpoint now, `None` if it does not take it.
    #[must_use]
    pub fn takes<'a>(&'a self, event: &'a str) -> Option<&'a str> {
        let listens = self.provider == Provider::Webhook && self.status == EndpointStatus::Active;
        self.events.name_for(event).filter(|_| listens)
    }
}
