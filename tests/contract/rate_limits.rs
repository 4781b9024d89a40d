//! Rate limits, through the real router over one table: any number of processes, a clock that is moved by hand.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use api::{Rates, Settings};
use axum::{Router, body::Body};
use domain::{Mode, api_key::ApiKeyText, rate::Rate, scope::Scope};
use futures_util::future::join_all;
use http::{Method, Request};
use runtime::Clock;
use store::{RateBucket, RateOf, Shares, Table, TakenLot};
use testkit::{
    Fixture, LocalTable,
    client::{Answer, ask},
    faults::{Faults, Moment, Stop, Wire},
    fixture,
    local_table::NAME,
};
use tower::ServiceExt as _;
use uuid::Uuid;

/// Its answer takes the gate, and nothing of the table.
pub(crate) const PATH: &str = "/v1/phone-numbers/no-id";

pub(crate) const USUAL: Rates = Rates { organization: Rate::DEFAULT, caller: None };

/// An organization and a clock of its own.
pub(crate) struct World {
    pub(crate) local: LocalTable,
    pub(crate) fixture: Fixture,
    millis: Arc<AtomicI64>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        Self { local, fixture, millis: Arc::new(AtomicI64::new(fixture::now().as_millis())) }
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock::Manual(Arc::clone(&self.millis))
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.millis.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> i64 {
        self.millis.load(Ordering::SeqCst)
    }

    /// A process of a function.
    pub(crate) fn process(&self, rates: Rates) -> Router {
        self.process_over(self.local.table.clone(), rates)
    }

    fn process_over(&self, table: Table, rates: Rates) -> Router {
        let state = phone_numbers::State::new(table, testkit::costs::vault(), fixture::nowhere(), self.clock(), "sip.example.com");
        phone_numbers::app(state.under(Settings { rates: Some(rates), ..Settings::default() }))
    }

    async fn ask(&self, process: &Router) -> Answer {
        ask(process, self.fixture.key.reveal(), Method::GET, PATH, None).await
    }

    /// How many of so many requests pass, one after another at this moment.
    async fn passed(&self, process: &Router, requests: usize) -> usize {
        let mut passed = 0;
        for _ in 0..requests {
            passed += usize::from(is_passed(&self.ask(process).await));
        }
        passed
    }

    async fn key(&self) -> ApiKeyText {
        fixture::key(&self.local.table, self.fixture.tenant, [Scope::NumbersRead].into_iter().collect()).await
    }
}

/// Whether it came through to the handler; anything but one of the two answers is a fault.
fn is_passed(answer: &Answer) -> bool {
    match answer.status.as_u16() {
        404 => true,
        429 => false,
        other => panic!("{other}: {}", answer.text),
    }
}

pub(crate) fn header(answer: &Answer, name: &str) -> i64 {
    answer.headers[name].to_str().unwrap().parse().unwrap()
}

pub(crate) fn rate(text: &str) -> Rate {
    text.parse().unwrap()
}

#[tokio::test]
async fn l1_how_much_of_their_rates_an_organization_and_its_callers_have_used_up() {
    let world = World::start().await;
    let (table, now, org) = (&world.local.table, fixture::now(), world.fixture.tenant.org());
    let full = table.rate_bucket(org.into()).await.unwrap();
    let taken = taken(table.take_lot(org.into(), &full, Rate::DEFAULT, None, now).await.unwrap());
    assert_eq!(Rate::DEFAULT.held(taken.full_at, now.as_millis() * 1000), 90);
    assert_eq!(table.rate_bucket(org.into()).await.unwrap(), taken);
    let stale = table.take_lot(org.into(), &full, Rate::DEFAULT, None, now).await.unwrap();
    assert_eq!(stale, TakenLot::Refused(taken), "what was seen of it is not so any more, and what is so is told");
    let other = Fixture::create(table, Mode::Live).await.tenant.org();
    assert_eq!(table.rate_bucket(other.into()).await.unwrap().full_at, 0);
}

/// A bucket of which the organization's part is known to be full at this instant.
fn with(bucket: RateBucket, full_at: i64) -> RateBucket {
    let mut bucket = bucket;
    bucket.full_at = full_at;
    bucket
}

