//! Counters under duplicates, disorder, concurrency, crashes, corrections and deletions: exact when the queue is empty.

use call_events::CallEvents;
use domain::{
    CallId, Day, Mode,
    call::{CallEvent, CallRecord, CallStatus, EventKind, Facts, Parties, apply},
    number::PhoneNumber,
    stats::{Breakdown, CallFilter, Outcome},
};
use futures_util::future::{join, join_all};
use queue::call_event::CallEventMessage;
use runtime::{Clock, random};
use store::{CountWork, DeletedCall, EventWrite, RecordedEvent, Settled, Start, Table, Tenant};
use testkit::{
    Fixture, LocalTable,
    call::shuffled,
    costs::batch,
    fixture,
    load::{Dice, Plan},
};

/// An organization with a number that rings nothing, so that nothing is sent.
struct Bench {
    local: LocalTable,
    tenant: Tenant,
    number: PhoneNumber,
}

impl Bench {
    async fn start() -> Self {
        let local = LocalTable::start().await;
        let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
        let slot = fixture::slot(1);
        let number = fixture::bought(&local.table, tenant, &slot, None).await;
        Self { local, tenant, number }
    }

    fn table(&self) -> &Table {
        &self.local.table
    }

    fn function(&self) -> CallEvents {
        CallEvents::new(self.local.table.clone(), fixture::nowhere(), fixture::nowhere(), Clock::System)
    }

    /// The messages of a record, as its source would send them.
    fn messages(&self, record: &CallRecord) -> Vec<String> {
        let message = |event: &CallEvent| {
            let mut event = event.clone();
            event.parties.phone_number_id = Some(self.number.id);
            CallEventMessage { organization_id: self.tenant.org(), mode: self.tenant.mode(), call_id: record.id, alias: None, event }
                .to_json()
                .unwrap()
        };
        record.events.values().map(message).collect()
    }

    /// Handles messages, and again those that come back, until the queue is empty.
    async fn drain(&self, function: &CallEvents, mut bodies: Vec<String>) {
        while !bodies.is_empty() {
            let rest = bodies.split_off(bodies.len().min(10));
            let answer = function.handle(batch(&bodies)).await;
            let again = |failed: &str| failed.strip_prefix("message-").unwrap().parse::<usize>().unwrap();
            let failed: Vec<String> =
                answer.batch_item_failures.iter().map(|failed| bodies[again(&failed.item_identifier)].clone()).collect();
            bodies = [rest, failed].concat();
        }
    }

    async fn sums(&self) -> Breakdown {
        self.table().call_sums(self.tenant, &CallFilter::default()).await.unwrap()
    }

    async fn total(&self) -> u64 {
        self.table().call_list(self.tenant, &CallFilter::default(), Start::Offset(0), 1).await.unwrap().total
    }

    /// Asserts that lists and counters are what the records say.
    async fn is_exact(&self) {
        let differences = self.table().verify_calls(self.tenant, false, |_| {}).await.unwrap();
        assert!(differences.is_empty(), "{differences:#?}");
    }

    async fn record(&self, call: CallId, event: &CallEvent) -> CallRecord {
        match self.table().record_events(self.tenant, (call, None), &[event], None, EventWrite::Always).await.unwrap() {
            RecordedEvent::Stored(record) => record,
            other => panic!("{other:?}"),
        }
    }
}

fn event(id: &str, kind: EventKind, after_ms: i64) -> CallEvent {
    let timestamp = "2026-01-02T03:04:05Z".parse::<domain::Timestamp>().unwrap().plus_millis(after_ms);
    CallEvent { id: id.parse().unwrap(), kind, timestamp, sequence: None, parties: Parties::default(), facts: Facts::default() }
}

