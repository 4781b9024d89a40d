//! A call that is over is counted: its entry and the rows that it changes, in one transaction.
//!
//! The entry's condition makes it happen once: it must be absent, or as it was seen. Calls that are counted together
//! share their rows' writes. A message that comes again after a crash finds the entry and changes nothing.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::{
    CallId,
    call::{Call, CallRecord},
};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{Item as _, KIND, VERSION, read, whole},
    keys::Tenant,
    lists::{BODY, COUNTED, ListedCall, MADE_FROM},
    table::{Table, key_attributes},
    transaction::{Attempt, Outcome, dice, pause},
    update::Changed,
};

use super::{Cells, CountRow, Deltas, Place, Spread};

/// How often counting is tried anew when others count, correct or delete at the same moment.
const TRIES: u32 = 10;

/// How many calls are counted in one transaction: with seven rows each, of which most are the same, below its limit of
/// a hundred writes.
const TOGETHER: usize = 10;

/// A call that is over and has to be counted.
#[derive(Debug, Clone)]
pub struct CountWork {
    entry: ListedCall,
    seen: Option<ListedCall>,
}

impl CountWork {
    /// Counts a call that has probably not been counted before.
    #[must_use]
    pub fn new(record: &CallRecord) -> Self {
        Self { entry: ListedCall::of(record), seen: None }
    }

    /// Counts a call anew whose entry was seen to be something else, whatever versions say.
    pub(crate) fn corrected(record: &CallRecord, seen: Option<ListedCall>) -> Self {
        Self { entry: ListedCall::of(record), seen }
    }

    /// The call.
    #[must_use]
    pub const fn call(&self) -> CallId {
        self.entry.id
    }
}

/// How a call's entry stands to its record.
#[derive(Debug, Clone)]
pub enum Settled {
    /// It shows everything.
    UpToDate,
    /// The call was deleted.
    Deleted,
    /// The call has to be counted, or counted otherwise.
    Due(Box<CountWork>),
}

