//! Every route of numbers, endpoints, webhooks and API keys, and that of simulated calls, in process on a table of its own, with requests
//! that can be spoilt in one place.

use axum::{Router, body::Body};
use domain::{DeliveryId, EndpointId, KeyId, Mode, NumberId, SubscriptionId, delivery::Delivery, webhook::ReceiverId};
use http::{Method, Request, request::Builder};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Fixture, LocalTable, client::ask, costs::vault, fixture};
use tower::ServiceExt as _;
use webhooks::guard::Loopback;

/// An organization with one number, one endpoint, one webhook with a delivery, and one number on offer.
pub(crate) struct EveryRoute {
    local: LocalTable,
    pub(crate) fixture: Fixture,
    numbers: Router,
    endpoints: Router,
    webhooks: Router,
    calls: Router,
    keys: Router,
    key: KeyId,
    pub(crate) number: NumberId,
    pub(crate) endpoint: EndpointId,
    pub(crate) webhook: SubscriptionId,
    delivery: DeliveryId,
}

impl EveryRoute {
    /// Starts the table and the routers. Loopback receivers are refused, as in production.
    pub(crate) async fn start() -> Self {
        let vault = vault();
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        let (slot, offered) = (fixture::slot(1), fixture::slot(2));
        local.table.import_slot(Mode::Live, &slot).await.unwrap();
        local.table.import_slot(Mode::Live, &offered).await.unwrap();
        let (number, claim) = fixture::purchase(fixture.tenant, &slot, None);
        local.table.buy_number(fixture.tenant, &slot, &number, &claim, None).await.unwrap();
        let endpoint = fixture::endpoint();
        local.table.create_endpoint(fixture.tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
        let numbers = phone_numbers::app(phone_numbers::State::new(
            local.table.clone(),
            vault.clone(),
            fixture::nowhere(),
            Clock::System,
            "sip.example.com",
        ));
        let endpoints = endpoints::app(endpoints::State::new(
            local.table.clone(),
            vault.clone(),
            fixture::nowhere(),
            Clock::System,
            Loopback::Refused,
            "sip.example.com",
        ));
        let webhooks = webhooks_api::State::new(local.table.clone(), vault.clone(), fixture::nowhere(), Clock::System, Loopback::Refused);
        let webhooks = webhooks_api::app(webhooks);
        let body = json!({"url": "https://hooks.example.com/x"});
        let created = ask(&webhooks, fixture.key.reveal(), Method::POST, "/v1/webhooks", Some(&body)).await.expect(201);
        let webhook: SubscriptionId = created["id"].as_str().unwrap().parse().unwrap();
        let delivery = frozen(&local, fixture.tenant, ReceiverId::Subscription(webhook)).await;
        let calls = calls::app(calls::State::new(local.table.clone(), vault.clone(), fixture::nowhere(), Clock::System));
        let key = fixture::api_key(fixture.tenant);
        fixture::key_as(&local.table, key.clone()).await;
        let keys = api_keys::app(api_keys::State::new(local.table.clone(), vault, Clock::System));
        let (number, endpoint) = (number.id, endpoint.id);
        Self { local, fixture, numbers, endpoints, webhooks, calls, keys, key: key.id, number, endpoint, webhook, delivery }
    }

    /// Every route: method and path.
    pub(crate) fn routes(&self) -> Vec<(Method, String)> {
        let (number, endpoint) = (format!("/v1/phone-numbers/{}", self.number), format!("/v1/endpoints/{}", self.endpoint));
        let (webhook, delivery) = (format!("/v1/webhooks/{}", self.webhook), format!("/v1/webhooks/deliveries/{}", self.delivery));
        let key = format!("/v1/api-keys/{}", self.key);
        vec![
            (Method::GET, "/v1/api-keys".to_owned()),
            (Method::POST, "/v1/api-keys".to_owned()),
            (Method::GET, key.clone()),
            (Method::PATCH, key.clone()),
            (Method::DELETE, key),
            (Method::GET, "/v1/phone-numbers".to_owned()),
            (Method::GET, "/v1/phone-numbers/available?country=NG".to_owned()),
            (Method::GET, number.clone()),
            (Method::GET, "/v1/endpoints".to_owned()),
            (Method::GET, endpoint.clone()),
            (Method::POST, "/v1/phone-numbers".to_owned()),
            (Method::PATCH, number.clone()),
            (Method::DELETE, number),
            (Method::POST, "/v1/endpoints".to_owned()),
            (Method::PATCH, endpoint.clone()),
            (Method::POST, format!("{endpoint}/rotate-secret")),
            (Method::DELETE, endpoint),
            (Method::GET, "/v1/webhooks".to_owned()),
            (Method::GET, webhook.clone()),
            (Method::GET, "/v1/webhooks/deliveries".to_owned()),
            (Method::GET, delivery.clone()),
            (Method::POST, "/v1/webhooks".to_owned()),
            (Method::PATCH, webhook.clone()),
            (Method::POST, format!("{webhook}/rotate-secret")),
            (Method::POST, format!("{webhook}/test")),
            (Method::POST, format!("{delivery}/replay")),
            (Method::POST, "/v1/webhooks/replay".to_owned()),
            (Method::DELETE, webhook),
            (Method::POST, "/v1/test/calls".to_owned()),
        ]
    }

    /// Those that change something if nothing is wrong.
    pub(crate) fn writes(&self) -> Vec<(Method, String)> {
        self.routes().into_iter().filter(|(method, _)| *method != Method::GET).collect()
    }

    /// A request with the key.
    pub(crate) fn request(&self, method: &Method, path: &str) -> Builder {
        anonymous(method, path).header("x-api-key", self.fixture.key.reveal())
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn send(&self, request: Builder, body: impl Into<Body>) -> (u16, Value) {
        let request = request.body(body.into()).unwrap();
        let app = match request.uri().path() {
            path if path.contains("/phone-numbers") => &self.numbers,
            path if path.contains("/webhooks") => &self.webhooks,
            path if path.contains("/calls") => &self.calls,
            path if path.contains("/api-keys") => &self.keys,
            _ => &self.endpoints,
        };
        let response = app.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.request(&Method::GET, path), Body::empty()).await
    }

    /// Everything that is stored, in an order of its own.
    pub(crate) async fn stored(&self) -> Vec<String> {
        let items = self.local.dump_unused().await;
        let mut texts: Vec<String> =
            items.iter().map(|item| format!("{:?}", item.iter().collect::<std::collections::BTreeMap<_, _>>())).collect();
        texts.sort();
        texts
    }
}

/// A delivery to a receiver, before its first attempt.
async fn frozen(local: &LocalTable, tenant: store::Tenant, receiver: ReceiverId) -> DeliveryId {
    let id = domain::webhook::delivery_id("evt_1", receiver.as_uuid());
    let (event, body) = ("call.completed".to_owned(), "{}".to_owned());
    let delivery = Delivery { id, receiver, call_id: None, event, body, created_at: fixture::now() };
    local.table.freeze_delivery(tenant, &delivery).await.unwrap();
    id
}

/// Whether a write reads a body.
pub(crate) fn reads_body(method: &Method, path: &str) -> bool {
    let reads_none = ["/rotate-secret", "/test"].iter().any(|end| path.ends_with(end)) || path.contains("/deliveries/");
    *method != Method::DELETE && !reads_none
}

/// A request without a key.
pub(crate) fn anonymous(method: &Method, path: &str) -> Builder {
    Request::builder().method(method.clone()).uri(path).header("content-type", "application/json")
}

/// Whether an answer is a validation error that names the field.
pub(crate) fn names(answer: &Value, field: &str) -> bool {
    let mut errors = answer["details"]["errors"].as_array().into_iter().flatten();
    answer["code"] == "VALIDATION_ERROR" && errors.any(|error| error["field"] == field)
}
