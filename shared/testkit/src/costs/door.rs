//! What the carriers' door costs: a question where a call goes, a callback, an explanation.

use std::sync::Arc;

use axum::{Router, body::Body};
use carrier_callbacks::{Parts, State};
use domain::carrier::Carrier;
use http::{Method, Request};
use runtime::{Clock, Metrics, random};
use serde_json::json;
use tower::ServiceExt as _;
use webhooks::guard::{Loopback, Policy};

use super::Bench;
use crate::{
    Mailbox,
    carrier::{Account, account_id, encoded},
};

const BASE: &str = "https://api.example.com";

impl Bench {
    pub(super) async fn door(&mut self) {
        let clock = Arc::new(Clock::System.now().as_millis().into());
        let door = carrier_callbacks::app(State::new(Parts {
            table: self.local.table.clone(),
            vault: self.vault.clone(),
            call_events: Mailbox::new(clock).sender(),
            clock: Clock::System,
            metrics: Metrics::Log,
            policy: Policy::from(Loopback::Allowed),
            public_base_url: BASE.to_owned(),
        }));
        let agent = json!({"name": "Agent", "type": "vogent", "provider_config": {"vogent_agent_id": "agent-7"}});
        let agent = self.ask(&self.endpoints, Method::POST, "/v1/endpoints", Some(agent), 201).await;
        let account = self.plivo().await;
        let to = "+2348059000001";
        let number = json!({"e164": to, "provider": "plivo", "credentials_id": account.id, "agent_id": agent["id"]});
        self.ask(&self.numbers, Method::POST, "/v1/telephony/numbers", Some(number), 201).await;

        let question = account.question(account.call(), to);
        // The third trip is the queue's.
        self.row("answer a carrier's question where a call goes", (2, 4.0, 1.0), post(&door, &account, &account.voice, &question)).await;
        let ended = account.answered(account.call(), to).pop().unwrap();
        self.row("take a carrier's callback, before its event", (2, 1.0, 1.0), post(&door, &account, &account.status, &ended)).await;
        // The first request has the key looked up.
        self.ask(&door, Method::POST, "/v1/route/explain", Some(json!({"to": to})), 200).await;
        let explain = self.ask(&door, Method::POST, "/v1/route/explain", Some(json!({"to": to})), 200);
        self.row("explain where a call goes", (3, 3.0, 0.0), explain).await;
    }

    /// An account with Plivo, whose requests carry nonces.
    async fn plivo(&self) -> Account {
        let (carrier, token) = (Carrier::Plivo, "0123456789abcdef0123456789abcdef".to_owned());
        let credentials = json!({"auth_id": account_id(carrier), "auth_token": token});
        let body = json!({"provider": carrier, "label": "Production Plivo", "credentials": credentials});
        let created = self.ask(&self.credentials, Method::POST, "/v1/telephony/providers", Some(body), 201).await;
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        Account { carrier, id: text("id"), token, voice: text("voice_url"), status: text("status_url") }
    }
}

/// Posts a signed form, which must be taken.
fn post(door: &Router, account: &Account, url: &str, form: &[(&str, &str)]) -> impl Future<Output = ()> + use<> {
    let nonce = u64::from_be_bytes(random::bytes()).to_string();
    let mut request = Request::post(url.strip_prefix(BASE).unwrap()).body(Body::from(encoded(form))).unwrap();
    *request.headers_mut() = account.signed(url, form, &nonce);
    let door = door.clone();
    async move {
        let response = door.oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
    }
}
