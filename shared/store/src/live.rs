//! Calls that go on: a marker each, from before their first event is written until they are counted.
//!
//! A marker is put before the call's record and removed after the call is counted, so a call is found in at least one
//! of the two places at any moment. It carries no more than the id, since when it stands and when it was last put: what the
//! call has come to stands in its record. Whoever puts it again leaves since when it stands (ADR 0033). Which tenants may
//! have any is noted aside, so that whoever looks after calls that nobody ends need not ask all.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{CallId, Mode, OrgId, Timestamp, call::CallRecord};
use futures_util::{StreamExt as _, TryStreamExt as _, future::join_all, stream};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    bulk::{BATCH, delete_request},
    error::StoreError,
    expression::SetExpression,
    item::{Item as _, KIND, VERSION, serde_item, whole},
    keys::{Keys, Tenant},
    table::{Consistency, Table},
};

/// How many records are read at the same time.
const CONCURRENT: usize = 64;

/// The marker of a call that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCall {
    /// The call.
    pub id: CallId,
    /// When its first event was taken in, which may be long after it began.
    pub since: Timestamp,
    /// When an event put the marker last; `None` if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    marked_at: Option<Timestamp>,
}

const SINCE: &str = "since";
const MARKED_AT: &str = "marked_at";

impl LiveCall {
    /// When the marker was put last, which is when an event of the call may be on its way into a record.
    #[must_use]
    pub fn last_marked(&self) -> Timestamp {
        self.marked_at.unwrap_or(self.since)
    }

    /// A call that has gone on for a while.
    pub(crate) const fn loaded(id: CallId, since: Timestamp) -> Self {
        Self { id, since, marked_at: None }
    }

    /// A call whose first event is taken in now.
    const fn begun(id: CallId, now: Timestamp) -> Self {
        Self { id, since: now, marked_at: Some(now) }
    }
}

serde_item!(LiveCall, "live", Tenant, |live, tenant| Keys::primary(access_patterns::live_call(tenant.org(), tenant.mode(), live.id)));

/// A tenant that may have calls that go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusyTenant {
    /// The organization.
    pub organization_id: OrgId,
    /// The data set.
    pub mode: Mode,
    /// When it was last noted.
    pub noted_at: Timestamp,
}

impl BusyTenant {
    /// Whose calls they are.
    #[must_use]
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.organization_id, self.mode)
    }
}

serde_item!(BusyTenant, "busy", (), |busy, _none| Keys::primary(access_patterns::busy_tenant(busy.organization_id, busy.mode)));

