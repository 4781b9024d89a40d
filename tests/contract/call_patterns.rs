//! The access patterns of lists, counters, live calls and transcripts, one test each.

use domain::{
    CallId, CredentialId, Day, Mode, OrgId, Timestamp,
    call::{CallAlias, CallEvent, CallRecord, EventKind, Facts, Parties},
    callback::CallMark,
};
use runtime::random;
use store::{
    Consistency, CountWork, Dimension, EventWrite, Part, PartName, RecordedEvent, Spread, Tenant, Watch, Year, access_patterns as patterns,
};
use testkit::{Fixture, LocalTable};

/// A call that began in the afternoon of the second of January.
async fn ended(local: &LocalTable, tenant: Tenant) -> CallRecord {
    let call = CallId::new(begin(), random::bytes());
    let RecordedEvent::Stored(record) = record(local, tenant, call, EventKind::Completed, Facts::default()).await else {
        panic!("not stored")
    };
    local.table.count_calls(tenant, vec![CountWork::new(&record)]).await.unwrap();
    record
}

fn begin() -> Timestamp {
    "2026-01-02T15:04:05Z".parse().unwrap()
}

async fn record(local: &LocalTable, tenant: Tenant, call: CallId, kind: EventKind, facts: Facts) -> RecordedEvent {
    let event = CallEvent { id: "e".parse().unwrap(), kind, timestamp: begin(), sequence: None, parties: Parties::default(), facts };
    local.table.record_events(tenant, (call, None), &[&event], None, EventWrite::Always).await.unwrap()
}

async fn start() -> (LocalTable, Tenant, Tenant) {
    let local = LocalTable::start().await;
    let mine = Fixture::create(&local.table, Mode::Live).await.tenant;
    let other = Fixture::create(&local.table, Mode::Live).await.tenant;
    (local, mine, other)
}

#[tokio::test]
async fn c3_the_entry_of_an_ended_call_in_the_list_of_its_organization() {
    let (local, mine, other) = start().await;
    let call = ended(&local, mine).await;
    let entry = |tenant: Tenant| local.table.get(patterns::listed_call(tenant.org(), tenant.mode(), call.id), Consistency::Strong);
    assert_eq!(entry(mine).await.unwrap().unwrap().call, Some(call.call()));
    assert_eq!(entry(other).await.unwrap(), None);
}

