//! What follows an attempt: delivered, again later, dead, or the receiver switched off. Pure: no clock, no dice.

use domain::DeliveryId;

use crate::client::Outcome;

/// Seconds from a failed attempt to the next, before jitter. The attempt after the last of them was the last one.
pub const RETRY_SECONDS: [u32; 8] = [5, 60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600];

/// How many attempts a delivery has in all.
pub const MAX_ATTEMPTS: u32 = 1 + RETRY_SECONDS.len() as u32;

/// The longest delay that SQS carries, in seconds; what is due later has to wait elsewhere.
/// Source: `DelaySeconds` of the SQS API reference.
pub const MAX_QUEUE_DELAY_SECONDS: u32 = 900;

/// How much longer than the schedule's step a receiver can ask to wait.
const MOST_STEPS: u32 = 2;

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The receiver took it.
    Delivered,
    /// Try again later.
    RetryIn(Wait),
    /// Every attempt failed; only a replay can help.
    Dead,
    /// The receiver said 410 Gone: it wants no more of anything.
    Disabled,
}

/// How long to wait for the next attempt, before it is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The schedule's step, in seconds.
    pub step_seconds: u32,
    /// The seconds that the receiver asked for, as far as it is obeyed; 0 if it did not ask.
    pub asked_seconds: u32,
}

impl Wait {
    /// The seconds to wait, spread so that deliveries which failed together do not come back together: the step by ±20 %,
    /// and never before the time that the receiver named, which is stretched by up to 20 %.
    ///
    /// `dice` is any uniformly distributed number, such as [`dice`]'s. At least 1.
    #[must_use]
    pub fn spread(self, dice: u32) -> u32 {
        let (step, asked) = (u64::from(self.step_seconds), u64::from(self.asked_seconds));
        let of_step = between((step * 4).div_ceil(5), step * 6 / 5, dice);
        u32::try_from(of_step.max(between(asked, asked * 6 / 5, dice))).unwrap_or(u32::MAX).max(1)
    }
}

/// Whether a status asks for less: the receiver is limited or overloaded, not at fault. `Retry-After` counts beside these.
#[must_use]
pub const fn pushes_back(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

/// Decides what follows attempt number `attempt` of a series (from 1) with this outcome.
///
/// `retry_after_seconds` is what the receiver asked for in `Retry-After`; it counts only beside a status that
/// [`pushes_back`], only if it is longer than the schedule's step, and up to twice the step.
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
    let Some(&step_seconds) = step else { return Next::Dead };
    let asked = retry_after_seconds.filter(|_| status.is_some_and(pushes_back)).unwrap_or(0);
    let asked_seconds = u32::try_from(asked).unwrap_or(u32::MAX).min(step_seconds * MOST_STEPS);
    Next::RetryIn(Wait { step_seconds, asked_seconds })
}

/// A number that looks drawn and is the same whenever the same attempt is asked about: work that is done twice waits for
/// the same time.
#[must_use]
pub fn dice(delivery: DeliveryId, attempt: u32) -> u32 {
    let [.., a, b, c, d] = *delivery.as_uuid().as_bytes();
    // The id ends with bits of a hash; the multiplication (Knuth's, by the golden ratio) parts its attempts.
    u32::from_be_bytes([a, b, c, d]).wrapping_add(attempt.wrapping_mul(0x9E37_79B9))
}

