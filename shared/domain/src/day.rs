//! Days of the calendar, in UTC: what lists are bounded by and statistics are told by.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::Timestamp;

const DAY_MILLIS: i64 = 86_400_000;

/// A day in UTC, printed as `2026-01-02`. It begins at midnight and ends before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(i32);

/// The text is no day.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a date such as 2026-01-02")]
pub struct InvalidDay;

impl Day {
    /// The day in which an instant lies.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        Self(i32::try_from(time.as_millis().div_euclid(DAY_MILLIS)).unwrap_or(0))
    }

    /// The day of a calendar date; `None` if there is no such date.
    #[must_use]
    pub fn from_date(year: i32, month: u32, day: u32) -> Option<Self> {
        let sound = (1..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1;
        let found = Self(days_before(year, month) + i32::try_from(day).ok()? - 1);
        (sound && found.date() == (year, month, day)).then_some(found)
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
        // The civil calendar in eras of 400 years that begin in March: leap days come last.
        let shifted = self.0 + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        (year, month.unsigned_abs(), day.unsigned_abs())
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

/// Days from 1970 to the first of a month.
fn days_before(year: i32, month: u32) -> i32 {
    let month = i32::try_from(month).unwrap_or(1);
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
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
            prop_assert_eq!(day.start().to_string().get(..10).unwrap(), day.to_string());
            prop_assert_eq!(Day::of(day.start()), day);
            prop_assert_eq!(Day::of(day.plus(1).start().plus_millis(-1)), day);
        }
    }
}
