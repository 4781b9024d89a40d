//! The stored form of a sealed secret, and what its authenticity covers.
//!
//! Bytes, all lengths big-endian: version (1) · length (2) and wrapped data key · length (2) and KMS key id ·
//! nonce (12) · ciphertext with tag; then URL-safe base64 without padding. Everything before the nonce is associated
//! data, and the place is: KMS is not relied on to notice a change.

use aws_lc_rs::aead::NONCE_LEN;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::secret::SecretPlace;
use secrecy::SecretString;

use crate::{
    data_key::{DataKey, WrappedKey},
    error::{Fault, VaultError},
};

/// The form written by this version, and the only one read so far.
const VERSION: u8 = 1;

/// The bytes of a GCM tag, at the end of every ciphertext.
const TAG_LENGTH: usize = 16;

/// A sealed secret, taken apart.
pub(crate) struct Envelope {
    wrapped: WrappedKey,
    nonce: [u8; NONCE_LEN],
    ciphertext: Vec<u8>,
}

impl Envelope {
    /// Seals a plaintext for its place.
    pub(crate) fn seal(key: &DataKey, place: &SecretPlace, plaintext: &[u8]) -> Result<Self, VaultError> {
        let wrapped = key.wrapped().clone();
        let (nonce, ciphertext) = key.encrypt(&associated_data(&wrapped, place), plaintext)?;
        Ok(Self { wrapped, nonce, ciphertext })
    }

    /// Opens it in a place, with the data key that [`wrapped`](Self::wrapped) stands for.
    pub(crate) fn open(&self, key: &DataKey, place: &SecretPlace) -> Result<SecretString, VaultError> {
        Ok(key.decrypt(&associated_data(&self.wrapped, place), self.nonce, &self.ciphertext)?)
    }

    /// The data key that opens it, as KMS knows it.
    pub(crate) const fn wrapped(&self) -> &WrappedKey {
        &self.wrapped
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> String {
        let mut bytes = header(&self.wrapped);
        bytes.extend_from_slice(&self.nonce);
        bytes.extend_from_slice(&self.ciphertext);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the stored form. One envelope has one form: other spellings of its base64 are refused.
    pub(crate) fn decode(encoded: &str) -> Result<Self, Fault> {
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Fault::Malformed)?;
        Self::take_apart(&bytes).ok_or(Fault::Malformed)
    }

    fn take_apart(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[VERSION])?;
        let (ciphertext, rest) = counted(rest)?;
        let (key_id, rest) = counted(rest)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        if ciphertext.is_empty() || key_id.is_empty() || sealed.len() < TAG_LENGTH {
            return None;
        }
        let wrapped = WrappedKey { ciphertext: ciphertext.to_vec(), key_id: String::from_utf8(key_id.to_vec()).ok()? };
        Some(Self { wrapped, nonce: *nonce, ciphertext: sealed.to_vec() })
    }
}

/// Takes a length of two bytes and as many bytes off the front.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// The stored form up to the nonce.
fn header(wrapped: &WrappedKey) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    push_counted(&mut bytes, &wrapped.ciphertext);
    push_counted(&mut bytes, wrapped.key_id.as_bytes());
    bytes
}

/// What the tag covers beside the ciphertext: the header, then organization, mode, kind and id. Every part is of
/// fixed length or follows its length, so that no two places share an encoding.
fn associated_data(wrapped: &WrappedKey, place: &SecretPlace) -> Vec<u8> {
    let SecretPlace { org, mode, kind, id } = place;
    let mut bytes = header(wrapped);
    bytes.extend_from_slice(org.as_uuid().as_bytes());
    push_counted(&mut bytes, mode.as_str().as_bytes());
    push_counted(&mut bytes, kind.as_str().as_bytes());
    bytes.extend_from_slice(id.as_bytes());
    bytes
}

/// Appends a part after its length. KMS's wrapped keys and ids are far below the 65,535 bytes that fit: the keyring
/// takes no longer ones.
fn push_counted(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend_from_slice(part);
}
