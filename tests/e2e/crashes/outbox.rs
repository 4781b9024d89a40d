//! Lifecycle events that wait in the outbox: both functions that hand them on are killed, and every event is told.

use std::{collections::BTreeSet, time::Duration};

use domain::{
    OutboxId, SubscriptionId,
    endpoint::Endpoint,
    limits::Counted,
    subscription::Subscription,
    webhook::{EventFilter, delivery_id, lifecycle_event_id},
};
use runtime::random;
use serde_json::json;
use store::{CreateEndpoint, OutboxEvent, OutboxShard, TellOfEndpoint};
use testkit::{
    faults::{Faults, Wire},
    fixture,
    load::Dice,
};

use super::{KILLS, deliveries::Bench, function, worker::Worker};

/// The time-out of the template.
const TIMEOUT: Duration = Duration::from_secs(50);

/// How many events wait at the same time, and how often.
const TOGETHER: usize = 25;
const WAVES: usize = 80;

/// How many requests a run makes for so many events.
const REQUESTS: u32 = 17;

async fn subscribe(bench: &Bench) -> SubscriptionId {
    let id = SubscriptionId::new(fixture::now(), random::bytes());
    let subscription = Subscription {
        id,
        url: bench.url.clone(),
        events: EventFilter::default(),
        active: true,
        status_reason: None,
        secret: bench.secret(id.as_uuid()).await,
        previous_secret: None,
        previous_until: None,
        rotated_by: None,
        created_at: fixture::now(),
        updated_at: fixture::now(),
    };
    bench.local.table.create_subscription(bench.tenant, &subscription).await.unwrap();
    id
}

/// Creates an endpoint a minute ago, whose event was not handed on.
async fn left_behind(bench: &Bench) -> OutboxId {
    let at = fixture::now().plus_millis(-60_000);
    let id = OutboxId::new(at, random::bytes());
    let event = |endpoint: &Endpoint| OutboxEvent {
        id,
        organization_id: bench.tenant.org(),
        mode: bench.tenant.mode(),
        event: "endpoint.created".to_owned(),
        at,
        data: json!({"id": endpoint.id}).to_string(),
    };
    let tell = TellOfEndpoint { endpoint: Some(&event), number: None };
    let created = bench.local.table.create_endpoint(bench.tenant, &fixture::endpoint(), None, tell).await.unwrap();
    assert!(matches!(created, CreateEndpoint::Done(_)));
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn due_deliveries_that_is_killed_at_every_step_tells_every_event_and_no_other() {
    let bench = Bench::start(401).await;
    let subscription = subscribe(&bench).await;
    // Each event is that of a new endpoint.
    bench.local.table.set_most(bench.tenant, Counted::Endpoints, u32::try_from(WAVES * TOGETHER).ok()).await.unwrap();
    let wire = Wire::new(402);
    let own = vec![("WEBHOOK_QUEUE_URL".to_owned(), bench.queue.url.clone())];
    let made = (&bench.stack, &bench.local, &bench.queue);
    let function = function("due-deliveries", TIMEOUT, made, (&wire, Faults::default()), own).await;
    let mut due = Worker::new(function, wire.clone(), 403).killed(8, 1);
    // Its own test kills it more.
    let mut delivery = bench.worker(404).await.killed(2, 1);
    let (every_minute, mut owed, mut dice) = (json!({"source": "aws.events"}), BTreeSet::new(), Dice::new(405));
    for _ in 0..WAVES {
        for _ in 0..TOGETHER {
            let id = lifecycle_event_id(left_behind(&bench).await);
            owed.insert(delivery_id(&id, subscription.as_uuid()).to_string());
        }
        for _ in 0..2 {
            while !due.invoke_once(every_minute.clone(), REQUESTS).await {
                // What one run queued may be handed on before the next one begins, or not.
                if dice.below(4) == 0 {
                    delivery.work(&bench.queue).await;
                }
            }
        }
        delivery.work(&bench.queue).await;
    }
    due.invoke_unharmed(every_minute).await;
    assert_eq!(bench.queue.left().await, 0, "nothing waits any more");
    for shard in OutboxShard::all() {
        assert_eq!(bench.local.table.outbox(shard, 1).await.unwrap(), vec![]);
    }
    assert_eq!(bench.queue.dead_letters().await, vec![]);
    let told: BTreeSet<String> = bench.arrived().into_keys().collect();
    assert_eq!((owed.difference(&told).count(), told.difference(&owed).count()), (0, 0), "of {} webhooks", owed.len());
    println!("{} kills of due-deliveries, {} of webhook-delivery", due.deaths.count(), delivery.deaths.count());
    due.deaths.are_everywhere(&wire.operations(), KILLS);
    assert!(delivery.deaths.count() > 0);
}
