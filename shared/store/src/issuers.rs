//! Secrets of issuers whose users' tokens go by HS256, sealed. Who holds one can be any user: the operator tells them, and no
//! role of a function may write here.

use aws_lc_rs::digest;
use domain::secret::{Sealed, SecretPlace};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access_patterns,
    error::StoreError,
    item::serde_item,
    keys::{Keys, Segment},
    table::{Consistency, Table},
};

/// An issuer of users' tokens: a digest of its name, which has any length and form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuerId(Uuid);

impl IssuerId {
    /// The issuer with this name, exactly as its tokens tell it.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, name.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_ref()[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The id that stands in its key.
    pub(crate) const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The id as entries of the audit trail name it.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }

    /// Where its secret opens.
    #[must_use]
    pub const fn place(self) -> SecretPlace {
        SecretPlace::of_deployment(self.0)
    }
}

impl Segment for IssuerId {
    fn segment(&self) -> String {
        self.0.to_string()
    }
}

/// The secret of an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerSecret {
    /// The secret, sealed.
    pub secret: Sealed,
}

serde_item!(IssuerSecret, "issuer", IssuerId, |_secret, issuer| Keys::primary(access_patterns::issuer_secret(*issuer)));

impl Table {
    /// The secret of an issuer; `None` if the operator has told none.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn issuer_secret(&self, issuer: IssuerId) -> Result<Option<IssuerSecret>, StoreError> {
        self.get(access_patterns::issuer_secret(issuer), Consistency::EventualIfThere).await
    }

    /// Stores the secret of an issuer, in the place of the one before.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn put_issuer_secret(&self, issuer: IssuerId, secret: &IssuerSecret) -> Result<(), StoreError> {
        self.put(secret, &issuer).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SettingName;

    #[test]
    fn every_issuers_secret_opens_in_a_place_of_its_own() {
        let one = IssuerId::of("https://a.example/auth/v1");
        let other = IssuerId::of("https://b.example/auth/v1");
        let places = [one.place(), other.place(), SettingName::CursorKey.place(), SettingName::PepperKey.place()];
        for (at, place) in places.iter().enumerate() {
            assert!(!places[..at].contains(place), "{place:?}");
        }
        assert_eq!(one, IssuerId::of("https://a.example/auth/v1"));
    }
}
