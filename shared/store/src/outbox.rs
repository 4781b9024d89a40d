//! The outbox: lifecycle events, written in the transaction of what they tell and kept until their webhooks are queued.
//!
//! A function that changed something hands the event on at once. What a crash kept from being handed on stays here and
//! is found by the sweep. Handing on twice is harmless: the ids of deliveries are derived from the event's.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::{Mode, OrgId, OutboxId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    inventory::built,
    item::{serde_item, whole},
    keys::{Keys, Segment, Tenant},
    table::{Consistency, Table},
};

/// A lifecycle event that waits for its webhooks to be queued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxEvent {
    /// Its id: version 7, so that a partition is in the order of time.
    pub id: OutboxId,
    /// Whose event it is.
    pub organization_id: OrgId,
    /// In which data set.
    pub mode: Mode,
    /// The event's name.
    pub event: String,
    /// When it happened.
    pub at: Timestamp,
    /// The resource as the API shows it, as JSON text.
    pub data: String,
}

impl OutboxEvent {
    /// Whose event it is.
    #[must_use]
    pub const fn tenant(&self) -> Tenant {
        Tenant::new(self.organization_id, self.mode)
    }
}

serde_item!(OutboxEvent, "outbox_event", (), |event, _none| Keys::primary(access_patterns::outbox_event(
    OutboxShard::of(event.id),
    event.id
)));

/// One of the partitions over which the outbox is spread. It holds the events of all organizations: only the system reads
/// it, and an event names its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxShard(u8);

impl OutboxShard {
    /// How many there are.
    pub const COUNT: u8 = 4;

    /// Every shard.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// The shard in which an event lies: its id's last bits, which are random.
    #[must_use]
    pub fn of(event: OutboxId) -> Self {
        Self(event.as_uuid().as_bytes()[15] % Self::COUNT)
    }
}

impl Segment for OutboxShard {
    fn segment(&self) -> String {
        self.0.to_string()
    }
}

/// Makes, of a resource as it will be, the event that tells of it; absent if nobody takes such an event.
pub type Tell<'a, T> = Option<&'a (dyn Fn(&T) -> OutboxEvent + Send + Sync)>;

/// The [`Tell`] of something that makes events, if there is one.
pub fn tell<T, F: Fn(&T) -> OutboxEvent + Send + Sync>(make: Option<&F>) -> Tell<'_, T> {
    make.map(|make| make as _)
}

impl Table {
    /// An event that waits; `None` if its webhooks were queued.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn outbox_event(&self, id: OutboxId) -> Result<Option<OutboxEvent>, StoreError> {
        self.get(access_patterns::outbox_event(OutboxShard::of(id), id), Consistency::Strong).await
    }

    /// The events of one shard that wait, oldest first, up to `limit`.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn outbox(&self, shard: OutboxShard, limit: usize) -> Result<Vec<OutboxEvent>, StoreError> {
        self.first(access_patterns::outbox(shard), limit).await
    }

    /// Takes an event out whose webhooks are queued. Taking it out again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn settle_outbox_event(&self, id: OutboxId) -> Result<(), StoreError> {
        self.delete(access_patterns::outbox_event(OutboxShard::of(id), id)).await
    }

    /// The write that puts an event into the outbox, beside what it tells.
    pub(crate) fn put_outbox(&self, event: &OutboxEvent) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&*self.name).set_item(Some(whole(event, &())?)).build();
        Ok(TransactWriteItem::builder().put(built(put)?).build())
    }

    /// The writes that tell of a resource as it will be: one, or none if nobody listens.
    pub(crate) fn told<T>(&self, tell: Tell<'_, T>, resource: &T) -> Result<Option<TransactWriteItem>, StoreError> {
        tell.map(|tell| self.put_outbox(&tell(resource))).transpose()
    }
}
