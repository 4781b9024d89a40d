//! Identifiers: one type each, so that no two can be swapped. UUIDs outside, newtypes inside.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::Timestamp;

/// The text is no id of this kind: a UUID is expected, with or without the kind's prefix.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a UUID")]
pub struct InvalidId;

/// Reads a hyphenated UUID, with one optional known prefix. Other spellings (braces, URN, no hyphens) would give
/// one resource several names and are refused.
fn parse(text: &str, prefixes: &[&str]) -> Result<Uuid, InvalidId> {
    let bare = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    if bare.len() != uuid::fmt::Hyphenated::LENGTH {
        return Err(InvalidId);
    }
    Uuid::try_parse(bare).map_err(|_| InvalidId)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal $($other:literal)*;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// What may stand before the UUID on input; never on output.
            pub const PREFIX: &'static str = $prefix;

            /// Takes a UUID as an id of this kind.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Makes a time-ordered id (UUID version 7) from the time and random bytes.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.as_millis()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// The UUID itself.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text, &[Self::PREFIX $(, $other)*]).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// An organization: the tenant that everything else belongs to.
    OrgId "org_";
    /// An API key's public name; not the key itself.
    KeyId "key_";
    /// A user, as the issuer of the user's tokens names it.
    UserId "user_";
    /// A phone number that an organization holds. The two families of routes know it under a prefix each.
    NumberId "pn_" "num_";
    /// An endpoint that numbers ring.
    EndpointId "ep_";
    /// A number that can be bought; it carries that number (see [`crate::inventory`]).
    InventoryId "inv_";
    /// A carrier credential of an organization.
    CredentialId "prov_";
    /// A call. Version 7: the id carries the time at which the call began.
    CallId "call_";
    /// A webhook subscription.
    SubscriptionId "wh_";
    /// A lifecycle event on its way to the subscriptions.
    OutboxId "evt_";
    /// One event's way to one receiver, through all attempts.
    DeliveryId "dlv_";
    /// An entry of the audit trail.
    AuditId "aud_";
}

impl OrgId {
    /// The operator of the deployment: holds the carrier credentials on which bought numbers hang, and the operator's own
    /// keys. No organization has this id, the nil UUID: all others are drawn.
    pub const PLATFORM: Self = Self::from_uuid(Uuid::nil());
}

impl CallId {
    /// The time that a version 7 id carries; `None` for ids of other versions.
    #[must_use]
    pub fn time(self) -> Option<Timestamp> {
        if self.0.get_version_num() != 7 {
            return None;
        }
        let [a, b, c, d, e, f, ..] = *self.0.as_bytes();
        let millis = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millis(millis).ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_read_with_and_without_its_own_prefix_only() {
        let uuid = "0198c0de-0000-7000-8000-000000000001";
        let plain: NumberId = uuid.parse().unwrap();
        assert_eq!(format!("pn_{uuid}").parse::<NumberId>(), Ok(plain));
        assert_eq!(format!("num_{uuid}").parse::<NumberId>(), Ok(plain));
        assert_eq!(format!("pn_num_{uuid}").parse::<NumberId>(), Err(InvalidId));
        assert_eq!(plain.to_string(), uuid);
        for wrong in [
            "",
            "pn_",
            "ep_0198c0de-0000-7000-8000-000000000001",
            "{0198c0de-0000-7000-8000-000000000001}",
            "0198c0de000070008000000000000001",
        ] {
            assert_eq!(wrong.parse::<NumberId>(), Err(InvalidId), "{wrong}");
        }
    }

    #[test]
    fn only_version_7_call_ids_carry_a_time() {
        let now: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        assert_eq!(CallId::new(now, [7; 10]).time(), Some(now));
        assert_eq!("6fa459ea-ee8a-4ca4-894e-db77e160355e".parse::<CallId>().unwrap().time(), None);
    }

    proptest! {
        #[test]
        fn every_id_reads_back_as_itself(bytes: [u8; 16]) {
            let id = CallId::from_uuid(Uuid::from_bytes(bytes));
            prop_assert_eq!(id.to_string().parse::<CallId>(), Ok(id));
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in ".*") {
            let _ = text.parse::<CallId>();
        }
    }
}
