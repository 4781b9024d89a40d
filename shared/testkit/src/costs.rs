//! What each operation costs, measured through the real routers and handlers on a real table.
//!
//! A row has a budget; a test fails when a measurement exceeds it. KMS is answered by a stand-in that counts.

mod carriers;
mod deliveries;
mod door;
mod keys;

use std::path::Path;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use aws_sdk_kms::{
    operation::{decrypt::DecryptOutput, generate_data_key::GenerateDataKeyOutput},
    primitives::Blob,
};
use aws_smithy_mocks::{RuleMode, mock, mock_client};
use axum::{Router, body::Body};
use domain::Mode;
use http::{Method, Request};
use runtime::Clock;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use vault::Vault;
use webhooks::guard::Loopback;

use crate::{
    Fixture, LocalTable, Recorder,
    budget::{Budget, Reading, Row},
    fixture,
};

/// An organization with twenty numbers, an endpoint and everything that works on them.
struct Bench {
    local: LocalTable,
    fixture: Fixture,
    numbers: Router,
    endpoints: Router,
    webhooks: Router,
    credentials: Router,
    keys: Router,
    events: call_events::CallEvents,
    vault: Vault,
    rows: Vec<Row>,
}

/// Measures every operation that exists.
pub async fn measure() -> Vec<Row> {
    let mut bench = Bench::start().await;
    bench.authentication().await;
    bench.users().await;
    bench.numbers().await;
    bench.told().await;
    bench.api_keys().await;
    bench.endpoints().await;
    bench.credentials().await;
    bench.carrier_numbers().await;
    bench.door().await;
    bench.calls().await;
    bench.deliveries().await;
    bench.rows
}

const SLOTS: u32 = 40;
const SIP_DOMAIN: &str = "sip.example.com";
const KEY_ID: &str = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000000";

impl Bench {
    async fn start() -> Self {
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        for n in 0..SLOTS {
            local.table.import_slot(Mode::Live, &fixture::slot(n)).await.unwrap();
        }
        let vault = vault();
        let state = phone_numbers::State::new(local.table.clone(), vault.clone(), fixture::nowhere(), Clock::System, SIP_DOMAIN);
        let endpoints =
            endpoints::State::new(local.table.clone(), vault.clone(), fixture::nowhere(), Clock::System, Loopback::Allowed, SIP_DOMAIN);
        let credentials = carrier_credentials::State::new(local.table.clone(), vault.clone(), Clock::System, "https://api.example.com");
        let credentials = carrier_credentials::app(credentials);
        let keys = api_keys::State::new(local.table.clone(), vault.clone(), Clock::System);
        // Nothing listens there, and nothing is sent: the endpoint of these calls takes no events.
        let nowhere = fixture::nowhere();
        let webhooks = webhooks_api::State::new(local.table.clone(), vault.clone(), nowhere.clone(), Clock::System, Loopback::Allowed);
        let events = call_events::CallEvents::new(local.table.clone(), nowhere.clone(), nowhere, Clock::System);
        Self {
            numbers: phone_numbers::app(state),
            endpoints: endpoints::app(endpoints),
            credentials,
            keys: api_keys::app(keys),
            webhooks: webhooks_api::app(webhooks),
            events,
            local,
            fixture,
            vault,
            rows: Vec::new(),
        }
    }

    /// Runs something and notes what it cost.
    async fn row<T>(
        &mut self,
        operation: &'static str,
        (round_trips, read_units, write_units): (u64, f64, f64),
        run: impl Future<Output = T>,
    ) -> T {
        let reading = Reading::begin(&self.local);
        let result = run.await;
        self.rows.push(reading.row(operation, Budget { round_trips, read_units, write_units }));
        result
    }

    fn ask(&self, app: &Router, method: Method, path: &str, body: Option<Value>, status: u16) -> impl Future<Output = Value> + use<> {
        self.ask_with(app, method, path, body, status, &[])
    }

    fn ask_with(
        &self,
        app: &Router,
        method: Method,
        path: &str,
        body: Option<Value>,
        status: u16,
        headers: &[(&str, &str)],
    ) -> impl Future<Output = Value> + use<> {
        let mut request = Request::builder().method(method).uri(path).header("x-api-key", self.fixture.key.reveal());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap();
        let app = app.clone();
        async move {
            let response = app.oneshot(request).await.unwrap();
            let got = response.status().as_u16();
            let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            assert_eq!(got, status, "{body}");
            body
        }
    }

