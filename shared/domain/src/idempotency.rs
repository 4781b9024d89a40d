//! Idempotency keys: what makes two requests the same one.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;
use uuid::Uuid;

use crate::{Principal, Timestamp};

/// How long a finished request is replayed: 24 hours, in seconds.
pub const KEPT_SECONDS: i64 = 24 * 3600;

/// How long a request that was begun and never finished holds its key, in milliseconds: as long as a function may
/// run.
pub const LEASE_MILLIS: i64 = 10_000;

/// The longest key, in characters.
pub const MAX_KEY_CHARS: usize = 255;

/// Which request it is: principal, method, canonical route and the caller's key, as one digest. Organization and mode
/// stand beside it wherever it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestKey([u8; 32]);

impl RequestKey {
    /// The key of a request. `route` is the path without a family prefix or a slash at its end.
    #[must_use]
    pub fn new(principal: Principal, method: &str, route: &str, key: &str) -> Self {
        Self(digest_of(&[&principal.to_bytes(), method.as_bytes(), route.as_bytes(), key.as_bytes()]))
    }

    /// A UUID for what belongs to the request, such as its sealed answer.
    #[must_use]
    pub fn as_uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.0[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// The bytes from which the ids of what the request creates are made: the same at every try.
    #[must_use]
    pub fn id_bytes(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&self.0[16..26]);
        bytes
    }
}

/// The text is no request's key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be 64 hexadecimal digits")]
pub struct NotARequestKey;

impl FromStr for RequestKey {
    type Err = NotARequestKey;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self, NotARequestKey> {
        let bytes = hex::decode(text).map_err(|_| NotARequestKey)?;
        bytes.try_into().map(Self).map_err(|_| NotARequestKey)
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// What a request asks for beyond its route: query and body, as one digest in hexadecimal.
///
/// `pepper` is known to the caller and not to the table: a body may hold a weak secret that could be guessed from a bare
/// digest.
#[must_use]
pub fn fingerprint(pepper: &[u8], query: &str, body: &[u8]) -> String {
    hex::encode(digest_of(&[pepper, query.as_bytes(), body]))
}

/// The time and the random part of the id of what a request creates. For a request with an idempotency key both come
/// from its first try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Birth {
    /// When the request was first tried.
    pub at: Timestamp,
    /// The random part.
    pub bytes: [u8; 10],
}

impl Birth {
    /// The request as text: equal for all tries of one request, and for no others.
    #[must_use]
    pub fn name(&self) -> String {
        hex::encode(self.bytes)
    }
}

/// SHA-256 over the parts, each after its length: no two lists of parts give the same bytes.
fn digest_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_request_tells_it_from_others() {
        let id = "0198c0de-0000-7000-8000-000000000001";
        let (principal, user) = (Principal::Key(id.parse().unwrap()), Principal::User(id.parse().unwrap()));
        let other = Principal::Key("0198c0de-0000-7000-8000-000000000002".parse().unwrap());
        let key = RequestKey::new(principal, "POST", "/endpoints", "k");
        assert_eq!(key, RequestKey::new(principal, "POST", "/endpoints", "k"));
        assert_eq!(key.to_string().parse::<RequestKey>(), Ok(key));
        assert_eq!("00".parse::<RequestKey>(), Err(NotARequestKey));
        for different in [
            RequestKey::new(user, "POST", "/endpoints", "k"),
            RequestKey::new(other, "POST", "/endpoints", "k"),
            RequestKey::new(principal, "PATCH", "/endpoints", "k"),
            RequestKey::new(principal, "POST", "/endpoint", "sk"),
            RequestKey::new(principal, "POST", "/endpoints", "l"),
        ] {
            assert_ne!(key, different);
        }
        assert_ne!(fingerprint(b"p", "a", b"b"), fingerprint(b"p", "ab", b""));
        assert_ne!(fingerprint(b"p", "a", b"b"), fingerprint(b"q", "a", b"b"));
    }
}
