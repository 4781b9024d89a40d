//! One attempt: signed, sent, recorded, and what follows it.

use std::time::Duration;

use domain::{
    Timestamp,
    delivery::{AttemptRecord, Delivery, DeliveryPlace, DeliveryStatus},
};
use queue::{RetryMessage, batch::Failure};
use store::{DueAttempt, Recorded, Tenant};
use webhooks::{
    client::{Attempt, Outcome},
    schedule::{self, MAX_QUEUE_DELAY_SECONDS, Next},
    sign::Signatures,
};

use crate::{
    WebhookDelivery,
    batch::Batch,
    gate::{Gate, Shut},
    pace::Said,
    receiver::Receiver,
};

/// An attempt that is to be made.
pub(crate) struct Job {
    pub(crate) tenant: Tenant,
    pub(crate) delivery: Delivery,
    /// Its number, from 1.
    pub(crate) number: u32,
    /// The number of the first attempt of its series.
    pub(crate) series_from: u32,
    /// The request whose replay begins with it.
    pub(crate) replayed_by: Option<String>,
    /// How often it was put off.
    pub(crate) put_off: u32,
    /// Whether it comes at a time that was kept for it.
    pub(crate) has_turn: bool,
}

impl Job {
    /// The first attempt at a delivery.
    pub(crate) const fn first(tenant: Tenant, delivery: Delivery, series_from: u32) -> Self {
        Self { tenant, delivery, number: 1, series_from, replayed_by: None, put_off: 0, has_turn: false }
    }

    /// Its number in its series, from 1.
    const fn of_series(&self) -> u32 {
        self.number + 1 - self.series_from
    }
}

/// What came of an attempt: its record, and what it says of the receiver.
struct Made {
    record: AttemptRecord,
    next: Next,
    /// What it says of the receiver's pace; `None` if it was not made.
    said: Option<Said>,
}

impl WebhookDelivery {
    /// Makes an attempt, records it and sees to what follows; or puts it off, if the receiver takes no more now.
    ///
    /// When the next attempt is due is decided by delivery, number and outcome alone, and recorded with the attempt: who
    /// finds it recorded after a crash queues the next attempt for the same time.
    pub(crate) async fn attempt(&self, batch: &Batch, receiver: &Receiver, job: Job) -> Result<(), Failure> {
        let made = match self.gate(batch, &job).await? {
            Gate::Open(_held) => self.send(receiver, &job).await,
            Gate::Shut(shut) if self.put_off(&job, shut).await? => return Ok(()),
            Gate::Shut(shut) => self.skip(&job, shut),
        };
        let (tenant, place, number) = (job.tenant, job.delivery.place(), job.number);
        let Made { next, said, .. } = made;
        let next_at = match next {
            Next::RetryIn(wait) => {
                let seconds = wait.spread(schedule::dice(place.id, number));
                Some(self.clock.now().plus_millis(i64::from(seconds) * 1_000))
            }
            Next::Delivered | Next::Dead | Next::Disabled => None,
        };
        self.record(receiver, job, made, next_at).await?;
        if let Some(next_at) = next_at {
            self.queue_attempt(tenant, place, number + 1, next_at).await?;
        }
        match next {
            Next::Delivered => self.succeeded(tenant, place.receiver, number > 1).await?,
            Next::RetryIn(_) | Next::Dead if said.is_some() => self.failed(tenant, place.receiver, receiver).await?,
            Next::RetryIn(_) | Next::Dead | Next::Disabled => {}
        }
        match said {
            Some(said) => self.heard(tenant, place.receiver, said).await,
            None => Ok(()),
        }
    }

