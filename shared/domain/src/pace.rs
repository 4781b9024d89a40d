//! The pace of a webhook receiver that is slow: how many attempts it may hold at once, and so how often one may begin.

use crate::{Timestamp, webhook::ReceiverId};

/// How long an attempt takes, at least, that makes its receiver a slow one, in milliseconds.
pub const SLOW_MILLIS: u64 = 2_000;

/// How many attempts a slow receiver may hold at once, all senders taken together.
pub const AT_ONCE: i64 = 10;

/// How long a receiver stays slow after its last slow attempt: a minute, in milliseconds.
pub const SLOW_FOR_MILLIS: i64 = 60_000;

/// How far ahead turns are given: as long as a queue holds a message back, in milliseconds.
pub const AHEAD_MILLIS: i64 = 900_000;

/// What is known of a slow receiver. Of one that is not nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// The receiver.
    pub receiver: ReceiverId,
    /// How long its last slow attempt took, in milliseconds.
    pub took_millis: u64,
    /// Until when it counts as slow.
    pub slow_until: Timestamp,
    /// The first turn that was not given yet; what lies behind is nobody's.
    pub free_at: Option<Timestamp>,
}

impl Pace {
    /// A receiver whose attempt took so long just now.
    #[must_use]
    pub fn new(receiver: ReceiverId, took_millis: u64, now: Timestamp) -> Self {
        Self { receiver, took_millis, slow_until: now.plus_millis(SLOW_FOR_MILLIS), free_at: None }
    }

    /// Whether it is slow still.
    #[must_use]
    pub fn is_slow(&self, now: Timestamp) -> bool {
        now < self.slow_until
    }

    /// How long after an attempt the next one may begin, in milliseconds: attempts that take so long and begin so far apart
    /// are [`AT_ONCE`] at a time.
    #[must_use]
    pub fn gap_millis(&self) -> i64 {
        (i64::try_from(self.took_millis).unwrap_or(i64::MAX) / AT_ONCE).clamp(1, AHEAD_MILLIS / AT_ONCE)
    }

    /// Whether it was noted so long ago that the next slow attempt has to be noted again.
    #[must_use]
    pub fn is_old(&self, now: Timestamp) -> bool {
        self.slow_until.millis_since(now) < SLOW_FOR_MILLIS * 5 / 6
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn pace(took_millis: u64) -> Pace {
        let receiver = ReceiverId::Endpoint("0198c0de-0000-7000-8000-000000000001".parse().unwrap());
        Pace::new(receiver, took_millis, Timestamp::EPOCH)
    }

    #[rstest]
    #[case(10_000, 1_000)]
    #[case(2_000, 200)]
    #[case(0, 1)]
    #[case(u64::MAX, 90_000)]
    fn ten_attempts_are_on_their_way_at_a_time(#[case] took: u64, #[case] gap: i64) {
        assert_eq!(pace(took).gap_millis(), gap);
    }

    #[rstest]
    #[case(0, true, false)]
    #[case(10_000, true, false)]
    #[case(10_001, true, true)]
    #[case(59_999, true, true)]
    #[case(60_000, false, true)]
    fn a_receiver_is_slow_for_a_minute(#[case] after: i64, #[case] is_slow: bool, #[case] is_old: bool) {
        let now = Timestamp::EPOCH.plus_millis(after);
        assert_eq!((pace(2_000).is_slow(now), pace(2_000).is_old(now)), (is_slow, is_old));
    }
}
