//! The token in a carrier's callback URLs: it says whose credential is meant, and nobody can guess it. And the marks by
//! which a callback is known again.
//!
//! Carriers sign their callbacks with the credential's token, so the credential has to be found before a signature can
//! be checked. The callback token carries its key: organization, mode and id, then 128 random bits of which only a hash
//! is stored.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CredentialId, Mode, OrgId};

const LIVE: u8 = 0;
const TEST: u8 = 1;

/// Organization, mode, credential, random part.
const BYTES: usize = 16 + 1 + 16 + 16;

/// The token of one credential's callback URLs. Shown when it is made, never stored, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackToken {
    /// Whose credential it is.
    pub org: OrgId,
    /// In which data set.
    pub mode: Mode,
    /// Which credential.
    pub credential: CredentialId,
    secret: [u8; 16],
}

/// The text is no callback token.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a callback token")]
pub struct NotACallbackToken;

impl CallbackToken {
    /// The token with these random bytes.
    #[must_use]
    pub const fn new(org: OrgId, mode: Mode, credential: CredentialId, secret: [u8; 16]) -> Self {
        Self { org, mode, credential, secret }
    }

    /// What is stored of it: the SHA-256 of its random part, in hexadecimal. A fast hash is right here: the part is
    /// random, not a password that could be guessed.
    #[must_use]
    pub fn hash(&self) -> String {
        hex::encode(digest::digest(&digest::SHA256, &self.secret))
    }

    /// The token itself, for the one answer that shows it: 66 characters that may stand in a path.
    #[must_use]
    pub fn reveal(&self) -> String {
        let mode = match self.mode {
            Mode::Live => LIVE,
            Mode::Test => TEST,
        };
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend_from_slice(self.org.as_uuid().as_bytes());
        bytes.push(mode);
        bytes.extend_from_slice(self.credential.as_uuid().as_bytes());
        bytes.extend_from_slice(&self.secret);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

impl FromStr for CallbackToken {
    type Err = NotACallbackToken;

    /// Reads a token; knows nothing of whether it was ever issued.
    fn from_str(text: &str) -> Result<Self, NotACallbackToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotACallbackToken)?;
        take_apart(&bytes).ok_or(NotACallbackToken)
    }
}

/// How long a carrier's nonce counts as used: 24 hours, in seconds.
pub const NONCE_KEPT_SECONDS: i64 = 24 * 3600;

/// A carrier's nonce as it is kept: its SHA-256. What a carrier writes there is free text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonceMark(String);

impl NonceMark {
    /// The mark of a nonce.
    #[must_use]
    pub fn of(nonce: &str) -> Self {
        Self(marked(&[nonce.as_bytes()]))
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for NonceMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How long it is known whose a call is that came by a credential of the operator's: three days, in seconds. What a
/// carrier tells of a call comes within minutes of its end.
pub const CARRIED_KEPT_SECONDS: i64 = 3 * 24 * 3600;

/// A carrier's id of a call as it is kept beside others: its SHA-256. Who has the mark does not have the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallMark {
    name: String,
    mask: u128,
}

impl CallMark {
    /// The mark of a call.
    #[must_use]
    pub fn of(carrier_call_id: &str) -> Self {
        let id = carrier_call_id.as_bytes();
        let mask = digest::digest(&digest::SHA256, &[b"mask", id].concat());
        let mask = mask.as_ref().first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        Self { name: marked(&[id]), mask }
    }

