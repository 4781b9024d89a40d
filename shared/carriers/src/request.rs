//! A carrier's request as its signature sees it.

use domain::carrier::Carrier;
use http::{HeaderMap, Method, header::CONTENT_TYPE};

use crate::{callback::Unreadable, parameters::Parameters};

/// The largest body that is looked at, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// The most parameters of a query or a form. Carriers send about forty.
pub const MAX_PARAMETERS: usize = 512;

/// One request of a carrier.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// GET or POST.
    pub method: &'a Method,
    /// The whole URL as the carrier called it: the configured public base, then path and query as they came, nothing
    /// encoded anew. A `?` only if there is a query.
    pub url: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body as it came.
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    /// A header's text; `None` if it is absent, empty, no ASCII, or there more than once.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        value.to_str().ok().filter(|text| !text.is_empty())
    }

    /// The URL before its query.
    pub(crate) fn base(&self) -> &'a str {
        self.url.split_once('?').map_or(self.url, |(base, _)| base)
    }

    /// The query as it came; empty if there is none.
    pub(crate) fn query(&self) -> &'a str {
        self.url.split_once('?').map_or("", |(_, query)| query)
    }

    pub(crate) fn is_get(&self) -> bool {
        self.method == Method::GET
    }

    /// Whether the body calls itself JSON.
    pub(crate) fn is_json(&self) -> bool {
        let media_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        media_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
    }

    /// What the carrier says: the form or the JSON object in the body, or the query of a request without a body. A body
    /// is read as what its signature took it for.
    pub(crate) fn parameters(&self, carrier: Carrier) -> Result<Parameters, Unreadable> {
        if self.is_get() || self.body.is_empty() {
            return Parameters::from_form(self.query().as_bytes());
        }
        let is_json = match carrier {
            Carrier::Twilio => self.is_json(),
            Carrier::Plivo => false,
            // It sends JSON under a form's content type, too, and signs neither. No form begins with a brace.
            Carrier::Vobiz => self.is_json() || self.body.trim_ascii_start().first() == Some(&b'{'),
        };
        if is_json { Parameters::from_json(self.body) } else { Parameters::from_form(self.body) }
    }
}
