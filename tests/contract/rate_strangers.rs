//! Requests that are no organization's: counted for their address or user by each process, and told of like all others.

use api::{Rates, Settings};
use axum::{Router, body::Body};
use domain::{
    Mode, OrgId, UserId,
    api_key::{ApiKey, ApiKeyText},
    scope::Scopes,
};
use http::{HeaderMap, Method, Request};
use lambda_http::{aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use runtime::random;
use store::Usage;
use testkit::{client::ask, fixture, tokens};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::rate_limits::{PATH, USUAL, World, header, rate};

/// A request from an address.
async fn from(process: &Router, address: &str, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap) {
    let request = headers.iter().fold(Request::builder().uri(path), |request, (name, value)| request.header(*name, *value));
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
