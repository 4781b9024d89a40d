//! Lists and counters compared with the records that they are made of, and mended.
//!
//! For an operator, on a quiet organization: what is being handled at the moment looks like a difference.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt,
};

use domain::{CallId, Day, call::CallRecord};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    access_patterns,
    counts::{Cells, CountRow, Counters, Deltas, Dimension, Place, Span, Spread},
    error::StoreError,
    keys::{Bound, Shard, Tenant},
    lists::ListedCall,
    table::{Consistency, Table},
};

/// How many items are read at a time.
const PAGE: usize = 500;

/// How many look-ups are on their way at the same time.
const CONCURRENT: usize = 32;

/// Something that is not what the records say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A call that is over is in no list.
    NotListed(CallId),
    /// The entry of a call shows or counts something else than its record.
    Outdated(CallId),
    /// A list shows a call of which there is no record.
    Unknown(CallId),
    /// A call that goes on is not marked so.
    NotLive(CallId),
    /// A call that does not go on is marked as if it did.
    NotOver(CallId),
    /// A counter is wrong.
    Counter {
        /// What it counts and where it lies.
        row: String,
        /// The number's name.
        cell: String,
        /// What it is.
        is: i128,
        /// What it should be.
        should: i128,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed(id) => write!(f, "call {id} is over and not listed"),
            Self::Outdated(id) => write!(f, "the list's entry of call {id} is not what its record says"),
            Self::Unknown(id) => write!(f, "call {id} is listed and has no record"),
            Self::NotLive(id) => write!(f, "call {id} goes on and is not marked as live"),
            Self::NotOver(id) => write!(f, "call {id} is marked as live and does not go on"),
            Self::Counter { row, cell, is, should } => write!(f, "counter {row} {cell} is {is} and should be {should}"),
        }
    }
}

/// Compares one organization's lists and counters with its records.
struct Verifier<'a> {
    table: &'a Table,
    tenant: Tenant,
    repair: bool,
    live: HashSet<CallId>,
    ended: HashSet<CallId>,
    expected: Deltas,
    differences: Vec<Difference>,
}

impl Table {
    /// Compares lists and counters with the records, and mends them if `repair`; what was found. `progress` is told how
    /// many records were looked at, again and again.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or written.
    pub async fn verify_calls(&self, tenant: Tenant, repair: bool, mut progress: impl FnMut(u64)) -> Result<Vec<Difference>, StoreError> {
        let live = self.live_ids(tenant).await?.into_iter().collect();
        let (ended, expected, differences) = (HashSet::new(), Deltas::default(), Vec::new());
        let mut verifier = Verifier { table: self, tenant, repair, live, ended, expected, differences };
        let mut seen = 0;
        for shard in Shard::all() {
            let mut last = None;
            loop {
                let records = verifier.records(shard, last).await?;
                let full = records.len() == PAGE;
                last = records.last().map(|record| record.id);
                seen += records.len() as u64;
                verifier.check(records).await?;
                progress(seen);
                if !full {
                    break;
                }
            }
        }
        verifier.entries_without_records().await?;
        verifier.markers_without_records().await?;
        verifier.counters().await?;
        Ok(verifier.differences)
    }
}

