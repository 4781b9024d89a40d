//! The audit trail, through the real routers: one entry for each effect, none without, and what a client reads of it.

use std::collections::BTreeMap;

use api::Settings;
use axum::{Router, body::Body};
use domain::{
    AuditId, Mode, Timestamp,
    audit::{Action, Actor, AuditEntry, AuditFilter},
    scope::Scope,
};
use futures_util::future::join_all;
use http::{Method, Request};
use runtime::Clock;
use serde_json::{Value, json};
use store::{Consistency, Organization, Tenant, access_patterns};
use testkit::{
    Fixture, LocalTable,
    client::{Answer, ask},
    costs::vault,
    fixture,
};
use tower::ServiceExt as _;
use uuid::Uuid;
use webhooks::guard::Loopback;

/// An organization and the functions that write.
struct World {
    local: LocalTable,
    fixture: Fixture,
    numbers: Router,
    endpoints: Router,
    webhooks: Router,
    credentials: Router,
    keys: Router,
}

impl World {
    async fn start() -> Self {
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        for n in 0..4 {
            local.table.import_slot(Mode::Live, &fixture::slot(n)).await.unwrap();
        }
        let (table, nowhere) = (|| local.table.clone(), fixture::nowhere);
        let numbers = phone_numbers::State::new(table(), vault(), nowhere(), Clock::System, "sip.example.com");
        let endpoints = endpoints::State::new(table(), vault(), nowhere(), Clock::System, Loopback::Refused, "sip.example.com");
        let webhooks = webhooks_api::State::new(table(), vault(), nowhere(), Clock::System, Loopback::Refused);
        let credentials = carrier_credentials::State::new(table(), vault(), Clock::System, "https://api.example.com");
        let keys = api_keys::State::new(table(), vault(), Clock::System);
        Self {
            numbers: phone_numbers::app(numbers),
            endpoints: endpoints::app(endpoints),
            webhooks: webhooks_api::app(webhooks),
            credentials: carrier_credentials::app(credentials),
            keys: api_keys::app(keys),
            local,
            fixture,
        }
    }

    fn app(&self, path: &str) -> &Router {
        match path {
            path if path.contains("numbers") => &self.numbers,
            path if path.contains("webhooks") => &self.webhooks,
            path if path.contains("providers") => &self.credentials,
            path if path.contains("endpoints") => &self.endpoints,
            _ => &self.keys,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        ask(self.app(path), self.fixture.key.reveal(), method, path, body.as_ref()).await
    }

    async fn create(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, Some(body)).await.expect(201)
    }

    /// A request with an idempotency key, and with an id of its own.
    async fn once(&self, key: &str, path: &str, body: &Value) -> u16 {
        let request = Request::builder().method(Method::POST).uri(path).header("x-api-key", self.fixture.key.reveal());
        let request = request.header("content-type", "application/json").header("idempotency-key", key).header("x-request-id", "mine");
        let request = request.body(Body::from(body.to_string())).unwrap();
        self.app(path).clone().oneshot(request).await.unwrap().status().as_u16()
    }

    /// The trail as its reader sees it, newest first.
    async fn trail(&self, query: &str) -> Vec<Value> {
        let read = self.ask(Method::GET, &format!("/v1/audit{query}"), None).await.expect(200);
        read["data"].as_array().unwrap().clone()
    }

