//! The health of receivers: whose failures are noted is told of them, and switched off in the end.
//!
//! A receiver that takes what it gets costs nothing here. What a process knows of one that fails may be a minute old; what
//! is decided, the table decides.

use domain::{
    OutboxId,
    delivery::Delivery,
    health::Health,
    webhook::{LifecycleEvent, ReceiverId},
    wire::ReceiverNotice,
};
use queue::batch::Failure;
use runtime::random;
use store::{OutboxEvent, Recorded, SwitchOff, Tenant};

use crate::{WebhookDelivery, receiver::Receiver};

/// Why a receiver is switched off that says that it is gone.
const GONE: &str = "the receiver answered 410 Gone";

/// Why a receiver is switched off that only failed.
const ONLY_FAILURES: &str = "nothing but failures for 120 hours";

impl WebhookDelivery {
    /// The receiver took something. If it did not take it at once, some process may have noted a failure.
    pub(crate) async fn succeeded(&self, tenant: Tenant, receiver: ReceiverId, late: bool) -> Result<(), Failure> {
        let key = (tenant, receiver);
        if !late && self.healths.get(&key, self.clock.now()).is_none() {
            return Ok(());
        }
        self.table.note_success(tenant, receiver).await.map_err(Failure::retry)?;
        self.healths.forget(&key);
        Ok(())
    }

    /// The receiver failed: noted, and told of where it is time for that.
    pub(crate) async fn failed(&self, tenant: Tenant, id: ReceiverId, receiver: &Receiver) -> Result<(), Failure> {
        let now = self.clock.now();
        let health = self.table.note_failure(tenant, id, now).await.map_err(Failure::retry)?;
        self.healths.put((tenant, id), health.clone(), now);
        match health.notice(now) {
            None => Ok(()),
            Some(100) => self.switch_off(tenant, id, &health, receiver).await,
            Some(percent) => {
                let notice = ReceiverNotice::failing(&health, receiver.url.clone(), percent);
                let event = self.event(tenant, LifecycleEvent::WebhookFailing, &notice)?;
                self.table.tell_failing(tenant, &health, percent, &event).await.map(drop).map_err(Failure::retry)
            }
        }
    }

    /// The receiver failed for long enough: it is switched off.
    async fn switch_off(&self, tenant: Tenant, id: ReceiverId, health: &Health, receiver: &Receiver) -> Result<(), Failure> {
        let event = self.disabled(tenant, id, Some(health), receiver, ONLY_FAILURES)?;
        let off = SwitchOff { receiver: id, reason: ONLY_FAILURES, event: &event };
        self.table.switch_off(tenant, &off).await.map_err(Failure::retry)?;
        self.forget(tenant, id);
        Ok(())
    }

    /// The receiver says that it is gone: it is switched off with the record of its answer.
    pub(crate) async fn gone(&self, tenant: Tenant, delivery: &Delivery, recorded: &Recorded, receiver: &Receiver) -> Result<(), Failure> {
        let event = self.disabled(tenant, delivery.receiver, None, receiver, GONE)?;
        let off = SwitchOff { receiver: delivery.receiver, reason: GONE, event: &event };
        self.table.record_and_switch_off(tenant, delivery, recorded, &off).await.map_err(Failure::retry)?;
        self.forget(tenant, delivery.receiver);
        Ok(())
    }

    fn disabled(
        &self,
        tenant: Tenant,
        id: ReceiverId,
        health: Option<&Health>,
        receiver: &Receiver,
        reason: &str,
    ) -> Result<OutboxEvent, Failure> {
        let notice = ReceiverNotice::disabled(id, health, receiver.url.clone(), reason.to_owned());
        self.event(tenant, LifecycleEvent::WebhookDisabled, &notice)
    }

    /// Forgets a receiver that is switched off.
    fn forget(&self, tenant: Tenant, id: ReceiverId) {
        self.receivers.forget(&(tenant, id));
        self.healths.forget(&(tenant, id));
    }

    /// An event for the outbox, from where it is handed on within a minute.
    fn event(&self, tenant: Tenant, event: LifecycleEvent, notice: &ReceiverNotice) -> Result<OutboxEvent, Failure> {
        let now = self.clock.now();
        Ok(OutboxEvent {
            id: OutboxId::new(now, random::bytes()),
            organization_id: tenant.org(),
            mode: tenant.mode(),
            event: event.as_str().to_owned(),
            at: now,
            data: serde_json::to_string(notice).map_err(Failure::retry)?,
        })
    }
}
