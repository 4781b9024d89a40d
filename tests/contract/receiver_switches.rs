//! A receiver that is switched off, by itself, by the system or by its owner, and on again: nothing comes between, and who is
//! on begins anew.

use std::collections::BTreeSet;

use axum::Router;
use domain::{delivery::DeliveryStatus, webhook::ReceiverId};
use http::Method;
use queue::DeliveryMessage;
use serde_json::{Value, json};
use store::Recorded;
use testkit::{
    Receiver,
    client::ask,
    costs::batch,
    faults::{Faults, Moment, Stop, Wire},
};

use crate::delivery_world::World;

const HOUR: i64 = 3_600_000;

/// A world with a receiver of either kind, which fails.
struct Bench {
    world: World,
    endpoints: Router,
    receiver: Receiver,
    id: ReceiverId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Endpoint,
    Subscription,
}

const KINDS: [Kind; 2] = [Kind::Endpoint, Kind::Subscription];

impl Bench {
    async fn start(kind: Kind) -> Self {
        let (world, receiver) = (World::start().await, Receiver::start().await);
        receiver.answer(500);
        let endpoints = world.endpoints();
        let id = match kind {
            Kind::Subscription => ReceiverId::Subscription(world.subscribe(&receiver).await),
            Kind::Endpoint => {
                let body = json!({"name": "R", "type": "webhook", "url": receiver.url});
                let created = ask(&endpoints, world.fixture.key.reveal(), Method::POST, "/v1/endpoints", Some(&body)).await.expect(201);
                ReceiverId::Endpoint(created["id"].as_str().unwrap().parse().unwrap())
            }
        };
        Self { world, endpoints, receiver, id }
    }

    async fn ask(&self, method: Method, body: Option<Value>) -> Value {
        let (app, family) = match self.id {
            ReceiverId::Endpoint(_) => (&self.endpoints, "endpoints"),
            ReceiverId::Subscription(_) => (&self.world.app, "webhooks"),
        };
        let path = format!("/v1/{family}/{}", self.id.as_uuid());
        ask(app, self.world.fixture.key.reveal(), method, &path, body.as_ref()).await.expect(200)
    }

    /// Has its owner switch it, by a request that says something else too.
    async fn switch(&self, on: bool) -> Value {
        let body = match self.id {
            ReceiverId::Endpoint(_) => json!({"status": if on { "active" } else { "inactive" }, "events": ["*"]}),
            ReceiverId::Subscription(_) => json!({"active": on, "events": ["*"]}),
        };
        self.ask(Method::PATCH, Some(body)).await
    }

    async fn shown(&self) -> (Value, Value) {
        let shown = self.ask(Method::GET, None).await;
        (shown["status"].clone(), shown["status_reason"].clone())
    }

    fn event(&self) -> DeliveryMessage {
        self.world.event_to(self.id, self.world.call())
    }

    /// One event that it does not take.
    async fn fail(&self) {
        self.world.deliver(&[self.event()]).await;
    }

    async fn health(&self) -> Option<domain::health::Health> {
        self.world.local.table.receiver_health(self.world.tenant(), self.id).await.unwrap()
    }

    /// The notices that were given so far, as they lie in the outbox.
    async fn notices(&self) -> Vec<String> {
        let text = |item: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| {
            item.get("event").and_then(|event| event.as_s().ok()).filter(|event| event.starts_with("webhook.")).cloned()
        };
        self.world.local.dump().await.iter().filter(|item| item["kind"].as_s().unwrap() == "outbox_event").filter_map(text).collect()
    }
}

#[tokio::test]
async fn who_is_switched_on_again_begins_anew_however_long_it_failed_before() {
    for kind in KINDS {
        for hours in [70, 119, 300] {
            let bench = Bench::start(kind).await;
            bench.fail().await;
            bench.switch(false).await;
            bench.world.pass(hours * HOUR);
            assert!(bench.health().await.is_some(), "what is known of it is kept until then");
            let shown = bench.switch(true).await;
            assert_eq!((&shown["status"], &shown["status_reason"], &shown["events"]), (&json!("active"), &Value::Null, &json!(["*"])));
            assert_eq!(bench.health().await, None, "{kind:?}");
            let begun = bench.world.now();
            bench.fail().await;
            let health = bench.health().await.unwrap();
            assert_eq!((health.failures, health.failing_since, health.told), (1, begun, 0));
            assert_eq!((bench.shown().await.0, bench.notices().await), (json!("active"), vec![]), "{kind:?} after {hours} hours");
            // And it is told of in its time.
            bench.world.pass(60 * HOUR);
            bench.fail().await;
            assert_eq!(bench.notices().await, ["webhook.failing"]);
        }
    }
}

#[tokio::test]
async fn who_is_said_to_be_on_and_is_so_keeps_its_failures() {
    for kind in KINDS {
        let bench = Bench::start(kind).await;
        bench.fail().await;
        let known = bench.health().await;
        let before = bench.world.local.table.usage();
        bench.world.pass(1);
        assert_eq!(bench.switch(true).await["status"], "active");
        let after = bench.world.local.table.usage();
        assert!(known.is_some() && bench.health().await == known, "{kind:?}");
        // The change with its entry of the trail, and what notes the use of a key.
        assert!(after.write_units - before.write_units <= 5.0, "{kind:?}: {before:?} {after:?}");
        bench.world.pass(121 * HOUR);
        bench.fail().await;
        assert_eq!((bench.shown().await.0, bench.notices().await), (json!("error"), vec!["webhook.disabled".to_owned()]));
    }
}

