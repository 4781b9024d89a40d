//! Lifecycle events: written with what they tell, handed on at once or swept, and never lost in between.

use std::sync::{Arc, atomic::AtomicI64};

use axum::Router;
use domain::{Mode, carrier::Carrier, webhook::LifecycleEvent};
use http::Method;
use queue::{Sender, WebhookWork};
use runtime::{Clock, random};
use serde_json::{Value, json};
use store::{Consistency, OutboxEvent, OutboxShard, access_patterns};
use testkit::{
    Fixture, LocalTable, Receiver, Stack,
    client::{Answer, ask},
    costs::batch,
    fixture,
};
use webhooks::guard::Loopback;

use crate::documented::received;

/// All functions that write, tell and deliver, on one table, with a queue that a test empties by hand.
struct Bench {
    local: LocalTable,
    fixture: Fixture,
    sqs: aws_sdk_sqs::Client,
    queue: String,
    numbers: Router,
    endpoints: Router,
    webhooks: Router,
    deliveries: webhook_delivery::WebhookDelivery,
    sweep: due_deliveries::DueDeliveries,
    clock: Arc<AtomicI64>,
}

impl Bench {
    /// `reached` says whether the writing functions reach the queue: if not, they crashed before they handed anything on.
    async fn start(reached: bool) -> Self {
        let stack = Stack::load().unwrap();
        let (local, sqs, vault) = (LocalTable::start().await, stack.sqs(), stack.vault().await);
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        for n in 0..3 {
            local.table.import_slot(Mode::Live, &fixture::slot(n)).await.unwrap();
        }
        let name = format!("lifecycle-{}", domain::OutboxId::new(fixture::now(), random::bytes()));
        let queue = sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
        let sender = Sender::new(sqs.clone(), queue.clone());
        let clock = Arc::new(AtomicI64::new(fixture::now().as_millis()));
        let manual = Clock::Manual(Arc::clone(&clock));
        let (table, events) = (local.table.clone(), if reached { sender.clone() } else { fixture::nowhere() });
        let loopback = Loopback::Allowed;
        let numbers = phone_numbers::State::new(table.clone(), vault.clone(), events.clone(), manual.clone(), "sip.example.com");
        let endpoints = endpoints::State::new(table.clone(), vault.clone(), events, manual.clone(), loopback, "sip.example.com");
        let webhooks = webhooks_api::State::new(table.clone(), vault.clone(), sender.clone(), manual.clone(), loopback);
        let deliveries =
            webhook_delivery::WebhookDelivery::new(table.clone(), vault, sender.clone(), sender.clone(), manual.clone(), loopback).unwrap();
        let sweep = due_deliveries::DueDeliveries::new(table, sender, manual);
        Self {
            local,
            fixture,
            sqs,
            queue,
            numbers: phone_numbers::app(numbers),
            endpoints: endpoints::app(endpoints),
            webhooks: webhooks_api::app(webhooks),
            deliveries,
            sweep,
            clock,
        }
    }

    async fn ask(&self, app: &Router, method: Method, path: &str, body: Option<Value>) -> Answer {
        // Time goes on, or every change would be of one millisecond.
        self.clock.fetch_add(10, std::sync::atomic::Ordering::SeqCst);
        ask(app, self.fixture.key.reveal(), method, path, body.as_ref()).await
    }

    async fn subscribe(&self, receiver: &Receiver, events: &[&str]) -> Value {
        let body = json!({"url": receiver.url, "events": events});
        self.ask(&self.webhooks, Method::POST, "/v1/webhooks", Some(body)).await.expect(201)
    }

    /// What lies in the outbox.
    async fn waiting(&self) -> Vec<OutboxEvent> {
        let mut waiting = Vec::new();
        for shard in OutboxShard::all() {
            waiting.extend(self.local.table.outbox(shard, 100).await.unwrap());
        }
        waiting
    }

