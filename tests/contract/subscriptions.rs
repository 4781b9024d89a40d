//! Webhook subscriptions on a real table: fifty and no more, their secrets, and who may see them.

use axum::Router;
use domain::{Mode, scope::Scope, subscription::MAX_SUBSCRIPTIONS};
use futures_util::future::join_all;
use http::Method;
use runtime::Clock;
use serde_json::{Value, json};
use store::{Consistency, access_patterns};
use testkit::{
    Fixture, LocalTable, Stack,
    client::{Answer, ask},
    fixture,
};

struct Bench {
    local: LocalTable,
    fixture: Fixture,
    app: Router,
}

impl Bench {
    async fn start() -> Self {
        let local = LocalTable::start().await;
        let vault = Stack::load().unwrap().vault().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        let state = webhooks_api::State::new(local.table.clone(), vault, fixture::nowhere(), Clock::System, fixture::public_names());
        Self { local, fixture, app: webhooks_api::app(state) }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        ask(&self.app, self.fixture.key.reveal(), method, path, body.as_ref()).await
    }

    async fn create(&self) -> Value {
        self.ask(Method::POST, "/v1/webhooks", Some(json!({"url": "https://hooks.example.com/x"}))).await.expect(201)
    }
}

fn path(webhook: &Value) -> String {
    format!("/v1/webhooks/{}", webhook["id"].as_str().unwrap())
}

#[tokio::test]
async fn s1_one_webhook_subscription_of_an_organization() {
    let bench = Bench::start().await;
    let created = bench.create().await;
    let (tenant, id) = (bench.fixture.tenant, created["id"].as_str().unwrap().parse().unwrap());
    let other = Fixture::create(&bench.local.table, Mode::Live).await.tenant;
    let found = |tenant| bench.local.table.subscription(tenant, id, Consistency::Strong);
    assert_eq!(found(tenant).await.unwrap().unwrap().url, "https://hooks.example.com/x");
    assert_eq!(found(other).await.unwrap(), None);
}

#[tokio::test]
async fn s2_the_webhook_subscriptions_of_an_organization_newest_first() {
    let bench = Bench::start().await;
    let mut created = Vec::new();
    for _ in 0..3 {
        created.push(bench.create().await["id"].clone());
    }
    created.reverse();
    let listed = bench.ask(Method::GET, "/v1/webhooks", None).await;
    assert_eq!(listed.headers["x-total-count"], "3");
    let listed = listed.expect(200);
    assert_eq!(listed.as_array().unwrap().iter().map(|one| one["id"].clone()).collect::<Vec<_>>(), created);
    assert!(listed.as_array().unwrap().iter().all(|one| one["secret"] == "whsec_********"));
}

#[tokio::test]
async fn s3_how_many_webhook_subscriptions_an_organization_has() {
    let bench = Bench::start().await;
    let key = || access_patterns::subscription_count(bench.fixture.tenant.org(), Mode::Live);
    let first = bench.create().await;
    bench.create().await;
    assert_eq!(bench.local.table.get(key(), Consistency::Strong).await.unwrap().unwrap().subscriptions, 2);
    assert_eq!(bench.ask(Method::DELETE, &path(&first), None).await.status.as_u16(), 204);
    assert_eq!(bench.local.table.get(key(), Consistency::Strong).await.unwrap().unwrap().subscriptions, 1);
    assert_eq!(bench.ask(Method::DELETE, &path(&first), None).await.code(), "NOT_FOUND", "it is gone, and counted once");
    assert_eq!(bench.local.table.get(key(), Consistency::Strong).await.unwrap().unwrap().subscriptions, 1);
}

#[tokio::test]
async fn of_sixty_created_at_once_fifty_are_there() {
    let bench = Bench::start().await;
    let mut statuses = Vec::new();
    for _ in 0..15 {
        let body = || Some(json!({"url": "https://hooks.example.com/x"}));
        let answers = join_all((0..4).map(|_| bench.ask(Method::POST, "/v1/webhooks", body()))).await;
        statuses.extend(answers.iter().map(|answer| (answer.status.as_u16(), answer.code().to_owned())));
    }
    assert_eq!(statuses.iter().filter(|(status, _)| *status == 201).count(), MAX_SUBSCRIPTIONS);
    assert!(statuses.iter().all(|(status, code)| *status == 201 || (*status == 409 && code == "CONFLICT")), "{statuses:?}");
    assert_eq!(bench.local.table.subscriptions(bench.fixture.tenant, Consistency::Strong).await.unwrap().len(), MAX_SUBSCRIPTIONS);
}

#[tokio::test]
async fn a_subscription_has_all_its_fields_and_shows_its_secret_to_those_who_may_change_it() {
    let bench = Bench::start().await;
    let created = bench.create().await;
    let fields: Vec<&str> = created.as_object().unwrap().keys().map(String::as_str).collect();
    let all = ["id", "url", "events", "active", "status", "status_reason", "secret", "organization_id", "created_at", "updated_at"];
    assert_eq!(fields, all);
    assert_eq!((&created["active"], &created["status"], &created["events"]), (&json!(true), &json!("active"), &json!(["*"])));
    let secret = created["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 6 + 44, "32 bytes in base64");
    assert_eq!(bench.ask(Method::GET, &path(&created), None).await.expect(200)["secret"], secret);
    let reader = fixture::key(&bench.local.table, bench.fixture.tenant, [Scope::WebhooksRead].into()).await;
    let read = ask(&bench.app, reader.reveal(), Method::GET, &path(&created), None).await.expect(200);
    assert_eq!(read["secret"], "whsec_********");
    let refused = ask(&bench.app, reader.reveal(), Method::DELETE, &path(&created), None).await;
    assert_eq!(refused.code(), "INSUFFICIENT_SCOPE");
}

#[tokio::test]
async fn settings_change_one_by_one_and_a_rotation_keeps_the_secret_before() {
    let bench = Bench::start().await;
    let created = bench.create().await;
    let patch = async |body| bench.ask(Method::PATCH, &path(&created), Some(body)).await;
    let changed = patch(json!({"events": ["call.*", "call.ended"]})).await.expect(200);
    assert_eq!((&changed["events"], &changed["url"]), (&json!(["call.*", "call.ended"]), &created["url"]));
    assert_eq!(patch(json!({"active": false})).await.expect(200)["status"], "inactive");
    assert_eq!(patch(json!({"url": "https://other.example.com/"})).await.expect(200)["url"], "https://other.example.com/");
    for wrong in [json!({"url": "http://a.example.com"}), json!({"url": "https://10.0.0.1/"}), json!({"events": []}), json!({"active": 1})]
    {
        assert_eq!(patch(wrong.clone()).await.code(), "VALIDATION_ERROR", "{wrong}");
    }
    let rotated = bench.ask(Method::POST, &format!("{}/rotate-secret", path(&created)), None).await.expect(200);
    assert_ne!(rotated["secret"], created["secret"]);
    let id = created["id"].as_str().unwrap().parse().unwrap();
    let stored = bench.local.table.subscription(bench.fixture.tenant, id, Consistency::Strong).await.unwrap().unwrap();
    let day = 24 * 3600 * 1000;
    assert!(stored.previous_secret(stored.updated_at.plus_millis(day - 1)).is_some());
    assert!(stored.previous_secret(stored.updated_at.plus_millis(day)).is_none());
    assert_eq!(bench.ask(Method::POST, "/v1/webhooks", Some(json!({}))).await.code(), "MISSING_FIELDS");
    assert_eq!(bench.ask(Method::GET, "/v1/webhooks/no-id", None).await.code(), "NOT_FOUND");
}
