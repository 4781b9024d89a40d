//! Attempts that wait for their time: those that are due later than a queue carries.
//!
//! An item is put when the attempt before it was recorded and deleted when a message asks for the attempt. What became of
//! the delivery meanwhile does not matter here: the one who gets the message looks. So an item that is left behind, or
//! comes back, costs a message and nothing else.

use domain::{
    DeliveryId, Mode, OrgId, Timestamp,
    delivery::{DeliveryPlace, KEPT_SECONDS},
    webhook::ReceiverId,
};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    bulk::delete_request,
    error::StoreError,
    item::serde_item,
    keys::{Get, Keys, Segment, Tenant},
    table::Table,
};

/// An attempt that waits for its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueAttempt {
    /// Whose delivery it is.
    pub organization_id: OrgId,
    /// In which data set.
    pub mode: Mode,
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// Who gets it.
    #[serde(flatten)]
    pub receiver: ReceiverId,
    /// When its body was frozen.
    pub frozen_at: Timestamp,
    /// The attempt's number.
    pub attempt: u32,
    /// When it is due.
    pub due_at: Timestamp,
    /// When the table forgets it, with its delivery: seconds since 1970.
    expires_at: i64,
}

impl DueAttempt {
    /// An attempt at a delivery, due at this time.
    #[must_use]
    pub const fn new(tenant: Tenant, place: DeliveryPlace, attempt: u32, due_at: Timestamp) -> Self {
        Self {
            organization_id: tenant.org(),
            mode: tenant.mode(),
            delivery_id: place.id,
            receiver: place.receiver,
            frozen_at: place.created_at,
            attempt,
            due_at,
            expires_at: place.created_at.as_seconds() + KEPT_SECONDS,
        }
    }

    /// Where the delivery's log lies.
    #[must_use]
    pub const fn place(&self) -> DeliveryPlace {
        DeliveryPlace { id: self.delivery_id, receiver: self.receiver, created_at: self.frozen_at }
    }

    fn key(&self) -> Get<Self> {
        access_patterns::due_attempt(DueShard::of(self.delivery_id), self.due_at, self.delivery_id, self.attempt)
    }
}

serde_item!(DueAttempt, "due", (), |attempt, _none| Keys::primary(attempt.key()));

/// One of the partitions over which attempts that wait are spread. It holds those of all organizations: only the system
/// reads it, and an attempt names its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueShard(u8);

impl DueShard {
    /// How many there are.
    pub const COUNT: u8 = 8;

    /// Every shard.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// The shard of a delivery's attempts: its id's last bits, which are those of a hash.
    #[must_use]
    pub fn of(delivery: DeliveryId) -> Self {
        Self(delivery.as_uuid().as_bytes()[15] % Self::COUNT)
    }
}

impl Segment for DueShard {
    fn segment(&self) -> String {
        self.0.to_string()
    }
}

impl Table {
    /// Has an attempt wait for its time. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn put_due(&self, attempt: &DueAttempt) -> Result<(), StoreError> {
        self.put(attempt, &()).await
    }

    /// The attempts of one shard that are due before a time, the first ones first, up to `limit`.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn due(&self, shard: DueShard, before: Timestamp, limit: usize) -> Result<Vec<DueAttempt>, StoreError> {
        let list = access_patterns::due_attempts(shard);
        self.range(list.between(None, Some(&before.to_string())), false, limit).await
    }

    /// Takes attempts out that messages ask for now. Taking them out again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn settle_due(&self, attempts: &[DueAttempt]) -> Result<(), StoreError> {
        let deletes = attempts.iter().map(|attempt| delete_request(&attempt.key()));
        self.write_all(deletes.collect::<Result<_, _>>()?).await
    }
}
