//! Statistics of calls: integer sums by how calls ended and who called whom, and what filters keep of them.
//!
//! Sums are the same however calls are grouped before they are added, so a total over rows equals a total over calls.

mod filter;
#[cfg(test)]
mod tests;

use std::ops::{AddAssign, SubAssign};

pub use filter::CallFilter;

use crate::call::{CallStatus, Counted, Direction};

/// Sums over some calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many calls.
    pub calls: i64,
    /// How many of them were answered.
    pub answered: i64,
    /// Seconds of conversation.
    pub duration: i64,
    /// Cost in millionths of a US cent.
    pub cost_micro_cents: i128,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.answered += other.answered;
        self.duration += other.duration;
        self.cost_micro_cents += other.cost_micro_cents;
    }
}

impl SubAssign for Sums {
    fn sub_assign(&mut self, other: Self) {
        self.calls -= other.calls;
        self.answered -= other.answered;
        self.duration -= other.duration;
        self.cost_micro_cents -= other.cost_micro_cents;
    }
}

impl Sums {
    /// The sums over one call.
    #[must_use]
    pub fn of(call: &Counted) -> Self {
        Self {
            calls: 1,
            answered: i64::from(call.answered),
            duration: i64::from(call.duration),
            cost_micro_cents: i128::from(call.cost_micro_cents),
        }
    }
}

/// How a call went: its status and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// How far it came.
    pub status: CallStatus,
    /// Who called whom.
    pub direction: Direction,
}

impl Outcome {
    /// Every outcome, those of calls that go on included.
    pub fn all() -> impl Iterator<Item = Self> {
        CallStatus::ALL.into_iter().flat_map(|status| Direction::ALL.into_iter().map(move |direction| Self { status, direction }))
    }

    /// The outcomes of calls that are over.
    pub fn terminal() -> impl Iterator<Item = Self> {
        Self::all().filter(|outcome| outcome.status.is_terminal())
    }

    const fn index(self) -> usize {
        self.status as usize * 2 + self.direction as usize
    }
}

impl From<&Counted> for Outcome {
    fn from(call: &Counted) -> Self {
        Self { status: call.status, direction: call.direction }
    }
}

/// Sums by outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breakdown([Sums; 14]);

impl Breakdown {
    /// The sums of one outcome.
    #[must_use]
    pub fn at(&self, outcome: Outcome) -> Sums {
        self.0.get(outcome.index()).copied().unwrap_or_default()
    }

    /// Adds sums to an outcome.
    pub fn add(&mut self, outcome: Outcome, sums: Sums) {
        if let Some(at) = self.0.get_mut(outcome.index()) {
            *at += sums;
        }
    }

    /// Adds one call.
    pub fn count(&mut self, call: &Counted) {
        self.add(call.into(), Sums::of(call));
    }

    /// The sums over the outcomes for which `keeps` holds.
    pub fn sum(&self, keeps: impl Fn(Outcome) -> bool) -> Sums {
        let mut sums = Sums::default();
        Outcome::all().filter(|outcome| keeps(*outcome)).for_each(|outcome| sums += self.at(outcome));
        sums
    }

    /// The part that a filter's status and direction keep.
    #[must_use]
    pub fn kept(&self, filter: &CallFilter) -> Self {
        let mut kept = Self::default();
        Outcome::all().filter(|outcome| filter.keeps(*outcome)).for_each(|outcome| kept.add(outcome, self.at(outcome)));
        kept
    }

    /// How many calls there are.
    #[must_use]
    pub fn calls(&self) -> i64 {
        self.sum(|_| true).calls
    }
}

impl AddAssign<&Self> for Breakdown {
    fn add_assign(&mut self, other: &Self) {
        Outcome::all().for_each(|outcome| self.add(outcome, other.at(outcome)));
    }
}
