//! Signatures of webhooks: what a sender adds to a body and how a receiver checks it.
//!
//! Two schemes at once: [Standard Webhooks 1.0] in three headers, and the plain body signature in
//! `X-Webhook-Signature`. Nothing here asks the clock or draws random bytes, and no secret is printed.
//!
//! [Standard Webhooks 1.0]: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

use std::fmt;

use aws_lc_rs::hmac;
use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use domain::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

/// The header with the id of one event's way to one receiver; equal in every retry and replay.
pub const WEBHOOK_ID: &str = "webhook-id";
/// The header with the attempt's time in Unix seconds.
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// The header with the space-separated Standard Webhooks signatures.
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";
/// The header with the plain signature over the body.
pub const X_WEBHOOK_SIGNATURE: &str = "x-webhook-signature";

/// What every signing secret starts with.
pub const SECRET_PREFIX: &str = "whsec_";

/// How far the time of a webhook may be from the receiver's clock, in seconds, as Standard Webhooks' own libraries
/// have it.
pub const TOLERANCE_SECONDS: u64 = 300;

/// The key lengths in bytes that Standard Webhooks allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Standard base64; a secret that someone copied without its padding is still the same secret.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&base64::alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// A receiver's signing secret, `whsec_` and base64 of 24 to 64 bytes, ready to sign with.
///
/// Neither printed nor serialised; [`reveal`](Self::reveal) is the only way to its text.
#[derive(Clone)]
pub struct SigningSecret {
    text: SecretString,
    /// Keyed with the decoded part: Standard Webhooks.
    content_key: hmac::Key,
    /// Keyed with the whole text as issued: `X-Webhook-Signature`.
    body_key: hmac::Key,
}

/// The text is no signing secret. Says what is allowed and nothing of the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be whsec_ and the base64 of 24 to 64 bytes")]
pub struct InvalidSecret;

/// Why a webhook is not what it claims to be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VerifyError {
    /// The timestamp header is no Unix time in seconds.
    #[error("the webhook's timestamp is no number of seconds")]
    Malformed,
    /// The timestamp is further than [`TOLERANCE_SECONDS`] from the receiver's clock.
    #[error("the webhook's timestamp is too far from the clock")]
    Stale,
    /// No signature fits the secret.
    #[error("no signature of the webhook fits")]
    Mismatch,
}

impl SigningSecret {
    /// Reads a secret as its owner holds it.
    ///
    /// # Errors
    /// [`InvalidSecret`] if the prefix, the base64 or the length is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(SECRET_PREFIX).ok_or(InvalidSecret)?;
        let key: SecretSlice<u8> = BASE64.decode(encoded).map_err(|_| InvalidSecret)?.into();
        if !KEY_BYTES.contains(&key.expose_secret().len()) {
            return Err(InvalidSecret);
        }
        Ok(Self {
            text: SecretString::from(text),
            content_key: hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret()),
            body_key: body_key(text),
        })
    }

    /// Makes a secret from 256 random bits.
    #[must_use]
    pub fn generate(random: &[u8; 32]) -> Self {
        let text = SecretString::from(format!("{SECRET_PREFIX}{}", STANDARD.encode(random)));
        Self { content_key: hmac::Key::new(hmac::HMAC_SHA256, random), body_key: body_key(text.expose_secret()), text }
    }

    /// The text itself, for sealing it and for the one answer that shows it.
    #[must_use]
    pub const fn reveal(&self) -> &SecretString {
        &self.text
    }

    /// The Standard Webhooks signature, `v1,` and base64.
    fn sign_content(&self, id: &str, seconds: &str, body: &[u8]) -> String {
        format!("v1,{}", STANDARD.encode(content_tag(&self.content_key, id, seconds, body)))
    }
}

/// Says that it is a secret and nothing else.
impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

fn body_key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

fn content_tag(key: &hmac::Key, id: &str, seconds: &str, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        context.update(part);
    }
    context.sign()
}

fn sign_body(key: &hmac::Key, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(hmac::sign(key, body)))
}

/// The values of the four headers that go with one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatures {
    /// For [`WEBHOOK_ID`].
    pub webhook_id: String,
    /// For [`WEBHOOK_TIMESTAMP`].
    pub webhook_timestamp: String,
    /// For [`WEBHOOK_SIGNATURE`]: the current secret's signature, then the previous one's during a rotation.
    pub webhook_signature: String,
    /// For [`X_WEBHOOK_SIGNATURE`]: one signature, by the previous secret during a rotation.
    pub x_webhook_signature: String,
}

