//! Calls that are older than their organization keeps them: deleted as if by request, so that lists, statistics and events
//! that come late agree (ADR 0027).
//!
//! A walk through the list of ended calls, oldest first, goes on from run to run. Once a day it begins anew, for calls that
//! came into the list behind it: deleted ones leave an entry for a while, and to pass over those each minute would cost
//! more with each of them.

use domain::{Mode, Timestamp};
use futures_util::{StreamExt as _, stream};
use store::{Retention, Swept, Tenant, Usage};

use crate::{CONCURRENT, CallReaper, RunError};

/// After how long a walk begins anew, in milliseconds.
const WALK_MILLIS: i64 = 24 * 3_600_000;

/// How many entries are read at a time, and how many of one data set in a run: about what fits into a run. The next one
/// goes on.
const PAGE: usize = 100;
const MOST: usize = 1_000;

const DAY_MILLIS: i64 = 24 * 3_600_000;

impl CallReaper {
    /// Deletes calls that their organizations do not keep any longer; answers how many.
    ///
    /// # Errors
    /// [`RunError`], the first one, after everything that could be done was done.
    pub async fn sweep(&self) -> Result<usize, RunError> {
        self.sweep_some(MOST).await
    }

    /// The same, with so many entries of a data set as a run looks at.
    ///
    /// # Errors
    /// [`RunError`], as above.
    pub async fn sweep_some(&self, most: usize) -> Result<usize, RunError> {
        let (swept, Usage { read_units, write_units, .. }) = self.table.spent(Box::pin(self.sweep_each(most))).await;
        let swept = swept?;
        if !swept.is_empty() {
            tracing::info!(?swept, read_units, write_units, "swept");
        }
        swept.into_iter().sum()
    }

    /// What came of each organization's data sets.
    async fn sweep_each(&self, most: usize) -> Result<Vec<Result<usize, RunError>>, RunError> {
        let retentions = self.table.retentions().await?;
        let both = retentions.iter().flat_map(|retention| Mode::ALL.map(|mode| (retention, mode)));
        let swept = stream::iter(both).map(|(retention, mode)| self.sweep_one(retention, mode, most));
        Ok(swept.buffer_unordered(CONCURRENT).collect().await)
    }

    /// Goes on with the walk through the list of one data set.
    async fn sweep_one(&self, retention: &Retention, mode: Mode, most: usize) -> Result<usize, RunError> {
        #[expect(clippy::disallowed_methods, reason = "every organization is swept")]
        let tenant = Tenant::new(retention.organization_id, mode);
        let now = self.clock.now();
        let before = now.plus_millis(-i64::from(retention.days) * DAY_MILLIS);
        let goes_on = retention.swept(mode).filter(|swept| now.millis_since(swept.begun_at) < WALK_MILLIS);
        let mut walk = goes_on.unwrap_or(Swept { begun_at: now, after: None });
        let (mut deleted, mut looked_at) = (0, 0);
        while looked_at < most {
            let (some, last) = self.sweep_page(retention, tenant, before, &mut walk, now).await?;
            deleted += some;
            looked_at += PAGE;
            if goes_on != Some(walk) {
                self.table.note_swept(retention, mode, walk).await?;
            }
            if last {
                break;
            }
        }
        Ok(deleted)
    }

    /// Deletes the calls of one page: how many, and whether it was the last one.
    async fn sweep_page(
        &self,
        retention: &Retention,
        tenant: Tenant,
        before: Timestamp,
        walk: &mut Swept,
        now: Timestamp,
    ) -> Result<(usize, bool), RunError> {
        let entries = self.table.calls_before(tenant, before, walk.after, PAGE).await?;
        let is_last = entries.len() < PAGE;
        let mut deleted = 0;
        // One after the other: calls of one time share their counters.
        for entry in entries {
            if entry.call.is_some() {
                // What is deleted does not come back, so each asks anew. The next run goes by what was decided instead.
                if self.table.retention(tenant.org()).await?.is_none_or(|current| current.updated_at != retention.updated_at) {
                    return Ok((deleted, true));
                }
                self.table.delete_old_call(tenant, entry.id, now).await?;
                deleted += 1;
            }
            walk.after = Some(entry.id);
        }
        Ok((deleted, is_last))
    }
}
