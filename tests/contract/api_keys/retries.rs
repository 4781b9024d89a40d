//! Creations of API keys that are tried again: the key is shown once, and what nobody saw is made anew.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::body::Body;
use domain::{
    Mode,
    api_key::{ApiKey, ApiKeyText, KeyRecord},
    scope::Scopes,
};
use http::{Method, Request};
use runtime::Clock;
use serde_json::{Value, json};
use store::CreateApiKey;
use testkit::{client::ask, fixture};
use tower::ServiceExt as _;

use super::{Bench, KEYS, path, reader};

impl Bench {
    /// A creation with an idempotency key: status, headers and body.
    async fn try_to_mint_once(&self, idempotency_key: &str, body: &Value) -> (u16, http::HeaderMap, Value) {
        let request = Request::builder().method(Method::POST).uri(KEYS).header("x-api-key", self.fixture.key.reveal());
        let request = request.header("content-type", "application/json").header("idempotency-key", idempotency_key);
        let response = self.app.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, headers, serde_json::from_slice(&bytes).unwrap())
    }

    async fn mint_once(&self, idempotency_key: &str, body: &Value) -> (http::HeaderMap, Value) {
        let (status, headers, body) = self.try_to_mint_once(idempotency_key, body).await;
        assert_eq!(status, 201, "{body}");
        (headers, body)
    }

    /// Makes it as if the only try so far had died before its answer.
    async fn forget_answer(&self) {
        self.lease_until("0").await;
    }

    /// Makes it as if the only try so far were under way until then, in milliseconds.
    async fn lease_until(&self, end: &str) {
        let request = self.local.dump().await.into_iter().find(|item| item["kind"].as_s().unwrap() == "request").unwrap();
        let forget = self.local.client.update_item().table_name("trunkline");
        let forget = forget.key("pk", request["pk"].clone()).key("sk", request["sk"].clone());
        let forget = forget.update_expression("REMOVE answer SET lease_until = :end");
        forget.expression_attribute_values(":end", AttributeValue::N(end.to_owned())).send().await.unwrap();
    }
}

#[tokio::test]
async fn a_creation_is_replayed_without_the_key() {
    let bench = Bench::start().await;
    let (_, first) = bench.mint_once("one", &reader()).await;
    let (headers, again) = bench.mint_once("one", &reader()).await;
    assert_eq!(headers["idempotent-replayed"], "true");
    let mut without = first.clone();
    without["key"] = Value::Null;
    assert_eq!(again, without);
    assert!(!format!("{:?}", bench.local.dump().await).contains(first["key"].as_str().unwrap()), "it is kept nowhere");
    assert_eq!(bench.count().await, 2);
}

#[tokio::test]
async fn a_try_beside_another_is_told_to_come_again() {
    let bench = Bench::start().await;
    let (_, first) = bench.mint_once("one", &reader()).await;
    bench.lease_until(&fixture::now().plus_millis(60_000).as_millis().to_string()).await;
    let (status, headers, told) = bench.try_to_mint_once("one", &reader()).await;
    assert_eq!((status, told["code"].as_str()), (409, Some("IDEMPOTENCY_IN_PROGRESS")), "{told}");
    assert_eq!((headers["retry-after"].as_bytes(), headers["content-type"].as_bytes()), (&b"1"[..], &b"application/json"[..]));
    assert_eq!(bench.count().await, 2, "the first one's key alone");
    bench.lease_until("0").await;
    assert_eq!(bench.mint_once("one", &reader()).await.1["id"], first["id"]);
}

#[tokio::test]
async fn a_try_after_a_crash_shows_a_key_that_works_in_place_of_the_one_that_nobody_saw() {
    let bench = Bench::start().await;
    let (_, first) = bench.mint_once("one", &reader()).await;
    bench.forget_answer().await;
    let (headers, second) = bench.mint_once("one", &reader()).await;
    assert!(!headers.contains_key("idempotent-replayed"));
    assert_eq!(first["id"], second["id"]);
    assert_ne!(first["key"], second["key"]);
    let status = async |key: &Value| ask(&bench.app, key.as_str().unwrap(), Method::GET, KEYS, None).await.code().to_owned();
    assert_eq!((status(&first["key"]).await, status(&second["key"]).await), ("UNAUTHORIZED".into(), "INSUFFICIENT_SCOPE".into()));
    let text = second["key"].as_str().unwrap();
    assert_eq!(bench.get(&path(&second)).await.expect(200)["hint"], text[text.len() - 4..]);
    assert_eq!(bench.count().await, 2, "one key, counted once");
}

#[tokio::test]
async fn a_try_after_a_crash_does_not_show_a_key_that_was_changed_in_between() {
    let now = Arc::new(AtomicI64::new(fixture::now().as_millis()));
    let bench = Bench::at(Clock::Manual(Arc::clone(&now))).await;
    let (_, first) = bench.mint_once("one", &reader()).await;
    bench.forget_answer().await;
    now.fetch_add(1_000, Ordering::SeqCst);
    bench.patch(&first, json!({"scopes": ["calls:read", "calls:write"]})).await.expect(200);
    let (status, _, again) = bench.try_to_mint_once("one", &reader()).await;
    assert_eq!((status, again["code"].as_str()), (409, Some("CONFLICT")), "{again}");
    let status = ask(&bench.app, first["key"].as_str().unwrap(), Method::GET, KEYS, None).await;
    assert_eq!(status.code(), "INSUFFICIENT_SCOPE", "the key is what it was: nobody else has another one in its place");
    assert_eq!(bench.get(&path(&first)).await.expect(200)["scopes"], json!(["calls:read", "calls:write"]));
}

#[tokio::test]
async fn a_key_with_an_id_that_is_there_is_not_stored_again() {
    let bench = Bench::start().await;
    let key = ApiKey { scopes: Scopes::new(), ..fixture::api_key(bench.fixture.tenant) };
    let texts = [[1; 32], [2; 32]].map(|random| ApiKeyText::mint(Mode::Live, random));
    let records = texts.map(|text| KeyRecord::new(key.clone(), &text));
    assert_eq!(bench.local.table.create_api_key(&records[0]).await.unwrap(), CreateApiKey::Done);
    assert_eq!(bench.local.table.create_api_key(&records[1]).await.unwrap(), CreateApiKey::Exists(Box::new(records[0].clone())));
    let other = KeyRecord { key: fixture::api_key(bench.fixture.tenant), ..records[0].clone() };
    assert!(bench.local.table.create_api_key(&other).await.is_err(), "no hash is given away twice");
    assert_eq!(bench.count().await, 2);
}
