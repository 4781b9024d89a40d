//! Call events from SQS become call records and webhook work.
//!
//! Every event may come twice and in any order. A record is written before its webhooks are queued, and a message
//! that comes again queues them again under the same ids: a crash at any step loses nothing and doubles nothing
//! that the receiver's side does not recognise. A call that is over is counted between the two, once.
//!
//! Each message is read alone. Those of one call are then folded by one of them, in one write.

mod announce;
mod fold;
mod gather;
mod route;
mod settle;

use std::{sync::Arc, time::Duration};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::{
    CallId, EndpointId, OrgId, Timestamp,
    call::{CallAlias, CallEvent},
    endpoint::Endpoint,
    subscription::Subscription,
};
use fold::{Key, Together, Told};
use gather::Done;
use queue::{
    Sender,
    batch::{self, Failure, Record},
    call_event::CallEventMessage,
};
use runtime::{Clock, Recent, aws::Environment, env};
use store::{Consistency, Standing, StoreError, Table, Tenant, Usage};

/// How long a process believes what it read of an endpoint: its event filter and status change that much later.
const ENDPOINT_AGE_MILLIS: i64 = 30_000;
const ENDPOINTS: usize = 1_000;

/// How long a process believes what it read of an organization's subscriptions: a new one begins that much later.
const SUBSCRIPTION_AGE_MILLIS: i64 = 5_000;
const TENANTS: usize = 1_000;

/// How long a process believes that an organization exists. Whoever erases one waits for longer than this, and than a
/// batch takes.
const ORGANIZATION_AGE_MILLIS: i64 = 60_000;

/// How long a process remembers that a call's entry is up to date: repeated messages come soon or never.
const SETTLED_AGE_MILLIS: i64 = 900_000;
const SETTLED: usize = 10_000;

/// How long a process trusts that a tenant is noted as busy: well below the half hour after which a note may go.
const BUSY_AGE_MILLIS: i64 = 600_000;

/// The function.
#[derive(Debug, Clone)]
pub struct CallEvents {
    table: Table,
    deliveries: Sender,
    dead_letters: Sender,
    clock: Clock,
    organizations: Recent<OrgId, ()>,
    endpoints: Recent<(Tenant, EndpointId), Arc<Endpoint>>,
    subscriptions: Recent<Tenant, Arc<[Subscription]>>,
    /// The versions of records from which the entries of ended calls were made.
    settled: Recent<(Tenant, CallId), usize>,
    busy: Recent<Tenant, ()>,
    named: Recent<(Tenant, CallAlias), CallId>,
}

impl CallEvents {
    /// Makes the function from its parts: `deliveries` takes webhook work, `dead_letters` what can never succeed.
    #[must_use]
    pub fn new(table: Table, deliveries: Sender, dead_letters: Sender, clock: Clock) -> Self {
        let (endpoints, subscriptions) = (Recent::new(ENDPOINTS, ENDPOINT_AGE_MILLIS), Recent::new(TENANTS, SUBSCRIPTION_AGE_MILLIS));
        let settled = Recent::new(SETTLED, SETTLED_AGE_MILLIS);
        let (busy, named) = (Recent::new(TENANTS, BUSY_AGE_MILLIS), Recent::new(SETTLED, SETTLED_AGE_MILLIS));
        let organizations = Recent::new(TENANTS, ORGANIZATION_AGE_MILLIS);
        Self { table, deliveries, dead_letters, clock, organizations, endpoints, subscriptions, settled, busy, named }
    }

    /// Makes the function from the environment.
    ///
    /// # Errors
    /// [`env::ConfigError`] if a setting is missing.
    pub async fn from_env() -> Result<Self, env::ConfigError> {
        let aws = Environment::open().await?;
        let sqs = aws.sqs();
        Ok(Self::new(
            Table::new(aws.dynamodb(), env::required("TABLE_NAME")?),
            Sender::new(sqs.clone(), env::required("WEBHOOK_QUEUE_URL")?),
            Sender::new(sqs, env::required("DEAD_LETTER_QUEUE_URL")?),
            Clock::System,
        ))
    }