#[tokio::test]
async fn c4_the_ended_calls_of_an_organization_oldest_first() {
    let (local, mine, other) = start().await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(ended(&local, mine).await.id);
        ended(&local, other).await;
    }
    expected.sort();
    let found = local.table.list(patterns::listed_calls(mine.org(), mine.mode())).await.unwrap();
    assert_eq!(found.into_iter().map(|entry| entry.id).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn c5_whether_a_call_goes_on() {
    let (local, mine, other) = start().await;
    let call = CallId::new(begin(), random::bytes());
    local.table.mark_live(mine, call, begin()).await.unwrap();
    let live = |tenant: Tenant| local.table.get(patterns::live_call(tenant.org(), tenant.mode(), call), Consistency::Strong);
    assert_eq!(live(mine).await.unwrap().map(|live| live.id), Some(call));
    assert_eq!(live(other).await.unwrap(), None);
    local.table.unmark_live(mine, call).await.unwrap();
    assert_eq!(live(mine).await.unwrap(), None);
}

#[tokio::test]
async fn c6_the_calls_of_an_organization_that_go_on_oldest_first() {
    let (local, mine, other) = start().await;
    let mut expected: Vec<CallId> = (0..5).map(|_| CallId::new(begin(), random::bytes())).collect();
    for call in &expected {
        local.table.mark_live(mine, *call, begin()).await.unwrap();
        local.table.mark_live(other, CallId::new(begin(), random::bytes()), begin()).await.unwrap();
    }
    expected.sort();
    let found = local.table.list(patterns::live_calls(mine.org(), mine.mode())).await.unwrap();
    assert_eq!(found.into_iter().map(|live| live.id).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn c7_whether_an_organization_may_have_calls_that_go_on() {
    let (local, mine, other) = start().await;
    local.table.note_busy(mine, begin()).await.unwrap();
    let busy = |tenant: Tenant| local.table.get(patterns::busy_tenant(tenant.org(), tenant.mode()), Consistency::Strong);
    let noted = busy(mine).await.unwrap().unwrap();
    assert_eq!((noted.tenant(), noted.noted_at), (mine, begin()));
    assert_eq!(busy(other).await.unwrap(), None);
    // Noted again since: what was seen before takes nothing away.
    local.table.note_busy(mine, begin().plus_millis(1)).await.unwrap();
    local.table.note_quiet(&noted).await.unwrap();
    let noted = busy(mine).await.unwrap().unwrap();
    local.table.note_quiet(&noted).await.unwrap();
    assert_eq!(busy(mine).await.unwrap(), None);
}

#[tokio::test]
async fn c8_the_organizations_that_may_have_calls_that_go_on() {
    let (local, mine, other) = start().await;
    for tenant in [mine, other, mine] {
        local.table.note_busy(tenant, begin()).await.unwrap();
    }
    let mut found: Vec<_> = local.table.busy_tenants().await.unwrap().iter().map(|busy| (busy.organization_id, busy.mode)).collect();
    let mut expected = vec![(mine.org(), mine.mode()), (other.org(), other.mode())];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn c9_where_the_name_leads_that_a_source_gave_a_call() {
    let (local, mine, other) = start().await;
    // Names that would be several segments of a key, or another name's, if they stood in it as they are.
    let aliases: [CallAlias; 3] = ["CA#1", "CA#1#CALL", "6fa459ea-ee8a-4ca4-894e-db77e160355e"].map(|name| name.parse().unwrap());
    let mut led = Vec::new();
    for alias in &aliases {
        let id = local.table.name_call(mine, alias, begin()).await.unwrap();
        assert_eq!(local.table.name_call(mine, alias, begin().plus_millis(5_000)).await.unwrap(), id, "who comes first decides");
        assert_eq!(local.table.named_call(mine, alias).await.unwrap(), Some(id));
        assert_eq!(local.table.named_call(other, alias).await.unwrap(), None);
        led.push(id);
    }
    led.dedup();
    assert_eq!(led.len(), 3);
}

#[tokio::test]
async fn c10_whose_a_call_is_that_came_by_a_credential_of_the_operators() {
    let (local, mine, other) = start().await;
    let holder = Tenant::new(OrgId::PLATFORM, mine.mode());
    let [credential, another] = [(); 2].map(|()| CredentialId::new(begin(), random::bytes()));
    let (call, unheard) = (CallMark::of("CA#1"), CallMark::of("CA#2"));
    for org in [mine.org(), other.org()] {
        local.table.note_carried(holder, credential, &call, org, begin()).await.unwrap();
    }
    let dump = format!("{:?}", local.dump().await.iter().filter(|item| item["kind"].as_s().unwrap() == "carried_call").collect::<Vec<_>>());
    assert!(!dump.contains(&mine.org().to_string()) && !dump.contains("CA#1"), "who has the table does not know whose it is: {dump}");
    let carried = async |credential, call| local.table.carried(holder, credential, call).await.unwrap();
    assert_eq!(carried(credential, &call).await, Some(mine.org()), "who was noted first stays");
    assert_eq!((carried(another, &call).await, carried(credential, &unheard).await), (None, None));
}

#[tokio::test]
async fn t1_one_part_of_a_calls_transcript() {
    let (local, mine, _) = start().await;
    let call = CallId::new(begin(), random::bytes());
    let facts = Facts { transcript: Some("word ".repeat(1_000)), ..Facts::default() };
    record(&local, mine, call, EventKind::TranscriptReady, facts.clone()).await;
    let raw =
        local.table.get(patterns::call(mine.org(), mine.mode(), store::Shard::of(call), call), Consistency::Strong).await.unwrap().unwrap();
    let stored = raw.events.values().next().unwrap().facts.stored_transcript.clone().unwrap();
    let part = |at| patterns::transcript_part(mine.org(), mine.mode(), call, PartName::new(&stored, at));
    assert!(local.table.get(part(0), Consistency::Strong).await.unwrap().is_some());
    assert_eq!(local.table.get(part(1), Consistency::Strong).await.unwrap(), None);
    assert_eq!(local.table.call(mine, call).await.unwrap().unwrap().call().transcript, facts.transcript);
}

#[tokio::test]
async fn t2_the_parts_of_a_calls_transcripts() {
    let (local, mine, other) = start().await;
    let call = CallId::new(begin(), random::bytes());
    // Random text hardly packs, so that it takes several items.
    let text: String = (0..60_000).flat_map(|_| random::bytes::<10>()).map(|byte| char::from(b' ' + byte % 90)).collect();
    let facts = Facts { transcript: Some(text.clone()), ..Facts::default() };
    record(&local, mine, call, EventKind::TranscriptReady, facts).await;
    let parts = |tenant: Tenant| local.table.list(patterns::transcript_parts(tenant.org(), tenant.mode(), call));
    assert_eq!((parts(mine).await.unwrap().len(), parts(other).await.unwrap().len()), (2, 0));
    assert_eq!(local.table.call(mine, call).await.unwrap().unwrap().call().transcript, Some(text), "nothing is cut off");
}

#[tokio::test]
async fn a1_how_calls_of_a_year_ended_by_month() {
    let (local, mine, other) = start().await;
    ended(&local, mine).await;
    let row = |tenant: Tenant, year| {
        let key = patterns::year_counts(tenant.org(), tenant.mode(), Dimension::Organization, Year(year), Part(None), Spread::FIRST);
        local.table.get(key, Consistency::Strong)
    };
    assert!(row(mine, 2026).await.unwrap().is_some());
    assert!(row(mine, 2025).await.unwrap().is_none() && row(other, 2026).await.unwrap().is_none());
}

#[tokio::test]
async fn a2_how_calls_ended_by_year_and_month() {
    let (local, mine, other) = start().await;
    ended(&local, mine).await;
    let rows = |tenant: Tenant| local.table.list(patterns::counts_by_year(tenant.org(), tenant.mode(), Dimension::Organization));
    assert_eq!((rows(mine).await.unwrap().len(), rows(other).await.unwrap().len()), (1, 0));
}

#[tokio::test]
async fn a3_how_calls_of_a_day_ended() {
    let (local, mine, _) = start().await;
    ended(&local, mine).await;
    let row = |day: Day| {
        let key = patterns::day_counts(mine.org(), mine.mode(), Dimension::Organization, day, Part(None), Spread::FIRST);
        local.table.get(key, Consistency::Strong)
    };
    assert!(row(Day::of(begin())).await.unwrap().is_some());
    assert!(row(Day::of(begin()).plus(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn a4_how_calls_ended_by_day() {
    let (local, mine, other) = start().await;
    ended(&local, mine).await;
    let rows = |tenant: Tenant| local.table.list(patterns::counts_by_day(tenant.org(), tenant.mode(), Dimension::Organization));
    assert_eq!((rows(mine).await.unwrap().len(), rows(other).await.unwrap().len()), (1, 0));
}

#[tokio::test]
async fn a5_how_calls_of_four_hours_ended_by_hour_and_five_minutes() {
    let (local, mine, _) = start().await;
    ended(&local, mine).await;
    let row = |watch| {
        let (day, part) = (Day::of(begin()), Part(None));
        let key = patterns::watch_counts(mine.org(), mine.mode(), Dimension::Organization, day, Watch(watch), part, Spread::FIRST);
        local.table.get(key, Consistency::Strong)
    };
    assert!(row(3).await.unwrap().is_some() && row(2).await.unwrap().is_none());
}

#[tokio::test]
async fn a6_how_calls_of_a_day_ended_by_hour_and_five_minutes() {
    let (local, mine, _) = start().await;
    ended(&local, mine).await;
    let rows = |day: Day| local.table.list(patterns::counts_by_watch(mine.org(), mine.mode(), Dimension::Organization, day));
    assert_eq!(rows(Day::of(begin())).await.unwrap().len(), 1);
    assert_eq!(rows(Day::of(begin()).plus(1)).await.unwrap().len(), 0);
}
