//! On a schedule: a call of which nothing has been heard for too long is given up. Its end is one more event, told to the
//! queue like any other, so that record, lists, counters and webhooks follow in the one way there is.
//!
//! The event has one id for each call: two runs side by side end a call once. A real end that comes later goes before it.
//! What a crash left of a call that is over is cleared away. Only calls that go on are looked at, and those that their
//! organization does not keep any longer.

mod retention;

use domain::{
    Timestamp,
    call::{CallEvent, CallRecord, CallStatus, EventKind},
};
use futures_util::{StreamExt as _, future::join_all, stream};
use queue::{OutMessage, SendError, Sender, call_event::CallEventMessage};
use runtime::{Clock, Recent, aws::Environment, env};
use store::{BusyTenant, Consistency, LiveCall, Standing, StoreError, Table, Tenant, Usage};

/// How long a tenant stays noted after it was last busy, in milliseconds: longer than a process relies on having noted it.
const QUIET_MILLIS: i64 = 1_800_000;

/// How long a call that was seen to be answered is not looked at again while it is within its limit, in milliseconds, and of
/// how many this is known.
const SEEN_MILLIS: i64 = 900_000;
const SEEN: usize = 50_000;

/// How many tenants are looked at at the same time, and how many calls of one: their ends are told before the next ones are
/// looked at, so that a run which is cut off has done what it has done.
const CONCURRENT: usize = 4;
const TOGETHER: usize = 50;

/// The longest that a call may go on, in milliseconds since its first event was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// While it rings.
    pub ringing_millis: i64,
    /// Before it rings, or once it is answered.
    pub call_millis: i64,
}

impl Limits {
    /// When a call has gone on for too long: since it was taken in, or since it began to ring, as far as that can be true.
    fn end(self, live: &LiveCall, record: &CallRecord, status: CallStatus, now: Timestamp) -> Timestamp {
        let rings = record.events.values().filter(|event| event.kind == EventKind::Ringing).map(|event| event.timestamp).min();
        match rings {
            Some(rings) if status == CallStatus::Ringing && rings <= now => rings.max(live.since).plus_millis(self.ringing_millis),
            _ => live.since.plus_millis(self.call_millis),
        }
    }
}

/// The function.
#[derive(Debug, Clone)]
pub struct CallReaper {
    table: Table,
    queue: Sender,
    clock: Clock,
    limits: Limits,
    /// Calls that were seen to be answered, within their limit, a while ago.
    seen: Recent<(Tenant, domain::CallId), ()>,
}

/// A run could not do everything; the next one takes up what is left.
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

impl CallReaper {
    /// Makes the function from its parts: `queue` is the one that takes call events.
    #[must_use]
    pub fn new(table: Table, queue: Sender, clock: Clock, limits: Limits) -> Self {
        Self { table, queue, clock, limits, seen: Recent::new(SEEN, SEEN_MILLIS) }
    }

    /// Makes the function from the environment.
    ///
    /// # Errors
    /// [`env::ConfigError`] if a setting is missing or no number.
    pub async fn from_env() -> Result<Self, env::ConfigError> {
        let aws = Environment::open().await?;
        let table = Table::new(aws.dynamodb(), env::required("TABLE_NAME")?);
        let queue = Sender::new(aws.sqs(), env::required("CALL_EVENTS_QUEUE_URL")?);
        let limits = Limits {
            ringing_millis: env::seconds("RINGING_LIMIT_SECONDS")? * 1_000,
            call_millis: env::seconds("CALL_LIMIT_SECONDS")? * 1_000,
        };
        Ok(Self::new(table, queue, Clock::System, limits))
    }

    /// Gives up what has gone on for too long; answers how many calls.
    ///
    /// # Errors
    /// [`RunError`], the first one, after everything that could be done was done.
    pub async fn run(&self) -> Result<usize, RunError> {
        let (ended, Usage { read_units, write_units, .. }) = self.table.spent(Box::pin(self.reap())).await;
        let ended = ended?;
        tracing::info!(?ended, read_units, write_units, "reaped");
        ended.into_iter().sum()
    }

