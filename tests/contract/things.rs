//! One of everything that an organization can have: what routes name by ids.

use domain::{
    CallId, CredentialId, DeliveryId, E164, EndpointId, KeyId, NumberId, SubscriptionId,
    api_key::ApiKeyText,
    carrier::Carrier,
    delivery::{AttemptRecord, Delivery, DeliveryStatus},
    number::PhoneNumber,
    scope::Scope,
    webhook::{ReceiverId, delivery_id},
};
use http::Method;
use runtime::{Clock, random};
use serde_json::json;
use store::{Recorded, Tenant};
use testkit::{
    LocalTable, call,
    client::ask,
    costs::{batch, vault},
    fixture,
};

/// The ids of what one tenant has, and a key that may do everything there.
pub(crate) struct Things {
    pub(crate) tenant: Tenant,
    pub(crate) key: ApiKeyText,
    pub(crate) number: NumberId,
    pub(crate) e164: E164,
    pub(crate) carrier_number: NumberId,
    pub(crate) endpoint: EndpointId,
    pub(crate) credential: CredentialId,
    pub(crate) webhook: SubscriptionId,
    pub(crate) delivery: DeliveryId,
    pub(crate) call: CallId,
    pub(crate) api_key: KeyId,
}

/// A sort of thing that a path, a query or a body names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    /// A number by its digits.
    E164,
    CarrierNumber,
    Endpoint,
    Credential,
    Webhook,
    Delivery,
    Call,
    ApiKey,
}

impl Things {
    /// Fills a tenant; `n` tells its numbers from others'. Its number rings its endpoint, an ended call went there, and both
    /// receivers of webhooks took a delivery of it.
    pub(crate) async fn create(local: &LocalTable, tenant: Tenant, n: u32) -> Self {
        let key = fixture::key(&local.table, tenant, Scope::ALL.iter().copied().collect()).await;
        let (endpoint, webhook) = (endpoint(local, &key).await, webhook(local, &key).await);
        let number = fixture::bought(&local.table, tenant, &fixture::slot(n), Some(endpoint)).await;
        let (credential, carrier_number) = registered(local, tenant, n, endpoint).await;
        let call = ended_call(local, tenant, &number).await;
        delivered(local, tenant, ReceiverId::Endpoint(endpoint), call).await;
        let delivery = delivered(local, tenant, ReceiverId::Subscription(webhook), call).await;
        let api_key = fixture::api_key(tenant);
        fixture::key_as(&local.table, api_key.clone()).await;
        let (number, e164, api_key) = (number.id, number.e164, api_key.id);
        Self { tenant, key, number, e164, carrier_number, endpoint, credential, webhook, delivery, call, api_key }
    }

    /// Ids that nobody has, for the same caller.
    pub(crate) fn unknown(&self) -> Self {
        let (now, key) = (fixture::now(), self.key.clone());
        Self {
            tenant: self.tenant,
            key,
            number: NumberId::new(now, random::bytes()),
            e164: "+2348039999999".parse().unwrap(),
            carrier_number: NumberId::new(now, random::bytes()),
            endpoint: EndpointId::new(now, random::bytes()),
            credential: CredentialId::new(now, random::bytes()),
            webhook: SubscriptionId::new(now, random::bytes()),
            delivery: DeliveryId::new(now, random::bytes()),
            call: CallId::new(now, random::bytes()),
            api_key: KeyId::new(now, random::bytes()),
        }
    }

    /// What is written where a thing of this sort is named.
    pub(crate) fn name(&self, kind: Kind) -> String {
        match kind {
            Kind::Number => self.number.to_string(),
            Kind::E164 => self.e164.to_string(),
            Kind::CarrierNumber => self.carrier_number.to_string(),
            Kind::Endpoint => self.endpoint.to_string(),
            Kind::Credential => self.credential.to_string(),
            Kind::Webhook => self.webhook.to_string(),
            Kind::Delivery => self.delivery.to_string(),
            Kind::Call => self.call.to_string(),
            Kind::ApiKey => self.api_key.to_string(),
        }
    }
}

