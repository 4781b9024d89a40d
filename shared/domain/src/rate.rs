//! How many requests a second a caller may make: a bucket that holds a burst and fills at a rate.
//!
//! A bucket is one number, the instant at which it is full again if nobody asks any more (the generic cell rate
//! algorithm of ITU-T I.371 counts like this). Taking from it moves the instant on; time alone brings it nearer.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How many requests are taken from a bucket at a time, and how many a process may let pass before it has taken them.
pub const LOT: u32 = 10;

/// What the rates may be: requests a second.
const PER_SECOND: std::ops::RangeInclusive<u32> = 1..=100_000;

/// What the bursts may be. A burst holds a lot at least, or none could be taken.
const BURST: std::ops::RangeInclusive<u32> = LOT..=1_000_000;

/// A rate with its burst. Printed and read as `50/100`: requests a second, and the most that may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

/// The numbers are no rate.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be requests a second and a burst such as 50/100: 1 to 100000, and 10 to 1000000")]
pub struct InvalidRate;

impl Rate {
    /// Fifty requests a second in bursts of a hundred.
    pub const DEFAULT: Self = Self { per_second: 50, burst: 100 };

    /// A rate of so many requests a second, of which so many may come at once.
    ///
    /// # Errors
    /// [`InvalidRate`] outside 1 to 100,000 a second and bursts of 10 to 1,000,000.
    pub fn new(per_second: u32, burst: u32) -> Result<Self, InvalidRate> {
        let is_one = PER_SECOND.contains(&per_second) && BURST.contains(&burst);
        if is_one { Ok(Self { per_second, burst }) } else { Err(InvalidRate) }
    }

    /// Requests a second.
    #[must_use]
    pub const fn per_second(self) -> u32 {
        self.per_second
    }

    /// The most requests that may come at once.
    #[must_use]
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// Whether another rate allows something that this one does not.
    #[must_use]
    pub const fn is_tighter_than(self, other: Self) -> bool {
        self.per_second < other.per_second || self.burst < other.burst
    }

    /// How long it takes until so many requests may be made again, in microseconds, rounded up.
    #[must_use]
    pub fn micros_for(self, requests: u32) -> i64 {
        let micros = u64::from(requests) * 1_000_000;
        i64::try_from(micros.div_ceil(u64::from(self.per_second))).unwrap_or(i64::MAX)
    }

    /// How far ahead of now the bucket may be full for a lot to be in it, in microseconds, rounded down.
    #[must_use]
    pub fn reach(self) -> i64 {
        self.reach_of(LOT)
    }

    fn reach_of(self, requests: u32) -> i64 {
        let micros = u64::from(self.burst - requests) * 1_000_000 / u64::from(self.per_second);
        i64::try_from(micros).unwrap_or(i64::MAX)
    }

    /// From when on a lot can be taken, if the bucket is full at `full_at`; microseconds since 1970.
    #[must_use]
    pub fn lot_from(self, full_at: i64) -> i64 {
        full_at.saturating_sub(self.reach())
    }

    /// From when on one request can be made, if the bucket is full at `full_at`; microseconds since 1970.
    #[must_use]
    pub fn one_from(self, full_at: i64) -> i64 {
        full_at.saturating_sub(self.reach_of(1))
    }

    /// How many requests the bucket holds at an instant, if it is full at `full_at`; both in microseconds since 1970.
    #[must_use]
    pub fn held(self, full_at: i64, now: i64) -> u32 {
        let lacking = u64::try_from(full_at.saturating_sub(now)).unwrap_or(0).saturating_mul(self.per_second.into()).div_ceil(1_000_000);
        self.burst.saturating_sub(u32::try_from(lacking).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.per_second, self.burst)
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let (per_second, burst) = text.split_once('/').ok_or(InvalidRate)?;
        let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        Self::new(number(per_second).ok_or(InvalidRate)?, number(burst).ok_or(InvalidRate)?)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_is_read_as_it_is_printed() {
        assert_eq!("50/100".parse(), Ok(Rate::DEFAULT));
        assert_eq!(Rate::DEFAULT.to_string(), "50/100");
        for wrong in ["", "50", "50/", "/100", "0/100", "50/9", "+50/100", "50/100/1", "100001/100", "50/1000001"] {
            assert_eq!(wrong.parse::<Rate>(), Err(InvalidRate), "{wrong}");
        }
    }

    #[test]
    fn a_bucket_holds_its_burst_once_it_is_full_and_less_before() {
        let rate = Rate::DEFAULT;
        assert_eq!(rate.micros_for(LOT), 200_000);
        assert_eq!((rate.held(0, 5), rate.held(5_000_000, 5_000_000)), (100, 100));
        assert_eq!((rate.held(200_000, 0), rate.held(200_001, 0)), (90, 89), "what is not there whole is not there");
        assert_eq!(rate.held(9_000_000, 0), 0);
        assert_eq!(rate.lot_from(2_000_000), 200_000, "ten of a hundred are there a fifth of a second after it was empty");
    }

    proptest! {
        #[test]
        fn a_lot_can_be_taken_exactly_while_the_bucket_holds_one(per_second in 1..2_000_u32, burst in LOT..5_000_u32, ahead in 0..200_000_000_i64) {
            let rate = Rate::new(per_second, burst).unwrap();
            let holds = rate.held(ahead, 0) >= LOT;
            prop_assert!(rate.lot_from(ahead) > 0 || holds, "taken from a bucket that holds {}", rate.held(ahead, 0));
            // Rounding may make a caller wait for one request's time more, and no longer.
            let held_by_then = rate.held(ahead, rate.lot_from(ahead).max(0));
            prop_assert!((LOT..=burst).contains(&held_by_then));
        }

        #[test]
        fn one_request_can_be_made_exactly_while_the_bucket_holds_one(per_second in 1..2_000_u32, burst in LOT..5_000_u32, ahead in 0..200_000_000_i64) {
            let rate = Rate::new(per_second, burst).unwrap();
            prop_assert!(rate.one_from(ahead) > 0 || rate.held(ahead, 0) >= 1);
            prop_assert!(rate.held(ahead, rate.one_from(ahead).max(0)) >= 1);
        }
    }
}
