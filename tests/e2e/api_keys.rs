//! API keys on the deployed stack: minted, used, watched, limited, revoked.

use domain::{Mode, api_key::ApiKeyText, scope::Scope};
use http::Method;
use serde_json::{Value, json};
use testkit::{Client, wait};

use crate::{
    given::{assert_refused, assert_time, ids},
    setup::{LIMIT, World},
};

const KEYS: &str = "/v1/api-keys";

fn path(key: &Value) -> String {
    format!("{KEYS}/{}", key["id"].as_str().unwrap())
}

impl World {
    /// A key that the function mints, and a client that uses it.
    async fn minted(&self, body: Value) -> (Value, Client) {
        let key = self.client.post(KEYS, body).await.expect(201);
        let client = Client::new(&self.stack.base_url, key["key"].as_str().unwrap());
        (key, client)
    }
}

#[tokio::test]
async fn a_minted_key_does_what_its_scopes_say_and_its_use_is_seen() {
    let world = World::new().await;
    let (key, client) = world.minted(json!({"name": "Reader", "scopes": ["calls:read"], "expiresAt": "2999-01-01T00:00:00Z"})).await;
    assert!(ApiKeyText::parse(key["key"].as_str().unwrap()).is_ok());
    assert_eq!(world.client.get(&path(&key)).await.expect(200)["last_used_at"], Value::Null);
    client.get("/v1/calls").await.expect(200);
    assert_refused(&client.get("/v1/endpoints").await, 403, "INSUFFICIENT_SCOPE", &[]);
    let used = world.client.get(&path(&key)).await.expect(200);
    assert_time(&used["last_used_at"]);
    assert_eq!((&used["status"], &used["scopes"], used.get("key")), (&json!("active"), &json!(["calls:read"]), None));
    assert_eq!(used["expires_at"], "2999-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn keys_are_listed_newest_first_under_both_prefixes_by_id_with_and_without_its_prefix() {
    let world = World::new().await;
    let (first, _) = world.minted(json!({"name": "A", "scopes": ["calls:read"]})).await;
    let (second, _) = world.minted(json!({"name": "B", "scopes": ["calls:read"], "mode": "test"})).await;
    // A list may miss the last moment.
    let listed = wait::until("both keys", LIMIT, || async {
        let listed = world.client.get(KEYS).await.expect(200);
        (listed.as_array().unwrap().len() == 3).then_some(listed)
    })
    .await;
    assert_eq!(ids(&listed)[..2], [second["id"].as_str().unwrap(), first["id"].as_str().unwrap()]);
    assert!(listed.as_array().unwrap().iter().all(|key| key.get("key").is_none()));
    assert_eq!(world.client.get("/api/v1/api-keys").await.expect(200), listed);
    let prefixed = format!("{KEYS}/key_{}", first["id"].as_str().unwrap());
    assert_eq!(world.client.get(&prefixed).await.expect(200)["name"], "A");
    assert_eq!(world.client.get(&format!("{KEYS}?limit=1")).await.headers["x-total-count"], "3");
    let tester = world.in_test_mode().await;
    assert_eq!(tester.get(&path(&first)).await.code(), "NOT_FOUND");
    assert_eq!(tester.get(&path(&second)).await.expect(200)["name"], "B");
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_where_it_was_never_used_and_stays_readable() {
    let world = World::new().await;
    let (key, client) = world.minted(json!({"name": "K", "scopes": ["calls:read"]})).await;
    assert_eq!(world.client.delete(&path(&key)).await.status.as_u16(), 204);
    assert_refused(&client.get("/v1/calls").await, 401, "KEY_REVOKED", &[]);
    let read = world.client.get(&path(&key)).await.expect(200);
    assert_eq!(read["status"], "revoked");
    assert_time(&read["revoked_at"]);
    assert_refused(&world.client.patch(&path(&key), json!({"name": "L"})).await, 409, "CONFLICT", &[]);
    assert_eq!(world.client.delete(&path(&key)).await.status.as_u16(), 204);
}

#[tokio::test]
async fn a_key_is_honoured_from_its_addresses_whatever_headers_say() {
    let world = World::new().await;
    let key = async |allowed: Value| world.minted(json!({"name": "K", "scopes": ["calls:read"], "allowed_ips": allowed})).await.1;
    let (elsewhere, everywhere) = (key(json!(["203.0.113.7"])).await, key(json!(["0.0.0.0/0", "::/0"])).await);
    assert_refused(&elsewhere.get("/v1/calls").await, 403, "IP_NOT_ALLOWED", &[]);
    let forged = [("x-forwarded-for", "203.0.113.7"), ("x-real-ip", "203.0.113.7")];
    assert_refused(&elsewhere.send_with(Method::GET, "/v1/calls", None, &forged).await, 403, "IP_NOT_ALLOWED", &[]);
    everywhere.get("/v1/calls").await.expect(200);
}

#[tokio::test]
async fn an_expired_key_is_told_so() {
    let world = World::new().await;
    let soon = testkit::fixture::now().plus_millis(2_000);
    let (_, client) = world.minted(json!({"name": "K", "scopes": ["calls:read"], "expires_at": soon})).await;
    wait::until("the key's end", LIMIT, || async { (client.get("/v1/calls").await.code() == "KEY_EXPIRED").then_some(()) }).await;
}

#[tokio::test]
async fn a_creation_is_answered_again_without_the_key() {
    let world = World::new().await;
    let body = json!({"name": "K", "scopes": ["calls:read"]});
    let once = [("idempotency-key", "mint-1")];
    let first = world.client.send_with(Method::POST, KEYS, Some(&body), &once).await.expect(201);
    let again = world.client.send_with(Method::POST, KEYS, Some(&body), &once).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let again = again.expect(201);
    assert_eq!((&again["id"], &again["key"]), (&first["id"], &Value::Null));
}

#[tokio::test]
async fn a_key_gives_away_what_it_holds_and_no_more() {
    let world = World::new().await;
    let minter = world.with_scopes(&[Scope::ApiKeysWrite, Scope::CallsRead]).await;
    let mint = async |scopes: &[&str]| minter.post(KEYS, json!({"name": "K", "scopes": scopes})).await;
    assert_refused(&mint(&["calls:read", "numbers:read"]).await, 403, "INSUFFICIENT_SCOPE", &[]);
    let minted = mint(&["calls:read"]).await.expect(201);
    assert_refused(&minter.patch(&path(&minted), json!({"scopes": ["numbers:read"]})).await, 403, "INSUFFICIENT_SCOPE", &[]);
    assert_refused(&minter.get(&path(&minted)).await, 403, "INSUFFICIENT_SCOPE", &[]);
    let tester = World::of(Mode::Test).await;
    let live = json!({"name": "K", "scopes": ["calls:read"], "mode": "live"});
    assert_refused(&tester.client.post(KEYS, live).await, 403, "FORBIDDEN", &[]);
    let unknown = json!({"name": "K", "scopes": ["calls:all"]});
    assert_refused(&world.client.post(KEYS, unknown).await, 400, "VALIDATION_ERROR", &["scopes.0"]);
}