impl Table {
    /// Notes that a call goes on. To be done before its event is written, and while its tenant is noted as busy. Since when a
    /// call goes on stays what its first marker said.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn mark_live(&self, tenant: Tenant, id: CallId, now: Timestamp) -> Result<(), StoreError> {
        let mut set = SetExpression::default();
        set.set(KIND, AttributeValue::S(LiveCall::KIND.to_owned()));
        set.set(VERSION, AttributeValue::N(LiveCall::VERSION.to_string()));
        for (name, value) in LiveCall::begun(id, now).to_attributes()? {
            if name == SINCE { set.set_once(&name, value) } else { set.set(&name, value) }
        }
        self.update(access_patterns::live_call(tenant.org(), tenant.mode(), id), &set, None).await.map(drop)
    }

    /// Notes of several calls that they go on, as [`Table::mark_live`] does of one, in one request for each 25. Answers each in
    /// its place: what is marked already, and what the table leaves undone, is done alone, so that a throttled tenant keeps no
    /// other's calls back.
    ///
    /// # Errors
    /// [`StoreError`] for each that could not be written.
    pub async fn mark_all_live(&self, calls: &[(Tenant, CallId)], now: Timestamp) -> Vec<Result<(), StoreError>> {
        let marked = if calls.len() > 1 { self.mark_new(calls, now).await } else { HashSet::new() };
        let each = calls.iter().map(
            async |&(tenant, id)| {
                if marked.contains(&(tenant, id)) { Ok(()) } else { self.mark_live(tenant, id, now).await }
            },
        );
        join_all(each).await
    }

    /// Marks those that have no marker yet; answers which. What is wrong with others is found out by whoever marks them alone.
    async fn mark_new(&self, calls: &[(Tenant, CallId)], now: Timestamp) -> HashSet<(Tenant, CallId)> {
        let different: HashSet<(Tenant, CallId)> = calls.iter().copied().collect();
        let mut marked = HashSet::with_capacity(different.len());
        let different: Vec<(Tenant, CallId)> = different.into_iter().collect();
        for some in different.chunks(BATCH) {
            let markers: Result<Vec<_>, _> = some.iter().map(|(tenant, id)| whole(&LiveCall::begun(*id, now), tenant)).collect();
            let Ok(markers) = markers else { continue };
            let done = self.insert_batch(markers).await.unwrap_or_default();
            marked.extend(some.iter().zip(done).filter_map(|(call, done)| done.then_some(*call)));
        }
        marked
    }

    /// Notes that a tenant may have calls that go on.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn note_busy(&self, tenant: Tenant, now: Timestamp) -> Result<(), StoreError> {
        self.put(&BusyTenant { organization_id: tenant.org(), mode: tenant.mode(), noted_at: now }, &()).await
    }

    /// Notes a tenant's calls that have gone on for a while, unless it is noted already: a newer note must not look old.
    pub(crate) async fn note_busy_since(&self, tenant: Tenant, since: Timestamp) -> Result<(), StoreError> {
        self.create(&BusyTenant { organization_id: tenant.org(), mode: tenant.mode(), noted_at: since }, &()).await.map(|_| ())
    }

    /// The tenants that may have calls that go on.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn busy_tenants(&self) -> Result<Vec<BusyTenant>, StoreError> {
        self.list(access_patterns::busy_tenants()).await
    }

    /// Takes a tenant's note away unless it was noted again.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn note_quiet(&self, busy: &BusyTenant) -> Result<(), StoreError> {
        let key = access_patterns::busy_tenant(busy.organization_id, busy.mode);
        self.delete_if(key, "noted_at", Some(AttributeValue::S(busy.noted_at.to_string()))).await
    }

    /// The markers of a tenant, oldest call first. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn live_calls(&self, tenant: Tenant) -> Result<Vec<LiveCall>, StoreError> {
        self.list(access_patterns::live_calls(tenant.org(), tenant.mode())).await
    }

    /// Takes a marker away that was seen to be left over, unless the call was marked again.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn unmark_left_over(&self, tenant: Tenant, live: &LiveCall) -> Result<(), StoreError> {
        let key = access_patterns::live_call(tenant.org(), tenant.mode(), live.id);
        self.delete_if(key, MARKED_AT, live.marked_at.map(|at| AttributeValue::S(at.to_string()))).await
    }

    /// Notes that a call does not go on any more. To be done after it was counted.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn unmark_live(&self, tenant: Tenant, id: CallId) -> Result<(), StoreError> {
        self.delete(access_patterns::live_call(tenant.org(), tenant.mode(), id)).await
    }

    /// Notes of several calls that they do not go on any more, as [`Table::unmark_live`] does of one.
    pub(crate) async fn unmark_all_live(&self, tenant: Tenant, calls: &[CallId]) -> Result<(), StoreError> {
        if let [id] = *calls {
            return self.unmark_live(tenant, id).await;
        }
        let markers = calls.iter().map(|id| delete_request(&access_patterns::live_call(tenant.org(), tenant.mode(), *id)));
        self.write_all(markers.collect::<Result<_, _>>()?).await
    }

    /// Takes the marker of a call away of which nothing is known, unless it is marked again in the meantime.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or written.
    pub async fn unmark_unknown(&self, tenant: Tenant, id: CallId) -> Result<(), StoreError> {
        let key = access_patterns::live_call(tenant.org(), tenant.mode(), id);
        // The marker first: whoever writes the call's first event marks it before.
        let Some(live) = self.get(key, Consistency::Strong).await? else { return Ok(()) };
        match self.record(tenant, id, Consistency::Strong).await? {
            None => self.unmark_left_over(tenant, &live).await,
            Some(_) => Ok(()),
        }
    }

    /// The calls that go on, newest first. Eventually consistent.
    pub(crate) async fn live_ids(&self, tenant: Tenant) -> Result<Vec<CallId>, StoreError> {
        let mut live = self.live_calls(tenant).await?;
        live.reverse();
        Ok(live.into_iter().map(|call| call.id).collect())
    }

    /// The records of some calls, in their order; those that are not there or were deleted are left out.
    pub(crate) async fn records(&self, tenant: Tenant, ids: &[CallId]) -> Result<Vec<CallRecord>, StoreError> {
        let read = stream::iter(ids.to_vec()).map(|id| self.record(tenant, id, Consistency::Eventual));
        let found: Vec<Option<CallRecord>> = read.buffered(CONCURRENT).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }
}