    /// Sends what is to be sent; a URL that is forbidden now, whatever it was when it was saved, gets nothing.
    async fn send(&self, receiver: &Receiver, job: &Job) -> Made {
        let (at, delivery) = (self.clock.now(), &job.delivery);
        let id = format!("{}{}", domain::DeliveryId::PREFIX, delivery.id);
        let signatures = Signatures::new(&id, at, delivery.body.as_bytes(), &receiver.secret, receiver.previous(at));
        let attempt = match &receiver.target {
            Some(target) => self.client.post(target, &signatures.headers(), delivery.body.clone().into()).await,
            None => Attempt::refused(),
        };
        let (status, error) = match &attempt.outcome {
            Outcome::Answered { status } => (Some(*status), None),
            Outcome::Refused { address: Some(_) } => (None, Some("address_not_allowed")),
            Outcome::Refused { address: None } => (None, Some("url_not_allowed")),
            Outcome::Timeout => (None, Some("timeout")),
            Outcome::Connection(fault) => (None, Some(fault.as_str())),
        };
        let next = schedule::after(job.of_series(), &attempt.outcome, attempt.retry_after_seconds);
        let error = error.map(str::to_owned);
        let record = AttemptRecord { at, status, error, duration_ms: attempt.duration_ms, answer: attempt.answer_head };
        let said = Said { took: Duration::from_millis(record.duration_ms), pushed_back: pushed_back(record.status, next) };
        Made { next, said: Some(said), record }
    }

    /// An attempt that fails without being sent: it was put off often enough.
    fn skip(&self, job: &Job, shut: Shut) -> Made {
        let error = Some(shut.as_str().to_owned());
        let record = AttemptRecord { at: self.clock.now(), status: None, error, duration_ms: 0, answer: String::new() };
        Made { record, next: schedule::after(job.of_series(), &Outcome::Timeout, None), said: None }
    }

    /// Records an attempt. What makes the receiver be switched off is recorded with that, so that no crash comes between.
    async fn record(&self, receiver: &Receiver, job: Job, made: Made, next_at: Option<Timestamp>) -> Result<(), Failure> {
        let Job { tenant, delivery, number, replayed_by, .. } = job;
        let Made { record: attempt, next, .. } = made;
        let AttemptRecord { status, error, duration_ms, .. } = &attempt;
        queue::batch::belongs_to(tenant.org());
        tracing::info!(delivery_id = %delivery.id, attempt = number, status, error, duration_ms, "attempt");
        let status = match next {
            Next::Delivered => DeliveryStatus::Delivered,
            Next::RetryIn(_) => DeliveryStatus::Retrying,
            Next::Dead | Next::Disabled => DeliveryStatus::Dead,
        };
        let recorded = Recorded { number, attempt, status, next_at, replayed_by };
        if next == Next::Disabled {
            return self.gone(tenant, &delivery, &recorded, receiver).await;
        }
        self.table.record_attempt(tenant, &delivery, &recorded).await.map(drop).map_err(Failure::retry)
    }

    /// Has an attempt asked for at its time: by a message that the queue holds back, or from the table if that is longer than
    /// it can. Doing it again costs a message at most.
    pub(crate) async fn queue_attempt(&self, tenant: Tenant, place: DeliveryPlace, number: u32, at: Timestamp) -> Result<(), Failure> {
        let wait_millis = at.millis_since(self.clock.now()).max(0);
        if wait_millis > i64::from(MAX_QUEUE_DELAY_SECONDS) * 1_000 {
            return self.table.put_due(&DueAttempt::new(tenant, place, number, at)).await.map_err(Failure::retry);
        }
        let message = RetryMessage::new(tenant.org(), tenant.mode(), place, number);
        self.retries.send_all(&[message.out(wait_millis).map_err(Failure::retry)?]).await.map_err(Failure::retry)
    }
}

/// How many seconds a receiver asked to be left alone that pushed an attempt back, as far as it is obeyed.
fn pushed_back(status: Option<u16>, next: Next) -> Option<u32> {
    status.filter(|status| schedule::pushes_back(*status)).map(|_| match next {
        Next::RetryIn(wait) => wait.asked_seconds,
        Next::Delivered | Next::Dead | Next::Disabled => 0,
    })
}
