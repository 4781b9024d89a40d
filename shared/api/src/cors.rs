//! Which web pages may read answers, by the rules of browsers (Fetch standard, «CORS protocol»): none unless the deployment
//! names them. What a page may do is decided by its credentials alone, which browsers never add by themselves.

use std::{fmt, str::FromStr, time::Duration};

use http::{
    HeaderName, HeaderValue, Method, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, LINK, RETRY_AFTER},
};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{idempotency, rate, request_id};

/// The most origins.
const MAX_ORIGINS: usize = 20;

/// How long a browser may remember what it was allowed.
const REMEMBERED: Duration = Duration::from_secs(2 * 3600);

/// Origins of web pages. As text: origins with commas between them, such as `https://app.example.com`, or `*` for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

/// The text names no origins.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidOrigins(String);

impl fmt::Display for InvalidOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; write origins such as https://app.example.com with commas between them, or *", self.0)
    }
}

impl std::error::Error for InvalidOrigins {}

impl FromStr for Origins {
    type Err = InvalidOrigins;

    fn from_str(text: &str) -> Result<Self, InvalidOrigins> {
        let names: Vec<&str> = text.split(',').collect();
        if names.len() > MAX_ORIGINS {
            return Err(InvalidOrigins(format!("names more than {MAX_ORIGINS} origins")));
        }
        let origin = |name: &str| {
            let value = HeaderValue::from_str(name).ok().filter(|_| is_origin(name) || text == ANY);
            value.ok_or_else(|| InvalidOrigins(format!("«{name}» is no origin")))
        };
        names.into_iter().map(origin).collect::<Result<_, _>>().map(Self)
    }
}

/// What stands for all origins.
const ANY: &str = "*";

/// Whether a text is what a browser would send: scheme, host and perhaps a port, in lower case and nothing more.
fn is_origin(name: &str) -> bool {
    let Ok(uri) = name.parse::<Uri>() else { return false };
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    !authority.as_str().contains('@') && format!("{scheme}://{authority}") == name && name.to_ascii_lowercase() == name
}

impl Origins {
    /// What answers browsers: asked before a request, or with it.
    pub(crate) fn layer(&self) -> CorsLayer {
        let Self(named) = self;
        let is_any = named.iter().any(|name| name == ANY);
        let origins = if is_any { AllowOrigin::any() } else { AllowOrigin::list(named.iter().cloned()) };
        let request_id = HeaderName::from_static(request_id::HEADER);
        let mut shown = vec![LINK, RETRY_AFTER, request_id.clone(), HeaderName::from_static("x-total-count"), idempotency::REPLAYED];
        shown.extend(rate::HEADERS);
        let sent = ["x-api-key", "x-organization-id", "x-account-id", "x-mode", "idempotency-key"].map(HeaderName::from_static);
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers([AUTHORIZATION, CONTENT_TYPE, request_id].into_iter().chain(sent).collect::<Vec<_>>())
            .expose_headers(shown)
            .max_age(REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_told_as_browsers_send_them() {
        for good in ["*", "https://app.example.com", "http://localhost:3000,https://app.example.com"] {
            assert_eq!(good.parse::<Origins>().unwrap().0.len(), good.split(',').count(), "{good}");
        }
        let many = vec!["https://a.example"; MAX_ORIGINS + 1].join(",");
        for wrong in [
            "",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com/page",
            "https://App.example.com",
            "https://u@app.example.com",
            "ftp://app.example.com",
            "https://a.example, https://b.example",
            "https://a.example,*",
            "null",
            &many,
        ] {
            assert!(wrong.parse::<Origins>().is_err(), "{wrong}");
        }
    }
}
