//! API keys: how they look, how a typing error is told from a key, what is stored of them.
//!
//! `kros_live_` or `kros_test_`, 30 base62 characters of secret (178 bits), 6 base62 characters of CRC-32 over
//! all that stands before. The format is the one GitHub published for its tokens in 2021: a scanner can verify a
//! leaked key offline, and a wrong checksum costs the API no look-up.

use std::{fmt, net::IpAddr, str::FromStr};

use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{KeyId, Mode, OrgId, Timestamp, allowed_ip::AllowedIp, scope::Scopes};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SECRET_LENGTH: usize = 30;
const CHECKSUM_LENGTH: usize = 6;

/// Every key starts with this; what follows tells the mode.
pub const PREFIX: &str = "kros_";

/// A regular expression for secret scanners that finds every key and little else.
pub const PATTERN: &str = r"\bkros_(live|test)_[0-9A-Za-z]{36}\b";

/// The most keys of one organization that are not revoked, those of both modes together.
pub const MAX_KEYS: usize = 100;

/// The most characters of a key's name.
pub const MAX_NAME_CHARS: usize = 100;

/// How long a revoked key can still be read: 90 days, in seconds.
pub const REVOKED_KEPT_SECONDS: i64 = 90 * 24 * 3600;

/// How many of a key's last characters its owner is shown to know it by. They are of the checksum: 24 bits that leave
/// the secret more than 150.
const HINT_LENGTH: usize = 4;

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

    /// The key's last characters, by which its owner knows it again.
    #[must_use]
    pub fn hint(&self) -> &str {
        self.0.split_at_checked(self.0.len().saturating_sub(HINT_LENGTH)).map_or("", |(_, hint)| hint)
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

/// The text is no hash of a key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be 64 hexadecimal digits")]
pub struct NotAKeyHash;

impl FromStr for KeyHash {
    type Err = NotAKeyHash;

    fn from_str(text: &str) -> Result<Self, NotAKeyHash> {
        hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(NotAKeyHash)
    }
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What is known of an issued key and decides whether it is honoured. The key itself is not known.
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
    /// When its settings last changed; two versions of a key differ in it.
    pub updated_at: Timestamp,
    /// Where it may be used from; everywhere if nothing is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_ips: Vec<AllowedIp>,
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
    /// It may not be used from there.
    Address,
}

impl ApiKey {
    /// Whether the key may be used now, from this address. An address that is not known is none that is allowed.
    ///
    /// # Errors
    /// [`KeyRefusal`] with the reason; of several the first one of its list.
    pub fn check(&self, now: Timestamp, from: Option<IpAddr>) -> Result<(), KeyRefusal> {
        if self.revoked_at.is_some() {
            return Err(KeyRefusal::Revoked);
        }
        if self.valid_until.is_some_and(|end| end <= now) {
            return Err(KeyRefusal::Expired);
        }
        let allowed = |address| self.allowed_ips.iter().any(|range| range.contains(address));
        if self.allowed_ips.is_empty() || from.is_some_and(allowed) { Ok(()) } else { Err(KeyRefusal::Address) }
    }

    /// The key as it is once revoked.
    #[must_use]
    pub fn revoked(&self, now: Timestamp) -> Self {
        let at = self.next_version(now);
        Self { revoked_at: Some(at), updated_at: at, ..self.clone() }
    }

    /// A time for the version after this one.
    fn next_version(&self, now: Timestamp) -> Timestamp {
        now.max(self.updated_at.plus_millis(1))
    }
}

/// Settings of a key that a PATCH changes; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyChange {
    /// What its owner calls it.
    pub name: Option<String>,
    /// What it may do.
    pub scopes: Option<Scopes>,
    /// Where it may be used from; an empty list lifts the limit.
    pub allowed_ips: Option<Vec<AllowedIp>>,
    /// From when on it is refused; `Some(None)` means never.
    pub valid_until: Option<Option<Timestamp>>,
}

impl KeyChange {
    /// Whether it changes what somebody can do with the key, and not its name alone.
    #[must_use]
    pub const fn changes_power(&self) -> bool {
        self.scopes.is_some() || self.allowed_ips.is_some() || self.valid_until.is_some()
    }

    /// The key as it is after the change.
    #[must_use]
    pub fn applied_to(&self, key: &ApiKey, now: Timestamp) -> ApiKey {
        ApiKey {
            name: self.name.clone().unwrap_or_else(|| key.name.clone()),
            scopes: self.scopes.clone().unwrap_or_else(|| key.scopes.clone()),
            allowed_ips: self.allowed_ips.clone().unwrap_or_else(|| key.allowed_ips.clone()),
            valid_until: self.valid_until.unwrap_or(key.valid_until),
            updated_at: key.next_version(now),
            ..key.clone()
        }
    }
}

/// A key as its organization keeps it: what decides, and what is only told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// What decides.
    #[serde(flatten)]
    pub key: ApiKey,
    /// The hash under which the key is looked up. Never shown.
    pub key_hash: KeyHash,
    /// The key's last characters.
    pub hint: String,
    /// When it was last used, to within a minute or two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
}

impl KeyRecord {
    /// The record of a key that was just minted.
    #[must_use]
    pub fn new(key: ApiKey, text: &ApiKeyText) -> Self {
        Self { key, key_hash: text.hash(), hint: text.hint().to_owned(), last_used_at: None }
    }
}

#[cfg(test)]
mod tests;
