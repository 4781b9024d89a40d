//! The pace of webhook receivers: an item for each that is slow or asks for less, and turns at it, which all senders take
//! from there.
//!
//! A receiver that answers soon has none and costs nothing. Nobody gives a turn back, so nobody who dies keeps one.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Timestamp,
    pace::{AHEAD_MILLIS, Pace},
    webhook::ReceiverId,
};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    item::{EXPIRES_AT, Item as _, KIND, VERSION, serde_item, to_serde},
    keys::{Get, Keys, Tenant},
    table::{Consistency, Table},
    update::Changed,
};

/// How long an item is kept after its receiver's last slow attempt: longer than turns are given ahead, in seconds.
const KEPT_SECONDS: i64 = 24 * 3600;

/// A pace as it is stored. Times that are counted with are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverPace {
    #[serde(flatten)]
    receiver: ReceiverId,
    took_millis: u64,
    slow_until: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked_until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    free_at: Option<i64>,
}

serde_item!(ReceiverPace, "receiver_pace", Tenant, |pace, tenant| Keys::primary(key(*tenant, pace.receiver)));

impl ReceiverPace {
    fn read(self) -> Result<Pace, StoreError> {
        let Self { receiver, took_millis, slow_until, asked_until, free_at } = self;
        let (asked_until, free_at) = (asked_until.map(time).transpose()?, free_at.map(time).transpose()?);
        Ok(Pace { receiver, took_millis, slow_until: time(slow_until)?, asked_until, free_at })
    }
}

fn time(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millis(millis).map_err(|error| StoreError::corrupt(ReceiverPace::KIND, error))
}

fn key(tenant: Tenant, receiver: ReceiverId) -> Get<ReceiverPace> {
    access_patterns::receiver_pace(tenant.org(), tenant.mode(), receiver)
}

fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// The update that notes a pace, without the turns.
fn noted(pace: &Pace, now: Timestamp) -> Result<SetExpression, StoreError> {
    let mut set = SetExpression::default();
    set.set(KIND, AttributeValue::S(ReceiverPace::KIND.to_owned()));
    set.set(VERSION, AttributeValue::N(ReceiverPace::VERSION.to_string()));
    set.set(EXPIRES_AT, number(now.as_seconds() + KEPT_SECONDS));
    for (name, value) in to_serde(ReceiverPace::KIND, &pace.receiver)? {
        set.set(&name, value);
    }
    set.set("took_millis", AttributeValue::N(pace.took_millis.to_string()));
    set.set("slow_until", number(pace.slow_until.as_millis()));
    if let Some(until) = pace.asked_until {
        set.set("asked_until", number(until.as_millis()));
    }
    Ok(set)
}

/// When an attempt on a slow receiver may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Now,
    /// At this time, which nobody else gets.
    At(Timestamp),
    /// Nobody knows: more wait than turns are given ahead.
    Full,
    /// At any time: the receiver is slow no longer.
    Free,
}

impl Table {
    /// What is known of a slow receiver; `None` if nothing is. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn receiver_pace(&self, tenant: Tenant, receiver: ReceiverId) -> Result<Option<Pace>, StoreError> {
        self.get(key(tenant, receiver), Consistency::Eventual).await?.map(ReceiverPace::read).transpose()
    }

    /// Notes that a receiver is slow. Turns that were given stay; where it asked to be left alone, none is given before that
    /// time any more.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn note_slow(&self, tenant: Tenant, pace: &Pace, now: Timestamp) -> Result<(), StoreError> {
        if let Some(until) = pace.asked_until {
            let mut set = noted(pace, now)?;
            set.set("free_at", number(until.as_millis()));
            set.value(":until", number(until.as_millis()));
            let condition = "attribute_not_exists(free_at) OR free_at < :until";
            if self.update(key(tenant, pace.receiver), &set, Some(condition)).await?.done().is_some() {
                return Ok(());
            }
        }
        self.update(key(tenant, pace.receiver), &noted(pace, now)?, None).await.map(drop)
    }

    /// Takes the next turn at a receiver.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn take_turn(&self, tenant: Tenant, pace: &Pace, now: Timestamp) -> Result<Turn, StoreError> {
        let mut set = SetExpression::default();
        set.set("free_at", number(now.as_millis() + pace.gap_millis()));
        set.value(":now", number(now.as_millis()));
        let condition = "(slow_until > :now OR asked_until > :now) AND (attribute_not_exists(free_at) OR free_at <= :now)";
        match self.update(key(tenant, pace.receiver), &set, Some(condition)).await? {
            Changed::Done(_) => Ok(Turn::Now),
            Changed::Refused(None) => Ok(Turn::Free),
            Changed::Refused(Some(stored)) => match stored.read()? {
                found if found.is_slow(now) => self.take_later_turn(tenant, &found, now).await,
                _ => Ok(Turn::Free),
            },
        }
    }

    /// Takes the first turn that was not given yet.
    async fn take_later_turn(&self, tenant: Tenant, pace: &Pace, now: Timestamp) -> Result<Turn, StoreError> {
        let gap = pace.gap_millis();
        let mut set = SetExpression::default();
        set.add("free_at", gap.into());
        set.value(":end", number(now.as_millis() + AHEAD_MILLIS));
        let changed = self.update(key(tenant, pace.receiver), &set, Some("free_at <= :end")).await?;
        let taken = changed.done().map(ReceiverPace::read).transpose()?.and_then(|pace| pace.free_at);
        Ok(taken.map_or(Turn::Full, |after| Turn::At(after.plus_millis(-gap))))
    }
}
