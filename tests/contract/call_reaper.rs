//! Calls that nobody ends: given up once, by one more event on the one way there is, until a real end is told.

use std::sync::{Arc, atomic::AtomicI64};

use call_reaper::{CallReaper, Limits};
use domain::{
    CallId,
    call::{Call, CallStatus, EventId, HangupReason, IgnoreReason},
    stats::CallFilter,
};
use queue::{DeliveryMessage, Sender};
use runtime::Clock;
use serde_json::Value;
use testkit::fixture;

use crate::call_events::{Bench, drain, queue};

const LIMITS: Limits = Limits { ringing_millis: 120_000, call_millis: 4 * 3_600_000 };

/// An organization, and the queue to which its calls are given up.
struct World {
    bench: Bench,
    ends: String,
}

impl World {
    async fn start() -> Self {
        let bench = Bench::start().await;
        let ends = queue(&bench.sqs).await;
        Self { bench, ends }
    }

    /// The function, so many seconds from now.
    fn reaper(&self, after_seconds: i64) -> CallReaper {
        let now = fixture::now().as_millis() + after_seconds * 1_000;
        let sender = Sender::new(self.bench.sqs.clone(), self.ends.clone());
        CallReaper::new(self.bench.local.table.clone(), sender, Clock::Manual(Arc::new(AtomicI64::new(now))), LIMITS)
    }

    /// Runs it, and handles what it has told.
    async fn reap(&self, after_seconds: i64) -> usize {
        let ended = self.reaper(after_seconds).run().await.unwrap();
        self.handle_ends().await;
        ended
    }

    async fn handle_ends(&self) {
        let told: Vec<Value> = drain(&self.bench.sqs, &self.ends).await.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
        assert!(self.bench.handle(&told).await.batch_item_failures.is_empty());
    }

    async fn call(&self, id: CallId) -> Call {
        self.bench.local.table.call(self.bench.tenant, id).await.unwrap().unwrap().call()
    }

    /// Events and statuses of the webhooks that are queued, in the order of events.
    async fn told(&self) -> Vec<(String, String)> {
        let messages = self.bench.webhooks().await;
        let body = |message: &DeliveryMessage| serde_json::from_str::<Value>(&message.body).unwrap()["data"]["status"].clone();
        let mut told: Vec<_> = messages.iter().map(|message| (message.event.clone(), body(message).as_str().unwrap().to_owned())).collect();
        told.sort();
        told.dedup();
        told
    }

    async fn is_exact(&self) {
        let differences = self.bench.local.table.verify_calls(self.bench.tenant, false, |_| {}).await.unwrap();
        assert!(differences.is_empty(), "{differences:#?}");
    }

    async fn count(&self, status: CallStatus) -> i64 {
        let filter = CallFilter { status: Some(status), ..CallFilter::default() };
        self.bench.local.table.call_sums(self.bench.tenant, &filter).await.unwrap().calls()
    }
}

fn id(event: &Value) -> CallId {
    event["call_id"].as_str().unwrap().parse().unwrap()
}

fn told(event: &str, status: &str) -> (String, String) {
    (event.to_owned(), status.to_owned())
}

#[tokio::test]
async fn what_rings_for_too_long_was_not_answered_once_though_two_find_it_until_its_end_is_told() {
    let world = World::start().await;
    let events = world.bench.events("answered-call.json");
    let call = id(&events[0]);
    world.bench.handle(&events[..2]).await;
    world.told().await;
    assert_eq!(world.reap(119).await, 0);
    let (one, other) = (world.reaper(121), world.reaper(122));
    let (one, other) = tokio::join!(one.run(), other.run());
    assert_eq!((one.unwrap(), other.unwrap()), (1, 1));
    world.handle_ends().await;
    let ended = world.call(call).await;
    assert_eq!((ended.status, ended.hangup_reason), (CallStatus::NoAnswer, Some(HangupReason::Timeout)));
    let record = world.bench.local.table.call(world.bench.tenant, call).await.unwrap().unwrap();
    assert_eq!(record.events.len(), 3, "two found it, one event ends it");
    assert_eq!(world.told().await, [told("call.failed", "no_answer")]);
    assert_eq!(world.count(CallStatus::NoAnswer).await, 1);
    world.is_exact().await;
    assert_eq!(world.reap(500).await, 0, "it is over");

    world.bench.handle(&events[2..4]).await;
    let ended = world.call(call).await;
    assert_eq!((ended.status, ended.hangup_reason), (CallStatus::Completed, Some(HangupReason::UserHangup)));
    assert!(world.told().await.contains(&told("call.completed", "completed")));
    assert_eq!((world.count(CallStatus::NoAnswer).await, world.count(CallStatus::Completed).await), (0, 1));
    let record = world.bench.local.table.call(world.bench.tenant, call).await.unwrap().unwrap();
    let ours = record.timeline().into_iter().find(|entry| entry.event.id.as_str() == EventId::TIMEOUT).unwrap();
    assert_eq!(ours.ignored, Some(IgnoreReason::EndWasTold));
    world.is_exact().await;
}

