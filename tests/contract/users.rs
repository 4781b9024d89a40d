//! Users at the gate: for which organization and in which data they act, what a process remembers of them, how their
//! requests are repeated.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{Router, body::Body};
use domain::{Mode, OrgId, UserId, member::Role};
use http::{HeaderMap, Method, Request, request::Builder};
use runtime::{Clock, random};
use serde_json::{Value, json};
use store::{LastOwner, Organization};
use testkit::{Fixture, LocalTable, client::ask, fixture, tokens};
use tower::ServiceExt as _;

/// An answer.
struct Told {
    status: u16,
    headers: HeaderMap,
    text: String,
    body: Value,
}

impl Told {
    fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }
}

/// A user of two organizations, and functions whose clock is moved by hand.
struct Bench {
    local: LocalTable,
    user: UserId,
    /// The organization that the user joined first, and the other one.
    first: OrgId,
    second: OrgId,
    now: Arc<AtomicI64>,
    keys: Router,
    credentials: Router,
}

impl Bench {
    async fn start() -> Self {
        let local = LocalTable::start().await;
        let vault = testkit::costs::vault();
        tokens::keep_secret(&local.table, &vault, tokens::ISSUER, tokens::SECRET).await;
        let now = Arc::new(AtomicI64::new(fixture::now().as_millis()));
        let clock = || Clock::Manual(Arc::clone(&now));
        let table = || local.table.clone();
        let keys = api_keys::app(api_keys::State::new(table(), vault.clone(), clock()).under(tokens::issuers()));
        let credentials = carrier_credentials::State::new(table(), vault, clock(), "https://api.example.com");
        let credentials = carrier_credentials::app(credentials.under(tokens::issuers()));
        let user = fixture::user();
        let (second, first) = (organization(&local, "Second").await, organization(&local, "First").await);
        let bench = Self { keys, credentials, local, user, first, second, now };
        bench.join(first, Role::Owner, -1_000).await;
        bench.join(second, Role::Member, 0).await;
        bench
    }

    /// Has the user be this in an organization, so much later than now.
    async fn join(&self, org: OrgId, role: Role, millis: i64) {
        let at = fixture::now().plus_millis(millis);
        self.local.table.set_member(org, self.user, role, at, LastOwner::MayGo).await.unwrap();
    }

