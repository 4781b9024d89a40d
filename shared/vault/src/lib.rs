//! The Secret Encryptor: seals a secret under a KMS data key and opens it again, bound to its place.
//!
//! Envelope encryption: KMS makes and unwraps data keys, AES-256-GCM under a data key does the rest. Nothing here
//! stores, logs or prints a secret or a key. Why it is so stands in `infra/adr/0002-secret-encryptor.md`.

mod data_key;
mod envelope;
mod error;
mod keyring;

use std::{fmt, sync::Arc};

use aws_sdk_kms::Client;
use domain::{
    Timestamp,
    secret::{Sealed, SecretKind, SecretPlace},
};
use runtime::Lazily;
use secrecy::{ExposeSecret as _, SecretString};

use envelope::Envelope;
pub use error::VaultError;
use keyring::Keyring;

/// Seals and opens secrets. Cheap to clone; clones share their data keys.
#[derive(Clone)]
pub struct Vault {
    keyring: Arc<Keyring>,
}

impl Vault {
    /// A vault under the KMS key `key_id`: a key id, an ARN or an alias. Asks KMS for nothing yet.
    #[must_use]
    pub fn new(kms: impl Into<Lazily<Client>>, key_id: String) -> Self {
        Self { keyring: Arc::new(Keyring::new(kms.into(), key_id)) }
    }

    /// Seals a secret, so that it opens in `place` and nowhere else.
    ///
    /// Costs a KMS call at most once an hour per kind of secret and process. `now` is the current time.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`] if a data key is needed and KMS gives none within 3 seconds: answer 503 and write
    /// nothing.
    pub async fn seal(&self, place: &SecretPlace, plaintext: &SecretString, now: Timestamp) -> Result<Sealed, VaultError> {
        let key = self.keyring.for_sealing(place.kind, now).await?;
        let envelope = Envelope::seal(&key, place, plaintext.expose_secret().as_bytes())?;
        Ok(Sealed::from_encoded(envelope.encode()))
    }

    /// Makes sure that a secret of this kind can be sealed now: for work that must not begin if it cannot be sealed.
    ///
    /// Costs what [`seal`](Self::seal) costs. `now` is the current time.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`] if a data key is needed and KMS gives none within 3 seconds.
    pub async fn prepare(&self, kind: SecretKind, now: Timestamp) -> Result<(), VaultError> {
        self.keyring.for_sealing(kind, now).await.map(drop)
    }

    /// Seals a secret anew under the vault's own KMS key; `None` if it lies under that one already.
    ///
    /// The secret is in memory between the two and nowhere else. `now` is the current time.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`seal`](Self::seal); [`VaultError::KeyRefused`] if KMS refuses the old key.
    pub async fn reseal(&self, place: &SecretPlace, sealed: &Sealed, now: Timestamp) -> Result<Option<Sealed>, VaultError> {
        let old = Envelope::decode(sealed.encoded())?;
        let key = self.keyring.for_sealing(place.kind, now).await?;
        if old.wrapped().key_id == key.wrapped().key_id {
            return Ok(None);
        }
        let opening = self.keyring.for_opening(place.kind, old.wrapped(), now).await.map_err(VaultError::of_old_key)?;
        let secret = old.open(&opening, place)?;
        let envelope = Envelope::seal(&key, place, secret.expose_secret().as_bytes())?;
        Ok(Some(Sealed::from_encoded(envelope.encode())))
    }

    /// Whether a sealed secret of this kind can be opened without a call to KMS, as far as its data key goes: this process has
    /// it. `now` is the current time.
    #[must_use]
    pub fn opens_at_once(&self, kind: SecretKind, sealed: &Sealed, now: Timestamp) -> bool {
        // What is no envelope fails to open, at once.
        Envelope::decode(sealed.encoded()).map_or(true, |envelope| self.keyring.has(kind, envelope.wrapped(), now))
    }

    /// Opens a sealed secret in its place.
    ///
    /// Costs a KMS call once an hour per data key and process. `now` is the current time.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`] if the data key has to be unwrapped and KMS does not do it within 3 seconds;
    /// [`VaultError::Corrupt`] if the value was sealed for another place, was changed, or is none of ours.
    pub async fn open(&self, place: &SecretPlace, sealed: &Sealed, now: Timestamp) -> Result<SecretString, VaultError> {
        let envelope = Envelope::decode(sealed.encoded())?;
        let key = self.keyring.for_opening(place.kind, envelope.wrapped(), now).await?;
        envelope.open(&key, place)
    }
}

/// Says what it is and nothing of its keys.
impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

#[cfg(test)]
mod tests;
