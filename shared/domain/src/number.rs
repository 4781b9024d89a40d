//! A phone number that an organization holds.

use serde::{Deserialize, Serialize};

use crate::{
    Country, E164, EndpointId, NumberId, OrgId, Timestamp,
    inventory::{Capabilities, NumberType, Slot, as_letters},
    secret::Sealed,
};

/// Whether and how a number works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberStatus {
    /// Calls are routed.
    Active,
    /// Calls get a busy signal.
    Inactive,
    /// Ordered, not yet working.
    Pending,
    /// Stopped by the operator.
    Suspended,
}

impl NumberStatus {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Suspended => "suspended",
        }
    }
}

/// The text names no status of a number.
#[derive(Debug, thiserror::Error)]
#[error("must be active, inactive, pending or suspended")]
pub struct UnknownNumberStatus;

impl std::str::FromStr for NumberStatus {
    type Err = UnknownNumberStatus;

    fn from_str(text: &str) -> Result<Self, UnknownNumberStatus> {
        [Self::Active, Self::Inactive, Self::Pending, Self::Suspended]
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownNumberStatus)
    }
}

/// Where a number came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberSource {
    /// Bought from the operator's inventory.
    Inventory,
    /// Registered with the organization's own carrier credential.
    Byo,
}

/// A phone number that an organization holds. Organization and mode stand in its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneNumber {
    /// The number's id; version 7, so ids sort by purchase.
    pub id: NumberId,
    /// The number itself.
    pub e164: E164,
    /// The country it was sold in.
    pub country: Country,
    /// Its type.
    #[serde(rename = "type")]
    pub number_type: NumberType,
    /// A place or area name: goes back to the inventory with the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What it can carry: likewise.
    #[serde(rename = "caps", with = "as_letters")]
    pub capabilities: Capabilities,
    /// Whether calls are routed.
    pub status: NumberStatus,
    /// Where it rings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_id: Option<EndpointId>,
    /// Whether callers may reach it.
    pub allow_inbound: bool,
    /// Whether calls may be placed with it.
    pub allow_outbound: bool,
    /// Where it came from.
    pub source: NumberSource,
    /// Paid once, in US cents.
    pub setup_cost_cents: u32,
    /// Paid each month, in US cents.
    pub monthly_cost_cents: u32,
    /// When it was bought.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was released; a released number is kept for audit and rings nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
}

/// What a buyer may decide about a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurchaseSettings {
    /// Where it rings from the start.
    pub endpoint_id: Option<EndpointId>,
    /// Whether callers may reach it.
    pub allow_inbound: bool,
    /// Whether calls may be placed with it.
    pub allow_outbound: bool,
}

impl PhoneNumber {
    /// The number that a purchase makes of an inventory slot.
    #[must_use]
    pub fn purchased(id: NumberId, slot: &Slot, settings: PurchaseSettings, now: Timestamp) -> Self {
        Self {
            id,
            e164: slot.e164.clone(),
            country: slot.country,
            number_type: slot.number_type,
            region: slot.region.clone(),
            capabilities: slot.capabilities,
            status: NumberStatus::Active,
            endpoint_id: settings.endpoint_id,
            allow_inbound: settings.allow_inbound,
            allow_outbound: settings.allow_outbound,
            source: NumberSource::Inventory,
            setup_cost_cents: slot.setup_cost_cents,
            monthly_cost_cents: slot.monthly_cost_cents,
            created_at: now,
            updated_at: now,
            released_at: None,
        }
    }

    /// The inventory slot that the number came from and goes back to.
    #[must_use]
    pub fn slot(&self) -> Slot {
        Slot {
            e164: self.e164.clone(),
            country: self.country,
            number_type: self.number_type,
            region: self.region.clone(),
            capabilities: self.capabilities,
            setup_cost_cents: self.setup_cost_cents,
            monthly_cost_cents: self.monthly_cost_cents,
        }
    }

    /// The number after its release: kept for audit, ringing nowhere.
    #[must_use]
    pub fn released(self, now: Timestamp) -> Self {
        Self { status: NumberStatus::Inactive, endpoint_id: None, updated_at: now, released_at: Some(now), ..self }
    }
}

/// Who owns an E.164 number in one mode, and how its calls authenticate over SIP. At most one claim exists per
/// number and mode: that is what makes a number owned once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The number.
    pub e164: E164,
    /// The owner.
    pub organization_id: OrgId,
    /// The owner's record of it.
    pub number_id: NumberId,
    /// The SIP user name; `None` for numbers of the organization's own carrier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_username: Option<String>,
    /// The sealed SIP password; there exactly when the user name is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_password: Option<Sealed>,
}

/// The settings of a number that a PATCH changes; `None` leaves one as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NumberChange {
    /// `Some(None)` detaches, `Some(Some(id))` attaches, moving if need be.
    pub endpoint_id: Option<Option<EndpointId>>,
    /// Whether callers may reach it.
    pub allow_inbound: Option<bool>,
    /// Whether calls may be placed with it.
    pub allow_outbound: Option<bool>,
    /// Active or inactive.
    pub status: Option<NumberStatus>,
}
