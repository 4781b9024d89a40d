//! What the table's requests cost, counted as they are made.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// Requests made and capacity units consumed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Requests sent.
    pub requests: u64,
    /// Read units: half a unit for 4 KB read eventually consistent.
    pub read_units: f64,
    /// Write units: one per KB written, two in a transaction.
    pub write_units: f64,
}

/// Counts in half units, the smallest there are, so that sums are exact.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    requests: AtomicU64,
    half_reads: AtomicU64,
    half_writes: AtomicU64,
}

impl Meter {
    pub(crate) fn read(&self, consumed: &[ConsumedCapacity]) {
        self.count(&self.half_reads, units(consumed));
    }

    pub(crate) fn written(&self, consumed: &[ConsumedCapacity]) {
        self.count(&self.half_writes, units(consumed));
    }

    /// A write whose condition failed: at least one unit, which the answer does not always tell.
    pub(crate) fn refused(&self) {
        self.count(&self.half_writes, 1.0);
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "units are small and positive")]
    fn count(&self, halves: &AtomicU64, units: f64) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        halves.fetch_add((units * 2.0).round() as u64, Ordering::Relaxed);
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            requests: self.requests.load(Ordering::Relaxed),
            read_units: self.half_reads.load(Ordering::Relaxed) as f64 / 2.0,
            write_units: self.half_writes.load(Ordering::Relaxed) as f64 / 2.0,
        }
    }
}

fn units(consumed: &[ConsumedCapacity]) -> f64 {
    consumed.iter().filter_map(ConsumedCapacity::capacity_units).sum()
}

impl std::ops::Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            requests: self.requests - earlier.requests,
            read_units: self.read_units - earlier.read_units,
            write_units: self.write_units - earlier.write_units,
        }
    }
}
