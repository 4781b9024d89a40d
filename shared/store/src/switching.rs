//! Webhook receivers switched off by the system, and on again by their owners.
//!
//! Whoever switches one, what was known of its failures is forgotten in the same transaction: who is on begins anew.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
use domain::{delivery::Delivery, endpoint::EndpointStatus, webhook::ReceiverId};

use crate::{
    OutboxEvent, Recorded, access_patterns,
    deliveries::{attempt_update, state_key},
    error::StoreError,
    expression::SetExpression,
    health,
    inventory::built,
    keys::Tenant,
    table::{Table, key_attributes},
    transaction::Outcome,
};

/// A receiver that the system switches off.
#[derive(Debug, Clone, Copy)]
pub struct SwitchOff<'a> {
    /// The receiver.
    pub receiver: ReceiverId,
    /// Why, as its owner reads it.
    pub reason: &'a str,
    /// The event that tells of it. Its time is that of the change.
    pub event: &'a OutboxEvent,
}

/// Where in the transaction the receiver itself is written.
const RECEIVER: usize = 0;

impl Table {
    /// Switches off an active receiver, says why, and puts the event that tells of it into the outbox. False if it was not
    /// active: then nothing changes.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn switch_off(&self, tenant: Tenant, off: &SwitchOff<'_>) -> Result<bool, StoreError> {
        Ok(matches!(self.transact(self.switching_off(tenant, off)?).await?, Outcome::Done))
    }

    /// Records the attempt that was answered with the wish to be switched off, and switches the receiver off: both or
    /// neither, so that nobody can die in between.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn record_and_switch_off(
        &self,
        tenant: Tenant,
        delivery: &Delivery,
        recorded: &Recorded,
        off: &SwitchOff<'_>,
    ) -> Result<(), StoreError> {
        let (set, condition) = attempt_update(tenant, delivery, recorded)?;
        let mut writes = self.switching_off(tenant, off)?;
        writes.push(self.update_write(&state_key(tenant, delivery.place()), &set, &condition)?);
        match self.transact(writes).await? {
            Outcome::Done => Ok(()),
            // Another of its deliveries switched it off, or its owner did.
            Outcome::Refused(reasons) if Outcome::failed(&reasons, RECEIVER).is_some() => {
                self.record_attempt(tenant, delivery, recorded).await.map(drop)
            }
            // The delivery was over before: nothing of it is recorded any more.
            Outcome::Refused(_) => self.switch_off(tenant, off).await.map(drop),
        }
    }

    fn switching_off(&self, tenant: Tenant, off: &SwitchOff<'_>) -> Result<Vec<TransactWriteItem>, StoreError> {
        let SwitchOff { receiver, reason, event } = *off;
        let mut set = SetExpression::default();
        set.set("status_reason", AttributeValue::S(reason.to_owned()));
        set.set("updated_at", AttributeValue::S(event.at.to_string()));
        let receiver_write = match receiver {
            ReceiverId::Endpoint(id) => {
                set.set("status", AttributeValue::S(EndpointStatus::Error.as_str().to_owned()));
                set.value(":active", AttributeValue::S(EndpointStatus::Active.as_str().to_owned()));
                set.name("#status", "status");
                self.update_write(&access_patterns::endpoint(tenant.org(), tenant.mode(), id), &set, "#status = :active")?
            }
            ReceiverId::Subscription(id) => {
                set.set("active", AttributeValue::Bool(false));
                set.value(":on", AttributeValue::Bool(true));
                self.update_write(&access_patterns::subscription(tenant.org(), tenant.mode(), id), &set, "active = :on")?
            }
        };
        Ok(vec![receiver_write, self.forget_health(tenant, receiver)?, self.put_outbox(event)?])
    }

    /// Forgets what is known of a receiver's failures, as a part of the transaction that switches it.
    pub(crate) fn forget_health(&self, tenant: Tenant, receiver: ReceiverId) -> Result<TransactWriteItem, StoreError> {
        let key = key_attributes(&health::key(tenant, receiver));
        let delete = Delete::builder().table_name(&*self.name).set_key(Some(key)).build();
        Ok(TransactWriteItem::builder().delete(built(delete)?).build())
    }
}