/// The bucket after a lot that must have been there.
fn taken(lot: TakenLot) -> RateBucket {
    match lot {
        TakenLot::Done(bucket) => bucket,
        TakenLot::Refused(bucket) => panic!("refused: {bucket:?}"),
    }
}

#[tokio::test]
async fn one_write_takes_a_lot_from_the_organization_and_from_each_caller_what_it_asked() {
    let world = World::start().await;
    let (table, org, rate) = (&world.local.table, world.fixture.tenant.org(), rate("10/20"));
    let now = |seconds: i64| fixture::now().plus_millis(seconds * 1000);
    let callers = [1, 2, 3].map(Uuid::from_u128);
    let held = |bucket: &RateBucket, caller: usize| rate.held(bucket.full_at_of(callers[caller]), now(0).as_millis() * 1000);
    let mut asked = [callers[0]; 10];
    asked[..3].fill(callers[1]);
    let (shares, usage) = (Some(Shares { rate, callers: &asked }), table.usage());
    let first = taken(table.take_lot(org.into(), &RateBucket::default(), Rate::DEFAULT, shares, now(0)).await.unwrap());
    assert_eq!((held(&first, 0), held(&first, 1), held(&first, 2)), (13, 17, 20));
    let second = taken(table.take_lot(org.into(), &first, Rate::DEFAULT, shares, now(0)).await.unwrap());
    assert_eq!((held(&second, 0), held(&second, 1), held(&second, 2)), (6, 14, 20));
    let cost = table.usage() - usage;
    assert_eq!((cost.requests, cost.write_units), (2, 2.0));
    let unseen = with(RateBucket::default(), second.full_at);
    let stale = table.take_lot(org.into(), &unseen, Rate::DEFAULT, shares, now(0)).await.unwrap();
    assert_eq!(stale, TakenLot::Refused(second.clone()), "another process took of what this one saw full");
    // Long after they were full they are forgotten, unless somebody took meanwhile.
    let others = Some(Shares { rate, callers: &callers[2..] });
    let third = taken(table.take_lot(org.into(), &second, Rate::DEFAULT, others, now(60)).await.unwrap());
    assert_eq!((third.full_at_of(callers[0]), third.full_at_of(callers[1])), (0, 0));
    assert!(third.full_at_of(callers[2]) > now(60).as_millis() * 1000);
    let fourth = taken(table.take_lot(org.into(), &third, Rate::DEFAULT, shares, now(60)).await.unwrap());
    let outdated = with(second, fourth.full_at);
    let unknowing = table.take_lot(org.into(), &outdated, Rate::DEFAULT, others, now(60)).await.unwrap();
    assert!(matches!(unknowing, TakenLot::Refused(_)), "{unknowing:?}: what came into a forgotten one's place is not lost");
}

#[tokio::test]
async fn a_burst_passes_and_then_as_many_as_the_rate_lets() {
    let world = World::start().await;
    let process = world.process(USUAL);
    let passed = world.passed(&process, 200).await;
    assert_eq!(passed, 110, "the burst, and the ten of this process");
    world.pass(1_000);
    assert_eq!(world.passed(&process, 200).await, 50);
    world.pass(200);
    assert_eq!(world.passed(&process, 200).await, 10);
    world.pass(60_000);
    assert_eq!(world.passed(&process, 200).await, 110, "it is full again");
}

#[tokio::test]
async fn one_too_many_is_told_when_to_come_again_in_the_style_of_its_route() {
    let world = World::start().await;
    let tight = Rates { organization: rate("1/10"), caller: None };
    let numbers = world.process(tight);
    let get = |path: &'static str| ask(&numbers, world.fixture.key.reveal(), Method::GET, path, None);
    while get("/v1/phone-numbers/no-id").await.status.as_u16() == 404 {}
    let json = get("/v1/phone-numbers/no-id").await;
    assert_eq!((json.status.as_u16(), json.code()), (429, "RATE_LIMIT_EXCEEDED"), "{}", json.text);
    assert_eq!(json.body["error"], "Rate limit exceeded");
    assert_eq!(header(&json, "retry-after"), 10, "then ten may be asked");
    assert_eq!(header(&json, "x-ratelimit-limit"), 10);
    assert_eq!(header(&json, "x-ratelimit-remaining"), 0);
    let reset = header(&json, "x-ratelimit-reset") - world.now() / 1000;
    assert!((10..=21).contains(&reset), "{reset}");
    let text = get("/v1/telephony/numbers").await;
    assert_eq!(text.told(), (429, "Rate limit exceeded"));
    assert_eq!(header(&text, "retry-after"), 10);
    // Retrying at the time that was told is enough.
    world.pass(10_000);
    assert_eq!(get("/v1/phone-numbers/no-id").await.status.as_u16(), 404);
}

