//! Rate limits: how many requests the callers of an organization may make, and what an answer tells of it (ADR 0025).
//!
//! A process lets ten requests of a bucket pass by itself. The tenth has it take ten more out of the bucket that all
//! processes share, beside the request; while there are none it refuses. Who asks little in a process gets what passed
//! back with time, so that nothing is read or written for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{
    Timestamp,
    rate::{LOT, Rate},
};
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use runtime::{
    Clock, Metrics,
    env::{self, ConfigError},
};
use store::{Bucket, RateBucket, StoreError, Table, TakenLot};

use crate::{auth::Caller, beside::Beside, problem::Problem};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The most buckets that a process knows of.
const BUCKETS: usize = 1_000;

/// The longest that a lot is waited for. After it the requests pass.
const TAKE_LIMIT: Duration = Duration::from_millis(300);

/// How often requests passed uncounted, for the alarm.
const NOT_ENFORCED: &str = "RateLimitNotEnforced";

/// How often a lot is tried for when others take at the same moment.
const TRIES: usize = 3;

/// A gap between two requests gives back what passed, one request a second, except for its first second: who asks
/// without a pause gets nothing back. In microseconds.
const QUIET_AFTER: i64 = 1_000_000;
const GIVEN_BACK_EACH: i64 = 1_000_000;

/// The rates of a deployment. The operator may give an organization others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// What all callers of an organization may ask together.
    pub organization: Rate,
    /// What each of them may ask; `None` is as much as the organization.
    pub caller: Option<Rate>,
}

impl Rates {
    /// Reads `RATE_LIMIT` and `CALLER_RATE_LIMIT`, each such as `50/100`. Without the first it is that.
    ///
    /// # Errors
    /// [`ConfigError`] for anything else.
    pub fn from_env() -> Result<Self, ConfigError> {
        let organization = env::parsed("RATE_LIMIT")?.unwrap_or(Rate::DEFAULT);
        Ok(Self { organization, caller: env::parsed("CALLER_RATE_LIMIT")? })
    }
}

/// Counts requests. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Limiter {
    table: Table,
    clock: Clock,
    rates: Rates,
    buckets: Arc<Mutex<HashMap<Bucket, Arc<Local>>>>,
}

/// What is told of a request in its answer: filled in when it is counted, which happens once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Option<Quota>>>);

/// What a caller may still ask. An estimate: other processes may have let requests pass of which this one has not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quota {
    limit: u32,
    remaining: u32,
    /// When everything may be asked again, in seconds since 1970.
    reset: i64,
}

impl Told {
    fn lock(&self) -> MutexGuard<'_, Option<Quota>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what is told into an answer's headers. Nothing is told to nobody: a request without a caller has no limit.
    pub(crate) fn show(&self, headers: &mut HeaderMap) {
        let Some(Quota { limit, remaining, reset }) = *self.lock() else { return };
        headers.insert(LIMIT, limit.into());
        headers.insert(REMAINING, remaining.into());
        headers.insert(RESET, HeaderValue::from(reset));
    }
}

impl Limiter {
    pub(crate) fn new(table: Table, clock: Clock, rates: Rates) -> Self {
        Self { table, clock, rates, buckets: Arc::default() }
    }

    /// Counts a request, unless it was counted before.
    ///
    /// # Errors
    /// `RATE_LIMIT_EXCEEDED` for one too many.
    pub(crate) async fn pass(&self, caller: &Caller, parts: &Parts) -> Result<(), Problem> {
        let told = parts.extensions.get::<Told>().cloned().unwrap_or_default();
        if told.lock().is_some() {
            return Ok(());
        }
        let beside = parts.extensions.get::<Beside>();
        let organizations = self.local(Bucket::Organization(caller.tenant.org));
        let admitted = self.admit(&organizations, beside).await;
        let mut quota = organizations.quota(self.now());
        let admitted = match (admitted, self.tighter(&organizations)) {
            (Ok(()), Some(rate)) => {
                let callers = self.local(Bucket::Caller(caller.tenant.org, caller.principal.as_uuid()));
                callers.state().rate = rate;
                let admitted = self.admit(&callers, beside).await;
                if admitted.is_err() {
                    organizations.state().give_back();
                }
                quota = std::cmp::min_by_key(quota, callers.quota(self.now()), |quota| quota.remaining);
                admitted
            }
            (admitted, _) => admitted,
        };
        *told.lock() = Some(Quota { remaining: if admitted.is_ok() { quota.remaining } else { 0 }, ..quota });
        admitted.map_err(|until| Problem::rate_limited(until.saturating_sub(self.now())))
    }