#[tokio::test]
async fn what_was_answered_fails_after_its_limit_and_not_before() {
    let world = World::start().await;
    let events = world.bench.events("answered-call.json");
    world.bench.handle(&events[..3]).await;
    assert_eq!(world.reap(600).await, 0);
    assert_eq!(world.reap(4 * 3_600 - 5).await, 0);
    assert_eq!(world.call(id(&events[0])).await.status, CallStatus::InProgress);
    assert_eq!(world.reap(4 * 3_600 + 5).await, 1);
    let ended = world.call(id(&events[0])).await;
    assert_eq!((ended.status, ended.hangup_reason, ended.duration), (CallStatus::Failed, Some(HangupReason::Timeout), 0));
    world.is_exact().await;
}

#[tokio::test]
async fn an_end_that_was_told_in_the_meantime_stands_and_nobody_hears_of_the_other() {
    let world = World::start().await;
    let events = world.bench.events("answered-call.json");
    world.bench.handle(&events[..2]).await;
    assert_eq!(world.reaper(130).run().await.unwrap(), 1);
    world.bench.handle(&events[2..4]).await;
    world.told().await;
    world.handle_ends().await;
    assert_eq!(world.call(id(&events[0])).await.status, CallStatus::Completed);
    assert_eq!(world.told().await, []);
    world.is_exact().await;
}

#[tokio::test]
async fn an_answer_that_was_told_in_the_meantime_goes_before_silence() {
    let world = World::start().await;
    let events = world.bench.events("answered-call.json");
    world.bench.handle(&events[..2]).await;
    assert_eq!(world.reaper(130).run().await.unwrap(), 1);
    world.bench.handle(&events[2..3]).await;
    world.told().await;
    world.handle_ends().await;
    assert_eq!(world.call(id(&events[0])).await.status, CallStatus::InProgress);
    assert_eq!((world.told().await, marked(&world).await.len()), (vec![], 1));
    world.is_exact().await;
}

#[tokio::test]
async fn ringing_counts_from_when_it_rang_and_one_of_many_calls_is_found_among_all() {
    let world = World::start().await;
    let (table, tenant) = (&world.bench.local.table, world.bench.tenant);
    let mut calls: Vec<CallId> = Vec::new();
    for _ in 0..60 {
        let events = world.bench.events("missed-call.json");
        world.bench.handle(&events[..1]).await;
        calls.push(id(&events[0]));
    }
    let ringing = world.bench.events("missed-call.json");
    let mut ring = ringing[1].clone();
    // It waits for ten minutes and then rings.
    (ring["call_id"], ring["timestamp"]) = (calls[59].to_string().into(), fixture::now().plus_millis(600_000).to_string().into());
    world.bench.handle(&[ring]).await;
    assert_eq!(world.reap(700).await, 0, "it has rung for 100 s");
    assert_eq!(world.reap(725).await, 1);
    assert_eq!(world.call(calls[59]).await.status, CallStatus::NoAnswer);
    assert_eq!(world.reap(4 * 3_600 + 5).await, 59, "the others never rang");
    assert_eq!(table.live_calls(tenant).await.unwrap(), vec![]);
    world.is_exact().await;
}

#[tokio::test]
async fn what_a_crash_left_of_a_call_that_is_over_is_cleared_away() {
    let world = World::start().await;
    let (table, tenant) = (&world.bench.local.table, world.bench.tenant);
    let events = world.bench.events("missed-call.json");
    let call = id(&events[0]);
    // The last event was written and whoever wrote it died: not counted, still marked.
    world.bench.handle(&events[..2]).await;
    let message = queue::call_event::CallEventMessage::from_json(&events[2].to_string(), fixture::now()).unwrap();
    table.record_events(tenant, (call, None), &[&message.event], None, store::EventWrite::Always).await.unwrap();
    // A marker without any record: its first event became a dead letter.
    let unknown = CallId::new(fixture::now(), [7; 10]);
    table.mark_live(tenant, unknown, fixture::now()).await.unwrap();
    assert_eq!(world.reap(130).await, 0);
    assert_eq!(world.count(CallStatus::NoAnswer).await, 1);
    assert_eq!(marked(&world).await, [unknown], "it may still come");
    assert_eq!(world.reap(4 * 3_600 + 5).await, 0);
    assert_eq!(marked(&world).await, []);
    world.is_exact().await;
}

async fn marked(world: &World) -> Vec<CallId> {
    world.bench.local.table.live_calls(world.bench.tenant).await.unwrap().into_iter().map(|live| live.id).collect()
}

#[tokio::test]
async fn who_has_no_calls_any_more_is_not_looked_at_after_half_an_hour() {
    let world = World::start().await;
    let table = &world.bench.local.table;
    let events = world.bench.events("answered-call.json");
    world.bench.handle(&events[..3]).await;
    let cost = async |after_seconds: i64| {
        let before = table.usage();
        world.reaper(after_seconds).run().await.unwrap();
        table.usage() - before
    };
    assert_eq!(cost(3_600).await.read_units, 2.0, "the tenants, the markers and one call, strongly");
    world.bench.handle(&events[3..]).await;
    assert_eq!(table.busy_tenants().await.unwrap().len(), 1);
    world.reap(1_700).await;
    assert_eq!(table.busy_tenants().await.unwrap().len(), 1, "a process may still rely on it");
    world.reap(1_900).await;
    assert_eq!(table.busy_tenants().await.unwrap(), []);
    assert_eq!(cost(2_000).await.requests, 1, "nobody goes on");
    // The next call is noted again by a process that starts now.
    world.bench.handle(&world.bench.events("answered-call.json")[..1]).await;
    assert_eq!(table.busy_tenants().await.unwrap().len(), 1);
}
