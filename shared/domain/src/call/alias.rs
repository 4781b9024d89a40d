//! A call's name in the words of its source, where that is no id of ours.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{CallId, Timestamp};

/// What a source calls a call: a UUID that carries no time, or a carrier's id of 1 to 128 printable ASCII characters
/// without spaces.
///
/// Calls lie in the order of time, so a call with such a name is stored under an id that has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallAlias(Box<str>);

/// The text cannot be a call's name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a UUID, or a carrier's id of 1 to 128 printable ASCII characters without spaces")]
pub struct InvalidCallAlias;

impl CallAlias {
    /// The name: a UUID in lower case, or the carrier's spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id under which clients know the call, if the source gave it a UUID.
    #[must_use]
    pub fn public_id(&self) -> Option<CallId> {
        self.0.parse().ok()
    }

    /// The id under which a call of this name is stored whose first event to be taken in happened at this time.
    #[must_use]
    pub fn stored_id(&self, at: Timestamp) -> CallId {
        let digest = digest::digest(&digest::SHA256, self.0.as_bytes());
        let mut random = [0; 10];
        random.iter_mut().zip(digest.as_ref()).for_each(|(random, byte)| *random = *byte);
        CallId::new(at, random)
    }
}

impl FromStr for CallAlias {
    type Err = InvalidCallAlias;

    fn from_str(text: &str) -> Result<Self, InvalidCallAlias> {
        if let Ok(id) = text.parse::<CallId>() {
            // A UUID with a time is the call's id itself.
            return if id.time().is_none() { Ok(Self(id.to_string().into())) } else { Err(InvalidCallAlias) };
        }
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.into())) } else { Err(InvalidCallAlias) }
    }
}

impl fmt::Display for CallAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for CallAlias {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CallAlias {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "6fa459ea-ee8a-4ca4-894e-db77e160355e";

    #[test]
    fn a_uuid_without_a_time_is_one_name_however_it_is_written() {
        let alias: CallAlias = V4.parse().unwrap();
        assert_eq!(V4.to_uppercase().parse(), Ok(alias.clone()));
        assert_eq!(format!("call_{V4}").parse(), Ok(alias.clone()));
        assert_eq!(alias.public_id().map(|id| id.to_string()).as_deref(), Some(V4));
    }

    #[test]
    fn a_carriers_id_is_a_name_and_no_public_id() {
        let alias: CallAlias = "CA0123456789abcdef".parse().unwrap();
        assert_eq!((alias.as_str(), alias.public_id()), ("CA0123456789abcdef", None));
        for carriers in [&V4.replace('-', ""), &format!("{{{V4}}}"), &format!("urn:uuid:{V4}"), "019b7ca534087000800000000000c001"] {
            assert_eq!(carriers.parse::<CallAlias>().unwrap().public_id(), None, "{carriers}");
        }
        for wrong in ["", "a b", "ü", &"x".repeat(129), "019b7ca5-3408-7000-8000-00000000c001"] {
            assert_eq!(wrong.parse::<CallAlias>(), Err(InvalidCallAlias), "{wrong}");
        }
    }

    #[test]
    fn the_stored_id_carries_the_time_and_depends_on_the_name_alone_otherwise() {
        let at: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let (one, other): (CallAlias, CallAlias) = ("CA1".parse().unwrap(), "CA2".parse().unwrap());
        assert_eq!(one.stored_id(at).time(), Some(at));
        assert_eq!(one.stored_id(at), one.stored_id(at));
        assert_ne!(one.stored_id(at), other.stored_id(at));
    }
}
