//! Call events from SQS become call records and webhook work.
//!
//! Every event may come twice and in any order. A record is written before its webhooks are queued, and a message
//! that comes again queues them again under the same ids: a crash at any step loses nothing and doubles nothing
//! that the receiver's side does not recognise.

mod announce;
mod route;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::{
    EndpointId,
    call::{CallRecord, EventKind},
    endpoint::Endpoint,
    subscription::Subscription,
};
use queue::{
    Sender,
    batch::{self, Failure, Record},
    call_event::CallEventMessage,
};
use route::Found;
use runtime::{Clock, Recent, aws::Environment, env};
use store::{EventWrite, RecordedEvent, StoreError, Table, Tenant};

/// How long a process believes what it read of an endpoint: its event filter and status change that much later.
const ENDPOINT_AGE_MILLIS: i64 = 30_000;
const ENDPOINTS: usize = 1_000;

/// How long a process believes what it read of an organization's subscriptions: a new one begins that much later.
const SUBSCRIPTION_AGE_MILLIS: i64 = 5_000;
const TENANTS: usize = 1_000;

/// The function.
#[derive(Debug, Clone)]
pub struct CallEvents {
    table: Table,
    deliveries: Sender,
    dead_letters: Sender,
    clock: Clock,
    endpoints: Recent<(Tenant, EndpointId), Arc<Endpoint>>,
    subscriptions: Recent<Tenant, Arc<[Subscription]>>,
}

impl CallEvents {
    /// Makes the function from its parts: `deliveries` takes webhook work, `dead_letters` what can never succeed.
    #[must_use]
    pub fn new(table: Table, deliveries: Sender, dead_letters: Sender, clock: Clock) -> Self {
        let (endpoints, subscriptions) = (Recent::new(ENDPOINTS, ENDPOINT_AGE_MILLIS), Recent::new(TENANTS, SUBSCRIPTION_AGE_MILLIS));
        Self { table, deliveries, dead_letters, clock, endpoints, subscriptions }
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
        batch::each(event, &self.dead_letters, |record| self.one(record)).await
    }

    async fn one(&self, record: Arc<Record>) -> Result<(), Failure> {
        let message = CallEventMessage::from_json(&record.body, self.clock.now()).map_err(|error| Failure::never(error.to_string()))?;
        let tenant = Tenant { org: message.organization_id, mode: message.mode };
        let call = self.record(tenant, &message).await?;
        self.announce(tenant, &call, &message.event).await
    }

    /// Adds the event to its call.
    ///
    /// Most events find a call that has its route: one write. The first one looks the route up before.
    async fn record(&self, tenant: Tenant, message: &CallEventMessage) -> Result<CallRecord, Failure> {
        if message.event.kind != EventKind::Initiated
            && let Some(call) = self.write_if_routed(tenant, message).await?
        {
            return Ok(call);
        }
        let route = match self.find_route(tenant, &message.event).await? {
            Found::Route(route) => Some(route),
            Found::NotTold => None,
            // The number may have been given up since: a call that has its route keeps it.
            Found::Nothing(reason) => {
                return self.write_if_routed(tenant, message).await?.ok_or_else(|| Failure::never(reason));
            }
        };
        let written = self.table.record_event(tenant, message.call_id, &message.event, route.as_ref(), EventWrite::Always).await;
        match written.map_err(failure)? {
            RecordedEvent::Stored(call) => Ok(call),
            RecordedEvent::NotRouted => Err(Failure::retry("an unconditional write was refused")),
        }
    }

    /// Adds the event to a call that has its route; `None` if it has none.
    async fn write_if_routed(&self, tenant: Tenant, message: &CallEventMessage) -> Result<Option<CallRecord>, Failure> {
        let written = self.table.record_event(tenant, message.call_id, &message.event, None, EventWrite::IfRouted).await;
        match written.map_err(failure)? {
            RecordedEvent::Stored(call) => Ok(Some(call)),
            RecordedEvent::NotRouted => Ok(None),
        }
    }
}

/// A record that has grown too large takes no further event; anything else may pass.
fn failure(error: StoreError) -> Failure {
    match error {
        StoreError::TooLarge => Failure::never("the call's record would be larger than an item may be"),
        other => Failure::retry(other),
    }
}
