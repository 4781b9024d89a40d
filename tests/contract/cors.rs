//! Browsers: pages of the origins that the deployment names may call the API and read all of its answers, others none.

use api::Settings;
use axum::{Router, body::Body};
use domain::Mode;
use http::{HeaderMap, Request};
use runtime::Clock;
use testkit::{Fixture, LocalTable, fixture};
use tower::ServiceExt as _;

const OWN: &str = "https://app.example.com";

const PATH: &str = "/v1/phone-numbers/no-id";

async fn function(origins: Option<&str>) -> (Router, Fixture, LocalTable) {
    let local = LocalTable::start().await;
    let fixture = Fixture::create(&local.table, Mode::Live).await;
    let state =
        phone_numbers::State::new(local.table.clone(), testkit::costs::vault(), fixture::nowhere(), Clock::System, "sip.example.com");
    let origins = origins.map(|origins| origins.parse().unwrap());
    (phone_numbers::app(state.under(Settings { origins, ..Settings::default() })), fixture, local)
}

async fn ask(function: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap) {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = function.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    (response.status().as_u16(), response.headers().clone())
}

/// The words of a list in a header.
fn words<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    headers[name].to_str().unwrap().split(',').map(str::trim).collect()
}

#[tokio::test]
async fn a_browser_that_asks_beforehand_is_told_what_a_page_may_send() {
    let (function, _, _local) = function(Some("https://app.example.com,http://localhost:3000")).await;
    let before = |origin| [("origin", origin), ("access-control-request-method", "PATCH")];
    let (status, answer) = ask(&function, "OPTIONS", PATH, &before(OWN)).await;
    assert_eq!((status, &answer["access-control-allow-origin"]), (200, &OWN.parse().unwrap()));
    assert_eq!(words(&answer, "access-control-allow-methods"), ["GET", "POST", "PATCH", "DELETE"]);
    for header in ["authorization", "x-api-key", "x-organization-id", "x-account-id", "x-mode", "idempotency-key", "content-type"] {
        assert!(words(&answer, "access-control-allow-headers").contains(&header), "{header}");
    }
    assert!(answer.contains_key("x-request-id"));
    let (_, other) = ask(&function, "OPTIONS", PATH, &before("https://evil.example.com")).await;
    assert!(!other.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn pages_of_named_origins_read_every_answer_and_others_none() {
    let (function, fixture, _local) = function(Some(OWN)).await;
    let key = fixture.key.reveal();
    for (path, key, status) in [("/v1/phone-numbers", key, 200), (PATH, key, 404), (PATH, "", 401), ("/v1/telephony/numbers", "", 401)] {
        let (told, answer) = ask(&function, "GET", path, &[("origin", OWN), ("x-api-key", key)]).await;
        assert_eq!((told, &answer["access-control-allow-origin"]), (status, &OWN.parse().unwrap()), "{path}");
        assert!(words(&answer, "vary").contains(&"origin"), "{path}");
        for header in
            ["x-total-count", "link", "retry-after", "x-request-id", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
        {
            assert!(words(&answer, "access-control-expose-headers").contains(&header), "{path} {header}");
        }
        let (told, answer) = ask(&function, "GET", path, &[("origin", "https://app.example.com.evil.example"), ("x-api-key", key)]).await;
        assert_eq!((told, answer.contains_key("access-control-allow-origin")), (status, false), "{path}");
    }
}

#[tokio::test]
async fn without_the_setting_no_page_reads_anything() {
    let (function, fixture, _local) = function(None).await;
    let (status, answer) = ask(&function, "GET", PATH, &[("origin", OWN), ("x-api-key", fixture.key.reveal())]).await;
    assert_eq!((status, answer.keys().any(|name| name.as_str().starts_with("access-control"))), (404, false));
    assert_eq!(ask(&function, "OPTIONS", PATH, &[("origin", OWN)]).await.0, 405);
}
