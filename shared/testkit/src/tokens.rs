//! Users' tokens as an issuer signs them, and as an attacker does. Made by hand, so that what verifies them is checked
//! against other code than its own.

use std::fmt;

use api::Issuers;
use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Timestamp, UserId};
use serde_json::{Value, json};
use store::{IssuerId, IssuerSecret, Table};
use vault::Vault;

/// An issuer that signs with [`SECRET`].
pub const ISSUER: &str = "https://auth.example.com/auth/v1";

/// Its secret.
pub const SECRET: &str = "canary-secret-of-an-issuer-of-tokens-in-tests";

/// What an issuer signs with.
pub struct Signer {
    id: Option<String>,
    key: Key,
}

enum Key {
    Hs256(Vec<u8>),
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

/// Says which it is.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.algorithm())
    }
}

impl Signer {
    /// A secret.
    #[must_use]
    pub fn hs256(secret: &[u8]) -> Self {
        Self { id: None, key: Key::Hs256(secret.to_vec()) }
    }

    /// A new key on the curve P-256, published under this id.
    #[must_use]
    pub fn es256(id: &str) -> Self {
        Self { id: Some(id.to_owned()), key: Key::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()) }
    }

    /// A new RSA key, published under this id.
    #[must_use]
    pub fn rs256(id: &str) -> Self {
        Self { id: Some(id.to_owned()), key: Key::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
    }

    /// The name of its algorithm.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self.key {
            Key::Hs256(_) => "HS256",
            Key::Es256(_) => "ES256",
            Key::Rs256(_) => "RS256",
        }
    }

    /// The header of an honest token.
    #[must_use]
    pub fn header(&self) -> Value {
        let mut header = json!({"alg": self.algorithm(), "typ": "JWT"});
        if let Some(id) = &self.id {
            header["kid"] = json!(id);
        }
        header
    }

    /// A token with these claims.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// A token of any header and claims, whatever they are.
    #[must_use]
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let signed = unsigned(header, claims);
        let message = signed.as_bytes();
        let signature = match &self.key {
            Key::Hs256(secret) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec(),
            Key::Es256(key) => key.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Key::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key as it is published.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.key {
            Key::Hs256(_) => panic!("a secret is not published"),
            Key::Es256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": part(x), "y": part(y)})
            }
            Key::Rs256(key) => {
                let public = key.public_key();
                let (n, e) = (public.modulus().big_endian_without_leading_zero(), public.exponent().big_endian_without_leading_zero());
                json!({"kty": "RSA", "n": part(n), "e": part(e)})
            }
        };
        let (id, algorithm) = (self.id.clone(), self.algorithm());
        jwk.as_object_mut().unwrap().extend([
            ("kid".to_owned(), json!(id)),
            ("alg".to_owned(), json!(algorithm)),
            ("use".to_owned(), json!("sig")),
            ("key_ops".to_owned(), json!(["verify"])),
            ("ext".to_owned(), json!(true)),
        ]);
        jwk
    }
}

/// A token of any header and claims up to its signature.
#[must_use]
pub fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
}

/// The setting that has a function believe [`ISSUER`].
#[must_use]
pub fn issuers() -> Issuers {
    format!("{ISSUER} HS256").parse().unwrap()
}

/// Stores an issuer's secret, as the operator's command does.
pub async fn keep_secret(table: &Table, vault: &Vault, issuer: &str, secret: &str) {
    let issuer = IssuerId::of(issuer);
    let secret = vault.seal(&issuer.place(), &secret.to_owned().into(), crate::fixture::now()).await.unwrap();
    table.put_issuer_secret(issuer, &IssuerSecret { secret }).await.unwrap();
}

/// A good token of [`ISSUER`] for this user.
#[must_use]
pub fn good(user: UserId) -> String {
    Signer::hs256(SECRET.as_bytes()).token(&claims(ISSUER, user, crate::fixture::now()))
}

/// What Supabase Auth says of a user who is signed in at this time, for an hour.
#[must_use]
pub fn claims(issuer: &str, user: UserId, now: Timestamp) -> Value {
    json!({
        "iss": issuer,
        "sub": user,
        "aud": "authenticated",
        "exp": now.as_seconds() + 3_600,
        "iat": now.as_seconds(),
        "email": "user@example.com",
        "phone": "",
        "app_metadata": {"provider": "email", "providers": ["email"], "role": "owner"},
        "user_metadata": {"organization_id": "0198c0de-0000-7000-8000-000000000001"},
        "role": "authenticated",
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": now.as_seconds()}],
        "session_id": "0198c0de-0000-7000-8000-00000000005e",
        "is_anonymous": false,
    })
}
