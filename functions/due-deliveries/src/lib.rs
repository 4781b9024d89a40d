//! On a schedule: what waits in the table for its time, and what others had to leave undone. Attempts that are due are put on
//! the queue; so are lifecycle events that wait in the outbox, because whoever wrote them could not hand them on; numbers
//! are taken off endpoints whose deletion was cut off.
//!
//! An attempt leaves the table when a message asks for it. An event that is queued twice makes its webhooks once more under
//! the same ids. It leaves the outbox only when its deliveries are queued, and not by this function's hand.

mod attempts;

use domain::Timestamp;
use queue::{OutMessage, OutboxMessage, SendError, Sender};
use runtime::{Clock, Metrics, aws::Environment, env};
use store::{OutboxShard, StoreError, Table, Usage};

/// How long work is left to the one who began it, in milliseconds: longer than a function that answers requests may run,
/// and the queue needs its time.
const PATIENCE_MILLIS: i64 = 30_000;

/// How many events of one shard are queued in a run; the next run takes the rest.
const MOST: usize = 1_000;

/// The function.
#[derive(Debug, Clone)]
pub struct DueDeliveries {
    table: Table,
    queue: Sender,
    clock: Clock,
    metrics: Metrics,
}

/// A run ended early; the next one takes up what is left.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The table cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue does not take messages.
    #[error(transparent)]
    Send(#[from] SendError),
    /// A message cannot be written.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl DueDeliveries {
    /// Makes the function from its parts.
    #[must_use]
    pub const fn new(table: Table, queue: Sender, clock: Clock) -> Self {
        Self { table, queue, clock, metrics: Metrics::Log }
    }

    /// The same function, which tells its figures here.
    #[must_use]
    pub fn telling(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Makes the function from the environment.
    ///
    /// # Errors
    /// [`env::ConfigError`] if a setting is missing.
    pub async fn from_env() -> Result<Self, env::ConfigError> {
        let aws = Environment::open().await?;
        let table = Table::new(aws.dynamodb(), env::required("TABLE_NAME")?);
        Ok(Self::new(table, Sender::new(aws.sqs(), env::required("WEBHOOK_QUEUE_URL")?), Clock::System))
    }

    /// Queues what waits, and takes up sweeps; answers how many attempts and events were queued.
    ///
    /// # Errors
    /// [`RunError`] if the table or the queue fails.
    pub async fn run(&self) -> Result<usize, RunError> {
        // Boxed: together they are deeper than the compiler looks.
        let all = async { (Box::pin(self.attempts()).await, Box::pin(self.outbox()).await, Box::pin(self.sweeps()).await) };
        let ((attempts, events, swept), Usage { read_units, write_units, .. }) = self.table.spent(all).await;
        tracing::info!(?attempts, ?events, ?swept, read_units, write_units, "due");
        swept.and([attempts, events].into_iter().sum())
    }

    /// Finishes deletions of endpoints that were cut off: all that can be, also if some cannot.
    async fn sweeps(&self) -> Result<usize, RunError> {
        let (now, mut swept) = (self.clock.now(), Vec::new());
        for sweep in self.table.sweeps().await? {
            if now.millis_since(sweep.deleted_at) >= PATIENCE_MILLIS {
                swept.push(self.table.sweep(sweep, now).await.map(|()| 1).map_err(RunError::from));
            }
        }
        swept.into_iter().sum()
    }

    /// Queues what waits in every shard that can be read.
    async fn outbox(&self) -> Result<usize, RunError> {
        let waiting_since = self.clock.now().plus_millis(-PATIENCE_MILLIS);
        let mut queued = Vec::new();
        for shard in OutboxShard::all() {
            queued.push(self.queue_late(shard, waiting_since).await);
        }
        queued.into_iter().sum()
    }

    async fn queue_late(&self, shard: OutboxShard, waiting_since: Timestamp) -> Result<usize, RunError> {
        let events = self.table.outbox(shard, MOST).await?;
        let late = events.into_iter().filter(|event| event.at <= waiting_since);
        let messages: Vec<OutMessage> =
            late.map(|event| OutboxMessage { outbox_id: event.id }.out(event.organization_id)).collect::<Result<_, serde_json::Error>>()?;
        self.queue.send_all(&messages).await?;
        Ok(messages.len())
    }
}