fn some_calls(count: usize, seed: u64) -> Vec<CallRecord> {
    let today = Day::of(fixture::now());
    Plan { first: today.plus(-3), ..Plan::of_a_year(count, today, seed) }.calls().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_writers_with_duplicates_and_disorder_leave_exact_lists_and_counters() {
    let bench = Bench::start().await;
    let records = some_calls(320, 5);
    let all: Vec<String> = records.iter().flat_map(|record| bench.messages(record)).collect();
    let twice: Vec<String> = shuffled(all.iter().chain(&all).cloned().collect());
    let whole = &bench;
    let writing = twice.chunks(twice.len().div_ceil(8)).map(|part| async move { whole.drain(&whole.function(), part.to_vec()).await });
    let mut totals = Vec::new();
    let watching = async {
        for _ in 0..30 {
            totals.push(bench.total().await);
        }
    };
    join(join_all(writing), watching).await;
    assert!(totals.iter().all(|total| *total <= 330), "a call is hardly ever seen twice: {totals:?}");
    let mut expected = Breakdown::default();
    for record in &records {
        let mut call = record.call().counted();
        (call.number_id, call.endpoint_id) = (Some(bench.number.id), None);
        expected.count(&call);
    }
    assert_eq!(bench.sums().await, expected);
    assert_eq!(bench.total().await, 320);
    bench.is_exact().await;
}

#[tokio::test]
async fn a_call_that_goes_on_is_in_the_list_and_in_the_sums_before_it_is_counted() {
    let bench = Bench::start().await;
    let record = some_calls(1, 9).remove(0);
    let messages = bench.messages(&record);
    let by_sequence = |wanted: &str| messages.iter().find(|body| body.contains(wanted)).unwrap().clone();
    bench.drain(&bench.function(), vec![by_sequence("call.initiated"), by_sequence("call.ringing")]).await;
    let ringing = Outcome { status: CallStatus::Ringing, direction: record.call().direction };
    assert_eq!((bench.total().await, bench.sums().await.at(ringing).calls), (1, 1));
    assert_eq!(bench.table().delete_call(bench.tenant, record.id, fixture::now()).await.unwrap(), DeletedCall::Live);
    bench.is_exact().await;
    bench.drain(&bench.function(), messages).await;
    assert_eq!((bench.total().await, bench.sums().await.calls(), bench.sums().await.at(ringing).calls), (1, 1, 0));
    bench.is_exact().await;
}

#[tokio::test]
async fn an_earlier_end_that_comes_later_moves_the_count() {
    let bench = Bench::start().await;
    let call = CallId::new(fixture::now(), random::bytes());
    let first = bench.record(call, &event("late", EventKind::Completed, 9_000)).await;
    bench.table().count_calls(bench.tenant, vec![CountWork::new(&first)]).await.unwrap();
    let facts = Facts { cost_micro_cents: Some(70), ..Facts::default() };
    let second = bench.record(call, &CallEvent { facts, ..event("early", EventKind::Failed, 1_000) }).await;
    let Settled::Due(work) = bench.table().settle_call(bench.tenant, &second).await.unwrap() else { panic!("nothing is due") };
    // Whoever counts with an older record changes nothing any more.
    join(bench.table().count_calls(bench.tenant, vec![*work]), bench.table().count_calls(bench.tenant, vec![CountWork::new(&first)]))
        .await
        .0
        .unwrap();
    let failed = Outcome { status: CallStatus::Failed, direction: domain::call::Direction::Inbound };
    let sums = bench.sums().await;
    assert_eq!((sums.calls(), sums.at(failed).calls, sums.at(failed).cost_micro_cents), (1, 1, 70));
    bench.is_exact().await;
}

#[tokio::test]
async fn a_crash_between_record_and_count_is_made_up_for_when_the_message_comes_again() {
    let bench = Bench::start().await;
    let record = some_calls(1, 12).remove(0);
    for event in record.events.values() {
        bench.record(record.id, event).await;
    }
    assert_eq!(bench.total().await, 0, "every event is written and the call is counted nowhere");
    let last = bench.messages(&record).pop().unwrap();
    bench.drain(&bench.function(), vec![last]).await;
    assert_eq!((bench.total().await, bench.sums().await.calls()), (1, 1));
    bench.is_exact().await;
}

#[tokio::test]
async fn a_deleted_call_stays_deleted_whatever_comes_later() {
    let bench = Bench::start().await;
    let records = some_calls(30, 14);
    for record in &records {
        bench.drain(&bench.function(), bench.messages(record)).await;
    }
    let gone = &records[..10];
    let twice = gone.iter().chain(gone).map(|record| bench.table().delete_call(bench.tenant, record.id, fixture::now()));
    let outcomes: Vec<DeletedCall> = join_all(twice).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == DeletedCall::Done).count(), 10, "each is deleted once");
    for record in gone {
        bench.drain(&bench.function(), shuffled(bench.messages(record))).await;
        assert_eq!(bench.table().call(bench.tenant, record.id).await.unwrap(), None);
        bench.table().count_calls(bench.tenant, vec![CountWork::new(record)]).await.unwrap();
    }
    assert_eq!((bench.total().await, bench.sums().await.calls()), (20, 20));
    bench.is_exact().await;
}

