//! The health of receivers: who fails again and again gets nothing but probes, and is switched off in the end.
//!
//! A receiver that takes what it gets costs nothing here. What a process knows of one that fails may be a minute old; what
//! is decided, the table decides.

use domain::{
    OutboxId, Timestamp,
    health::Health,
    webhook::{LifecycleEvent, ReceiverId},
    wire::ReceiverNotice,
};
use queue::{OutMessage, RetryMessage, batch::Failure};
use runtime::random;
use store::{OutboxEvent, Probe, Tenant};

use crate::{WebhookDelivery, attempt::Job, receiver::Receiver};

/// How often an attempt is put off before it counts as failed.
const MOST_PUT_OFF: u32 = 5;

/// Why a receiver is switched off that only failed.
const ONLY_FAILURES: &str = "nothing but failures for 120 hours";

/// What may be done with an attempt now.
pub(crate) enum Gate {
    /// It may be made.
    Open,
    /// Not before this time.
    NotBefore(Timestamp),
}

impl WebhookDelivery {
    /// Whether an attempt may be made now: always, unless the receiver failed ten times in a row; then one at a time.
    pub(crate) async fn gate(&self, tenant: Tenant, receiver: ReceiverId) -> Result<Gate, Failure> {
        let now = self.clock.now();
        let Some(health) = self.healths.get(&(tenant, receiver), now).filter(Health::is_open) else { return Ok(Gate::Open) };
        match self.table.claim_probe(tenant, &health, now).await.map_err(Failure::retry)? {
            Probe::Granted => Ok(Gate::Open),
            Probe::NotBefore(at) => Ok(Gate::NotBefore(at)),
            Probe::Healthy => {
                self.healths.forget(&(tenant, receiver));
                Ok(Gate::Open)
            }
        }
    }

    /// Puts an attempt off until the next probe, or somewhat later, so that not all come at once. False if it was put off
    /// often enough.
    pub(crate) async fn put_off(&self, job: &Job, until: Timestamp) -> Result<bool, Failure> {
        if job.put_off >= MOST_PUT_OFF {
            return Ok(false);
        }
        // So that lists show it.
        if job.number == 1 && job.put_off == 0 {
            self.table.await_first(job.tenant, &job.delivery).await.map_err(Failure::retry)?;
        }
        let message = RetryMessage {
            organization_id: job.tenant.org,
            mode: job.tenant.mode,
            delivery_id: job.delivery.id,
            receiver: job.delivery.receiver,
            frozen_at: job.delivery.created_at,
            retry: job.number,
            replayed_by: job.replayed_by.clone(),
            put_off: job.put_off + 1,
        };
        let wait_millis = until.millis_since(self.clock.now()).max(0);
        let spread = i64::from(webhooks::schedule::dice(job.delivery.id, job.put_off) % 1_000);
        let delay_seconds = u16::try_from((wait_millis + wait_millis * spread / 1_000) / 1_000 + 1).unwrap_or(u16::MAX);
        let body = message.to_json().map_err(Failure::retry)?;
        let message = OutMessage { body, delay_seconds, group: Some(job.tenant.org.to_string()) };
        self.retries.send_all(&[message]).await.map_err(Failure::retry)?;
        Ok(true)
    }

    /// The receiver took something.
    pub(crate) async fn succeeded(&self, tenant: Tenant, receiver: ReceiverId) -> Result<(), Failure> {
        let key = (tenant, receiver);
        if self.healths.get(&key, self.clock.now()).is_none() {
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
                let notice = ReceiverNotice::failing(&health, receiver.url.as_str().to_owned(), percent);
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
        let notice = ReceiverNotice::disabled(id, health, receiver.url.as_str().to_owned(), reason.to_owned());
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