impl Signatures {
    /// Signs one attempt.
    ///
    /// `previous` is the old secret as long as a rotation runs. `X-Webhook-Signature` has room for one signature, so
    /// it keeps to the old secret until the rotation's end: a receiver that knows only this header changes its secret
    /// once, at any time before that end.
    #[must_use]
    pub fn new(id: &str, at: Timestamp, body: &[u8], current: &SigningSecret, previous: Option<&SigningSecret>) -> Self {
        let webhook_timestamp = at.as_seconds().to_string();
        let mut webhook_signature = current.sign_content(id, &webhook_timestamp, body);
        if let Some(previous) = previous {
            webhook_signature.push(' ');
            webhook_signature.push_str(&previous.sign_content(id, &webhook_timestamp, body));
        }
        Self {
            webhook_id: id.to_owned(),
            webhook_timestamp,
            webhook_signature,
            x_webhook_signature: sign_body(&previous.unwrap_or(current).body_key, body),
        }
    }

    /// The four headers as name and value, names in lower case.
    #[must_use]
    pub fn headers(&self) -> [(&'static str, &str); 4] {
        [
            (WEBHOOK_ID, &self.webhook_id),
            (WEBHOOK_TIMESTAMP, &self.webhook_timestamp),
            (WEBHOOK_SIGNATURE, &self.webhook_signature),
            (X_WEBHOOK_SIGNATURE, &self.x_webhook_signature),
        ]
    }

    /// Checks the Standard Webhooks headers as a receiver does, in constant time per signature.
    ///
    /// # Errors
    /// [`VerifyError::Malformed`] or [`VerifyError::Stale`] for the timestamp, [`VerifyError::Mismatch`] if none of
    /// the `v1` signatures was made with `secret` over this id, time and body.
    pub fn verify(&self, body: &[u8], secret: &SigningSecret, now: Timestamp) -> Result<(), VerifyError> {
        let seconds: i64 = self.webhook_timestamp.parse().map_err(|_| VerifyError::Malformed)?;
        if now.as_seconds().abs_diff(seconds) > TOLERANCE_SECONDS {
            return Err(VerifyError::Stale);
        }
        let content = [self.webhook_id.as_bytes(), b".", self.webhook_timestamp.as_bytes(), b".", body].concat();
        let fits = |signature: &str| {
            let tag = signature.strip_prefix("v1,").and_then(|encoded| STANDARD.decode(encoded).ok());
            tag.is_some_and(|tag| hmac::verify(&secret.content_key, &content, &tag).is_ok())
        };
        if self.webhook_signature.split(' ').any(fits) { Ok(()) } else { Err(VerifyError::Mismatch) }
    }
}

/// Checks `X-Webhook-Signature` as a receiver does, in constant time: `secret` is the text as issued.
///
/// # Errors
/// [`VerifyError::Mismatch`] if the signature was not made with `secret` over this body.
pub fn verify_body(secret: &str, body: &[u8], signature: &str) -> Result<(), VerifyError> {
    let tag = signature.strip_prefix("sha256=").and_then(|encoded| hex::decode(encoded).ok());
    let fits = tag.is_some_and(|tag| hmac::verify(&body_key(secret), body, &tag).is_ok());
    if fits { Ok(()) } else { Err(VerifyError::Mismatch) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::parse(text).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000).unwrap()
    }

