//! Files that are served as they were built: compressed, with a tag that tells versions apart.

use std::io::Read as _;

use api::Problem;
use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
};
use flate2::read::GzDecoder;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{
        ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH,
        REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    },
};

/// A file.
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    content_type: &'static str,
    /// Weak: compressed or not, it is the same.
    tag: &'static str,
    /// Whether its name changes with what is in it.
    named: bool,
    gzip: &'static [u8],
}

/// Everything that is served.
pub(crate) const ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Nothing from elsewhere is loaded or asked; the script sets styles by itself, and its pictures are inside it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl Asset {
    /// The answer to a request for it.
    pub(crate) fn answer(&self, request: &Request) -> Response {
        let mut response = if names(request.headers(), &IF_NONE_MATCH, |tag| tag == "*" || weak(tag) == weak(self.tag)) {
            StatusCode::NOT_MODIFIED.into_response()
        } else if names(request.headers(), &ACCEPT_ENCODING, takes_gzip) {
            ([(CONTENT_TYPE, self.content_type), (CONTENT_ENCODING, "gzip")], self.gzip).into_response()
        } else {
            match self.plain() {
                Ok(plain) => ([(CONTENT_TYPE, self.content_type)], plain).into_response(),
                Err(error) => return Problem::internal(error).into_response(),
            }
        };
        // A page and the document are asked for anew each time, and mostly are what one has.
        let kept = if self.named { "public, max-age=31536000, immutable" } else { "public, no-cache" };
        let headers = [
            (ETAG, self.tag),
            (CACHE_CONTROL, kept),
            (VARY, "accept-encoding"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
        ];
        response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }

    fn plain(&self) -> std::io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        GzDecoder::new(self.gzip).read_to_end(&mut plain)?;
        Ok(plain)
    }
}

/// Whether a header has an entry, of those that commas part, that fits.
fn names(headers: &HeaderMap, name: &HeaderName, fits: impl Fn(&str) -> bool) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|entry| fits(entry.trim()))
}

fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// `gzip` or `*`, unless with a weight of 0 (RFC 9110, §12.5.3).
fn takes_gzip(entry: &str) -> bool {
    let (coding, weight) = entry.split_once(';').unwrap_or((entry, ""));
    let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
    matches!(coding.trim().to_ascii_lowercase().as_str(), "gzip" | "*") && weight.is_none_or(|weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_unless_it_weighs_nothing() {
        for (entry, takes) in
            [("gzip", true), ("GZIP;q=0.5", true), ("*", true), ("gzip;q=0", false), ("gzip; q=0.0", false), ("br", false), ("", false)]
        {
            assert_eq!(takes_gzip(entry), takes, "{entry}");
        }
    }
}
