//! What the table's requests cost, counted as they are made.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// Requests made and capacity units consumed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Requests sent.
    pub requests: u64,
    /// Times that a request had to be waited for: requests sent side by side count as one.
    pub round_trips: u64,
    /// Read units: half a unit for 4 KB read eventually consistent.
    pub read_units: f64,
    /// Write units: one per KB written, two in a transaction.
    pub write_units: f64,
}

/// Counts in half units, the smallest there are, so that sums are exact.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    requests: AtomicU64,
    round_trips: AtomicU64,
    in_flight: AtomicU64,
    half_reads: AtomicU64,
    half_writes: AtomicU64,
}

/// A request on its way.
pub(crate) struct Waiting<'a>(&'a Meter);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Meter {
    /// Counts a request as being on its way until the answer is dropped.
    pub(crate) fn send(&self) -> Waiting<'_> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if self.in_flight.fetch_add(1, Ordering::Relaxed) == 0 {
            self.round_trips.fetch_add(1, Ordering::Relaxed);
        }
        Waiting(self)
    }

    pub(crate) fn read(&self, consumed: &[ConsumedCapacity]) {
        Self::count(&self.half_reads, units(consumed));
    }

    pub(crate) fn written(&self, consumed: &[ConsumedCapacity]) {
        Self::count(&self.half_writes, units(consumed));
    }

    /// A write whose condition failed: at least one unit, which the answer does not always tell.
    pub(crate) fn refused(&self) {
        Self::count(&self.half_writes, 1.0);
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "units are small and positive")]
    fn count(halves: &AtomicU64, units: f64) {
        halves.fetch_add((units * 2.0).round() as u64, Ordering::Relaxed);
    }

    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            requests: self.requests.load(Ordering::Relaxed),
            round_trips: self.round_trips.load(Ordering::Relaxed),
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
            round_trips: self.round_trips - earlier.round_trips,
            read_units: self.read_units - earlier.read_units,
            write_units: self.write_units - earlier.write_units,
        }
    }
}
