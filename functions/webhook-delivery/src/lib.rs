//! One webhook delivery: its body frozen, signed, sent, the attempt recorded, the next one queued.
//!
//! At least once: a message that comes again is sent again unless the receiver is known to have taken it. The bytes
//! are those that were frozen first, whoever computed others since.

mod fan_out;
mod receiver;

use std::{sync::Arc, time::Duration};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::{Timestamp, webhook::ReceiverId};
use queue::{
    DeliveryMessage, OutMessage, Sender, WebhookWork,
    batch::{self, Failure, Record},
};
use receiver::Receiver;
use runtime::{Clock, Recent, aws::Environment, env, random};
use store::{AttemptRecord, Delivery, DeliveryStatus, Frozen, Table, Tenant};
use vault::Vault;
use webhooks::{
    client::{Attempt, Outcome, WebhookClient},
    guard::{Loopback, Policy},
    schedule::{self, MAX_QUEUE_DELAY_SECONDS, Next, RETRY_SECONDS},
    sign::Signatures,
};

/// How long a delivery is kept: 30 days, in seconds.
const KEPT_SECONDS: i64 = 30 * 24 * 3600;

/// How long a process believes what it read of a receiver.
const RECEIVER_AGE_MILLIS: i64 = 60_000;
const RECEIVERS: usize = 1_000;

/// The function.
#[derive(Debug, Clone)]
pub struct WebhookDelivery {
    table: Table,
    vault: Vault,
    client: WebhookClient,
    retries: Sender,
    dead_letters: Sender,
    clock: Clock,
    policy: Policy,
    receivers: Recent<(Tenant, ReceiverId), Arc<Receiver>>,
}

/// The function lacks something at start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing.
    #[error(transparent)]
    Config(#[from] env::ConfigError),
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] webhooks::client::ClientError),
}

impl WebhookDelivery {
    /// Makes the function from its parts: `retries` is the queue that it works for itself.
    ///
    /// # Errors
    /// [`StartError::Client`] if the HTTP client cannot be made.
    pub fn new(
        table: Table,
        vault: Vault,
        retries: Sender,
        dead_letters: Sender,
        clock: Clock,
        policy: impl Into<Policy>,
    ) -> Result<Self, StartError> {
        let policy = policy.into();
        let client = WebhookClient::new(policy)?;
        let receivers = Recent::new(RECEIVERS, RECEIVER_AGE_MILLIS);
        Ok(Self { table, vault, client, retries, dead_letters, clock, policy, receivers })
    }

    /// Makes the function from the environment.
    ///
    /// # Errors
    /// [`StartError`] if a setting is missing or the HTTP client cannot be made.
    pub fn from_env() -> Result<Self, StartError> {
        let aws = Environment::read()?;
        let sqs = aws.sqs();
        let loopback = if env::switch("ALLOW_LOOPBACK_WEBHOOKS")? { Loopback::Allowed } else { Loopback::Refused };
        Self::new(
            Table::new(aws.dynamodb(), env::required("TABLE_NAME")?),
            Vault::new(aws.kms(), env::required("VAULT_KEY_ID")?),
            Sender::new(sqs.clone(), env::required("WEBHOOK_QUEUE_URL")?),
            Sender::new(sqs, env::required("DEAD_LETTER_QUEUE_URL")?),
            Clock::System,
            Policy::new(loopback, env::parsed("WEBHOOK_PORTS")?.unwrap_or_default()),
        )
    }

