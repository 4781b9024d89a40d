//! What follows an attempt: delivered, again later, dead, or the receiver switched off. Pure: no clock, no dice.

use crate::client::Outcome;

/// Seconds from a failed attempt to the next, before jitter. The attempt after the last of them was the last one.
pub const RETRY_SECONDS: [u32; 8] = [5, 60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600];

/// How many attempts a delivery has in all.
pub const MAX_ATTEMPTS: u32 = 1 + RETRY_SECONDS.len() as u32;

/// The longest delay that SQS carries, in seconds; what is due later has to wait elsewhere.
/// Source: `DelaySeconds` of the SQS API reference.
pub const MAX_QUEUE_DELAY_SECONDS: u32 = 900;

/// The longest wait that a receiver can ask for, in seconds: the longest step of our own.
const MAX_RETRY_AFTER_SECONDS: u64 = 10 * 3600;

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The receiver took it.
    Delivered,
    /// Try again after so many seconds, to be passed through [`jittered`].
    RetryIn(u32),
    /// Every attempt failed; only a replay can help.
    Dead,
    /// The receiver said 410 Gone: it wants no more of anything.
    Disabled,
}

/// Decides what follows attempt number `attempt` (from 1) with this outcome.
///
/// `retry_after_seconds` is what the receiver asked for in `Retry-After`; it counts only beside 429, 502, 503 and
/// 504, only if it is longer than the schedule's step, and for 10 hours at most. It is stretched by the jitter's
/// lower bound, so that no attempt comes before the time the receiver named.
#[must_use]
pub fn after(attempt: u32, outcome: &Outcome, retry_after_seconds: Option<u64>) -> Next {
    let status = match outcome {
        Outcome::Answered { status } => Some(*status),
        Outcome::Refused { .. } | Outcome::Timeout | Outcome::Connection(_) => None,
    };
    match status {
        Some(200..=299) => return Next::Delivered,
        Some(410) => return Next::Disabled,
        _ => {}
    }
    let step = usize::try_from(attempt.saturating_sub(1)).ok().and_then(|index| RETRY_SECONDS.get(index));
    let Some(step) = step else { return Next::Dead };
    let asked = retry_after_seconds.filter(|_| matches!(status, Some(429 | 502 | 503 | 504))).unwrap_or(0);
    let asked = asked.min(MAX_RETRY_AFTER_SECONDS);
    let stretched = u32::try_from((asked * 5).div_ceil(4)).unwrap_or(u32::MAX);
    Next::RetryIn(stretched.max(*step))
}

/// Spreads a delay by ±20 %, so that deliveries which failed together do not come back together.
///
/// `random` is any uniformly distributed number; the result is in seconds, from 80 % to 120 % of `seconds`, at
/// least 1.
#[must_use]
pub fn jittered(seconds: u32, random: u32) -> u32 {
    let low = (u64::from(seconds) * 4).div_ceil(5);
    let high = u64::from(seconds) * 6 / 5;
    let delay = low + ((u64::from(random) * (high - low + 1)) >> 32);
    u32::try_from(delay).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::client::ConnectionFault;

    fn answered(status: u16) -> Outcome {
        Outcome::Answered { status }
    }

    #[rstest]
    #[case(200, Next::Delivered)]
    #[case(204, Next::Delivered)]
    #[case(299, Next::Delivered)]
    #[case(410, Next::Disabled)]
    #[case(199, Next::RetryIn(5))]
    #[case(301, Next::RetryIn(5))]
    #[case(307, Next::RetryIn(5))]
    #[case(400, Next::RetryIn(5))]
    #[case(404, Next::RetryIn(5))]
    #[case(429, Next::RetryIn(5))]
    #[case(500, Next::RetryIn(5))]
    fn the_status_decides(#[case] status: u16, #[case] next: Next) {
        assert_eq!(after(1, &answered(status), None), next);
    }

    #[test]
    fn every_failure_follows_the_schedule_and_ends_dead() {
        let failures = [answered(500), Outcome::Timeout, Outcome::Connection(ConnectionFault::Dns), Outcome::Refused { address: None }];
        for failure in &failures {
            let steps: Vec<Next> = (1..=MAX_ATTEMPTS).map(|attempt| after(attempt, failure, None)).collect();
            let mut expected: Vec<Next> = [5, 60, 300, 1800, 7200, 18_000, 36_000, 36_000].map(Next::RetryIn).into();
            expected.push(Next::Dead);
            assert_eq!(steps, expected);
            assert_eq!(after(MAX_ATTEMPTS + 1, failure, None), Next::Dead);
            assert_eq!(after(u32::MAX, failure, None), Next::Dead);
        }
        assert_eq!(after(0, &answered(500), None), Next::RetryIn(5));
        assert_eq!(after(MAX_ATTEMPTS, &answered(200), None), Next::Delivered);
        assert_eq!(after(MAX_ATTEMPTS, &answered(410), None), Next::Disabled);
    }

    #[rstest]
    #[case(503, 100, Next::RetryIn(125))]
    #[case(429, 101, Next::RetryIn(127))]
    #[case(502, 1, Next::RetryIn(5))]
    #[case(504, u64::MAX, Next::RetryIn(45_000))]
    #[case(500, 100, Next::RetryIn(5))]
    #[case(404, 100, Next::RetryIn(5))]
    #[case(410, 100, Next::Disabled)]
    fn retry_after_counts_beside_four_statuses_only(#[case] status: u16, #[case] asked: u64, #[case] next: Next) {
        assert_eq!(after(1, &answered(status), Some(asked)), next);
    }

    #[test]
    fn retry_after_does_not_revive_the_dead() {
        assert_eq!(after(MAX_ATTEMPTS, &answered(503), Some(10)), Next::Dead);
    }

    #[rstest]
    #[case(5, 0, 4)]
    #[case(5, u32::MAX, 6)]
    #[case(60, 0, 48)]
    #[case(60, u32::MAX, 72)]
    #[case(1, 0, 1)]
    #[case(0, u32::MAX, 1)]
    fn jitter_spans_twenty_per_cent_both_ways(#[case] seconds: u32, #[case] random: u32, #[case] delay: u32) {
        assert_eq!(jittered(seconds, random), delay);
    }

    proptest! {
        #[test]
        fn jitter_stays_within_twenty_per_cent(seconds in 1_u32..1_000_000, random: u32) {
            let delay = jittered(seconds, random);
            prop_assert!(u64::from(delay) * 5 >= u64::from(seconds) * 4 && u64::from(delay) * 5 <= u64::from(seconds) * 6);
        }

        #[test]
        fn no_attempt_comes_before_the_time_that_was_asked_for(asked in 0_u64..=36_000, random: u32, attempt in 1_u32..9) {
            let Next::RetryIn(seconds) = after(attempt, &answered(503), Some(asked)) else { unreachable!() };
            prop_assert!(u64::from(jittered(seconds, random)) >= asked);
        }
    }
}
