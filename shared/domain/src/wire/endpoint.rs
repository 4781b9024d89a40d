//! Endpoints as clients see them.

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    E164, EndpointId, OrgId, Timestamp,
    endpoint::{EndpointStatus, Provider},
    secret::Revealed,
};

/// What stands in a secret's place for those who may not see it.
pub const MASKED_SECRET: &str = "whsec_********";

/// An endpoint. Every field but `secret` is always present, null when unset.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// What its owner calls it.
    pub name: String,
    /// The type as the creator wrote it.
    #[serde(rename = "type")]
    pub declared_type: String,
    /// Who answers.
    pub provider: Provider,
    /// `agent`, `sip` or `webhook`.
    pub kind: &'static str,
    /// Where.
    pub url: String,
    /// Whether calls reach it.
    pub status: EndpointStatus,
    /// Why the system switched it off.
    pub status_reason: Option<String>,
    /// The provider's settings.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub provider_config: Map<String, Value>,
    /// How many numbers ring it.
    pub phone_numbers_count: u32,
    /// Which events it takes.
    pub events: Vec<String>,
    /// The signing secret, whole or masked; webhooks only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Revealed>,
    /// Whose endpoint it is.
    pub organization_id: OrgId,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Endpoint {
    /// The endpoint as its organization sees it, with the secret masked.
    ///
    /// `attached` is the only number that rings it, if it is the only one: a generated url carries it.
    #[must_use]
    pub fn masked(endpoint: crate::endpoint::Endpoint, organization_id: OrgId, attached: Option<&E164>) -> Self {
        Self {
            url: endpoint.url(attached),
            provider_config: endpoint.provider_config.canonical(endpoint.provider),
            id: endpoint.id,
            name: endpoint.name,
            declared_type: endpoint.declared_type,
            provider: endpoint.provider,
            kind: endpoint.provider.kind(),
            status: endpoint.status,
            status_reason: endpoint.status_reason,
            phone_numbers_count: endpoint.phone_numbers_count,
            events: endpoint.events.entries().to_vec(),
            secret: endpoint.secret.map(|_| MASKED_SECRET.to_owned().into()),
            organization_id,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
        }
    }

    /// The same endpoint without a word of its secret: for events that tell of it.
    #[must_use]
    pub fn without_secret(self) -> Self {
        Self { secret: None, ..self }
    }

    /// The same endpoint with its secret shown: for the answers of which the contract says so.
    #[must_use]
    pub fn with_secret(mut self, secret: SecretString) -> Self {
        self.secret = Some(secret.into());
        self
    }
}

/// An endpoint inside a number's detail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointSummary {
    /// Its id.
    pub id: EndpointId,
    /// What its owner calls it.
    pub name: String,
    /// The type as the creator wrote it.
    #[serde(rename = "type")]
    pub declared_type: String,
    /// Who answers.
    pub provider: Provider,
    /// Where.
    pub url: String,
    /// Whether calls reach it.
    pub status: EndpointStatus,
}

impl EndpointSummary {
    /// The endpoint as this number's calls see it.
    #[must_use]
    pub fn new(endpoint: crate::endpoint::Endpoint, number: &E164) -> Self {
        Self {
            url: endpoint.url(Some(number)),
            id: endpoint.id,
            name: endpoint.name,
            declared_type: endpoint.declared_type,
            provider: endpoint.provider,
            status: endpoint.status,
        }
    }
}