/// A number of a range, both ends included.
fn between(low: u64, high: u64, dice: u32) -> u64 {
    low + ((u64::from(dice) * (high - low + 1)) >> 32)
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

    fn wait(step_seconds: u32, asked_seconds: u32) -> Next {
        Next::RetryIn(Wait { step_seconds, asked_seconds })
    }

    #[rstest]
    #[case(200, Next::Delivered)]
    #[case(204, Next::Delivered)]
    #[case(299, Next::Delivered)]
    #[case(410, Next::Disabled)]
    #[case(199, wait(5, 0))]
    #[case(301, wait(5, 0))]
    #[case(307, wait(5, 0))]
    #[case(400, wait(5, 0))]
    #[case(404, wait(5, 0))]
    #[case(429, wait(5, 0))]
    #[case(500, wait(5, 0))]
    fn the_status_decides(#[case] status: u16, #[case] next: Next) {
        assert_eq!(after(1, &answered(status), None), next);
    }

    #[test]
    fn every_failure_follows_the_schedule_and_ends_dead() {
        let failures = [answered(500), Outcome::Timeout, Outcome::Connection(ConnectionFault::Dns), Outcome::Refused { address: None }];
        for failure in &failures {
            let steps: Vec<Next> = (1..=MAX_ATTEMPTS).map(|attempt| after(attempt, failure, None)).collect();
            let mut expected: Vec<Next> = [5, 60, 300, 1800, 7200, 18_000, 36_000, 36_000].map(|step| wait(step, 0)).into();
            expected.push(Next::Dead);
            assert_eq!(steps, expected);
            assert_eq!(after(MAX_ATTEMPTS + 1, failure, None), Next::Dead);
            assert_eq!(after(u32::MAX, failure, None), Next::Dead);
        }
        assert_eq!(after(0, &answered(500), None), wait(5, 0));
        assert_eq!(after(MAX_ATTEMPTS, &answered(200), None), Next::Delivered);
        assert_eq!(after(MAX_ATTEMPTS, &answered(410), None), Next::Disabled);
    }

    #[rstest]
    #[case(503, 2, 100, wait(60, 100))]
    #[case(429, 2, 120, wait(60, 120))]
    #[case(502, 1, 1, wait(5, 1))]
    #[case(503, 1, 3_600, wait(5, 10))]
    #[case(504, 8, u64::MAX, wait(36_000, 72_000))]
    #[case(500, 2, 100, wait(60, 0))]
    #[case(404, 2, 100, wait(60, 0))]
    #[case(410, 2, 100, Next::Disabled)]
    fn retry_after_counts_beside_four_statuses_up_to_two_steps(
        #[case] status: u16,
        #[case] attempt: u32,
        #[case] asked: u64,
        #[case] next: Next,
    ) {
        assert_eq!(after(attempt, &answered(status), Some(asked)), next);
    }

    #[test]
    fn four_statuses_ask_for_less() {
        assert_eq!((100..=999).filter(|status| pushes_back(*status)).collect::<Vec<_>>(), [429, 502, 503, 504]);
    }

    #[test]
    fn retry_after_does_not_revive_the_dead() {
        assert_eq!(after(MAX_ATTEMPTS, &answered(503), Some(10)), Next::Dead);
    }

    #[rstest]
    #[case(5, 0, 0, 4)]
    #[case(5, 0, u32::MAX, 6)]
    #[case(60, 0, 0, 48)]
    #[case(60, 0, u32::MAX, 72)]
    #[case(60, 50, 0, 50)]
    #[case(60, 120, 0, 120)]
    #[case(60, 120, u32::MAX, 144)]
    #[case(0, 0, u32::MAX, 1)]
    fn a_wait_is_spread_by_twenty_per_cent(#[case] step: u32, #[case] asked: u32, #[case] dice: u32, #[case] seconds: u32) {
        assert_eq!(Wait { step_seconds: step, asked_seconds: asked }.spread(dice), seconds);
    }

    #[test]
    fn the_waits_of_many_deliveries_and_attempts_differ_and_each_stays_the_same() {
        let receiver: domain::EndpointId = "0198c0de-0000-7000-8000-000000000001".parse().unwrap();
        let id = |n: u32| domain::webhook::delivery_id(&format!("evt_{n}"), receiver.as_uuid());
        assert_eq!(dice(id(1), 4), dice(id(1), 4));
        let step = Wait { step_seconds: 36_000, asked_seconds: 0 };
        let waits: std::collections::BTreeSet<u32> =
            (0..100).flat_map(|n| (1..=8).map(move |attempt| step.spread(dice(id(n), attempt)) / 1_440)).collect();
        assert!(waits.len() >= 10, "ten parts of the range are all met: {waits:?}");
    }

    proptest! {
        #[test]
        fn a_step_stays_within_twenty_per_cent(step_seconds in 1_u32..1_000_000, dice: u32) {
            let wait = u64::from(Wait { step_seconds, asked_seconds: 0 }.spread(dice));
            let step = u64::from(step_seconds);
            prop_assert!(wait * 5 >= step * 4 && wait * 5 <= step * 6);
        }

        #[test]
        fn no_attempt_comes_before_the_time_that_was_asked_for(part in 0_u64..=200, dice: u32, attempt in 1_u32..9) {
            let asked = u64::from(RETRY_SECONDS[attempt as usize - 1]) * part / 100;
            let Next::RetryIn(wait) = after(attempt, &answered(503), Some(asked)) else { unreachable!() };
            prop_assert!(u64::from(wait.spread(dice)) >= asked);
        }
    }
}
