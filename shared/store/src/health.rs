//! The health of webhook receivers: an item for each that fails, from its first failure to its next success.
//!
//! A receiver that takes what it gets has none and costs nothing.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Timestamp, health::Health, webhook::ReceiverId};
use serde::{Deserialize, Serialize};

use crate::{
    OutboxEvent, access_patterns,
    error::StoreError,
    expression::SetExpression,
    item::{Item as _, KIND, VERSION, serde_item, to_serde},
    keys::{Get, Keys, Segment, Tenant},
    table::{Consistency, Table},
    transaction::Outcome,
    update::Changed,
};

/// Health as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverHealth {
    #[serde(flatten)]
    receiver: ReceiverId,
    failing_since: Timestamp,
    failures: u32,
    #[serde(default)]
    told: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probe_at: Option<Timestamp>,
}

serde_item!(ReceiverHealth, "receiver_health", Tenant, |health, tenant| Keys::primary(key(*tenant, health.receiver)));

impl From<ReceiverHealth> for Health {
    fn from(stored: ReceiverHealth) -> Self {
        let ReceiverHealth { receiver, failing_since, failures, told, probe_at } = stored;
        Self { receiver, failing_since, failures, told, probe_at }
    }
}

impl Segment for ReceiverId {
    fn segment(&self) -> String {
        self.as_uuid().to_string()
    }
}

pub(crate) fn key(tenant: Tenant, receiver: ReceiverId) -> Get<ReceiverHealth> {
    access_patterns::receiver_health(tenant.org(), tenant.mode(), receiver)
}

/// Whether a probe may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Yes, by the one who asked, and by nobody else until the next.
    Granted,
    /// Not before this time.
    NotBefore(Timestamp),
    /// The receiver took something meanwhile: whatever is there may be sent.
    Healthy,
}

impl Table {
    /// What is known of a receiver that fails; `None` if nothing is. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn receiver_health(&self, tenant: Tenant, receiver: ReceiverId) -> Result<Option<Health>, StoreError> {
        Ok(self.get(key(tenant, receiver), Consistency::Eventual).await?.map(Health::from))
    }

    /// Notes a failure; answers what is known with it.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn note_failure(&self, tenant: Tenant, receiver: ReceiverId, now: Timestamp) -> Result<Health, StoreError> {
        let mut set = SetExpression::default();
        set.set(KIND, AttributeValue::S(ReceiverHealth::KIND.to_owned()));
        set.set(VERSION, AttributeValue::N(ReceiverHealth::VERSION.to_string()));
        for (name, value) in to_serde(ReceiverHealth::KIND, &receiver)? {
            set.set(&name, value);
        }
        set.set_once("failing_since", AttributeValue::S(now.to_string()));
        set.add("failures", 1);
        match self.update(key(tenant, receiver), &set, None).await? {
            Changed::Done(stored) => Ok(stored.into()),
            Changed::Refused(_) => Err(StoreError::Refused("an update without a condition was refused".to_owned())),
        }
    }

    /// Notes that a receiver which failed took something.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn note_success(&self, tenant: Tenant, receiver: ReceiverId) -> Result<(), StoreError> {
        self.delete(key(tenant, receiver)).await
    }

    /// Asks for the one probe of this time.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn claim_probe(&self, tenant: Tenant, health: &Health, now: Timestamp) -> Result<Probe, StoreError> {
        let mut set = SetExpression::default();
        let next = now.plus_millis(health.probe_millis());
        set.set("probe_at", AttributeValue::S(next.to_string()));
        set.value(":now", AttributeValue::S(now.to_string()));
        set.value(":open", AttributeValue::N(domain::health::OPEN_AFTER.to_string()));
        let condition = "failures >= :open AND (attribute_not_exists(probe_at) OR probe_at <= :now)";
        Ok(match self.update(key(tenant, health.receiver), &set, Some(condition)).await? {
            Changed::Done(_) => Probe::Granted,
            Changed::Refused(Some(stored)) => match Health::from(stored) {
                found if found.is_open() => Probe::NotBefore(found.probe_at.unwrap_or(next)),
                _ => Probe::Healthy,
            },
            Changed::Refused(None) => Probe::Healthy,
        })
    }

    /// Lets everything be sent to a receiver again, until it fails as often anew: somebody says that it is back.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn close_circuit(&self, tenant: Tenant, receiver: ReceiverId) -> Result<(), StoreError> {
        let mut set = SetExpression::default();
        set.set("failures", AttributeValue::N("0".to_owned()));
        set.remove("probe_at");
        self.update(key(tenant, receiver), &set, Some("attribute_exists(pk)")).await.map(drop)
    }

    /// Gives a notice once: the event is put into the outbox, unless this notice or a higher one was given, or the
    /// receiver took something since.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn tell_failing(&self, tenant: Tenant, health: &Health, percent: u8, event: &OutboxEvent) -> Result<bool, StoreError> {
        let mut set = SetExpression::default();
        set.set("told", AttributeValue::N(percent.to_string()));
        set.value(":percent", AttributeValue::N(percent.to_string()));
        set.value(":since", AttributeValue::S(health.failing_since.to_string()));
        let condition = "failing_since = :since AND (attribute_not_exists(told) OR told < :percent)";
        let writes = vec![self.update_write(&key(tenant, health.receiver), &set, condition)?, self.put_outbox(event)?];
        Ok(matches!(self.transact(writes).await?, Outcome::Done))
    }
}
