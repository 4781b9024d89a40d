//! What it costs to know who calls, and what the keys themselves cost.

use domain::{api_key::ApiKey, member::Role};
use http::{Method, Request};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::Bench;
use crate::{fixture, tokens};

impl Bench {
    pub(super) async fn authentication(&mut self) {
        let unknown = "/v1/phone-numbers/not-an-id";
        let own = self.fixture.key.clone();
        let over = ApiKey { valid_until: Some(fixture::now()), ..fixture::api_key(self.fixture.tenant) };
        self.fixture.key = fixture::key_as(&self.local.table, over).await;
        let expired = self.ask(&self.numbers, Method::GET, unknown, None, 401);
        self.fixture.key = own;
        self.row("authentication, key not cached and refused", (1, 1.0, 0.0), expired).await;
        // The use is noted once a minute, beside whatever the request itself waits for: here for nothing.
        let first = self.ask(&self.numbers, Method::GET, unknown, None, 404);
        self.row("authentication, key not cached, its use noted", (2, 1.0, 1.0), first).await;
        let again = self.ask(&self.numbers, Method::GET, unknown, None, 404);
        self.row("authentication, key cached", (0, 0.0, 0.0), again).await;
        self.ask(&self.endpoints, Method::GET, "/v1/endpoints/not-an-id", None, 404).await;
        self.ask(&self.credentials, Method::DELETE, "/v1/telephony/providers/not-an-id", None, 404).await;
        self.ask(&self.keys, Method::GET, "/v1/api-keys/not-an-id", None, 404).await;
    }

    /// Users of an issuer that signs with a secret; published keys cost no table at all.
    pub(super) async fn users(&mut self) {
        tokens::keep_secret(&self.local.table, &self.vault, tokens::ISSUER, tokens::SECRET).await;
        let org = self.fixture.tenant.org();
        let (user, other) =
            (fixture::member(&self.local.table, org, Role::Owner).await, fixture::member(&self.local.table, org, Role::Member).await);
        let state = api_keys::State::new(self.local.table.clone(), self.vault.clone(), runtime::Clock::System);
        let app = api_keys::app(state.under(tokens::issuers()));
        let ask = |user, path: &str, headers: &[(&str, &str)], status: u16| {
            let request = Request::builder().uri(path).header("authorization", format!("Bearer {}", tokens::good(user)));
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let (app, request) = (app.clone(), request.body(axum::body::Body::empty()).unwrap());
            async move { assert_eq!(app.oneshot(request).await.unwrap().status().as_u16(), status) }
        };
        let unknown = "/v1/api-keys/not-an-id";
        let first = ask(other, unknown, &[], 404);
        self.row("authentication, user and the issuer's secret not cached", (2, 1.0, 0.0), first).await;
        let (first, again) = (ask(user, unknown, &[], 404), ask(user, unknown, &[("x-organization-id", &org.to_string())], 404));
        self.row("authentication, user not cached", (1, 0.5, 0.0), first).await;
        self.row("authentication, user cached, whatever organization of theirs is named", (0, 0.0, 0.0), again).await;
        let elsewhere = ask(user, unknown, &[("x-organization-id", "0198c0de-0000-7000-8000-000000000001")], 403);
        self.row("authentication, user who is no member of what is named", (1, 1.0, 0.0), elsewhere).await;
        let list = ask(user, "/v1/organizations", &[], 200);
        self.row("list the organizations of a user who has one", (2, 1.0, 0.0), list).await;
    }

    pub(super) async fn api_keys(&mut self) {
        let order =
            || Some(json!({"name": "Production backend", "scopes": ["calls:read", "numbers:read"], "allowed_ips": ["203.0.113.0/24"]}));
        let mint = self.ask(&self.keys, Method::POST, "/v1/api-keys", order(), 201);
        let key: Value = self.row("mint an API key", (1, 0.0, 8.0), mint).await;
        let path = format!("/v1/api-keys/{}", key["id"].as_str().unwrap());
        let get = self.ask(&self.keys, Method::GET, &path, None, 200);
        self.row("get an API key", (1, 1.0, 0.0), get).await;
        let patch = self.ask(&self.keys, Method::PATCH, &path, Some(json!({"name": "Staging backend"})), 200);
        self.row("patch an API key", (2, 1.0, 6.0), patch).await;
        let revoke = self.ask(&self.keys, Method::DELETE, &path, None, 204);
        self.row("revoke an API key", (2, 1.0, 8.0), revoke).await;
        for _ in 0..18 {
            self.ask(&self.keys, Method::POST, "/v1/api-keys", order(), 201).await;
        }
        let list = self.ask(&self.keys, Method::GET, "/v1/api-keys", None, 200);
        self.row("list 20 API keys", (1, 2.0, 0.0), list).await;
        // The key of cursors is read once by each process.
        self.ask(&self.keys, Method::GET, "/v1/audit?limit=1", None, 200).await;
        let trail = self.ask(&self.keys, Method::GET, "/v1/audit", None, 200);
        self.row("read 20 entries of the audit trail", (1, 1.0, 0.0), trail).await;
    }
}