    async fn actions(&self, query: &str) -> Vec<String> {
        self.trail(query).await.iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    }
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

fn endpoint() -> Value {
    json!({"name": "Reception", "type": "webhook", "url": "https://hooks.example.com/x"})
}

fn entry(n: i64, action: Action) -> AuditEntry {
    let at: Timestamp = "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap().plus_millis(n);
    AuditEntry {
        id: AuditId::new(at, [7; 10]),
        at,
        action,
        resource: Uuid::from_u128(1),
        actor: Actor::Operator("ops".to_owned()),
        ip: None,
        request_id: None,
        changes: Vec::new(),
        expires_at: 0,
    }
}

/// Writes an entry with some effect.
async fn act(local: &LocalTable, tenant: Tenant, entry: AuditEntry) {
    let id = domain::OrgId::new(fixture::now(), runtime::random::bytes());
    let organization = Organization { id, name: "Effect".to_owned(), created_at: fixture::now() };
    local.table.audited(tenant, entry).create_organization(&organization).await.unwrap();
}

#[tokio::test]
async fn h1_one_entry_of_an_audit_trail() {
    let local = LocalTable::start().await;
    let (mine, other) = (Fixture::create(&local.table, Mode::Live).await.tenant, Fixture::create(&local.table, Mode::Live).await.tenant);
    let entry = entry(0, Action::LimitsChanged);
    act(&local, mine, entry.clone()).await;
    let get = |tenant: Tenant| local.table.get(access_patterns::audit_entry(tenant.org(), tenant.mode(), entry.id), Consistency::Strong);
    assert_eq!(get(mine).await.unwrap(), Some(entry.clone()));
    assert_eq!(get(other).await.unwrap(), None);
    assert_eq!(get(Tenant::new(mine.org(), Mode::Test)).await.unwrap(), None);
}

#[tokio::test]
async fn h2_the_audit_trail_of_an_organization_newest_first() {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    for n in 0..10 {
        act(&local, tenant, entry(n, if n % 2 == 0 { Action::KeyCreated } else { Action::KeyRevoked })).await;
    }
    let at = |n: i64| entry(n, Action::KeyCreated).at;
    let read = async |filter: AuditFilter, after, limit, reach| {
        let page = local.table.audit_trail(tenant, &filter, after, limit, reach).await.unwrap();
        let found: Vec<i64> = page.found.iter().map(|entry| entry.at.millis_since(at(0))).collect();
        (found, page.next.map(|id| (0..10).find(|n| entry(*n, Action::KeyCreated).id == id).unwrap()))
    };
    let all = AuditFilter::default();
    let after = |n: i64| Some(entry(n, Action::KeyCreated).id);
    assert_eq!(read(all.clone(), None, 3, 100).await, (vec![9, 8, 7], Some(7)));
    assert_eq!(read(all.clone(), after(7), 100, 100).await, (vec![6, 5, 4, 3, 2, 1, 0], None));
    let range = AuditFilter { from: Some(at(2)), until: Some(at(5)), ..all.clone() };
    assert_eq!(read(range.clone(), None, 100, 100).await.0, [4, 3, 2]);
    assert_eq!(read(range, after(4), 100, 100).await.0, [3, 2]);
    let revoked = AuditFilter { action: Some(Action::KeyRevoked), ..all };
    assert_eq!(read(revoked.clone(), None, 2, 100).await, (vec![9, 7], Some(7)));
    assert_eq!(read(revoked, None, 100, 4).await, (vec![9, 7], Some(6)), "it goes on after what it has looked at");
}

#[tokio::test]
async fn every_write_leaves_one_entry_that_tells_who_did_what() {
    let world = World::start().await;
    let endpoint = world.create("/v1/endpoints", endpoint()).await;
    let path = format!("/v1/endpoints/{}", id(&endpoint));
    world.ask(Method::PATCH, &path, Some(json!({"name": "Lobby", "unknown": 1}))).await.expect(200);
    world.ask(Method::POST, &format!("{path}/rotate-secret"), None).await.expect(200);
    let bought =
        world.create("/v1/phone-numbers", json!({"inventory_id": fixture::slot(1).address().id(), "endpoint_id": id(&endpoint)})).await;
    let number = format!("/v1/phone-numbers/{}", id(&bought));
    world.ask(Method::PATCH, &number, Some(json!({"allowInbound": false}))).await.expect(200);
    world.ask(Method::DELETE, &path, None).await.expect(204);
    world.ask(Method::DELETE, &format!("{number}?action=release"), None).await.expect(200);
    world.ask(Method::DELETE, &number, None).await.expect(200);
    let webhook = world.create("/v1/webhooks", json!({"url": "https://hooks.example.com/all"})).await;
    let path = format!("/v1/webhooks/{}", id(&webhook));
    world.ask(Method::PATCH, &path, Some(json!({"active": false}))).await.expect(200);
    world.ask(Method::POST, &format!("{path}/rotate-secret"), None).await.expect(200);
    world.ask(Method::DELETE, &path, None).await.expect(204);
    let key = world.create("/v1/api-keys", json!({"name": "Reader", "scopes": ["calls:read"]})).await;
    let path = format!("/v1/api-keys/{}", id(&key));
    world.ask(Method::PATCH, &path, Some(json!({"name": "Other"}))).await.expect(200);
    world.ask(Method::DELETE, &path, None).await.expect(204);
    let mut told = world.actions("?limit=100").await;
    told.reverse();
    assert_eq!(
        told,
        [
            "endpoint.created",
            "endpoint.updated",
            "endpoint.secret_rotated",
            "phone_number.purchased",
            "phone_number.updated",
            "endpoint.deleted",
            "phone_number.released",
            "phone_number.deleted",
            "webhook.created",
            "webhook.updated",
            "webhook.secret_rotated",
            "webhook.deleted",
            "api_key.created",
            "api_key.updated",
            "api_key.revoked",
        ]
    );
    let updated = &world.trail("?action=endpoint.updated").await[0];
    let own = world.local.table.api_key(world.fixture.key.hash()).await.unwrap().unwrap().id;
    assert_eq!(updated["resource"], json!({"type": "endpoint", "id": endpoint["id"]}));
    assert_eq!(updated["principal"], json!({"type": "key", "id": own, "name": null}));
    assert_eq!((&updated["changes"], &updated["organization_id"]), (&json!(["name"]), &json!(world.fixture.tenant.org())));
}

#[tokio::test]
async fn the_telephony_routes_leave_theirs() {
    let world = World::start().await;
    let secret = "canary-token";
    let credentials = json!({"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": secret});
    let credential =
        world.create("/v1/telephony/providers", json!({"provider": "twilio", "label": "Main", "credentials": credentials})).await;
    let path = format!("/v1/telephony/providers/{}", id(&credential));
    world.ask(Method::PATCH, &path, Some(json!({"label": "Other"}))).await.expect(200);
    world.ask(Method::POST, &format!("{path}/rotate-callbacks"), None).await.expect(200);
    let body = json!({"e164": "+2348051000001", "provider": "twilio", "credentials_id": id(&credential)});
    let number = world.create("/v1/telephony/numbers", body).await;
    world.ask(Method::DELETE, &path, None).await.expect(409);
    let of_number = format!("/v1/telephony/numbers/{}", id(&number));
    world.ask(Method::PATCH, &of_number, Some(json!({"agent_id": "a"}))).await.expect(204);
    world.ask(Method::DELETE, &of_number, None).await.expect(204);
    world.ask(Method::DELETE, &path, None).await.expect(204);
    world.ask(Method::DELETE, &path, None).await.expect(404);
    let mut told = world.actions("").await;
    told.reverse();
    assert_eq!(
        told,
        [
            "credential.created",
            "credential.updated",
            "credential.callbacks_rotated",
            "phone_number.registered",
            "phone_number.updated",
            "phone_number.deleted",
            "credential.deleted",
        ],
        "and what was refused leaves none"
    );
    let trail = json!(world.trail("").await).to_string();
    assert!(!trail.contains(secret) && !trail.contains("+234805"), "neither a secret nor a number");
}

#[tokio::test]
async fn what_has_no_effect_leaves_no_entry() {
    let world = World::start().await;
    let nobody = Uuid::now_v7();
    for (method, path, body, status) in [
        (Method::DELETE, format!("/v1/endpoints/{nobody}"), None, 404),
        (Method::PATCH, format!("/v1/endpoints/{nobody}"), Some(json!({"name": "x"})), 404),
        (Method::PATCH, format!("/v1/phone-numbers/{nobody}"), Some(json!({"allow_inbound": true})), 404),
        (Method::DELETE, format!("/v1/phone-numbers/{nobody}"), None, 404),
        (Method::POST, "/v1/phone-numbers".to_owned(), Some(json!({"inventory_id": fixture::slot(9).address().id()})), 404),
        (Method::PATCH, format!("/v1/webhooks/{nobody}"), Some(json!({"active": true})), 404),
        (Method::DELETE, format!("/v1/webhooks/{nobody}"), None, 404),
        (Method::DELETE, format!("/v1/api-keys/{nobody}"), None, 404),
        (Method::POST, "/v1/endpoints".to_owned(), Some(json!({"name": "x"})), 400),
    ] {
        world.ask(method, &path, body).await.expect(status);
    }
    let bought = world.create("/v1/phone-numbers", json!({"inventory_id": fixture::slot(1).address().id()})).await;
    for _ in 0..2 {
        world.ask(Method::DELETE, &format!("/v1/phone-numbers/{}?action=release", id(&bought)), None).await.expect(200);
    }
    assert_eq!(world.actions("").await, ["phone_number.released", "phone_number.purchased"], "a second release changes nothing");
}

#[tokio::test]
async fn a_request_that_is_tried_again_leaves_one_entry_and_of_many_buyers_one_does() {
    let world = World::start().await;
    for _ in 0..3 {
        assert_eq!(world.once("same", "/v1/endpoints", &endpoint()).await, 201);
    }
    let order = json!({"inventory_id": fixture::slot(2).address().id()});
    let keys: Vec<String> = (0..8).map(|n| format!("buyer-{n}")).collect();
    let bought = join_all(keys.iter().map(|key| world.once(key, "/v1/phone-numbers", &order))).await;
    assert_eq!(bought.iter().filter(|status| **status == 201).count(), 1, "{bought:?}");
    assert_eq!(world.actions("").await, ["phone_number.purchased", "endpoint.created"]);
    assert_eq!(world.trail("?action=endpoint.created").await[0]["request_id"], "mine");
}

#[tokio::test]
async fn a_second_try_after_a_crash_writes_the_entry_of_the_first() {
    let local = LocalTable::start().await;
    let fixture = Fixture::create(&local.table, Mode::Live).await;
    let entry = entry(0, Action::EndpointUpdated);
    let endpoint = fixture::endpoint();
    local.table.create_endpoint(fixture.tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
    for n in 1..=2 {
        let change = domain::endpoint::SimpleChange { name: Some("Lobby".to_owned()), ..Default::default() };
        let table = local.table.audited(fixture.tenant, entry.clone());
        let now = endpoint.updated_at.plus_millis(n);
        table.change_endpoint(fixture.tenant, endpoint.id, &change, now).await.unwrap();
    }
    let page = local.table.audit_trail(fixture.tenant, &AuditFilter::default(), None, 10, 10).await.unwrap();
    assert_eq!(page.found, [entry]);
}

#[tokio::test]
async fn an_entry_is_kept_as_long_as_the_deployment_says() {
    let (local, days) = (LocalTable::start().await, 30);
    let Fixture { tenant, key } = Fixture::create(&local.table, Mode::Live).await;
    let state =
        endpoints::State::new(local.table.clone(), vault(), fixture::nowhere(), Clock::System, Loopback::Refused, "sip.example.com");
    let app = endpoints::app(state.under(Settings { audit_days: days, ..Settings::default() }));
    ask(&app, key.reveal(), Method::POST, "/v1/endpoints", Some(&endpoint())).await.expect(201);
    let entry = local.table.audit_trail(tenant, &AuditFilter::default(), None, 10, 10).await.unwrap().found.remove(0);
    assert_eq!(entry.expires_at, entry.at.as_seconds() + i64::from(days) * 24 * 3_600);
}

#[tokio::test]
async fn a_reader_needs_the_scope_and_sees_its_own_organization_and_mode() {
    let world = World::start().await;
    world.create("/v1/endpoints", endpoint()).await;
    let as_key = async |tenant: Tenant, scope: Scope| {
        let key = fixture::key(&world.local.table, tenant, [scope].into_iter().collect()).await;
        ask(&world.keys, key.reveal(), Method::GET, "/v1/audit", None).await
    };
    let mine = world.fixture.tenant;
    assert_eq!(as_key(mine, Scope::AuditRead).await.expect(200)["data"].as_array().unwrap().len(), 1);
    assert_eq!(as_key(mine, Scope::ApiKeysRead).await.code(), "INSUFFICIENT_SCOPE");
    let stranger = Fixture::create(&world.local.table, Mode::Live).await.tenant;
    for other in [stranger, Tenant::new(mine.org(), Mode::Test)] {
        assert_eq!(as_key(other, Scope::AuditRead).await.expect(200)["data"], json!([]));
    }
}

#[tokio::test]
async fn the_trail_is_walked_by_cursor_and_narrowed_by_filters() {
    let world = World::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.create("/v1/endpoints", endpoint()).await);
    }
    let key = world.create("/v1/api-keys", json!({"name": "Reader", "scopes": ["calls:read"]})).await;
    let (mut seen, mut path) = (Vec::new(), "/v1/audit?limit=2&resource_type=endpoint".to_owned());
    loop {
        let page = world.ask(Method::GET, &path, None).await.expect(200);
        seen.extend(page["data"].as_array().unwrap().iter().map(|entry| entry["resource"]["id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/audit?limit=2&resource_type=endpoint&cursor={cursor}");
    }
    let newest_first: Vec<Value> = made.iter().rev().map(|endpoint| endpoint["id"].clone()).collect();
    assert_eq!(seen, newest_first);
    let own = world.local.table.api_key(world.fixture.key.hash()).await.unwrap().unwrap().id;
    let counts: BTreeMap<&str, usize> = BTreeMap::from([("?action=api_key.created", 1), ("?from=2020-01-01", 6), ("?to=2020-01-01", 0)]);
    for (query, count) in counts {
        assert_eq!(world.trail(query).await.len(), count, "{query}");
    }
    assert_eq!(world.trail(&format!("?resource_id={}", id(&key))).await.len(), 1);
    assert_eq!(world.trail(&format!("?principal_id={own}&limit=100")).await.len(), 6);
    assert!(world.trail(&format!("?principal_id={}", Uuid::nil())).await.is_empty());
    for wrong in ["?action=exploded", "?resource_type=house", "?resource_id=x", "?from=2026-01-03&to=2026-01-02", "?offset=1", "?cursor=x"]
    {
        let refused = world.ask(Method::GET, &format!("/v1/audit{wrong}"), None).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "VALIDATION_ERROR"), "{wrong}");
    }
}
