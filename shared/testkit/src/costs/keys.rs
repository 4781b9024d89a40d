//! What it costs to know who calls, and what the keys themselves cost.

use domain::api_key::ApiKey;
use http::Method;
use serde_json::{Value, json};

use super::Bench;
use crate::fixture;

impl Bench {
    pub(super) async fn authentication(&mut self) {
        let unknown = "/v1/phone-numbers/not-an-id";
        let own = self.fixture.key.clone();
        let over = ApiKey { valid_until: Some(fixture::now()), ..fixture::api_key(self.fixture.tenant) };
        self.fixture.key = fixture::key_as(&self.local.table, over).await;
        let expired = self.ask(&self.numbers, Method::GET, unknown, None, 401);
        self.fixture.key = own;
        self.row("authentication, key not cached and refused", (1, 0.5, 0.0), expired).await;
        // The use is noted once a minute, beside whatever the request itself waits for: here for nothing.
        let first = self.ask(&self.numbers, Method::GET, unknown, None, 404);
        self.row("authentication, key not cached, its use noted", (2, 0.5, 1.0), first).await;
        let again = self.ask(&self.numbers, Method::GET, unknown, None, 404);
        self.row("authentication, key cached", (0, 0.0, 0.0), again).await;
        self.ask(&self.endpoints, Method::GET, "/v1/endpoints/not-an-id", None, 404).await;
        self.ask(&self.credentials, Method::DELETE, "/v1/telephony/providers/not-an-id", None, 404).await;
        self.ask(&self.keys, Method::GET, "/v1/api-keys/not-an-id", None, 404).await;
    }

    pub(super) async fn api_keys(&mut self) {
        let order =
            || Some(json!({"name": "Production backend", "scopes": ["calls:read", "numbers:read"], "allowed_ips": ["203.0.113.0/24"]}));
        let mint = self.ask(&self.keys, Method::POST, "/v1/api-keys", order(), 201);
        let key: Value = self.row("mint an API key", (1, 0.0, 6.0), mint).await;
        let path = format!("/v1/api-keys/{}", key["id"].as_str().unwrap());
        let get = self.ask(&self.keys, Method::GET, &path, None, 200);
        self.row("get an API key", (1, 1.0, 0.0), get).await;
        let patch = self.ask(&self.keys, Method::PATCH, &path, Some(json!({"name": "Staging backend"})), 200);
        self.row("patch an API key", (2, 1.0, 4.0), patch).await;
        let revoke = self.ask(&self.keys, Method::DELETE, &path, None, 204);
        self.row("revoke an API key", (2, 1.0, 6.0), revoke).await;
        for _ in 0..18 {
            self.ask(&self.keys, Method::POST, "/v1/api-keys", order(), 201).await;
        }
        let list = self.ask(&self.keys, Method::GET, "/v1/api-keys", None, 200);
        self.row("list 20 API keys", (1, 2.0, 0.0), list).await;
    }
}
