//! Late attempts: those that wait in the table until their time has come, the last one of a delivery, and one whose receiver
//! is gone. Both functions that see to them are killed, and each delivery goes its way to the end, once.
//!
//! Nobody waits for hours here. A delivery is written as the functions leave it after its first attempts, and the time of
//! what waits in the table comes by moving it to now.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::{
    CallId, DeliveryId, EndpointId, Timestamp,
    delivery::{AttemptRecord, Delivery, DeliveryState, DeliveryStatus},
    endpoint::EndpointStatus,
    limits::Counted,
    webhook::ReceiverId,
};
use queue::RetryMessage;
use runtime::random;
use serde_json::{Value, json};
use store::{Consistency, DueAttempt, DueShard, Frozen, OutboxShard, Recorded};
use testkit::{
    faults::{Faults, Wire},
    fixture,
    load::Dice,
};

use super::{KILLS, deliveries::Bench, function, worker::Worker};

/// The time-out of `due-deliveries` in the template.
const DUE_TIMEOUT: Duration = Duration::from_secs(50);

/// How many attempts wait at the same time, and how often.
const TOGETHER: usize = 16;
const WAVES: usize = 125;

/// How many requests a run makes for so many attempts.
const REQUESTS: u32 = 27;

/// How many deliveries come to one of the late steps, and the least number of kills there: with so many, both sides of a request that
/// is one of twenty are met.
const LATE: usize = 1_600;
const LATE_KILLS: u32 = 100;

/// How many deliveries a receiver fails to take: fewer than those after which it gets nothing but probes.
const OF_ONE: usize = 5;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

impl Bench {
    /// A delivery as the function leaves it whose attempt of this number has failed: its body, and the last line of its log.
    async fn failed(&self, endpoint: EndpointId, number: u32) -> Delivery {
        let (now, id) = (fixture::now(), DeliveryId::new(fixture::now(), random::bytes()));
        let delivery = Delivery {
            id,
            receiver: ReceiverId::Endpoint(endpoint),
            call_id: Some(CallId::new(now, random::bytes())),
            event: "call.completed".to_owned(),
            body: json!({"id": id}).to_string(),
            created_at: now.plus_millis(-DAY),
        };
        let at = now.plus_millis(-30 * MINUTE);
        let attempt = AttemptRecord { at, status: Some(500), error: None, duration_ms: 1, answer: String::new() };
        let next_at = Some(now.plus_millis(-MINUTE));
        let recorded = Recorded { number, attempt, status: DeliveryStatus::Retrying, next_at, replayed_by: None };
        assert_eq!(self.local.table.freeze_delivery(self.tenant, &delivery).await.unwrap(), Frozen::First);
        assert!(self.local.table.record_attempt(self.tenant, &delivery, &recorded).await.unwrap());
        delivery
    }

    /// The same of many, so many to one endpoint, each endpoint at a URL of its own kind.
    async fn many_failed(&self, url: &str, number: u32, of_one: usize) -> Vec<Delivery> {
        self.local.table.set_most(self.tenant, Counted::Endpoints, u32::try_from(LATE).ok()).await.unwrap();
        let mut all = Vec::with_capacity(LATE);
        while all.len() < LATE {
            let endpoint = self.endpoint(url).await;
            for _ in 0..of_one {
                all.push(self.failed(endpoint, number).await);
            }
        }
        all
    }

    /// Asks for an attempt at each, at a tenth of them twice, in any order.
    async fn ask(&self, deliveries: &[Delivery], number: u32, dice: &mut Dice) {
        let mut bodies = Vec::new();
        for delivery in deliveries {
            let message = RetryMessage::new(self.tenant.org(), self.tenant.mode(), delivery.place(), number);
            bodies.extend(vec![message.to_json().unwrap(); if dice.below(10) == 0 { 2 } else { 1 }]);
        }
        self.queue.send(&dice.shuffled(bodies)).await;
    }

    /// What waits in the table.
    async fn waiting(&self) -> Vec<DueAttempt> {
        let mut waiting = Vec::new();
        for shard in DueShard::all() {
            waiting.extend(self.local.table.due(shard, fixture::now().plus_millis(DAY), 10_000).await.unwrap());
        }
        waiting
    }

    /// The time of all that waits has come.
    async fn time_passes(&self) {
        let now = fixture::now();
        let later: Vec<DueAttempt> = self.waiting().await.into_iter().filter(|attempt| attempt.due_at > now).collect();
        for attempt in &later {
            let due = DueAttempt::new(self.tenant, attempt.place(), attempt.attempt, now);
            self.local.table.put_due(&due).await.unwrap();
        }
        self.local.table.settle_due(&later).await.unwrap();
    }

    /// The function that hands on what is due, and the wire of its own.
    async fn due_deliveries(&self, seed: u64) -> (Worker, Wire) {
        let wire = Wire::new(seed);
        let own = vec![("WEBHOOK_QUEUE_URL".to_owned(), self.queue.url.clone())];
        let made = (&self.stack, &self.local, &self.queue);
        let function = function("due-deliveries", DUE_TIMEOUT, made, (&wire, Faults::default()), own).await;
        (Worker::new(function, wire.clone(), seed), wire)
    }

