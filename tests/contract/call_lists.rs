//! Lists, totals, statistics and trends equal a plain computation over the raw records, whatever the filter.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Day, Mode, Timestamp,
    call::{Call, CallEvent, CallRecord, CallStatus, Direction},
    stats::{Breakdown, CallFilter},
};
use futures_util::{StreamExt as _, future::join_all, stream};
use store::{CallPage, DeletedCall, EventWrite, RecordedEvent, Start, Table, Tenant};
use testkit::{
    Fixture, LocalTable,
    call::shuffled,
    fixture,
    load::{Dice, Plan},
};

const CALLS: usize = 20_000;
const LIVE: usize = 60;
const DAYS: i32 = 100;

/// A table full of calls, and the same calls as a plain list, newest first.
struct World {
    local: LocalTable,
    tenant: Tenant,
    plan: Plan,
    raw: Vec<Call>,
}

impl World {
    async fn start(count: usize, live: usize) -> Self {
        let local = LocalTable::start().await;
        let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
        let today = Day::of(fixture::now());
        let plan = Plan { first: today.plus(-DAYS), ..Plan::of_a_year(count, today, 11) };
        let mut records: Vec<CallRecord> = plan.calls().collect();
        let every = count.checked_div(live).unwrap_or(usize::MAX);
        for record in records.iter_mut().skip(every / 2).step_by(every.max(1)).take(live) {
            record.events.retain(|_, event| event.sequence < Some(2));
        }
        for some in records.chunks(2_000) {
            local.table.load_calls(tenant, some).await.unwrap();
        }
        let mut raw: Vec<Call> = records.iter().map(|record| Call { transcript: None, ..record.call() }).collect();
        raw.sort_by_key(|call| std::cmp::Reverse(call.id));
        Self { local, tenant, plan, raw }
    }

    fn table(&self) -> &Table {
        &self.local.table
    }

    fn taken(&self, filter: &CallFilter) -> Vec<&Call> {
        self.raw.iter().filter(|call| filter.takes(call.id, &call.counted())).collect()
    }

    async fn page(&self, filter: &CallFilter, start: Start, limit: usize) -> CallPage {
        self.table().call_list(self.tenant, filter, start, limit).await.unwrap()
    }

    /// Any filter: each of its parts is there or not.
    fn any_filter(&self, dice: &mut Dice) -> CallFilter {
        let one = |dice: &mut Dice, of: usize| usize::try_from(dice.below(of as u64)).unwrap();
        let status = (dice.below(2) == 0).then(|| CallStatus::ALL[one(dice, 7)]);
        let direction = (dice.below(3) == 0).then(|| Direction::ALL[one(dice, 2)]);
        let number_id = (dice.below(3) == 0).then(|| self.plan.numbers[one(dice, 8)]);
        let endpoint_id = (dice.below(3) == 0).then(|| self.plan.endpoints[one(dice, 4)]);
        let (a, b) = (self.any_time(dice), self.any_time(dice));
        let (from, until) = ((dice.below(2) == 0).then(|| a.min(b)), (dice.below(2) == 0).then(|| a.max(b).plus_millis(1)));
        CallFilter { status, direction, number_id, endpoint_id, from, until }
    }

    /// Any midnight, or one time in three any instant.
    fn any_time(&self, dice: &mut Dice) -> Timestamp {
        let day = self.plan.first.plus(i32::try_from(dice.below(DAYS as u64 + 4)).unwrap() - 2);
        let after = if dice.below(3) == 0 { i64::try_from(dice.below(86_400_000)).unwrap() } else { 0 };
        day.start().plus_millis(after)
    }

