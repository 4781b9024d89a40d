//! Calls that nobody ends: the reaper is killed at every step, and each of them ends once and is told of.

use std::time::Duration;

use domain::call::{CallEvent, CallRecord, CallStatus, EventId, EventKind, Route};
use serde_json::json;
use store::EventWrite;
use testkit::{
    faults::{Faults, Wire},
    load::Dice,
};

use super::{KILLS, function, ingestion::Bench, worker::Worker};

/// The time-out of the template.
const TIMEOUT: Duration = Duration::from_secs(50);

/// How many calls wait at the same time, and how many there are.
const TOGETHER: usize = 16;
const CALLS: usize = 2_000;

/// How many requests a run makes for so many calls.
const REQUESTS: u32 = 26;

/// A call as it stands when its source falls silent: it rings. Of one in five the end was written by a function that died
/// before it counted the call.
fn fallen_silent(bench: &Bench, call: &CallRecord) -> CallRecord {
    let (number_id, endpoint_id) = bench.line(call);
    let mut call = call.clone();
    call.events.retain(|_, event| matches!(event.kind, EventKind::Initiated | EventKind::Ringing));
    let found_by = call.events.keys().next().unwrap().clone();
    CallRecord { route: Some(Route { number_id, endpoint_id, found_by }), ..call }
}

fn end(call: &CallRecord) -> CallEvent {
    let last = call.in_order().last().unwrap().timestamp;
    let id: EventId = "the-end".parse().unwrap();
    CallEvent { id, ..CallEvent::timeout(CallStatus::Ringing, last.plus_millis(1_000)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_reaper_that_is_killed_at_every_step_ends_every_call_once() {
    let mut bench = Bench::start(CALLS, 501).await;
    bench.calls = bench.calls.iter().map(|call| fallen_silent(&bench, call)).collect();
    let wire = Wire::new(502);
    let own = [("CALL_EVENTS_QUEUE_URL", bench.events.url.as_str()), ("CALL_LIMIT_SECONDS", "14400"), ("RINGING_LIMIT_SECONDS", "120")];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let function = function("call-reaper", TIMEOUT, (&bench.stack, &bench.local, &bench.events), (&wire, Faults::default()), own).await;
    let mut reaper = Worker::new(function, wire.clone(), 503).killed(8, 1);
    // Its own test kills it.
    let (mut events, _) = bench.worker(504, Faults::default()).await;
    let (every_minute, mut dice) = (json!({"source": "aws.events"}), Dice::new(505));
    let (table, tenant) = (bench.local.table.clone(), bench.tenant);
    for wave in bench.calls.chunks_mut(TOGETHER) {
        table.load_calls(tenant, wave).await.unwrap();
        for call in wave.iter_mut().step_by(5) {
            let end = end(call);
            table.record_events(tenant, (call.id, None), &[&end], None, EventWrite::IfRouted).await.unwrap();
            call.events.insert(end.id.clone(), end);
        }
        while !reaper.invoke_once(every_minute.clone(), REQUESTS).await {
            // What one run told may be handled before the next one begins, or not.
            if dice.below(4) == 0 {
                events.work(&bench.events).await;
            }
        }
        events.work(&bench.events).await;
    }
    reaper.invoke_unharmed(every_minute).await;
    assert_eq!(bench.events.left().await, 0, "nothing goes on any more");
    assert_eq!(table.live_calls(tenant).await.unwrap(), vec![]);
    for call in bench.calls.iter_mut().filter(|call| !call.is_over()) {
        let mut ended = table.call(tenant, call.id).await.unwrap().unwrap();
        let timeout = ended.events.remove(&EventId::TIMEOUT.parse().unwrap()).unwrap();
        assert_eq!(ended.events, call.events, "{}", call.id);
        assert_eq!(timeout.terminal_status(), Some(CallStatus::NoAnswer));
        call.events.insert(timeout.id.clone(), timeout);
    }
    bench.is_exact_and_owes(CallEvent::is_timeout).await;
    println!("{} kills of call-reaper over {CALLS} calls", reaper.deaths.count());
    reaper.deaths.are_everywhere(&wire.operations(), KILLS);
}
