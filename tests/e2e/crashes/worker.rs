//! A function at work on a queue, killed again and again: at requests, before and after they are passed on, and at any
//! time.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    time::Duration,
};

use serde_json::Value;
use testkit::{
    event_source::{EventSource, MAX_BATCH, MAX_RECEIVES},
    faults::{Moment, Stop, Wire},
    lambda::{Function, Outcome},
    load::Dice,
};
use tokio::time::sleep;

/// The longest time after which a function is killed by the clock, in milliseconds: what one that has just been started
/// takes for a batch, and a little more.
const MAX_LIFE_MILLIS: u64 = 150;

/// A function and who kills it.
pub(super) struct Worker {
    function: Function,
    wire: Wire,
    dice: Dice,
    /// How many of ten invocations are killed at a request, and how many by the clock.
    kills: (u64, u64),
    /// About how many requests it makes for a message.
    requests: u32,
    pub(super) deaths: Deaths,
}

/// Where a function was killed.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    /// At these operations, before and after them.
    at: BTreeSet<(String, Moment)>,
    pub(super) at_requests: u32,
    pub(super) by_the_clock: u32,
}

/// How long an invocation may live.
#[derive(Clone, Copy)]
enum Life {
    Whole,
    Until(Stop),
    For(Duration),
}

impl Worker {
    /// A function that nobody kills.
    pub(super) fn new(function: Function, wire: Wire, seed: u64) -> Self {
        Self { function, wire, dice: Dice::new(seed), kills: (0, 0), requests: 4, deaths: Deaths::default() }
    }

    /// Has so many of ten invocations killed at a request, and so many by the clock, if they live that long.
    pub(super) fn killed(self, at_requests: u64, by_the_clock: u64) -> Self {
        Self { kills: (at_requests, by_the_clock), ..self }
    }

    /// Says that it makes about so many requests for a message.
    pub(super) fn asking(self, requests: u32) -> Self {
        Self { requests, ..self }
    }

    /// Works until the queue is empty. A message that would be given up next time is not killed any more: that a queue
    /// gives up is its own protection and no loss of the function's.
    pub(super) async fn work(&mut self, source: &EventSource) {
        loop {
            let most = [1, 3, MAX_BATCH][usize::try_from(self.dice.below(3)).unwrap()];
            let Some(batch) = source.receive(most).await else {
                if source.left().await == 0 {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            let requests = 4 + self.requests * u32::try_from(batch.len()).unwrap();
            let life = if batch.receives() < MAX_RECEIVES { self.life(requests) } else { Life::Whole };
            let outcome = self.invoke(batch.event(), life).await;
            source.settle(batch, &outcome).await;
        }
    }

    /// Invokes the function once with an event for which it makes about so many requests; whether it answered.
    pub(super) async fn invoke_once(&mut self, event: Value, requests: u32) -> bool {
        let life = self.life(requests);
        matches!(self.invoke(event, life).await, Outcome::Answered(_))
    }

    /// Invokes the function once and lets it live.
    pub(super) async fn invoke_unharmed(&mut self, event: Value) {
        let outcome = self.invoke(event, Life::Whole).await;
        assert!(matches!(outcome, Outcome::Answered(_)), "{outcome:?}");
    }

    fn life(&mut self, requests: u32) -> Life {
        let (at_requests, by_the_clock) = self.kills;
        let roll = self.dice.below(10);
        if roll < at_requests {
            let number = 1 + u32::try_from(self.dice.below(requests.into())).unwrap();
            let moment = if self.dice.below(2) == 0 { Moment::Before } else { Moment::After };
            Life::Until(Stop { number, moment })
        } else if roll < at_requests + by_the_clock {
            Life::For(Duration::from_millis(self.dice.below(MAX_LIFE_MILLIS)))
        } else {
            Life::Whole
        }
    }

    async fn invoke(&mut self, event: Value, life: Life) -> Outcome {
        let stop = if let Life::Until(stop) = life { Some(stop) } else { None };
        self.wire.begin(stop);
        let mut died_at = None;
        let (wire, place) = (&self.wire, &mut died_at);
        let kill = async move {
            match life {
                Life::Whole => pending().await,
                Life::For(time) => sleep(time).await,
                Life::Until(stop) => *place = Some((wire.stopped().await, stop.moment)),
            }
        };
        let outcome = self.function.invoke(event, kill).await;
        assert!(matches!(outcome, Outcome::Answered(_) | Outcome::Killed), "the function is not to fail as a whole: {outcome:?}");
        if outcome == Outcome::Killed {
            self.deaths.note(died_at);
        }
        outcome
    }
}

impl Deaths {
    fn note(&mut self, at: Option<(String, Moment)>) {
        match at {
            Some(at) => {
                self.at.insert(at);
                self.at_requests += 1;
            }
            None => self.by_the_clock += 1,
        }
    }

    /// How many there were.
    pub(super) const fn count(&self) -> u32 {
        self.at_requests + self.by_the_clock
    }

    pub(super) fn add(&mut self, other: Self) {
        self.at.extend(other.at);
        self.at_requests += other.at_requests;
        self.by_the_clock += other.by_the_clock;
    }

    /// Asserts that there were enough, and on both sides of every operation that is no rare one among those counted.
    pub(super) fn are_everywhere(&self, operations: &BTreeMap<String, u64>, least: u32) {
        assert!(self.count() >= least && self.by_the_clock > 0, "too few kills: {self:?}");
        let all: u64 = operations.values().sum();
        let often = operations.iter().filter(|(_, times)| *times * 50 >= all).map(|(name, _)| name);
        let wanted = often.flat_map(|name| [Moment::Before, Moment::After].map(|moment| (name.clone(), moment)));
        let missing: Vec<(String, Moment)> = wanted.filter(|at| !self.at.contains(at)).collect();
        assert!(missing.is_empty(), "never killed at {missing:?} of {operations:?}");
    }
}
