//! Webhook deliveries: a body that is frozen once, and elsewhere what became of it.
//!
//! Two items, because the body is large and never changes while the state is small and does. The body is found by the
//! delivery's id alone and packed: an ordinary one costs one write unit. The state lies where lists find it, see
//! [`crate::Lane`].

use std::collections::BTreeMap;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{
    CallId, DeliveryId, Timestamp,
    delivery::{AttemptRecord, Delivery, DeliveryPlace, DeliveryState, DeliveryStatus, KEPT_ATTEMPTS},
    webhook::ReceiverId,
};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    delivery_log::{Lane, LogPlace},
    error::StoreError,
    expression::SetExpression,
    item::{Attributes, EXPIRES_AT, Item, KIND, VERSION, from_serde, last_of_key, to_serde},
    keys::{Get, Index as _, Keys, Primary, Tenant},
    packed,
    table::{Consistency, Created, Table},
};

/// Whether this work came first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frozen {
    /// The body is frozen now.
    First,
    /// It was frozen before: this is what has to be sent.
    Before(Box<Delivery>),
}

/// An attempt to be recorded, and how far the delivery has come with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number, from 1.
    pub number: u32,
    /// The attempt.
    pub attempt: AttemptRecord,
    /// How far the delivery has come.
    pub status: DeliveryStatus,
    /// When the next attempt is due, if there is one.
    pub next_at: Option<Timestamp>,
    /// The request whose replay began with this attempt; `None` if the attempt goes on with a series.
    pub replayed_by: Option<String>,
}

/// The attribute that holds everything of a delivery, packed.
const PACKED: &str = "b";

/// What stands before the body in the packed text, on a line of its own. The body often says the same once more, so that
/// together they are hardly longer.
#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(flatten)]
    receiver: ReceiverId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call_id: Option<CallId>,
    event: String,
    created_at: Timestamp,
}

impl Item for Delivery {
    const KIND: &'static str = "delivery";
    type Scope = Tenant;

    fn keys(&self, tenant: &Tenant) -> Keys {
        Keys::primary(access_patterns::delivery(tenant.org(), tenant.mode(), self.id))
    }

    fn to_attributes(&self) -> Result<Attributes, StoreError> {
        let Self { receiver, call_id, event, created_at, .. } = self.clone();
        let header = serde_json::to_string(&Header { receiver, call_id, event, created_at }).map_err(broken)?;
        let packed = packed::pack(format!("{header}\n{}", self.body).as_bytes());
        Ok(Attributes::from([
            (PACKED.to_owned(), AttributeValue::B(Blob::new(packed))),
            (EXPIRES_AT.to_owned(), AttributeValue::N(self.expires_at().to_string())),
        ]))
    }

    fn from_attributes(attributes: Attributes) -> Result<Self, StoreError> {
        let id = last_of_key(&attributes).and_then(|id| id.parse::<DeliveryId>().ok());
        let id = id.ok_or_else(|| broken("its key names no delivery"))?;
        let packed = attributes.get(PACKED).and_then(|value| value.as_b().ok()).ok_or_else(|| broken("it has no body"))?;
        let text = String::from_utf8(packed::unpack(packed.as_ref()).map_err(broken)?).map_err(broken)?;
        let (header, body) = text.split_once('\n').ok_or_else(|| broken("it has no header"))?;
        let Header { receiver, call_id, event, created_at } = serde_json::from_str(header).map_err(broken)?;
        Ok(Self { id, receiver, call_id, event, body: body.to_owned(), created_at })
    }
}

fn broken(cause: impl ToString) -> StoreError {
    StoreError::corrupt(Delivery::KIND, cause)
}

const ATTEMPT: &str = "attempt#";

/// A state as it is stored, without its attempts, which have an attribute each, and without what its key tells.
#[derive(Serialize, Deserialize)]
struct StoredState {
    #[serde(flatten)]
    receiver: ReceiverId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call_id: Option<CallId>,
    event: String,
    status: DeliveryStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default = "first")]
    series_from: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replayed_by: Option<String>,
}

/// A series that no replay began.
const fn first() -> u32 {
    1
}

impl Item for DeliveryState {
    const KIND: &'static str = "delivery_state";
    type Scope = Tenant;

    fn keys(&self, tenant: &Tenant) -> Keys {
        state_keys(*tenant, self.place(), self.call_id)
    }

