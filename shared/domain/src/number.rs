//! A phone number that an organization holds.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{
    Country, CredentialId, E164, EndpointId, NumberId, OrgId, Timestamp,
    carrier::Carrier,
    inventory::{Capabilities, NumberType, Slot, Trunk, as_letters},
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
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Active, Self::Inactive, Self::Pending, Self::Suspended];

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
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownNumberStatus)
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

impl NumberSource {
    /// Both sources.
    pub const ALL: [Self; 2] = [Self::Inventory, Self::Byo];

    /// The name on the wire and in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Byo => "byo",
        }
    }
}

/// A phone number that an organization holds. Organization and mode stand in its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneNumber {
    /// The number's id; version 7, so ids sort by purchase.
    pub id: NumberId,
    /// The number itself.
    pub e164: E164,
    /// The country it was sold in, or that its digits tell; [`Country::UNKNOWN`] if they tell none.
    #[serde(deserialize_with = "country_or_unknown")]
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
    /// The carrier credential that it hangs on. A released number's may be gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_id: Option<CredentialId>,
    /// The carrier of that credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carrier: Option<Carrier>,
    /// The operator's account by which the calls of a bought number come in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<Trunk>,
    /// The agent it is pinned to: an opaque text of the organization's own, 1 to 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// Paid once, in US cents.
    pub setup_cost_cents: u32,
    /// Paid each month, in US cents.
    pub monthly_cost_cents: u32,
    /// When it was bought or registered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was released; a released number is kept for audit and rings nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
}

/// Reads a country, or that there is none: only here can it have been stored.
fn country_or_unknown<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Country, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    if text == Country::UNKNOWN.to_string() { Ok(Country::UNKNOWN) } else { text.parse().map_err(de::Error::custom) }
}

/// The longest id of an agent, in characters.
pub const MAX_AGENT_CHARS: usize = 128;

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

/// What an organization tells of a number of its own carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The number.
    pub e164: E164,
    /// The carrier.
    pub carrier: Carrier,
    /// The credential it hangs on.
    pub credentials_id: CredentialId,
    /// The agent it is pinned to.
    pub agent_id: Option<String>,
    /// Whether callers may reach it.
    pub allow_inbound: bool,
    /// Whether calls may be placed with it.
    pub allow_outbound: bool,
}

impl PhoneNumber {
    /// The number that a registration makes: it costs nothing and carries voice.
    #[must_use]
    pub fn registered(id: NumberId, registration: Registration, now: Timestamp) -> Self {
        Self {
            id,
            country: registration.e164.country().unwrap_or(Country::UNKNOWN),
            number_type: registration.e164.number_type(),
            e164: registration.e164,
            region: None,
            capabilities: Capabilities { voice: true, sms: false, fax: false },
            status: NumberStatus::Active,
            endpoint_id: None,
            allow_inbound: registration.allow_inbound,
            allow_outbound: registration.allow_outbound,
            source: NumberSource::Byo,
            credentials_id: Some(registration.credentials_id),
            carrier: Some(registration.carrier),
            trunk: None,
            agent_id: registration.agent_id,
            setup_cost_cents: 0,
            monthly_cost_cents: 0,
            created_at: now,
            updated_at: now,
            released_at: None,
        }
    }

    /// Whether it is a number of the organization's own carrier that the organization still holds.
    #[must_use]
    pub fn is_carriers(&self) -> bool {
        self.source == NumberSource::Byo && self.released_at.is_none()
    }

    /// The endpoint that its agent's id names, if it has the form of one. `endpoint_id` goes before it.
    #[must_use]
    pub fn pinned_endpoint(&self) -> Option<EndpointId> {
        self.agent_id.as_deref()?.parse().ok()
    }

    /// The endpoints that it names, at most two, the one that goes before first.
    #[must_use]
    pub fn named_endpoints(&self) -> Vec<EndpointId> {
        let (attached, pinned) = crate::route::named(self);
        attached.into_iter().chain(pinned).collect()
    }

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
            credentials_id: None,
            carrier: None,
            trunk: slot.trunk,
            agent_id: None,
            setup_cost_cents: slot.setup_cost_cents,
            monthly_cost_cents: slot.monthly_cost_cents,
            created_at: now,
            updated_at: now,
            released_at: None,
        }
    }

    /// Whether its callers are put through: an active number that takes them. Calls that it places are not asked.
    #[must_use]
    pub fn takes_callers(&self) -> bool {
        self.status == NumberStatus::Active && self.allow_inbound && self.released_at.is_none()
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
            trunk: self.trunk,
        }
    }

    /// The carrier by which its calls come in and the credential that signs for them: the organization's own, or one of
    /// the operator's. `None` for a bought number of whose carrier nothing is known.
    #[must_use]
    pub fn line(&self) -> Option<Trunk> {
        let own = self.carrier.zip(self.credentials_id).map(|(carrier, credential)| Trunk { carrier, credential });
        own.or(self.trunk)
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
    /// The endpoints that the number named when that was noted last, so that whoever routes a call can read them beside
    /// the number. What the number itself names decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rings: Vec<EndpointId>,
}

impl Claim {
    /// The claim of a number for its owner, without SIP credentials.
    #[must_use]
    pub fn of(organization_id: OrgId, number: &PhoneNumber) -> Self {
        Self {
            e164: number.e164.clone(),
            organization_id,
            number_id: number.id,
            sip_username: None,
            sip_password: None,
            rings: number.named_endpoints(),
        }
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn registered(e164: &str) -> PhoneNumber {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let registration = Registration {
            e164: e164.parse().unwrap(),
            carrier: Carrier::Twilio,
            credentials_id: CredentialId::new(now, [1; 10]),
            agent_id: None,
            allow_inbound: true,
            allow_outbound: true,
        };
        PhoneNumber::registered(NumberId::new(now, [2; 10]), registration, now)
    }

    #[test]
    fn a_number_of_no_country_is_stored_and_read_back() {
        for (e164, country) in [("+2348030000001", "NG"), ("+80012345678", "ZZ"), ("+999999999999999", "ZZ")] {
            let number = registered(e164);
            let stored = serde_json::to_value(&number).unwrap();
            assert_eq!(stored["country"], country, "{e164}");
            assert_eq!(serde_json::from_value::<PhoneNumber>(stored).unwrap(), number);
        }
    }

    #[test]
    fn a_number_that_was_stored_before_there_were_carriers_is_readable() {
        let mut stored = serde_json::to_value(registered("+2348030000001")).unwrap();
        for field in ["credentials_id", "carrier"] {
            stored.as_object_mut().unwrap().remove(field);
        }
        let number: PhoneNumber = serde_json::from_value(stored).unwrap();
        assert_eq!((number.credentials_id, number.carrier, number.agent_id), (None, None, None));
    }

    #[test]
    fn an_agent_that_has_an_endpoints_id_is_that_endpoint() {
        let mut number = registered("+2348030000001");
        assert_eq!(number.pinned_endpoint(), None);
        for (agent, is_endpoint) in [("agent_01HZ2N7G3K8M0Q5R7T9V2X4Y6Z", false), ("ep_0198c0de-0000-7000-8000-000000000001", true)] {
            number.agent_id = Some(agent.to_owned());
            assert_eq!(number.pinned_endpoint().is_some(), is_endpoint, "{agent}");
        }
        assert_eq!(json!(number.pinned_endpoint()), "0198c0de-0000-7000-8000-000000000001");
    }
}
