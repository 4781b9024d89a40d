//! One webhook delivery: its body frozen, signed, sent, the attempt recorded, the next one queued or put where it waits.
//!
//! At least once: a message that comes again is sent again unless the receiver is known to have taken it. The bytes
//! are those that were frozen first, whoever computed others since.

mod attempt;
mod batch;
mod delivery;
mod fan_out;
mod gate;
mod health;
mod pace;
mod receiver;

use std::{sync::Arc, time::Duration};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use batch::Batch;
use domain::{
    health::Health,
    pace::{Pace, SLOW_MILLIS},
    webhook::ReceiverId,
};
use queue::{
    Sender, WebhookWork,
    batch::{Failure, Record, each},
};
use receiver::Receiver;
use runtime::{Clock, Recent, aws::Environment, env};
use store::{Table, Tenant, Usage};
use vault::Vault;
use webhooks::{
    client::{ATTEMPT_LIMIT, WebhookClient},
    guard::{Loopback, Policy},
};

/// How long a process believes what it read of a receiver.
const RECEIVER_AGE_MILLIS: i64 = 60_000;
const RECEIVERS: usize = 1_000;

/// The function.
#[derive(Debug, Clone)]
pub struct WebhookDelivery {
    table: Table,
    vault: Vault,
    client: WebhookClient,
    /// How long an attempt may take.
    limit: Duration,
    /// How long one takes that makes its receiver a slow one, and how long others of its batch wait for it.
    patience: Duration,
    retries: Sender,
    dead_letters: Sender,
    clock: Clock,
    policy: Policy,
    receivers: Recent<(Tenant, ReceiverId), Arc<Receiver>>,
    /// What is known of those that fail.
    healths: Recent<(Tenant, ReceiverId), Health>,
    /// And of those that are slow, or ask for less.
    paces: Recent<(Tenant, ReceiverId), Pace>,
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
        let (healths, paces) = (Recent::new(RECEIVERS, RECEIVER_AGE_MILLIS), Recent::new(RECEIVERS, RECEIVER_AGE_MILLIS));
        let (limit, patience) = (ATTEMPT_LIMIT, Duration::from_millis(SLOW_MILLIS));
        Ok(Self { table, vault, client, limit, patience, retries, dead_letters, clock, policy, receivers, healths, paces })
    }

    /// The same function with another limit for an attempt: for tests of receivers that hang.
    ///
    /// # Errors
    /// [`StartError::Client`] if the HTTP client cannot be made.
    pub fn with_limit(self, limit: Duration) -> Result<Self, StartError> {
        Ok(Self { client: WebhookClient::with_limit(self.policy, limit)?, limit, patience: self.patience.min(limit), ..self })
    }

    /// Makes the function from the environment.
    ///
    /// # Errors
    /// [`StartError`] if a setting is missing or the HTTP client cannot be made.
    pub async fn from_env() -> Result<Self, StartError> {
        let aws = Environment::open().await?;
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
        self.handle_within(event, Duration::MAX).await
    }

    /// Handles a batch in so much time; what is not done by then must be brought again too.
    pub async fn handle_within(&self, event: SqsEvent, limit: Duration) -> SqsBatchResponse {
        let (batch, records) = (Batch::new(), event.records.len());
        // Boxed: what one message asks for is nested too deeply to be laid out in one piece.
        let all = each(event, limit, &self.dead_letters, |record| Box::pin(self.one(&batch, record)));
        let (answer, Usage { read_units, write_units, .. }) = self.table.spent(all).await;
        tracing::info!(records, failed = answer.batch_item_failures.len(), read_units, write_units, "batch");
        answer
    }

    async fn one(&self, batch: &Batch, record: Arc<Record>) -> Result<(), Failure> {
        match WebhookWork::from_json(&record.body).map_err(|error| Failure::never(format!("not a delivery: {error}")))? {
            WebhookWork::Deliver(message) => self.begin(batch, *message).await,
            WebhookWork::Retry(message) => self.go_on(batch, *message).await,
            WebhookWork::FanOut(message) => self.fan_out(message.outbox_id).await,
        }
    }
}
