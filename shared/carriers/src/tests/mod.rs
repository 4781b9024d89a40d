//! The carriers' tables, vectors and XML, and that nothing anyone sends makes a panic. What the carriers' own libraries
//! say of it stands in `tests/helper_libraries.rs`.

mod answers;
mod callbacks;
mod hostile;
mod orders;
mod signatures;

use domain::carrier::Carrier;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::SecretString;

use crate::{Refused, Request, StatusCallback, Unreadable, Verified, VoiceRequest};

pub(super) const HOST: &str = "https://tel.example.test";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A request that lives as long as a test.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Sent {
    pub(super) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: Method::POST, url: format!("{HOST}{path}"), headers: HeaderMap::new(), body: body.into() }.with(FORM.0, FORM.1)
    }

    pub(super) fn get(path: &str) -> Self {
        Self { method: Method::GET, url: format!("{HOST}{path}"), headers: HeaderMap::new(), body: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        self
    }

    pub(super) fn request(&self) -> Request<'_> {
        Request { method: &self.method, url: &self.url, headers: &self.headers, body: &self.body }
    }

    pub(super) fn verify(&self, carrier: Carrier, tokens: &[&str]) -> Result<Verified, Refused> {
        let tokens: Vec<SecretString> = tokens.iter().map(|token| SecretString::from(*token)).collect();
        crate::verify(carrier, &self.request(), &tokens)
    }

    pub(super) fn voice(&self, carrier: Carrier) -> Result<VoiceRequest, Unreadable> {
        crate::voice(carrier, &self.request())
    }

    pub(super) fn status(&self, carrier: Carrier) -> Result<Option<StatusCallback>, Unreadable> {
        crate::status(carrier, &self.request())
    }
}
