//! What calls leave behind: nothing of a transcript that was not taken in, no name that outlives its call.

use domain::{
    CallId, Mode,
    call::{CallAlias, CallEvent, EventKind, Facts, Parties, Route},
};
use runtime::random;
use store::{CountWork, DeletedCall, EventWrite, RecordedEvent, StoreError, Tenant, access_patterns};
use testkit::{Fixture, LocalTable, fixture};

async fn start() -> (LocalTable, Tenant, CallId) {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    (local, tenant, CallId::new(fixture::now(), random::bytes()))
}

fn event(id: &str, kind: EventKind, facts: Facts) -> CallEvent {
    CallEvent { id: id.parse().unwrap(), kind, timestamp: fixture::now(), sequence: None, parties: Parties::default(), facts }
}

/// A transcript that is too long to stay with its event.
fn transcript(id: &str) -> CallEvent {
    event(id, EventKind::TranscriptReady, Facts { transcript: Some("word ".repeat(1_000)), ..Facts::default() })
}

async fn parts(local: &LocalTable, tenant: Tenant, call: CallId) -> usize {
    local.table.list(access_patterns::transcript_parts(tenant.org(), tenant.mode(), call)).await.unwrap().len()
}

#[tokio::test]
async fn a_transcript_that_its_call_does_not_take_in_is_not_stored() {
    let (local, tenant, call) = start().await;
    let told = transcript("t");
    let record = async |event: &CallEvent, route: Option<&Route>, how| {
        local.table.record_events(tenant, (call, None), &[event], route, how).await.unwrap()
    };
    assert_eq!(record(&told, None, EventWrite::IfRouted).await, RecordedEvent::NotRouted);
    record(&event("e", EventKind::Ringing, Facts::default()), None, EventWrite::Always).await;
    assert_eq!(record(&told, None, EventWrite::IfRouted).await, RecordedEvent::NotRouted);
    assert_eq!(parts(&local, tenant, call).await, 0);
    let number_id = domain::NumberId::new(fixture::now(), random::bytes());
    let route = Route { number_id, endpoint_id: None, found_by: "i".parse().unwrap() };
    record(&event("i", EventKind::Initiated, Facts::default()), Some(&route), EventWrite::Always).await;
    let RecordedEvent::Stored(stored) = record(&told, None, EventWrite::IfRouted).await else { panic!("not stored") };
    assert_eq!((stored.call().transcript, parts(&local, tenant, call).await), (told.facts.transcript, 1));
}

#[tokio::test]
async fn a_transcript_for_which_its_call_has_no_room_is_removed_and_what_was_told_before_stays() {
    let (local, tenant, call) = start().await;
    let record = async |event: &CallEvent| local.table.record_events(tenant, (call, None), &[event], None, EventWrite::Always).await;
    record(&transcript("told")).await.unwrap();
    let metadata = serde_json::json!({"filling": "x".repeat(3_900)}).as_object().cloned();
    let mut full = false;
    for n in 0..120 {
        let facts = Facts { metadata: metadata.clone(), ..Facts::default() };
        full = full || matches!(record(&event(&format!("e{n}"), EventKind::Ringing, facts)).await, Err(StoreError::TooLarge));
    }
    assert!(full, "the record is as large as it may be");
    // Small events until nothing more goes in.
    let mut n = 0;
    while !matches!(record(&event(&format!("s{n}"), EventKind::Ringing, Facts::default())).await, Err(StoreError::TooLarge)) {
        n += 1;
    }
    let mut other = transcript("other");
    other.facts.transcript = Some("another ".repeat(1_000));
    assert!(matches!(record(&other).await, Err(StoreError::TooLarge)));
    assert_eq!(parts(&local, tenant, call).await, 1, "its own is gone");
    assert!(matches!(record(&transcript("again")).await, Err(StoreError::TooLarge)));
    assert_eq!(parts(&local, tenant, call).await, 1, "another event tells the same, which stays");
    assert_eq!(local.table.call(tenant, call).await.unwrap().unwrap().call().transcript, transcript("told").facts.transcript);
}

#[tokio::test]
async fn the_name_of_a_deleted_call_leads_to_its_tombstone_and_goes_with_it() {
    let (local, tenant, _) = start().await;
    let alias: CallAlias = "CA0123456789abcdef0123456789abcdef".parse().unwrap();
    let call = local.table.name_call(tenant, &alias, fixture::now()).await.unwrap();
    let end = event("c", EventKind::Completed, Facts::default());
    let record = async |event: &CallEvent| {
        local.table.record_events(tenant, (call, Some(&alias)), &[event], None, EventWrite::Always).await.unwrap()
    };
    let RecordedEvent::Stored(ended) = record(&end).await else { panic!("not stored") };
    local.table.count_calls(tenant, vec![CountWork::new(&ended)]).await.unwrap();
    let expiry = async |kind: &str| {
        let item = local.dump().await.into_iter().find(|item| item["kind"].as_s().is_ok_and(|found| found == kind)).unwrap();
        item.get("expires_at").map(|at| at.as_n().unwrap().clone())
    };
    assert_eq!(expiry("named_call").await, None, "while the call is there, so is its name");
    assert_eq!(local.table.delete_call(tenant, call, fixture::now()).await.unwrap(), DeletedCall::Done);
    assert!(expiry("named_call").await.is_some());
    assert_eq!(expiry("named_call").await, expiry("call").await, "for as long as late events are absorbed");
    assert_eq!(local.table.named_call(tenant, &alias).await.unwrap(), Some(call));
    assert_eq!(local.table.name_call(tenant, &alias, fixture::now()).await.unwrap(), call);
    assert_eq!(record(&transcript("late")).await, RecordedEvent::Deleted);
}
