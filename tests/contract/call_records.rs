//! Call records on a real table: any order and any repetition of events ends in the same item.

use domain::{
    CallId, Mode, NumberId,
    call::{CallEvent, CallRecord, CallStatus, EventKind, Facts, Parties, Route},
};
use proptest::{prelude::*, test_runner::TestRunner};
use runtime::random;
use store::{EventWrite, RecordedEvent, Table, Tenant};
use testkit::{Fixture, LocalTable, fixture};

/// Records a call with one event and answers its id.
pub(crate) async fn record_one(table: &Table, tenant: Tenant) -> CallId {
    let call = CallId::new(fixture::now(), random::bytes());
    table.record_events(tenant, (call, None), &[&event("e1", EventKind::Initiated, 0)], None, EventWrite::Always).await.unwrap();
    call
}

fn event(id: &str, kind: EventKind, after_ms: i64) -> CallEvent {
    let begin = "2026-01-02T03:04:05Z".parse::<domain::Timestamp>().unwrap();
    let parties =
        Parties { from_number: Some("+2348091234567".to_owned()), to_number: Some("+2348030000001".to_owned()), ..Parties::default() };
    CallEvent { id: id.parse().unwrap(), kind, timestamp: begin.plus_millis(after_ms), sequence: None, parties, facts: Facts::default() }
}

fn life() -> Vec<CallEvent> {
    let mut told = event("e5", EventKind::TranscriptReady, 9_000);
    told.facts.transcript = Some("Hello.".to_owned());
    told.facts.metadata =
        serde_json::json!({"big": 12_345_678_901_234_567_890_u64, "small": 1e-300, "empty": "", "null": null}).as_object().cloned();
    let mut other_parties = event("e6", EventKind::Other("agent.note".into()), 500);
    other_parties.parties.carrier = Some("twilio".to_owned());
    vec![
        event("e1", EventKind::Initiated, 0),
        event("e2", EventKind::Ringing, 1_000),
        event("e3", EventKind::Answered, 2_000),
        event("e4", EventKind::Completed, 8_000),
        told,
        other_parties,
    ]
}

#[tokio::test]
async fn an_event_comes_back_as_it_was_stored() {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    let call = CallId::new(fixture::now(), random::bytes());
    let mut expected = CallRecord::new(call);
    for event in life() {
        local.table.record_events(tenant, (call, None), &[&event], None, EventWrite::Always).await.unwrap();
        domain::call::apply(&mut expected, event);
    }
    assert_eq!(local.table.call(tenant, call).await.unwrap(), Some(expected.clone()));
    let shown = expected.call();
    assert_eq!((shown.status, shown.duration, shown.carrier.as_deref()), (CallStatus::Completed, 6, Some("twilio")));
}

#[test]
fn any_order_and_any_repetition_ends_in_the_same_item() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (local, tenant) = runtime.block_on(async {
        let local = LocalTable::start().await;
        let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
        (local, tenant)
    });
    let orders = proptest::collection::vec(0_usize..6, 0..12).prop_flat_map(|extra| {
        let all: Vec<usize> = (0..6).chain(extra).collect();
        Just(all).prop_shuffle()
    });
    let mut runner = TestRunner::new(ProptestConfig::with_cases(100));
    let outcome = runner.run(&orders, |order| {
        let stored = runtime.block_on(async {
            let call = CallId::new(fixture::now(), random::bytes());
            for at in &order {
                local.table.record_events(tenant, (call, None), &[&life()[*at]], None, EventWrite::Always).await.unwrap();
            }
            local.table.call(tenant, call).await.unwrap().unwrap()
        });
        let mut expected = CallRecord::new(stored.id);
        life().into_iter().for_each(|event| domain::call::apply(&mut expected, event));
        prop_assert_eq!(stored, expected);
        Ok(())
    });
    outcome.unwrap();
}

#[tokio::test]
async fn the_first_route_stays_and_an_unrouted_call_is_not_written_to_by_those_who_need_one() {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    let call = CallId::new(fixture::now(), random::bytes());
    let [first, second] = [event("e1", EventKind::Initiated, 0), event("e2", EventKind::Ringing, 1)];
    let record = |event: CallEvent, route: Option<Route>, how| {
        let table = local.table.clone();
        async move { table.record_events(tenant, (call, None), &[&event], route.as_ref(), how).await.unwrap() }
    };
    assert_eq!(record(second.clone(), None, EventWrite::IfRouted).await, RecordedEvent::NotRouted);
    assert_eq!(local.table.call(tenant, call).await.unwrap(), None);
    let route = |event: &CallEvent| Route {
        number_id: NumberId::new(fixture::now(), random::bytes()),
        endpoint_id: None,
        found_by: event.id.clone(),
    };
    let (one, two) = (route(&first), route(&second));
    record(first, Some(one.clone()), EventWrite::Always).await;
    let RecordedEvent::Stored(stored) = record(second, Some(two), EventWrite::Always).await else { panic!("not stored") };
    assert_eq!(stored.route, Some(one));
}