#[tokio::test]
async fn deletions_and_corrections_at_the_same_moment_leave_exact_counters() {
    let bench = Bench::start().await;
    let mut dice = Dice::new(77);
    for round in 0..40 {
        let call = CallId::new(fixture::now(), dice.bytes());
        let first = bench.record(call, &event("late", EventKind::Completed, 9_000)).await;
        bench.table().count_calls(bench.tenant, vec![CountWork::new(&first)]).await.unwrap();
        let correct = async {
            let early = event("early", EventKind::Failed, 1_000);
            let written = bench.table().record_events(bench.tenant, (call, None), &[&early], None, EventWrite::Always).await.unwrap();
            if let RecordedEvent::Stored(record) = written {
                bench.table().recount_call(bench.tenant, &record).await.unwrap();
            }
        };
        let (_, deleted) = Box::pin(join(correct, bench.table().delete_call(bench.tenant, call, fixture::now()))).await;
        assert_eq!(deleted.unwrap(), DeletedCall::Done, "round {round}");
    }
    assert_eq!((bench.total().await, bench.sums().await), (0, Breakdown::default()));
    bench.is_exact().await;
}

#[tokio::test]
async fn what_was_broken_by_hand_is_found_and_mended() {
    let bench = Bench::start().await;
    let records = some_calls(12, 31);
    bench.table().load_calls(bench.tenant, &records).await.unwrap();
    // A call whose count was lost, and one that was loaded twice.
    let mut lost = CallRecord::new(CallId::new(fixture::now(), random::bytes()));
    apply(&mut lost, event("end", EventKind::Completed, 0));
    bench.record(lost.id, &lost.events.values().next().unwrap().clone()).await;
    bench.table().load_calls(bench.tenant, &records[..1]).await.unwrap();
    bench.table().mark_live(bench.tenant, records[3].id, fixture::now()).await.unwrap();
    let differences = bench.table().verify_calls(bench.tenant, true, |_| {}).await.unwrap();
    let words = differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(words.contains("is over and not listed") && words.contains("marked as live") && words.contains("counter ALL"), "{words}");
    bench.is_exact().await;
    assert_eq!((bench.total().await, bench.sums().await.calls()), (13, 13));
}

#[tokio::test]
async fn a_marker_that_a_crash_left_behind_goes_with_the_call_or_with_the_message() {
    let bench = Bench::start().await;
    let (table, tenant) = (bench.table(), bench.tenant);
    let record = some_calls(1, 23).remove(0);
    bench.drain(&bench.function(), bench.messages(&record)).await;
    // Counted, and then its function died.
    table.mark_live(tenant, record.id, fixture::now()).await.unwrap();
    assert_eq!(table.delete_call(tenant, record.id, fixture::now()).await.unwrap(), DeletedCall::Done);
    assert_eq!(bench.total().await, 0, "the marker goes with the call");
    table.mark_live(tenant, record.id, fixture::now()).await.unwrap();
    bench.drain(&bench.function(), bench.messages(&record)).await;
    assert_eq!(bench.total().await, 0, "a message of a deleted call takes its marker away");
    bench.is_exact().await;
}

#[tokio::test]
async fn an_entry_that_shows_something_else_than_its_record_is_mended_whatever_its_version() {
    let bench = Bench::start().await;
    let (table, tenant) = (bench.table(), bench.tenant);
    let mut record = some_calls(1, 29).remove(0);
    table.load_calls(tenant, std::slice::from_ref(&record)).await.unwrap();
    // An entry that was made from as many events, but from others.
    let end = record.events.values_mut().find(|event| event.kind.is_terminal()).unwrap();
    end.facts.cost_micro_cents = Some(7_000_000);
    let id = record.id;
    let sums = bench.sums().await;
    let other = LocalTable::start().await;
    other.table.load_calls(tenant, std::slice::from_ref(&record)).await.unwrap();
    let wrong = other.dump().await.into_iter().find(|item| item["kind"].as_s().is_ok_and(|kind| kind == "listed")).unwrap();
    bench.local.client.put_item().table_name("trunkline").set_item(Some(wrong)).send().await.unwrap();
    let words = table.verify_calls(tenant, true, |_| {}).await.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(words.contains(&format!("entry of call {id} is not what its record says")), "{words}");
    bench.is_exact().await;
    assert_eq!(bench.sums().await, sums);
}
