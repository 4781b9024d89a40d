//! When a call has gone on for too long: at the first run after its limit, whatever the process has seen before and however
//! often its source begins anew. In process, under one clock.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use call_events::CallEvents;
use call_reaper::{CallReaper, Limits};
use domain::{
    CallId, Mode, Timestamp,
    call::{Call, CallStatus, HangupReason},
};
use queue::call_event::CallEventMessage;
use runtime::{Clock, random};
use serde_json::Value;
use store::{LiveCall, Tenant, Usage};
use testkit::{
    Fixture, LocalTable, Mailbox, call,
    costs::batch,
    fixture,
    load::{Dice, Plan},
};

const MINUTE: i64 = 60_000;
/// Shorter than by default, so that a test has fewer minutes to live through.
const LIMITS: Limits = Limits { ringing_millis: 2 * MINUTE, call_millis: 60 * MINUTE };

/// An organization with a number that rings nothing.
struct World {
    local: LocalTable,
    tenant: Tenant,
    to: String,
    clock: Arc<AtomicI64>,
    events: CallEvents,
}

/// A process of the reaper, and what it tells the queue.
struct Reaper {
    function: CallReaper,
    told: Mailbox,
}

impl Reaper {
    /// Runs once; the calls that it gives up, in any order.
    async fn run(&self) -> BTreeSet<CallId> {
        let ended = self.function.run().await.unwrap();
        let told: BTreeSet<CallId> = self.told.take_all().iter().map(|(body, _)| call_of(body)).collect();
        assert_eq!(told.len(), ended);
        told
    }
}

fn call_of(body: &str) -> CallId {
    CallEventMessage::from_json(body, fixture::now()).unwrap().call_id
}

