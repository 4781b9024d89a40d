//! API keys as a resource, on a real table: minted and shown once, listed, changed, revoked, a hundred and no more.

mod retries;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use domain::{
    Mode, Timestamp,
    api_key::{ApiKeyText, MAX_KEYS},
    scope::Scope,
};
use futures_util::future::join_all;
use http::Method;
use runtime::Clock;
use serde_json::{Value, json};
use store::{Consistency, Tenant, access_patterns};
use testkit::{
    Fixture, LocalTable,
    client::{Answer, ask},
    fixture,
};

const KEYS: &str = "/v1/api-keys";

/// An organization, its key that may do everything, and the function.
pub(crate) struct Bench {
    pub(crate) local: LocalTable,
    pub(crate) fixture: Fixture,
    pub(crate) app: Router,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::at(Clock::System).await
    }

    pub(crate) async fn at(clock: Clock) -> Self {
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        let app = api_keys::app(api_keys::State::new(local.table.clone(), testkit::costs::vault(), clock));
        Self { local, fixture, app }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        ask(&self.app, self.fixture.key.reveal(), method, path, body.as_ref()).await
    }

    pub(crate) async fn mint(&self, body: Value) -> Value {
        self.ask(Method::POST, KEYS, Some(body)).await.expect(201)
    }

    pub(crate) async fn patch(&self, key: &Value, body: Value) -> Answer {
        self.ask(Method::PATCH, &path(key), Some(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn revoke(&self, key: &Value) -> u16 {
        self.ask(Method::DELETE, &path(key), None).await.status.as_u16()
    }

    /// A key of this organization that was not made by the function.
    pub(crate) async fn key_with(&self, mode: Mode, scopes: &[Scope]) -> ApiKeyText {
        fixture::key(&self.local.table, Tenant::new(self.fixture.tenant.org(), mode), scopes.iter().copied().collect()).await
    }

    async fn count(&self) -> u32 {
        let key = access_patterns::key_count(self.fixture.tenant.org());
        self.local.table.get(key, Consistency::Strong).await.unwrap().unwrap().api_keys
    }
}

pub(crate) fn path(key: &Value) -> String {
    format!("{KEYS}/{}", key["id"].as_str().unwrap())
}

fn reader() -> Value {
    json!({"name": "Reader", "scopes": ["calls:read"]})
}

fn ids(list: &Value) -> Vec<&Value> {
    list.as_array().unwrap().iter().map(|key| &key["id"]).collect()
}

#[tokio::test]
async fn k1_an_api_key_by_its_hash() {
    let bench = Bench::start().await;
    let text = &bench.fixture.key;
    assert_eq!(bench.local.table.api_key(text.hash()).await.unwrap().unwrap().organization_id, bench.fixture.tenant.org());
    let never_issued = ApiKeyText::mint(Mode::Live, runtime::random::bytes());
    assert_eq!(bench.local.table.api_key(never_issued.hash()).await.unwrap(), None);
}

#[tokio::test]
async fn k2_the_api_keys_of_an_organization_newest_first() {
    let bench = Bench::start().await;
    Fixture::create(&bench.local.table, Mode::Live).await;
    let (first, second) = (bench.mint(reader()).await, bench.mint(reader()).await);
    let records = bench.local.table.key_records(bench.fixture.tenant).await.unwrap();
    let found: Vec<String> = records.iter().map(|record| record.key.id.to_string()).collect();
    assert_eq!(found.len(), 3, "its own, and no other organization's");
    assert_eq!(found[..2], [second["id"].as_str().unwrap(), first["id"].as_str().unwrap()]);
}

#[tokio::test]
async fn k3_one_api_key_of_an_organization() {
    let bench = Bench::start().await;
    let minted = bench.mint(reader()).await;
    let id = minted["id"].as_str().unwrap().parse().unwrap();
    let stranger = Fixture::create(&bench.local.table, Mode::Live).await;
    let found = bench.local.table.key_record(bench.fixture.tenant, id).await.unwrap().unwrap();
    assert_eq!(found.key_hash, ApiKeyText::parse(minted["key"].as_str().unwrap()).unwrap().hash());
    assert_eq!(bench.local.table.key_record(stranger.tenant, id).await.unwrap(), None);
}

#[tokio::test]
async fn k4_how_many_api_keys_of_an_organization_are_not_revoked() {
    let bench = Bench::start().await;
    let minted = bench.mint(reader()).await;
    assert_eq!(bench.count().await, 2);
    for _ in 0..2 {
        assert_eq!(bench.revoke(&minted).await, 204);
        assert_eq!(bench.count().await, 1, "it is revoked, and counted once");
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_works() {
    let bench = Bench::start().await;
    let body =
        json!({"name": " Deploy ", "scopes": ["api-keys:read", "calls:read"], "allowedIps": [], "expiresAt": "2999-01-01T00:00:00Z"});
    let minted = bench.mint(body).await;
    let fields: Vec<&str> = minted.as_object().unwrap().keys().map(String::as_str).collect();
    let mut all = vec!["id", "name", "mode", "scopes", "allowed_ips", "hint", "status", "organization_id", "expires_at", "last_used_at"];
    all.extend(["created_at", "updated_at", "revoked_at", "key"]);
    assert_eq!(fields, all);
    let text = minted["key"].as_str().unwrap();
    let (name, mode, status) = (&minted["name"], &minted["mode"], &minted["status"]);
    assert_eq!((name, mode, status), (&json!("Deploy"), &json!("live"), &json!("active")));
    assert_eq!(minted["hint"], text[text.len() - 4..]);
    let read = ask(&bench.app, text, Method::GET, &path(&minted), None).await;
    assert!(!read.text.contains(text));
    let read = read.expect(200);
    assert_eq!((read.get("key"), &read["scopes"]), (None, &json!(["calls:read", "api-keys:read"])));
    assert_eq!(ask(&bench.app, text, Method::DELETE, &path(&minted), None).await.code(), "INSUFFICIENT_SCOPE");
    let prefixed = format!("{KEYS}/key_{}", minted["id"].as_str().unwrap());
    assert_eq!(bench.get(&prefixed).await.expect(200)["id"], minted["id"]);
    let hash = ApiKeyText::parse(text).unwrap().hash().to_string();
    let items = format!("{:?}", bench.local.dump().await);
    assert!(items.contains(&hash) && !items.contains(text), "the hash is stored, the key is not");
    assert!(!bench.get(KEYS).await.text.contains(&hash));
}

#[tokio::test]
async fn what_is_sent_is_checked_field_by_field() {
    let bench = Bench::start().await;
    let before = bench.local.dump_unused().await.len();
    let wrong = json!({
        "name": "", "scopes": ["calls:read", "calls:own", "*"], "mode": "sandbox", "expires_at": "2020-01-01T00:00:00Z",
        "allowed_ips": ["203.0.113.7", "203.0.113.7/24", "example.com"],
    });
    let answer = bench.ask(Method::POST, KEYS, Some(wrong)).await;
    let mut named: Vec<&str> =
        answer.body["details"]["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(answer.code(), "VALIDATION_ERROR");
    assert_eq!(named, ["allowed_ips.1", "allowed_ips.2", "expires_at", "mode", "name", "scopes.1", "scopes.2"]);
    assert_eq!(bench.ask(Method::POST, KEYS, Some(json!({}))).await.code(), "MISSING_FIELDS");
    let too_many: Vec<String> = (0..51).map(|n| format!("203.0.113.{n}")).collect();
    for (field, value) in [
        ("scopes", json!([])),
        ("scopes", json!("calls:read")),
        ("scopes", json!([1])),
        ("name", json!("x".repeat(101))),
        ("name", json!("a\u{7}")),
        ("allowed_ips", json!("203.0.113.7")),
        ("allowed_ips", json!(too_many)),
        ("expires_at", json!("tomorrow")),
        ("expires_at", json!(1_800_000_000)),
    ] {
        let mut body = reader();
        body[field] = value.clone();
        assert_eq!(bench.ask(Method::POST, KEYS, Some(body)).await.code(), "VALIDATION_ERROR", "{field}: {value}");
    }
    assert_eq!(bench.local.dump_unused().await.len(), before, "nothing was written");
}

#[tokio::test]
async fn a_key_mints_none_that_may_do_more_or_reaches_live_data_from_test_mode() {
    let bench = Bench::start().await;
    let minter = bench.key_with(Mode::Live, &[Scope::ApiKeysWrite, Scope::CallsRead]).await;
    let mint = async |key: &ApiKeyText, body: Value| ask(&bench.app, key.reveal(), Method::POST, KEYS, Some(&body)).await;
    let more = mint(&minter, json!({"name": "K", "scopes": ["calls:read", "calls:write", "audit:read"]})).await;
    assert_eq!((more.status.as_u16(), more.code()), (403, "INSUFFICIENT_SCOPE"));
    assert!(more.text.contains("calls:write, audit:read") && !more.text.contains("calls:read"), "{}", more.text);
    mint(&minter, json!({"name": "K", "scopes": ["calls:read", "api-keys:write"]})).await.expect(201);
    assert_eq!(mint(&minter, json!({"name": "K", "scopes": ["calls:read"], "mode": "test"})).await.expect(201)["mode"], "test");

    let tester = bench.key_with(Mode::Test, Scope::ALL).await;
    let refused = mint(&tester, json!({"name": "K", "scopes": ["calls:read"], "mode": "live"})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "FORBIDDEN"));
    let minted = mint(&tester, reader()).await.expect(201);
    assert_eq!(minted["mode"], "test");
    assert!(minted["key"].as_str().unwrap().starts_with("kros_test_"));
}

#[tokio::test]
async fn keys_of_test_mode_see_none_of_live_mode_and_nobody_sees_another_organizations() {
    let bench = Bench::start().await;
    let (live, test) = (bench.mint(reader()).await, bench.mint(json!({"name": "T", "scopes": ["calls:read"], "mode": "test"})).await);
    let tester = bench.key_with(Mode::Test, Scope::ALL).await;
    let stranger = Fixture::create(&bench.local.table, Mode::Live).await.key;
    for (key, target) in [(&tester, &live), (&stranger, &live), (&stranger, &test)] {
        for method in [Method::GET, Method::PATCH, Method::DELETE] {
            let body = (method == Method::PATCH).then(|| json!({"name": "mine"}));
            assert_eq!(ask(&bench.app, key.reveal(), method, &path(target), body.as_ref()).await.code(), "NOT_FOUND");
        }
    }
    let list =
        async |key: &ApiKeyText, query: &str| ask(&bench.app, key.reveal(), Method::GET, &format!("{KEYS}{query}"), None).await.expect(200);
    assert!(list(&tester, "").await.as_array().unwrap().iter().all(|key| key["mode"] == "test"));
    for mode in ["live", "test"] {
        let one = list(&bench.fixture.key, &format!("?mode={mode}")).await;
        assert_eq!(one.as_array().unwrap().iter().map(|key| &key["mode"]).collect::<Vec<_>>(), [mode, mode]);
    }
    assert_eq!(list(&bench.fixture.key, "").await.as_array().unwrap().len(), 4);
    assert_eq!(list(&stranger, "").await.as_array().unwrap().len(), 1);
    assert_eq!(bench.revoke(&test).await, 204, "a live key ends those of test mode too");
}

#[tokio::test]
async fn a_list_goes_by_page_and_cursor_and_shows_revoked_keys_on_demand() {
    let bench = Bench::start().await;
    let mut minted = Vec::new();
    for _ in 0..4 {
        minted.push(bench.mint(reader()).await);
    }
    assert_eq!(bench.revoke(&minted[1]).await, 204);
    let first = bench.get(&format!("{KEYS}?limit=2&envelope=true")).await.expect(200);
    assert_eq!((&first["total"], ids(&first["api_keys"])), (&json!(4), vec![&minted[3]["id"], &minted[2]["id"]]));
    let next = bench.get(&format!("{KEYS}?limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!(next.headers["x-total-count"], "4");
    assert_eq!(ids(&next.body)[0], &minted[0]["id"]);
    let all = bench.get(&format!("{KEYS}?include_revoked=true")).await.expect(200);
    assert_eq!(all.as_array().unwrap().len(), 5);
    assert_eq!(all[2]["status"], "revoked");
    for wrong in ["limit=0", "mode=x", "include_revoked=1", "page=1&offset=0"] {
        assert_eq!(bench.get(&format!("{KEYS}?{wrong}")).await.code(), "VALIDATION_ERROR", "{wrong}");
    }
}

#[tokio::test]
async fn settings_change_one_by_one_within_what_the_caller_may() {
    let bench = Bench::start().await;
    let minted = bench.mint(json!({"name": "K", "scopes": ["calls:read"], "allowed_ips": ["203.0.113.7"]})).await;
    assert_eq!(bench.patch(&minted, json!({"name": "L"})).await.expect(200)["name"], "L");
    let changed = bench.patch(&minted, json!({"scopes": ["numbers:read", "numbers:read"], "expires_at": "2999-01-01T00:00:00Z"})).await;
    let changed = changed.expect(200);
    assert_eq!((&changed["scopes"], &changed["allowed_ips"]), (&json!(["numbers:read"]), &json!(["203.0.113.7"])));
    assert_eq!(changed["expires_at"], "2999-01-01T00:00:00.000Z");
    for lifted in [json!({"allowed_ips": []}), json!({"allowed_ips": null})] {
        bench.patch(&minted, json!({"allowed_ips": ["10.0.0.0/8"]})).await.expect(200);
        assert_eq!(bench.patch(&minted, lifted).await.expect(200)["allowed_ips"], json!([]));
    }
    let changed = bench.patch(&minted, json!({"expires_at": null})).await.expect(200);
    assert_eq!(changed, bench.get(&path(&minted)).await.expect(200));
    assert_eq!((&changed["name"], &changed["expires_at"]), (&json!("L"), &Value::Null));
    for wrong in [json!({"scopes": []}), json!({"name": " "}), json!({"expires_at": "2020-01-01T00:00:00Z"})] {
        assert_eq!(bench.patch(&minted, wrong.clone()).await.code(), "VALIDATION_ERROR", "{wrong}");
    }

    let weak = bench.key_with(Mode::Live, &[Scope::ApiKeysWrite, Scope::CallsRead]).await;
    let patch = async |body: Value| ask(&bench.app, weak.reveal(), Method::PATCH, &path(&minted), Some(&body)).await;
    for more in [json!({"scopes": ["calls:write"]}), json!({"allowed_ips": []}), json!({"expires_at": null})] {
        assert_eq!(patch(more.clone()).await.code(), "INSUFFICIENT_SCOPE", "{more}");
    }
    patch(json!({"name": "M"})).await.expect(200);
    assert_eq!(patch(json!({"scopes": ["calls:read"]})).await.expect(200)["scopes"], json!(["calls:read"]), "less may be given");
    patch(json!({"expires_at": "2999-01-01T00:00:00Z"})).await.expect(200);
}

#[tokio::test]
async fn a_revoked_key_stays_readable_and_is_not_changed() {
    let bench = Bench::start().await;
    let minted = bench.mint(reader()).await;
    assert_eq!(bench.revoke(&minted).await, 204);
    let read = bench.get(&path(&minted)).await.expect(200);
    assert_eq!((&read["status"], &read["updated_at"]), (&json!("revoked"), &read["revoked_at"]));
    assert_eq!(bench.patch(&minted, json!({"name": "L"})).await.code(), "CONFLICT");
    assert_eq!(bench.revoke(&minted).await, 204, "once more is no fault");
    assert_eq!(bench.get(&path(&minted)).await.expect(200), read, "and changes nothing");
    for unknown in ["no-id", "0198c0de-0000-7000-8000-000000000001"] {
        assert_eq!(bench.ask(Method::DELETE, &format!("{KEYS}/{unknown}"), None).await.code(), "NOT_FOUND");
    }
    let items = bench.local.dump().await;
    let is_of_audit = |item: &&HashMap<String, AttributeValue>| item["pk"].as_s().unwrap().starts_with("AUDIT#");
    let leaving = items.iter().filter(|item| !is_of_audit(item)).filter_map(|item| item.get("expires_at")?.as_n().ok());
    let revoked_at: Timestamp = read["revoked_at"].as_str().unwrap().parse().unwrap();
    let end = (revoked_at.as_seconds() + 90 * 86_400).to_string();
    assert_eq!(leaving.collect::<Vec<_>>(), [&end; 2], "record and key are removed after 90 days");
}

#[tokio::test]
async fn of_many_minted_at_once_a_hundred_are_there_and_a_revoked_one_makes_room() {
    let bench = Bench::start().await;
    let mut statuses = Vec::new();
    for _ in 0..27 {
        let answers = join_all((0..4).map(|_| bench.ask(Method::POST, KEYS, Some(reader())))).await;
        statuses.extend(answers.into_iter().map(|answer| (answer.status.as_u16(), answer.code().to_owned())));
    }
    assert_eq!(statuses.iter().filter(|(status, _)| *status == 201).count(), MAX_KEYS - 1, "and the one that mints");
    assert!(statuses.iter().all(|(status, code)| *status == 201 || (*status == 409 && code == "CONFLICT")), "{statuses:?}");
    let listed = bench.get(&format!("{KEYS}?limit=100")).await.expect(200);
    assert_eq!((listed.as_array().unwrap().len(), bench.count().await), (MAX_KEYS, 100));
    assert_eq!(bench.revoke(&listed[0]).await, 204);
    bench.mint(reader()).await;
}

#[tokio::test]
async fn of_changes_and_revocations_at_once_record_and_key_end_alike_and_the_count_falls_once() {
    let bench = Bench::start().await;
    let minted = bench.mint(reader()).await;
    let (mut patches, mut deletions) = (Vec::new(), Vec::new());
    for n in 0..3 {
        let name = format!("N{n}");
        patches.push(bench.patch(&minted, json!({"name": name, "allowed_ips": ["10.0.0.0/8"]})));
        deletions.push(bench.revoke(&minted));
    }
    let (patched, deleted) = futures_util::join!(join_all(patches), join_all(deletions));
    assert!(patched.iter().all(|answer| matches!(answer.status.as_u16(), 200 | 409 | 503)));
    assert!(deleted.iter().all(|status| matches!(status, 204 | 503)) && deleted.contains(&204), "{deleted:?}");
    let id = minted["id"].as_str().unwrap().parse().unwrap();
    let record = bench.local.table.key_record(bench.fixture.tenant, id).await.unwrap().unwrap();
    assert_eq!(bench.local.table.api_key(record.key_hash).await.unwrap(), Some(record.key.clone()));
    assert!(record.key.revoked_at.is_some());
    assert_eq!(bench.count().await, 1);
}