    /// From the test suites of the Standard Webhooks libraries.
    #[test]
    fn the_published_standard_webhooks_vector_is_met() {
        let signed = Signatures::new("msg_p5jXN8AQM9LWM0D4loKWxJek", at(1_614_265_330), br#"{"test": 2432232314}"#, &secret(OLD), None);
        assert_eq!(signed.webhook_id, "msg_p5jXN8AQM9LWM0D4loKWxJek");
        assert_eq!(signed.webhook_timestamp, "1614265330");
        assert_eq!(signed.webhook_signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_documented_body_signature_vector_is_met() {
        let body = br#"{"id":"evt_1","event":"call.completed","timestamp":"2026-01-01T00:00:00Z","data":{"call_id":"c1"}}"#;
        let signature = "sha256=0353025cbd5733882656b61f860a6a18403f9d27cb5751512230eaa3aae7ab61";
        assert_eq!(sign_body(&body_key("whsec_test"), body), signature);
        assert_eq!(verify_body("whsec_test", body, signature), Ok(()));
    }

    #[test]
    fn during_a_rotation_both_secrets_sign_and_the_single_header_keeps_to_the_old_one() {
        let (new, old) = (SigningSecret::generate(&[7; 32]), secret(OLD));
        let signed = Signatures::new("dlv", at(1000), b"{}", &new, Some(&old));
        let alone = |secret: &SigningSecret| Signatures::new("dlv", at(1000), b"{}", secret, None);
        assert_eq!(signed.webhook_signature, format!("{} {}", alone(&new).webhook_signature, alone(&old).webhook_signature));
        assert_eq!(signed.x_webhook_signature, alone(&old).x_webhook_signature);
        for receiver in [&new, &old] {
            assert_eq!(signed.verify(b"{}", receiver, at(1000)), Ok(()));
        }
        assert_eq!(signed.verify(b"{}", &SigningSecret::generate(&[8; 32]), at(1000)), Err(VerifyError::Mismatch));
    }

    #[rstest]
    #[case(1000 - 301, Err(VerifyError::Stale))]
    #[case(1000 - 300, Ok(()))]
    #[case(1000 + 300, Ok(()))]
    #[case(1000 + 301, Err(VerifyError::Stale))]
    fn a_webhook_is_taken_for_five_minutes(#[case] now: i64, #[case] verdict: Result<(), VerifyError>) {
        let signed = Signatures::new("dlv", at(1000), b"{}", &secret(OLD), None);
        assert_eq!(signed.verify(b"{}", &secret(OLD), at(now)), verdict);
        let malformed = Signatures { webhook_timestamp: "now".into(), ..signed };
        assert_eq!(malformed.verify(b"{}", &secret(OLD), at(now)), Err(VerifyError::Malformed));
    }

    #[rstest]
    #[case::no_prefix("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    #[case::prefix_alone("whsec_")]
    #[case::not_base64("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!")]
    #[case::url_alphabet("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_")]
    #[case::spaces("whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    #[case::short("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=")]
    #[case::long("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0A=")]
    fn what_is_no_secret_is_refused(#[case] text: &str) {
        assert_eq!(SigningSecret::parse(text).err(), Some(InvalidSecret));
    }

    #[test]
    fn a_generated_secret_reads_back_and_signs_alike_also_without_its_padding() {
        let made = SigningSecret::generate(&[0xA5; 32]);
        let text = made.reveal().expose_secret();
        assert!(text.starts_with(SECRET_PREFIX) && text.ends_with('='), "{}", text.len());
        let sign = |secret: &SigningSecret| Signatures::new("dlv", at(1), b"{}", secret, None);
        assert_eq!(sign(&made), sign(&secret(text)));
        assert_eq!(sign(&made).webhook_signature, sign(&secret(text.trim_end_matches('='))).webhook_signature);
    }

    #[test]
    fn no_secret_prints_itself() {
        let shown = format!("{:?} {:#?}", secret(OLD), Some(secret(OLD)));
        assert!(!shown.contains("MfKQ"), "{shown}");
    }

    /// Flips one bit of one of the values that a receiver checks.
    fn flip(text: &mut String, bit: usize) -> bool {
        let mut bytes = text.clone().into_bytes();
        let length = bytes.len();
        bytes[bit / 8 % length] ^= 1 << (bit % 8);
        let flipped = String::from_utf8(bytes);
        flipped.map(|flipped| *text = flipped).is_ok()
    }

    proptest! {
        #[test]
        fn what_was_signed_verifies(id in "[!-~]{1,64}", body: Vec<u8>, key: [u8; 32], seconds in 0_i64..4_000_000_000) {
            let secret = SigningSecret::generate(&key);
            let signed = Signatures::new(&id, at(seconds), &body, &secret, None);
            prop_assert_eq!(signed.verify(&body, &secret, at(seconds)), Ok(()));
            prop_assert_eq!(verify_body(secret.reveal().expose_secret(), &body, &signed.x_webhook_signature), Ok(()));
        }

        #[test]
        fn one_changed_bit_fails(part in 0_usize..5, bit in 0_usize..4096, key: [u8; 32]) {
            let secret = SigningSecret::generate(&key);
            let mut body = "{\"event\":\"call.completed\"}".to_owned();
            let mut signed = Signatures::new("dlv", at(1_767_225_600), body.as_bytes(), &secret, None);
            let changed = match part {
                0 => &mut body,
                1 => &mut signed.webhook_id,
                2 => &mut signed.webhook_timestamp,
                3 => &mut signed.webhook_signature,
                _ => &mut signed.x_webhook_signature,
            };
            prop_assume!(flip(changed, bit));
            let content = signed.verify(body.as_bytes(), &secret, at(1_767_225_600));
            let plain = verify_body(secret.reveal().expose_secret(), body.as_bytes(), &signed.x_webhook_signature);
            // Hexadecimal digits may change their case, which is bit 5, without a change of meaning.
            let fails = if part == 4 { plain.is_err() || (bit % 8 == 5) } else { content.is_err() };
            prop_assert!(fails, "part {part}, bit {bit}");
            prop_assert!(part != 0 || plain.is_err());
        }
    }
}
