//! What stands in a counter row, and which cells one call changes.
//!
//! A cell is an attribute with a short name, there only if it was ever counted: `kx` calls, `ax` answered calls, `dx`
//! seconds and `mx` micro-cents of the outcome `x`; `Mx` calls of a month (in a year) or an hour (in a day or watch),
//! which is a capital from `A`; `s41` calls of the 41st five minutes of the day.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    CallId, Day, Timestamp,
    call::Counted,
    stats::{Breakdown, Outcome, Sums},
};

use crate::{
    error::StoreError,
    item::{Attributes, Item, KIND, VERSION},
    keys::{Index as _, Keys, Primary, Tenant},
};

use super::place::{Dimension, Moment, Part, Place, Span, Spread, Watch, Year};

/// Numbers by cell.
pub(crate) type Cells = BTreeMap<String, i128>;

/// The letters of outcomes, in the order of [`Outcome::terminal`]: fixed for ever.
const LETTERS: [char; 8] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

/// One counter row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountRow {
    pub(crate) place: Place,
    pub(crate) spread: Spread,
    pub(crate) cells: Cells,
}

impl Item for CountRow {
    const KIND: &'static str = "count";
    type Scope = Tenant;

    fn keys(&self, tenant: &Tenant) -> Keys {
        Keys::primary(self.place.key(*tenant, self.spread))
    }

    fn to_attributes(&self) -> Result<Attributes, StoreError> {
        Ok(self.cells.iter().map(|(name, number)| (name.clone(), AttributeValue::N(number.to_string()))).collect())
    }

    fn from_attributes(attributes: Attributes) -> Result<Self, StoreError> {
        let text = |name: &str| attributes.get(name).and_then(|value| value.as_s().ok());
        let place = text(Primary::SK).and_then(|sk| place_of(sk));
        let (place, spread) = place.ok_or_else(|| corrupt("the key names no row"))?;
        let mut cells = Cells::new();
        for (name, value) in &attributes {
            if let (AttributeValue::N(number), false) = (value, name == VERSION || name == KIND) {
                cells.insert(name.clone(), number.parse().map_err(corrupt)?);
            }
        }
        Ok(Self { place, spread, cells })
    }
}

fn place_of(sk: &str) -> Option<(Place, Spread)> {
    let (_, spread) = sk.rsplit_once('#')?;
    Some((Place::read(sk)?, Spread::any(spread.parse().ok()?)))
}

impl CountRow {
    /// The day of a row, or the first of its year.
    pub(crate) fn day(&self) -> Day {
        match self.place.span {
            Span::Year(Year(year)) => Day::from_date(year, 1, 1).unwrap_or_else(|| Day::of(Timestamp::EPOCH)),
            Span::Day(day) | Span::Watch(day, _) => day,
        }
    }

    /// The year in which it lies.
    pub(crate) fn year(&self) -> i32 {
        self.day().date().0
    }

    /// The row's sums by outcome.
    pub(crate) fn breakdown(&self) -> Breakdown {
        let mut sums = Breakdown::default();
        for (name, number) in &self.cells {
            let mut chars = name.chars();
            let (Some(sort), Some(outcome)) = (chars.next(), chars.next().and_then(outcome)) else { continue };
            let small = i64::try_from(*number).unwrap_or(0);
            let found = match sort {
                'k' => Sums { calls: small, ..Sums::default() },
                'a' => Sums { answered: small, ..Sums::default() },
                'd' => Sums { duration: small, ..Sums::default() },
                'm' => Sums { cost_micro_cents: *number, ..Sums::default() },
                // A year has its calls by month alone.
                'A'..='L' if matches!(self.place.span, Span::Year(_)) => Sums { calls: small, ..Sums::default() },
                _ => continue,
            };
            sums.add(outcome, found);
        }
        sums
    }

    /// The calls of each outcome by month of the year or hour of the day, both from 0.
    pub(crate) fn by_part(&self) -> impl Iterator<Item = (u8, Outcome, i64)> {
        self.cells.iter().filter_map(|(name, number)| {
            let mut chars = name.chars();
            let part = chars.next().filter(char::is_ascii_uppercase)?;
            let outcome = chars.next().and_then(outcome)?;
            Some((u8::try_from(part).ok()? - b'A', outcome, i64::try_from(*number).ok()?))
        })
    }

    /// The calls by five minutes of the day, from 0.
    pub(crate) fn by_slot(&self) -> impl Iterator<Item = (u16, i64)> {
        self.cells.iter().filter_map(|(name, number)| Some((name.strip_prefix('s')?.parse().ok()?, i64::try_from(*number).ok()?)))
    }
}

fn outcome(letter: char) -> Option<Outcome> {
    Outcome::terminal().zip(LETTERS).find(|(_, of)| *of == letter).map(|(outcome, _)| outcome)
}

fn letter(wanted: Outcome) -> Option<char> {
    Outcome::terminal().zip(LETTERS).find(|(outcome, _)| *outcome == wanted).map(|(_, letter)| letter)
}

/// The changes that some calls make to counter rows, added together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Deltas(pub(crate) BTreeMap<Place, Cells>);

impl Deltas {
    /// Counts a call that is over.
    pub(crate) fn count(&mut self, id: CallId, call: &Counted) {
        self.add(id, call, 1);
    }

