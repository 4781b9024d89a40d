//! Whether an attempt may be made now, and what becomes of it if not.
//!
//! A receiver that failed again and again gets nothing but probes; one that is slow or asks for less gets a few attempts at a
//! time, of all senders taken together, so that neither holds the senders of others. A receiver that is neither costs nothing
//! here.

use domain::{Timestamp, health::Health, pace::AHEAD_MILLIS, webhook::ReceiverId};
use queue::{RetryMessage, batch::Failure};
use store::{Probe, Tenant, Turn};
use tokio::sync::OwnedSemaphorePermit;
use webhooks::schedule;

use crate::{WebhookDelivery, attempt::Job, batch::Batch};

/// How often an attempt is put off before it counts as failed.
const MOST_PUT_OFF: u32 = 5;

/// What may be done with an attempt now.
pub(crate) enum Gate {
    /// It may be made, while this is held.
    Open(OwnedSemaphorePermit),
    /// Not now.
    Shut(Shut),
}

/// Until when an attempt waits, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// Nothing but probes is sent, the next one not before this time.
    ProbesAlone(Timestamp),
    /// The receiver is slow: this is the time that was kept for the attempt.
    Turn(Timestamp),
    /// The receiver is slow, and more wait than times are kept for.
    Busy,
}

impl Shut {
    /// Why, for the log of an attempt that waited in vain.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::ProbesAlone(_) => "circuit_open",
            Self::Turn(_) | Self::Busy => "receiver_busy",
        }
    }

    /// How long to wait, in milliseconds: until a time that is one's own, or somewhat longer than until one that is not, so
    /// that not all come at once. `dice` is any uniformly distributed number.
    fn wait_millis(self, now: Timestamp, dice: u32) -> i64 {
        let spread = |millis: i64| millis + millis * i64::from(dice % 1_000) / 1_000 + 1;
        match self {
            Self::ProbesAlone(at) => spread(at.millis_since(now).max(0)),
            Self::Turn(at) => at.millis_since(now).max(1),
            Self::Busy => spread(AHEAD_MILLIS / 2),
        }
    }
}

impl WebhookDelivery {
    /// Whether an attempt may be made now.
    pub(crate) async fn gate(&self, batch: &Batch, job: &Job) -> Result<Gate, Failure> {
        let (tenant, receiver) = (job.tenant, job.delivery.receiver);
        let probe = self.probe(tenant, receiver).await?;
        if let Probe::NotBefore(at) = probe {
            return Ok(Gate::Shut(Shut::ProbesAlone(at)));
        }
        let room = batch.room_at((tenant, receiver), self.patience).await?;
        if room.is_none() {
            // Others of the batch have been at it for long enough to tell.
            self.slowed(tenant, receiver, self.limit).await?;
        }
        // A probe is the only one of its time.
        let is_its_time = job.has_turn || probe == Probe::Granted;
        let turn = if is_its_time && room.is_some() { Turn::Now } else { self.turn(tenant, receiver).await? };
        Ok(match (turn, room) {
            (Turn::Now | Turn::Free, Some(room)) => Gate::Open(room),
            (Turn::Now | Turn::Free, None) => Gate::Shut(Shut::Turn(self.clock.now())),
            (Turn::At(at), _) => Gate::Shut(Shut::Turn(at)),
            (Turn::Full, _) => Gate::Shut(Shut::Busy),
        })
    }

    /// Asks for a probe of a receiver that failed ten times in a row; any other one is healthy here. While it wants to be
    /// left alone there is none.
    async fn probe(&self, tenant: Tenant, receiver: ReceiverId) -> Result<Probe, Failure> {
        let now = self.clock.now();
        let Some(health) = self.healths.get(&(tenant, receiver), now).filter(Health::is_open) else { return Ok(Probe::Healthy) };
        if let Some(until) = self.asked_until(tenant, receiver) {
            return Ok(Probe::NotBefore(until));
        }
        let probe = self.table.claim_probe(tenant, &health, now).await.map_err(Failure::retry)?;
        if probe == Probe::Healthy {
            self.healths.forget(&(tenant, receiver));
        }
        Ok(probe)
    }

    /// Puts an attempt off, by a message. False if it was put off often enough.
    pub(crate) async fn put_off(&self, job: &Job, shut: Shut) -> Result<bool, Failure> {
        if job.put_off >= MOST_PUT_OFF {
            return Ok(false);
        }
        // So that lists show it.
        if job.number == 1 && job.put_off == 0 {
            self.table.await_first(job.tenant, &job.delivery).await.map_err(Failure::retry)?;
        }
        let message = RetryMessage {
            replayed_by: job.replayed_by.clone(),
            put_off: job.put_off + 1,
            has_turn: matches!(shut, Shut::Turn(_)),
            ..RetryMessage::new(job.tenant.org(), job.tenant.mode(), job.delivery.place(), job.number)
        };
        let wait_millis = shut.wait_millis(self.clock.now(), schedule::dice(job.delivery.id, job.put_off));
        self.retries.send_all(&[message.out(wait_millis).map_err(Failure::retry)?]).await.map_err(Failure::retry)?;
        Ok(true)
    }
}
