//! An issuer's published keys (RFC 7517), fetched and read.
//!
//! The address is the operator's and comes from the configuration, so it may lead into a private network. What it answers
//! is bounded in time and size, a redirect is no answer, and a key that is not fit is passed over. The client is made for
//! the one request: nothing of it exists in a process that sees no tokens.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use super::{issuers::Algorithm, keys::VerifyingKey};

/// The limit of name, connection, request and answer together: far below the time of a function.
const LIMIT: Duration = Duration::from_secs(3);

/// The largest answer that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// The most keys that an answer may have.
const MAX_KEYS: usize = 32;

/// The longest name of a key that is remembered, in bytes.
const MAX_ID_BYTES: usize = 256;

/// Why keys could not be read: for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JwksError {
    #[error("no answer within {} s", LIMIT.as_secs())]
    Timeout,
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] std::io::Error),
    #[error("the address cannot be asked: {0}")]
    Request(#[from] http::Error),
    #[error("no connection: {0}")]
    Connection(#[from] hyper_util::client::legacy::Error),
    #[error("the answer is {0}")]
    Status(StatusCode),
    #[error("the answer breaks off or has more than {MAX_BYTES} bytes: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("the answer is no key set: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the answer has more than {MAX_KEYS} keys")]
    TooMany,
}

/// Asks for the keys at an address.
pub(crate) async fn fetch(address: &Uri) -> Result<Vec<VerifyingKey>, JwksError> {
    let body = tokio::time::timeout(LIMIT, body(address)).await.map_err(|_| JwksError::Timeout)??;
    read(&body)
}

async fn body(address: &Uri) -> Result<Bytes, JwksError> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?.https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build::<_, Empty<Bytes>>(connector);
    let request = Request::get(address).header(header::ACCEPT, "application/json").body(Empty::new())?;
    let response = client.request(request).await?;
    if response.status() != StatusCode::OK {
        return Err(JwksError::Status(response.status()));
    }
    Ok(Limited::new(response.into_body(), MAX_BYTES).collect().await.map_err(JwksError::Body)?.to_bytes())
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// What is read of a key. A private or symmetric one is of another type or has the same public part.
#[derive(Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// The keys of an answer that verify signatures of ours.
fn read(body: &[u8]) -> Result<Vec<VerifyingKey>, JwksError> {
    let KeySet { keys } = serde_json::from_slice(body)?;
    if keys.len() > MAX_KEYS {
        return Err(JwksError::TooMany);
    }
    Ok(keys.into_iter().filter_map(|key| verifying(&serde_json::from_value(key).ok()?)).collect())
}

fn verifying(jwk: &Jwk) -> Option<VerifyingKey> {
    let (algorithm, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("EC", Some("P-256")) => (Algorithm::Es256, DecodingKey::from_ec_components(jwk.x.as_deref()?, jwk.y.as_deref()?)),
        ("RSA", _) => (Algorithm::Rs256, DecodingKey::from_rsa_components(jwk.n.as_deref()?, jwk.e.as_deref()?)),
        _ => return None,
    };
    let signs = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
    let fits = jwk.alg.as_deref().is_none_or(|name| name == algorithm.as_str());
    let named = (1..=MAX_ID_BYTES).contains(&jwk.kid.len());
    (signs && fits && named).then_some(VerifyingKey { id: Some(jwk.kid.clone()), algorithm, key: key.ok()? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ids(keys: &Value) -> Vec<String> {
        read(keys.to_string().as_bytes()).unwrap().into_iter().filter_map(|key| key.id).collect()
    }

    #[test]
    fn keys_that_do_not_fit_are_passed_over() {
        let part = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let ec = |kid: &str, more: Value| {
            let mut key = json!({"kid": kid, "kty": "EC", "crv": "P-256", "x": part, "y": part});
            key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            key
        };
        let keys = json!({"keys": [
            ec("good", json!({"alg": "ES256", "use": "sig", "key_ops": ["verify"], "ext": true})),
            ec("bare", json!({})),
            ec("encrypts", json!({"use": "enc"})),
            ec("other-algorithm", json!({"alg": "ES384"})),
            ec("other-curve", json!({"crv": "P-384"})),
            ec("no-base64", json!({"x": "!"})),
            ec("", json!({})),
            ec(&"k".repeat(257), json!({})),
            {"kid": "secret", "kty": "oct", "k": part, "alg": "HS256"},
            {"kid": "rsa", "kty": "RSA", "n": part, "e": "AQAB"},
            {"kty": "RSA", "n": part, "e": "AQAB"},
            {"kid": 7, "kty": "RSA", "n": part, "e": "AQAB"},
            {"kid": "half", "kty": "RSA", "n": part},
            "no key",
        ]});
        assert_eq!(ids(&keys), ["good", "bare", "rsa"]);
    }

    #[test]
    fn what_is_no_key_set_is_an_error_and_an_empty_one_is_none() {
        for wrong in ["", "[]", "{}", r#"{"keys": {}}"#, "<html>"] {
            assert!(matches!(read(wrong.as_bytes()), Err(JwksError::Json(_))), "{wrong}");
        }
        assert!(ids(&json!({"keys": []})).is_empty());
        let keys = |count| json!({"keys": vec![json!({}); count]});
        assert!(ids(&keys(MAX_KEYS)).is_empty());
        assert!(matches!(read(keys(MAX_KEYS + 1).to_string().as_bytes()), Err(JwksError::TooMany)));
    }
}
