//! Requests that are no organization's: counted for their address or user by each process, and told of like all others.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use api::{Rates, Settings, Strangers};
use axum::{Router, body::Body};
use domain::{
    Mode, OrgId, UserId,
    api_key::{ApiKey, ApiKeyText},
    scope::Scopes,
};
use http::{HeaderMap, Method, Request};
use lambda_http::{aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use runtime::{Clock, random};
use store::Usage;
use testkit::{client::ask, fixture, tokens};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::rate_limits::{PATH, USUAL, World, header, rate};

/// A request from an address.
async fn from(process: &Router, address: &str, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap) {
    sent(process, address, Method::GET, path, headers).await
}

async fn sent(process: &Router, address: &str, method: Method, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap) {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let mut request = request.body(Body::empty()).unwrap();
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.http.source_ip = Some(address.to_owned());
    request.extensions_mut().insert(RequestContext::ApiGatewayV2(context));
    let response = process.clone().oneshot(request).await.unwrap();
    (response.status().as_u16(), response.headers().clone())
}

#[tokio::test]
async fn what_is_no_organizations_is_counted_for_its_address_and_told_too() {
    let world = World::start().await;
    let process = world.process(USUAL);
    let key = world.fixture.key.reveal();
    let bound = ApiKey { allowed_ips: vec!["198.51.100.1".parse().unwrap()], ..fixture::api_key(world.fixture.tenant) };
    let bound = fixture::key_as(&world.local.table, bound).await;
    let never_issued = ApiKeyText::mint(Mode::Live, random::bytes());
    let elsewhere = "0198c0de-0000-7000-8000-000000000001";
    let mut left = 100;
    for (path, headers, status) in [
        (PATH, &[][..], 401),
        (PATH, &[("x-api-key", "secret")], 401),
        (PATH, &[("x-api-key", never_issued.reveal())], 401),
        (PATH, &[("authorization", "Bearer a.b.c")], 401),
        (PATH, &[("x-api-key", bound.reveal())], 403),
        (PATH, &[("x-api-key", key), ("x-organization-id", elsewhere)], 403),
        (PATH, &[("x-api-key", key), ("x-organization-id", "acme")], 400),
        ("/v1/nothing", &[("x-api-key", key)], 404),
        ("/elsewhere", &[], 404),
        ("/v1/telephony/numbers", &[], 401),
    ] {
        let (told, answer) = from(&process, "203.0.113.7", path, headers).await;
        left -= 1;
        assert_eq!((told, &answer["x-ratelimit-limit"]), (status, &"100".parse().unwrap()), "{path} {headers:?}");
        assert_eq!(answer["x-ratelimit-remaining"], left.to_string(), "{path} {headers:?}");
        // Ten of a hundred come back in 200 ms; the second in which they do is told.
        let reset_millis = answer["x-ratelimit-reset"].to_str().unwrap().parse::<i64>().unwrap() * 1_000 - world.now();
        assert!((0..1_200).contains(&reset_millis), "{reset_millis}");
    }
    for _ in 0..left {
        assert_eq!(from(&process, "203.0.113.7", PATH, &[]).await.0, 401);
    }
    for path in [PATH, "/v1/nothing", "/v1/telephony/numbers"] {
        let (status, answer) = from(&process, "203.0.113.7", path, &[]).await;
        assert_eq!((status, &answer["retry-after"], &answer["x-ratelimit-remaining"]), (429, &"1".parse().unwrap(), &"0".parse().unwrap()));
    }
    assert_eq!(from(&process, "203.0.113.8", PATH, &[]).await.0, 401, "others are not held up");
    let (status, answer) = from(&process, "203.0.113.7", PATH, &[("x-api-key", key)]).await;
    assert_eq!((status, &answer["x-ratelimit-remaining"]), (404, &"99".parse().unwrap()), "nor is a good key at this address");
    world.pass(1_000);
    assert_eq!(from(&process, "203.0.113.7", PATH, &[]).await.0, 401);
}

#[tokio::test]
async fn who_asks_for_their_organizations_is_counted_too() {
    let world = World::start().await;
    let vault = testkit::costs::vault();
    tokens::keep_secret(&world.local.table, &vault, tokens::ISSUER, tokens::SECRET).await;
    let state = api_keys::State::new(world.local.table.clone(), vault, world.clock());
    let rates = Some(Rates { organization: rate("1/10"), caller: None });
    let process = api_keys::app(state.under(Settings { rates, ..tokens::issuers().into() }));
    let users = [(); 2].map(|()| UserId::from_uuid(Uuid::new_v4()));
    let bearer = users.map(|user| format!("Bearer {}", tokens::good(user)));
    let list = async |bearer: &str| from(&process, "203.0.113.7", "/v1/organizations", &[("authorization", bearer)]).await;
    for left in (0..10).rev() {
        let (status, answer) = list(&bearer[0]).await;
        assert_eq!((status, &answer["x-ratelimit-remaining"]), (200, &left.to_string().parse().unwrap()));
    }
    let usage = world.local.table.usage();
    let (status, answer) = list(&bearer[0]).await;
    assert_eq!((status, world.local.table.usage() - usage), (429, Usage::default()), "and nothing is read for it");
    assert!(answer.contains_key("retry-after"));
    assert_eq!(list(&bearer[1]).await.0, 200, "each user for itself");
    // A key asks for its organization as for anything else.
    let of_key = async |path| ask(&process, world.fixture.key.reveal(), Method::GET, path, None).await;
    let (one, other) = (of_key("/v1/organizations").await, of_key("/v1/api-keys/no-id").await);
    assert_eq!((header(&one, "x-ratelimit-remaining"), header(&other, "x-ratelimit-remaining")), (9, 8));
}

#[tokio::test]
async fn what_needs_no_key_is_counted_for_its_address_too() {
    let millis = Arc::new(AtomicI64::new(fixture::now().as_millis()));
    let process = docs::app(Strangers::new(rate("1/100"), Clock::Manual(Arc::clone(&millis))));
    let answered: Vec<(Method, &str, u16)> = docs::paths()
        .map(|path| (Method::GET, path, 200))
        .chain([
            (Method::HEAD, "/docs", 200),
            (Method::POST, "/openapi.json", 405),
            (Method::GET, "/nothing", 404),
            (Method::DELETE, "/v1/nothing", 404),
            (Method::POST, "/v1/endpoints/", 308),
        ])
        .collect();
    let mut left = 100;
    for (method, path, status) in answered.iter().cycle().take(100) {
        let (told, answer) = sent(&process, "203.0.113.7", method.clone(), path, &[]).await;
        left -= 1;
        assert_eq!((told, &answer["x-ratelimit-limit"]), (*status, &"100".parse().unwrap()), "{method} {path}");
        assert_eq!(answer["x-ratelimit-remaining"], left.to_string(), "{method} {path}");
        let reset = answer["x-ratelimit-reset"].to_str().unwrap().parse::<i64>().unwrap() * 1_000 - millis.load(Ordering::SeqCst);
        assert!(((100 - left) * 1_000..(101 - left) * 1_000).contains(&reset), "{reset}");
    }
    for (method, path, _) in &answered {
        let (status, answer) = sent(&process, "203.0.113.7", method.clone(), path, &[]).await;
        let told = (&answer["retry-after"], &answer["x-ratelimit-remaining"], &answer["content-type"]);
        assert_eq!((status, told.0, told.1), (429, &"1".parse().unwrap(), &"0".parse().unwrap()), "{method} {path}");
        assert_eq!(told.2, "application/json", "{method} {path}");
    }
    assert_eq!(from(&process, "203.0.113.8", "/health", &[]).await.0, 200, "others are not held up");
    millis.fetch_add(1_000, Ordering::SeqCst);
    assert_eq!(from(&process, "203.0.113.7", "/health", &[]).await.0, 200);
    assert_eq!(from(&process, "203.0.113.7", "/health", &[]).await.0, 429);
}

#[tokio::test]
async fn what_a_browser_asks_beforehand_is_counted_for_its_address_and_refused_like_all_that_is_too_much() {
    const OWN: &str = "https://app.example.com";
    let world = World::start().await;
    let state = api_keys::State::new(world.local.table.clone(), testkit::costs::vault(), world.clock());
    let rates = Some(Rates { organization: rate("1/10"), caller: None });
    let process = api_keys::app(state.under(Settings { rates, origins: Some(OWN.parse().unwrap()), ..Settings::default() }));
    let headers = [("origin", OWN), ("access-control-request-method", "GET"), ("access-control-request-headers", "x-api-key")];
    let beforehand = async |address| sent(&process, address, Method::OPTIONS, "/v1/api-keys", &headers).await;
    for left in (0..10).rev() {
        let (status, answer) = beforehand("203.0.113.7").await;
        let told = (status, &answer["x-ratelimit-limit"], &answer["x-ratelimit-remaining"]);
        assert_eq!(told, (200, &"10".parse().unwrap(), &left.to_string().parse().unwrap()));
        assert!(answer.contains_key("x-ratelimit-reset") && answer["access-control-allow-origin"] == OWN);
    }
    let usage = world.local.table.usage();
    let (status, answer) = beforehand("203.0.113.7").await;
    assert_eq!((status, &answer["retry-after"], &answer["x-ratelimit-remaining"]), (429, &"1".parse().unwrap(), &"0".parse().unwrap()));
    assert_eq!(world.local.table.usage() - usage, Usage::default());
    // One bucket for all that comes from there without a key; a page reads that it is empty.
    let (status, answer) = from(&process, "203.0.113.7", "/v1/api-keys", &[("origin", OWN)]).await;
    assert_eq!((status, &answer["access-control-allow-origin"]), (429, &OWN.parse().unwrap()));
    let with_key = [("origin", OWN), ("x-api-key", world.fixture.key.reveal())];
    let (status, answer) = from(&process, "203.0.113.7", "/v1/api-keys/no-id", &with_key).await;
    assert_eq!(
        (status, &answer["x-ratelimit-remaining"]),
        (404, &"9".parse().unwrap()),
        "a request with a key counts once, for its organization"
    );
    assert_eq!(beforehand("203.0.113.8").await.0, 200, "others are not held up");
    world.pass(1_000);
    assert_eq!((beforehand("203.0.113.7").await.0, beforehand("203.0.113.7").await.0), (200, 429));
}

#[tokio::test]
async fn the_operators_keys_are_not_counted_and_are_told_nothing() {
    let world = World::start().await;
    let process = world.process(Rates { organization: rate("1/10"), caller: None });
    let platform = ApiKey { scopes: Scopes::new(), organization_id: OrgId::PLATFORM, ..fixture::api_key(world.fixture.tenant) };
    let operator = fixture::key_as(&world.local.table, platform).await;
    for _ in 0..50 {
        let answer = ask(&process, operator.reveal(), Method::GET, PATH, None).await;
        assert_eq!((answer.status.as_u16(), answer.headers.contains_key("x-ratelimit-limit")), (403, false));
    }
}
