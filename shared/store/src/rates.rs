//! Buckets of requests that the processes of all functions share: one item for an organization, and one for each of its
//! callers that may do less than the whole organization.
//!
//! A bucket is the instant at which it is full again ([`domain::rate`]), so taking from it is one conditional update: of a
//! full bucket the instant is set, of another one it moves on. Which of the two it is, whoever takes must have seen.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    OrgId, Timestamp,
    rate::{LOT, Rate},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    item::{EXPIRES_AT, Item as _, KIND, VERSION, serde_item},
    keys::{Get, Keys},
    table::{Consistency, Table},
    update::Changed,
};

/// How long the bucket of a caller is kept after it was last taken from: an hour, in seconds. It is full long before.
const CALLER_SECONDS: i64 = 3600;

/// Which bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// That of an organization, both modes together.
    Organization(OrgId),
    /// That of one of its keys or users.
    Caller(OrgId, Uuid),
}

impl Bucket {
    fn key(self) -> Get<RateBucket> {
        match self {
            Self::Organization(org) => access_patterns::rate_of_organization(org),
            Self::Caller(org, caller) => access_patterns::rate_of_caller(org, caller),
        }
    }
}

/// A bucket as it is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateBucket {
    /// When it is full again, in microseconds since 1970; one that lies in the past is full. 0 before anybody took.
    #[serde(default)]
    pub full_at: i64,
    /// The organization's own rate, if the operator gave it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// The rate of each of its callers, if the operator gave them one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_rate: Option<Rate>,
}

serde_item!(RateBucket, "rate_bucket", Bucket, |_bucket, of| Keys::primary(of.key()));

/// What became of the attempt to take a lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenLot {
    /// It is taken: the bucket as it is now.
    Done(RateBucket),
    /// The bucket is not as it was seen, or holds no lot: the bucket as it is.
    Refused(RateBucket),
}

impl Table {
    /// A bucket; a full one if nobody took from it yet. Eventually consistent: it may hold less than it says.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn rate_bucket(&self, bucket: Bucket) -> Result<RateBucket, StoreError> {
        Ok(self.get(bucket.key(), Consistency::Eventual).await?.unwrap_or_default())
    }

    /// Takes [`LOT`] requests out of a bucket that fills at `rate`, if it is full or not as it was seen, has the rate it had,
    /// and holds so many. One write, whoever else takes.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn take_lot(&self, bucket: Bucket, seen: &RateBucket, rate: Rate, now: Timestamp) -> Result<TakenLot, StoreError> {
        let number = |value: i64| AttributeValue::N(value.to_string());
        let micros = micros(now);
        let mut set = SetExpression::default();
        set.set(KIND, AttributeValue::S(RateBucket::KIND.to_owned()));
        set.set(VERSION, number(RateBucket::VERSION.into()));
        if let Bucket::Caller(..) = bucket {
            set.set(EXPIRES_AT, number(now.as_seconds() + CALLER_SECONDS));
        }
        set.value(":now", number(micros));
        let mut condition = if seen.full_at > micros {
            set.add("full_at", rate.micros_for(LOT).into());
            // The last instant at which it may be full, for a lot to be there now.
            set.value(":latest", number(micros.saturating_add(rate.reach())));
            "full_at > :now AND full_at <= :latest".to_owned()
        } else {
            set.set("full_at", number(micros.saturating_add(rate.micros_for(LOT))));
            "(attribute_not_exists(full_at) OR full_at <= :now)".to_owned()
        };
        set.name("#rate", "rate");
        match seen.rate {
            Some(rate) => {
                set.value(":rate", AttributeValue::S(rate.to_string()));
                condition += " AND #rate = :rate";
            }
            None => condition += " AND attribute_not_exists(#rate)",
        }
        Ok(match self.update(bucket.key(), &set, Some(&condition)).await? {
            Changed::Done(bucket) => TakenLot::Done(bucket),
            Changed::Refused(bucket) => TakenLot::Refused(bucket.unwrap_or_default()),
        })
    }

    /// Gives an organization and its callers rates of their own, or takes them back: `None` is what the deployment says.
    /// Processes see it when they next look at the bucket.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn set_rates(&self, org: OrgId, rate: Option<Rate>, caller_rate: Option<Rate>) -> Result<RateBucket, StoreError> {
        let mut set = SetExpression::default();
        set.set(KIND, AttributeValue::S(RateBucket::KIND.to_owned()));
        set.set(VERSION, AttributeValue::N(RateBucket::VERSION.to_string()));
        for (name, rate) in [("rate", rate), ("caller_rate", caller_rate)] {
            match rate {
                Some(rate) => set.set(name, AttributeValue::S(rate.to_string())),
                None => set.remove(name),
            }
        }
        let written = self.update(access_patterns::rate_of_organization(org), &set, None).await?.done();
        written.ok_or_else(|| StoreError::Refused("an unconditional write was refused".to_owned()))
    }
}

/// An instant in microseconds since 1970.
const fn micros(at: Timestamp) -> i64 {
    at.as_millis().saturating_mul(1000)
}
