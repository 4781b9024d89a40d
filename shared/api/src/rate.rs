//! Rate limits: how many requests the callers of an organization may make, and what an answer tells of it (ADRs 0025, 0034).
//!
//! A process lets ten requests of an organization pass by itself. The tenth has it take ten more out of the bucket that all
//! processes share, beside the request; while there are none it refuses. Who asks little in a process gets what passed
//! back with time, so that nothing is read or written for it. Requests that are no organization's are counted by each process
//! alone.

mod local;
mod strangers;
mod told;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{Timestamp, rate::Rate};
use http::Extensions;
use runtime::{
    Clock, Metrics,
    env::{self, ConfigError},
};
use store::{Bucket, StoreError, Table, TakenLot};
use uuid::Uuid;

use crate::{beside::Beside, problem::Problem};
use local::{Local, Verdict};
pub(crate) use strangers::Stranger;
pub use strangers::Strangers;
pub(crate) use told::{HEADERS, Told};

/// The most organizations whose buckets a process knows of.
const BUCKETS: usize = 1_000;

/// The longest that a lot is waited for. After it the requests pass.
const TAKE_LIMIT: Duration = Duration::from_millis(300);

/// How often requests passed uncounted, for the alarm.
const NOT_ENFORCED: &str = "RateLimitNotEnforced";

/// How often a lot is tried for when others take at the same moment.
const TRIES: usize = 3;

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
    strangers: Strangers,
}

impl Limiter {
    pub(crate) fn new(table: Table, clock: Clock, rates: Rates) -> Self {
        let strangers = Strangers::new(rates.organization, clock.clone());
        Self { table, clock, rates, buckets: Arc::default(), strangers }
    }

    /// Who counts requests that are no organization's.
    pub(crate) const fn strangers(&self) -> &Strangers {
        &self.strangers
    }

    /// Counts a request of an organization's caller, unless it was counted before.
    ///
    /// # Errors
    /// `RATE_LIMIT_EXCEEDED` for one too many.
    pub(crate) async fn pass(&self, bucket: Bucket, caller: Uuid, request: &Extensions) -> Result<(), Problem> {
        let told = Told::of(request);
        if !told.is_open() {
            return Ok(());
        }
        let local = self.local(bucket);
        let admitted = self.admit(&local, caller, request.get()).await;
        let quota = local.state().quota(caller, self.now());
        told.count(quota, admitted.is_ok());
        admitted.map_err(|until| Problem::rate_limited(until.saturating_sub(self.now())))
    }

    /// Lets a request pass, or tells until when none can.
    async fn admit(&self, local: &Arc<Local>, caller: Uuid, beside: Option<&Beside>) -> Result<(), i64> {
        loop {
            let verdict = local.state().ask(caller, self.now());
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
                // Every lot lets somebody pass; without one there is an instant to wait for.
                Verdict::Empty => self.take(local).await,
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
            local.state().learn(seen);
        }
        for _ in 0..TRIES {
            let now = self.clock.now();
            let Some(taking) = local.state().begin_to_take(micros(now)) else { return Ok(()) };
            match self.table.take_lot(local.bucket, &taking.seen, taking.rate, taking.shares(), now).await? {
                TakenLot::Done(bucket) => {
                    let mut state = local.state();
                    state.learn(bucket);
                    state.fill();
                    return Ok(());
                }
                TakenLot::Refused(bucket) => local.state().learn(bucket),
            }
        }
        local.state().wait(self.now());
        Ok(())
    }

    /// What this process knows of an organization's bucket. A full memory forgets what was asked for longest ago.
    fn local(&self, bucket: Bucket) -> Arc<Local> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(local) = buckets.get(&bucket) {
            return Arc::clone(local);
        }
        if buckets.len() >= BUCKETS {
            let oldest = buckets.iter().min_by_key(|(_, local)| local.state().asked_at).map(|(bucket, _)| *bucket);
            oldest.and_then(|oldest| buckets.remove(&oldest));
        }
        let local = Arc::new(Local::new(bucket, self.rates, self.now()));
        buckets.insert(bucket, Arc::clone(&local));
        local
    }

    fn now(&self) -> i64 {
        micros(self.clock.now())
    }
}

/// An instant in microseconds since 1970.
const fn micros(at: Timestamp) -> i64 {
    at.as_millis().saturating_mul(1000)
}
