//! Counters of calls: rows that add up what ended calls count as, changed in one transaction with the call's entry.
//!
//! `place` says where a row lies, `row` what stands in it and what one call changes, `settle` writes, `read` adds up.

mod place;
mod read;
mod row;
mod settle;

pub use place::{Dimension, Part, Spread, Watch, Year};
pub use row::CountRow;
pub use settle::{CountWork, Settled};

pub(crate) use place::{Place, Span};
pub(crate) use read::{Counters, added};
pub(crate) use row::{Cells, Deltas};
