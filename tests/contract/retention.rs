//! Calls that are not kept any longer: gone with all that belongs to them, while lists and statistics stay exact.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use call_reaper::{CallReaper, Limits};
use domain::{
    CallId, Day, Mode, OrgId, Timestamp,
    call::{CallEvent, EventKind, Facts, Parties},
    stats::CallFilter,
};
use runtime::{Clock, random};
use store::{CountWork, EventWrite, RecordedEvent, Start, Tenant, access_patterns as patterns};
use testkit::{
    Fixture, LocalTable,
    faults::{Faults, Moment, Stop, Wire},
    fixture,
    load::Plan,
};

const DAY_MILLIS: i64 = 24 * 3_600_000;

struct World {
    local: LocalTable,
    tenant: Tenant,
    clock: Arc<AtomicI64>,
    reaper: CallReaper,
}

impl World {
    async fn start() -> Self {
        let local = LocalTable::start().await;
        let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
        let clock = Arc::new(AtomicI64::new(fixture::now().as_millis()));
        let limits = Limits { ringing_millis: 120_000, call_millis: 4 * 3_600_000 };
        let reaper = CallReaper::new(local.table.clone(), fixture::nowhere(), Clock::Manual(Arc::clone(&clock)), limits);
        Self { local, tenant, clock, reaper }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    async fn keep(&self, days: Option<u32>) {
        self.local.table.set_retention(self.tenant.org(), days, self.now()).await.unwrap();
    }

    /// How many calls a list has in all, and how many began before a time.
    async fn total(&self, until: Option<Timestamp>) -> u64 {
        let filter = CallFilter { until, ..CallFilter::default() };
        self.local.table.call_list(self.tenant, &filter, Start::Offset(0), 10).await.unwrap().total
    }

    async fn is_exact(&self) {
        let differences = self.local.table.verify_calls(self.tenant, false, |_| {}).await.unwrap();
        assert!(differences.is_empty(), "{differences:#?}");
    }

    /// A call with one event, so many days ago.
    async fn ended(&self, days_ago: i64, alias: Option<&str>, transcript: Option<String>) -> CallId {
        let at = self.now().plus_millis(-days_ago * DAY_MILLIS);
        let table = &self.local.table;
        let alias = alias.map(|alias| alias.parse().unwrap());
        let id = match &alias {
            Some(alias) => table.name_call(self.tenant, alias, at).await.unwrap(),
            None => CallId::new(at, random::bytes()),
        };
        let RecordedEvent::Stored(record) = self.tell(id, alias.as_ref(), at, transcript).await else { panic!("not stored") };
        table.count_calls(self.tenant, vec![CountWork::new(&record)]).await.unwrap();
        id
    }

    async fn tell(&self, id: CallId, alias: Option<&domain::call::CallAlias>, at: Timestamp, transcript: Option<String>) -> RecordedEvent {
        let facts = Facts { transcript, ..Facts::default() };
        let event = CallEvent {
            id: "e".parse().unwrap(),
            kind: EventKind::Completed,
            timestamp: at,
            sequence: None,
            parties: Parties::default(),
            facts,
        };
        self.local.table.record_events(self.tenant, (id, alias), &[&event], None, EventWrite::Always).await.unwrap()
    }
}

#[tokio::test]
async fn what_is_older_goes_run_by_run_and_every_total_stays_exact() {
    let world = World::start().await;
    let plan = Plan::of_a_year(260, Day::of(world.now()), 7);
    plan.load(&world.local.table, world.tenant, |_| {}).await.unwrap();
    assert_eq!((world.reaper.sweep().await.unwrap(), world.total(None).await), (0, 260), "for ever");
    world.keep(Some(30)).await;
    let before = world.now().plus_millis(-30 * DAY_MILLIS);
    let old = world.total(Some(before)).await;
    assert!((201..260).contains(&old), "{old}");
    for left in [160, 60] {
        assert_eq!(world.reaper.sweep_some(100).await.unwrap(), 100, "a run ends");
        assert_eq!(world.total(None).await, left);
    }
    assert_eq!(world.reaper.sweep().await.unwrap() as u64, old - 200);
    assert_eq!((world.total(Some(before)).await, world.total(None).await), (0, 260 - old));
    assert_eq!(world.local.table.ended_calls(world.tenant).await.unwrap() as u64, 260 - old, "statistics follow");
    world.is_exact().await;

    let usage = world.local.table.usage();
    assert_eq!(world.reaper.sweep().await.unwrap(), 0);
    let cost = world.local.table.usage() - usage;
    assert_eq!((cost.requests, cost.read_units, cost.write_units), (3, 1.5, 0.0), "deleted calls are not looked at again");
}

#[tokio::test]
async fn a_run_that_is_on_its_way_stops_at_the_call_at_which_retention_is_lifted() {
    let world = World::start().await;
    Plan::of_a_year(150, Day::of(world.now()), 7).load(&world.local.table, world.tenant, |_| {}).await.unwrap();
    world.keep(Some(1)).await;
    let lifted = async {
        while world.total(None).await > 140 {
            tokio::task::yield_now().await;
        }
        world.keep(None).await;
        world.total(None).await
    };
    let (swept, left) = tokio::join!(world.reaper.sweep(), lifted);
    let (swept, now_left) = (swept.unwrap() as u64, world.total(None).await);
    assert!((10..100).contains(&swept), "{swept}: not one, and not a page");
    assert!(now_left + 1 >= left && now_left == 150 - swept, "{left} were left then, {now_left} are now: one was on its way at most");
    world.is_exact().await;
    assert_eq!((world.reaper.sweep().await.unwrap(), world.total(None).await), (0, now_left));
}

#[tokio::test]
async fn everything_of_a_call_goes_and_late_events_are_absorbed() {
    let world = World::start().await;
    world.keep(Some(7)).await;
    let long: String = (0..500).map(|n| format!("word {n} ")).collect();
    let old = world.ended(8, Some("CA-old"), Some(long.clone())).await;
    let kept = world.ended(6, Some("CA-kept"), Some(long.clone())).await;
    assert_eq!(world.reaper.sweep().await.unwrap(), 1);
    let table = &world.local.table;
    assert_eq!(table.call(world.tenant, old).await.unwrap(), None);
    let parts = |id| table.list(patterns::transcript_parts(world.tenant.org(), world.tenant.mode(), id));
    assert_eq!((parts(old).await.unwrap().len(), parts(kept).await.unwrap().len()), (0, 1));
    assert_eq!(table.call(world.tenant, kept).await.unwrap().unwrap().call().transcript, Some(long.clone()));
    assert_eq!(world.tell(old, None, world.now(), Some(long)).await, RecordedEvent::Deleted);
    assert_eq!(parts(old).await.unwrap().len(), 0);
    // The name leads to the tombstone and ends with it; the other call's stays.
    let items = world.local.dump().await;
    let ends = |id: CallId| {
        let name = items.iter().find(|item| item["kind"].as_s().unwrap() == "named_call" && item["id"].as_s().unwrap() == &id.to_string());
        name.unwrap().contains_key("expires_at")
    };
    assert_eq!((ends(old), ends(kept)), (true, false));
    world.is_exact().await;
}

#[tokio::test]
async fn a_call_that_comes_into_the_list_behind_the_walk_goes_on_the_next_day() {
    let world = World::start().await;
    world.keep(Some(7)).await;
    world.ended(9, None, None).await;
    assert_eq!(world.reaper.sweep().await.unwrap(), 1);
    world.ended(10, None, None).await;
    world.ended(8, None, None).await;
    assert_eq!(world.reaper.sweep().await.unwrap(), 1, "the one that lies ahead");
    world.pass(DAY_MILLIS / 2);
    assert_eq!(world.reaper.sweep().await.unwrap(), 0);
    world.pass(DAY_MILLIS / 2);
    assert_eq!((world.reaper.sweep().await.unwrap(), world.total(None).await), (1, 0));
}

#[tokio::test]
async fn a_shorter_time_counts_at_once_and_a_longer_one_brings_nothing_back() {
    let world = World::start().await;
    for days_ago in [1, 10, 20, 40] {
        world.ended(days_ago, None, None).await;
    }
    world.keep(Some(30)).await;
    assert_eq!(world.reaper.sweep().await.unwrap(), 1);
    world.keep(Some(5)).await;
    assert_eq!(world.reaper.sweep().await.unwrap(), 2);
    world.keep(None).await;
    world.pass(100 * DAY_MILLIS);
    assert_eq!((world.reaper.sweep().await.unwrap(), world.total(None).await), (0, 1));
    world.is_exact().await;
}

#[tokio::test]
async fn only_the_organization_that_wants_it_loses_calls_and_in_both_modes() {
    let world = World::start().await;
    let (table, other) = (&world.local.table, Fixture::create(&world.local.table, Mode::Live).await.tenant);
    let plan = Plan::of_a_year(20, Day::of(world.now()), 9);
    for tenant in [world.tenant, Tenant::new(world.tenant.org(), Mode::Test), other] {
        plan.load(table, tenant, |_| {}).await.unwrap();
    }
    world.keep(Some(1)).await;
    let swept = world.reaper.sweep().await.unwrap();
    assert_eq!(swept % 2, 0, "the same in live and in test data");
    assert_eq!((table.ended_calls(world.tenant).await.unwrap(), table.ended_calls(other).await.unwrap()), (20 - swept as i64 / 2, 20));
}

#[tokio::test]
async fn o5_the_organizations_that_do_not_keep_their_calls_for_ever() {
    let local = LocalTable::start().await;
    let mut orgs: Vec<OrgId> = Vec::new();
    for days in [1, 2, 3] {
        orgs.push(Fixture::create(&local.table, Mode::Live).await.tenant.org());
        local.table.set_retention(*orgs.last().unwrap(), Some(days), fixture::now()).await.unwrap();
    }
    local.table.set_retention(orgs[1], None, fixture::now()).await.unwrap();
    let mut found: Vec<OrgId> = local.table.list(patterns::retentions()).await.unwrap().iter().map(|kept| kept.organization_id).collect();
    found.sort();
    assert_eq!(found, [orgs[0], orgs[2]]);
    assert_eq!(local.table.retentions().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_sweep_that_is_cut_off_at_any_step_leaves_nothing_of_a_transcript() {
    let limits = Limits { ringing_millis: 120_000, call_millis: 4 * 3_600_000 };
    let steps = (1..).flat_map(|number| [Moment::Before, Moment::After].map(|moment| Stop { number, moment }));
    for stop in steps {
        let world = World::start().await;
        world.keep(Some(30)).await;
        world.ended(40, None, Some("word ".repeat(1_000))).await;
        let parts = async || {
            let items = world.local.dump().await;
            items.iter().filter(|item| item["pk"].as_s().is_ok_and(|key| key.starts_with("TRANSCRIPTS#"))).count()
        };
        assert!(parts().await > 0);
        let wire = Wire::new(1);
        let table = world.local.over(&wire, Faults::default()).await;
        let dies = CallReaper::new(table, fixture::nowhere(), Clock::Manual(Arc::clone(&world.clock)), limits);
        wire.begin(Some(stop));
        let died = tokio::select! {
            done = dies.sweep() => { done.unwrap(); false }
            _ = wire.stopped() => true,
        };
        world.reaper.sweep().await.unwrap();
        assert_eq!((parts().await, world.total(None).await), (0, 0), "after {stop:?}");
        world.is_exact().await;
        if !died {
            assert!(stop.number > 5, "a sweep has more steps than that");
            return;
        }
    }
}
