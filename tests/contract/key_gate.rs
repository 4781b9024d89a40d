//! The gate: which keys it honours, from where, until when, and that it notes their use.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use axum::{Router, body::Body};
use domain::{
    Mode, Timestamp,
    api_key::{ApiKey, ApiKeyText},
    scope::Scope,
};
use http::{Method, Request};
use lambda_http::{aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Asked, Fixture, client::ask, fixture};
use tower::ServiceExt as _;

use crate::api_keys::{Bench, path};

/// What any key may ask of calls: its answer tells only whether the key is honoured.
const UNKNOWN: &str = "/v1/calls/no-id";

/// A bench whose clock is moved by hand, and a function that has a gate of its own.
struct Gated {
    bench: Bench,
    calls: Router,
    now: Arc<AtomicI64>,
}

impl Gated {
    async fn start() -> Self {
        let now = Arc::new(AtomicI64::new(fixture::now().as_millis()));
        let bench = Bench::at(Clock::Manual(Arc::clone(&now))).await;
        let calls = Self::function(&bench, &now);
        Self { bench, calls, now }
    }

    /// Another process of a function.
    fn function(bench: &Bench, now: &Arc<AtomicI64>) -> Router {
        let clock = Clock::Manual(Arc::clone(now));
        calls::app(calls::State::new(bench.local.table.clone(), testkit::costs::vault(), fixture::nowhere(), clock))
    }

    fn pass(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst)).unwrap()
    }

    async fn mint(&self, settings: Value) -> (Value, String) {
        let mut body = json!({"name": "K", "scopes": ["calls:read", "api-keys:read"]});
        body.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let minted = self.bench.mint(body).await;
        let text = minted["key"].as_str().unwrap().to_owned();
        (minted, text)
    }

    /// What a request with this key comes to: status and code.
    async fn told(&self, key: &str) -> (u16, String) {
        told(&self.calls, key).await
    }

    /// The same from an address, with headers that name others.
    async fn told_from(&self, key: &str, address: Option<&str>, headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = Request::builder().uri(UNKNOWN).header("x-api-key", key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.http.source_ip = address.map(str::to_owned);
        request.extensions_mut().insert(RequestContext::ApiGatewayV2(context));
        let response = self.calls.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        (status, body["code"].as_str().unwrap().to_owned())
    }

    async fn last_used(&self, key: &Value) -> Option<Timestamp> {
        let read = self.bench.get(&path(key)).await.expect(200);
        read["last_used_at"].as_str().map(|text| text.parse().unwrap())
    }
}

async fn told(app: &Router, key: &str) -> (u16, String) {
    let answer = ask(app, key, Method::GET, UNKNOWN, None).await;
    (answer.status.as_u16(), answer.code().to_owned())
}