    async fn numbers(&mut self) {
        let order = |n: u32, endpoint: Option<&Value>| {
            let id = fixture::slot(n).address().id();
            Some(json!({"inventory_id": id, "endpoint_id": endpoint}))
        };
        let (first, second) = (self.endpoint().await, self.endpoint().await);
        // Whether anybody is to be told is looked up once in five seconds.
        let buy = self.ask(&self.numbers, Method::POST, "/v1/phone-numbers", order(30, None), 201);
        self.row("buy a number, subscriptions not cached", (2, 1.0, 10.0), buy).await;
        let buy = self.ask(&self.numbers, Method::POST, "/v1/phone-numbers", order(0, None), 201);
        let number = self.row("buy a number", (2, 0.5, 10.0), buy).await;
        let buy = self.ask(&self.numbers, Method::POST, "/v1/phone-numbers", order(1, Some(&first)), 201);
        self.row("buy a number with an endpoint to attach", (2, 0.5, 12.0), buy).await;
        // A number that rings an endpoint is the largest there is.
        for n in 2..19 {
            self.ask(&self.numbers, Method::POST, "/v1/phone-numbers", order(n, Some(&first)), 201).await;
        }
        let list = self.ask(&self.numbers, Method::GET, "/v1/phone-numbers?limit=20", None, 200);
        self.row("list 20 numbers with the exact total", (1, 1.0, 0.0), list).await;
        let path = format!("/v1/phone-numbers/{}", number["id"].as_str().unwrap());
        let patch = |body| self.ask(&self.numbers, Method::PATCH, &path, Some(body), 200);
        let (settings, attach, again) =
            (patch(json!({"allow_outbound": true})), patch(json!({"endpoint_id": first})), patch(json!({"endpoint_id": second})));
        self.row("patch a number", (2, 1.0, 4.0), settings).await;
        self.row("attach a number", (2, 0.5, 8.0), attach).await;
        self.row("move a number to another endpoint", (2, 0.5, 10.0), again).await;
        let detail = self.ask(&self.numbers, Method::GET, &path, None, 200);
        self.row("number detail with its endpoint and SIP credentials", (2, 2.0, 0.0), detail).await;
        let bought = |number: &Value| format!("/v1/phone-numbers/{}", number["id"].as_str().unwrap());
        let free = self.ask(&self.numbers, Method::POST, "/v1/phone-numbers", order(20, None), 201).await;
        let release = self.ask(&self.numbers, Method::DELETE, &format!("{}?action=release", bought(&free)), None, 200);
        self.row("release a number", (2, 1.0, 10.0), release).await;
        let free = self.ask(&self.numbers, Method::POST, "/v1/phone-numbers", order(21, None), 201).await;
        let delete = self.ask(&self.numbers, Method::DELETE, &bought(&free), None, 200);
        self.row("delete a number", (2, 1.0, 10.0), delete).await;
        let delete = self.ask(&self.numbers, Method::DELETE, &path, None, 200);
        self.row("delete a number that rings an endpoint", (2, 1.0, 12.0), delete).await;
    }

    /// The same changes where a subscription takes their events.
    async fn told(&mut self) {
        let own = self.fixture.clone();
        self.fixture = Fixture::create(&self.local.table, Mode::Live).await;
        let webhook = json!({"url": "https://hooks.example.com/all"});
        self.ask(&self.webhooks, Method::POST, "/v1/webhooks", Some(webhook), 201).await;
        // So that key and subscriptions are cached.
        let order = |n: u32| Some(json!({"inventory_id": fixture::slot(n).address().id()}));
        self.ask(&self.numbers, Method::POST, "/v1/phone-numbers", order(32), 201).await;
        let buy = self.ask(&self.numbers, Method::POST, "/v1/phone-numbers", order(33), 201);
        let number = self.row("buy a number, told to a subscription", (2, 0.5, 12.0), buy).await;
        let path = format!("/v1/phone-numbers/{}", number["id"].as_str().unwrap());
        let patch = self.ask(&self.numbers, Method::PATCH, &path, Some(json!({"allow_outbound": true})), 200);
        self.row("patch a number, told to a subscription", (2, 0.5, 6.0), patch).await;
        let delete = self.ask(&self.numbers, Method::DELETE, &path, None, 200);
        self.row("delete a number, told to a subscription", (2, 1.0, 12.0), delete).await;
        self.fixture = own;
    }

