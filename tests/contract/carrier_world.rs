//! A carrier at the door of a table of the test's own.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use axum::{Router, body::Body};
use call_events::CallEvents;
use carrier_callbacks::Parts;
use domain::{EndpointId, Mode, NumberId, carrier::Carrier, endpoint::Endpoint};
use http::{HeaderMap, Method, Request};
use queue::{DeliveryMessage, Sender};
use runtime::{Clock, Metrics, random};
use serde_json::{Value, json};
use store::{Table, TellOfEndpoint};
use testkit::{
    Fixture, LocalTable, Mailbox,
    carrier::{Account, account_id, encoded},
    client::{Answer, ask},
    costs::{batch, vault},
    fixture,
};
use tower::ServiceExt as _;
use vault::Vault;
use webhooks::guard::{Loopback, Policy};

pub(crate) const BASE: &str = "https://tel.example.test";

/// A number with an account of its own, and all that its calls pass.
pub(crate) struct World {
    pub(crate) local: LocalTable,
    pub(crate) fixture: Fixture,
    pub(crate) vault: Vault,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) door: Router,
    /// What the door sent to the queue of call events.
    pub(crate) sent: Mailbox,
    /// What it counted.
    pub(crate) counted: Arc<Mutex<Vec<String>>>,
    credentials: Router,
    calls: Router,
    webhooks: Router,
    deliveries: Mailbox,
    pub(crate) dead: Mailbox,
    events: CallEvents,
}

/// An answer at the door, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) text: String,
}