    /// Compares everything that a filter asks for with the plain computation.
    async fn check(&self, filter: &CallFilter, dice: &mut Dice) {
        let expected = self.taken(filter);
        let total = expected.len() as u64;
        let limit = 1 + usize::try_from(dice.below(100)).unwrap();
        let somewhere = dice.below(total + 1);
        for offset in [0, limit as u64, somewhere, total.saturating_sub(3), total] {
            let page = self.page(filter, Start::Offset(offset), limit).await;
            let from = usize::try_from(offset).unwrap();
            let wanted: Vec<Call> = expected.iter().skip(from).take(limit).map(|call| (*call).clone()).collect();
            assert_eq!(page.total, total, "{filter:?}");
            assert_eq!(ids(&page.calls), ids(&wanted), "{filter:?} offset {offset} limit {limit}");
            assert_eq!(page.calls, wanted);
        }
        if let Some(at) = expected.get(usize::try_from(somewhere).unwrap()) {
            let page = self.page(filter, Start::After(at.id), limit).await;
            let wanted: Vec<Call> = expected.iter().filter(|call| call.id < at.id).take(limit).map(|call| (*call).clone()).collect();
            assert_eq!(ids(&page.calls), ids(&wanted), "{filter:?} after {} limit {limit}", at.id);
        }
        self.check_sums(filter, &expected).await;
    }

    async fn check_sums(&self, filter: &CallFilter, expected: &[&Call]) {
        let mut sums = Breakdown::default();
        expected.iter().for_each(|call| sums.count(&call.counted()));
        assert_eq!(self.table().call_sums(self.tenant, filter).await.unwrap(), sums, "{filter:?}");
        if filter.from.is_some() && filter.until.is_some() {
            let mut days: BTreeMap<Day, Breakdown> = BTreeMap::new();
            expected.iter().for_each(|call| days.entry(Day::of(call.created_at)).or_default().count(&call.counted()));
            let mut found = self.table().call_trends(self.tenant, filter).await.unwrap();
            found.retain(|_, sums| *sums != Breakdown::default());
            assert_eq!(found, days, "{filter:?}");
        }
    }

    async fn check_many(&self, seed: u64, filters: u64) {
        let check = |n: u64| async move {
            let mut dice = Dice::new(seed * 10_000 + n);
            let filter = self.any_filter(&mut dice);
            self.check(&filter, &mut dice).await;
        };
        stream::iter(0..filters).map(check).buffer_unordered(8).collect::<Vec<()>>().await;
    }

    /// Eight writers tell new calls at the same time, each event once or twice, in any order; some calls go on.
    async fn write(&mut self, count: usize, seed: u64) {
        let plan = Plan { count, seed, ..self.plan.clone() };
        let mut records: Vec<CallRecord> = plan.calls().collect();
        for record in records.iter_mut().step_by(20) {
            record.events.retain(|_, event| !event.kind.is_terminal());
        }
        let mut events: Vec<(&CallRecord, &CallEvent)> = Vec::new();
        for (at, record) in records.iter().enumerate() {
            for event in record.events.values() {
                events.extend(std::iter::repeat_n((record, event), 1 + at % 2));
            }
        }
        let events = shuffled(events);
        join_all(events.chunks(events.len().div_ceil(8)).map(|part| tell(self.table(), self.tenant, part))).await;
        self.raw.extend(records.iter().map(|record| Call { transcript: None, ..record.call() }));
        self.raw.sort_by_key(|call| std::cmp::Reverse(call.id));
    }

    /// Deletes some calls, and forgets them.
    async fn delete(&mut self, count: usize, seed: u64) {
        let mut dice = Dice::new(seed);
        let mut chosen = Vec::new();
        while chosen.len() < count {
            let at = usize::try_from(dice.below(self.raw.len() as u64)).unwrap();
            if self.raw[at].status.is_terminal() {
                chosen.push(self.raw.remove(at).id);
            }
        }
        let (table, tenant, now) = (self.table(), self.tenant, fixture::now());
        let deleting = stream::iter(chosen).map(|id| async move { table.delete_call(tenant, id, now).await.unwrap() });
        let outcomes: Vec<DeletedCall> = deleting.buffer_unordered(8).collect().await;
        assert!(outcomes.iter().all(|outcome| *outcome == DeletedCall::Done));
    }
}

/// Adds events to calls one after the other, as the queue's consumer does: marked, written, counted, unmarked.
async fn tell(table: &Table, tenant: Tenant, events: &[(&CallRecord, &CallEvent)]) {
    for (record, event) in events {
        table.mark_live(tenant, record.id, fixture::now()).await.unwrap();
        let written = table.record_events(tenant, (record.id, None), &[event], record.route.as_ref(), EventWrite::Always).await.unwrap();
        let RecordedEvent::Stored(now) = written else { panic!("{written:?}") };
        if now.is_over() {
            table.recount_call(tenant, &now).await.unwrap();
            table.unmark_live(tenant, record.id).await.unwrap();
        }
    }
}