    async fn endpoint(&self) -> Value {
        // It takes no event that there is: what is measured here sends nothing.
        let body =
            json!({"name": "Receiver", "type": "webhook", "url": "https://hooks.example.com/trunkline", "events": ["no.such.event"]});
        self.ask(&self.endpoints, Method::POST, "/v1/endpoints", Some(body), 201).await["id"].clone()
    }

    async fn endpoints(&mut self) {
        let body =
            || Some(json!({"name": "Receiver", "type": "webhook", "url": "https://hooks.example.com/trunkline", "events": ["call.*"]}));
        let create = self.ask(&self.endpoints, Method::POST, "/v1/endpoints", body(), 201);
        let id = self.row("create an endpoint", (1, 0.0, 6.0), create).await["id"].clone();
        let path = format!("/v1/endpoints/{}", id.as_str().unwrap());
        let read = self.ask(&self.endpoints, Method::GET, &path, None, 200);
        self.row("get an endpoint", (1, 1.0, 0.0), read).await;
        let patch = self.ask(&self.endpoints, Method::PATCH, &path, Some(json!({"name": "Another name"})), 200);
        self.row("patch an endpoint: name, status, events", (2, 1.0, 4.0), patch).await;
        let patch = self.ask(&self.endpoints, Method::PATCH, &path, Some(json!({"url": "https://hooks.example.com/other"})), 200);
        self.row("patch an endpoint: url", (2, 1.0, 4.0), patch).await;
        let same = json!({"type": "webhook", "provider_config": {"note": "x"}});
        let patch = self.ask(&self.endpoints, Method::PATCH, &path, Some(same), 200);
        self.row("patch an endpoint: settings that depend on its provider", (3, 2.0, 4.0), patch).await;
        let delete = self.ask(&self.endpoints, Method::DELETE, &path, None, 204);
        self.row("delete an endpoint that no number rings", (1, 0.0, 6.0), delete).await;
        let rung = self.endpoint().await;
        let order = json!({"inventory_id": fixture::slot(31).address().id(), "endpoint_id": rung});
        self.ask(&self.numbers, Method::POST, "/v1/phone-numbers", Some(order), 201).await;
        let path = format!("/v1/endpoints/{}", rung.as_str().unwrap());
        let delete = self.ask(&self.endpoints, Method::DELETE, &path, None, 204);
        self.row("delete an endpoint that one of 20 numbers rings, sweep included", (6, 4.0, 13.0), delete).await;
        let once = |body| self.ask_with(&self.endpoints, Method::POST, "/v1/endpoints", body, 201, &[("idempotency-key", "k")]);
        let (first, again) = (once(body()), once(body()));
        self.row("create an endpoint with an idempotency key", (3, 0.0, 9.0), first).await;
        self.row("the same request again: its answer replayed", (1, 0.0, 1.0), again).await;
        self.endpoint_lists(body).await;
    }

    /// Lists in an organization of its own: fifty as a voice-AI builder has them, and fifty that all have a secret.
    async fn endpoint_lists(&mut self, webhook: impl Fn() -> Option<Value>) {
        let agents = [
            json!({"name": "Reception", "type": "vapi", "provider_config": {"assistant_id": "5b3f0f4e-7b1c-4a52-9d0e-2f8a61c0d7aa"}}),
            json!({"name": "Reception", "type": "retell", "provider_config": {"agent_id": "agent_77f0c1a9d2e34b58"}}),
            json!({"name": "Reception", "type": "elevenlabs", "provider_config": {"elevenlabs_agent_id": "agent_01jxyz0a1b2c3d4e5f6g7h8j9k"}}),
            json!({"name": "Reception", "type": "vogent", "provider_config": {"vogent_agent_id": "3f6d1c52-aaaa-4c7e-8f21-0b4f7e1d9c33"}}),
        ];
        let own = self.fixture.clone();
        for (name, budget, webhooks) in [
            ("list 50 endpoints with the exact total: 42 agents, 8 webhooks", 2.5, 8),
            ("list 50 endpoints with the exact total: 50 webhooks", 5.0, 50),
        ] {
            self.fixture = Fixture::create(&self.local.table, Mode::Live).await;
            for n in 0..50 {
                let body = if n < webhooks { webhook() } else { Some(agents[n % agents.len()].clone()) };
                self.ask(&self.endpoints, Method::POST, "/v1/endpoints", body, 201).await;
            }
            // The endpoints' creation left the key cached.
            let list = self.ask(&self.endpoints, Method::GET, "/v1/endpoints?limit=50", None, 200);
            self.row(name, (1, budget, 0.0), list).await;
        }
        self.fixture = own;
    }

