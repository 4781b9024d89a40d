//! Users on the deployed stack: whose tokens open it, in which organization and role they act, and that nothing of a token
//! stays behind.

use domain::{OrgId, UserId, member::Role};
use http::Method;
use serde_json::{Value, json};
use store::LastOwner;
use testkit::{
    Client, fixture,
    tokens::{self, Signer},
};

use crate::{
    given::{HOOK, assert_refused, at_endpoint, at_number, fields},
    setup::World,
};

const ORGANIZATIONS: &str = "/v1/organizations";

impl World {
    /// A token of the stack's issuer with these claims changed.
    fn token(&self, user: UserId, changes: &Value) -> String {
        let mut claims = tokens::claims(&self.stack.jwt.issuer, user, fixture::now());
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        Signer::hs256(self.stack.jwt.secret.as_bytes()).token(&claims)
    }

    /// A client of this user.
    fn signed_in(&self, user: UserId) -> Client {
        Client::new(&self.stack.base_url, &self.token(user, &json!({})))
    }

    /// A client of a user who has this role in the organization.
    async fn as_member(&self, role: Role) -> Client {
        self.signed_in(fixture::member(&self.stack.table(), self.fixture.tenant.org(), role).await)
    }

    /// Another organization of the user.
    async fn joins_another(&self, user: UserId, role: Role) -> OrgId {
        let other = testkit::Fixture::create(&self.stack.table(), domain::Mode::Live).await.tenant.org();
        let now = fixture::now().plus_millis(1_000);
        self.stack.table().set_member(other, user, role, now, LastOwner::Stays).await.unwrap();
        other
    }
}

#[tokio::test]
async fn a_user_without_an_organization_sees_an_empty_list_and_nothing_else() {
    let world = World::new().await;
    let user = world.signed_in(fixture::user());
    assert_eq!(user.get(ORGANIZATIONS).await.expect(200), json!([]));
    assert_refused(&user.get("/v1/calls").await, 403, "FORBIDDEN", &[]);
    assert_eq!(user.send_with(Method::GET, "/v1/telephony/numbers", None, &[]).await.told(), (400, "Missing X-Account-ID header"));
}

#[tokio::test]
async fn each_role_does_what_it_may_under_both_prefixes() {
    let world = World::new().await;
    for role in [Role::Owner, Role::Admin] {
        let user = world.as_member(role).await;
        let endpoint = user.post("/v1/endpoints", json!({"name": "E", "type": "webhook", "url": HOOK})).await.expect(201);
        assert_eq!(endpoint["organization_id"], json!(world.fixture.tenant.org()));
        user.patch(&format!("/api{}", at_endpoint(&endpoint)), json!({"name": "F"})).await.expect(200);
    }
    let (endpoint, number) = (world.webhook().await, world.number().await);
    let member = world.as_member(Role::Member).await;
    for path in ["/v1/phone-numbers", "/v1/endpoints", "/v1/calls", "/v1/webhooks", "/v1/webhooks/deliveries", "/v1/api-keys"] {
        member.get(path).await.expect(200);
        member.get(&format!("/api{path}")).await.expect(200);
    }
    let account = world.fixture.tenant.org().to_string();
    let named = [("x-account-id", account.as_str())];
    for path in ["/api/v1/telephony/providers", "/v1/telephony/numbers"] {
        member.send_with(Method::GET, path, None, &named).await.expect(200);
    }
    assert_eq!(member.get(&at_endpoint(&endpoint)).await.expect(200)["secret"], domain::wire::MASKED_SECRET);
    assert_eq!(member.get(&at_number(&number)).await.expect(200)["sip_credentials"]["password"], Value::Null);
    assert_refused(&member.delete(&at_endpoint(&endpoint)).await, 403, "INSUFFICIENT_SCOPE", &[]);
    assert_refused(&member.post("/v1/api-keys", json!({"name": "K", "scopes": ["calls:read"]})).await, 403, "INSUFFICIENT_SCOPE", &[]);
    let body = json!({"provider": "twilio"});
    assert_eq!(member.send_with(Method::POST, "/v1/telephony/providers", Some(&body), &named).await.told(), (403, "Forbidden"));
}

