//! Instants as the API shows them: RFC 3339, UTC, milliseconds, `Z`. Nobody asks the clock here.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant in whole milliseconds since 1970, printed as `2026-01-02T03:04:05.678Z`.
///
/// Always within years 0001 to 9999. Anything finer than a millisecond is cut off when it is made, so that two
/// instants which print alike are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// The text or number is no instant that the API can show.
#[derive(Debug, thiserror::Error)]
#[error("must be an RFC 3339 time such as 2026-01-02T03:04:05Z")]
pub struct InvalidTimestamp;

/// 0001-01-01 and 9999-12-31, which RFC 3339 can spell with four digits.
const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_207_199_999;

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Self = Self(0);

    /// The instant so many milliseconds after the start of 1970.
    ///
    /// # Errors
    /// [`InvalidTimestamp`] outside the years 0001 to 9999.
    pub fn from_millis(millis: i64) -> Result<Self, InvalidTimestamp> {
        if RANGE.contains(&millis) { Ok(Self(millis)) } else { Err(InvalidTimestamp) }
    }

    /// Milliseconds since the start of 1970; negative before it.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the start of 1970, rounded down: the unit of TTL attributes and signatures.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This instant moved by so many milliseconds, held within the printable years.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis).clamp(*RANGE.start(), *RANGE.end()))
    }

    /// Milliseconds from `earlier` to this instant; negative if it is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{instant:.3}")
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let instant: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        // Flooring, where the library would round towards zero, keeps order before 1970 too.
        let nanos = instant.as_nanosecond();
        i64::try_from(nanos.div_euclid(1_000_000)).map_err(|_| InvalidTimestamp).and_then(Self::from_millis)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
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
    fn times_print_with_milliseconds_and_z() {
        let time: Timestamp = "2026-01-02T04:04:05+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-01-02T03:04:05.000Z");
        assert_eq!("2026-01-02T03:04:05.6789Z".parse::<Timestamp>().unwrap().to_string(), "2026-01-02T03:04:05.678Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01", "1767225600"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        assert!(Timestamp::from_millis(i64::MAX).is_err());
    }

    proptest! {
        #[test]
        fn every_time_reads_back_as_itself(millis in RANGE) {
            let time = Timestamp::from_millis(millis).unwrap();
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }
}
