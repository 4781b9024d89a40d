//! Blocks: how many calls of a list lie in which stretch of time, coarse first and finer where a page is looked for.

use std::collections::BTreeMap;

use domain::{Day, Timestamp, call::Call, stats::CallFilter};
use futures_util::future::{try_join, try_join_all};

use crate::{
    counts::{CountRow, Counters, Dimension, added},
    error::StoreError,
    table::Table,
};

use super::{LiveEntry, reach::Days};

/// A day with at most so many calls is read as it is; of a larger one it is looked up where in it they lie.
const SMALL_DAY: i64 = 16;

/// So many days are read together: fewer would cost as much.
const FEW_ROWS: i32 = 8;

/// A range of at most so many days is told by the rows of its days alone.
const FEW_DAYS: i32 = 62;

/// A stretch of time and how many ended calls of the list lie in it.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    /// How many the filter takes.
    pub(super) taken: i64,
    /// How many there are in all, if it is known.
    pub(super) all: Option<i64>,
    pub(super) grain: Grain,
}

/// How finely a block can still be divided.
#[derive(Debug, Clone)]
pub(super) enum Grain {
    /// A month, or what is left of one: into days.
    Month,
    /// A day whose watches lie in other rows.
    Day,
    /// A day whose hours are known: 24 blocks, without the empty ones.
    Hours(Vec<Block>),
    /// No further.
    Leaf,
    /// The calls themselves, which had to be read to be counted.
    Read(Vec<Call>),
}

impl Block {
    fn leaf(from: Timestamp, until: Timestamp, taken: i64, all: Option<i64>) -> Self {
        Self { from, until, taken, all, grain: Grain::Leaf }
    }

    /// The calls of an edge of the range.
    pub(super) fn read(from: Timestamp, until: Timestamp, calls: Vec<Call>) -> Self {
        let taken = i64::try_from(calls.len()).unwrap_or(i64::MAX);
        Self { from, until, taken, all: None, grain: Grain::Read(calls) }
    }

    pub(super) fn holds(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.until
    }

    pub(super) const fn is_coarse(&self) -> bool {
        !matches!(self.grain, Grain::Leaf | Grain::Read(_))
    }
}

/// What blocks are made of: the rows of a list's counters.
#[derive(Clone, Copy)]
pub(super) struct Outline<'a> {
    pub(super) table: &'a Table,
    pub(super) counters: Counters,
    pub(super) filter: &'a CallFilter,
}