impl Verifier<'_> {
    /// The records of a shard after one of them, oldest first.
    async fn records(&self, shard: Shard, last: Option<CallId>) -> Result<Vec<CallRecord>, StoreError> {
        let list = access_patterns::calls(self.tenant.org(), self.tenant.mode(), shard);
        let from = last.map(Bound::after);
        self.table.range(list.between(from.as_ref().map(Bound::as_str), None), false, PAGE).await
    }

    async fn check(&mut self, records: Vec<CallRecord>) -> Result<(), StoreError> {
        let (table, tenant) = (self.table, self.tenant);
        let entry = |record: CallRecord| async move {
            let key = access_patterns::listed_call(tenant.org(), tenant.mode(), record.id);
            let entry = if record.is_over() { table.get(key, Consistency::Strong).await? } else { None };
            Ok::<_, StoreError>((record, entry))
        };
        // Tombstones have no events.
        let known = stream::iter(records.into_iter().filter(|record| !record.events.is_empty()));
        let known: Vec<(CallRecord, Option<ListedCall>)> = known.map(entry).buffered(CONCURRENT).try_collect().await?;
        for (record, entry) in known {
            self.one(&record, entry).await?;
        }
        Ok(())
    }

    async fn one(&mut self, record: &CallRecord, entry: Option<ListedCall>) -> Result<(), StoreError> {
        let marked = self.live.remove(&record.id);
        if !record.is_over() {
            if !marked {
                self.differences.push(Difference::NotLive(record.id));
                if self.repair {
                    let since = record.call().created_at;
                    self.table.note_busy_since(self.tenant, since).await?;
                    self.table.mark_live(self.tenant, record.id, since).await?;
                }
            }
            return Ok(());
        }
        self.ended.insert(record.id);
        self.expected.count(record.id, &record.call().counted());
        if entry.as_ref() != Some(&ListedCall::of(record)) {
            let found = if entry.is_none() { Difference::NotListed(record.id) } else { Difference::Outdated(record.id) };
            self.differences.push(found);
            if self.repair {
                self.table.mend_call(self.tenant, record, entry).await?;
            }
        }
        if marked {
            self.not_over(record.id).await?;
        }
        Ok(())
    }

    async fn not_over(&mut self, id: CallId) -> Result<(), StoreError> {
        self.differences.push(Difference::NotOver(id));
        if self.repair {
            self.table.unmark_live(self.tenant, id).await?;
        }
        Ok(())
    }

    async fn markers_without_records(&mut self) -> Result<(), StoreError> {
        for id in std::mem::take(&mut self.live) {
            self.not_over(id).await?;
        }
        Ok(())
    }

    async fn entries_without_records(&mut self) -> Result<(), StoreError> {
        let mut last = None;
        loop {
            let list = access_patterns::listed_calls(self.tenant.org(), self.tenant.mode());
            let from = last.map(Bound::after);
            let span = list.between(from.as_ref().map(Bound::as_str), None);
            let entries: Vec<ListedCall> = self.table.range(span, false, PAGE).await?;
            last = entries.last().filter(|_| entries.len() == PAGE).map(|entry| entry.id);
            for entry in entries.into_iter().filter(|entry| entry.call.is_some() && !self.ended.contains(&entry.id)).collect::<Vec<_>>() {
                self.differences.push(Difference::Unknown(entry.id));
                // A call that came since its shard was read is none of these.
                if self.repair && self.table.call(self.tenant, entry.id).await?.is_none() {
                    self.table.delete(access_patterns::listed_call(self.tenant.org(), self.tenant.mode(), entry.id)).await?;
                }
            }
            if last.is_none() {
                return Ok(());
            }
        }
    }

    /// Compares every counter, of what the records name and of what the organization has.
    async fn counters(&mut self) -> Result<(), StoreError> {
        let mut expected: BTreeMap<Place, Cells> = std::mem::take(&mut self.expected).changes().collect();
        let mut is = BTreeMap::new();
        for dimension in self.dimensions(&expected).await? {
            let days: BTreeSet<Day> =
                expected.keys().filter(|place| place.dimension == dimension).filter_map(|place| day(*place)).collect();
            is.append(&mut self.actual(dimension, days).await?);
        }
        let places: BTreeSet<Place> = expected.keys().chain(is.keys()).copied().collect();
        for place in places {
            let (should, is) = (expected.remove(&place).unwrap_or_default(), is.remove(&place).unwrap_or_default());
            self.row(place, &should, &is).await?;
        }
        Ok(())
    }

    async fn row(&mut self, place: Place, should: &Cells, is: &Cells) -> Result<(), StoreError> {
        let names: BTreeSet<&String> = should.keys().chain(is.keys()).collect();
        let number = |cells: &Cells, name: &String| cells.get(name).copied().unwrap_or(0);
        let wrong = names.into_iter().map(|name| (name, number(is, name), number(should, name))).filter(|(_, is, should)| is != should);
        let wrong: Vec<(&String, i128, i128)> = wrong.collect();
        if wrong.is_empty() {
            return Ok(());
        }
        let row = place.key(self.tenant, Spread::FIRST).sk;
        let found = |(cell, is, should): &(&String, i128, i128)| Difference::Counter {
            row: row.clone(),
            cell: (*cell).clone(),
            is: *is,
            should: *should,
        };
        self.differences.extend(wrong.iter().map(found));
        if self.repair {
            let mend: Cells = wrong.into_iter().map(|(cell, is, should)| (cell.clone(), should - is)).collect();
            self.table.add_to_row(self.tenant, place, &mend).await?;
        }
        Ok(())
    }

    async fn dimensions(&self, expected: &BTreeMap<Place, Cells>) -> Result<BTreeSet<Dimension>, StoreError> {
        let mut all: BTreeSet<Dimension> = expected.keys().map(|place| place.dimension).collect();
        all.insert(Dimension::Organization);
        all.extend(self.table.numbers(self.tenant).await?.into_iter().map(|number| Dimension::Number(number.id)));
        all.extend(self.table.endpoints(self.tenant).await?.into_iter().map(|endpoint| Dimension::Endpoint(endpoint.id)));
        Ok(all)
    }

    /// The counters of a dimension as they are, spread rows added up.
    async fn actual(&self, dimension: Dimension, mut days: BTreeSet<Day>) -> Result<BTreeMap<Place, Cells>, StoreError> {
        let counters = Counters::all(self.tenant, dimension);
        let mut rows: Vec<CountRow> = counters.years(self.table).await?;
        let by_day = self.table.list(access_patterns::counts_by_day(self.tenant.org(), self.tenant.mode(), dimension)).await?;
        days.extend(by_day.iter().map(CountRow::day));
        rows.extend(by_day);
        if dimension == Dimension::Organization {
            let watches = stream::iter(days).map(|day| counters.watches(self.table, day)).buffer_unordered(CONCURRENT);
            rows.extend(watches.try_collect::<Vec<_>>().await?.into_iter().flatten());
        }
        let mut cells: BTreeMap<Place, Cells> = BTreeMap::new();
        for row in rows {
            let place = cells.entry(row.place).or_default();
            row.cells.into_iter().for_each(|(name, number)| *place.entry(name).or_default() += number);
        }
        Ok(cells)
    }
}

fn day(place: Place) -> Option<Day> {
    match place.span {
        Span::Year(_) => None,
        Span::Day(day) | Span::Watch(day, _) => Some(day),
    }
}
