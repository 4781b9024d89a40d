//! The document and its page as they are served: compressed and not, by version, and with nothing from elsewhere.

use axum::{Router, body::Body};
use http::{HeaderMap, Request};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::every_route::strangers;

async fn asked(app: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Vec<u8>) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status.as_u16(), parts.headers, axum::body::to_bytes(body, 8 << 20).await.unwrap().to_vec())
}

#[tokio::test]
async fn the_document_that_is_served_is_the_one_in_the_repository_and_is_sent_once() {
    let app = docs::app(strangers());
    let (status, headers, plain) = asked(&app, "GET", "/openapi.json", &[]).await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "application/json"));
    assert!(plain == std::fs::read(openapi::file()).unwrap(), "the function serves another document");
    let (_, packed_headers, packed) = asked(&app, "GET", "/openapi.json", &[("accept-encoding", "br, gzip")]).await;
    assert_eq!(packed_headers["content-encoding"], "gzip");
    assert!(packed.len() * 5 < plain.len(), "{} of {}", packed.len(), plain.len());
    let tag = headers["etag"].to_str().unwrap();
    let (status, headers, body) = asked(&app, "GET", "/openapi.json", &[("if-none-match", &format!("\"other\", {tag}"))]).await;
    assert_eq!((status, body.len(), headers["etag"].to_str().unwrap()), (304, 0, tag));
    let (status, ..) = asked(&app, "GET", "/openapi.json", &[("if-none-match", "\"other\"")]).await;
    assert_eq!(status, 200);
}

/// The addresses that a page names in this attribute.
fn named<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    page.split(&format!("{attribute}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn the_page_and_all_that_it_loads_come_from_here_and_may_be_kept() {
    let app = docs::app(strangers());
    let (status, headers, page) = asked(&app, "GET", "/docs", &[]).await;
    let page = String::from_utf8(page).unwrap();
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "text/html; charset=utf-8"));
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("http"), "{policy}");
    let addresses: Vec<&str> = named(&page, "src").into_iter().chain(named(&page, "href")).collect();
    assert!(addresses.len() >= 5 && addresses.iter().all(|address| address.starts_with('/') || *address == "data:,"), "{addresses:?}");
    for address in addresses.into_iter().filter(|address| address.starts_with("/docs/")) {
        let (status, headers, packed) = asked(&app, "GET", address, &[("accept-encoding", "gzip")]).await;
        assert_eq!((status, headers["cache-control"].to_str().unwrap()), (200, "public, max-age=31536000, immutable"), "{address}");
        // Lambda answers with 6 MB at most, and bytes are sent in base64.
        assert!(!packed.is_empty() && packed.len() < 1_000_000, "{address}: {}", packed.len());
    }
}

#[tokio::test]
async fn what_no_function_answers_is_told_as_everywhere_and_a_slash_at_the_end_is_led_away() {
    let app = docs::app(strangers());
    for path in ["/", "/v2/calls", "/v1/nothing", "/docs/nothing", "//example.com/", "/v1//"] {
        let (status, headers, body) = asked(&app, "GET", path, &[("x-request-id", "mine")]).await;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        assert_eq!((status, body["code"].as_str(), body["request_id"].as_str()), (404, Some("NOT_FOUND"), Some("mine")), "{path}");
        assert_eq!(headers["x-request-id"], "mine");
    }
    for (path, location) in [("/v1/endpoints/?limit=2", "/v1/endpoints?limit=2"), ("/docs/", "/docs")] {
        let (status, headers, _) = asked(&app, "POST", path, &[]).await;
        assert_eq!((status, headers["location"].to_str().unwrap()), (308, location));
    }
    let (status, headers, _) = asked(&app, "POST", "/openapi.json", &[]).await;
    assert_eq!((status, headers["allow"].to_str().unwrap()), (405, "GET,HEAD"));
    let (status, headers, body) = asked(&app, "HEAD", "/docs", &[]).await;
    assert_eq!((status, body.len(), headers["content-type"].to_str().unwrap()), (200, 0, "text/html; charset=utf-8"));
}
