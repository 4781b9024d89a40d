//! The pace of a webhook receiver that is slow, or asks for less: how many attempts it may hold at once, and so how often one
//! may begin.

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
    /// Until when it asked to be left alone, if it did.
    pub asked_until: Option<Timestamp>,
    /// The first turn that was not given yet; what lies behind is nobody's.
    pub free_at: Option<Timestamp>,
}

impl Pace {
    /// A receiver whose attempt took so long just now.
    #[must_use]
    pub fn new(receiver: ReceiverId, took_millis: u64, now: Timestamp) -> Self {
        Self { receiver, took_millis, slow_until: now.plus_millis(SLOW_FOR_MILLIS), asked_until: None, free_at: None }
    }

    /// A receiver that pushed an attempt back just now, and asked to be left alone for so long, 0 if it did not say.
    ///
    /// It counts as one that is just slow ([`SLOW_MILLIS`]); while it was `known` to be slow and pushes back again, as one that
    /// takes twice as long as before, up to `most_millis`.
    #[must_use]
    pub fn pushed_back(known: Option<&Self>, attempt: Self, asked_millis: i64, most_millis: u64, now: Timestamp) -> Self {
        let paced = known.filter(|known| known.is_slow(now)).map_or(SLOW_MILLIS, |known| {
            // What was noted a moment ago speaks for all attempts that were on their way.
            if known.is_old(now) { known.took_millis.saturating_mul(2) } else { known.took_millis }
        });
        let asked_until = (asked_millis > 0).then(|| now.plus_millis(asked_millis.min(AHEAD_MILLIS)));
        Self { took_millis: attempt.took_millis.max(paced.min(most_millis)), asked_until, ..attempt }
    }

    /// Whether it is slow still, or wants to be left alone.
    #[must_use]
    pub fn is_slow(&self, now: Timestamp) -> bool {
        now < self.slow_until || self.asks_until(now).is_some()
    }

    /// Until when it wants to be left alone, if it does now.
    #[must_use]
    pub fn asks_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.asked_until.filter(|until| now < *until)
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

    #[rstest]
    #[case::not_known_before(None, 0, SLOW_MILLIS)]
    #[case::known_for_a_moment(Some(2_000), 9_999, 2_000)]
    #[case::again_after_ten_seconds(Some(2_000), 10_001, 4_000)]
    #[case::and_again(Some(4_000), 30_000, 8_000)]
    #[case::as_one_that_hangs(Some(8_000), 30_000, 10_000)]
    #[case::slower_than_that(Some(12_000), 5_000, 10_000)]
    #[case::no_longer_slow(Some(8_000), 60_000, SLOW_MILLIS)]
    fn who_pushes_back_gets_less_and_less(#[case] known: Option<u64>, #[case] after: i64, #[case] took: u64) {
        let (known, now) = (known.map(pace), Timestamp::EPOCH.plus_millis(after));
        let attempt = |took_millis| Pace::new(pace(0).receiver, took_millis, now);
        let pushed_back = |took_millis| Pace::pushed_back(known.as_ref(), attempt(took_millis), 0, 10_000, now);
        assert_eq!(pushed_back(30), Pace { took_millis: took, ..attempt(0) });
        assert_eq!(pushed_back(11_000).took_millis, 11_000, "what it took itself counts too");
    }

    #[rstest]
    #[case(0, None)]
    #[case(-5, None)]
    #[case(120_000, Some(120_000))]
    #[case(i64::MAX, Some(AHEAD_MILLIS))]
    fn who_asks_is_left_alone_for_so_long_and_fifteen_minutes_at_most(#[case] asked: i64, #[case] until: Option<i64>) {
        let now = Timestamp::EPOCH;
        let pace = Pace::pushed_back(None, pace(1), asked, 10_000, now);
        assert_eq!(pace.asks_until(now), until.map(|millis| now.plus_millis(millis)));
        let end = until.unwrap_or(0).max(SLOW_FOR_MILLIS);
        assert!(pace.is_slow(now.plus_millis(end - 1)) && !pace.is_slow(now.plus_millis(end)));
    }
}
