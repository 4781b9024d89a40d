//! What the messages of one batch may not do at the same time.
//!
//! Those of one delivery are worked on one after the other, so that of two equal ones the second finds what the first
//! recorded. To one receiver a few attempts are made at once, so that a batch is never a flood.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{DeliveryId, webhook::ReceiverId};
use queue::batch::Failure;
use store::Tenant;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// How many attempts of a batch are made on one receiver at once: half a batch, so that a whole one ends in two rounds.
const ATTEMPTS_AT_ONCE: usize = 5;

/// A batch that is being worked on.
#[derive(Debug)]
pub(crate) struct Batch {
    deliveries: Doors<(Tenant, DeliveryId)>,
    receivers: Doors<(Tenant, ReceiverId)>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { deliveries: Doors::new(1), receivers: Doors::new(ATTEMPTS_AT_ONCE) }
    }

    /// Waits until nobody else of the batch works on a delivery.
    pub(crate) async fn alone_at(&self, tenant: Tenant, delivery: DeliveryId) -> Result<OwnedSemaphorePermit, Failure> {
        self.deliveries.of((tenant, delivery)).acquire_owned().await.map_err(Failure::retry)
    }

    /// Waits for so long until there is room for an attempt on a receiver; `None` if there was none.
    pub(crate) async fn room_at(&self, key: (Tenant, ReceiverId), patience: Duration) -> Result<Option<OwnedSemaphorePermit>, Failure> {
        match timeout(patience, self.receivers.of(key).acquire_owned()).await {
            Ok(room) => room.map(Some).map_err(Failure::retry),
            Err(_) => Ok(None),
        }
    }
}

/// Doors that let in so many at a time.
#[derive(Debug)]
struct Doors<K> {
    at_once: usize,
    doors: Mutex<HashMap<K, Arc<Semaphore>>>,
}

impl<K: Eq + Hash> Doors<K> {
    fn new(at_once: usize) -> Self {
        Self { at_once, doors: Mutex::default() }
    }

    fn of(&self, key: K) -> Arc<Semaphore> {
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(doors.entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.at_once))))
    }
}
