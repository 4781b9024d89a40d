//! The audit trail: an entry is written in the transaction of what it tells, or there is neither.
//!
//! A table that was told of an act ([`Table::audited`]) puts the entry beside the first write that has an effect, whichever
//! operation makes it. No operation names the trail, so none can forget it; work after the effect, such as a sweep, is no
//! act of its own. The entry's id is that of the act: a second try of it writes the same entry.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::{
    AuditId, CallId,
    audit::{AuditEntry, AuditFilter},
};

use crate::{
    access_patterns,
    error::StoreError,
    inventory::built,
    item::{serde_item, whole},
    keys::{Bound, Keys, Tenant},
    table::Table,
};

serde_item!(AuditEntry, "audit_entry", Tenant, |entry, tenant| Keys::primary(access_patterns::audit_entry(
    tenant.org(),
    tenant.mode(),
    entry.id
)));

/// An act whose entry is to be written with its effect.
#[derive(Debug)]
pub(crate) struct Act {
    tenant: Tenant,
    entry: AuditEntry,
    is_written: AtomicBool,
}

/// A part of an audit trail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries that the filter takes, newest first.
    pub found: Vec<AuditEntry>,
    /// After which entry the list goes on; `None` at its end. A page may have fewer than were asked for and yet go on.
    pub next: Option<AuditId>,
}

/// How many entries are read at a time.
const STEP: usize = 200;

impl Table {
    /// The same table, for one act: its first write that has an effect writes this entry too.
    #[must_use]
    pub fn audited(&self, tenant: Tenant, entry: AuditEntry) -> Self {
        Self { act: Some(Arc::new(Act { tenant, entry, is_written: AtomicBool::new(false) })), ..self.clone() }
    }

    /// Whether a write of this table has to be a transaction, for an entry goes with it.
    pub(crate) fn has_act(&self) -> bool {
        self.open_act().is_some()
    }

    /// Writes the entry that is due by itself: for an act without an effect in the table, such as an export, and for one of so
    /// many writes that none of them is the effect.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn note_act(&self) -> Result<(), StoreError> {
        if self.has_act() {
            self.transact(Vec::new()).await?;
        }
        Ok(())
    }

    /// The write of the entry that is due: one, or none.
    pub(crate) fn act_write(&self) -> Result<Option<TransactWriteItem>, StoreError> {
        let Some(act) = self.open_act() else { return Ok(None) };
        // Whatever an earlier try of the same act wrote says the same.
        let put = Put::builder().table_name(&*self.name).set_item(Some(whole(&act.entry, &act.tenant)?)).build();
        Ok(Some(TransactWriteItem::builder().put(built(put)?).build()))
    }

    /// The entry is there.
    pub(crate) fn act_is_written(&self) {
        if let Some(act) = &self.act {
            act.is_written.store(true, Ordering::Relaxed);
        }
    }

    fn open_act(&self) -> Option<&Act> {
        self.act.as_deref().filter(|act| !act.is_written.load(Ordering::Relaxed))
    }

    /// A part of an audit trail, newest first: at most `limit` entries that a filter takes, after looking at `reach`.
    /// Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn audit_trail(
        &self,
        tenant: Tenant,
        filter: &AuditFilter,
        after: Option<AuditId>,
        limit: usize,
        reach: usize,
    ) -> Result<AuditPage, StoreError> {
        let from = filter.from.map(Bound::at);
        let mut before = filter.until.map(Bound::at);
        // Ids of entries and of calls are made alike, and so are the places between them.
        let just_before = |id: AuditId| Bound::before(CallId::from_uuid(id.as_uuid()));
        if let Some(after) = after.map(just_before) {
            before = Some(before.map_or(after.clone(), |until| until.min(after)));
        }
        let (mut page, mut looked_at) = (AuditPage::default(), 0);
        loop {
            let list = access_patterns::audit_trail(tenant.org(), tenant.mode());
            let span = list.between(from.as_ref().map(Bound::as_str), before.as_ref().map(Bound::as_str));
            // Without a filter no more is read than is shown.
            let step = if filter_is_free(filter) { limit - page.found.len() } else { STEP };
            let entries: Vec<AuditEntry> = self.range(span, true, step).await?;
            let is_end = entries.len() < step;
            for entry in entries {
                looked_at += 1;
                let id = entry.id;
                before = Some(just_before(id));
                page.found.extend(Some(entry).filter(|entry| filter.takes(entry)));
                if page.found.len() >= limit || looked_at >= reach {
                    page.next = Some(id);
                    return Ok(page);
                }
            }
            if is_end {
                return Ok(page);
            }
        }
    }
}

/// Whether a filter narrows nothing but the time, which the keys tell.
const fn filter_is_free(filter: &AuditFilter) -> bool {
    filter.action.is_none() && filter.resource_type.is_none() && filter.resource.is_none() && filter.actor.is_none()
}