impl World {
    async fn start() -> Self {
        let local = LocalTable::start().await;
        let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
        let slot = fixture::slot(1);
        fixture::bought(&local.table, tenant, &slot, None).await;
        let clock = Arc::new(AtomicI64::new(fixture::now().as_millis()));
        let manual = Clock::Manual(Arc::clone(&clock));
        let events = CallEvents::new(local.table.clone(), fixture::nowhere(), fixture::nowhere(), manual);
        Self { local, tenant, to: slot.e164.to_string(), clock, events }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    fn reaper(&self) -> Reaper {
        let told = Mailbox::new(Arc::clone(&self.clock));
        let clock = Clock::Manual(Arc::clone(&self.clock));
        Reaper { function: CallReaper::new(self.local.table.clone(), told.sender(), clock, LIMITS), told }
    }

    /// The events of a call that begins now: initiated, ringing, answered, completed and what comes after.
    fn call(&self) -> (CallId, Vec<Value>) {
        let file = call::events_folder().join("call-events/answered-call.json");
        call::messages(&file, &self.tenant.org().to_string(), "live", &self.to, self.now(), 0).unwrap()
    }

    /// Has events handled in one batch.
    async fn tell(&self, events: &[Value]) {
        let bodies: Vec<String> = events.iter().map(ToString::to_string).collect();
        let answer = self.events.handle(batch(&bodies)).await;
        assert!(answer.batch_item_failures.is_empty(), "{answer:?}");
    }

    /// Has calls ended as a reaper would have it that found them now.
    async fn end(&self, reaper: &CallReaper, told: &Mailbox) -> usize {
        let ended = reaper.run().await.unwrap();
        let bodies: Vec<String> = told.take_all().into_iter().map(|(body, _)| body).collect();
        assert!(self.events.handle(batch(&bodies)).await.batch_item_failures.is_empty());
        ended
    }

    async fn record(&self, id: CallId) -> Call {
        self.local.table.call(self.tenant, id).await.unwrap().unwrap().call()
    }

    async fn markers(&self) -> Vec<LiveCall> {
        self.local.table.live_calls(self.tenant).await.unwrap()
    }

    async fn cost(&self, of: impl Future) -> Usage {
        let before = self.local.table.usage();
        of.await;
        self.local.table.usage() - before
    }
}

#[tokio::test]
async fn a_process_that_saw_a_call_answered_gives_it_up_at_the_first_run_after_its_limit() {
    let world = World::start().await;
    let reaper = world.reaper();
    let (id, events) = world.call();
    world.tell(&events[..3]).await;
    for minute in 0..60 {
        assert_eq!(reaper.run().await, BTreeSet::new(), "after {minute} minutes");
        world.pass(MINUTE);
    }
    assert_eq!(world.end(&reaper.function, &reaper.told).await, 1);
    let ended = world.record(id).await;
    assert_eq!((ended.status, ended.hangup_reason), (CallStatus::Failed, Some(HangupReason::Timeout)));
    assert_eq!(world.markers().await, []);
    assert_eq!(reaper.run().await, BTreeSet::new(), "once");
}

#[tokio::test]
async fn an_answered_call_is_read_once_in_a_quarter_of_an_hour_however_many_there_have_been() {
    let world = World::start().await;
    let (reaper, (_, events)) = (world.reaper(), world.call());
    world.tell(&events[..3]).await;
    let half_an_hour = async || {
        for _ in 0..29 {
            world.pass(MINUTE);
            assert_eq!(reaper.run().await, BTreeSet::new());
        }
    };
    let first = world.cost(Box::pin(half_an_hour())).await;
    // Each minute the tenants and the markers, half a unit each; twice the call, strongly.
    assert_eq!((first.requests, first.read_units, first.write_units), (60, 31.0, 0.0));
    let plan = Plan::of_a_year(300, domain::Day::of(world.now()), 3);
    let ended: Vec<_> = plan.calls().filter(|call| call.is_over()).collect();
    world.local.table.load_calls(world.tenant, &ended).await.unwrap();
    assert_eq!(world.cost(Box::pin(half_an_hour())).await, first);
}

#[tokio::test]
async fn what_a_process_has_seen_makes_no_difference() {
    let world = World::start().await;
    let (warm, mut dice) = (world.reaper(), Dice::new(61));
    let mut to_come: Vec<(i64, Value)> = Vec::new();
    for _ in 0..40 {
        let (_, events) = world.call();
        // It begins within twenty minutes, rings within three more, and is answered within three more, or never.
        let (begins, rings, answered) = (dice.below(20), dice.below(3), dice.below(6));
        let times = [begins, begins + rings, begins + rings + answered].map(|minutes| i64::try_from(minutes).unwrap() * MINUTE + 7_000);
        let told = if answered > 3 { 2 } else { 3 };
        for (event, after) in events.into_iter().zip(times).take(told) {
            let at = world.now().plus_millis(after);
            to_come.push((at.as_millis(), at_time(event, at)));
        }
    }
    let mut ended = BTreeSet::new();
    for _ in 0..90 {
        let now = world.now().as_millis();
        let due: Vec<Value> = to_come.extract_if(.., |(at, _)| *at <= now).map(|(_, event)| event).collect();
        for some in due.chunks(10) {
            world.tell(some).await;
        }
        let cold = world.reaper().run().await;
        let ends = warm.function.run().await.unwrap();
        let bodies: Vec<String> = warm.told.take_all().into_iter().map(|(body, _)| body).collect();
        assert_eq!(bodies.iter().map(|body| call_of(body)).collect::<BTreeSet<_>>(), cold);
        assert_eq!(ends, cold.len());
        for some in bodies.chunks(10) {
            assert!(world.events.handle(batch(some)).await.batch_item_failures.is_empty());
        }
        assert!(cold.iter().all(|id| ended.insert(*id)), "each once");
        world.pass(MINUTE);
    }
    assert_eq!((ended.len(), world.markers().await), (40, vec![]));
}

/// An event at another time.
fn at_time(mut event: Value, at: Timestamp) -> Value {
    event["timestamp"] = at.to_string().into();
    event
}

#[tokio::test]
async fn a_call_that_says_that_it_rings_in_a_year_ends_with_the_others() {
    let world = World::start().await;
    let reaper = world.reaper();
    let (id, events) = world.call();
    let rings = at_time(events[1].clone(), world.now().plus_millis(365 * 24 * 60 * MINUTE));
    world.tell(&[events[0].clone(), rings]).await;
    world.pass(59 * MINUTE);
    assert_eq!(reaper.run().await, BTreeSet::new());
    world.pass(MINUTE);
    assert_eq!(world.end(&reaper.function, &reaper.told).await, 1);
    assert_eq!(world.record(id).await.status, CallStatus::NoAnswer);
}

#[tokio::test]
async fn a_marker_without_a_record_goes_when_it_was_put_last_as_long_ago_as_a_call_may_go_on() {
    let world = World::start().await;
    let (table, tenant, id) = (&world.local.table, world.tenant, CallId::new(world.now(), random::bytes()));
    table.note_busy(tenant, world.now()).await.unwrap();
    table.mark_live(tenant, id, world.now()).await.unwrap();
    world.pass(59 * MINUTE);
    // Its message comes again, and whoever has it is about to write its event.
    table.mark_live(tenant, id, world.now()).await.unwrap();
    let reaper = world.reaper();
    for minutes in [0, 1, 58] {
        world.pass(minutes * MINUTE);
        reaper.run().await;
        assert_eq!(world.markers().await.len(), 1);
    }
    world.pass(MINUTE);
    reaper.run().await;
    assert_eq!(world.markers().await, []);
}

/// Says once more that a call begins: the same event, or another one.
fn again(begins: &Value, minute: i64, now: Timestamp) -> Value {
    let mut again = at_time(begins.clone(), now);
    if minute % 2 == 0 {
        again["id"] = format!("{}:{minute}", begins["id"].as_str().unwrap()).into();
    }
    again
}

#[tokio::test]
async fn a_source_that_says_every_minute_that_a_call_begins_does_not_keep_it_from_its_end() {
    let world = World::start().await;
    let reaper = world.reaper();
    let (rings, answered) = (world.call(), world.call());
    let begun = world.now();
    world.tell(&[&rings.1[..2], &answered.1[..3]].concat()).await;
    for minute in 1..=60 {
        world.pass(MINUTE);
        // Alone and together with others', as batches come.
        let both = [again(&rings.1[0], minute, world.now()), again(&answered.1[0], minute, world.now())];
        for events in if minute % 3 == 0 { both.chunks(1) } else { both.chunks(2) } {
            world.tell(events).await;
        }
        let ends = world.end(&reaper.function, &reaper.told).await;
        // It began to ring some seconds after it began.
        assert_eq!(ends, usize::from(minute == 3 || minute == 60), "after {minute} minutes");
        if minute < 60 {
            let marker = world.markers().await.into_iter().find(|live| live.id == answered.0).unwrap();
            assert_eq!(marker.since, begun);
        }
    }
    let (missed, failed) = (world.record(rings.0).await, world.record(answered.0).await);
    assert_eq!((missed.status, missed.hangup_reason), (CallStatus::NoAnswer, Some(HangupReason::Timeout)));
    assert_eq!((failed.status, failed.hangup_reason), (CallStatus::Failed, Some(HangupReason::Timeout)));
    assert_eq!(world.markers().await, []);
}

#[tokio::test]
async fn marking_costs_a_unit_a_call_and_a_request_for_25_and_marking_again_leaves_since_when_a_call_goes_on() {
    let world = World::start().await;
    let (table, tenant, begun) = (&world.local.table, world.tenant, world.now());
    let calls: Vec<(Tenant, CallId)> = (0..30).map(|_| (tenant, CallId::new(begun, random::bytes()))).collect();
    let alone = async |now: Timestamp| table.mark_live(tenant, calls[0].1, now).await.unwrap();
    let cost = world.cost(Box::pin(alone(begun))).await;
    assert_eq!((cost.requests, cost.read_units, cost.write_units), (1, 0.0, 1.0));
    let marked = async |calls: &[(Tenant, CallId)], now: Timestamp| {
        assert!(table.mark_all_live(calls, now).await.iter().all(Result::is_ok));
    };
    let cost = world.cost(marked(&calls[1..], begun)).await;
    assert_eq!((cost.requests, cost.read_units, cost.write_units), (2, 0.0, 29.0));
    let before = world.markers().await;
    let later = begun.plus_millis(MINUTE);
    let cost = world.cost(Box::pin(alone(later))).await;
    assert_eq!((cost.requests, cost.read_units, cost.write_units), (1, 0.0, 1.0));
    marked(&calls, later).await;
    let after = world.markers().await;
    let since = |markers: &[LiveCall]| markers.iter().map(|live| (live.id, live.since)).collect::<Vec<_>>();
    assert_eq!((after.len(), since(&after)), (30, since(&before)));
    // Whoever saw them before they were put again takes none away; whoever sees them as they are does.
    for live in &before {
        table.unmark_left_over(tenant, live).await.unwrap();
    }
    assert_eq!(world.markers().await, after);
    for live in &after {
        table.unmark_left_over(tenant, live).await.unwrap();
    }
    assert_eq!(world.markers().await, []);
}

#[tokio::test]
async fn the_marker_of_a_loaded_call_goes_unless_an_event_has_put_it_again() {
    let world = World::start().await;
    let (table, tenant) = (&world.local.table, world.tenant);
    let plan = Plan::of_a_year(60, domain::Day::of(world.now()), 5);
    let mut calls: Vec<_> = plan.calls().take(2).collect();
    calls.iter_mut().for_each(|call| call.events.retain(|_, event| !event.kind.is_terminal()));
    table.load_calls(tenant, &calls).await.unwrap();
    let loaded = world.markers().await;
    assert_eq!(loaded.len(), 2);
    table.mark_live(tenant, loaded[0].id, world.now()).await.unwrap();
    for live in &loaded {
        table.unmark_left_over(tenant, live).await.unwrap();
    }
    let left: Vec<(CallId, Timestamp)> = world.markers().await.iter().map(|live| (live.id, live.since)).collect();
    assert_eq!(left, [(loaded[0].id, loaded[0].since)]);
}