impl World {
    pub(crate) async fn start() -> Self {
        let (local, vault) = (LocalTable::start().await, vault());
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        let clock = Arc::new(AtomicI64::new(fixture::now().as_millis()));
        let now = || Clock::Manual(Arc::clone(&clock));
        let [sent, deliveries, dead] = [(); 3].map(|()| Mailbox::new(Arc::clone(&clock)));
        let counted = Arc::default();
        let door = door(local.table.clone(), &vault, sent.sender(), &clock, &counted);
        let credentials = carrier_credentials::app(carrier_credentials::State::new(local.table.clone(), vault.clone(), now(), BASE));
        let calls = calls::app(calls::State::new(local.table.clone(), vault.clone(), fixture::nowhere(), now()));
        let webhooks = webhooks_api::State::new(local.table.clone(), vault.clone(), fixture::nowhere(), now(), Loopback::Allowed);
        let events = CallEvents::new(local.table.clone(), deliveries.sender(), dead.sender(), now());
        let webhooks = webhooks_api::app(webhooks);
        Self { local, fixture, vault, clock, door, sent, counted, credentials, calls, webhooks, deliveries, dead, events }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// Asks the API with the organization's key.
    pub(crate) async fn api(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let app = match path {
            path if path.contains("/calls") => &self.calls,
            path if path.contains("/webhooks") => &self.webhooks,
            path if path.contains("/route") => &self.door,
            _ => &self.credentials,
        };
        ask(app, self.fixture.key.reveal(), method, path, body.as_ref()).await
    }

    /// Registers an account.
    pub(crate) async fn account(&self, carrier: Carrier) -> Account {
        let key = if carrier == Carrier::Twilio { "account_sid" } else { "auth_id" };
        let token = format!("canary-{carrier}-token");
        let body = json!({"provider": carrier, "label": "Main", "credentials": {key: account_id(carrier), "auth_token": token}});
        let created = self.api(Method::POST, "/v1/telephony/providers", Some(body)).await.expect(201);
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        Account { carrier, id: text("id"), token, voice: text("voice_url"), status: text("status_url") }
    }

    /// Registers a number at an account; numbers are told apart by `n`.
    pub(crate) async fn number(&self, account: &Account, n: u32, endpoint: Option<EndpointId>) -> (NumberId, String) {
        let credential =
            domain::credential::CarrierCredential { id: account.id.parse().unwrap(), ..fixture::credential(account.carrier, 0) };
        let number = fixture::carrier_number(&credential, n);
        let registered = self.local.table.register_number(self.fixture.tenant, &number, None).await.unwrap();
        assert_eq!(registered, store::Registered::Done);
        if endpoint.is_some() {
            let change = domain::number::NumberChange { endpoint_id: Some(endpoint), ..Default::default() };
            self.local.table.update_number(self.fixture.tenant, number.id, change, fixture::now(), None).await.unwrap();
        }
        (number.id, number.e164.to_string())
    }

    /// Stores an endpoint as it is.
    pub(crate) async fn endpoint(&self, endpoint: Endpoint) -> EndpointId {
        self.local.table.create_endpoint(self.fixture.tenant, &endpoint, None, TellOfEndpoint::default()).await.unwrap();
        endpoint.id
    }

    /// An AI agent that answers.
    pub(crate) async fn agent(&self) -> EndpointId {
        self.endpoint(agent()).await
    }

    /// A request at the door.
    pub(crate) async fn knock(&self, method: Method, url: &str, headers: HeaderMap, body: &str) -> Said {
        knock(&self.door, method, url, headers, body).await
    }

    /// A form that the account's carrier signs and sends, with a nonce of its own.
    pub(crate) async fn send(&self, account: &Account, url: &str, form: &[(&str, &str)]) -> Said {
        let nonce = u64::from_be_bytes(random::bytes()).to_string();
        let headers = account.signed(url, form, &nonce);
        self.knock(Method::POST, url, headers, &encoded(form)).await
    }

    /// Has the true function handle all that was sent, in this order of their places, each `times`.
    pub(crate) async fn handle(&self, order: impl Fn(usize) -> Vec<usize>) {
        let bodies: Vec<String> = self.sent.take_all().into_iter().map(|(body, _)| body).collect();
        for at in order(bodies.len()) {
            let answer = self.events.handle(batch(&[bodies[at].clone()])).await;
            assert!(answer.batch_item_failures.is_empty());
        }
    }

    /// The webhooks that were made since they were asked for last.
    pub(crate) fn webhooks(&self) -> Vec<DeliveryMessage> {
        self.deliveries.take_all().iter().map(|(body, _)| serde_json::from_str(body).unwrap()).collect()
    }

    /// The one call that there is.
    pub(crate) async fn call(&self) -> Value {
        let list = self.api(Method::GET, "/v1/calls", None).await.expect(200);
        assert_eq!(list["total"], 1, "{list:#}");
        let id = list["data"][0]["id"].as_str().unwrap().to_owned();
        self.api(Method::GET, &format!("/v1/calls/{id}"), None).await.expect(200)
    }

    pub(crate) fn counted(&self) -> Vec<String> {
        self.counted.lock().unwrap().clone()
    }
}

/// The function on these parts.
pub(crate) fn door(table: Table, vault: &Vault, call_events: Sender, clock: &Arc<AtomicI64>, counted: &Arc<Mutex<Vec<String>>>) -> Router {
    let parts = Parts {
        table,
        vault: vault.clone(),
        call_events,
        clock: Clock::Manual(Arc::clone(clock)),
        metrics: Metrics::Kept(Arc::clone(counted)),
        policy: Policy::from(Loopback::Allowed),
        public_base_url: format!("{BASE}/"),
    };
    carrier_callbacks::app(carrier_callbacks::State::new(parts))
}

/// An AI agent that answers at `sip:agent-7@sip.vogent.ai`.
pub(crate) fn agent() -> Endpoint {
    Endpoint {
        provider: domain::endpoint::Provider::Vogent,
        declared_type: "vogent".to_owned(),
        given_url: None,
        provider_config: serde_json::from_value(json!({"vogent_agent_id": "agent-7"})).unwrap(),
        ..fixture::endpoint()
    }
}

pub(crate) async fn knock(door: &Router, method: Method, url: &str, headers: HeaderMap, body: &str) -> Said {
    let path = url.strip_prefix(BASE).unwrap();
    let mut request = Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap();
    *request.headers_mut() = headers;
    let response = door.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    assert!(response.headers().contains_key("x-request-id"));
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    Said { status, content_type, text: String::from_utf8(bytes.to_vec()).unwrap() }
}
