//! An organization's bucket as one process knows it: what passed here and was not taken out of the shared one yet.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::rate::{LOT, Rate};
use store::{Bucket, RateBucket, Shares};
use uuid::Uuid;

use super::{Rates, told::Quota};

/// How many requests pass before a lot is taken.
const LOT_SIZE: usize = LOT as usize;

/// A gap between two requests gives back what passed, one request a second, except for its first second: who asks
/// without a pause gets nothing back. In microseconds.
const QUIET_AFTER: i64 = 1_000_000;
const GIVEN_BACK_EACH: i64 = 1_000_000;

#[derive(Debug)]
pub(super) struct Local {
    pub(super) bucket: Bucket,
    state: Mutex<State>,
    /// Held by who takes a lot.
    pub(super) taking: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
pub(super) struct State {
    /// What the deployment says.
    usual: Rates,
    /// The rate that the bucket fills at.
    rate: Rate,
    /// That of each caller, if it is not that of the whole organization, whose bucket would refuse first.
    caller_rate: Option<Rate>,
    /// The shared bucket when it was last seen.
    seen: RateBucket,
    /// Whose requests passed since a lot was taken, the first one first; a lot at most.
    passed: Vec<Uuid>,
    /// When the last request was made.
    pub(super) asked_at: i64,
    /// Until when there is no lot to be had.
    wait_until: i64,
}

/// What a process can say of a request by itself.
pub(super) enum Verdict {
    Pass,
    /// It passes, and none after it.
    LastPass,
    /// There is nothing before this instant.
    Refuse(i64),
    /// A lot must be taken first.
    Empty,
}

/// What is known of a bucket when a lot is to be taken from it.
pub(super) struct Taking {
    pub(super) seen: RateBucket,
    pub(super) rate: Rate,
    caller_rate: Option<Rate>,
    passed: Vec<Uuid>,
}

impl Taking {
    /// Whose requests the lot is for, if that is counted.
    pub(super) fn shares(&self) -> Option<Shares<'_>> {
        self.caller_rate.map(|rate| Shares { rate, callers: &self.passed })
    }
}

impl Local {
    /// A bucket of which nothing is known yet.
    pub(super) fn new(bucket: Bucket, usual: Rates, now: i64) -> Self {
        let mut state = State {
            usual,
            rate: usual.organization,
            caller_rate: None,
            seen: RateBucket::default(),
            passed: Vec::with_capacity(LOT_SIZE),
            asked_at: now,
            wait_until: 0,
        };
        state.learn(RateBucket::default());
        Self { bucket, state: Mutex::new(state), taking: tokio::sync::Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A caller makes a request.
    pub(super) fn ask(&mut self, caller: Uuid, now: i64) -> Verdict {
        let quiet = now.saturating_sub(self.asked_at).saturating_sub(QUIET_AFTER).max(0);
        let back = usize::try_from(quiet / GIVEN_BACK_EACH).unwrap_or(LOT_SIZE);
        self.passed.drain(..back.min(self.passed.len()));
        self.asked_at = self.asked_at.max(now);
        if self.passed.len() >= LOT_SIZE {
            return if self.wait_until > now { Verdict::Refuse(self.wait_until) } else { Verdict::Empty };
        }
        // Before it is counted: what one caller may not ask is not taken from the others.
        if let Some(rate) = self.caller_rate.filter(|rate| self.left_of(caller, *rate, now) == 0) {
            return Verdict::Refuse(rate.one_from(self.full_at_of(caller, rate, now)).max(now.saturating_add(1)));
        }
        self.passed.push(caller);
        if self.passed.len() < LOT_SIZE { Verdict::Pass } else { Verdict::LastPass }
    }

    /// How many requests of a caller passed here and were not told.
    fn untold(&self, caller: Uuid) -> u32 {
        let untold = self.passed.iter().filter(|passed| **passed == caller).count();
        u32::try_from(untold).unwrap_or(LOT)
    }

    /// How many requests are left to a caller.
    fn left_of(&self, caller: Uuid, rate: Rate, now: i64) -> u32 {
        rate.held(self.seen.full_at_of(caller), now).saturating_sub(self.untold(caller))
    }

    /// When the bucket of a caller is full again, with what it asked here.
    fn full_at_of(&self, caller: Uuid, rate: Rate, now: i64) -> i64 {
        self.seen.full_at_of(caller).max(now).saturating_add(rate.micros_for(self.untold(caller)))
    }

    /// What is left for a caller: of its own rate or of the organization's, whichever is nearer.
    pub(super) fn quota(&self, caller: Uuid, now: i64) -> Quota {
        let untold = u32::try_from(self.passed.len()).unwrap_or(LOT);
        let full_at = self.seen.full_at.max(now).saturating_add(self.rate.micros_for(untold));
        let of_all = Quota::new(self.rate.burst(), self.rate.held(self.seen.full_at, now).saturating_sub(untold), full_at);
        let of_caller =
            self.caller_rate.map(|rate| Quota::new(rate.burst(), self.left_of(caller, rate, now), self.full_at_of(caller, rate, now)));
        of_caller.into_iter().fold(of_all, |nearer, other| std::cmp::min_by_key(nearer, other, |quota| quota.remaining))
    }

    /// Whether a lot must be taken and may be there.
    pub(super) const fn is_empty(&self, now: i64) -> bool {
        self.passed.len() >= LOT_SIZE && self.wait_until <= now
    }

    /// What is needed for a write that takes a lot; `None` if there is none, until an instant that is noted.
    pub(super) fn begin_to_take(&mut self, now: i64) -> Option<Taking> {
        let lot_from = self.rate.lot_from(self.seen.full_at);
        if lot_from > now {
            self.wait_until = lot_from;
            return None;
        }
        Some(Taking { seen: self.seen.clone(), rate: self.rate, caller_rate: self.caller_rate, passed: self.passed.clone() })
    }

    /// A lot is there, whether it was taken or cannot be counted.
    pub(super) fn fill(&mut self) {
        self.passed.clear();
    }

    /// Others took each time: waits for as long as a lot takes to come back.
    pub(super) fn wait(&mut self, now: i64) {
        self.wait_until = now.saturating_add(self.rate.micros_for(LOT));
    }

    /// Whether a write will nearly always find the buckets as they were seen: one that was not full is not full before that
    /// instant, whoever takes from it, and half of the organization's is not gone at once.
    pub(super) fn may_write_unseen(&self, now: i64) -> bool {
        let callers_known = self.caller_rate.is_none() || self.passed.iter().all(|caller| self.seen.full_at_of(*caller) > now);
        callers_known && self.seen.full_at > now && self.rate.held(self.seen.full_at, now) >= self.rate.burst() / 2
    }

    /// Takes over how the bucket is.
    pub(super) fn learn(&mut self, seen: RateBucket) {
        self.rate = seen.rate.unwrap_or(self.usual.organization);
        self.caller_rate = seen.caller_rate.or(self.usual.caller).filter(|rate| rate.is_tighter_than(self.rate));
        self.seen = seen;
    }
}