    /// What came of each tenant.
    async fn reap(&self) -> Result<Vec<Result<usize, RunError>>, RunError> {
        let tenants = stream::iter(self.table.busy_tenants().await?);
        Ok(tenants.map(|busy| self.tenant(busy)).buffer_unordered(CONCURRENT).collect().await)
    }

    async fn tenant(&self, busy: BusyTenant) -> Result<usize, RunError> {
        let (tenant, now) = (busy.tenant(), self.clock.now());
        let live = self.table.live_calls(tenant).await?;
        if live.is_empty() && now.millis_since(busy.noted_at) > QUIET_MILLIS {
            self.table.note_quiet(&busy).await?;
        }
        let due: Vec<LiveCall> = live.into_iter().filter(|call| self.has_to_be_looked_at(tenant, call, now)).collect();
        let mut ended = Vec::new();
        for some in due.chunks(TOGETHER) {
            ended.push(self.some(tenant, some, now).await);
        }
        ended.into_iter().sum()
    }

    /// Whether a call may have gone on for too long, or be over. What was seen before says nothing of one that is beyond the
    /// limit of answered calls.
    fn has_to_be_looked_at(&self, tenant: Tenant, call: &LiveCall, now: Timestamp) -> bool {
        let Limits { ringing_millis, call_millis } = self.limits;
        let age = now.millis_since(call.since);
        age >= call_millis || (age >= ringing_millis && self.seen.get(&(tenant, call.id), now).is_none())
    }

    /// Gives up those of some calls that have to be; one that cannot be looked at keeps nobody else from it.
    async fn some(&self, tenant: Tenant, calls: &[LiveCall], now: Timestamp) -> Result<usize, RunError> {
        let looked_at = calls.iter().map(|call| self.given_up(tenant, call, now));
        let (mut messages, mut failed) = (Vec::new(), None);
        for message in join_all(looked_at).await {
            match message {
                Ok(message) => messages.extend(message),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        self.queue.send_all(&messages).await?;
        failed.map_or(Ok(messages.len()), Err)
    }

    /// The message that ends a call, if nothing was heard of it for too long.
    async fn given_up(&self, tenant: Tenant, live: &LiveCall, now: Timestamp) -> Result<Option<OutMessage>, RunError> {
        let Some(record) = self.table.record(tenant, live.id, Consistency::Strong).await? else {
            // Its first event became a dead letter after the call was marked, or it was deleted.
            if now.millis_since(live.last_marked()) >= self.limits.call_millis {
                self.table.unmark_left_over(tenant, live).await?;
            }
            return Ok(None);
        };
        if record.is_over() {
            return self.clear(tenant, live, &record).await.map(|()| None);
        }
        let status = record.call().status;
        if now < self.limits.end(live, &record, status, now) {
            // What does not ring yet may ring at any moment.
            if status == CallStatus::InProgress {
                self.seen.put((tenant, live.id), (), now);
            }
            return Ok(None);
        }
        let event = CallEvent::timeout(status, now);
        let message = CallEventMessage { organization_id: tenant.org(), mode: tenant.mode(), call_id: live.id, alias: None, event };
        Ok(Some(OutMessage { body: message.to_json()?, delay_seconds: 0, group: Some(tenant.org().to_string()) }))
    }

    /// A call is over and still marked: whoever handled its end died before all was done. Of an erased organization nothing
    /// is done any more, since it would come back.
    async fn clear(&self, tenant: Tenant, live: &LiveCall, record: &CallRecord) -> Result<(), RunError> {
        if self.table.standing(tenant.org()).await? != Standing::Open {
            return Ok(());
        }
        self.table.recount_call(tenant, record).await?;
        Ok(self.table.unmark_left_over(tenant, live).await?)
    }
}
