//! Everything that delivers webhooks, in process under one clock: subscriptions, deliveries, the schedule, the queue.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::Router;
use domain::{
    CallId, Mode, SubscriptionId, Timestamp,
    delivery::{DeliveryFilter, DeliveryState},
    webhook::{ReceiverId, delivery_id},
};
use due_deliveries::DueDeliveries;
use http::Method;
use queue::DeliveryMessage;
use runtime::{Clock, random};
use serde_json::{Value, json};
use store::{DeliveryWalk, DueAttempt, DueShard, Table, Tenant};
use testkit::{
    Fixture, LocalTable, Mailbox, Receiver,
    client::{Answer, ask},
    costs::{batch, vault},
    fixture,
};
use webhook_delivery::WebhookDelivery;
use webhooks::guard::Loopback;

/// A minute, in milliseconds: the schedule of due deliveries.
const MINUTE: i64 = 60_000;

pub(crate) struct World {
    pub(crate) local: LocalTable,
    pub(crate) fixture: Fixture,
    pub(crate) app: Router,
    pub(crate) mailbox: Mailbox,
    pub(crate) deliveries: WebhookDelivery,
    pub(crate) due: DueDeliveries,
    pub(crate) clock: Arc<AtomicI64>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        let clock = Arc::new(AtomicI64::new(fixture::now().as_millis()));
        let (mailbox, manual) = (Mailbox::new(Arc::clone(&clock)), Clock::Manual(Arc::clone(&clock)));
        let (table, vault, sender) = (local.table.clone(), vault(), mailbox.sender());
        let state = webhooks_api::State::new(table.clone(), vault.clone(), sender.clone(), manual.clone(), Loopback::Allowed);
        let dead_letters = fixture::nowhere();
        let deliveries =
            WebhookDelivery::new(table.clone(), vault, sender.clone(), dead_letters, manual.clone(), Loopback::Allowed).unwrap();
        let due = DueDeliveries::new(table, sender, manual);
        Self { local, fixture, app: webhooks_api::app(state), mailbox, deliveries, due, clock }
    }

    /// Another process that delivers.
    pub(crate) fn sender(&self) -> WebhookDelivery {
        self.sender_at(self.local.table.clone())
    }

    /// One that reaches the table in its own way.
    pub(crate) fn sender_at(&self, table: Table) -> WebhookDelivery {
        let (sender, clock) = (self.mailbox.sender(), Clock::Manual(Arc::clone(&self.clock)));
        WebhookDelivery::new(table, vault(), sender, fixture::nowhere(), clock, Loopback::Allowed).unwrap()
    }

    /// The function that serves endpoints.
    pub(crate) fn endpoints(&self) -> Router {
        let (table, events, clock) = (self.local.table.clone(), self.mailbox.sender(), Clock::Manual(Arc::clone(&self.clock)));
        endpoints::app(endpoints::State::new(table, vault(), events, clock, Loopback::Allowed, "sip.example.com"))
    }

    pub(crate) fn tenant(&self) -> Tenant {
        self.fixture.tenant
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        ask(&self.app, self.fixture.key.reveal(), method, path, body.as_ref()).await
    }

    pub(crate) async fn subscribe(&self, receiver: &Receiver) -> SubscriptionId {
        self.subscribe_to(receiver, &["*"]).await
    }

    pub(crate) async fn subscribe_to(&self, receiver: &Receiver, events: &[&str]) -> SubscriptionId {
        let body = json!({"url": receiver.url, "events": events});
        let created = self.ask(Method::POST, "/v1/webhooks", Some(body)).await.expect(201);
        created["id"].as_str().unwrap().parse().unwrap()
    }

    /// What `call-events` queues for an event of a call that a subscription takes.
    pub(crate) fn event(&self, subscription: SubscriptionId, call: CallId) -> DeliveryMessage {
        self.event_to(ReceiverId::Subscription(subscription), call)
    }

    /// The same for any receiver.
    pub(crate) fn event_to(&self, receiver: ReceiverId, call: CallId) -> DeliveryMessage {
        let event_id = format!("evt_{}", domain::OutboxId::new(self.now(), random::bytes()).as_uuid().simple());
        DeliveryMessage {
            organization_id: self.tenant().org(),
            mode: self.tenant().mode(),
            delivery_id: delivery_id(&event_id, receiver.as_uuid()),
            receiver,
            call_id: Some(call),
            event: "call.completed".to_owned(),
            body: json!({"id": event_id, "event": "call.completed", "data": {"call_id": call}}).to_string(),
            event_id,
        }
    }

    pub(crate) fn call(&self) -> CallId {
        CallId::new(self.now(), random::bytes())
    }

    /// Hands messages to the function that delivers, ten at a time as the queue does.
    pub(crate) async fn handle(&self, bodies: &[String]) {
        for bodies in bodies.chunks(10) {
            assert!(self.deliveries.handle(batch(bodies)).await.batch_item_failures.is_empty());
        }
    }

    pub(crate) async fn deliver(&self, messages: &[DeliveryMessage]) {
        let bodies: Vec<String> = messages.iter().map(|message| message.to_json().unwrap()).collect();
        self.handle(&bodies).await;
    }

    /// What waits in the table for its time, the first one first.
    pub(crate) async fn waiting(&self) -> Vec<DueAttempt> {
        let mut waiting = Vec::new();
        for shard in DueShard::all() {
            waiting.extend(self.local.table.due(shard, self.now().plus_millis(1_000 * MINUTE * 60), 10_000).await.unwrap());
        }
        waiting.sort_by_key(|attempt| attempt.due_at);
        waiting
    }

    /// Lets time go on until so many milliseconds from now: messages are seen at their time, and what waits is looked for
    /// each minute, as far as there is something to find.
    pub(crate) async fn live(&self, millis: i64) {
        let end = self.clock.load(Ordering::SeqCst) + millis;
        loop {
            let now = self.clock.load(Ordering::SeqCst);
            while let bodies @ [_, ..] = self.mailbox.take(10).as_slice() {
                self.handle(bodies).await;
            }
            let look = self.waiting().await.first().map(|attempt| attempt.due_at.as_millis() - MINUTE);
            let next = [self.mailbox.next_at(), look.map(|at| at.max(now))].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.clock.store(end, Ordering::SeqCst);
                return;
            };
            self.clock.store(next.max(now), Ordering::SeqCst);
            if look.is_some_and(|look| look <= next) {
                self.due.run().await.unwrap();
            }
        }
    }

    pub(crate) async fn state(&self, message: &DeliveryMessage) -> DeliveryState {
        let delivery = self.local.table.delivery(self.tenant(), message.delivery_id).await.unwrap().unwrap();
        self.local.table.delivery_state(self.tenant(), delivery.place()).await.unwrap().unwrap()
    }

    /// Every delivery of the organization, the newest first.
    pub(crate) async fn log(&self) -> Vec<DeliveryState> {
        let walk = DeliveryWalk { newest_first: true, after: None, limit: 10_000, reach: 10_000 };
        self.local.table.delivery_list(self.tenant(), &DeliveryFilter::default(), walk).await.unwrap().found
    }
}
