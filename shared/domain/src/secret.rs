//! A secret as it lies in the table: sealed, opaque, bound to its place.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::{Mode, OrgId};

/// What a sealed secret is for. Part of what seals it: a secret of one kind never opens as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// The signing secret of a webhook endpoint or subscription.
    WebhookSecret,
    /// The generated password of a number's SIP credentials.
    SipPassword,
    /// The password that a `custom_sip` endpoint is called with.
    EndpointPassword,
    /// An answer that shows a secret, kept for replays of its request.
    IdempotentAnswer,
    /// A key of the deployment itself, such as the one that signs cursors.
    Configuration,
    /// The token of a carrier credential.
    CarrierToken,
}

impl SecretKind {
    /// Every kind there is.
    pub const ALL: [Self; 6] =
        [Self::WebhookSecret, Self::SipPassword, Self::EndpointPassword, Self::IdempotentAnswer, Self::CarrierToken, Self::Configuration];

    /// The kind's name in associated data, KMS encryption contexts and key policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebhookSecret => "webhook-secret",
            Self::SipPassword => "sip-password",
            Self::EndpointPassword => "endpoint-password",
            Self::IdempotentAnswer => "idempotent-answer",
            Self::Configuration => "configuration",
            Self::CarrierToken => "carrier-token",
        }
    }
}

/// The one place where a sealed secret may be opened.
///
/// A sealed value that is copied to another organization, mode, kind or resource does not open there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretPlace {
    /// Whose secret it is.
    pub org: OrgId,
    /// In which data set.
    pub mode: Mode,
    /// What for.
    pub kind: SecretKind,
    /// The id of the resource that carries it.
    pub id: uuid::Uuid,
}

impl SecretPlace {
    /// That of a secret of the deployment itself: it belongs to no organization, so the nil one stands for all.
    #[must_use]
    pub const fn of_deployment(id: uuid::Uuid) -> Self {
        Self { org: OrgId::from_uuid(uuid::Uuid::nil()), mode: Mode::Live, kind: SecretKind::Configuration, id }
    }
}

/// A secret that an answer shows: the one type of a secret that can be serialised. It prints nothing.
#[derive(Clone)]
pub struct Revealed(SecretString);

impl Revealed {
    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<SecretString> for Revealed {
    fn from(secret: SecretString) -> Self {
        Self(secret)
    }
}

impl From<String> for Revealed {
    fn from(secret: String) -> Self {
        Self(secret.into())
    }
}

impl PartialEq for Revealed {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Revealed {}

impl Serialize for Revealed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

/// Says that it is a secret and nothing else.
impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revealed(…)")
    }
}

/// A sealed secret, ready to be stored: printable text that says nothing and opens only in its [`SecretPlace`].
///
/// Its inside belongs to the `vault` crate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

impl Sealed {
    /// Wraps what the vault encoded.
    #[must_use]
    pub const fn from_encoded(encoded: String) -> Self {
        Self(encoded)
    }

    /// What the vault encoded.
    #[must_use]
    pub fn encoded(&self) -> &str {
        &self.0
    }
}

/// Says that it is sealed and nothing else: ciphertext in logs helps only an attacker.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}