    /// An id that only who knows the carrier's id of the call can read, and such an id read again: the same twice gives what it was.
    #[must_use]
    pub fn masked(&self, id: Uuid) -> Uuid {
        Uuid::from_u128(id.as_u128() ^ self.mask)
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for CallMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A whole callback, by which its repetition is told from another one under the same nonce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestMark(String);

impl RequestMark {
    /// The mark of a request.
    #[must_use]
    pub fn of(method: &str, path: &str, query: &str, body: &[u8]) -> Self {
        Self(marked(&[method.as_bytes(), path.as_bytes(), query.as_bytes(), body]))
    }
}

/// The SHA-256 of parts, each after its length, so that none can take over the end of another.
fn marked(parts: &[&[u8]]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    hex::encode(context.finish())
}

fn take_apart(bytes: &[u8]) -> Option<CallbackToken> {
    let (org, rest) = bytes.split_first_chunk::<16>()?;
    let (&[mode], rest) = rest.split_first_chunk::<1>()?;
    let (credential, secret) = rest.split_first_chunk::<16>()?;
    let mode = match mode {
        LIVE => Mode::Live,
        TEST => Mode::Test,
        _ => return None,
    };
    let credential = CredentialId::from_uuid(Uuid::from_bytes(*credential));
    Some(CallbackToken::new(OrgId::from_uuid(Uuid::from_bytes(*org)), mode, credential, secret.try_into().ok()?))
}

/// Says whose it is and nothing that opens the door.
impl fmt::Debug for CallbackToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackToken").field("credential", &self.credential).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(org: u128, test: bool, credential: u128, secret: [u8; 16]) -> CallbackToken {
        let mode = if test { Mode::Test } else { Mode::Live };
        CallbackToken::new(OrgId::from_uuid(Uuid::from_u128(org)), mode, CredentialId::from_uuid(Uuid::from_u128(credential)), secret)
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let sound = token(1, true, 2, [3; 16]).reveal();
        for wrong in ["", "x", &sound[1..], &format!("{sound}A"), &format!("{sound}="), &format!("_{}", &sound[1..]).replace('A', "+")] {
            assert_eq!(wrong.parse::<CallbackToken>(), Err(NotACallbackToken), "{wrong}");
        }
        let mut unknown_mode = URL_SAFE_NO_PAD.decode(&sound).unwrap();
        unknown_mode[16] = 2;
        assert_eq!(URL_SAFE_NO_PAD.encode(unknown_mode).parse::<CallbackToken>(), Err(NotACallbackToken));
    }

    #[test]
    fn the_random_part_is_not_printed() {
        let token = token(1, false, 2, [0xAB; 16]);
        assert!(!format!("{token:?}").contains("171"));
    }

    #[test]
    fn no_part_of_a_request_passes_for_the_end_of_another() {
        let marks = [
            RequestMark::of("POST", "/voice", "", b"a=1"),
            RequestMark::of("POST", "/voice", "a=1", b""),
            RequestMark::of("POST", "/voicea", "=1", b""),
            RequestMark::of("GET", "/voice", "", b"a=1"),
            RequestMark::of("POST", "/voice", "", b"a=2"),
        ];
        assert!((0..marks.len()).all(|at| !marks[..at].contains(&marks[at])));
        assert_eq!(marks[0], RequestMark::of("POST", "/voice", "", b"a=1"));
        assert_eq!(NonceMark::of("a#b").to_string().len(), 64);
    }

    proptest! {
        #[test]
        fn every_token_reads_back_as_itself(org: u128, test: bool, credential: u128, secret: [u8; 16]) {
            let token = token(org, test, credential, secret);
            let text = token.reveal();
            prop_assert_eq!(text.len(), 66);
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')));
            prop_assert_eq!(text.parse::<CallbackToken>(), Ok(token));
        }

        #[test]
        fn a_masked_id_is_read_with_the_calls_id_alone(id: u128, call in "[!-~]{1,40}", other in "[!-~]{1,40}") {
            prop_assume!(call != other);
            let (id, mark) = (Uuid::from_u128(id), CallMark::of(&call));
            prop_assert_eq!(mark.masked(mark.masked(id)), id);
            prop_assert_ne!(CallMark::of(&other).masked(mark.masked(id)), id);
            prop_assert!(!mark.to_string().contains(&mark.masked(Uuid::nil()).simple().to_string()), "the mark does not tell the mask");
        }

        #[test]
        fn only_the_random_part_makes_the_hash(secret: [u8; 16], other: [u8; 16]) {
            prop_assume!(secret != other);
            prop_assert_eq!(token(1, true, 2, secret).hash(), token(3, false, 4, secret).hash());
            prop_assert_ne!(token(1, true, 2, secret).hash(), token(1, true, 2, other).hash());
        }
    }
}
