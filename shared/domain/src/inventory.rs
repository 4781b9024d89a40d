//! Numbers that can be bought, and the ids that name them.
//!
//! An inventory id is a UUID of version 8 (RFC 9562, §5.8) that carries the number, its country and its type, so
//! that a purchase finds its slot with one read and no index. The remaining 60 bits are a digest of the others:
//! an id that we did not make is refused before any read.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Country, CredentialId, E164, InventoryId, carrier::Carrier};

/// What sort of subscriber number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberType {
    /// A geographic number.
    Local,
    /// A mobile number.
    Mobile,
    /// A number that is free for the caller.
    TollFree,
}

impl NumberType {
    /// Every type, in the order in which lists name them.
    pub const ALL: [Self; 3] = [Self::Local, Self::Mobile, Self::TollFree];

    /// `local`, `mobile` or `toll_free`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Mobile => "mobile",
            Self::TollFree => "toll_free",
        }
    }
}

impl std::str::FromStr for NumberType {
    type Err = UnknownNumberType;

    fn from_str(text: &str) -> Result<Self, UnknownNumberType> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownNumberType)
    }
}

/// The text names no type of number.
#[derive(Debug, thiserror::Error)]
#[error("must be local, mobile or toll_free")]
pub struct UnknownNumberType;

/// What a number can carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Capabilities {
    /// Calls.
    pub voice: bool,
    /// Text messages.
    pub sms: bool,
    /// Fax.
    pub fax: bool,
}

impl Capabilities {
    /// The capabilities as letters, `v` `s` `f`: how they are stored, since lists pay for every byte.
    fn letters(self) -> String {
        [(self.voice, 'v'), (self.sms, 's'), (self.fax, 'f')].into_iter().filter(|(has, _)| *has).map(|(_, letter)| letter).collect()
    }

    fn from_letters(letters: &str) -> Self {
        Self { voice: letters.contains('v'), sms: letters.contains('s'), fax: letters.contains('f') }
    }
}

/// The stored form of [`Capabilities`].
pub(crate) mod as_letters {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Capabilities;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    pub(crate) fn serialize<S: Serializer>(capabilities: &Capabilities, serializer: S) -> Result<S::Ok, S::Error> {
        capabilities.letters().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Capabilities, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer).map(|letters| Capabilities::from_letters(&letters))
    }
}

/// Where a number lies in the inventory: all that its slot's key is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SlotAddress {
    /// The number.
    pub e164: E164,
    /// The country it is sold in.
    pub country: Country,
    /// Its type.
    pub number_type: NumberType,
}

/// The operator's account with a carrier by which a bought number's calls come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Trunk {
    /// The carrier.
    pub carrier: Carrier,
    /// The credential, one of [`OrgId::PLATFORM`](crate::OrgId::PLATFORM).
    #[serde(rename = "cred")]
    pub credential: CredentialId,
}

/// A number that can be bought, with its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The number.
    pub e164: E164,
    /// The country it is sold in.
    pub country: Country,
    /// Its type.
    pub number_type: NumberType,
    /// A place or area name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What it can carry.
    #[serde(with = "as_letters")]
    pub capabilities: Capabilities,
    /// Paid once, in US cents.
    pub setup_cost_cents: u32,
    /// Paid each month, in US cents.
    pub monthly_cost_cents: u32,
    /// By which account of the operator's its calls come in; without one they do not come through a carrier's callback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<Trunk>,
}

impl Slot {
    /// Where the slot lies.
    #[must_use]
    pub fn address(&self) -> SlotAddress {
        SlotAddress { e164: self.e164.clone(), country: self.country, number_type: self.number_type }
    }

    /// The first bill in US cents: setup and first month.
    #[must_use]
    pub fn total_cost_cents(&self) -> u64 {
        u64::from(self.setup_cost_cents) + u64::from(self.monthly_cost_cents)
    }
}

const DIGITS_BITS: u32 = 50;
const LETTER_BITS: u32 = 5;
const MARK_MASK: u64 = (1 << 60) - 1;

impl SlotAddress {
    /// The id under which the slot is offered; the same in both modes.
    #[must_use]
    pub fn id(&self) -> InventoryId {
        let [a, b] = self.country.letters();
        let kind: u64 = match self.number_type {
            NumberType::Local => 0,
            NumberType::Mobile => 1,
            NumberType::TollFree => 2,
        };
        let letters = (u64::from(a - b'A') << LETTER_BITS) | u64::from(b - b'A');
        let payload = (((kind << (2 * LETTER_BITS)) | letters) << DIGITS_BITS) | self.e164.digits();
        let mark = mark(payload);
        // custom_a: 48 bits of the mark; version 8; custom_b: its last 12; variant; custom_c: the payload's 62.
        let high = ((mark >> 12) << 16) | 0x8000 | (mark & 0xFFF);
        let low = (0b10 << 62) | payload;
        InventoryId::from_uuid(Uuid::from_u64_pair(high, low))
    }

    /// The slot that an id names, `None` if we cannot have made the id.
    #[must_use]
    pub fn from_id(id: InventoryId) -> Option<Self> {
        let payload = id.as_uuid().as_u64_pair().1 & !(0b11 << 62);
        let letter = |shift: u32| u8::try_from((payload >> shift) & 0b1_1111).ok().map(|letter| letter + b'A');
        let letters = [letter(DIGITS_BITS + LETTER_BITS)?, letter(DIGITS_BITS)?];
        let address = Self {
            e164: E164::from_digits(payload & ((1 << DIGITS_BITS) - 1)).ok()?,
            country: std::str::from_utf8(&letters).ok()?.parse().ok()?,
            number_type: match payload >> (DIGITS_BITS + 2 * LETTER_BITS) {
                0 => NumberType::Local,
                1 => NumberType::Mobile,
                2 => NumberType::TollFree,
                _ => return None,
            },
        };
        // Compares the mark, the version and the variant at once.
        (address.id() == id).then_some(address)
    }
}

/// 60 bits that tell an id of ours from any other UUID of version 8. Not a secret.
fn mark(payload: u64) -> u64 {
    let hash = digest::digest(&digest::SHA256, &[b"trunkline inventory ".as_slice(), &payload.to_be_bytes()].concat());
    hash.as_ref().iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte)) & MARK_MASK
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(digits: u64, country: &str, number_type: NumberType) -> SlotAddress {
        SlotAddress { e164: E164::from_digits(digits).unwrap(), country: country.parse().unwrap(), number_type }
    }

    #[test]
    fn an_inventory_id_is_a_uuid_of_version_8() {
        let id = address(14_155_550_100, "US", NumberType::Local).id();
        assert_eq!(id.as_uuid().get_version_num(), 8);
        assert_eq!(id.as_uuid().get_variant(), uuid::Variant::RFC4122);
    }

    proptest! {
        #[test]
        fn every_slot_is_found_by_its_id(digits in 1_000_000_u64..1_000_000_000_000_000, kind in 0_usize..3, country in 0_usize..5) {
            let slot = address(digits, ["NG", "GH", "KE", "US", "ZA"][country], NumberType::ALL[kind]);
            prop_assert_eq!(SlotAddress::from_id(slot.id()), Some(slot));
        }

        #[test]
        fn one_changed_bit_names_no_slot(digits in 1_000_000_u64..1_000_000_000_000_000, bit in 0_u32..128) {
            let id = address(digits, "NG", NumberType::Mobile).id().as_uuid().as_u128() ^ (1 << bit);
            prop_assert_eq!(SlotAddress::from_id(InventoryId::from_uuid(Uuid::from_u128(id))), None);
        }
    }
}
