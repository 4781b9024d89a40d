//! Webhook deliveries: a body that is frozen once, and beside it what became of it.
//!
//! Two items, because the body is large and never changes while the state is small and does: writing the state
//! costs one unit however long the body is.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{CallId, DeliveryId, Timestamp, webhook::ReceiverId};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    item::{Attributes, EXPIRES_AT, Item, KIND, VERSION, from_serde, serde_item, to_serde},
    keys::{Keys, Tenant},
    table::{Consistency, Created, Table},
};

/// What is sent to one receiver for one event: the same bytes at every attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id, which is the webhook's `webhook-id`.
    pub id: DeliveryId,
    /// Who gets it.
    #[serde(flatten)]
    pub receiver: ReceiverId,
    /// The call it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<CallId>,
    /// The event's name as the receiver knows it.
    pub event: String,
    /// The body.
    pub body: String,
    /// When it was frozen.
    pub created_at: Timestamp,
    /// When the table forgets it: seconds since 1970.
    pub expires_at: i64,
}

serde_item!(Delivery, "delivery", Tenant, |delivery, tenant| Keys::primary(access_patterns::delivery(
    tenant.org,
    tenant.mode,
    delivery.id
)));

/// Whether this work came first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frozen {
    /// The body is frozen now.
    First,
    /// It was frozen before: this is what has to be sent.
    Before(Box<Delivery>),
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// It will be tried again.
    Retrying,
    /// The receiver took it.
    Delivered,
    /// No more attempts.
    Dead,
}

impl DeliveryStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Retrying => "retrying",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// One attempt and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// When it was made.
    pub at: Timestamp,
    /// The receiver's status code; `None` if there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no answer, or what else was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// The beginning of the answer: at most 256 characters are kept.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answer: String,
}

/// What became of a delivery so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryState {
    /// The delivery.
    pub id: DeliveryId,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// The attempts by their number, from 1.
    pub attempts: BTreeMap<u32, AttemptRecord>,
}

const ATTEMPT: &str = "attempt#";

#[derive(Serialize, Deserialize)]
struct StoredState {
    id: DeliveryId,
    status: DeliveryStatus,
}

impl Item for DeliveryState {
    const KIND: &'static str = "delivery_state";
    type Scope = Tenant;

    fn keys(&self, tenant: &Tenant) -> Keys {
        Keys::primary(access_patterns::delivery_state(tenant.org, tenant.mode, self.id))
    }

    fn to_attributes(&self) -> Result<Attributes, StoreError> {
        let mut attributes = to_serde(Self::KIND, &StoredState { id: self.id, status: self.status })?;
        for (number, attempt) in &self.attempts {
            attributes.insert(format!("{ATTEMPT}{number}"), to_value(attempt)?);
        }
        Ok(attributes)
    }

    fn from_attributes(attributes: Attributes) -> Result<Self, StoreError> {
        let mut attempts = BTreeMap::new();
        for (name, value) in &attributes {
            if let Some(number) = name.strip_prefix(ATTEMPT).and_then(|number| number.parse().ok()) {
                let attempt = serde_dynamo::from_attribute_value(value.clone()).map_err(|error| StoreError::corrupt(Self::KIND, error))?;
                attempts.insert(number, attempt);
            }
        }
        let StoredState { id, status } = from_serde(Self::KIND, attributes)?;
        Ok(Self { id, status, attempts })
    }
}

impl Table {
    /// Freezes a delivery's body, or finds the one that was frozen before: who comes first decides the bytes.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn freeze_delivery(&self, tenant: Tenant, delivery: &Delivery) -> Result<Frozen, StoreError> {
        Ok(match self.create(delivery, &tenant).await? {
            Created::New => Frozen::First,
            Created::Exists(before) => Frozen::Before(Box::new(before)),
        })
    }

    /// What became of a delivery; `None` before its first attempt was recorded.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn delivery_state(&self, tenant: Tenant, id: DeliveryId) -> Result<Option<DeliveryState>, StoreError> {
        self.get(access_patterns::delivery_state(tenant.org, tenant.mode, id), Consistency::Strong).await
    }

    /// Records an attempt, and how far the delivery has come with it. An attempt that was recorded before keeps its
    /// first record. False if the delivery was over before, taken or given up: then nothing changes any more.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn record_attempt(
        &self,
        tenant: Tenant,
        delivery: &Delivery,
        number: u32,
        attempt: &AttemptRecord,
        status: DeliveryStatus,
    ) -> Result<bool, StoreError> {
        let mut set = SetExpression::default();
        set.set(KIND, AttributeValue::S(DeliveryState::KIND.to_owned()));
        set.set(VERSION, AttributeValue::N(DeliveryState::VERSION.to_string()));
        set.set("id", AttributeValue::S(delivery.id.to_string()));
        set.set("status", AttributeValue::S(status.as_str().to_owned()));
        set.set(EXPIRES_AT, AttributeValue::N(delivery.expires_at.to_string()));
        let mut kept = attempt.clone();
        kept.answer = kept.answer.chars().take(256).collect();
        set.set_once(&format!("{ATTEMPT}{number}"), to_value(&kept)?);
        set.value(":delivered", AttributeValue::S(DeliveryStatus::Delivered.as_str().to_owned()));
        set.value(":dead", AttributeValue::S(DeliveryStatus::Dead.as_str().to_owned()));
        set.name("#status", "status");
        let key = access_patterns::delivery_state(tenant.org, tenant.mode, delivery.id);
        let condition = "attribute_not_exists(#status) OR NOT #status IN (:delivered, :dead)";
        Ok(self.update(key, &set, Some(condition)).await?.done().is_some())
    }
}

fn to_value(attempt: &AttemptRecord) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(attempt).map_err(|error| StoreError::corrupt(DeliveryState::KIND, error))
}
