//! What the carriers' signatures have in common: an HMAC under the account's token, in base64.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString};

/// A request that its carrier signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The nonces whose signatures were right: none for Twilio, one for Plivo, for Vobiz one for each of its two
    /// schemes that the request carries. 1 to 64 letters, digits, hyphens and underscores.
    ///
    /// A request is new only if none of them was seen before: each of them alone would verify again.
    pub nonces: Vec<String>,
}

/// The request is not known to come from the carrier. Says no more: what was missing or wrong helps only a forger.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the request carries no valid signature of its carrier")]
pub struct Refused;

/// The longest nonce. Carriers send twenty digits.
const MAX_NONCE_LENGTH: usize = 64;

/// Whether one of the signatures is that of one of the texts under one of the tokens. Compares in constant time, and
/// leaves nothing out once it has found one.
pub(crate) fn any_fits(algorithm: hmac::Algorithm, tokens: &[SecretString], texts: &[&[u8]], signatures: &[Vec<u8>]) -> bool {
    let mut fits = false;
    for token in tokens {
        let key = hmac::Key::new(algorithm, token.expose_secret().as_bytes());
        for text in texts {
            for signature in signatures {
                fits |= hmac::verify(&key, text, signature).is_ok();
            }
        }
    }
    fits
}

/// The signatures of a header: base64 in its one spelling, several separated by commas. What is none is left out.
pub(crate) fn signatures(header: Option<&str>) -> impl Iterator<Item = Vec<u8>> {
    let texts = header.into_iter().flat_map(|header| header.split(',').take(8));
    texts.filter_map(|text| STANDARD.decode(text.trim_matches(' ')).ok())
}

/// A nonce that cannot be taken for a part of the text it is joined with.
pub(crate) fn nonce(header: Option<&str>) -> Result<&str, Refused> {
    let is_plain = |text: &&str| {
        (1..=MAX_NONCE_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    header.filter(is_plain).ok_or(Refused)
}