#[tokio::test]
async fn every_answer_to_a_caller_tells_what_is_left_and_counts_once() {
    let world = World::start().await;
    let process = world.process(USUAL);
    let answer = world.ask(&process).await;
    assert_eq!((header(&answer, "x-ratelimit-limit"), header(&answer, "x-ratelimit-remaining")), (100, 99));
    assert!((0..=1).contains(&(header(&answer, "x-ratelimit-reset") - world.now() / 1000)));
    // With an idempotency key the caller is asked for twice.
    let request = Request::builder().method(Method::DELETE).uri(PATH).header("x-api-key", world.fixture.key.reveal());
    let request = request.header("idempotency-key", "k").body(Body::empty()).unwrap();
    let once = process.clone().oneshot(request).await.unwrap();
    assert_eq!(once.headers()["x-ratelimit-remaining"], "98");
    let stranger = ask(&process, "kros_live_nonsense", Method::GET, PATH, None).await;
    assert_eq!((stranger.status.as_u16(), header(&stranger, "x-ratelimit-remaining")), (401, 99), "who is nobody is counted apart");
}

/// The greatest number of requests, over all stretches of time, that passed beyond what the rate and the burst allow.
fn beyond(passed: &[i64], rate: Rate) -> i64 {
    let allowed = |millis: i64| i64::from(rate.burst()) + millis * i64::from(rate.per_second()) / 1000;
    let runs = (0..passed.len()).flat_map(|from| (from..passed.len()).map(move |to| (from, to)));
    runs.map(|(from, to)| i64::try_from(to - from + 1).unwrap() - allowed(passed[to] - passed[from])).max().unwrap()
}

/// Requests at random processes for twenty seconds, so many a second: when those were that passed.
async fn flood(world: &World, processes: &[Router], per_second: u32, seed: u64) -> Vec<i64> {
    let mut dice = testkit::load::Dice::new(seed);
    let mut passed = Vec::new();
    for _ in 0..per_second * 20 {
        let process = &processes[usize::try_from(dice.below(processes.len() as u64)).unwrap()];
        if is_passed(&world.ask(process).await) {
            passed.push(world.now());
        }
        world.pass(i64::from(1000 / per_second));
    }
    passed
}

#[tokio::test]
async fn in_no_stretch_of_time_do_more_pass_than_rate_burst_and_ten_for_each_process() {
    for (processes, per_second, seed) in [(1, 100, 1), (5, 200, 2), (20, 125, 3), (40, 200, 4)] {
        let world = World::start().await;
        let all: Vec<Router> = (0..processes).map(|_| world.process(USUAL)).collect();
        let passed = flood(&world, &all, per_second, seed).await;
        let beyond = beyond(&passed, Rate::DEFAULT);
        assert!(beyond <= 10 * processes, "{processes} processes let {beyond} pass beyond the rate");
        let least = 20 * 50 + 100 - 20;
        assert!(passed.len() >= least, "and what may pass does: {} of {least}", passed.len());
    }
}

#[tokio::test]
async fn processes_that_race_for_the_last_lots_do_not_pass_the_bound_either() {
    let world = World::start().await;
    let processes: Vec<Router> = (0..12).map(|_| world.process(USUAL)).collect();
    let mut passed = Vec::new();
    for _ in 0..40 {
        let answers = join_all(processes.iter().cycle().take(48).map(|process| world.ask(process))).await;
        passed.extend(answers.iter().filter(|answer| is_passed(answer)).map(|_| world.now()));
        world.pass(100);
    }
    let beyond = beyond(&passed, Rate::DEFAULT);
    assert!(beyond <= 10 * 12, "{beyond}");
    assert!(passed.len() >= 4 * 50 + 100 - 20, "{}", passed.len());
}