    async fn calls(&mut self) {
        let to = fixture::slot(1).e164.to_string();
        // The first call of a sandbox finds the endpoint; the later ones remember it.
        let events = self.call(&to);
        let whole = async |function: call_events::CallEvents, events: Vec<String>| {
            for event in events {
                assert!(function.handle(batch(&[event])).await.batch_item_failures.is_empty());
            }
        };
        whole(self.events.clone(), self.call(&to)).await;
        let life = whole(self.events.clone(), events.clone());
        self.row("one call's life: 6 events, one event a batch", (13, 1.0, 27.0), life).await;
        let (function, events) = (self.events.clone(), batch(&self.call(&to)));
        let at_once = async move { assert!(function.handle(events).await.batch_item_failures.is_empty()) };
        self.row("one call's life: 6 events in one batch", (5, 1.0, 19.0), at_once).await;
        let untold = self.call(&to)[..5].to_vec();
        whole(self.events.clone(), untold.clone()).await;
        let again = whole(self.events.clone(), untold[3..4].to_vec());
        self.row("duplicate of an event, call without a transcript", (1, 0.0, 1.0), again).await;
        let apart: Vec<Vec<String>> = (0..10).map(|_| self.call(&to)).collect();
        let rounds: Vec<Vec<String>> = (0..6).map(|at| apart.iter().map(|call| call[at].clone()).collect()).collect();
        let function = self.events.clone();
        let lives = async move {
            for round in rounds {
                assert!(function.handle(batch(&round)).await.batch_item_failures.is_empty());
            }
        };
        self.row("ten calls' lives: 6 events each, ten different calls a batch", (12, 10.0, 144.0), lives).await;
    }

    /// The six messages of an answered call to a number.
    fn call(&self, to: &str) -> Vec<String> {
        let file = crate::call::events_folder().join(Path::new("call-events/answered-call.json"));
        let (_, bodies) = crate::call::messages(&file, &self.fixture.tenant.org().to_string(), "live", to, fixture::now(), 300).unwrap();
        bodies.iter().map(ToString::to_string).collect()
    }
}

/// A vault under a KMS that gives the same data key to everybody.
#[must_use]
pub fn vault() -> Vault {
    Vault::new(kms(), "alias/vault".to_owned())
}

/// The same, with all that is asked of KMS written down.
#[must_use]
pub fn recorded_vault(recorder: &Recorder) -> Vault {
    let config = kms().config().to_builder().interceptor(recorder.clone()).build();
    Vault::new(aws_sdk_kms::Client::from_conf(config), "alias/vault".to_owned())
}

fn kms() -> aws_sdk_kms::Client {
    let key = mock!(aws_sdk_kms::Client::generate_data_key).then_output(|| {
        GenerateDataKeyOutput::builder()
            .plaintext(Blob::new([7; 32]))
            // As long as KMS's own.
            .ciphertext_blob(Blob::new([9; 184]))
            .key_id(KEY_ID)
            .build()
    });
    let opened =
        mock!(aws_sdk_kms::Client::decrypt).then_output(|| DecryptOutput::builder().plaintext(Blob::new([7; 32])).key_id(KEY_ID).build());
    mock_client!(aws_sdk_kms, RuleMode::MatchAny, [&key, &opened])
}

/// An SQS event with these bodies.
#[must_use]
pub fn batch(bodies: &[String]) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = bodies
        .iter()
        .enumerate()
        .map(|(at, body)| {
            let mut message = SqsMessage::default();
            message.message_id = Some(format!("message-{at}"));
            message.body = Some(body.clone());
            message
        })
        .collect();
    event
}
