//! The clock, as something that can be handed over: production reads the system's, a test holds its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use domain::Timestamp;

/// What an invocation leaves of its time to answer, in milliseconds.
const ANSWER_MILLIS: i64 = 2_000;

/// How long a function may work on an event that must be answered by `deadline_millis` (milliseconds since 1970): until
/// two seconds before.
#[must_use]
pub fn time_left(deadline_millis: u64) -> Duration {
    let left = i64::try_from(deadline_millis).unwrap_or(i64::MAX).saturating_sub(Clock::System.now().as_millis() + ANSWER_MILLIS);
    Duration::from_millis(u64::try_from(left).unwrap_or(0))
}

/// Tells the time.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that stands still until it is moved: milliseconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The time now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn now(&self) -> Timestamp {
        let millis = match self {
            Self::System => jiff::Timestamp::now().as_millisecond(),
            Self::Manual(millis) => millis.load(Ordering::SeqCst),
        };
        Timestamp::from_millis(millis).unwrap_or(Timestamp::EPOCH)
    }
}
