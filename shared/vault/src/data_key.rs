//! A data key in memory: seals and opens, and cannot be read, printed or copied.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::error::{Fault, KmsFault, VaultError};

/// Where KMS wrapped a data key, and what it made of it: enough to ask for the key again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct WrappedKey {
    /// The key as KMS encrypted it.
    pub(crate) ciphertext: Vec<u8>,
    /// The KMS key that did it, as KMS named it: an ARN.
    pub(crate) key_id: String,
}

/// An unwrapped AES-256 key. AWS-LC holds its only copy and wipes it when it is dropped.
pub(crate) struct DataKey {
    cipher: RandomizedNonceKey,
    wrapped: WrappedKey,
}

impl DataKey {
    /// Takes the plaintext of a data key from an answer of KMS; the answer's bytes are wiped.
    pub(crate) fn new(plaintext: Option<Zeroizing<Vec<u8>>>, wrapped: WrappedKey) -> Result<Self, KmsFault> {
        let plaintext = plaintext.ok_or(KmsFault::Unreadable)?;
        let cipher = RandomizedNonceKey::new(&AES_256_GCM, &plaintext).map_err(|_| KmsFault::Unreadable)?;
        Ok(Self { cipher, wrapped })
    }

    /// The form in which the key may be stored.
    pub(crate) const fn wrapped(&self) -> &WrappedKey {
        &self.wrapped
    }

    /// Encrypts under a fresh random nonce; the ciphertext ends with its tag.
    pub(crate) fn encrypt(&self, associated: &[u8], plaintext: &[u8]) -> Result<([u8; NONCE_LEN], Vec<u8>), VaultError> {
        // Room for the tag, so that no plaintext is left behind by a growing buffer.
        let mut buffer = Zeroizing::new(Vec::with_capacity(plaintext.len() + AES_256_GCM.tag_len()));
        buffer.extend_from_slice(plaintext);
        let sealed = self.cipher.seal_in_place_append_tag(Aad::from(associated), &mut *buffer);
        let nonce = sealed.map_err(|error| VaultError::Unavailable(Box::new(error)))?;
        Ok((*nonce.as_ref(), std::mem::take(&mut *buffer)))
    }

    /// Decrypts and authenticates.
    pub(crate) fn decrypt(&self, associated: &[u8], nonce: [u8; NONCE_LEN], ciphertext: &[u8]) -> Result<SecretString, Fault> {
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.cipher.open_in_place(nonce, Aad::from(associated), &mut buffer);
        let plaintext = opened.map_err(|_| Fault::Unauthentic)?;
        std::str::from_utf8(plaintext).map(SecretString::from).map_err(|_| Fault::NoText)
    }
}