    /// Works off the queue until it is empty.
    async fn drain(&self) {
        loop {
            let answer = self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10).send().await.unwrap();
            if answer.messages().is_empty() {
                return;
            }
            for message in answer.messages() {
                let body = message.body().unwrap().to_owned();
                assert!(self.deliveries.handle(batch(&[body])).await.batch_item_failures.is_empty());
                self.sqs.delete_message().queue_url(&self.queue).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
            }
        }
    }

    /// Does everything that is told, in order.
    async fn live(&self) {
        let order = |n: u32| Some(json!({"inventory_id": fixture::slot(n).address().id()}));
        let (numbers, endpoints) = (&self.numbers, &self.endpoints);
        let number = self.ask(numbers, Method::POST, "/v1/phone-numbers", order(0)).await.expect(201);
        let number_path = format!("/v1/phone-numbers/{}", number["id"].as_str().unwrap());
        self.ask(numbers, Method::PATCH, &number_path, Some(json!({"allow_outbound": true}))).await.expect(200);
        let agent = json!({"name": "A", "type": "retell", "provider_config": {"agent_id": "a1"}, "phone_number_id": number["id"]});
        let endpoint = self.ask(endpoints, Method::POST, "/v1/endpoints", Some(agent)).await.expect(201);
        let endpoint_path = format!("/v1/endpoints/{}", endpoint["id"].as_str().unwrap());
        self.ask(endpoints, Method::PATCH, &endpoint_path, Some(json!({"name": "B"}))).await.expect(200);
        assert_eq!(self.ask(endpoints, Method::DELETE, &endpoint_path, None).await.status.as_u16(), 204);
        self.ask(numbers, Method::DELETE, &format!("{number_path}?action=release"), None).await.expect(200);
    }
}

/// What [`Bench::live`] tells.
const TOLD: [&str; 7] = [
    "endpoint.created",
    "endpoint.deleted",
    "endpoint.updated",
    "phone_number.purchased",
    "phone_number.released",
    "phone_number.updated",
    "phone_number.updated",
];