    /// The function that delivers. It mostly meets a receiver for the first time, and reads what is known of it.
    async fn late_worker(&self, seed: u64) -> Worker {
        self.worker(seed).await.killed(7, 1).asking(10)
    }

    async fn state(&self, delivery: &Delivery) -> DeliveryState {
        self.local.table.delivery_state(self.tenant, delivery.place()).await.unwrap().unwrap()
    }

    /// How often each of these reached the receiver, and always with its own bytes; nothing else did.
    fn arrived_of(&self, deliveries: &[Delivery]) -> BTreeMap<DeliveryId, usize> {
        let mut arrived = self.arrived();
        let mut times = BTreeMap::new();
        for delivery in deliveries {
            let bodies = arrived.remove(&delivery.id.to_string()).unwrap_or_default();
            assert!(bodies.iter().all(|body| *body == delivery.body), "{bodies:?}");
            times.insert(delivery.id, bodies.len());
        }
        assert_eq!(arrived, BTreeMap::new(), "no other id");
        times
    }

    /// Asserts that nothing is on its way any more, and that the queue gave nothing up.
    async fn is_quiet(&self) {
        assert_eq!((self.queue.left().await, self.queue.dead_letters().await), (0, vec![]));
    }

    /// Asserts that all were taken in the end, by an attempt of one of these numbers; how many by the last of them.
    async fn all_are_delivered(&self, deliveries: &[Delivery], begun_from: u32, numbers: [u32; 2]) -> usize {
        self.is_quiet().await;
        assert_eq!(self.waiting().await, vec![], "nothing waits");
        let times = self.arrived_of(deliveries);
        let mut last_ones = 0;
        for delivery in deliveries {
            let state = self.state(delivery).await;
            let (number, last) = state.attempts.last_key_value().unwrap();
            assert_eq!((state.status, last.status, state.next_at), (DeliveryStatus::Delivered, Some(200), None));
            assert!(numbers.contains(number), "attempt {number}");
            let recorded: Vec<u32> = state.attempts.keys().copied().collect();
            assert_eq!(recorded, (begun_from..=*number).collect::<Vec<_>>(), "each attempt is recorded");
            assert!(times[&delivery.id] >= (number - begun_from) as usize, "and was made");
            last_ones += usize::from(*number == numbers[1]);
        }
        last_ones
    }
}