    /// The rate of each caller, if it is not that of the whole organization, whose bucket would refuse first.
    fn tighter(&self, organizations: &Local) -> Option<Rate> {
        let state = organizations.state();
        state.seen.caller_rate.or(self.rates.caller).filter(|rate| rate.is_tighter_than(state.rate))
    }

    /// Lets a request pass one bucket, or tells until when none can.
    async fn admit(&self, local: &Arc<Local>, beside: Option<&Beside>) -> Result<(), i64> {
        let verdict = local.state().ask(self.now());
        match verdict {
            Verdict::Pass => return Ok(()),
            Verdict::LastPass => {
                let (limiter, local) = (self.clone(), Arc::clone(local));
                let taking = async move { limiter.take(&local).await };
                match beside {
                    Some(beside) => beside.start(taking),
                    None => taking.await,
                }
                return Ok(());
            }
            Verdict::Refuse(until) => return Err(until),
            Verdict::Empty => {}
        }
        loop {
            self.take(local).await;
            // Every lot lets somebody pass; without one there is an instant to wait for.
            let passed = local.state().ask_again(self.now());
            if let Some(passed) = passed {
                return passed;
            }
        }
    }

    /// Takes a lot, unless one was taken while this waited for its turn. Without the table requests pass: who limits them is
    /// there to keep the service up, and must not be what brings it down.
    async fn take(&self, local: &Local) {
        let _turn = local.taking.lock().await;
        if !local.state().is_empty(self.now()) {
            return;
        }
        let fault = match tokio::time::timeout(TAKE_LIMIT, self.try_take(local)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the table did not answer in time".to_owned(),
        };
        local.state().fill();
        Metrics::Log.count(NOT_ENFORCED, self.clock.now());
        tracing::warn!(fault, "requests pass uncounted: the table cannot be asked");
    }

    async fn try_take(&self, local: &Local) -> Result<(), StoreError> {
        if !local.state().may_write_unseen(self.now()) {
            let seen = self.table.rate_bucket(local.bucket).await?;
            local.state().learn(seen, self.rates.organization, local.bucket);
        }
        for _ in 0..TRIES {
            let now = self.clock.now();
            let Some((seen, rate)) = local.state().begin_to_take(micros(now)) else { return Ok(()) };
            match self.table.take_lot(local.bucket, &seen, rate, now).await? {
                TakenLot::Done(bucket) => {
                    let mut state = local.state();
                    state.learn(bucket, self.rates.organization, local.bucket);
                    state.fill();
                    return Ok(());
                }
                TakenLot::Refused(bucket) => local.state().learn(bucket, self.rates.organization, local.bucket),
            }
        }
        // Others were faster each time, which takes the time of a lot.
        let mut state = local.state();
        state.wait_until = self.now().saturating_add(state.rate.micros_for(LOT));
        Ok(())
    }

    /// What this process knows of a bucket. A full memory forgets what was asked for longest ago.
    fn local(&self, bucket: Bucket) -> Arc<Local> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(local) = buckets.get(&bucket) {
            return Arc::clone(local);
        }
        if buckets.len() >= BUCKETS {
            let oldest = buckets.iter().min_by_key(|(_, local)| local.state().asked_at).map(|(bucket, _)| *bucket);
            oldest.and_then(|oldest| buckets.remove(&oldest));
        }
        let state = State { rate: self.rates.organization, seen: RateBucket::default(), left: LOT, asked_at: self.now(), wait_until: 0 };
        let local = Arc::new(Local { bucket, state: Mutex::new(state), taking: tokio::sync::Mutex::default() });
        buckets.insert(bucket, Arc::clone(&local));
        local
    }

    fn now(&self) -> i64 {
        micros(self.clock.now())
    }
}