impl Table {
    /// Keeps the entry of a counted call up with its record, as long as it counts as before.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn settle_call(&self, tenant: Tenant, record: &CallRecord) -> Result<Settled, StoreError> {
        let entry = ListedCall::of(record);
        let mut set = SetExpression::default();
        set.set(MADE_FROM, AttributeValue::N(entry.version.to_string()));
        if let Some(body) = entry.body()? {
            set.set(BODY, body);
        }
        set.value(":version", AttributeValue::N(entry.version.to_string()));
        set.value(":counted", AttributeValue::S(entry.counted_name().to_owned()));
        set.name("#version", MADE_FROM);
        set.name("#counted", COUNTED);
        let key = access_patterns::listed_call(tenant.org(), tenant.mode(), record.id);
        Ok(match self.update(key, &set, Some("#version < :version AND #counted = :counted")).await? {
            Changed::Done(_) => Settled::UpToDate,
            Changed::Refused(Some(seen)) if seen.call.is_none() => Settled::Deleted,
            Changed::Refused(Some(seen)) if seen.version >= entry.version => Settled::UpToDate,
            Changed::Refused(seen) => Settled::Due(Box::new(CountWork { entry, seen })),
        })
    }

    /// Counts calls, each once, however often and from wherever it is asked for; then their live markers go. A call that
    /// was deleted stays uncounted.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if others keep writing the same rows.
    pub async fn count_calls(&self, tenant: Tenant, works: Vec<CountWork>) -> Result<(), StoreError> {
        let mut latest: BTreeMap<CallId, CountWork> = BTreeMap::new();
        for work in works {
            let known = latest.get(&work.call());
            if known.is_none_or(|known| known.entry.version < work.entry.version) {
                latest.insert(work.call(), work);
            }
        }
        let (new, corrected): (Vec<CountWork>, Vec<CountWork>) = latest.into_values().partition(|work| work.seen.is_none());
        // A correction may touch the rows of two numbers and two endpoints.
        for together in new.chunks(TOGETHER).chain(corrected.chunks(1)) {
            self.count_together(tenant, together.to_vec()).await?;
            self.unmark_all_live(tenant, &together.iter().map(CountWork::call).collect::<Vec<_>>()).await?;
        }
        Ok(())
    }

    async fn count_together(&self, tenant: Tenant, mut due: Vec<CountWork>) -> Result<(), StoreError> {
        let mut spread = Spread::FIRST;
        for tries in 1..=TRIES {
            match self.try_transact(self.count_writes(tenant, &due, spread)?).await? {
                Attempt::Over(Outcome::Done) => return Ok(()),
                Attempt::Over(Outcome::Refused(reasons)) => due = still_due(due, &reasons)?,
                Attempt::Met => {
                    // Rows of their own part those who meet.
                    spread = Spread::any(dice());
                    tokio::time::sleep(pause(tries.min(4))).await;
                }
            }
            if due.is_empty() {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable("the call's entry keeps being changed by others".to_owned()))
    }

    fn count_writes(&self, tenant: Tenant, due: &[CountWork], spread: Spread) -> Result<Vec<TransactWriteItem>, StoreError> {
        let mut deltas = Deltas::default();
        let mut writes = Vec::new();
        for CountWork { entry, seen } in due {
            if let Some(before) = seen.as_ref().and_then(ListedCall::counted) {
                deltas.uncount(entry.id, &before);
            }
            if let Some(now) = entry.call.as_ref().map(Call::counted) {
                deltas.count(entry.id, &now);
            }
            writes.push(self.put_entry(tenant, entry, seen.as_ref())?);
        }
        writes.extend(self.row_writes(tenant, deltas, spread)?);
        Ok(writes)
    }

    /// Writes a call's entry if it is as it was seen.
    pub(crate) fn put_entry(&self, tenant: Tenant, entry: &ListedCall, seen: Option<&ListedCall>) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&*self.name)
            .set_item(Some(whole(entry, &tenant)?))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = match seen {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(seen) => put
                .condition_expression("#version = :version AND #counted = :counted")
                .expression_attribute_names("#version", MADE_FROM)
                .expression_attribute_names("#counted", COUNTED)
                .expression_attribute_values(":version", AttributeValue::N(seen.version.to_string()))
                .expression_attribute_values(":counted", AttributeValue::S(seen.counted_name().to_owned())),
        };
        Ok(TransactWriteItem::builder().put(built(put.build())?).build())
    }

    /// The writes that change counter rows.
    pub(crate) fn row_writes(&self, tenant: Tenant, deltas: Deltas, spread: Spread) -> Result<Vec<TransactWriteItem>, StoreError> {
        let write = |(place, cells): (Place, Cells)| -> Result<TransactWriteItem, StoreError> {
            let set = row_change(&cells);
            let update = Update::builder()
                .table_name(&*self.name)
                .set_key(Some(key_attributes(&place.key(tenant, spread))))
                .update_expression(set.expression())
                .set_expression_attribute_names(set.names())
                .set_expression_attribute_values(set.values())
                .build();
            Ok(TransactWriteItem::builder().update(built(update)?).build())
        };
        deltas.changes().map(write).collect()
    }

    /// Adds to counter rows, one by one: for loads and repairs, which nobody may interrupt for ever.
    pub(crate) async fn add_to_row(&self, tenant: Tenant, place: Place, cells: &Cells) -> Result<(), StoreError> {
        self.update(place.key(tenant, Spread::FIRST), &row_change(cells), None).await.map(|_| ())
    }
}

/// What is left to count after a transaction was refused: what is not counted as its record says by now.
fn still_due(due: Vec<CountWork>, reasons: &[CancellationReason]) -> Result<Vec<CountWork>, StoreError> {
    let mut left = Vec::new();
    for (at, work) in due.into_iter().enumerate() {
        let Some(failed) = Outcome::failed(reasons, at) else {
            left.push(work);
            continue;
        };
        let item = failed.item.clone().filter(|item| !item.is_empty());
        let seen: Option<ListedCall> = item.map(read).transpose()?;
        // A deleted call's entry is newer than any.
        if seen.as_ref().is_none_or(|seen| seen.version < work.entry.version) {
            left.push(CountWork { seen, ..work });
        }
    }
    Ok(left)
}

fn row_change(cells: &Cells) -> SetExpression {
    let mut set = SetExpression::default();
    set.set(KIND, AttributeValue::S(CountRow::KIND.to_owned()));
    set.set(VERSION, AttributeValue::N(CountRow::VERSION.to_string()));
    for (cell, number) in cells {
        set.add(cell, *number);
    }
    set
}