fn every_minute() -> Value {
    json!({"source": "aws.events"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn due_deliveries_that_is_killed_at_every_step_asks_for_every_attempt_whose_time_has_come() {
    let bench = Bench::start(601).await;
    // Of these another attempt has to wait in the table.
    bench.receiver.refuse_first_of_every(20);
    let endpoint = bench.endpoint(&bench.url).await;
    let (due, wire) = bench.due_deliveries(602).await;
    let mut due = due.killed(9, 1);
    // Its own tests kill it more.
    let mut delivery = bench.worker(603).await.killed(2, 1);
    let (mut owed, mut dice) = (Vec::new(), Dice::new(604));
    for _ in 0..WAVES {
        for _ in 0..TOGETHER {
            let failed = bench.failed(endpoint, 4).await;
            let due = DueAttempt::new(bench.tenant, failed.place(), 5, fixture::now().plus_millis(-MINUTE));
            bench.local.table.put_due(&due).await.unwrap();
            owed.push(failed);
        }
        bench.time_passes().await;
        for _ in 0..2 {
            while !due.invoke_once(every_minute(), REQUESTS).await {
                // What one run asked for may be done before the next one begins, or not.
                if dice.below(4) == 0 {
                    delivery.work(&bench.queue).await;
                }
            }
        }
        delivery.work(&bench.queue).await;
    }
    // What failed in the last wave.
    bench.time_passes().await;
    due.invoke_unharmed(every_minute()).await;
    delivery.work(&bench.queue).await;
    due.invoke_unharmed(every_minute()).await;
    let again = bench.all_are_delivered(&owed, 4, [5, 6]).await;
    assert!(again > 0, "some took two attempts");
    println!("{} kills of due-deliveries, {} of webhook-delivery", due.deaths.count(), delivery.deaths.count());
    due.deaths.are_everywhere(&wire.operations(), KILLS);
    assert!(delivery.deaths.count() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhook_delivery_that_is_killed_where_attempts_are_put_off_for_long_has_each_wait_once() {
    let (bench, mut dice) = (Bench::start(611).await, Dice::new(612));
    let deliveries = bench.many_failed(&bench.url, 3, OF_ONE).await;
    bench.receiver.answer(500);
    bench.ask(&deliveries, 4, &mut dice).await;
    let mut worker = bench.late_worker(613).await;
    worker.work(&bench.queue).await;
    bench.is_quiet().await;
    let waiting: Vec<(DeliveryId, u32, Timestamp)> =
        bench.waiting().await.iter().map(|attempt| (attempt.delivery_id, attempt.attempt, attempt.due_at)).collect();
    assert_eq!(waiting.len(), LATE, "each waits once");
    let waiting: BTreeSet<_> = waiting.into_iter().collect();
    let times = bench.arrived_of(&deliveries);
    for delivery in &deliveries {
        let state = bench.state(delivery).await;
        assert_eq!((state.status, state.last(), state.attempts[&4].status), (DeliveryStatus::Retrying, 4, Some(500)));
        assert!(waiting.contains(&(delivery.id, 5, state.next_at.unwrap())), "for the time that its log tells");
        assert!(times[&delivery.id] > 0);
    }
    println!("{} kills at requests, {} by the clock", worker.deaths.at_requests, worker.deaths.by_the_clock);
    worker.deaths.are_everywhere(&bench.wire.operations(), LATE_KILLS);
    // And each comes to its end.
    bench.receiver.answer(200);
    bench.time_passes().await;
    bench.due_deliveries(614).await.0.invoke_unharmed(every_minute()).await;
    worker.work(&bench.queue).await;
    assert_eq!(bench.all_are_delivered(&deliveries, 3, [5, 5]).await, LATE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhook_delivery_that_is_killed_at_the_last_attempt_of_all_gives_each_delivery_up_once() {
    let (bench, mut dice) = (Bench::start(621).await, Dice::new(622));
    let deliveries = bench.many_failed(&format!("{}/500", bench.url), 8, OF_ONE).await;
    bench.ask(&deliveries, 9, &mut dice).await;
    let mut worker = bench.late_worker(623).await;
    worker.work(&bench.queue).await;
    let times = bench.arrived_of(&deliveries);
    // Once more they come to nothing.
    bench.ask(&deliveries, 9, &mut dice).await;
    worker.work(&bench.queue).await;
    bench.is_quiet().await;
    assert_eq!(bench.waiting().await, vec![]);
    assert_eq!(bench.arrived_of(&deliveries), times, "what is dead is not sent again");
    for delivery in &deliveries {
        let state = bench.state(delivery).await;
        assert_eq!((state.status, state.next_at), (DeliveryStatus::Dead, None));
        assert_eq!(state.attempts.keys().copied().collect::<Vec<_>>(), [8, 9]);
        assert!(times[&delivery.id] > 0, "it was tried for the last time");
    }
    println!("{} kills at requests, {} by the clock", worker.deaths.at_requests, worker.deaths.by_the_clock);
    worker.deaths.are_everywhere(&bench.wire.operations(), LATE_KILLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhook_delivery_that_is_killed_when_receivers_are_gone_switches_each_off_and_tells_of_it_once() {
    let (bench, mut dice) = (Bench::start(631).await, Dice::new(632));
    // The second one finds its receiver gone, or is told so too.
    let deliveries = bench.many_failed(&format!("{}/410", bench.url), 3, 2).await;
    bench.ask(&deliveries, 4, &mut dice).await;
    let mut worker = bench.late_worker(633).await;
    worker.work(&bench.queue).await;
    bench.is_quiet().await;
    assert_eq!(bench.waiting().await, vec![]);
    let times = bench.arrived_of(&deliveries);
    let mut told: BTreeMap<EndpointId, usize> = BTreeMap::new();
    for delivery in &deliveries {
        let ReceiverId::Endpoint(endpoint) = delivery.receiver else { unreachable!() };
        let state = bench.state(delivery).await;
        assert_eq!((state.status, state.next_at), (DeliveryStatus::Dead, None));
        let attempt = state.attempts.get(&4).map(|attempt| attempt.status);
        assert!(attempt == Some(Some(410)) || (attempt.is_none() && state.reason.is_some()), "{state:?}");
        *told.entry(endpoint).or_default() += times[&delivery.id];
    }
    for (endpoint, times) in &told {
        let endpoint = bench.local.table.endpoint(bench.tenant, *endpoint, Consistency::Strong).await.unwrap().unwrap();
        assert!(*times > 0 && endpoint.status == EndpointStatus::Error, "{times} times: {endpoint:?}");
        assert_eq!(endpoint.status_reason.as_deref(), Some("the receiver answered 410 Gone"));
    }
    let mut notices = Vec::new();
    for shard in OutboxShard::all() {
        notices.extend(bench.local.table.outbox(shard, LATE).await.unwrap());
    }
    let notices: Vec<Value> = notices.iter().map(|notice| serde_json::from_str(&notice.data).unwrap()).collect();
    let of_endpoints: BTreeSet<&str> = notices.iter().map(|notice| notice["endpoint_id"].as_str().unwrap()).collect();
    assert_eq!((notices.len(), of_endpoints.len()), (told.len(), told.len()), "one notice of each");
    println!("{} kills at requests, {} by the clock", worker.deaths.at_requests, worker.deaths.by_the_clock);
    worker.deaths.are_everywhere(&bench.wire.operations(), LATE_KILLS);
}
