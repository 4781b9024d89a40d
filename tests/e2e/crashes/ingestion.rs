//! Call events: records, lists, counters and webhook work are what a plain computation makes of the same events.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::{
    CallId, DeliveryId, EndpointId, Mode, NumberId, SubscriptionId,
    call::{CallEvent, CallRecord, Direction},
    secret::Sealed,
    stats::{Breakdown, CallFilter},
    subscription::Subscription,
    webhook::{EventFilter, delivery_id, event_id},
};
use futures_util::future::join_all;
use queue::{DeliveryMessage, call_event::CallEventMessage};
use runtime::random;
use store::{Start, Table, Tenant};
use testkit::{
    Fixture, LocalTable, Stack,
    event_source::{EventSource, MAX_RECEIVES},
    faults::{Faults, Met, Wire},
    fixture,
    load::{Dice, Plan},
};

use super::{
    KILLS, function,
    worker::{Deaths, Worker},
};

/// How many numbers the calls of a [`Plan`] come to and go out from: the first of the fixture's.
const NUMBERS: u32 = 8;

/// The time-out of the template.
const TIMEOUT: Duration = Duration::from_secs(15);

/// An organization with numbers, most of which ring an endpoint, and a subscription to the ends of calls.
pub(super) struct Bench {
    pub(super) stack: Stack,
    pub(super) local: LocalTable,
    pub(super) tenant: Tenant,
    /// Numbers by their text: id, and what they ring.
    lines: BTreeMap<String, (NumberId, Option<EndpointId>)>,
    subscription: SubscriptionId,
    pub(super) events: EventSource,
    deliveries: EventSource,
    /// What the sources will have told of each call.
    pub(super) calls: Vec<CallRecord>,
}

impl Bench {
    pub(super) async fn start(calls: usize, seed: u64) -> Self {
        let (stack, local) = (Stack::load().unwrap(), LocalTable::start().await);
        let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
        let lines = lines(&local.table, tenant).await;
        let subscription = subscribe(&local.table, tenant).await;
        let (events, deliveries) = (EventSource::create(&stack).await, EventSource::create(&stack).await);
        let today = domain::Day::of(fixture::now());
        let mut calls: Vec<CallRecord> = Plan { first: today.plus(-3), ..Plan::of_a_year(calls, today, seed) }
            .calls()
            .map(|call| CallRecord { route: None, ..call })
            .collect();
        // Some go on.
        calls.iter_mut().step_by(6).for_each(|call| call.events.retain(|_, event| !event.kind.is_terminal()));
        Self { stack, local, tenant, lines, subscription, events, deliveries, calls }
    }

    /// Every event as a message, a quarter of them twice, in any order.
    fn messages(&self, dice: &mut Dice) -> Vec<String> {
        let mut bodies = Vec::new();
        for call in &self.calls {
            for event in call.events.values() {
                let (organization_id, mode) = (self.tenant.org(), self.tenant.mode());
                let message = CallEventMessage { organization_id, mode, call_id: call.id, alias: None, event: event.clone() };
                let times = if dice.below(4) == 0 { 2 } else { 1 };
                bodies.extend(vec![message.to_json().unwrap(); times]);
            }
        }
        dice.shuffled(bodies)
    }

    pub(super) async fn worker(&self, seed: u64, faults: Faults) -> (Worker, Wire) {
        let wire = Wire::new(seed);
        let own = vec![("WEBHOOK_QUEUE_URL".to_owned(), self.deliveries.url.clone())];
        let function = function("call-events", TIMEOUT, (&self.stack, &self.local, &self.events), (&wire, faults), own).await;
        (Worker::new(function, wire.clone(), seed), wire)
    }

    /// The number and the endpoint to which a call belongs.
    pub(super) fn line(&self, call: &CallRecord) -> (NumberId, Option<EndpointId>) {
        let parties = &call.events.values().next().unwrap().parties;
        let own = if parties.direction == Some(Direction::Inbound) { &parties.to_number } else { &parties.from_number };
        self.lines[own.as_ref().unwrap()]
    }

    /// Asserts that nothing is left to do, and that everything is what the events say.
    async fn is_exact(&self) {
        self.is_exact_and_owes(|_| true).await;
    }

    /// The same, where not every event is one of which webhooks tell.
    pub(super) async fn is_exact_and_owes(&self, owes: impl Fn(&CallEvent) -> bool) {
        assert_eq!((self.events.left().await, self.events.dead_letters().await), (0, vec![]));
        self.records_are_exact().await;
        self.lists_are_exact().await;
        self.webhooks_are_exact(owes).await;
    }

    async fn records_are_exact(&self) {
        for call in &self.calls {
            let stored = self.local.table.call(self.tenant, call.id).await.unwrap().unwrap();
            assert_eq!(stored.events, call.events, "{}", call.id);
            let route = stored.route.unwrap();
            assert_eq!((route.number_id, route.endpoint_id), self.line(call), "{}", call.id);
        }
    }

