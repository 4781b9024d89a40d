//! A filter's range of time as whole days, which counter rows know, and edges, which they do not.

use domain::{Day, Timestamp, stats::CallFilter};

/// From one day to before another; `None` where the range has no end on that side.
pub(crate) type Days = (Option<Day>, Option<Day>);

/// The first year of some and the last.
type YearSpan = (i32, i32);

/// From one day to before another.
type DaySpan = (Day, Day);

/// What a filter's range covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The whole days; `None` if there is none.
    pub(crate) days: Option<Days>,
    /// The rest, newest first: at most two stretches, none as long as a day.
    pub(crate) edges: Vec<(Timestamp, Timestamp)>,
}

impl Reach {
    pub(crate) fn of(filter: &CallFilter) -> Self {
        let first = filter.from.map(|from| if Day::of(from).start() == from { Day::of(from) } else { Day::of(from).plus(1) });
        let end = filter.until.map(Day::of);
        if let (Some(from), Some(until), Some(first), Some(end)) = (filter.from, filter.until, first, end)
            && end < first
        {
            return Self { days: None, edges: if from < until { vec![(from, until)] } else { Vec::new() } };
        }
        let newest = end.zip(filter.until).map(|(end, until)| (end.start(), until));
        let oldest = filter.from.zip(first).map(|(from, first)| (from, first.start()));
        let edges = [newest, oldest].into_iter().flatten().filter(|(from, until)| from < until).collect();
        let none = first.is_some() && first == end;
        Self { days: (!none).then_some((first, end)), edges }
    }

    /// Days as whole years, first and last, and the days before and after them.
    pub(crate) fn in_years((first, end): Days) -> (Option<YearSpan>, Vec<DaySpan>) {
        let begins = |year: i32| Day::from_date(year, 1, 1);
        let first_year = first.map_or(i32::MIN, |first| {
            let year = first.date().0;
            if begins(year) == Some(first) { year } else { year + 1 }
        });
        let end_year = end.map_or(i32::MAX, |end| end.date().0);
        if first_year >= end_year {
            return (None, first.zip(end).into_iter().collect());
        }
        let before = first.zip(begins(first_year)).filter(|(first, begin)| first < begin);
        let after = begins(end_year).zip(end).filter(|(begin, end)| begin < end);
        (Some((first_year, end_year - 1)), [before, after].into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(from: Option<&str>, until: Option<&str>) -> CallFilter {
        let time = |text: &str| text.parse().unwrap();
        CallFilter { from: from.map(time), until: until.map(time), ..CallFilter::default() }
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn whole_days_have_no_edges() {
        let reach = Reach::of(&filter(Some("2026-01-02T00:00:00Z"), Some("2026-01-05T00:00:00Z")));
        assert_eq!(reach, Reach { days: Some((Some(day("2026-01-02")), Some(day("2026-01-05")))), edges: vec![] });
        assert_eq!(Reach::of(&CallFilter::default()), Reach { days: Some((None, None)), edges: vec![] });
    }

    #[test]
    fn what_is_no_whole_day_is_an_edge() {
        let reach = Reach::of(&filter(Some("2026-01-02T10:00:00Z"), Some("2026-01-05T12:00:00Z")));
        assert_eq!(reach.days, Some((Some(day("2026-01-03")), Some(day("2026-01-05")))));
        let edges: Vec<String> = reach.edges.iter().map(|(from, until)| format!("{from} {until}")).collect();
        assert_eq!(edges, ["2026-01-05T00:00:00.000Z 2026-01-05T12:00:00.000Z", "2026-01-02T10:00:00.000Z 2026-01-03T00:00:00.000Z"]);
    }

    #[test]
    fn a_range_within_a_day_is_one_edge_and_one_across_midnight_two() {
        let reach = Reach::of(&filter(Some("2026-01-02T10:00:00Z"), Some("2026-01-02T12:00:00Z")));
        assert_eq!((reach.days, reach.edges.len()), (None, 1));
        let reach = Reach::of(&filter(Some("2026-01-02T22:00:00Z"), Some("2026-01-03T01:00:00Z")));
        assert_eq!((reach.days, reach.edges.len()), (None, 2));
    }

    #[test]
    fn whole_years_are_taken_out_of_the_middle() {
        assert_eq!(Reach::in_years((None, None)), (Some((i32::MIN, i32::MAX - 1)), vec![]));
        let (first, end) = (day("2024-03-01"), day("2027-02-01"));
        let parts = vec![(first, day("2025-01-01")), (day("2027-01-01"), end)];
        assert_eq!(Reach::in_years((Some(first), Some(end))), (Some((2025, 2026)), parts));
        let short = (day("2026-03-01"), day("2026-04-01"));
        assert_eq!(Reach::in_years((Some(short.0), Some(short.1))), (None, vec![short]));
        assert_eq!(Reach::in_years((None, Some(end))), (Some((i32::MIN, 2026)), vec![(day("2027-01-01"), end)]));
    }
}