impl Outline<'_> {
    /// The blocks of whole days: months as far as they are whole, days at both ends.
    pub(super) async fn blocks(self, (first, end): Days) -> Result<Vec<Block>, StoreError> {
        if let (Some(first), Some(end)) = (first, end)
            && end.days_since(first) <= FEW_DAYS
        {
            return self.days(first, end).await;
        }
        let head = first.filter(|first| first.month_start() != *first).map(|first| (first, first.next_month()));
        let tail = end.filter(|end| end.month_start() != *end).map(|end| (end.month_start(), end));
        let (months_from, months_until) = (head.map_or(first, |(_, until)| Some(until)), tail.map_or(end, |(from, _)| Some(from)));
        let years = async {
            let rows = self.counters.years(self.table).await?;
            Ok::<_, StoreError>(self.months(&rows, months_from, months_until))
        };
        let ends = try_join_all([head, tail].into_iter().flatten().map(|(first, end)| self.days(first, end)));
        let (months, ends) = try_join(years, ends).await?;
        Ok(months.into_iter().chain(ends.into_iter().flatten()).collect())
    }

    /// A coarse block in its parts, fine enough where so many of its calls are passed over.
    pub(super) async fn divide(self, block: &Block, skip: usize) -> Result<Vec<Block>, StoreError> {
        match &block.grain {
            Grain::Month => self.halved(block, skip).await,
            Grain::Day => {
                let rows = self.counters.watches(self.table, Day::of(block.from)).await?;
                Ok(if self.filter.is_of_time_alone() { slots(Day::of(block.from), &rows) } else { self.hours(Day::of(block.from), &rows) })
            }
            Grain::Hours(hours) => Ok(hours.clone()),
            Grain::Leaf | Grain::Read(_) => Ok(vec![block.clone()]),
        }
    }

    /// The days of that half of a month in which a place is likely to lie, and the other half as it is: its rows need not
    /// be read to know how many calls it holds.
    async fn halved(self, month: &Block, skip: usize) -> Result<Vec<Block>, StoreError> {
        let (first, end) = (Day::of(month.from), Day::of(month.until));
        let middle = if end.days_since(first) > FEW_ROWS { first.plus(end.days_since(first) / 2) } else { first };
        let is_newer = middle == first || i64::try_from(skip).is_ok_and(|skip| skip < month.taken / 2);
        let (read, other) = if is_newer { ((middle, end), (first, middle)) } else { ((first, middle), (middle, end)) };
        let mut parts = self.days(read.0, read.1).await?;
        let rest = month.taken - parts.iter().map(|day| day.taken).sum::<i64>();
        if rest <= 0 {
            // Nothing is left, or the year's row is older than the days': only the days know.
            parts.extend(self.days(other.0, other.1).await?);
        } else if other.0 < other.1 {
            parts.push(Block { from: other.0.start(), until: other.1.start(), taken: rest, all: None, grain: Grain::Month });
        }
        Ok(parts)
    }

    /// The months of some years, from one day to before another.
    fn months(self, rows: &[CountRow], from: Option<Day>, until: Option<Day>) -> Vec<Block> {
        let mut months: BTreeMap<Day, i64> = BTreeMap::new();
        for row in rows {
            for (month, _, calls) in row.by_part().filter(|(_, outcome, _)| self.filter.keeps(*outcome)) {
                let Some(first) = Day::from_date(row.year(), u32::from(month) + 1, 1) else { continue };
                *months.entry(first).or_default() += calls;
            }
        }
        months.retain(|first, taken| {
            *taken > 0 && from.is_none_or(|from| from <= *first) && until.is_none_or(|until| first.next_month() <= until)
        });
        let block = |(first, taken): (Day, i64)| Block {
            from: first.start(),
            until: first.next_month().start(),
            taken,
            all: None,
            grain: Grain::Month,
        };
        months.into_iter().map(block).collect()
    }

    async fn days(self, first: Day, end: Day) -> Result<Vec<Block>, StoreError> {
        let mut by_day: BTreeMap<Day, Vec<CountRow>> = BTreeMap::new();
        for row in self.counters.days(self.table, first, end).await? {
            by_day.entry(row.day()).or_default().push(row);
        }
        Ok(by_day.into_iter().map(|(day, rows)| self.day(day, &rows)).filter(|block| block.taken > 0).collect())
    }

    fn day(self, day: Day, rows: &[CountRow]) -> Block {
        let sums = added(rows);
        let (taken, of_all) = (sums.kept(self.filter).calls(), sums.calls());
        let (all, grain) = match self.counters.dimension {
            Dimension::Organization if of_all <= SMALL_DAY => (Some(of_all), Grain::Leaf),
            Dimension::Organization => (Some(of_all), Grain::Day),
            Dimension::Number(_) | Dimension::Endpoint(_) => (None, Grain::Hours(self.hours(day, rows))),
        };
        Block { from: day.start(), until: day.plus(1).start(), taken, all, grain }
    }

    /// The hours of a day in which the filter takes calls.
    fn hours(self, day: Day, rows: &[CountRow]) -> Vec<Block> {
        let mut hours: BTreeMap<u8, (i64, i64)> = BTreeMap::new();
        for (hour, outcome, calls) in rows.iter().flat_map(CountRow::by_part) {
            let (taken, all) = hours.entry(hour).or_default();
            *all += calls;
            *taken += if self.filter.keeps(outcome) { calls } else { 0 };
        }
        let knows_all = self.counters.dimension == Dimension::Organization;
        let block = |(hour, (taken, all)): (u8, (i64, i64))| {
            let from = day.start().plus_millis(i64::from(hour) * 3_600_000);
            Block::leaf(from, from.plus_millis(3_600_000), taken, knows_all.then_some(all))
        };
        hours.into_iter().map(block).filter(|block| block.taken > 0).collect()
    }
}

/// The five minutes of a day in which there are calls.
fn slots(day: Day, rows: &[CountRow]) -> Vec<Block> {
    let mut slots: BTreeMap<u16, i64> = BTreeMap::new();
    for (slot, calls) in rows.iter().flat_map(CountRow::by_slot) {
        *slots.entry(slot).or_default() += calls;
    }
    let block = |(slot, calls): (u16, i64)| {
        let from = day.start().plus_millis(i64::from(slot) * 300_000);
        Block::leaf(from, from.plus_millis(300_000), calls, Some(calls))
    };
    slots.into_iter().map(block).filter(|block| block.taken > 0).collect()
}

/// Puts blocks in order, newest first, and adds one for each live call that lies in none.
pub(super) fn in_order(mut blocks: Vec<Block>, live: &[LiveEntry]) -> Vec<Block> {
    blocks.sort_by_key(|block| std::cmp::Reverse(block.from));
    let lone: Vec<Timestamp> = live.iter().map(LiveEntry::time).filter(|time| !held(&blocks, *time)).collect();
    let mut lone: Vec<Block> = lone.into_iter().map(|time| Block::leaf(time, time.plus_millis(1), 0, Some(0))).collect();
    lone.dedup_by_key(|block| block.from);
    blocks.extend(lone);
    blocks.sort_by_key(|block| std::cmp::Reverse(block.from));
    blocks
}

/// Whether one of the blocks, which are in order, holds an instant.
fn held(blocks: &[Block], time: Timestamp) -> bool {
    let at = blocks.partition_point(|block| block.from > time);
    blocks.get(at).is_some_and(|block| block.holds(time))
}