    /// Takes a call back that was counted so.
    pub(crate) fn uncount(&mut self, id: CallId, call: &Counted) {
        self.add(id, call, -1);
    }

    /// What has to change at all: cells that were counted up and down alike are left out, and so are rows without any.
    pub(crate) fn changes(self) -> impl Iterator<Item = (Place, Cells)> {
        self.0.into_iter().filter_map(|(place, mut cells)| {
            cells.retain(|_, number| *number != 0);
            (!cells.is_empty()).then_some((place, cells))
        })
    }

    fn add(&mut self, id: CallId, call: &Counted, sign: i128) {
        let Some(letter) = letter(call.into()) else { return };
        let moment = Moment::of(id.time().unwrap_or(Timestamp::EPOCH));
        let month = capital(moment.month.saturating_sub(1).try_into().unwrap_or(0));
        let hour = capital(moment.hour);
        let whole = (Dimension::Organization, Part(None));
        let number = call.number_id.map(|id| (Dimension::Number(id), Part(call.endpoint_id)));
        let endpoint = call.endpoint_id.map(|id| (Dimension::Endpoint(id), Part(None)));
        for (dimension, part) in [Some(whole), number, endpoint].into_iter().flatten() {
            let place = |span| Place { dimension, span, part };
            let year = self.cells(place(Span::Year(moment.year)));
            bump(year, format!("{month}{letter}"), sign);
            sums(year, letter, call, sign);
            let day = self.cells(place(Span::Day(moment.day)));
            bump(day, format!("k{letter}"), sign);
            sums(day, letter, call, sign);
            // The organization's hours lie in rows of their own, with the five minutes.
            let (span, slot) = match dimension {
                Dimension::Organization => (Span::Watch(moment.day, Watch(moment.hour / Watch::HOURS)), Some(moment.slot)),
                Dimension::Number(_) | Dimension::Endpoint(_) => (Span::Day(moment.day), None),
            };
            let fine = self.cells(place(span));
            bump(fine, format!("{hour}{letter}"), sign);
            if let Some(slot) = slot {
                bump(fine, format!("s{slot}"), sign);
            }
        }
    }

    fn cells(&mut self, place: Place) -> &mut Cells {
        self.0.entry(place).or_default()
    }
}

fn sums(cells: &mut Cells, letter: char, call: &Counted, sign: i128) {
    bump(cells, format!("a{letter}"), sign * i128::from(call.answered));
    bump(cells, format!("d{letter}"), sign * i128::from(call.duration));
    bump(cells, format!("m{letter}"), sign * i128::from(call.cost_micro_cents));
}

fn bump(cells: &mut Cells, name: String, by: i128) {
    if by != 0 {
        *cells.entry(name).or_default() += by;
    }
}

fn capital(part: u8) -> char {
    char::from(b'A' + part.min(25))
}

fn corrupt(cause: impl ToString) -> StoreError {
    StoreError::corrupt(CountRow::KIND, cause)
}

#[cfg(test)]
mod tests {
    use domain::call::{CallStatus, Direction};

    use super::*;

    fn call() -> (CallId, Counted) {
        let at = "2026-12-31T23:59:59.999Z".parse().unwrap();
        let counted = Counted {
            status: CallStatus::Completed,
            direction: Direction::Outbound,
            number_id: Some(domain::NumberId::new(at, [1; 10])),
            endpoint_id: Some(domain::EndpointId::new(at, [2; 10])),
            answered: true,
            duration: 61,
            cost_micro_cents: 2_400_000,
        };
        (CallId::new(at, [3; 10]), counted)
    }

    #[test]
    fn a_call_is_counted_in_seven_rows_and_each_tells_its_sums() {
        let (id, counted) = call();
        let mut deltas = Deltas::default();
        deltas.count(id, &counted);
        assert_eq!(deltas.0.len(), 7);
        for (place, cells) in deltas.0 {
            let row = CountRow { place, spread: Spread::FIRST, cells };
            if !matches!(place.span, Span::Watch(..)) {
                assert_eq!(row.breakdown().sum(|_| true), Sums::of(&counted), "{place:?}");
            }
            let last = if matches!(place.span, Span::Year(_)) { 11 } else { 23 };
            let parts: Vec<_> = row.by_part().collect();
            if !parts.is_empty() {
                assert_eq!(parts, [(last, Outcome::from(&counted), 1)]);
            }
            assert!(row.by_slot().all(|slot| slot == (287, 1)));
        }
    }

    #[test]
    fn what_is_counted_and_taken_back_changes_nothing() {
        let (id, counted) = call();
        let mut deltas = Deltas::default();
        deltas.count(id, &counted);
        deltas.uncount(id, &counted);
        assert_eq!(deltas.changes().count(), 0);
    }

    #[test]
    fn a_correction_changes_only_the_cells_that_it_moves() {
        let (id, counted) = call();
        let mut deltas = Deltas::default();
        deltas.uncount(id, &counted);
        deltas.count(id, &Counted { cost_micro_cents: 2_400_001, ..counted });
        let changes: Vec<_> = deltas.changes().collect();
        assert_eq!(changes.len(), 6, "a watch has no cost");
        assert!(changes.iter().all(|(_, cells)| cells.len() == 1 && cells.values().all(|number| *number == 1)));
    }
}
