//! The health of receivers: whose failures are noted is told of them, and switched off in the end.
//!
//! A receiver that takes what it gets costs nothing here. What a process knows of one that fails may be a minute old; what
//! is decided, the table decides.

use domain::{
    OutboxId,
    health::Health,
    webhook::{LifecycleEvent, ReceiverId},
    wire::ReceiverNotice,
};
use queue::batch::Failure;
use runtime::random;
use store::{OutboxEvent, Tenant};

use crate::{WebhookDelivery, receiver::Receiver};

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
            Some(100) => self.switch_off(tenant, id, Some(&health), receiver, ONLY_FAILURES).await,
            Some(percent) => {
                let notice = ReceiverNotice::failing(&health, receiver.url.clone(), percent);
                let event = self.event(tenant, LifecycleEvent::WebhookFailing, &notice)?;
                self.table.tell_failing(tenant, &health, percent, &event).await.map(drop).map_err(Failure::retry)
            }
        }
    }

    /// Switches a receiver off, says why, and tells of it.
    pub(crate) async fn switch_off(
        &self,
        tenant: Tenant,
        id: ReceiverId,
        health: Option<&Health>,
        receiver: &Receiver,
        reason: &str,
    ) -> Result<(), Failure> {
        let notice = ReceiverNotice::disabled(id, health, receiver.url.clone(), reason.to_owned());
        let event = self.event(tenant, LifecycleEvent::WebhookDisabled, &notice)?;
        self.table.switch_off(tenant, id, reason, self.clock.now(), &event).await.map_err(Failure::retry)?;
        self.receivers.forget(&(tenant, id));
        self.healths.forget(&(tenant, id));
        Ok(())
    }

    /// An event for the outbox, from where it is handed on within a minute.
    fn event(&self, tenant: Tenant, event: LifecycleEvent, notice: &ReceiverNotice) -> Result<OutboxEvent, Failure> {
        let now = self.clock.now();
        Ok(OutboxEvent {
            id: OutboxId::new(now, random::bytes()),
            organization_id: tenant.org,
            mode: tenant.mode,
            event: event.as_str().to_owned(),
            at: now,
            data: serde_json::to_string(notice).map_err(Failure::retry)?,
        })
    }
}