#[tokio::test]
async fn a_busy_key_costs_a_write_unit_for_ten_requests_at_most_and_a_quiet_one_nothing() {
    for (processes, per_second) in [(1_u32, 20), (1, 50), (1, 200), (4, 40), (10, 50), (10, 200), (20, 100)] {
        let world = World::start().await;
        let all: Vec<Router> = (0..processes).map(|_| world.process(USUAL)).collect();
        // Once a process and minute the key is read and its use is noted, whoever asks.
        for process in &all {
            assert!(is_passed(&world.ask(process).await));
        }
        let seen = world.local.table.usage();
        flood(&world, &all, per_second, 7).await;
        let (cost, requests) = (world.local.table.usage() - seen, per_second * 20 + processes);
        assert!(cost.write_units <= f64::from(requests) / 10.0, "{processes} processes, {per_second} a second: {cost:?}");
        // What is refused looks for more, which is a fifth of the price of a write for the same units.
        let share = if per_second > 50 { 2.0 } else { 20.0 };
        assert!(cost.read_units <= f64::from(requests) / share, "{processes} processes, {per_second} a second: {cost:?}");
    }
    let world = World::start().await;
    let process = world.process(USUAL);
    assert_eq!(world.passed(&process, 5).await, 5);
    let seen = world.local.table.usage();
    for _ in 0..28 {
        world.pass(2_000);
        assert_eq!(world.passed(&process, 1).await, 1);
    }
    let cost = world.local.table.usage() - seen;
    assert_eq!((cost.requests, cost.write_units), (0, 0.0), "thirty requests in a minute are for nothing");
}

#[tokio::test]
async fn an_organizations_keys_share_its_rate_and_no_other_organizations() {
    let world = World::start().await;
    let process = world.process(USUAL);
    let second = world.key().await;
    assert_eq!(world.passed(&process, 200).await, 110);
    let refused = ask(&process, second.reveal(), Method::GET, PATH, None).await;
    assert_eq!(refused.status.as_u16(), 429, "the organization has none left");
    let other = Fixture::create(&world.local.table, Mode::Live).await;
    let stranger = ask(&process, other.key.reveal(), Method::GET, PATH, None).await;
    assert_eq!((stranger.status.as_u16(), header(&stranger, "x-ratelimit-remaining")), (404, 99));
}

#[tokio::test]
async fn a_key_may_be_given_less_than_its_organization_and_leaves_the_rest_to_others() {
    let world = World::start().await;
    let process = world.process(Rates { organization: Rate::DEFAULT, caller: Some(rate("10/20")) });
    let second = world.key().await;
    let first = world.ask(&process).await;
    assert_eq!(header(&first, "x-ratelimit-limit"), 20, "the limit that is nearer");
    assert_eq!(world.passed(&process, 100).await, 19, "what passed in this process is known to it");
    let mut of_second = 0;
    for _ in 0..100 {
        of_second += usize::from(is_passed(&ask(&process, second.reveal(), Method::GET, PATH, None).await));
    }
    assert_eq!(of_second, 20, "what the first was refused was not counted against the organization");
}