    fn to_attributes(&self) -> Result<Attributes, StoreError> {
        let Self { receiver, call_id, event, status, reason, series_from, next_at, replayed_by, .. } = self.clone();
        let stored = StoredState { receiver, call_id, event, status, reason, series_from, next_at, replayed_by };
        let mut attributes = to_serde(Self::KIND, &stored)?;
        for (number, attempt) in &self.attempts {
            attributes.insert(format!("{ATTEMPT}{number}"), packed_attempt(attempt)?);
        }
        Ok(attributes)
    }

    fn from_attributes(attributes: Attributes) -> Result<Self, StoreError> {
        let place = last_of_key(&attributes).and_then(|place| place.parse::<LogPlace>().ok());
        let LogPlace { created_at, id } = place.ok_or_else(|| StoreError::corrupt(Self::KIND, "its key names no delivery"))?;
        let mut attempts = BTreeMap::new();
        for (name, value) in &attributes {
            if let Some(number) = name.strip_prefix(ATTEMPT).and_then(|number| number.parse().ok()) {
                attempts.insert(number, unpacked_attempt(value)?);
            }
        }
        let stored = from_serde(Self::KIND, attributes)?;
        let StoredState { receiver, call_id, event, status, reason, series_from, next_at, replayed_by } = stored;
        Ok(Self { id, receiver, call_id, event, created_at, status, reason, series_from, next_at, replayed_by, attempts })
    }
}

fn state_keys(tenant: Tenant, place: DeliveryPlace, call_id: Option<CallId>) -> Keys {
    let keys = Keys::primary(state_key(tenant, place));
    match call_id {
        Some(call) => keys.listed_in(access_patterns::deliveries_of(tenant.org(), tenant.mode(), call), &LogPlace::of(place)),
        None => keys,
    }
}

pub(crate) fn state_key(tenant: Tenant, place: DeliveryPlace) -> Get<DeliveryState> {
    let lane = Lane::of(place.receiver.as_uuid(), place.id);
    access_patterns::delivery_state(tenant.org(), tenant.mode(), lane, LogPlace::of(place))
}

fn packed_attempt(attempt: &AttemptRecord) -> Result<AttributeValue, StoreError> {
    let json = serde_json::to_vec(attempt).map_err(|error| StoreError::corrupt(DeliveryState::KIND, error))?;
    Ok(AttributeValue::B(Blob::new(packed::pack(&json))))
}

fn unpacked_attempt(value: &AttributeValue) -> Result<AttemptRecord, StoreError> {
    let corrupt = |cause: String| StoreError::corrupt(DeliveryState::KIND, cause);
    let packed = value.as_b().map_err(|_| corrupt("an attempt is no binary".to_owned()))?;
    let json = packed::unpack(packed.as_ref()).map_err(corrupt)?;
    serde_json::from_slice(&json).map_err(|error| corrupt(error.to_string()))
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
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

    /// A delivery that was frozen; `None` if there is none, or none any more.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn delivery(&self, tenant: Tenant, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.get(access_patterns::delivery(tenant.org(), tenant.mode(), id), Consistency::EventualIfThere).await
    }

    /// What became of a delivery; `None` before its first attempt was recorded.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn delivery_state(&self, tenant: Tenant, place: DeliveryPlace) -> Result<Option<DeliveryState>, StoreError> {
        self.get(state_key(tenant, place), Consistency::Strong).await
    }

    /// Records an attempt, and how far the delivery has come with it. An attempt that was recorded before keeps its
    /// first record. False if the delivery was over before, taken or given up, and this attempt does not begin a replay:
    /// then nothing changes any more.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn record_attempt(&self, tenant: Tenant, delivery: &Delivery, recorded: &Recorded) -> Result<bool, StoreError> {
        let (set, condition) = attempt_update(tenant, delivery, recorded)?;
        Ok(self.update(state_key(tenant, delivery.place()), &set, Some(&condition)).await?.done().is_some())
    }

    /// Notes that a delivery's first attempt waits, so that lists show it. What is known of it already stays.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn await_first(&self, tenant: Tenant, delivery: &Delivery) -> Result<(), StoreError> {
        let mut set = SetExpression::default();
        set.set(KIND, text(DeliveryState::KIND));
        set.set(VERSION, AttributeValue::N(DeliveryState::VERSION.to_string()));
        set.set(EXPIRES_AT, AttributeValue::N(delivery.expires_at().to_string()));
        describe(&mut set, tenant, delivery)?;
        set.set_once("status", text(DeliveryStatus::Pending.as_str()));
        self.update(state_key(tenant, delivery.place()), &set, None).await.map(drop)
    }

    /// Notes that the replay of a delivery was asked for, if it is over and nothing was sent since it was looked at.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn await_replay(&self, tenant: Tenant, seen: &DeliveryState, request: &str) -> Result<(), StoreError> {
        let mut set = SetExpression::default();
        set.set("status", text(DeliveryStatus::Pending.as_str()));
        set.set("replayed_by", text(request));
        set.remove("reason");
        set.value(":delivered", text(DeliveryStatus::Delivered.as_str()));
        set.value(":dead", text(DeliveryStatus::Dead.as_str()));
        set.name("#status", "status");
        set.name("#attempt", &format!("{ATTEMPT}{}", seen.last() + 1));
        let condition = "#status IN (:delivered, :dead) AND attribute_not_exists(#attempt)";
        self.update(state_key(tenant, seen.place()), &set, Some(condition)).await.map(drop)
    }

    /// Gives a delivery up that is not over, and says why.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn give_up_delivery(&self, tenant: Tenant, place: DeliveryPlace, reason: &str) -> Result<(), StoreError> {
        let mut set = SetExpression::default();
        set.set("status", text(DeliveryStatus::Dead.as_str()));
        set.set("reason", text(reason));
        set.remove("next_at");
        let condition = format!("attribute_exists(pk) AND ({})", unless_over(&mut set));
        self.update(state_key(tenant, place), &set, Some(&condition)).await.map(drop)
    }
}