    fn pass(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    async fn send(&self, app: &Router, request: Builder, body: &str) -> Told {
        let request = request.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Told { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// Reads a path of the API keys with further headers.
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Told {
        self.send(&self.keys, self.request(Method::GET, path, headers), "").await
    }

    fn request(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Builder {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {}", tokens::good(self.user)));
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    }

    /// For which organization a key is minted, which tells for which one the user acts; a member mints none.
    async fn acts_for(&self, path: &str, headers: &[(&str, &str)]) -> Result<OrgId, (u16, String)> {
        let body = json!({"name": "K", "scopes": ["calls:read"]}).to_string();
        let told = self.send(&self.keys, self.request(Method::POST, path, headers), &body).await;
        match told.code() {
            (201, _) => Ok(told.body["organization_id"].as_str().unwrap().parse().unwrap()),
            (403, "INSUFFICIENT_SCOPE") => Ok(self.second),
            (status, code) => Err((status, code.to_owned())),
        }
    }
}

async fn organization(local: &LocalTable, name: &str) -> OrgId {
    let id = OrgId::new(fixture::now(), random::bytes());
    local.table.create_organization(&Organization { id, name: name.to_owned(), created_at: fixture::now() }).await.unwrap();
    id
}

const KEYS: &str = "/v1/api-keys";

fn refused(status: u16, code: &str) -> Result<OrgId, (u16, String)> {
    Err((status, code.to_owned()))
}

#[tokio::test]
async fn a_user_acts_for_the_organization_that_is_named_or_for_the_first_one() {
    let bench = Bench::start().await;
    let (first, second) = (bench.first.to_string(), bench.second.to_string());
    assert_eq!(bench.acts_for(KEYS, &[]).await, Ok(bench.first));
    for name in ["x-organization-id", "x-account-id", "X-Account-ID"] {
        assert_eq!(bench.acts_for(KEYS, &[(name, &second)]).await, Ok(bench.second), "{name}");
        assert_eq!(bench.acts_for(KEYS, &[(name, &format!("org_{second}"))]).await, Ok(bench.second), "{name}");
    }
    for parameter in ["organization_id", "organizationId"] {
        assert_eq!(bench.acts_for(&format!("{KEYS}?{parameter}={second}"), &[]).await, Ok(bench.second), "{parameter}");
    }
    let agreeing = [("x-organization-id", second.as_str()), ("x-account-id", second.as_str())];
    assert_eq!(bench.acts_for(&format!("{KEYS}?organization_id={second}"), &agreeing).await, Ok(bench.second));
    let disagreeing = [("x-organization-id", second.as_str()), ("x-account-id", first.as_str())];
    assert_eq!(bench.acts_for(KEYS, &disagreeing).await, refused(400, "VALIDATION_ERROR"));
    let one = [("x-account-id", first.as_str())];
    assert_eq!(bench.acts_for(&format!("{KEYS}?organization_id={second}"), &one).await, refused(400, "VALIDATION_ERROR"));
    for wrong in ["", "x", &format!("{second},{second}"), &format!("{{{second}}}"), &format!("user_{second}")] {
        assert_eq!(bench.acts_for(KEYS, &[("x-organization-id", wrong)]).await, refused(400, "VALIDATION_ERROR"), "{wrong}");
    }
    let twice = format!("{KEYS}?organization_id={second}&organizationId={second}");
    assert_eq!(bench.acts_for(&twice, &[]).await, refused(400, "VALIDATION_ERROR"));
    assert_eq!(bench.acts_for(&format!("{KEYS}?organization_id="), &[]).await, refused(400, "VALIDATION_ERROR"));
}

#[tokio::test]
async fn an_organization_of_others_and_one_that_there_is_not_are_refused_alike() {
    let bench = Bench::start().await;
    let theirs = Fixture::create(&bench.local.table, Mode::Live).await.tenant.org();
    for org in [theirs, OrgId::new(fixture::now(), random::bytes())] {
        let told = bench.get(KEYS, &[("x-organization-id", &org.to_string())]).await;
        assert_eq!((told.code(), &told.body["error"]), ((403, "FORBIDDEN"), &json!("You are no member of this organization")));
    }
}

#[tokio::test]
async fn telephony_routes_want_the_organization_said_and_tell_it_in_their_style() {
    let bench = Bench::start().await;
    let path = "/api/v1/telephony/providers";
    let ask = async |headers: &[(&str, &str)]| bench.send(&bench.credentials, bench.request(Method::GET, path, headers), "").await;
    let told = ask(&[]).await;
    assert_eq!((told.status, told.text.as_str()), (400, "Missing X-Account-ID header"));
    assert!(told.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    let told = ask(&[("accept", "application/json")]).await;
    assert_eq!((told.code(), &told.body["error"]), ((400, "MISSING_FIELDS"), &json!("Missing X-Account-ID header")));
    let org = bench.second.to_string();
    assert_eq!(ask(&[("x-account-id", &org)]).await.status, 200);
    assert_eq!(ask(&[("x-organization-id", &org)]).await.status, 200);
    let told = ask(&[("x-account-id", "x")]).await;
    assert_eq!((told.status, told.text.as_str()), (400, "Invalid body or missing field: x-account-id: must be one UUID"));
    let told = ask(&[("x-account-id", "0198c0de-0000-7000-8000-000000000001")]).await;
    assert_eq!((told.status, told.text.as_str()), (403, "Forbidden"));
    let fixture = Fixture::create(&bench.local.table, Mode::Live).await;
    let by_key = Request::builder().uri(path).header("x-api-key", fixture.key.reveal());
    assert_eq!(bench.send(&bench.credentials, by_key, "").await.status, 200, "a key says it by itself");
}

#[tokio::test]
async fn a_user_works_in_live_data_unless_test_data_are_asked_for() {
    let bench = Bench::start().await;
    let minted = async |headers: &[(&str, &str)]| {
        let body = json!({"name": "K", "scopes": ["calls:read"]}).to_string();
        bench.send(&bench.keys, bench.request(Method::POST, KEYS, headers), &body).await
    };
    for (headers, mode) in [(&[][..], "live"), (&[("x-mode", "live")], "live"), (&[("x-mode", "test")], "test")] {
        assert_eq!(minted(headers).await.body["mode"], mode, "{headers:?}");
    }
    for wrong in ["", "Test", "both", "test,test", "production"] {
        let told = minted(&[("x-mode", wrong)]).await;
        assert_eq!((told.code(), &told.body["details"]["errors"][0]["field"]), ((400, "VALIDATION_ERROR"), &json!("x-mode")), "{wrong}");
    }
    assert_eq!(minted(&[("x-mode", "test"), ("x-mode", "test")]).await.status, 400);
}

#[tokio::test]
async fn the_list_of_organizations_shows_a_users_own_the_oldest_membership_first() {
    let bench = Bench::start().await;
    let told = bench.get("/v1/organizations", &[]).await;
    let shown: Vec<_> = told.body.as_array().unwrap().iter().map(|org| (&org["id"], &org["name"], &org["role"])).collect();
    assert_eq!(
        shown,
        [(&json!(bench.first), &json!("First"), &json!("owner")), (&json!(bench.second), &json!("Second"), &json!("member"))]
    );
    assert_eq!(told.headers["x-total-count"], "2");
    assert!(told.body[0]["created_at"].is_string() && told.body[0]["member_since"].is_string());
    assert_eq!(bench.get("/api/v1/organizations", &[]).await.body, told.body);
    let elsewhere = [("x-organization-id", "0198c0de-0000-7000-8000-000000000001")];
    assert_eq!(bench.get("/v1/organizations", &elsewhere).await.body, told.body, "whatever is named");
    assert_eq!(bench.get("/v1/organizations", &[("x-organization-id", "x")]).await.status, 400);
    let stranger = ask(&bench.keys, &tokens::good(fixture::user()), Method::GET, "/v1/organizations", None).await;
    assert_eq!(stranger.expect(200), json!([]));
}

#[tokio::test]
async fn the_list_of_organizations_shows_a_key_its_own() {
    let bench = Bench::start().await;
    let fixture = Fixture::create(&bench.local.table, Mode::Live).await;
    let shown = ask(&bench.keys, fixture.key.reveal(), Method::GET, "/v1/organizations", None).await.expect(200);
    assert_eq!(shown.as_array().unwrap().len(), 1);
    assert_eq!((&shown[0]["id"], &shown[0]["role"], &shown[0]["member_since"]), (&json!(fixture.tenant.org()), &Value::Null, &Value::Null));
    let path = format!("/v1/organizations?organization_id={}", bench.first);
    assert_eq!(ask(&bench.keys, fixture.key.reveal(), Method::GET, &path, None).await.code(), "FORBIDDEN");
    assert_eq!(ask(&bench.keys, "", Method::GET, "/v1/organizations", None).await.code(), "UNAUTHORIZED");
}

#[tokio::test]
async fn a_key_that_names_another_organization_in_the_query_is_refused() {
    let bench = Bench::start().await;
    let fixture = Fixture::create(&bench.local.table, Mode::Live).await;
    let get = async |org: String| {
        ask(&bench.keys, fixture.key.reveal(), Method::GET, &format!("{KEYS}?organization_id={org}"), None).await.status.as_u16()
    };
    assert_eq!(get(fixture.tenant.org().to_string()).await, 200);
    assert_eq!(get(bench.first.to_string()).await, 403);
    assert_eq!(get("x".to_owned()).await, 400);
}

#[tokio::test]
async fn a_new_membership_counts_at_once_and_a_changed_or_ended_one_within_a_minute() {
    let bench = Bench::start().await;
    let stays = async || bench.acts_for(KEYS, &[]).await;
    assert_eq!(stays().await, Ok(bench.first));
    let third = organization(&bench.local, "Third").await;
    let named = third.to_string();
    assert_eq!(bench.acts_for(KEYS, &[("x-organization-id", &named)]).await, refused(403, "FORBIDDEN"));
    bench.join(third, Role::Owner, 0).await;
    assert_eq!(bench.acts_for(KEYS, &[("x-organization-id", &named)]).await, Ok(third), "though the user is remembered without it");
    bench.join(third, Role::Member, 0).await;
    bench.local.table.remove_member(bench.first, bench.user, LastOwner::MayGo).await.unwrap();
    bench.pass(59_999);
    assert_eq!(stays().await, Ok(bench.first), "a process believes what it read");
    bench.pass(1);
    assert_eq!(bench.acts_for(KEYS, &[("x-organization-id", &bench.first.to_string())]).await, refused(403, "FORBIDDEN"));
    assert_eq!(stays().await, Ok(bench.second));
}

#[tokio::test]
async fn who_is_known_costs_nothing_and_who_is_no_member_one_strong_read() {
    let bench = Bench::start().await;
    let ask = async |headers: &[(&str, &str)]| {
        let before = bench.local.table.usage();
        bench.get("/v1/api-keys/no-id", headers).await;
        let after = bench.local.table.usage();
        (after.requests - before.requests, after.read_units - before.read_units, after.write_units - before.write_units)
    };
    ask(&[("x-mode", "wrong")]).await; // The issuer's secret is read.
    assert_eq!(ask(&[]).await, (1, 0.5, 0.0), "the first request of a user");
    let second = bench.second.to_string();
    for headers in [&[][..], &[("x-organization-id", second.as_str())], &[("x-mode", "test")]] {
        assert_eq!(ask(headers).await, (0, 0.0, 0.0), "{headers:?}");
    }
    assert_eq!(ask(&[("x-organization-id", "0198c0de-0000-7000-8000-000000000001")]).await, (1, 1.0, 0.0));
}

#[tokio::test]
async fn a_request_is_repeated_by_the_same_user_with_a_renewed_token_and_by_nobody_else() {
    let bench = Bench::start().await;
    let colleague = fixture::member(&bench.local.table, bench.first, Role::Admin).await;
    let key =
        fixture::key(&bench.local.table, store::Tenant::new(bench.first, Mode::Live), domain::scope::Scope::ALL.iter().copied().collect());
    let key = key.await;
    let send = async |credential: &str, name: &str, org: OrgId| {
        let request = Request::builder().method(Method::POST).uri(KEYS).header("x-api-key", credential);
        let request = request.header("idempotency-key", "k").header("x-organization-id", org.to_string());
        let told = bench.send(&bench.keys, request, &json!({"name": name, "scopes": ["calls:read"]}).to_string()).await;
        (told.status, told.headers.contains_key("idempotent-replayed"), told.body["id"].clone())
    };
    let renewed = |user, seconds: i64| {
        let mut claims = tokens::claims(tokens::ISSUER, user, fixture::now());
        claims["exp"] = json!(fixture::now().as_seconds() + seconds);
        tokens::Signer::hs256(tokens::SECRET.as_bytes()).token(&claims)
    };
    let (status, replayed, id) = send(&renewed(bench.user, 60), "K", bench.first).await;
    assert_eq!((status, replayed), (201, false));
    assert_eq!(send(&renewed(bench.user, 3_600), "K", bench.first).await, (201, true, id.clone()));
    assert_eq!(send(&renewed(bench.user, 3_600), "L", bench.first).await.0, 422, "another body");
    for other in [tokens::good(colleague), key.reveal().to_owned()] {
        let (status, replayed, theirs) = send(&other, "K", bench.first).await;
        assert_eq!((status, replayed), (201, false));
        assert_ne!(theirs, id);
    }
    assert_eq!(send(&renewed(bench.user, 60), "K", bench.second).await.0, 403, "another organization has it not");
    let kept = bench.local.dump().await;
    let prints: HashSet<_> = kept.iter().filter_map(|item| item.get("fingerprint")?.as_s().ok()).collect();
    assert_eq!(prints.len(), 3, "one body has another digest for each of three callers");
}

#[tokio::test]
async fn the_organization_that_is_named_is_no_filter_of_a_list() {
    let bench = Bench::start().await;
    for _ in 0..3 {
        bench.acts_for(KEYS, &[]).await.unwrap();
    }
    let page = bench.get(&format!("{KEYS}?limit=2&envelope=true&organization_id={}", bench.first), &[]).await;
    let cursor = page.body["next_cursor"].as_str().unwrap();
    let rest = bench.get(&format!("{KEYS}?limit=2&envelope=true&cursor={cursor}"), &[]).await;
    assert_eq!((rest.status, rest.body["api_keys"].as_array().unwrap().len()), (200, 1), "{}", rest.text);
    let elsewhere = bench.get(&format!("{KEYS}?limit=2&cursor={cursor}&organization_id={}", bench.second), &[]).await;
    assert_eq!(elsewhere.code(), (400, "VALIDATION_ERROR"), "a cursor opens the list of one organization");
}
