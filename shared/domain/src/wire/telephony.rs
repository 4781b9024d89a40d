//! Carrier credentials and carrier numbers as clients of the telephony routes see them.
//!
//! Answers to a creation hold strings and nothing else: clients of these routes read them into maps of strings.

use serde::Serialize;

use crate::{
    CredentialId, E164, NumberId, Timestamp, callback::CallbackToken, carrier::Carrier, credential, number::PhoneNumber, secret::Revealed,
};

/// A carrier credential in a list: nothing of its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CarrierCredential {
    /// Its id.
    pub id: CredentialId,
    /// The carrier.
    pub provider: Carrier,
    /// What its owner calls it.
    pub label: String,
    /// The end of the account's id.
    pub key_hint: String,
    /// How many numbers hang on it.
    pub numbers_count: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<credential::CarrierCredential> for CarrierCredential {
    fn from(credential: credential::CarrierCredential) -> Self {
        Self {
            key_hint: credential.key_hint(),
            id: credential.id,
            provider: credential.carrier,
            label: credential.label,
            numbers_count: credential.numbers_count,
            created_at: credential.created_at,
            updated_at: credential.updated_at,
        }
    }
}

/// Where a carrier calls back. Whoever knows these addresses may knock at the carrier's door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallbackUrls {
    /// For incoming calls.
    pub voice_url: Revealed,
    /// For changes of a call's status.
    pub status_url: Revealed,
}

impl CallbackUrls {
    /// The addresses under the API's public one, which has no slash at its end.
    #[must_use]
    pub fn new(base_url: &str, carrier: Carrier, token: &CallbackToken) -> Self {
        let door = format!("{base_url}/carriers/{carrier}/{}", token.reveal());
        Self { voice_url: format!("{door}/voice").into(), status_url: format!("{door}/status").into() }
    }
}

/// The answer to a credential's creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedCredential {
    /// Its id.
    pub id: CredentialId,
    /// The carrier.
    pub provider: Carrier,
    /// What its owner calls it.
    pub label: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Where the carrier calls back: shown this once.
    #[serde(flatten)]
    pub callbacks: CallbackUrls,
}

/// The answer to a rotation of callback addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RotatedCallbacks {
    /// The credential's id.
    pub id: CredentialId,
    /// Where the carrier calls back from now on: shown this once.
    #[serde(flatten)]
    pub callbacks: CallbackUrls,
}

/// A carrier number in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CarrierNumber {
    /// Its id.
    pub id: NumberId,
    /// The number.
    pub e164: E164,
    /// The carrier.
    pub provider: Option<Carrier>,
    /// The credential it hangs on.
    pub credentials_id: Option<CredentialId>,
    /// The agent it is pinned to, null if none.
    pub agent_id: Option<String>,
    /// Whether callers may reach it.
    pub inbound_enabled: bool,
    /// Whether calls may be placed with it.
    pub outbound_enabled: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl From<PhoneNumber> for CarrierNumber {
    fn from(number: PhoneNumber) -> Self {
        Self {
            id: number.id,
            e164: number.e164,
            provider: number.carrier,
            credentials_id: number.credentials_id,
            agent_id: number.agent_id,
            inbound_enabled: number.allow_inbound,
            outbound_enabled: number.allow_outbound,
            created_at: number.created_at,
            updated_at: number.updated_at,
        }
    }
}

/// The answer to a number's registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegisteredNumber {
    /// Its id.
    pub id: NumberId,
    /// The number.
    pub e164: E164,
    /// The carrier.
    pub provider: Carrier,
    /// The credential it hangs on.
    pub credentials_id: CredentialId,
    /// The agent it is pinned to; empty if none.
    pub agent_id: String,
    /// When it was registered.
    pub created_at: Timestamp,
}

impl RegisteredNumber {
    /// What is answered of a registered number; `None` if it hangs on no credential.
    #[must_use]
    pub fn new(number: PhoneNumber) -> Option<Self> {
        Some(Self {
            id: number.id,
            e164: number.e164,
            provider: number.carrier?,
            credentials_id: number.credentials_id?,
            agent_id: number.agent_id.unwrap_or_default(),
            created_at: number.created_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{Mode, OrgId, number::Registration};

    fn only_strings(value: &Value) -> bool {
        value.as_object().is_some_and(|object| object.values().all(Value::is_string))
    }

    #[test]
    fn what_was_created_is_told_in_strings_only() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let id = CredentialId::new(now, [1; 10]);
        let token = CallbackToken::new(OrgId::new(now, [2; 10]), Mode::Live, id, [3; 16]);
        let callbacks = CallbackUrls::new("https://api.example.com", Carrier::Plivo, &token);
        assert_eq!(callbacks.voice_url.expose(), format!("https://api.example.com/carriers/plivo/{}/voice", token.reveal()));
        assert!(!format!("{callbacks:?}").contains(&token.reveal()));
        let created = CreatedCredential { id, provider: Carrier::Plivo, label: "Main".to_owned(), created_at: now, callbacks };
        let registration = Registration {
            e164: "+2348030000001".parse().unwrap(),
            carrier: Carrier::Plivo,
            credentials_id: id,
            agent_id: None,
            allow_inbound: true,
            allow_outbound: true,
        };
        let registered = RegisteredNumber::new(PhoneNumber::registered(NumberId::new(now, [4; 10]), registration, now)).unwrap();
        assert!(only_strings(&serde_json::to_value(&created).unwrap()));
        assert!(only_strings(&serde_json::to_value(&registered).unwrap()));
        assert_eq!(registered.agent_id, "");
    }
}