#[tokio::test]
async fn failures_that_come_in_after_a_receiver_was_switched_off_are_forgotten_too() {
    for kind in KINDS {
        let bench = Bench::start(kind).await;
        bench.receiver.answer(410);
        bench.fail().await;
        assert_eq!(bench.shown().await, (json!("error"), json!("the receiver answered 410 Gone")));
        // An attempt that was on its way.
        bench.world.local.table.note_failure(bench.world.tenant(), bench.id, bench.world.now()).await.unwrap();
        bench.world.pass(200 * HOUR);
        bench.receiver.answer(500);
        assert_eq!(bench.switch(true).await["status_reason"], Value::Null);
        bench.fail().await;
        assert_eq!((bench.shown().await.0, bench.notices().await), (json!("active"), vec!["webhook.disabled".to_owned()]), "{kind:?}");
    }
}

#[tokio::test]
async fn whoever_dies_at_whatever_step_of_an_attempt_that_is_answered_with_410_leaves_no_receiver_on() {
    let mut deaths = BTreeSet::new();
    for (kind, moment) in KINDS.into_iter().flat_map(|kind| [(kind, Moment::Before), (kind, Moment::After)]) {
        for number in 1.. {
            let bench = Bench::start(kind).await;
            bench.receiver.answer(410);
            let (event, wire) = (bench.event(), Wire::new(7));
            let doomed = bench.world.sender_at(bench.world.local.over(&wire, Faults::default()).await);
            let message = [event.to_json().unwrap()];
            wire.begin(Some(Stop { number, moment }));
            let died_at = tokio::select! {
                _ = doomed.handle(batch(&message)) => None,
                operation = wire.stopped() => Some(operation),
            };
            // The message comes again, to another process.
            assert!(bench.world.sender().handle(batch(&message)).await.batch_item_failures.is_empty());
            let told = format!("{kind:?}, {moment:?} request {number}: {died_at:?}");
            assert_eq!(bench.shown().await, (json!("error"), json!("the receiver answered 410 Gone")), "{told}");
            let state = bench.world.state(&event).await;
            let statuses: Vec<_> = state.attempts.values().map(|attempt| attempt.status).collect();
            assert_eq!((state.status, statuses), (DeliveryStatus::Dead, vec![Some(410)]), "{told}");
            assert_eq!(bench.notices().await, ["webhook.disabled"], "{told}");
            assert!((1..=2).contains(&bench.receiver.arrivals().len()), "{told}");
            match died_at {
                Some(operation) => deaths.insert((moment, operation)),
                None => break,
            };
        }
    }
    let operations = ["GetItem", "PutItem", "TransactWriteItems"].map(|name| format!("DynamoDB_20120810.{name}"));
    let both = |name: &String| [(Moment::Before, name.clone()), (Moment::After, name.clone())];
    assert_eq!(deaths, operations.iter().flat_map(both).collect(), "at every kind of step, on either side of it");
}

#[tokio::test]
async fn a_batch_of_which_all_are_answered_with_410_is_recorded_as_a_whole_and_told_of_once() {
    for kind in KINDS {
        let bench = Bench::start(kind).await;
        bench.receiver.answer(410);
        let events: Vec<DeliveryMessage> = (0..10).map(|_| bench.event()).collect();
        bench.world.deliver(&events).await;
        let log = bench.world.log().await;
        let is_recorded = |state: &domain::delivery::DeliveryState| state.attempts.values().all(|attempt| attempt.status == Some(410));
        assert!(log.iter().all(|state| state.status == DeliveryStatus::Dead && state.attempts.len() == 1 && is_recorded(state)));
        assert_eq!(log.len(), bench.receiver.arrivals().len());
        assert_eq!((bench.notices().await.len(), bench.world.mailbox.len()), (1, 0));
    }
}

#[tokio::test]
async fn what_says_that_it_is_gone_is_switched_off_also_by_a_delivery_that_was_over() {
    let bench = Bench::start(Kind::Subscription).await;
    let (event, tenant, table) = (bench.event(), bench.world.tenant(), &bench.world.local.table);
    bench.receiver.answer(200);
    bench.world.deliver(std::slice::from_ref(&event)).await;
    let before = bench.world.state(&event).await;
    // Two processes had the same message, and one of them heard something else.
    let delivery = table.delivery(tenant, event.delivery_id).await.unwrap().unwrap();
    let recorded =
        Recorded { number: 1, attempt: before.attempts[&1].clone(), status: DeliveryStatus::Dead, next_at: None, replayed_by: None };
    let notice = store::OutboxEvent {
        id: domain::OutboxId::new(bench.world.now(), runtime::random::bytes()),
        organization_id: tenant.org(),
        mode: tenant.mode(),
        event: "webhook.disabled".to_owned(),
        at: bench.world.now(),
        data: "{}".to_owned(),
    };
    let off = store::SwitchOff { receiver: bench.id, reason: "gone", event: &notice };
    for _ in 0..2 {
        table.record_and_switch_off(tenant, &delivery, &recorded, &off).await.unwrap();
        assert_eq!((bench.shown().await, bench.world.state(&event).await), ((json!("error"), json!("gone")), before.clone()));
    }
    assert_eq!(bench.notices().await.len(), 1);
}
