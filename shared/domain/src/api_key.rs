//! API keys: how they look, how a typing error is told from a key, what is stored of them.
//!
//! `kros_live_` or `kros_test_`, 30 base62 characters of secret (178 bits), 6 base62 characters of CRC-32 over
//! all that stands before. The format is the one GitHub published for its tokens in 2021: a scanner can verify a
//! leaked key offline, and a wrong checksum costs the API no look-up.

use std::fmt;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::{KeyId, Mode, OrgId, Timestamp, scope::Scopes};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SECRET_LENGTH: usize = 30;
const CHECKSUM_LENGTH: usize = 6;

/// Every key starts with this; what follows tells the mode.
pub const PREFIX: &str = "kros_";

/// A regular expression for secret scanners that finds every key and little else.
pub const PATTERN: &str = "kros_(live|test)_[0-9A-Za-z]{36}";

/// A key as its owner holds it. Printed once, when it is minted; never stored, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKeyText(String);

/// The text is no key: wrong prefix, length, characters or checksum.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an API key")]
pub struct NotAnApiKey;

impl ApiKeyText {
    /// Makes a key from 256 random bits.
    #[must_use]
    pub fn mint(mode: Mode, random: [u8; 32]) -> Self {
        let (high, low) = random.split_at(16);
        let mut text = format!("{PREFIX}{mode}_");
        // Each half of 128 bits yields 15 digits (89 bits): the remainder that is dropped hides the bias.
        for half in [high, low] {
            let number = half.iter().fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
            push_base62(&mut text, number, SECRET_LENGTH / 2);
        }
        let checksum = crc32fast::hash(text.as_bytes());
        push_base62(&mut text, checksum.into(), CHECKSUM_LENGTH);
        Self(text)
    }

    /// Reads a key and checks its checksum; knows nothing of whether it was ever issued.
    ///
    /// # Errors
    /// [`NotAnApiKey`] for anything that [`ApiKeyText::mint`] cannot have made.
    pub fn parse(text: &str) -> Result<Self, NotAnApiKey> {
        let bare = text.strip_prefix(PREFIX).ok_or(NotAnApiKey)?;
        let rest = bare.strip_prefix("live_").or_else(|| bare.strip_prefix("test_")).ok_or(NotAnApiKey)?;
        if rest.len() != SECRET_LENGTH + CHECKSUM_LENGTH || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(NotAnApiKey);
        }
        let (body, checksum) = text.split_at(text.len() - CHECKSUM_LENGTH);
        let mut expected = String::with_capacity(CHECKSUM_LENGTH);
        push_base62(&mut expected, crc32fast::hash(body.as_bytes()).into(), CHECKSUM_LENGTH);
        if checksum == expected { Ok(Self(text.to_owned())) } else { Err(NotAnApiKey) }
    }

    /// What is stored and looked up in the key's place.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref());
        KeyHash(hash)
    }

    /// A value that follows from the key and from nothing that is stored: it keeps digests of what the holder sends from
    /// being guessed.
    #[must_use]
    pub fn pepper(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"trunkline pepper ");
        context.update(self.0.as_bytes());
        let mut pepper = [0; 32];
        pepper.copy_from_slice(context.finish().as_ref());
        pepper
    }

    /// The key itself, for the one answer that shows it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyText(…)")
    }
}

fn push_base62(text: &mut String, mut number: u128, length: usize) {
    let start = text.len();
    for _ in 0..length {
        let digit = ALPHABET.get((number % 62) as usize).copied().unwrap_or(b'0');
        text.insert(start, char::from(digit));
        number /= 62;
    }
}

/// The SHA-256 of a key. A fast hash is right here: the key is random, not a password that could be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// What is known of an issued key. The key itself is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// The key's public name.
    pub id: KeyId,
    /// Whose data the key reaches.
    pub organization_id: OrgId,
    /// Which data set the key reaches.
    pub mode: Mode,
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it was minted.
    pub created_at: Timestamp,
    /// From when on it is refused; `None` means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// When it was revoked; a revoked key is never honoured again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// Why an issued key is not honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefusal {
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
}

impl ApiKey {
    /// Whether the key may be used now.
    ///
    /// # Errors
    /// [`KeyRefusal`] with the reason; a key both revoked and expired counts as revoked.
    pub fn check(&self, now: Timestamp) -> Result<(), KeyRefusal> {
        if self.revoked_at.is_some() {
            return Err(KeyRefusal::Revoked);
        }
        match self.valid_until {
            Some(end) if end <= now => Err(KeyRefusal::Expired),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_minted_key_has_the_published_shape() {
        let key = ApiKeyText::mint(Mode::Live, [0xA5; 32]);
        assert!(key.reveal().starts_with("kros_live_"));
        assert_eq!(key.reveal().len(), 46);
        assert_eq!(format!("{key:?}"), "ApiKeyText(…)");
    }

    #[test]
    fn a_revoked_or_expired_key_says_which() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let id = KeyId::new(now, [0; 10]);
        let organization_id = OrgId::new(now, [0; 10]);
        let key = ApiKey {
            id,
            organization_id,
            mode: Mode::Live,
            name: "k".into(),
            scopes: Scopes::new(),
            created_at: now,
            valid_until: None,
            revoked_at: None,
        };
        assert_eq!(key.check(now), Ok(()));
        assert_eq!(ApiKey { valid_until: Some(now), ..key.clone() }.check(now), Err(KeyRefusal::Expired));
        assert_eq!(ApiKey { valid_until: Some(now), revoked_at: Some(now), ..key }.check(now), Err(KeyRefusal::Revoked));
    }

    proptest! {
        #[test]
        fn every_minted_key_is_read_back(random: [u8; 32]) {
            for mode in Mode::ALL {
                let key = ApiKeyText::mint(mode, random);
                prop_assert_eq!(ApiKeyText::parse(key.reveal()), Ok(key.clone()));
            }
        }

        #[test]
        fn one_changed_character_is_noticed(random: [u8; 32], at in 10_usize..46, to in 0_usize..62) {
            let key = ApiKeyText::mint(Mode::Test, random);
            let mut bytes = key.reveal().as_bytes().to_vec();
            prop_assume!(bytes[at] != ALPHABET[to]);
            bytes[at] = ALPHABET[to];
            prop_assert_eq!(ApiKeyText::parse(std::str::from_utf8(&bytes).unwrap()), Err(NotAnApiKey));
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in "\\PC*") {
            prop_assert_eq!(ApiKeyText::parse(&text), Err(NotAnApiKey));
        }
    }
}
