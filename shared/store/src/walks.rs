//! Walks through everything of one sort that an organization has, page by page: for who takes it all away.

use domain::{CallId, call::CallRecord};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    access_patterns,
    error::StoreError,
    keys::{Bound, Shard, Tenant},
    table::Table,
};

/// How many transcripts are fetched at the same time.
const CONCURRENT: usize = 8;

/// Where a walk through calls goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallWalk {
    shard: Shard,
    after: Option<CallId>,
}

impl CallWalk {
    /// The beginning of the walk through each part of an organization's calls.
    pub fn begin() -> impl Iterator<Item = Self> {
        Shard::all().map(|shard| Self { shard, after: None })
    }
}

impl Table {
    /// The next calls of a walk, at most `limit`, oldest first, with their transcripts, and where it goes on; `None` at its
    /// end. Deleted calls are left out. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn walk_calls(
        &self,
        tenant: Tenant,
        walk: CallWalk,
        limit: usize,
    ) -> Result<(Vec<CallRecord>, Option<CallWalk>), StoreError> {
        let list = access_patterns::calls(tenant.org(), tenant.mode(), walk.shard);
        let from = walk.after.map(Bound::after);
        let records: Vec<CallRecord> = self.range(list.between(from.as_ref().map(Bound::as_str), None), false, limit).await?;
        let after = records.last().filter(|_| records.len() == limit).map(|record| record.id);
        let kept = stream::iter(records.into_iter().filter(|record| !record.events.is_empty()));
        let whole = kept.map(|record| self.with_transcripts(tenant, record)).buffered(CONCURRENT).try_collect().await?;
        Ok((whole, after.map(|after| CallWalk { after: Some(after), ..walk })))
    }
}