/// The update that records an attempt, and its condition.
pub(crate) fn attempt_update(tenant: Tenant, delivery: &Delivery, recorded: &Recorded) -> Result<(SetExpression, String), StoreError> {
    let mut set = SetExpression::default();
    set.set(KIND, text(DeliveryState::KIND));
    set.set(VERSION, AttributeValue::N(DeliveryState::VERSION.to_string()));
    set.set(EXPIRES_AT, AttributeValue::N(delivery.expires_at().to_string()));
    describe(&mut set, tenant, delivery)?;
    set.set("status", text(recorded.status.as_str()));
    match recorded.next_at {
        Some(next_at) => set.set("next_at", text(&next_at.to_string())),
        None => set.remove("next_at"),
    }
    set.remove("reason");
    let attempt = format!("{ATTEMPT}{}", recorded.number);
    set.set_once(&attempt, packed_attempt(&recorded.attempt)?);
    if let Some(old) = recorded.number.checked_sub(KEPT_ATTEMPTS).filter(|old| *old > 0) {
        set.remove(&format!("{ATTEMPT}{old}"));
    }
    let mut condition = unless_over(&mut set);
    if let Some(request) = &recorded.replayed_by {
        set.set("series_from", AttributeValue::N(recorded.number.to_string()));
        set.set("replayed_by", text(request));
        set.name("#attempt", &attempt);
        condition += " OR attribute_not_exists(#attempt)";
    }
    Ok((set, condition))
}

/// What stands in a state from its first write on: who gets what, and the keys of the index.
fn describe(set: &mut SetExpression, tenant: Tenant, delivery: &Delivery) -> Result<(), StoreError> {
    let receiver: Attributes = to_serde(DeliveryState::KIND, &delivery.receiver)?;
    receiver.into_iter().for_each(|(name, value)| set.set(&name, value));
    set.set("event", text(&delivery.event));
    if let Some(call) = delivery.call_id {
        set.set("call_id", text(&call.to_string()));
    }
    let keys = state_keys(tenant, delivery.place(), delivery.call_id).attributes;
    let of_index = keys.into_iter().filter(|(name, _)| ![Primary::PK, Primary::SK].contains(name));
    of_index.for_each(|(name, value)| set.set(name, AttributeValue::S(value)));
    Ok(())
}

/// The condition that the delivery is not over.
fn unless_over(set: &mut SetExpression) -> String {
    set.value(":delivered", text(DeliveryStatus::Delivered.as_str()));
    set.value(":dead", text(DeliveryStatus::Dead.as_str()));
    set.name("#status", "status");
    "attribute_not_exists(#status) OR NOT #status IN (:delivered, :dead)".to_owned()
}
