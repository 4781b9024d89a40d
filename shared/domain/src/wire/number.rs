//! Phone numbers as clients see them.

use serde::Serialize;

use super::EndpointSummary;
use crate::{
    Country, CredentialId, E164, EndpointId, InventoryId, NumberId, OrgId, Timestamp,
    carrier::Carrier,
    inventory::{Capabilities, NumberType, Slot},
    number::{NumberSource, NumberStatus, PhoneNumber},
    secret::Revealed,
};

/// A number of the organization. Every field is always present, null when unset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Number {
    /// Its id.
    pub id: NumberId,
    /// The number.
    pub e164: E164,
    /// The number once more, under the other product's name.
    pub number: E164,
    /// The country it was sold in; `ZZ` for a number of one's own carrier that belongs to none.
    pub country: Country,
    /// `local`, `mobile` or `toll_free`.
    #[serde(rename = "type")]
    pub number_type: NumberType,
    /// Whether calls are routed.
    pub status: NumberStatus,
    /// Where it rings.
    pub endpoint_id: Option<EndpointId>,
    /// The agent it is pinned to, for numbers of the organization's own carrier.
    pub agent_id: Option<String>,
    /// Whether callers may reach it.
    pub allow_inbound: bool,
    /// Whether calls may be placed with it.
    pub allow_outbound: bool,
    /// Where calls enter over SIP.
    pub sip_uri: String,
    /// `inventory` or `byo`.
    pub source: NumberSource,
    /// The carrier, for numbers of the organization's own carrier.
    pub provider: Option<Carrier>,
    /// The carrier credential, likewise.
    pub credentials_id: Option<CredentialId>,
    /// Paid once, in US cents.
    pub setup_cost_cents: u32,
    /// Paid each month, in US cents.
    pub monthly_cost_cents: u32,
    /// Whose number it is.
    pub organization_id: OrgId,
    /// When it was bought or registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was released.
    pub released_at: Option<Timestamp>,
}

/// The SIP URI under which the operator's SIP edge takes a number's calls.
#[must_use]
pub fn sip_uri(number: &E164, sip_domain: &str) -> String {
    format!("sip:{number}@{sip_domain}")
}

impl Number {
    /// The number as its organization sees it.
    #[must_use]
    pub fn new(number: PhoneNumber, organization_id: OrgId, sip_domain: &str) -> Self {
        Self {
            id: number.id,
            sip_uri: sip_uri(&number.e164, sip_domain),
            number: number.e164.clone(),
            e164: number.e164,
            country: number.country,
            number_type: number.number_type,
            status: number.status,
            endpoint_id: number.endpoint_id,
            agent_id: number.agent_id,
            allow_inbound: number.allow_inbound,
            allow_outbound: number.allow_outbound,
            source: number.source,
            provider: number.carrier,
            credentials_id: number.credentials_id,
            setup_cost_cents: number.setup_cost_cents,
            monthly_cost_cents: number.monthly_cost_cents,
            organization_id,
            created_at: number.created_at,
            updated_at: number.updated_at,
            released_at: number.released_at,
        }
    }
}

/// The answer to a purchase: the number and its first bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PurchasedNumber {
    /// The number.
    #[serde(flatten)]
    pub number: Number,
    /// Setup and first month, in US cents.
    pub total_cost_cents: u64,
}

/// The answer to a number that was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleasedNumber {
    /// Always true.
    pub success: bool,
    /// The number's id.
    pub id: NumberId,
    /// The number.
    pub e164: E164,
    /// How it is kept; as it was, if its record is gone.
    pub status: NumberStatus,
}

/// One number with what it rings and how its calls authenticate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NumberDetail {
    /// The number.
    #[serde(flatten)]
    pub number: Number,
    /// The endpoint it rings.
    pub endpoint: Option<EndpointSummary>,
    /// SIP credentials; null for numbers of the organization's own carrier and for released ones.
    pub sip_credentials: Option<SipCredentials>,
}

/// How to register or call over SIP. The password is null for callers who may only read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SipCredentials {
    /// The SIP domain.
    pub domain: String,
    /// `tls`.
    pub transport: &'static str,
    /// The port.
    pub port: u16,
    /// The user name.
    pub username: String,
    /// The password, revealed.
    pub password: Option<Revealed>,
}

/// A number that can be bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AvailableNumber {
    /// What to name when buying it.
    pub id: InventoryId,
    /// The same, under the other product's name.
    pub inventory_id: InventoryId,
    /// The number.
    pub e164: E164,
    /// The number once more.
    pub number: E164,
    /// The country it is sold in.
    pub country: Country,
    /// `local`, `mobile` or `toll_free`.
    #[serde(rename = "type")]
    pub number_type: NumberType,
    /// A place or area name.
    pub region: Option<String>,
    /// What it can carry.
    pub capabilities: Capabilities,
    /// Paid once, in US cents.
    pub setup_cost_cents: u32,
    /// Paid each month, in US cents.
    pub monthly_cost_cents: u32,
    /// Setup and first month.
    pub total_cost_cents: u64,
}

impl From<Slot> for AvailableNumber {
    fn from(slot: Slot) -> Self {
        let id = slot.address().id();
        Self {
            id,
            inventory_id: id,
            total_cost_cents: slot.total_cost_cents(),
            number: slot.e164.clone(),
            e164: slot.e164,
            country: slot.country,
            number_type: slot.number_type,
            region: slot.region,
            capabilities: slot.capabilities,
            setup_cost_cents: slot.setup_cost_cents,
            monthly_cost_cents: slot.monthly_cost_cents,
        }
    }
}
