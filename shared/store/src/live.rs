//! Calls that go on: a marker each, from before their first event is written until they are counted.
//!
//! A marker is put before the call's record and removed after the call is counted, so a call is found in at least one
//! of the two places at any moment. It carries the id alone: what the call has come to stands in its record.

use domain::{CallId, call::CallRecord};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    item::serde_item,
    keys::{Keys, Tenant},
    table::Table,
};

/// How many records are read at the same time.
const CONCURRENT: usize = 64;

/// The marker of a call that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCall {
    /// The call.
    pub id: CallId,
}

serde_item!(LiveCall, "live", Tenant, |live, tenant| Keys::primary(access_patterns::live_call(tenant.org, tenant.mode, live.id)));

impl Table {
    /// Notes that a call goes on. To be done before its event is written.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn mark_live(&self, tenant: Tenant, id: CallId) -> Result<(), StoreError> {
        self.put(&LiveCall { id }, &tenant).await
    }

    /// Notes that a call does not go on any more. To be done after it was counted.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn unmark_live(&self, tenant: Tenant, id: CallId) -> Result<(), StoreError> {
        self.delete(access_patterns::live_call(tenant.org, tenant.mode, id)).await
    }

    /// The calls that go on, newest first. Eventually consistent.
    pub(crate) async fn live_ids(&self, tenant: Tenant) -> Result<Vec<CallId>, StoreError> {
        let mut live = self.list(access_patterns::live_calls(tenant.org, tenant.mode)).await?;
        live.reverse();
        Ok(live.into_iter().map(|call| call.id).collect())
    }

    /// The records of some calls, in their order; those that are not there or were deleted are left out.
    pub(crate) async fn records(&self, tenant: Tenant, ids: &[CallId]) -> Result<Vec<CallRecord>, StoreError> {
        let read = stream::iter(ids.to_vec()).map(|id| self.record(tenant, id, crate::Consistency::Eventual));
        let found: Vec<Option<CallRecord>> = read.buffered(CONCURRENT).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }
}
