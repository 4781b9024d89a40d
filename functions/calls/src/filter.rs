//! What a request narrows calls to: the same parameters for the list, the statistics and the trends.

use api::Query;
use domain::{Day, RangeEnd, Timestamp, stats::CallFilter};

/// The filters, and both ends of the range as they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) filter: CallFilter,
    pub(crate) start_date: Option<String>,
    pub(crate) end_date: Option<String>,
}

/// The most days that trends tell at once.
const MOST_DAYS: i32 = 366;

/// How many days trends tell if nobody says.
const USUAL_DAYS: i32 = 30;

impl Asked {
    /// Reads the filters; faults are noted.
    pub(crate) fn read(query: &mut Query) -> Self {
        let start = date(query, "start_date", "from_date", RangeEnd::First);
        let end = date(query, "end_date", "to_date", RangeEnd::Last);
        let (from, until) = (start.as_ref().map(|(time, _)| *time), end.as_ref().map(|(time, _)| *time));
        if from.zip(until).is_some_and(|(from, until)| until <= from) {
            query.fault("end_date", "must not be before start_date");
        }
        let filter = CallFilter {
            status: query.parsed("status"),
            direction: query.parsed("direction"),
            number_id: query.parsed("phone_number_id"),
            endpoint_id: query.parsed("endpoint_id"),
            from,
            until,
        };
        Self { filter, start_date: start.map(|(_, text)| text), end_date: end.map(|(_, text)| text) }
    }

    /// The first and the last day of trends: up to today, and thirty days, unless the range says otherwise.
    pub(crate) fn days(&mut self, query: &mut Query, today: Day) -> (Day, Day) {
        let last = self.filter.until.map_or(today, |until| Day::of(until.plus_millis(-1)));
        let first = self.filter.from.map_or(last.plus(1 - USUAL_DAYS), Day::of);
        if first > last {
            query.fault("start_date", "must not be after end_date, which is today if it is not told");
        }
        if last.days_since(first) >= MOST_DAYS {
            query.fault("start_date", format!("must not be more than {MOST_DAYS} days before end_date, the last day included"));
        }
        self.filter.from.get_or_insert(first.start());
        self.filter.until.get_or_insert(last.plus(1).start());
        (first, last)
    }
}

/// A date or a time under either of its names. A range includes both its ends; days are those of UTC.
fn date(query: &mut Query, name: &str, alias: &str, end: RangeEnd) -> Option<(Timestamp, String)> {
    let (text, other) = (query.text(name).map(str::to_owned), query.text(alias).map(str::to_owned));
    if text.is_some() && other.is_some() && text != other {
        query.fault(alias, format!("says something else than {name}"));
    }
    let text = text.or(other)?;
    let time = end.read(&text).map_err(|error| query.fault(name, error)).ok()?;
    Some((time, text))
}

#[cfg(test)]
mod tests {
    use domain::call::{CallStatus, Direction};

    use super::*;

    fn asked(raw: &str) -> Option<Asked> {
        let mut query = Query::parse(raw);
        let asked = Asked::read(&mut query);
        query.finish().ok().map(|()| asked)
    }

    fn range(raw: &str) -> (String, String) {
        let filter = asked(raw).unwrap().filter;
        (filter.from.unwrap().to_string(), filter.until.unwrap().to_string())
    }

    #[test]
    fn a_range_of_dates_includes_its_last_day() {
        let days = ("2026-01-02T00:00:00.000Z".to_owned(), "2026-01-04T00:00:00.000Z".to_owned());
        assert_eq!(range("start_date=2026-01-02&end_date=2026-01-03"), days);
        assert_eq!(range("fromDate=2026-01-02&to_date=2026-01-03"), days);
        let times = ("2026-01-02T03:04:05.000Z".to_owned(), "2026-01-02T03:04:05.001Z".to_owned());
        assert_eq!(range("start_date=2026-01-02T03:04:05Z&end_date=2026-01-02T04:04:05%2B01:00"), times);
    }

    #[test]
    fn filters_take_the_spellings_of_both_products() {
        let filter = asked("status=no-answer&direction=outbound").unwrap().filter;
        assert_eq!((filter.status, filter.direction), (Some(CallStatus::NoAnswer), Some(Direction::Outbound)));
        assert_eq!(asked("status=answered").unwrap().filter.status, Some(CallStatus::InProgress));
        assert_eq!(asked("startDate=2026-01-02&from_date=2026-01-02").unwrap().start_date.as_deref(), Some("2026-01-02"));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for raw in [
            "status=done",
            "direction=in",
            "phone_number_id=1",
            "endpoint_id=x",
            "start_date=yesterday",
            "end_date=",
            "start_date=2026-02-30",
            "start_date=2026-01-03&end_date=2026-01-02",
            "start_date=2026-01-02&from_date=2026-01-03",
        ] {
            assert_eq!(asked(raw), None, "{raw}");
        }
    }

    #[test]
    fn trends_tell_thirty_days_up_to_today_unless_asked() {
        let today: Day = "2026-03-31".parse().unwrap();
        let days = |raw: &str| {
            let mut query = Query::parse(raw);
            let days = Asked::read(&mut query).days(&mut query, today);
            query.finish().ok().map(|()| (days.0.to_string(), days.1.to_string()))
        };
        let span = |first: &str, last: &str| Some((first.to_owned(), last.to_owned()));
        assert_eq!(days(""), span("2026-03-02", "2026-03-31"));
        assert_eq!(days("end_date=2026-01-30"), span("2026-01-01", "2026-01-30"));
        assert_eq!(days("start_date=2026-03-30"), span("2026-03-30", "2026-03-31"));
        assert_eq!(days("start_date=2025-01-01&end_date=2026-01-01"), span("2025-01-01", "2026-01-01"));
        assert_eq!(days("start_date=2025-01-01&end_date=2026-01-02"), None, "367 days");
        assert_eq!(days("start_date=2026-04-01"), None, "tomorrow");
    }
}