    async fn lists_are_exact(&self) {
        let (table, all) = (&self.local.table, CallFilter::default());
        let mut listed: Vec<CallId> = Vec::new();
        loop {
            let page = table.call_list(self.tenant, &all, Start::Offset(listed.len() as u64), 100).await.unwrap();
            assert_eq!(page.total, self.calls.len() as u64);
            listed.extend(page.calls.iter().map(|call| call.id));
            if page.next.is_none() {
                break;
            }
        }
        let mut newest_first: Vec<CallId> = self.calls.iter().map(|call| call.id).collect();
        newest_first.sort_by(|left, right| right.cmp(left));
        assert_eq!(listed, newest_first);
        let mut sums = Breakdown::default();
        for call in &self.calls {
            let (number, endpoint) = self.line(call);
            let mut counted = call.call().counted();
            (counted.number_id, counted.endpoint_id) = (Some(number), endpoint);
            sums.count(&counted);
        }
        assert_eq!(table.call_sums(self.tenant, &all).await.unwrap(), sums);
        let differences = table.verify_calls(self.tenant, false, |_| {}).await.unwrap();
        assert!(differences.is_empty(), "{differences:#?}");
    }

    /// Each webhook is queued at least once, and no other.
    async fn webhooks_are_exact(&self, owes: impl Fn(&CallEvent) -> bool) {
        let filter = ends();
        let mut owed: BTreeSet<DeliveryId> = BTreeSet::new();
        for call in &self.calls {
            for event in call.events.values().filter(|event| owes(event)) {
                let id = event_id(self.tenant.org(), self.tenant.mode(), call.id, event.id.as_str());
                owed.extend(self.line(call).1.map(|endpoint| delivery_id(&id, endpoint.as_uuid())));
                owed.extend(filter.name_for(event.kind.as_str()).map(|_| delivery_id(&id, self.subscription.as_uuid())));
            }
        }
        let queued = self.deliveries.drain().await;
        let queued: BTreeSet<DeliveryId> =
            queued.iter().map(|body| serde_json::from_str::<DeliveryMessage>(body).unwrap().delivery_id).collect();
        let (lost, strange) = (owed.difference(&queued).count(), queued.difference(&owed).count());
        assert_eq!((lost, strange), (0, 0), "of {} webhooks", owed.len());
    }
}

/// Which events the subscription takes.
fn ends() -> EventFilter {
    EventFilter::parse(vec!["call.completed".to_owned(), "call.failed".to_owned()]).unwrap()
}

/// Buys the numbers of a plan. All but the last ring one of two endpoints.
async fn lines(table: &Table, tenant: Tenant) -> BTreeMap<String, (NumberId, Option<EndpointId>)> {
    let endpoints = [fixture::endpoint(), fixture::endpoint()];
    for endpoint in &endpoints {
        table.create_endpoint(tenant, endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
    }
    let mut lines = BTreeMap::new();
    for n in 0..NUMBERS {
        let slot = fixture::slot(n);
        let endpoint = (n + 1 < NUMBERS).then(|| endpoints[n as usize % 2].id);
        let number = fixture::bought(table, tenant, &slot, endpoint).await;
        lines.insert(slot.e164.to_string(), (number.id, endpoint));
    }
    lines
}

async fn subscribe(table: &Table, tenant: Tenant) -> SubscriptionId {
    let id = SubscriptionId::new(fixture::now(), random::bytes());
    let subscription = Subscription {
        id,
        url: "https://hooks.example.com/calls".to_owned(),
        events: ends(),
        active: true,
        status_reason: None,
        // Nobody opens it here.
        secret: Sealed::from_encoded("x".to_owned()),
        previous_secret: None,
        previous_until: None,
        rotated_by: None,
        created_at: fixture::now(),
        updated_at: fixture::now(),
    };
    table.create_subscription(tenant, &subscription).await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_events_that_is_killed_at_every_step_loses_nothing_and_counts_nothing_twice() {
    let bench = Bench::start(340, 101).await;
    let bodies = bench.messages(&mut Dice::new(102));
    assert!(bench.calls.iter().map(|call| call.events.len()).sum::<usize>() >= 2_000);
    bench.events.send(&bodies).await;
    let mut workers = Vec::new();
    for seed in 0..3 {
        let (worker, wire) = bench.worker(seed, Faults::default()).await;
        workers.push((worker.killed(5, 1), wire));
    }
    join_all(workers.iter_mut().map(|(worker, _)| worker.work(&bench.events))).await;
    let (mut deaths, mut operations) = (Deaths::default(), BTreeMap::new());
    for (worker, wire) in workers {
        deaths.add(worker.deaths);
        wire.operations().into_iter().for_each(|(name, times)| *operations.entry(name).or_default() += times);
    }
    bench.is_exact().await;
    println!("{} messages, {} kills at requests, {} by the clock", bodies.len(), deaths.at_requests, deaths.by_the_clock);
    deaths.are_everywhere(&operations, KILLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_events_on_a_database_that_throttles_is_slow_and_meets_conflicts_comes_to_the_same_result() {
    let bench = Bench::start(120, 201).await;
    bench.events.send(&bench.messages(&mut Dice::new(202))).await;
    let faults = Faults { throttled: 20, unanswered: 5, conflicts: 10 };
    let mut workers = Vec::new();
    for seed in 0..12 {
        workers.push(bench.worker(seed, faults).await);
    }
    join_all(workers.iter_mut().map(|(worker, _)| worker.work(&bench.events))).await;
    bench.is_exact().await;
    let met = workers.iter().map(|(_, wire)| wire.met()).fold(Met::default(), Met::add);
    println!("{met:?}; a message was received {} times at most", bench.events.most_receives());
    let share = |met_it: u64| met_it * 100 / met.requests;
    assert!((17..=23).contains(&share(met.throttled)) && met.conflicts > 0, "{met:?}");
    assert!(met.unanswered_before > 0 && met.unanswered_after > 0, "{met:?}");
    assert!(bench.events.most_receives() <= MAX_RECEIVES);
}