fn says(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_key_is_honoured_until_its_end_and_not_from_then_on() {
    let gated = Gated::start().await;
    let end = gated.time().plus_millis(5_000);
    let (_, key) = gated.mint(json!({"expires_at": end})).await;
    gated.pass(4_999);
    assert_eq!(gated.told(&key).await, says(404, "NOT_FOUND"));
    gated.pass(1);
    assert_eq!(gated.told(&key).await, says(401, "KEY_EXPIRED"), "though it is remembered");
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_where_it_was_not_used_and_within_a_minute_elsewhere() {
    let gated = Gated::start().await;
    let (minted, key) = gated.mint(json!({})).await;
    assert_eq!(gated.told(&key).await, says(404, "NOT_FOUND"));
    assert_eq!(gated.bench.revoke(&minted).await, 204);
    let fresh = Gated::function(&gated.bench, &gated.now);
    let usage = gated.bench.local.table.usage();
    assert_eq!(told(&fresh, &key).await, says(401, "KEY_REVOKED"), "a process that never saw it");
    let read = gated.bench.local.table.usage() - usage;
    assert_eq!((read.requests, read.read_units), (1, 1.0), "one read of the key as it is now, not as it was a moment ago");
    gated.pass(59_999);
    assert_eq!(gated.told(&key).await, says(404, "NOT_FOUND"), "a process that saw it believes what it read");
    gated.pass(1);
    assert_eq!(gated.told(&key).await, says(401, "KEY_REVOKED"));
}

#[tokio::test]
async fn a_key_revokes_itself_and_the_function_that_did_it_knows() {
    let gated = Gated::start().await;
    let (minted, key) = gated.mint(json!({"scopes": ["api-keys:write"]})).await;
    let delete = async || ask(&gated.bench.app, &key, Method::DELETE, &path(&minted), None).await;
    assert_eq!(delete().await.status.as_u16(), 204);
    assert_eq!(delete().await.code(), "KEY_REVOKED");
}

#[tokio::test]
async fn a_key_with_addresses_is_honoured_from_them_by_the_gateways_word_alone() {
    let gated = Gated::start().await;
    let (_, key) = gated.mint(json!({"allowed_ips": ["203.0.113.0/24", "2001:db8::7"]})).await;
    let from = async |address| gated.told_from(&key, Some(address), &[]).await;
    for allowed in ["203.0.113.7", "203.0.113.255", "2001:db8::7", "::ffff:203.0.113.7"] {
        assert_eq!(from(allowed).await, says(404, "NOT_FOUND"), "{allowed}");
    }
    for other in ["203.0.114.1", "2001:db8::8", "127.0.0.1", "no address"] {
        assert_eq!(from(other).await, says(403, "IP_NOT_ALLOWED"), "{other}");
    }
    let forged = [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7"), ("x-real-ip", "203.0.113.7")];
    assert_eq!(gated.told_from(&key, Some("198.51.100.1"), &forged).await, says(403, "IP_NOT_ALLOWED"));
    assert_eq!(gated.told_from(&key, None, &forged).await, says(403, "IP_NOT_ALLOWED"));
}

#[tokio::test]
async fn a_changed_scope_or_address_counts_within_a_minute() {
    let gated = Gated::start().await;
    let (minted, key) = gated.mint(json!({})).await;
    assert_eq!(gated.told(&key).await, says(404, "NOT_FOUND"));
    gated.bench.patch(&minted, json!({"scopes": ["numbers:read"]})).await.expect(200);
    gated.pass(60_000);
    assert_eq!(gated.told(&key).await, says(403, "INSUFFICIENT_SCOPE"));
    gated.bench.patch(&minted, json!({"allowed_ips": ["203.0.113.7"]})).await.expect(200);
    gated.pass(60_000);
    assert_eq!(gated.told(&key).await, says(403, "IP_NOT_ALLOWED"));
}

#[tokio::test]
async fn the_use_of_a_key_is_noted_once_a_minute_by_however_many_processes() {
    let gated = Gated::start().await;
    let (minted, key) = gated.mint(json!({})).await;
    assert_eq!(gated.last_used(&minted).await, None);
    let first = gated.time();
    gated.told(&key).await;
    assert_eq!(gated.last_used(&minted).await, Some(first), "it is there when the answer is");
    gated.pass(30_000);
    gated.told(&key).await;
    let another = Gated::function(&gated.bench, &gated.now);
    told(&another, &key).await;
    assert_eq!(gated.last_used(&minted).await, Some(first), "neither this process nor another wrote again");
    gated.pass(30_000);
    let usage = gated.bench.local.table.usage();
    gated.told(&key).await;
    assert_eq!((gated.bench.local.table.usage() - usage).write_units, 1.0);
    assert_eq!(gated.last_used(&minted).await, Some(gated.time()));
    let read = gated.bench.get(&path(&minted)).await.expect(200);
    assert_eq!(read["updated_at"], minted["updated_at"], "a use is no change");
}

#[tokio::test]
async fn a_request_whose_key_is_refused_is_no_use() {
    let gated = Gated::start().await;
    let (minted, key) = gated.mint(json!({"allowed_ips": ["203.0.113.7"]})).await;
    assert_eq!(gated.told_from(&key, Some("198.51.100.1"), &[]).await.0, 403);
    let other_organization = [("x-organization-id", "0198c0de-0000-7000-8000-000000000001")];
    assert_eq!(gated.told_from(&key, Some("203.0.113.7"), &other_organization).await, says(403, "FORBIDDEN"));
    assert_eq!(gated.last_used(&minted).await, None);
    assert_eq!(gated.told_from(&key, Some("203.0.113.7"), &[]).await.0, 404);
    assert_eq!(gated.last_used(&minted).await, Some(gated.time()), "the first that was honoured is");
}

#[tokio::test]
async fn a_request_waits_for_no_note_that_it_does_not_have_to_wait_for() {
    let gated = Gated::start().await;
    let (_, key) = gated.mint(json!({})).await;
    let usage = gated.bench.local.table.usage();
    ask(&gated.calls, &key, Method::GET, "/v1/calls/0198c0de-0000-7000-8000-000000000001", None).await;
    let cost = gated.bench.local.table.usage() - usage;
    assert_eq!((cost.requests, cost.round_trips), (3, 2), "the key, then the call and the note side by side");
}

#[tokio::test]
async fn a_use_that_cannot_be_noted_is_no_fault_of_the_request_and_is_noted_at_the_next() {
    let gated = Gated::start().await;
    let (minted, key) = gated.mint(json!({})).await;
    let outage = Arc::new(AtomicBool::new(true));
    let lasts = Arc::clone(&outage);
    let table = gated.bench.local.failing(move |asked| lasts.load(Ordering::SeqCst) && matches!(asked, Asked::Update(..)));
    let clock = Clock::Manual(Arc::clone(&gated.now));
    let calls = calls::app(calls::State::new(table, testkit::costs::vault(), fixture::nowhere(), clock));
    assert_eq!(told(&calls, &key).await, says(404, "NOT_FOUND"));
    assert_eq!(gated.last_used(&minted).await, None);
    outage.store(false, Ordering::SeqCst);
    gated.pass(1);
    assert_eq!(told(&calls, &key).await, says(404, "NOT_FOUND"));
    assert_eq!(gated.last_used(&minted).await, Some(gated.time()));
}

#[tokio::test]
async fn a_key_whose_record_is_gone_works_and_no_record_is_made_of_its_use() {
    let gated = Gated::start().await;
    let key = ApiKey { scopes: Scope::ALL.iter().copied().collect(), ..fixture::api_key(gated.bench.fixture.tenant) };
    let text: ApiKeyText = fixture::key_as(&gated.bench.local.table, key.clone()).await;
    let item = gated.bench.local.client.delete_item().table_name("trunkline");
    let value = |text: String| aws_sdk_dynamodb::types::AttributeValue::S(text);
    let item = item.key("pk", value(format!("ORG#{}", key.organization_id))).key("sk", value(format!("KEY#{}", key.id)));
    item.send().await.unwrap();
    assert_eq!(gated.told(text.reveal()).await, says(404, "NOT_FOUND"));
    let found = gated.bench.local.table.key_record(store::Tenant::new(key.organization_id, key.mode), key.id).await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test]
async fn a_test_key_and_a_live_one_of_one_organization_are_two() {
    let gated = Gated::start().await;
    let (_, test) = gated.mint(json!({"mode": "test"})).await;
    assert!(test.starts_with("kros_test_"));
    assert_eq!(gated.told(&test).await, says(404, "NOT_FOUND"));
    assert_eq!(gated.told(&test.replace("kros_test_", "kros_live_")).await, says(401, "UNAUTHORIZED"));
    let stranger = Fixture::create(&gated.bench.local.table, Mode::Test).await.key;
    assert_eq!(gated.told(stranger.reveal()).await, says(404, "NOT_FOUND"));
    // A key tells its mode by itself; what is no mode is a mistake all the same.
    for (mode, answer) in [("live", says(404, "NOT_FOUND")), ("{}", says(400, "VALIDATION_ERROR"))] {
        assert_eq!(gated.told_from(&test, None, &[("x-mode", mode)]).await, answer, "{mode}");
    }
}

#[test]
fn the_documents_publish_the_pattern_for_secret_scanners() {
    let page = include_str!("../../infra/docs/api-keys.md");
    assert!(page.contains(&format!("\n{}\n", domain::api_key::PATTERN)), "the pattern stands on a line of its own");
    for scope in Scope::ALL {
        let (family, _) = scope.as_str().split_once(':').unwrap();
        assert!(page.contains(&format!("`{family}`")) || page.contains(&format!("`{scope}`")), "{scope}");
    }
}