    /// Handles a batch; the answer names the messages that the queue must bring again.
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        batch::each(event, Duration::MAX, &self.dead_letters, |record| self.one(record)).await
    }

    async fn one(&self, record: Arc<Record>) -> Result<(), Failure> {
        match WebhookWork::from_json(&record.body).map_err(|error| Failure::never(format!("not a delivery: {error}")))? {
            WebhookWork::Deliver(message) => self.deliver(*message).await,
            WebhookWork::FanOut(message) => self.fan_out(message.outbox_id).await,
        }
    }

    async fn deliver(&self, message: DeliveryMessage) -> Result<(), Failure> {
        let tenant = Tenant { org: message.organization_id, mode: message.mode };
        let Some(receiver) = self.receiver(tenant, message.receiver).await? else {
            tracing::info!(delivery_id = %message.delivery_id, "the receiver is gone or inactive");
            return Ok(());
        };
        let delivery = match self.pending(tenant, &message).await? {
            Pending::Due(delivery) => delivery,
            Pending::Attempted(delivery) => return self.retry_after_crash(message, delivery).await,
            Pending::Over => return Ok(()),
        };
        let at = self.clock.now();
        let attempt = self.send(&receiver, &delivery, at).await;
        let next = next(message.attempt, &attempt);
        self.record(tenant, &delivery, message.attempt, (at, &attempt), next).await?;
        match next {
            Next::RetryIn(seconds) => self.retry(message, delivery, seconds).await,
            Next::Disabled => self.switch_off(tenant, message.receiver).await,
            Next::Delivered | Next::Dead => Ok(()),
        }
    }

    /// What is to be done for a message: the body is frozen, and what is known of the delivery decides.
    async fn pending(&self, tenant: Tenant, message: &DeliveryMessage) -> Result<Pending, Failure> {
        let now = self.clock.now();
        let mut delivery = Delivery {
            id: message.delivery_id,
            receiver: message.receiver,
            call_id: message.call_id,
            event: message.event.clone(),
            body: message.body.clone(),
            created_at: now,
            expires_at: now.as_seconds() + KEPT_SECONDS,
        };
        // A retry carries the frozen body itself.
        if message.attempt == 1 {
            match self.table.freeze_delivery(tenant, &delivery).await.map_err(Failure::retry)? {
                Frozen::First => return Ok(Pending::Due(delivery)),
                Frozen::Before(frozen) => delivery = *frozen,
            }
        }
        let state = self.table.delivery_state(tenant, delivery.id).await.map_err(Failure::retry)?;
        Ok(match state {
            Some(state) if matches!(state.status, DeliveryStatus::Delivered | DeliveryStatus::Dead) => Pending::Over,
            Some(state) if state.attempts.contains_key(&(message.attempt + 1)) => Pending::Over,
            Some(state) if state.attempts.contains_key(&message.attempt) => Pending::Attempted(delivery),
            _ => Pending::Due(delivery),
        })
    }

    /// This attempt was made and recorded, and failed; whether the next one was queued before a crash is not known.
    /// Queueing it again costs a message at most: whoever of the two comes second finds the attempt recorded.
    async fn retry_after_crash(&self, message: DeliveryMessage, delivery: Delivery) -> Result<(), Failure> {
        match step(message.attempt) {
            Some(seconds) => self.retry(message, delivery, seconds).await,
            None => Ok(()),
        }
    }

    /// A receiver that answered 410 wants no more of anything.
    async fn switch_off(&self, tenant: Tenant, receiver: ReceiverId) -> Result<(), Failure> {
        let (reason, now) = ("the receiver answered 410 Gone", self.clock.now());
        let switched_off = match receiver {
            ReceiverId::Endpoint(id) => self.table.fail_endpoint(tenant, id, reason, now).await,
            ReceiverId::Subscription(id) => self.table.fail_subscription(tenant, id, reason, now).await,
        };
        switched_off.map_err(Failure::retry)?;
        self.receivers.forget(&(tenant, receiver));
        Ok(())
    }

    async fn send(&self, receiver: &Receiver, delivery: &Delivery, at: Timestamp) -> Attempt {
        let id = format!("{}{}", domain::DeliveryId::PREFIX, delivery.id);
        let signatures = Signatures::new(&id, at, delivery.body.as_bytes(), &receiver.secret, receiver.previous(at));
        self.client.post(&receiver.url, &signatures.headers(), delivery.body.clone().into()).await
    }

    async fn record(
        &self,
        tenant: Tenant,
        delivery: &Delivery,
        number: u32,
        (at, attempt): (Timestamp, &Attempt),
        next: Next,
    ) -> Result<(), Failure> {
        let (status, error) = match &attempt.outcome {
            Outcome::Answered { status } => (Some(*status), None),
            Outcome::Refused { .. } => (None, Some("address not allowed".to_owned())),
            Outcome::Timeout => (None, Some("timeout".to_owned())),
            Outcome::Connection(fault) => (None, Some(fault.as_str().to_owned())),
        };
        tracing::info!(delivery_id = %delivery.id, attempt = number, status, error, duration_ms = attempt.duration_ms, "attempt");
        let record = AttemptRecord { at, status, error, duration_ms: attempt.duration_ms, answer: attempt.answer_head.clone() };
        let standing = match next {
            Next::Delivered => DeliveryStatus::Delivered,
            Next::RetryIn(_) => DeliveryStatus::Retrying,
            Next::Dead | Next::Disabled => DeliveryStatus::Dead,
        };
        self.table.record_attempt(tenant, delivery, number, &record, standing).await.map(drop).map_err(Failure::retry)
    }

    async fn retry(&self, message: DeliveryMessage, delivery: Delivery, seconds: u32) -> Result<(), Failure> {
        let group = Some(message.organization_id.to_string());
        let next = DeliveryMessage { attempt: message.attempt + 1, body: delivery.body, ..message };
        let delay_seconds = u16::try_from(seconds).unwrap_or(u16::MAX);
        let body = next.to_json().map_err(Failure::retry)?;
        self.retries.send_all(&[OutMessage { body, delay_seconds, group }]).await.map_err(Failure::retry)
    }
}

/// What is to be done for a message.
enum Pending {
    /// An attempt.
    Due(Delivery),
    /// Nothing but queueing the next attempt: this one was made and failed.
    Attempted(Delivery),
    /// Nothing: the receiver took it, it was given up, or a later attempt was made.
    Over,
}

/// Our own schedule's wait after an attempt, in seconds; `None` where it goes beyond what SQS carries.
fn step(attempt: u32) -> Option<u32> {
    let at = usize::try_from(attempt.saturating_sub(1)).ok()?;
    RETRY_SECONDS.get(at).copied().filter(|seconds| *seconds <= MAX_QUEUE_DELAY_SECONDS)
}

/// What follows an attempt. A wait that the receiver asked for is cut to what SQS carries; where our own schedule goes
/// beyond that, the delivery is given up.
fn next(number: u32, attempt: &Attempt) -> Next {
    match schedule::after(number, &attempt.outcome, attempt.retry_after_seconds) {
        Next::RetryIn(_) if step(number).is_none() => Next::Dead,
        Next::RetryIn(seconds) => {
            let jittered = schedule::jittered(seconds, u32::from_be_bytes(random::bytes()));
            Next::RetryIn(jittered.min(MAX_QUEUE_DELAY_SECONDS))
        }
        other => other,
    }
}