/// A bucket as one process knows it.
#[derive(Debug)]
struct Local {
    bucket: Bucket,
    state: Mutex<State>,
    /// Held by who takes a lot.
    taking: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// The rate that the bucket fills at.
    rate: Rate,
    /// The shared bucket when it was last seen.
    seen: RateBucket,
    /// How many requests may pass before a lot is taken; [`LOT`] at most.
    left: u32,
    /// When the last request was made.
    asked_at: i64,
    /// Until when there is no lot to be had.
    wait_until: i64,
}

/// What a process can say of a request by itself.
enum Verdict {
    Pass,
    /// It passes, and none after it.
    LastPass,
    /// There is nothing before this instant.
    Refuse(i64),
    /// A lot must be taken first.
    Empty,
}

impl Local {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn quota(&self, now: i64) -> Quota {
        let state = self.state();
        let untold = LOT - state.left;
        let full_at = state.seen.full_at.max(now).saturating_add(state.rate.micros_for(untold));
        let reset = full_at.saturating_add(999_999).div_euclid(1_000_000);
        Quota { limit: state.rate.burst(), remaining: state.rate.held(state.seen.full_at, now).saturating_sub(untold), reset }
    }
}

impl State {
    /// A request is made.
    fn ask(&mut self, now: i64) -> Verdict {
        let quiet = now.saturating_sub(self.asked_at).saturating_sub(QUIET_AFTER).max(0);
        let back = u32::try_from(quiet / GIVEN_BACK_EACH).unwrap_or(LOT).min(LOT);
        self.left = (self.left + back).min(LOT);
        self.asked_at = self.asked_at.max(now);
        match self.left {
            0 if self.wait_until > now => Verdict::Refuse(self.wait_until),
            0 => Verdict::Empty,
            1 => {
                self.left = 0;
                Verdict::LastPass
            }
            _ => {
                self.left -= 1;
                Verdict::Pass
            }
        }
    }

    /// The same request, after a lot was asked for. `None` if others of this process took all of it.
    fn ask_again(&mut self, now: i64) -> Option<Result<(), i64>> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Some(Ok(()))
            }
            None => (self.wait_until > now).then_some(Err(self.wait_until)),
        }
    }

    /// Whether a lot must be taken and may be there.
    const fn is_empty(&self, now: i64) -> bool {
        self.left == 0 && self.wait_until <= now
    }

    /// The bucket and its rate for a write that takes a lot; `None` if there is none, until an instant that is noted.
    fn begin_to_take(&mut self, now: i64) -> Option<(RateBucket, Rate)> {
        let lot_from = self.rate.lot_from(self.seen.full_at);
        if lot_from > now {
            self.wait_until = lot_from;
            return None;
        }
        Some((self.seen, self.rate))
    }

    /// A request that had passed is refused elsewhere.
    fn give_back(&mut self) {
        self.left = (self.left + 1).min(LOT);
    }

    fn fill(&mut self) {
        self.left = LOT;
    }

    /// Whether a write will nearly always find the bucket as it was seen: one that was not full is not full before that
    /// instant, whoever takes from it, and half of it is not gone at once.
    fn may_write_unseen(&self, now: i64) -> bool {
        self.seen.full_at > now && self.rate.held(self.seen.full_at, now) >= self.rate.burst() / 2
    }

    /// Takes over how the bucket is.
    fn learn(&mut self, seen: RateBucket, default: Rate, bucket: Bucket) {
        self.seen = seen;
        if let Bucket::Organization(_) = bucket {
            self.rate = seen.rate.unwrap_or(default);
        }
    }
}

/// An instant in microseconds since 1970.
const fn micros(at: Timestamp) -> i64 {
    at.as_millis().saturating_mul(1000)
}
