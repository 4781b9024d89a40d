//! Call events from SQS become call records and webhook work.
//!
//! Every event may come twice and in any order. A record is written before its webhooks are queued, and a message
//! that comes again queues them again under the same ids: a crash at any step loses nothing and doubles nothing
//! that the receiver's side does not recognise. A call that is over is counted between the two, once.

mod announce;
mod gather;
mod route;
mod settle;

use std::{sync::Arc, time::Duration};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::{
    CallId, EndpointId, OrgId, Timestamp,
    call::{CallAlias, CallEvent, CallRecord, EventKind},
    endpoint::Endpoint,
    subscription::Subscription,
};
use gather::{Coming, Done, Gathering};
use queue::{
    Sender,
    batch::{self, Failure, Record},
    call_event::CallEventMessage,
};
use route::Found;
use runtime::{Clock, Recent, aws::Environment, env};
use settle::Count;
use store::{Consistency, EventWrite, RecordedEvent, Standing, StoreError, Table, Tenant, Usage};

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
    pub fn from_env() -> Result<Self, env::ConfigError> {
        let aws = Environment::read()?;
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
        let (together, records, before) = (Together::default(), event.records.len(), self.table.usage());
        let answer = batch::each(event, limit, &self.dead_letters, |record| self.one(record, &together)).await;
        // A process has one batch at a time; what its messages did together is no single one's.
        let Usage { read_units, write_units, .. } = self.table.usage() - before;
        tracing::info!(records, failed = answer.batch_item_failures.len(), read_units, write_units, "batch");
        answer
    }

    async fn one(&self, record: Arc<Record>, together: &Together) -> Result<(), Failure> {
        let (marking, counting) = (together.marks.begin(), together.counts.begin());
        // The others of the batch begin too.
        tokio::task::yield_now().await;
        let mut message = CallEventMessage::from_json(&record.body, self.clock.now()).map_err(|error| Failure::never(error.to_string()))?;
        let tenant = Tenant { org: message.organization_id, mode: message.mode };
        batch::belongs_to(tenant.org);
        if !self.exists(tenant.org).await? {
            tracing::info!(organization_id = %tenant.org, "the organization was erased: its event is dropped");
            return Ok(());
        }
        if let Some(alias) = &message.alias {
            message.call_id = self.named(tenant, alias, message.event.timestamp).await?;
        }
        if message.event.is_timeout() && !self.still_stands(tenant, &message).await? {
            return Ok(());
        }
        let retried = record.receive_count > 1;
        let Some(written) = self.record(tenant, &message, retried, marking).await? else {
            // Deleted: a try before this one may have left its marker.
            return self.table.unmark_live(tenant, message.call_id).await.map_err(failure);
        };
        self.settle(tenant, &written, &message.event, counting).await?;
        self.announce(tenant, &written.call, &message.event).await
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

    /// Adds the event to its call; `None` if the call was deleted, which absorbs it.
    ///
    /// Most events find a call that has its route: one write. The first one looks the route up before. Of a message that
    /// comes again nobody knows what an earlier try has done: it may have marked the call as live.
    async fn record(
        &self,
        tenant: Tenant,
        message: &CallEventMessage,
        retried: bool,
        mut marking: Coming<Mark>,
    ) -> Result<Option<Written>, Failure> {
        if message.event.kind != EventKind::Initiated {
            marking.pass_by();
            match self.write_if_routed(tenant, message).await? {
                RecordedEvent::Stored(call) => return Ok(Some(Written { call, marked: retried })),
                RecordedEvent::Deleted => return Ok(None),
                RecordedEvent::NotRouted => {}
            }
        }
        let route = match self.find_route(tenant, &message.event).await? {
            Found::Route(route) => Some(route),
            Found::NotTold => None,
            // The number may have been given up since: a call that has its route keeps it.
            Found::Nothing(reason) => {
                return match self.write_if_routed(tenant, message).await? {
                    RecordedEvent::Stored(call) => Ok(Some(Written { call, marked: retried })),
                    RecordedEvent::Deleted => Ok(None),
                    RecordedEvent::NotRouted => {
                        self.unmark_unknown(tenant, message.call_id, retried).await?;
                        Err(Failure::never(reason))
                    }
                };
            }
        };
        // The marker comes first: a call that goes on is never in no list.
        let marked = !message.event.kind.is_terminal();
        if marked {
            self.note_busy(tenant).await?;
            marking.join((tenant, message.call_id), |all| self.mark_all(all)).await.map_err(Failure::retry)?;
        }
        let written = self.table.record_event(tenant, named(message), &message.event, route.as_ref(), EventWrite::Always).await;
        match written.map_err(failure)? {
            RecordedEvent::Stored(call) => Ok(Some(Written { call, marked })),
            RecordedEvent::Deleted => Ok(None),
            RecordedEvent::NotRouted => Err(Failure::retry("an unconditional write was refused")),
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
    async fn mark_all(&self, all: Vec<Mark>) -> Vec<Done> {
        let marked = self.table.mark_all_live(&all, self.clock.now()).await;
        marked.into_iter().map(|marked| marked.map_err(|error| error.to_string())).collect()
    }

    /// Takes back the marker of a call that an earlier try of a message marked and of which nothing is known.
    async fn unmark_unknown(&self, tenant: Tenant, call: CallId, retried: bool) -> Result<(), Failure> {
        if retried { self.table.unmark_unknown(tenant, call).await.map_err(failure) } else { Ok(()) }
    }

    /// Adds the event to a call that has its route.
    async fn write_if_routed(&self, tenant: Tenant, message: &CallEventMessage) -> Result<RecordedEvent, Failure> {
        self.table.record_event(tenant, named(message), &message.event, None, EventWrite::IfRouted).await.map_err(failure)
    }
}

/// A call to be marked as live.
type Mark = (Tenant, CallId);

/// What the messages of one batch do together.
#[derive(Debug, Default)]
struct Together {
    marks: Arc<Gathering<Mark>>,
    counts: Arc<Gathering<Count>>,
}

/// A call to which an event was added.
struct Written {
    call: CallRecord,
    /// Whether it was, or may have been, marked as live on the way.
    marked: bool,
}

/// A message's call, and the name by which its source knows it.
const fn named(message: &CallEventMessage) -> (CallId, Option<&CallAlias>) {
    (message.call_id, message.alias.as_ref())
}

/// A record that has grown too large takes no further event; anything else may pass.
fn failure(error: StoreError) -> Failure {
    match error {
        StoreError::TooLarge => Failure::never("the call's record would be larger than an item may be"),
        other => Failure::retry(other),
    }
}
