//! Calls that are not kept any longer: the reaper is killed at every step of its sweep, and those go and no others.

use std::time::Duration;

use domain::{Day, Mode, call::CallRecord, stats::CallFilter};
use serde_json::json;
use store::Start;
use testkit::{
    Fixture, LocalTable, Stack,
    event_source::EventSource,
    faults::{Faults, Wire},
    fixture,
    load::Plan,
};

use super::{function, worker::Worker};

/// The time-out of the template.
const TIMEOUT: Duration = Duration::from_secs(50);

/// How many calls there are, and how long they are kept.
const CALLS: usize = 400;
const DAYS: u32 = 30;

/// Within how many requests a run is killed, mostly: those with which it deletes a few calls.
const REQUESTS: u32 = 16;

/// The least number of kills: a run that is killed has deleted three calls or so.
const SWEEP_KILLS: u32 = 80;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn call_reaper_that_is_killed_at_every_step_of_its_sweep_deletes_what_is_not_kept_and_nothing_else() {
    let (stack, local) = (Stack::load().unwrap(), LocalTable::start().await);
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    let (table, queue) = (&local.table, EventSource::create(&stack).await);
    let plan = Plan::of_a_year(CALLS, Day::of(fixture::now()), 521);
    plan.load(table, tenant, |_| {}).await.unwrap();
    table.set_retention(tenant.org(), Some(DAYS), fixture::now()).await.unwrap();
    let wire = Wire::new(522);
    let own = [("CALL_EVENTS_QUEUE_URL", queue.url.as_str()), ("CALL_LIMIT_SECONDS", "14400"), ("RINGING_LIMIT_SECONDS", "120")];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let function = function("call-reaper", TIMEOUT, (&stack, &local, &queue), (&wire, Faults::default()), own).await;
    let mut reaper = Worker::new(function, wire.clone(), 523).killed(9, 1);
    let every_minute = json!({"source": "aws.events"});
    while !reaper.invoke_once(every_minute.clone(), REQUESTS).await {}
    reaper.invoke_unharmed(every_minute).await;
    let before = fixture::now().plus_millis(-i64::from(DAYS) * 24 * 3_600_000);
    let (kept, gone): (Vec<CallRecord>, Vec<CallRecord>) = plan.calls().partition(|call| call.id.time().unwrap() >= before);
    assert!(kept.len() > 10 && gone.len() > 300, "{} are kept", kept.len());
    for call in &kept {
        assert_eq!(table.call(tenant, call.id).await.unwrap().unwrap().events, call.events, "{}", call.id);
    }
    for call in &gone {
        assert_eq!(table.call(tenant, call.id).await.unwrap(), None, "{}", call.id);
    }
    let page = table.call_list(tenant, &CallFilter::default(), Start::Offset(0), 10).await.unwrap();
    assert_eq!(page.total, kept.len() as u64);
    let differences = table.verify_calls(tenant, false, |_| {}).await.unwrap();
    assert!(differences.is_empty(), "{differences:#?}");
    println!("{} kills of call-reaper over {} calls that go", reaper.deaths.count(), gone.len());
    reaper.deaths.are_everywhere(&wire.operations(), SWEEP_KILLS);
}
