//! Lifecycle events: what became of a resource, told to the organization's subscriptions.
//!
//! The event is written in the transaction of what it tells and then handed on. A crash, or a queue that does not answer,
//! between the two leaves it in the outbox, where the sweep finds it. An organization that nobody listens for pays
//! nothing, apart from a look now and then whether somebody does.

use std::{sync::Arc, time::Duration};

use domain::{
    OutboxId, Timestamp,
    webhook::{EventFilter, LifecycleEvent},
};
use queue::{OutMessage, OutboxMessage, Sender};
use runtime::{Clock, Recent, random};
use serde::Serialize;
use store::{Consistency, OutboxEvent, Table, Tenant};

use crate::problem::Problem;

/// How long a process believes what it read of an organization's subscriptions: events of a new one begin that much later.
const AGE_MILLIS: i64 = 5_000;
const TENANTS: usize = 1_000;

/// How long an answer waits for the queue: the sweep does later what was not done by then.
const HAND_ON_LIMIT: Duration = Duration::from_secs(1);

/// Tells subscriptions what becomes of resources. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Lifecycle {
    table: Table,
    queue: Sender,
    clock: Clock,
    filters: Recent<Tenant, Arc<[EventFilter]>>,
}

/// An event that somebody takes, before it is known what it will tell.
#[derive(Debug, Clone, Copy)]
pub struct News {
    id: OutboxId,
    tenant: Tenant,
    event: LifecycleEvent,
    at: Timestamp,
}

impl News {
    /// The event that tells of a resource as the API shows it.
    #[must_use]
    pub fn of(&self, resource: &impl Serialize) -> OutboxEvent {
        OutboxEvent {
            id: self.id,
            organization_id: self.tenant.org(),
            mode: self.tenant.mode(),
            event: self.event.as_str().to_owned(),
            at: self.at,
            data: serde_json::to_string(resource).unwrap_or_default(),
        }
    }
}

impl Lifecycle {
    /// Looks for subscriptions in this table and hands events on by this queue.
    #[must_use]
    pub fn new(table: Table, queue: Sender, clock: Clock) -> Self {
        Self { table, queue, clock, filters: Recent::new(TENANTS, AGE_MILLIS) }
    }

    /// The event, if a subscription takes it.
    ///
    /// # Errors
    /// An outage if it has to be looked up and cannot be.
    pub async fn about(&self, tenant: Tenant, event: LifecycleEvent) -> Result<Option<News>, Problem> {
        let now = self.clock.now();
        let filters = match self.filters.get(&tenant, now) {
            Some(filters) => filters,
            None => {
                let subscriptions = self.table.subscriptions(tenant, Consistency::Eventual).await?;
                let filters: Arc<[EventFilter]> =
                    subscriptions.into_iter().filter(|subscription| subscription.active).map(|subscription| subscription.events).collect();
                self.filters.put(tenant, Arc::clone(&filters), now);
                filters
            }
        };
        let is_wanted = filters.iter().any(|filter| filter.name_for(event.as_str()).is_some());
        Ok(is_wanted.then(|| News { id: OutboxId::new(now, random::bytes()), tenant, event, at: now }))
    }

    /// Hands on events that were written.
    pub async fn hand_on(&self, news: impl IntoIterator<Item = News>) {
        let messages = news.into_iter().map(|news| OutboxMessage { outbox_id: news.id }.out(news.tenant.org()));
        let messages: Vec<OutMessage> = messages.filter_map(Result::ok).collect();
        if messages.is_empty() {
            return;
        }
        match tokio::time::timeout(HAND_ON_LIMIT, self.queue.send_all(&messages)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "an event waits in the outbox for the sweep"),
            Err(_) => tracing::warn!("an event waits in the outbox for the sweep: the queue is late"),
        }
    }
}