/// The sort of thing whose id stands in the place of `{id}`.
pub(crate) fn kind_in(path: &str) -> Kind {
    let base = path.split("/{id}").next().unwrap();
    match base {
        "/phone-numbers" => Kind::Number,
        "/telephony/numbers" => Kind::CarrierNumber,
        "/endpoints" => Kind::Endpoint,
        "/telephony/providers" => Kind::Credential,
        "/webhooks" => Kind::Webhook,
        "/webhooks/deliveries" => Kind::Delivery,
        "/calls" => Kind::Call,
        "/api-keys" => Kind::ApiKey,
        _ => panic!("nobody knows what {path} names: add it to `Things`"),
    }
}

async fn endpoint(local: &LocalTable, key: &ApiKeyText) -> EndpointId {
    let state =
        endpoints::State::new(local.table.clone(), vault(), fixture::nowhere(), Clock::System, fixture::public_names(), "sip.example.com");
    let body = json!({"name": "Receiver", "type": "webhook", "url": "https://hooks.example.com/x"});
    let created = ask(&endpoints::app(state), key.reveal(), Method::POST, "/v1/endpoints", Some(&body)).await.expect(201);
    created["id"].as_str().unwrap().parse().unwrap()
}

async fn webhook(local: &LocalTable, key: &ApiKeyText) -> SubscriptionId {
    let state = webhooks_api::State::new(local.table.clone(), vault(), fixture::nowhere(), Clock::System, fixture::public_names());
    let body = json!({"url": "https://hooks.example.com/x", "events": ["call.failed"]});
    let created = ask(&webhooks_api::app(state), key.reveal(), Method::POST, "/v1/webhooks", Some(&body)).await.expect(201);
    created["id"].as_str().unwrap().parse().unwrap()
}

/// A carrier's number, pinned to the endpoint, and its credential.
async fn registered(local: &LocalTable, tenant: Tenant, n: u32, endpoint: EndpointId) -> (CredentialId, NumberId) {
    let credential = fixture::credential(Carrier::Vobiz, n);
    local.table.create_credential(tenant, &credential).await.unwrap();
    let number = PhoneNumber { agent_id: Some(endpoint.to_string()), ..fixture::carrier_number(&credential, n) };
    local.table.register_number(tenant, &number, None).await.unwrap();
    (credential.id, number.id)
}

async fn ended_call(local: &LocalTable, tenant: Tenant, number: &PhoneNumber) -> CallId {
    let file = call::events_folder().join("call-events/answered-call.json");
    let (org, mode) = (tenant.org().to_string(), tenant.mode().as_str());
    let (id, messages) = call::messages(&file, &org, mode, number.e164.as_str(), fixture::now(), 300).unwrap();
    let queue = testkit::Mailbox::new(std::sync::Arc::default()).sender();
    let function = call_events::CallEvents::new(local.table.clone(), queue.clone(), queue, Clock::System);
    let bodies: Vec<String> = messages.iter().map(ToString::to_string).collect();
    assert!(function.handle(batch(&bodies)).await.batch_item_failures.is_empty());
    id
}

/// A delivery that a receiver took.
async fn delivered(local: &LocalTable, tenant: Tenant, receiver: ReceiverId, call: CallId) -> DeliveryId {
    let id = delivery_id(&format!("evt_{call}"), receiver.as_uuid());
    let (event, body) = ("call.completed".to_owned(), "{}".to_owned());
    let delivery = Delivery { id, receiver, call_id: Some(call), event, body, created_at: fixture::now() };
    local.table.freeze_delivery(tenant, &delivery).await.unwrap();
    let attempt = AttemptRecord { at: fixture::now(), status: Some(200), error: None, duration_ms: 7, answer: String::new() };
    let recorded = Recorded { number: 1, attempt, status: DeliveryStatus::Delivered, next_at: None, replayed_by: None };
    assert!(local.table.record_attempt(tenant, &delivery, &recorded).await.unwrap());
    id
}
