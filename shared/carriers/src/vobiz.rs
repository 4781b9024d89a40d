//! Vobiz: signatures. Callbacks and XML are Plivo's, see `plivo`.
//!
//! Source: "Validating callbacks" in Vobiz's documentation. **The body is not signed**, so that a pair of headers that
//! was seen once would carry any body: whoever takes callbacks in must give each credential a URL that nobody guesses,
//! and take each nonce once.

use aws_lc_rs::hmac::HMAC_SHA256;
use secrecy::SecretString;

use crate::{
    request::Request,
    signature::{Refused, Verified, any_fits, nonce, signatures},
};

/// The two schemes that sign with SHA-256: own signature, that by the parent account's token, nonce, and what stands
/// between URL and nonce.
const SCHEMES: [(&str, &str, &str, &str); 2] = [
    ("x-vobiz-signature-v3", "x-vobiz-signature-ma-v3", "x-vobiz-signature-v3-nonce", "."),
    ("x-vobiz-signature-v2", "x-vobiz-signature-ma-v2", "x-vobiz-signature-v2-nonce", ""),
];

pub(crate) fn nonces(request: &Request<'_>) -> Vec<String> {
    let mut nonces: Vec<String> =
        SCHEMES.iter().filter_map(|(_, _, name, _)| nonce(request.header(name)).ok()).map(str::to_owned).collect();
    nonces.dedup();
    nonces
}

pub(crate) fn is_signed(request: &Request<'_>) -> bool {
    SCHEMES.iter().any(|(own, parents, name, _)| {
        let offered = signatures(request.header(own)).chain(signatures(request.header(parents))).next();
        offered.is_some() && nonce(request.header(name)).is_ok()
    })
}

/// One scheme is enough. The nonces of both are returned if both fit: a request that was seen with two must not come
/// again with one of them.
pub(crate) fn verify(request: &Request<'_>, tokens: &[SecretString]) -> Result<Verified, Refused> {
    let mut nonces = Vec::new();
    for (own, parents, nonce_name, separator) in SCHEMES {
        let Ok(nonce) = nonce(request.header(nonce_name)) else { continue };
        let signatures: Vec<Vec<u8>> = signatures(request.header(own)).chain(signatures(request.header(parents))).collect();
        let text = format!("{}{separator}{nonce}", request.base());
        let is_new = !nonces.iter().any(|known| known == nonce);
        if any_fits(HMAC_SHA256, tokens, &[text.as_bytes()], &signatures) && is_new {
            nonces.push(nonce.to_owned());
        }
    }
    if nonces.is_empty() { Err(Refused) } else { Ok(Verified { nonces }) }
}
