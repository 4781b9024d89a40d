//! Days of the calendar, in UTC: what lists are bounded by and statistics are told by.

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, civil::Date};
use serde::{Serialize, Serializer};

use crate::Timestamp;

const DAY_MILLIS: i64 = 86_400_000;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// A day in UTC, printed as `2026-01-02`. It begins at midnight and ends before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(i32);

/// The text is no day.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a date such as 2026-01-02")]
pub struct InvalidDay;

/// Which end of a range that includes both: whoever asks for days means all of the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeEnd {
    /// Where it begins.
    First,
    /// Where it ends.
    Last,
}

/// The text is no end of a range.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a date such as 2026-01-02 or an RFC 3339 time such as 2026-01-02T03:04:05Z")]
pub struct InvalidRangeEnd;

impl RangeEnd {
    /// Reads a day or a time: the instant at which the range begins, or the one before which it ends.
    ///
    /// # Errors
    /// [`InvalidRangeEnd`] if the text is neither.
    pub fn read(self, text: &str) -> Result<Timestamp, InvalidRangeEnd> {
        if let Ok(day) = text.parse::<Day>() {
            return Ok(if self == Self::First { day.start() } else { day.plus(1).start() });
        }
        let time: Timestamp = text.parse().map_err(|_| InvalidRangeEnd)?;
        Ok(if self == Self::First { time } else { time.plus_millis(1) })
    }
}

impl Day {
    /// The day in which an instant lies.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        Self(i32::try_from(time.as_millis().div_euclid(DAY_MILLIS)).unwrap_or(0))
    }

    /// The day of a calendar date; `None` if there is no such date in the years 1 to 9999.
    #[must_use]
    pub fn from_date(year: i32, month: u32, day: u32) -> Option<Self> {
        let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        let year = i16::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
        let hours = Date::new(year, month, day).ok()?.duration_since(EPOCH).as_hours();
        i32::try_from(hours / 24).ok().map(Self)
    }

    /// Its first instant.
    #[must_use]
    pub fn start(self) -> Timestamp {
        Timestamp::EPOCH.plus_millis(i64::from(self.0) * DAY_MILLIS)
    }

    /// So many days later; earlier if negative.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// How many days lie between an earlier day and this one; negative if the other is later.
    #[must_use]
    pub const fn days_since(self, earlier: Self) -> i32 {
        self.0 - earlier.0
    }

    /// Year, month from 1 and day from 1.
    #[must_use]
    pub fn date(self) -> (i32, u32, u32) {
        let date = EPOCH.saturating_add(SignedDuration::from_hours(24 * i64::from(self.0)));
        (date.year().into(), date.month().unsigned_abs().into(), date.day().unsigned_abs().into())
    }

    /// The first day of its month.
    #[must_use]
    pub fn month_start(self) -> Self {
        let (_, _, day) = self.date();
        self.plus(1 - i32::try_from(day).unwrap_or(1))
    }

    /// The first day of the month after its own.
    #[must_use]
    pub fn next_month(self) -> Self {
        self.month_start().plus(31).month_start()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        let shaped =
            text.len() == 10 && text.bytes().enumerate().all(|(at, b)| if matches!(at, 4 | 7) { b == b'-' } else { b.is_ascii_digit() });
        if !shaped {
            return Err(InvalidDay);
        }
        let number = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse::<u32>().ok()).ok_or(InvalidDay);
        let year = i32::try_from(number(0, 4)?).map_err(|_| InvalidDay)?;
        Self::from_date(year, number(5, 7)?, number(8, 10)?).ok_or(InvalidDay)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let day: Day = "2026-02-28".parse().unwrap();
        assert_eq!(day.start().to_string(), "2026-02-28T00:00:00.000Z");
        assert_eq!(Day::of("2026-02-28T23:59:59.999Z".parse().unwrap()), day);
        assert_eq!(Day::of("2026-03-01T00:59:59+01:00".parse().unwrap()), day);
        assert_eq!(day.plus(1).to_string(), "2026-03-01");
        assert_eq!((day.month_start().to_string(), day.next_month().to_string()), ("2026-02-01".to_owned(), "2026-03-01".to_owned()));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in
            ["", "2026-2-1", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "2026-01-32", "0000-01-01", "2026/01/01", "+026-01-01"]
        {
            assert_eq!(text.parse::<Day>(), Err(InvalidDay), "{text}");
        }
        assert!("2024-02-29".parse::<Day>().is_ok());
    }

    proptest! {
        #[test]
        fn every_day_reads_back_as_itself_and_agrees_with_the_clock(days in -719_162_i32..2_900_000) {
            let day = Day(days);
            prop_assert_eq!(day.to_string().parse::<Day>(), Ok(day));
            let start = day.start().to_string();
            prop_assert_eq!(start.get(..10).unwrap(), day.to_string());
            prop_assert_eq!(Day::of(day.start()), day);
            prop_assert_eq!(Day::of(day.plus(1).start().plus_millis(-1)), day);
        }
    }
}
