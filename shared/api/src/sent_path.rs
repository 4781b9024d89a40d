//! The path as the client sent it.
//!
//! API Gateway decodes a path (all but `%25`), and what makes a request of its event reads it once more as a part of a URL: a decoded `?`
//! ends it there, a decoded space at its end is lost, and `/v1/calls/%20` would be the list.

use axum::{Router, extract::Request};
use http::{Uri, uri::PathAndQuery};
use lambda_http::RequestExt as _;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tower::ServiceBuilder;

/// What cannot stand in a path as it is (RFC 3986, §3.3). A `%` stays: it is one that was left encoded.
const NOT_OF_A_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Has a router see the paths that were sent.
pub(crate) fn kept(router: Router) -> Router {
    // Around the router and not as its layer, which would come after the route is chosen.
    Router::new().fallback_service(ServiceBuilder::new().map_request(as_sent).service(router))
}

fn as_sent(mut request: Request) -> Request {
    let read = request.uri().path();
    let sent = utf8_percent_encode(request.raw_http_path(), NOT_OF_A_PATH).to_string();
    // Without an event there is no other path.
    if !sent.is_empty() && sent != read {
        // Of the URI's own query a part may be of the path.
        let query = request.query_string_parameters().to_query_string();
        let whole = if query.is_empty() { sent } else { format!("{sent}?{query}") };
        if let Ok(whole) = whole.parse::<PathAndQuery>() {
            *request.uri_mut() = Uri::from(whole);
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    /// A request as the event's reader makes it of this path.
    fn request(raw: &str, read: &str) -> Request {
        let request = Request::get(read).body(Body::empty()).unwrap_or_default();
        request.with_raw_http_path(raw)
    }

    #[test]
    fn what_was_decoded_stays_a_part_of_the_path() {
        for (raw, read, sent) in [
            ("/v1/calls/ ", "/v1/calls/", "/v1/calls/%20"),
            ("/v1/calls/\u{4}", "/v1/calls/", "/v1/calls/%04"),
            ("/v1/calls/a?b", "/v1/calls/a?b", "/v1/calls/a%3Fb"),
            ("/v1/calls/..", "/v1/", "/v1/calls/.."),
            ("/v1/calls/%25", "/v1/calls/%25", "/v1/calls/%25"),
            ("/v1/calls/ä", "/v1/calls/%C3%A4", "/v1/calls/%C3%A4"),
            ("/v1/calls", "/v1/calls", "/v1/calls"),
            ("", "/v1/calls", "/v1/calls"),
        ] {
            assert_eq!(as_sent(request(raw, read)).uri(), sent, "{raw:?}");
        }
    }

    #[test]
    fn a_query_is_kept_where_the_path_was_misread() {
        let parameters = std::collections::HashMap::from([("limit".to_owned(), vec!["2".to_owned()])]);
        let request = request("/v1/calls/?", "/v1/calls/?").with_query_string_parameters(parameters);
        assert_eq!(as_sent(request).uri(), "/v1/calls/%3F?limit=2");
        let untouched = Request::get("/v1/calls?limit=%32").body(Body::empty()).unwrap_or_default().with_raw_http_path("/v1/calls");
        assert_eq!(as_sent(untouched).uri(), "/v1/calls?limit=%32");
    }
}