fn ids(calls: &[Call]) -> Vec<String> {
    calls.iter().map(|call| call.id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_filters_over_twenty_thousand_calls_and_again_after_deletions_and_with_eight_writers() {
    let mut world = World::start(CALLS, LIVE).await;
    world.check(&CallFilter::default(), &mut Dice::new(1)).await;
    world.check_many(2, 200).await;
    world.delete(500, 3).await;
    world.check(&CallFilter::default(), &mut Dice::new(4)).await;
    world.check_many(5, 200).await;
    world.write(800, 6).await;
    world.check(&CallFilter::default(), &mut Dice::new(7)).await;
    world.check_many(8, 200).await;
    let differences = world.table().verify_calls(world.tenant, false, |_| {}).await.unwrap();
    assert!(differences.is_empty(), "{differences:?}");
}

#[tokio::test]
async fn a_list_walked_page_by_page_and_by_cursor_shows_every_call_once() {
    let world = World::start(1_500, 20).await;
    for filter in [CallFilter::default(), CallFilter { direction: Some(Direction::Outbound), ..CallFilter::default() }] {
        let expected: Vec<String> = world.taken(&filter).iter().map(|call| call.id.to_string()).collect();
        let (mut by_page, mut by_cursor) = (Vec::new(), Vec::new());
        let mut start = Start::Offset(0);
        loop {
            let page = world.page(&filter, Start::Offset(by_page.len() as u64), 37).await;
            let next = world.page(&filter, start, 37).await;
            by_page.extend(ids(&page.calls));
            by_cursor.extend(ids(&next.calls));
            match next.calls.last() {
                Some(last) => start = Start::After(last.id),
                None => break,
            }
        }
        assert_eq!(by_page, expected);
        assert_eq!(by_cursor, expected);
    }
}

#[tokio::test]
async fn a_walk_by_cursor_while_calls_arrive_shows_none_twice_and_misses_none_of_its_start() {
    let world = World::start(600, 0).await;
    let filter = CallFilter::default();
    let mut dice = Dice::new(21);
    let (mut seen, mut start) = (Vec::new(), Start::Offset(0));
    loop {
        let page = world.page(&filter, start, 25).await;
        let Some(last) = page.calls.last() else { break };
        start = Start::After(last.id);
        seen.extend(ids(&page.calls));
        // Some begin now, some began long ago and are told only now.
        let late = world.any_time(&mut dice);
        let new = [fixture::now(), late].map(|at| testkit::load::call(&mut dice, at, &world.plan));
        world.table().load_calls(world.tenant, &new).await.unwrap();
    }
    let once: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(once.len(), seen.len(), "none twice");
    assert!(ids(&world.raw).iter().all(|id| once.contains(id)), "none of the start is missing");
}

#[tokio::test]
async fn an_empty_organization_has_empty_lists_and_sums_of_zero() {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Test).await.tenant;
    let page = local.table.call_list(tenant, &CallFilter::default(), Start::Offset(40), 20).await.unwrap();
    assert_eq!(page, CallPage { calls: vec![], total: 0, next: None });
    assert_eq!(local.table.call_sums(tenant, &CallFilter::default()).await.unwrap(), Breakdown::default());
}

#[tokio::test]
async fn a_call_that_is_just_coming_ends_no_walk() {
    let world = World::start(30, 0).await;
    // Its first event is being written: it is marked and not there yet.
    let coming = domain::CallId::new(fixture::now(), [0xFF; 10]);
    world.table().mark_live(world.tenant, coming, fixture::now()).await.unwrap();
    let filter = CallFilter::default();
    let first = world.page(&filter, Start::Offset(0), 10).await;
    assert_eq!((first.calls.len(), first.total), (9, 31));
    let mut seen = ids(&first.calls);
    let mut next = first.next;
    while let Some(after) = next {
        let page = world.page(&filter, Start::After(after), 10).await;
        seen.extend(ids(&page.calls));
        next = page.next;
    }
    assert_eq!(seen, ids(&world.raw), "the walk goes on below it");
}
