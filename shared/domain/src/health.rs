//! The health of a webhook receiver: since when nothing but failures came back, and what follows from that.

use crate::{Timestamp, webhook::ReceiverId};

/// How long a receiver may do nothing but fail before it is switched off: 120 hours, in milliseconds.
pub const DISABLE_AFTER_MILLIS: i64 = 120 * 3_600_000;

/// After how much of that time, in per cent, its organization is told; at the last of them it is switched off.
pub const NOTICES: [u8; 4] = [50, 70, 90, 100];

/// After so many failures in a row nothing is sent but probes.
pub const OPEN_AFTER: u32 = 10;

/// Seconds between a probe and the next; the last of them goes on.
pub const PROBE_SECONDS: [u32; 3] = [5, 60, 300];

/// What is known of a receiver that fails. Of one that does not nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The receiver.
    pub receiver: ReceiverId,
    /// When the first of its failures was.
    pub failing_since: Timestamp,
    /// How many there were in a row, or since a replay was asked for.
    pub failures: u32,
    /// The last notice that was given, in per cent; 0 if there was none.
    pub told: u8,
    /// When the next probe may be sent, once nothing else is.
    pub probe_at: Option<Timestamp>,
}

impl Health {
    /// The notice that has to be given now, in per cent: the highest that is due and was not given.
    #[must_use]
    pub fn notice(&self, now: Timestamp) -> Option<u8> {
        let failing = now.millis_since(self.failing_since);
        let due = NOTICES.into_iter().rev().find(|percent| failing * 100 >= DISABLE_AFTER_MILLIS * i64::from(*percent));
        due.filter(|percent| *percent > self.told)
    }

    /// Whether nothing but probes is sent.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.failures >= OPEN_AFTER
    }

    /// When it is switched off unless something succeeds before.
    #[must_use]
    pub fn disables_at(&self) -> Timestamp {
        self.failing_since.plus_millis(DISABLE_AFTER_MILLIS)
    }

    /// How long after a probe the next one may be sent, in milliseconds.
    #[must_use]
    pub fn probe_millis(&self) -> i64 {
        let at = usize::try_from(self.failures.saturating_sub(OPEN_AFTER)).unwrap_or(usize::MAX);
        i64::from(PROBE_SECONDS.get(at).or(PROBE_SECONDS.last()).copied().unwrap_or(0)) * 1_000
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HOUR: i64 = 3_600_000;

    fn health(failures: u32, told: u8) -> Health {
        let receiver = ReceiverId::Endpoint("0198c0de-0000-7000-8000-000000000001".parse().unwrap());
        Health { receiver, failing_since: Timestamp::EPOCH, failures, told, probe_at: None }
    }

    #[rstest]
    #[case(0, 0, None)]
    #[case(60 * HOUR - 1, 0, None)]
    #[case(60 * HOUR, 0, Some(50))]
    #[case(60 * HOUR, 50, None)]
    #[case(84 * HOUR, 50, Some(70))]
    #[case(109 * HOUR, 0, Some(90))]
    #[case(120 * HOUR, 90, Some(100))]
    #[case(500 * HOUR, 100, None)]
    fn notices_are_given_once_and_the_highest_speaks_for_those_before(#[case] millis: i64, #[case] told: u8, #[case] notice: Option<u8>) {
        assert_eq!(health(1, told).notice(Timestamp::EPOCH.plus_millis(millis)), notice);
    }

    #[rstest]
    #[case(9, false, 5_000)]
    #[case(10, true, 5_000)]
    #[case(11, true, 60_000)]
    #[case(12, true, 300_000)]
    #[case(u32::MAX, true, 300_000)]
    fn probes_are_sent_less_and_less_often(#[case] failures: u32, #[case] is_open: bool, #[case] millis: i64) {
        assert_eq!((health(failures, 0).is_open(), health(failures, 0).probe_millis()), (is_open, millis));
    }
}