#[tokio::test]
async fn the_organizations_callers_share_its_writes_and_none_passes_its_own_rate_by_more_than_ten_for_each_process() {
    let (own, seconds) = (rate("20/30"), 20_u32);
    for (processes, per_second, callers, seed) in [(1_u32, 20, 1, 1_u64), (1, 100, 3, 2), (4, 100, 2, 3), (10, 200, 4, 4)] {
        let world = World::start().await;
        let rates = Rates { organization: rate("200/400"), caller: Some(own) };
        let all: Vec<Router> = (0..processes).map(|_| world.process(rates)).collect();
        let mut keys = Vec::new();
        for _ in 0..callers {
            keys.push(world.key().await);
        }
        for (process, key) in all.iter().flat_map(|process| keys.iter().map(move |key| (process, key))) {
            assert!(is_passed(&ask(process, key.reveal(), Method::GET, PATH, None).await));
        }
        let (seen, mut dice, mut passed) = (world.local.table.usage(), testkit::load::Dice::new(seed), vec![Vec::new(); callers]);
        for _ in 0..per_second * seconds {
            let process = &all[usize::try_from(dice.below(u64::from(processes))).unwrap()];
            let caller = usize::try_from(dice.below(callers as u64)).unwrap();
            if is_passed(&ask(process, keys[caller].reveal(), Method::GET, PATH, None).await) {
                passed[caller].push(world.now());
            }
            world.pass(i64::from(1000 / per_second));
        }
        let (cost, requests) = (world.local.table.usage() - seen, per_second * seconds + processes * u32::try_from(callers).unwrap());
        assert!(cost.write_units <= f64::from(requests) / 10.0, "{processes} processes, {per_second} a second: {cost:?}");
        assert!(cost.read_units <= f64::from(requests) / 20.0, "{processes} processes, {per_second} a second: {cost:?}");
        for times in &passed {
            let beyond = beyond(times, own);
            assert!(beyond <= 10 * i64::from(processes), "{processes} processes let {beyond} pass beyond the rate");
            let asked = per_second * seconds / u32::try_from(callers).unwrap();
            let least = usize::try_from(asked.min(20 * seconds) * 8 / 10).unwrap();
            assert!(times.len() >= least, "and what may pass does: {} of {least}", times.len());
        }
    }
}

#[tokio::test]
async fn the_operator_gives_an_organization_another_rate_and_takes_it_back() {
    let world = World::start().await;
    let org = world.fixture.tenant.org();
    world.local.table.set_rates(org, &[(RateOf::Organization, Some(rate("100/300")))]).await.unwrap();
    let process = world.process(USUAL);
    assert_eq!(world.passed(&process, 400).await, 310);
    let refused = world.ask(&process).await;
    assert_eq!(header(&refused, "x-ratelimit-limit"), 300, "known since the first lot");
    world.local.table.set_rates(org, &[(RateOf::Organization, None), (RateOf::Caller, Some(rate("5/10")))]).await.unwrap();
    world.pass(60_000);
    assert_eq!(world.passed(&process, 100).await, 10, "its callers may do less than it, from the first lot on");
    assert_eq!(header(&world.ask(&process).await, "x-ratelimit-limit"), 10);
}

#[tokio::test]
async fn what_the_operator_changes_of_one_rate_leaves_the_other_as_it_is() {
    let world = World::start().await;
    let (table, org) = (&world.local.table, world.fixture.tenant.org());
    let told = |bucket: RateBucket| (bucket.rate, bucket.caller_rate);
    let both = join_all([(RateOf::Organization, "100/300"), (RateOf::Caller, "5/10")].map(|(of, text)| async move {
        table.set_rates(org, &[(of, Some(rate(text)))]).await.unwrap();
    }));
    both.await;
    assert_eq!(told(table.rate_bucket(org.into()).await.unwrap()), (Some(rate("100/300")), Some(rate("5/10"))));
    table.set_rates(org, &[(RateOf::Organization, None)]).await.unwrap();
    assert_eq!(told(table.rate_bucket(org.into()).await.unwrap()), (None, Some(rate("5/10"))));
}

#[tokio::test]
async fn requests_pass_while_the_table_cannot_be_asked_and_are_counted_again_after_it() {
    let world = World::start().await;
    let wire = Wire::new(1);
    let process = world.process_over(world.local.over(&wire, Faults::default()).await, USUAL);
    assert!(is_passed(&world.ask(&process).await), "the key is known from now on");
    wire.begin(Some(Stop { number: 1, moment: Moment::Before }));
    assert_eq!(world.passed(&process, 20).await, 20, "the lot that nobody answered for is not waited for");
    wire.begin(None);
    let rest = world.passed(&process, 200).await;
    assert!((90..=110).contains(&rest), "{rest}");
    world.local.client.delete_table().table_name(NAME).send().await.unwrap();
    world.pass(1_000);
    assert_eq!(world.passed(&process, 200).await, 200, "without a table nothing is refused");
}