    /// Handles a batch; the answer names the messages that the queue must bring again.
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        self.handle_within(event, Duration::MAX).await
    }

    /// Handles a batch in so much time; what is not done by then must be brought again too.
    pub async fn handle_within(&self, event: SqsEvent, limit: Duration) -> SqsBatchResponse {
        let (together, records) = (Together::default(), event.records.len());
        let all = batch::each(event, limit, &self.dead_letters, |record| self.one(record, &together));
        // What its messages did together is no single one's.
        let (answer, Usage { read_units, write_units, .. }) = self.table.spent(all).await;
        tracing::info!(records, failed = answer.batch_item_failures.len(), read_units, write_units, "batch");
        answer
    }

    async fn one(&self, record: Arc<Record>, together: &Together) -> Result<(), Failure> {
        let (coming, acts) = (together.calls.begin(), together.acts());
        // The others of the batch begin too.
        tokio::task::yield_now().await;
        let mut message = CallEventMessage::from_json(&record.body, self.clock.now()).map_err(|error| Failure::never(error.to_string()))?;
        #[expect(clippy::disallowed_methods, reason = "the queue's messages say whose they are")]
        let tenant = Tenant::new(message.organization_id, message.mode);
        batch::belongs_to(tenant.org());
        if !self.exists(tenant.org()).await? {
            tracing::info!(organization_id = %tenant.org(), "the organization was erased: its event is dropped");
            return Ok(());
        }
        if let Some(alias) = &message.alias {
            message.call_id = self.named(tenant, alias, message.event.timestamp).await?;
        }
        if message.event.is_timeout() && !self.still_stands(tenant, &message).await? {
            return Ok(());
        }
        let key = Key { tenant, call: message.call_id };
        let told = Told { alias: message.alias, event: message.event, retried: record.receive_count > 1 };
        coming.join(key.clone(), told, |all| self.fold(key, all, together, acts)).await
    }

    /// Whether there is such an organization; false for one that was erased, of which nothing may come back.
    async fn exists(&self, org: OrgId) -> Result<bool, Failure> {
        let now = self.clock.now();
        if self.organizations.get(&org, now).is_some() {
            return Ok(true);
        }
        match self.table.standing(org).await.map_err(failure)? {
            Standing::Open => {
                self.organizations.put(org, (), now);
                Ok(true)
            }
            Standing::Erased => Ok(false),
            Standing::Unknown => Err(Failure::never("organization_id: there is no such organization")),
        }
    }

    /// Whether a call is still what the system gave it up for, or was given up by this very event before. Its source may
    /// have spoken since.
    async fn still_stands(&self, tenant: Tenant, message: &CallEventMessage) -> Result<bool, Failure> {
        let record = self.table.record(tenant, message.call_id, Consistency::Strong).await.map_err(failure)?;
        Ok(record.is_some_and(|record| {
            let would_be = CallEvent::timeout(record.call().status, message.event.timestamp).terminal_status();
            let stands = !record.is_over() && would_be == message.event.terminal_status();
            stands || record.events.contains_key(&message.event.id)
        }))
    }

    /// The id of a call that its source knows by a name.
    async fn named(&self, tenant: Tenant, alias: &CallAlias, at: Timestamp) -> Result<CallId, Failure> {
        let (key, now) = ((tenant, alias.clone()), self.clock.now());
        if let Some(id) = self.named.get(&key, now) {
            return Ok(id);
        }
        let id = self.table.name_call(tenant, alias, at).await.map_err(failure)?;
        self.named.put(key, id, now);
        Ok(id)
    }

    /// Notes, once in a while, that a tenant has calls that go on: whoever ends those that nobody ends looks there.
    async fn note_busy(&self, tenant: Tenant) -> Result<(), Failure> {
        let now = self.clock.now();
        if self.busy.get(&tenant, now).is_none() {
            self.table.note_busy(tenant, now).await.map_err(failure)?;
            self.busy.put(tenant, (), now);
        }
        Ok(())
    }

    /// Marks calls as live.
    async fn mark_all(&self, all: Vec<(Tenant, CallId)>) -> Vec<Done> {
        let marked = self.table.mark_all_live(&all, self.clock.now()).await;
        marked.into_iter().map(|marked| marked.map_err(failure)).collect()
    }
}

/// A record that has grown too large takes no further event; anything else may pass.
fn failure(error: StoreError) -> Failure {
    match error {
        StoreError::TooLarge => Failure::never("the call's record would be larger than an item may be"),
        other => Failure::retry(other),
    }
}
