//! Endpoints: what a number rings.
//!
//! A creator's words become an [`EndpointSpec`]: the provider, the given url, a checked [`ProviderConfig`]. Where
//! calls go follows from it and from the attached numbers ([`url_for`]). Nothing here opens a connection or a secret.

mod config;
mod generated;
mod kept;
mod keys;
mod provider;
mod sip_uri;
mod spec;
#[cfg(test)]
mod tests;

pub use config::ProviderConfig;
pub use generated::{generated_url, url_for};
pub use kept::{MAX_UNKNOWN_BYTES, MAX_UNKNOWN_KEYS};
pub use provider::{EndpointType, Provider, UnknownEndpointType, UnknownProvider};
pub use sip_uri::{InvalidSipUri, MAX_SIP_URI_LENGTH, SipUri};
pub use spec::{EndpointSpec, PasswordChange, is_missing};

use serde::{Deserialize, Serialize};

use crate::{E164, EndpointId, Timestamp, secret::Sealed, webhook::EventFilter};

/// The longest name of an endpoint, in characters.
pub const MAX_NAME_CHARS: usize = 100;

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
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Active, Self::Inactive, Self::Error];

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

/// The text names no status of an endpoint.
#[derive(Debug, thiserror::Error)]
#[error("must be active, inactive or error")]
pub struct UnknownEndpointStatus;

impl std::str::FromStr for EndpointStatus {
    type Err = UnknownEndpointStatus;

    fn from_str(text: &str) -> Result<Self, UnknownEndpointStatus> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownEndpointStatus)
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
    /// The url that was given: an `https:` URL for a webhook. Calls go to the generated one if none was.
    #[serde(default, rename = "url", skip_serializing_if = "Option::is_none")]
    pub given_url: Option<String>,
    /// The provider's settings.
    #[serde(default, skip_serializing_if = "ProviderConfig::is_empty", with = "as_json")]
    pub provider_config: ProviderConfig,
    /// The sealed password of `custom_sip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Sealed>,
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
    /// The signing secret before the last rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_secret: Option<Sealed>,
    /// Until when it keeps signing beside the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<Timestamp>,
    /// The request that rotated the secret last: the same request again rotates nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_by: Option<String>,
    /// Which events it takes.
    pub events: EventFilter,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Settings of an endpoint that can be changed without looking at the others; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SimpleChange {
    /// What its owner calls it.
    pub name: Option<String>,
    /// Active or inactive.
    pub status: Option<EndpointStatus>,
    /// Which events it takes.
    pub events: Option<EventFilter>,
    /// Where its calls go; of a form that tells whether the endpoint must be a webhook.
    pub url: Option<GivenUrl>,
}

/// A checked url in normal form, of which the provider need not be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenUrl {
    /// A URL that a webhook may have, and nothing else.
    Webhook(String),
    /// A SIP URI, which anything but a webhook may have.
    Sip(String),
}

/// Settings as JSON text: they may hold numbers that the table would round.
mod as_json {
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    use super::ProviderConfig;

    pub(super) fn serialize<S: Serializer>(config: &ProviderConfig, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&serde_json::to_string(config).map_err(ser::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ProviderConfig, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        serde_json::from_str(&text).map_err(de::Error::custom)
    }
}

impl Endpoint {
    /// Where its calls go; `attached` is the number whose calls they are, or the only one that rings it.
    #[must_use]
    pub fn url(&self, attached: Option<&E164>) -> String {
        url_for(self.provider, self.given_url.as_deref(), &self.provider_config, attached)
    }

    /// The secret before the last rotation, while it keeps signing.
    #[must_use]
    pub fn previous_secret(&self, now: Timestamp) -> Option<&Sealed> {
        self.previous_secret.as_ref().filter(|_| self.previous_until.is_some_and(|until| now < until))
    }

    /// The name under which an event goes to this endpoint now, `None` if it does not take it.
    #[must_use]
    pub fn takes<'a>(&'a self, event: &'a str) -> Option<&'a str> {
        let listens = self.provider == Provider::Webhook && self.status == EndpointStatus::Active;
        self.events.name_for(event).filter(|_| listens)
    }
}
