//! What an operation cost, beside what it may cost; and whether it costs more where there is more history.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use store::Usage;

use crate::LocalTable;

/// What an operation may cost at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Sequential round trips to the table.
    pub round_trips: u64,
    /// Read units.
    pub read_units: f64,
    /// Write units.
    pub write_units: f64,
}

/// An operation, what it cost and what it may cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The operation.
    pub operation: String,
    /// What it cost.
    pub cost: Usage,
    /// Bytes that the table answered.
    pub bytes: u64,
    /// How long it took here, which says nothing about a function on AWS.
    pub wall: Duration,
    /// What it may cost.
    pub budget: Budget,
}

impl Row {
    /// Whether the cost is within the budget.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.cost.round_trips <= self.budget.round_trips
            && self.cost.read_units <= self.budget.read_units
            && self.cost.write_units <= self.budget.write_units
    }

    /// How the operation costs more here than with less history: words, or `None`. `leaf` is what may differ by where in
    /// the smallest stretch of time a page happens to lie.
    #[must_use]
    pub fn has_grown(&self, less: &Self, leaf: &Leaf) -> Option<String> {
        let requests = self.cost.requests > less.cost.requests + leaf.requests;
        let units = self.cost.read_units > less.cost.read_units + leaf.read_units;
        let bytes = self.bytes > less.bytes + leaf.bytes;
        let told = |row: &Self| format!("{} requests, {} read units, {} bytes", row.cost.requests, row.cost.read_units, row.bytes);
        (requests || units || bytes).then(|| format!("{}: {}, before {}", self.operation, told(self), told(less)))
    }
}

/// By how much costs may differ between histories of different sizes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leaf {
    /// Requests.
    pub requests: u64,
    /// Read units.
    pub read_units: f64,
    /// Bytes.
    pub bytes: u64,
}

/// A measurement that has begun.
#[derive(Debug)]
pub struct Reading<'a> {
    local: &'a LocalTable,
    usage: Usage,
    bytes: u64,
    begun: Instant,
}

impl<'a> Reading<'a> {
    /// Begins to measure.
    #[must_use]
    pub fn begin(local: &'a LocalTable) -> Self {
        Self { local, usage: local.table.usage(), bytes: local.bytes_answered(), begun: Instant::now() }
    }

    /// Ends it.
    #[must_use]
    pub fn row(self, operation: impl Into<String>, budget: Budget) -> Row {
        let Self { local, usage, bytes, begun } = self;
        let (wall, bytes) = (begun.elapsed(), local.bytes_answered() - bytes);
        Row { operation: operation.into(), cost: local.table.usage() - usage, bytes, wall, budget }
    }
}

/// The rows as a table for people.
#[must_use]
pub fn render(rows: &[Row]) -> String {
    let line = |cells: [String; 7]| {
        let [operation, trips, reads, writes, requests, bytes, wall] = cells;
        format!("{operation:<70} {trips:>12} {reads:>12} {writes:>12} {requests:>9} {bytes:>8} {wall:>8}\n")
    };
    let head = ["operation (measured / budget)", "round trips", "read units", "write units", "requests", "bytes", "ms here"];
    let mut text = line(head.map(str::to_owned));
    for Row { operation, cost, bytes, wall, budget } in rows {
        text += &line([
            operation.clone(),
            format!("{} / {}", cost.round_trips, budget.round_trips),
            format!("{} / {}", cost.read_units, budget.read_units),
            format!("{} / {}", cost.write_units, budget.write_units),
            cost.requests.to_string(),
            bytes.to_string(),
            wall.as_millis().to_string(),
        ]);
    }
    text
}

/// Rows as JSON, for programs.
#[must_use]
pub fn as_json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "operation": row.operation,
            "round_trips": row.cost.round_trips,
            "read_units": row.cost.read_units,
            "write_units": row.cost.write_units,
            "requests": row.cost.requests,
            "bytes": row.bytes,
        })
    };
    rows.iter().map(row).collect()
}
