//! Where a counter row lies: what it counts over, and which stretch of time.

use domain::{Day, EndpointId, NumberId, Timestamp};

use crate::{
    access_patterns,
    keys::{Get, Segment, Tenant},
};

use super::CountRow;

/// What a row counts the calls of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// All calls of the organization.
    Organization,
    /// The calls to and from one number.
    Number(NumberId),
    /// The calls that were routed to one endpoint.
    Endpoint(EndpointId),
}

impl Dimension {
    /// Reads back what stands in a key.
    fn read(text: &str) -> Option<Self> {
        match text.split_once('.') {
            None => (text == "ALL").then_some(Self::Organization),
            Some(("NUMBER", id)) => Some(Self::Number(id.parse().ok()?)),
            Some(("ENDPOINT", id)) => Some(Self::Endpoint(id.parse().ok()?)),
            Some(_) => None,
        }
    }
}

impl Segment for Dimension {
    fn segment(&self) -> String {
        match self {
            Self::Organization => "ALL".to_owned(),
            Self::Number(id) => format!("NUMBER.{id}"),
            Self::Endpoint(id) => format!("ENDPOINT.{id}"),
        }
    }
}

/// A year in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Year(pub i32);

impl Segment for Year {
    fn segment(&self) -> String {
        format!("{:04}", self.0)
    }
}

/// Four hours of a day, numbered from 0 to 5: an hour's histogram of a whole day would be too large to be written with
/// each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Watch(pub u8);

impl Watch {
    /// The hours of a watch.
    pub const HOURS: u8 = 4;
}

impl Segment for Watch {
    fn segment(&self) -> String {
        self.0.to_string()
    }
}

/// The endpoint to which the calls of a number's row were routed. Rows of other dimensions have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Part(pub Option<EndpointId>);

impl Segment for Part {
    fn segment(&self) -> String {
        self.0.map_or_else(|| "-".to_owned(), |endpoint| endpoint.to_string())
    }
}

/// Which of the rows of one place is written: the first one, unless others write there at the same moment. Readers add
/// them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spread(u8);

impl Spread {
    /// How many there may be.
    pub const COUNT: u8 = 8;

    /// The row that is enough where writers do not meet.
    pub const FIRST: Self = Self(0);

    /// One of all, by a random byte.
    #[must_use]
    pub const fn any(random: u8) -> Self {
        Self(random % Self::COUNT)
    }
}

impl Segment for Spread {
    fn segment(&self) -> String {
        self.0.to_string()
    }
}

/// A stretch of time that has a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Span {
    Year(Year),
    Day(Day),
    Watch(Day, Watch),
}

/// A place for counter rows within a tenant's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) dimension: Dimension,
    pub(crate) span: Span,
    pub(crate) part: Part,
}

impl Place {
    /// The key of one of its rows.
    pub(crate) fn key(self, tenant: Tenant, spread: Spread) -> Get<CountRow> {
        let Self { dimension, span, part } = self;
        match span {
            Span::Year(year) => access_patterns::year_counts(tenant.org(), tenant.mode(), dimension, year, part, spread),
            Span::Day(day) => access_patterns::day_counts(tenant.org(), tenant.mode(), dimension, day, part, spread),
            Span::Watch(day, watch) => access_patterns::watch_counts(tenant.org(), tenant.mode(), dimension, day, watch, part, spread),
        }
    }

    /// Reads a place back from a row's sort key, such as `ALL#DAY#2026-01-02#-#0`; `None` if it is none.
    pub(crate) fn read(sort_key: &str) -> Option<Self> {
        let (dimension, rest) = sort_key.split_once('#')?;
        let dimension = Dimension::read(dimension)?;
        let words: Vec<&str> = rest.split('#').collect();
        let (span, part) = match *words.as_slice() {
            ["YEAR", year, part, _] => (Span::Year(Year(year.parse().ok()?)), part),
            ["DAY", day, part, _] => (Span::Day(day.parse().ok()?), part),
            ["WATCH", day, watch, part, _] => (Span::Watch(day.parse().ok()?, Watch(watch.parse().ok()?)), part),
            _ => return None,
        };
        let part = if part == "-" { Part(None) } else { Part(Some(part.parse().ok()?)) };
        Some(Self { dimension, span, part })
    }
}

/// An instant's year, month from 1, day, hour and the five minutes of the day in which it lies.
pub(crate) struct Moment {
    pub(crate) year: Year,
    pub(crate) month: u32,
    pub(crate) day: Day,
    pub(crate) hour: u8,
    pub(crate) slot: u16,
}

impl Moment {
    pub(crate) fn of(time: Timestamp) -> Self {
        let day = Day::of(time);
        let (year, month, _) = day.date();
        let minute = time.millis_since(day.start()) / 60_000;
        let (hour, slot) = (u8::try_from(minute / 60).unwrap_or(0), u16::try_from(minute / 5).unwrap_or(0));
        Self { year: Year(year), month, day, hour, slot }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_from_its_key() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let tenant = Tenant::new(domain::OrgId::new(now, [1; 10]), domain::Mode::Live);
        let dimension = Dimension::Number(NumberId::new(now, [2; 10]));
        let endpoint = Part(Some(EndpointId::new(now, [3; 10])));
        for span in [Span::Year(Year(2026)), Span::Day(Day::of(now)), Span::Watch(Day::of(now), Watch(5))] {
            for part in [Part(None), endpoint] {
                let place = Place { dimension, span, part };
                assert_eq!(Place::read(&place.key(tenant, Spread::any(7)).sk), Some(place));
            }
        }
        assert_eq!(Place::read("CALL#1"), None);
    }
}
