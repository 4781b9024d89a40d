//! Many calls at once: for loads, which bring calls whole, and not event by event.
//!
//! Each part is written once and none of it in a transaction: what an interrupted load leaves behind is mended by
//! [`Table::verify_calls`].

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, BatchStatementRequest, DeleteRequest, PutRequest, ReturnConsumedCapacity, WriteRequest};
use domain::call::CallRecord;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    counts::Deltas,
    error::StoreError,
    inventory::built,
    item::{Attributes, whole},
    keys::{Get, Tenant},
    lists::ListedCall,
    live::LiveCall,
    table::{Table, key_attributes},
    transaction::pause,
};

/// The most items that a request may write.
pub(crate) const BATCH: usize = 25;

/// How many requests are on their way at the same time.
const CONCURRENT: usize = 8;

/// How often a request is sent anew for what a throttled table left undone.
const TRIES: u32 = 8;

impl Table {
    /// Writes new calls with all their events, and counts those that are over. Transcripts stay with their events.
    ///
    /// A call that exists already would be counted twice.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn load_calls(&self, tenant: Tenant, records: &[CallRecord]) -> Result<(), StoreError> {
        if let Some(record) = records.iter().find(|record| !record.is_over()) {
            self.note_busy_since(tenant, live(record).since).await?;
        }
        let mut deltas = Deltas::default();
        let mut writes = Vec::with_capacity(records.len() * 2);
        for record in records {
            writes.push(put_request(whole(record, &tenant)?)?);
            if record.is_over() {
                let entry = ListedCall::of(record);
                deltas.count(record.id, &record.call().counted());
                writes.push(put_request(whole(&entry, &tenant)?)?);
            } else {
                writes.push(put_request(whole(&live(record), &tenant)?)?);
            }
        }
        self.write_all(writes).await?;
        let rows: Vec<_> = deltas.changes().collect();
        let added = stream::iter(rows).map(|(place, cells)| async move { self.add_to_row(tenant, place, &cells).await });
        added.buffer_unordered(CONCURRENT).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    /// Writes or deletes different items, each for itself, 25 in a request.
    pub(crate) async fn write_all(&self, writes: Vec<WriteRequest>) -> Result<(), StoreError> {
        let batches: Vec<Vec<WriteRequest>> = writes.chunks(BATCH).map(<[WriteRequest]>::to_vec).collect();
        let sent = stream::iter(batches).map(|batch| self.write_batch(batch)).buffer_unordered(CONCURRENT);
        sent.try_collect::<Vec<()>>().await.map(drop)
    }

    /// Writes at most [`BATCH`] items and answers what a throttled table left undone.
    pub(crate) async fn try_write_batch(&self, writes: Vec<WriteRequest>) -> Result<Vec<WriteRequest>, StoreError> {
        let _waiting = self.meter.send();
        let sent = self
            .client
            .batch_write_item()
            .request_items(&*self.name, writes)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        let output = sent.map_err(|error| StoreError::from_sdk(&error))?;
        self.meter.written(output.consumed_capacity.as_deref().unwrap_or_default());
        Ok(output.unprocessed_items.unwrap_or_default().remove(&*self.name).unwrap_or_default())
    }

    /// Writes at most [`BATCH`] new items, each for itself; answers in their order which of them. What is there already, or
    /// cannot be written now, stays as it is. A batch of puts has no conditions, so these are statements.
    pub(crate) async fn insert_batch(&self, items: Vec<Attributes>) -> Result<Vec<bool>, StoreError> {
        let statements = items.into_iter().map(|item| insertion(&self.name, item)).collect::<Result<Vec<_>, _>>()?;
        let _waiting = self.meter.send();
        let request = self.client.batch_execute_statement().set_statements(Some(statements));
        let sent = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await;
        let output = sent.map_err(|error| StoreError::from_sdk(&error))?;
        self.meter.written(output.consumed_capacity());
        Ok(output.responses().iter().map(|response| response.error().is_none()).collect())
    }

    async fn write_batch(&self, mut left: Vec<WriteRequest>) -> Result<(), StoreError> {
        for tries in 1..=TRIES {
            left = self.try_write_batch(left).await?;
            if left.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(pause(tries)).await;
        }
        Err(StoreError::Unavailable("the table keeps leaving writes undone".to_owned()))
    }
}

/// The marker of a call that has gone on since it began.
fn live(record: &CallRecord) -> LiveCall {
    LiveCall::loaded(record.id, record.call().created_at)
}

/// The statement that writes an item where there is none.
/// Source: «`PartiQL` insert statements for DynamoDB» of the DynamoDB developer guide.
fn insertion(table: &str, item: Attributes) -> Result<BatchStatementRequest, StoreError> {
    // In one order, so that equal items make equal statements.
    let (names, values): (Vec<String>, Vec<AttributeValue>) = item.into_iter().collect::<BTreeMap<_, _>>().into_iter().unzip();
    let fields: Vec<String> = names.iter().map(|name| format!("'{name}': ?")).collect();
    let statement = format!("INSERT INTO \"{table}\" VALUE {{{}}}", fields.join(", "));
    built(BatchStatementRequest::builder().statement(statement).set_parameters(Some(values)).build())
}

/// An item to be put, as a part of a batch.
pub(crate) fn put_request(item: Attributes) -> Result<WriteRequest, StoreError> {
    let put = built(PutRequest::builder().set_item(Some(item)).build())?;
    Ok(WriteRequest::builder().put_request(put).build())
}

/// An item to be deleted, as a part of a batch.
pub(crate) fn delete_request<I>(key: &Get<I>) -> Result<WriteRequest, StoreError> {
    let delete = built(DeleteRequest::builder().set_key(Some(key_attributes(key))).build())?;
    Ok(WriteRequest::builder().delete_request(delete).build())
}
