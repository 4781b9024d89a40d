//! An organization erased, step by step: marked, closed, and after a wait looked through until nothing is left.
//!
//! Whoever is cut off anywhere runs it again: each step finds what was done (ADR 0027).

use std::time::Duration;

use domain::{OrgId, Timestamp};
use runtime::Clock;
use serde::Serialize;
use store::{Erasure, Found, Mention, StoreError, Table, Treatment};

use crate::patience::patiently;

/// How long processes may still act for an organization that is closed: they believe for 60 s what they read of a key, a member
/// or an organization, and what they have begun by then takes up to 50 s.
pub const SETTLE_MILLIS: i64 = 120_000;

/// How often everything is looked through before it is said that something keeps coming back.
const WALKS: u32 = 5;

/// How many items are looked at in one request when the whole table is.
const PAGE_ITEMS: i32 = 1_000;

/// Who is to be erased.
#[derive(Debug)]
pub struct Erase {
    /// Where everything lies.
    pub table: Table,
    /// The organization.
    pub org: OrgId,
    /// Tells the time.
    pub clock: Clock,
    /// How long to wait between closing the organization and looking through what it has.
    pub settle_millis: i64,
}

/// What was erased, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The organization.
    pub organization_id: OrgId,
    /// Since when it does not exist; `None` if it still does.
    pub begun_at: Option<Timestamp>,
    /// Since when nothing of it is left.
    pub ended_at: Option<Timestamp>,
    /// How many items, by kind, in this run.
    pub items: std::collections::BTreeMap<String, u64>,
    /// How many numbers went back to the inventory, or would go.
    pub freed_numbers: u64,
}

/// Why an organization was not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// There is none with this id, and never was.
    #[error("there is no organization {0}")]
    Unknown(OrgId),
    /// Something keeps writing items of it.
    #[error("something keeps writing: {0} items were found at the last walk")]
    Restless(u64),
    /// The table does not answer: what was done stays done.
    #[error("run it again: it goes on where it stopped")]
    Store(#[from] StoreError),
}

impl Erase {
    /// Counts what would be erased, and changes nothing.
    ///
    /// # Errors
    /// [`EraseError`] if there is no such organization or the table cannot be read.
    pub async fn count(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<Report, EraseError> {
        let erasure = patiently(|| self.table.erasure(self.org)).await?;
        if erasure.is_none() && patiently(|| self.table.standing(self.org)).await? == store::Standing::Unknown {
            return Err(EraseError::Unknown(self.org));
        }
        let found = patiently(|| self.table.walk_organization(self.org, Treatment::Count, progress)).await?;
        Ok(self.report(erasure, found))
    }

    /// Erases everything. `waiting` is told how long it still has to wait, again and again, and `progress` of so many items
    /// more.
    ///
    /// # Errors
    /// [`EraseError`]: what was done stays done, and doing it again does the rest.
    pub async fn run(&self, mut waiting: impl FnMut(Duration), progress: &(dyn Fn(u64) + Sync)) -> Result<Report, EraseError> {
        let now = self.clock.now();
        let begun = patiently(|| self.table.begin_erasure(self.org, now)).await?;
        let ((mut erasure, is_new), mut found) = (begun.ok_or(EraseError::Unknown(self.org))?, Found::default());
        if is_new {
            found.items.insert("organization".to_owned(), 1);
        }
        if erasure.closed_at.is_none() {
            let closed = patiently(|| self.table.close_organization(self.org, self.clock.now())).await?;
            (erasure, found) = (closed.0, found.and(closed.1));
        }
        let settled = erasure.closed_at.unwrap_or(now).plus_millis(self.settle_millis);
        loop {
            let left = u64::try_from(settled.millis_since(self.clock.now())).unwrap_or(0);
            if left == 0 {
                break;
            }
            waiting(Duration::from_millis(left));
            tokio::time::sleep(Duration::from_millis(left.min(1_000))).await;
        }
        let found = found.and(self.erase_all(progress).await?);
        let erasure = patiently(|| self.table.end_erasure(self.org, self.clock.now())).await?;
        Ok(self.report(Some(erasure), found))
    }

    /// Looks through everything until nothing is found.
    async fn erase_all(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<Found, EraseError> {
        let (mut found, mut last) = (Found::default(), 0);
        for _ in 0..WALKS {
            let walk = patiently(|| self.table.walk_organization(self.org, Treatment::Erase, progress)).await?;
            last = walk.total();
            found = found.and(walk);
            if last == 0 {
                return Ok(found);
            }
        }
        Err(EraseError::Restless(last))
    }

    /// The items of the whole table that name the organization, but for its mark: none after it was erased. `progress` is told
    /// how many more were looked at.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn left_behind(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<Vec<Mention>, StoreError> {
        let (mut left, mut after) = (Vec::new(), None);
        loop {
            let page = patiently(|| self.table.mentions(self.org, after.as_ref(), PAGE_ITEMS)).await?;
            left.extend(page.found);
            progress(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(left);
            }
        }
    }

    fn report(&self, erasure: Option<Erasure>, found: Found) -> Report {
        let (begun_at, ended_at) = erasure.map_or((None, None), |erasure| (Some(erasure.begun_at), erasure.ended_at));
        Report { organization_id: self.org, begun_at, ended_at, items: found.items, freed_numbers: found.freed_numbers }
    }
}