#[tokio::test]
async fn a_user_of_two_organizations_chooses_by_header_or_parameter() {
    let world = World::new().await;
    let user = fixture::member(&world.stack.table(), world.fixture.tenant.org(), Role::Owner).await;
    let other = world.joins_another(user, Role::Member).await;
    let client = world.signed_in(user);
    let listed = client.get(ORGANIZATIONS).await.expect(200);
    assert_eq!(fields(&listed[0]), ["created_at", "id", "member_since", "name", "role"].into());
    let shown: Vec<_> = listed.as_array().unwrap().iter().map(|org| (&org["id"], &org["role"])).collect();
    assert_eq!(shown, [(&json!(world.fixture.tenant.org()), &json!("owner")), (&json!(other), &json!("member"))]);
    assert_eq!(client.get(&format!("/api{ORGANIZATIONS}")).await.expect(200), listed);
    let endpoint = client.post("/v1/endpoints", json!({"name": "E", "type": "webhook", "url": HOOK})).await.expect(201);
    let (path, other) = (at_endpoint(&endpoint), other.to_string());
    client.get(&path).await.expect(200);
    for name in ["x-organization-id", "x-account-id"] {
        assert_refused(&client.send_with(Method::GET, &path, None, &[(name, &other)]).await, 404, "NOT_FOUND", &[]);
    }
    assert_refused(&client.get(&format!("{path}?organization_id={other}")).await, 404, "NOT_FOUND", &[]);
    let both = [("x-organization-id", other.as_str()), ("x-account-id", world.stack.organization_id.as_str())];
    assert_refused(&client.send_with(Method::GET, &path, None, &both).await, 400, "VALIDATION_ERROR", &["x-account-id"]);
    let theirs = [("x-organization-id", world.stack.organization_id.as_str())];
    assert_refused(&client.send_with(Method::GET, &path, None, &theirs).await, 403, "FORBIDDEN", &[]);
    assert_refused(&client.send_with(Method::GET, &path, None, &[("x-mode", "test")]).await, 404, "NOT_FOUND", &[]);
    assert_refused(&client.send_with(Method::GET, &path, None, &[("x-mode", "no")]).await, 400, "VALIDATION_ERROR", &["x-mode"]);
}

#[tokio::test]
async fn a_key_is_told_its_organization_and_may_name_no_other() {
    let world = World::new().await;
    let listed = world.client.get(ORGANIZATIONS).await.expect(200);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!(world.fixture.tenant.org())));
    assert_eq!((&listed[0]["role"], &listed[0]["member_since"]), (&Value::Null, &Value::Null));
    let other = format!("/v1/calls?organization_id={}", world.stack.organization_id);
    assert_refused(&world.client.get(&other).await, 403, "FORBIDDEN", &[]);
    assert_refused(&world.client.post(ORGANIZATIONS, json!({})).await, 405, "METHOD_NOT_ALLOWED", &[]);
    assert_refused(&world.client.get(&format!("{ORGANIZATIONS}/x")).await, 404, "NOT_FOUND", &[]);
}

#[tokio::test]
async fn what_is_no_good_token_is_401() {
    let world = World::new().await;
    let user = fixture::member(&world.stack.table(), world.fixture.tenant.org(), Role::Owner).await;
    let now = fixture::now().as_seconds();
    let claims = tokens::claims(&world.stack.jwt.issuer, user, fixture::now());
    let mut wrong: Vec<String> = [
        json!({"exp": now - 60}),
        json!({"nbf": now + 60}),
        json!({"iss": "https://evil.example/auth/v1"}),
        json!({"aud": "anon"}),
        json!({"role": "anon"}),
        json!({"role": "service_role"}),
        json!({"is_anonymous": true}),
        json!({"sub": "admin"}),
    ]
    .iter()
    .map(|changes| world.token(user, changes))
    .collect();
    wrong.push(Signer::hs256(b"another secret, as long as it has to be").token(&claims));
    wrong.push(Signer::es256("k").token(&claims));
    wrong.push(format!("{}.", tokens::unsigned(r#"{"alg":"none"}"#, &claims.to_string())));
    for token in wrong {
        let client = Client::new(&world.stack.base_url, &token);
        assert_refused(&client.get(ORGANIZATIONS).await, 401, "UNAUTHORIZED", &[]);
        assert_refused(&client.get("/v1/calls").await, 401, "UNAUTHORIZED", &[]);
    }
}

#[tokio::test]
async fn a_request_is_repeated_with_a_renewed_token() {
    let world = World::new().await;
    let user = fixture::member(&world.stack.table(), world.fixture.tenant.org(), Role::Owner).await;
    let body = json!({"name": "E", "type": "webhook", "url": HOOK});
    let once = [("idempotency-key", "user-1")];
    let send = async |seconds: i64| {
        let token = world.token(user, &json!({"exp": fixture::now().as_seconds() + seconds}));
        Client::new(&world.stack.base_url, &token).send_with(Method::POST, "/v1/endpoints", Some(&body), &once).await
    };
    let first = send(60).await.expect(201);
    let again = send(3_600).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.expect(201)["id"], first["id"]);
    let colleague = world.as_member(Role::Admin).await;
    let theirs = colleague.send_with(Method::POST, "/v1/endpoints", Some(&body), &once).await.expect(201);
    assert_ne!(theirs["id"], first["id"]);
}

#[tokio::test]
async fn neither_a_token_nor_the_issuers_secret_is_stored_or_logged() {
    let world = World::new().await;
    let user = fixture::member(&world.stack.table(), world.fixture.tenant.org(), Role::Owner).await;
    let token = world.token(user, &json!({"nonce": "a token of its own"}));
    Client::new(&world.stack.base_url, &token).get("/v1/calls").await.expect(200);
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    assert_refused(&Client::new(&world.stack.base_url, &forged).get("/v1/calls").await, 401, "UNAUTHORIZED", &[]);
    let (stored, logs) = (world.stack.dump_table().await, world.stack.logs().await);
    let parts: Vec<&str> = token.split('.').skip(1).chain([world.stack.jwt.secret.as_str()]).collect();
    for secret in parts {
        assert!(!stored.contains(secret), "a secret is stored in clear");
        assert!(!logs.contains(secret), "a secret was logged");
    }
}