fn names(bodies: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = bodies.iter().map(|body| body["event"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn b1_a_lifecycle_event_that_waits_for_its_webhooks() {
    let (bench, receiver) = (Bench::start(false).await, Receiver::start().await);
    bench.subscribe(&receiver, &["*"]).await;
    let order = json!({"inventory_id": fixture::slot(0).address().id()});
    let number = bench.ask(&bench.numbers, Method::POST, "/v1/phone-numbers", Some(order)).await.expect(201);
    let waiting = bench.waiting().await;
    let [event] = waiting.as_slice() else { panic!("{waiting:?}") };
    let key = access_patterns::outbox_event(OutboxShard::of(event.id), event.id);
    assert_eq!(bench.local.table.get(key, Consistency::Strong).await.unwrap().as_ref(), Some(event));
    assert_eq!((event.tenant(), event.event.as_str()), (bench.fixture.tenant, LifecycleEvent::NumberPurchased.as_str()));
    let told: Value = serde_json::from_str(&event.data).unwrap();
    assert_eq!((&told["id"], &told["e164"], &told["status"]), (&number["id"], &number["e164"], &json!("active")));
    bench.local.table.settle_outbox_event(event.id).await.unwrap();
    bench.local.table.settle_outbox_event(event.id).await.unwrap();
    assert_eq!(bench.local.table.outbox_event(event.id).await.unwrap(), None);
}

#[tokio::test]
async fn b2_the_lifecycle_events_of_one_shard_that_wait_oldest_first() {
    let (bench, receiver) = (Bench::start(false).await, Receiver::start().await);
    bench.subscribe(&receiver, &["*"]).await;
    bench.live().await;
    assert_eq!(bench.waiting().await.len(), TOLD.len());
    for shard in OutboxShard::all() {
        let events = bench.local.table.outbox(shard, 100).await.unwrap();
        assert!(events.is_sorted_by_key(|event| event.id));
        assert!(events.iter().all(|event| OutboxShard::of(event.id) == shard));
        assert_eq!(bench.local.table.outbox(shard, 1).await.unwrap(), events[..events.len().min(1)]);
    }
}

#[tokio::test]
async fn what_becomes_of_numbers_and_endpoints_reaches_those_who_subscribed_to_it() {
    let (bench, all, some) = (Bench::start(true).await, Receiver::start().await, Receiver::start().await);
    let subscription = bench.subscribe(&all, &["*"]).await;
    bench.subscribe(&some, &["endpoint.*", "call.*"]).await;
    bench.live().await;
    bench.drain().await;
    assert!(bench.waiting().await.is_empty(), "what is queued leaves the outbox");
    let told = received(&all);
    assert_eq!(names(&told), TOLD);
    assert_eq!(names(&received(&some)), TOLD[..3]);
    let secret = subscription["secret"].as_str().unwrap();
    for arrival in all.arrivals() {
        arrival.verify(secret, fixture::now()).unwrap();
    }
    for body in &told {
        let fields: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["id", "event", "timestamp", "created_at", "organization_id", "data"]);
        assert!(body["id"].as_str().unwrap().starts_with("evt_"));
        assert_eq!(body["data"].get("secret"), None);
    }
    let data = |event: &str| &told.iter().find(|body| body["event"] == event).unwrap()["data"];
    assert_eq!(data("endpoint.created")["phone_numbers_count"], 1);
    assert_eq!(data("endpoint.created")["url"], "sip:+2348030000000@sip.retellai.com;transport=tcp");
    assert_eq!(data("endpoint.updated")["name"], "B");
    assert_eq!(data("endpoint.deleted")["name"], "B");
    assert_eq!(data("phone_number.released")["status"], "inactive");
    assert_ne!(data("phone_number.released")["released_at"], Value::Null);
    assert!(told.iter().any(|body| body["event"] == "phone_number.updated" && body["data"]["endpoint_id"] != Value::Null));
}

#[tokio::test]
async fn what_becomes_of_a_carriers_number_is_told_like_that_of_any_other() {
    let (bench, receiver) = (Bench::start(true).await, Receiver::start().await);
    bench.subscribe(&receiver, &["phone_number.*"]).await;
    let credential = fixture::credential(Carrier::Twilio, 1);
    bench.local.table.create_credential(bench.fixture.tenant, &credential).await.unwrap();
    let order = json!({"e164": "+2348050000001", "provider": "twilio", "credentials_id": credential.id});
    let number = bench.ask(&bench.numbers, Method::POST, "/v1/telephony/numbers", Some(order)).await.expect(201);
    let path = format!("/v1/telephony/numbers/{}", number["id"].as_str().unwrap());
    let pinned = bench.ask(&bench.numbers, Method::PATCH, &path, Some(json!({"agent_id": "agent-1"}))).await;
    let removed = bench.ask(&bench.numbers, Method::DELETE, &path, None).await;
    assert_eq!((pinned.status.as_u16(), removed.status.as_u16()), (204, 204));
    bench.drain().await;
    let mut told = received(&receiver);
    told.sort_by_key(|body| body["timestamp"].as_str().unwrap().to_owned());
    let events: Vec<&str> = told.iter().map(|body| body["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["phone_number.purchased", "phone_number.updated", "phone_number.released"]);
    assert!(told.iter().all(|body| body["data"]["id"] == number["id"] && body["data"]["source"] == "byo"), "{told:?}");
    assert_eq!(told[1]["data"]["agent_id"], "agent-1");
}

#[tokio::test]
async fn events_of_functions_that_died_before_handing_them_on_are_swept() {
    let (bench, receiver) = (Bench::start(false).await, Receiver::start().await);
    bench.subscribe(&receiver, &["*"]).await;
    bench.live().await;
    bench.drain().await;
    assert!(receiver.arrivals().is_empty());
    assert_eq!(bench.sweep.run().await.unwrap(), 0, "the one who wrote them has half a minute");
    bench.clock.fetch_add(31_000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(bench.sweep.run().await.unwrap(), TOLD.len());
    assert_eq!(bench.sweep.run().await.unwrap(), TOLD.len(), "until they are queued they stay");
    bench.drain().await;
    assert_eq!(names(&received(&receiver)), TOLD, "swept twice, sent once");
    assert_eq!(bench.sweep.run().await.unwrap(), 0);
}

#[tokio::test]
async fn a_fan_out_that_died_before_it_cleared_the_outbox_sends_nothing_twice() {
    let (bench, receiver) = (Bench::start(true).await, Receiver::start().await);
    bench.subscribe(&receiver, &["*"]).await;
    let order = json!({"inventory_id": fixture::slot(0).address().id()});
    bench.ask(&bench.numbers, Method::POST, "/v1/phone-numbers", Some(order)).await.expect(201);
    let [event] = bench.waiting().await.try_into().unwrap();
    bench.drain().await;
    // As if it had died: the event is back.
    let again = fixture::slot(1);
    let (number, claim) = fixture::purchase(bench.fixture.tenant, &again, None);
    let tell = |_: &domain::number::PhoneNumber| event.clone();
    bench.local.table.buy_number(bench.fixture.tenant, &again, &number, &claim, store::tell(Some(&tell))).await.unwrap();
    bench.clock.fetch_add(31_000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(bench.sweep.run().await.unwrap(), 1);
    bench.drain().await;
    assert_eq!(receiver.arrivals().len(), 1);
}

#[tokio::test]
async fn nothing_is_written_for_nobody() {
    let (bench, receiver) = (Bench::start(true).await, Receiver::start().await);
    bench.subscribe(&receiver, &["call.*"]).await;
    bench.live().await;
    assert!(bench.waiting().await.is_empty());
}

#[tokio::test]
async fn a_refused_change_tells_nothing() {
    let (bench, receiver) = (Bench::start(true).await, Receiver::start().await);
    bench.subscribe(&receiver, &["*"]).await;
    let nowhere = "0198c0de-0000-7000-8000-000000000001";
    let order = json!({"inventory_id": fixture::slot(0).address().id(), "endpoint_id": nowhere});
    assert_eq!(bench.ask(&bench.numbers, Method::POST, "/v1/phone-numbers", Some(order)).await.code(), "ENDPOINT_NOT_FOUND");
    for path in [format!("/v1/phone-numbers/{nowhere}"), format!("/v1/endpoints/{nowhere}")] {
        let app = if path.contains("phone") { &bench.numbers } else { &bench.endpoints };
        assert_eq!(bench.ask(app, Method::PATCH, &path, Some(json!({"name": "x"}))).await.code(), "NOT_FOUND");
        assert_eq!(bench.ask(app, Method::DELETE, &path, None).await.code(), "NOT_FOUND");
    }
    assert!(bench.waiting().await.is_empty());
}

#[tokio::test]
async fn a_subscription_that_answers_410_is_switched_off_with_the_reason() {
    let (bench, receiver) = (Bench::start(true).await, Receiver::answering(&[410]).await);
    let subscription = bench.subscribe(&receiver, &["*"]).await;
    let path = format!("/v1/webhooks/{}", subscription["id"].as_str().unwrap());
    let sent = bench.ask(&bench.webhooks, Method::POST, &format!("{path}/test"), None).await.expect(202);
    bench.drain().await;
    assert_eq!(receiver.arrivals()[0].header("webhook-id"), sent["webhook_id"].as_str().unwrap());
    assert_eq!(received(&receiver)[0]["event"], "webhook.test");
    let after = bench.ask(&bench.webhooks, Method::GET, &path, None).await.expect(200);
    assert_eq!((&after["status"], &after["active"]), (&json!("error"), &json!(false)));
    assert_eq!(bench.ask(&bench.webhooks, Method::POST, &format!("{path}/test"), None).await.code(), "CONFLICT");
    let on = bench.ask(&bench.webhooks, Method::PATCH, &path, Some(json!({"active": true}))).await.expect(200);
    assert_eq!((&on["status"], &on["status_reason"]), (&json!("active"), &Value::Null));
}

#[tokio::test]
async fn a_message_that_asks_for_a_fan_out_that_was_made_comes_to_nothing() {
    let bench = Bench::start(true).await;
    let outbox = queue::OutboxMessage { outbox_id: domain::OutboxId::new(fixture::now(), random::bytes()) };
    assert!(matches!(WebhookWork::from_json(&outbox.to_json().unwrap()), Ok(WebhookWork::FanOut(_))));
    let unknown = bench.deliveries.handle(batch(&[outbox.to_json().unwrap()])).await;
    assert!(unknown.batch_item_failures.is_empty(), "an event that is no longer there was queued before");
}
