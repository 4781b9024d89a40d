//! Calls deleted: record and entry become tombstones and the counters follow, all at once; transcripts are swept after.

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};
use domain::{CallId, Timestamp, call::CallRecord};

use crate::{
    access_patterns::{self, live_call},
    counts::{CountWork, Deltas, Settled, Spread},
    error::StoreError,
    inventory::built,
    keys::{Shard, Tenant},
    lists::ListedCall,
    table::{Consistency, Table, key_attributes},
    transaction::{Attempt, Outcome, dice, pause},
};

/// How long a tombstone absorbs late events: 90 days, in seconds.
const TOMBSTONE_SECONDS: i64 = 90 * 24 * 3600;

/// How often a deletion is tried anew when the call changed in between.
const TRIES: u32 = 6;

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedCall {
    /// The call is gone.
    Done,
    /// There is no such call.
    NotFound,
    /// It goes on: its next event would bring it back.
    Live,
}

impl Table {
    /// Deletes a call that is over: its record, its events, its transcripts, and what it was counted as. Events that
    /// come later are absorbed.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if the call keeps changing.
    pub async fn delete_call(&self, tenant: Tenant, id: CallId, now: Timestamp) -> Result<DeletedCall, StoreError> {
        let mut spread = Spread::FIRST;
        for tries in 1..=TRIES {
            let key = access_patterns::call(tenant.org(), tenant.mode(), Shard::of(id), id);
            let Some(record) = self.get(key, Consistency::Strong).await? else { return Ok(DeletedCall::NotFound) };
            if record.events.is_empty() {
                // An earlier try may have died before its sweep.
                self.remove_transcripts(tenant, id).await?;
                return Ok(DeletedCall::NotFound);
            }
            if !record.is_over() {
                return Ok(DeletedCall::Live);
            }
            match self.bury(tenant, &record, now, spread).await? {
                Attempt::Over(Outcome::Done) => {
                    self.remove_transcripts(tenant, id).await?;
                    return Ok(DeletedCall::Done);
                }
                Attempt::Over(Outcome::Refused(_)) => {}
                Attempt::Met => {
                    // Rows of their own part those who meet.
                    spread = Spread::any(dice());
                    tokio::time::sleep(pause(tries.min(4))).await;
                }
            }
        }
        Err(StoreError::Unavailable("the call keeps being changed by others".to_owned()))
    }

    /// Deletes a call that is not kept any longer, as [`Table::delete_call`] does. Its transcripts go before it too: nobody asks
    /// a second time for what a crash left.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or written.
    pub async fn delete_old_call(&self, tenant: Tenant, id: CallId, now: Timestamp) -> Result<DeletedCall, StoreError> {
        self.remove_transcripts(tenant, id).await?;
        self.delete_call(tenant, id, now).await
    }

    /// Tries once.
    async fn bury(&self, tenant: Tenant, record: &CallRecord, now: Timestamp, spread: Spread) -> Result<Attempt, StoreError> {
        let key = access_patterns::listed_call(tenant.org(), tenant.mode(), record.id);
        let Some(seen) = self.get(key, Consistency::Strong).await? else {
            // Its last event is still being handled: it is counted first, so that one thing is to be taken back.
            self.count_calls(tenant, vec![CountWork::new(record)]).await?;
            return Ok(Attempt::Over(Outcome::Refused(Vec::new())));
        };
        let Some(counted) = seen.counted() else { return Ok(Attempt::Over(Outcome::Refused(Vec::new()))) };
        let expires_at = now.as_seconds() + TOMBSTONE_SECONDS;
        let mut deltas = Deltas::default();
        deltas.uncount(record.id, &counted);
        let mut writes = vec![
            self.bury_call(tenant, record.id, expires_at)?,
            self.put_entry(tenant, &ListedCall::tombstone(record.id, expires_at), Some(&seen))?,
        ];
        if let Some(alias) = &record.alias {
            writes.push(self.bury_name(tenant, alias, record.id, expires_at)?);
        }
        writes.extend(self.row_writes(tenant, deltas, spread)?);
        // Whoever counted it may have died before its marker went.
        let marker =
            Delete::builder().table_name(&*self.name).set_key(Some(key_attributes(&live_call(tenant.org(), tenant.mode(), record.id))));
        writes.push(TransactWriteItem::builder().delete(built(marker.build())?).build());
        self.try_act(writes).await
    }

    /// Brings a call's entry and its counters to what its record says.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn recount_call(&self, tenant: Tenant, record: &CallRecord) -> Result<(), StoreError> {
        if let Settled::Due(work) = self.settle_call(tenant, record).await? {
            self.count_calls(tenant, vec![*work]).await?;
        }
        Ok(())
    }

    /// The same where the entry was seen to be something else, whatever its version says.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub(crate) async fn mend_call(&self, tenant: Tenant, record: &CallRecord, seen: Option<ListedCall>) -> Result<(), StoreError> {
        self.count_calls(tenant, vec![CountWork::corrected(record, seen)]).await
    }
}
