//! The buckets of requests that the processes of all functions share: one item for an organization, with what those of its
//! callers lack who may do less than the whole organization.
//!
//! A bucket is the instant at which it is full again ([`domain::rate`]), so taking from it is one conditional update: of a
//! full bucket the instant is set, of another one it moves on. Which of the two it is, whoever takes must have seen.

use std::collections::HashMap;

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
    item::{Attributes, Item, KIND, VERSION, from_serde, to_serde},
    keys::Keys,
    table::{Consistency, Table},
    update::Changed,
};

/// What the attributes of callers begin with.
const CALLER: &str = "by_";

/// How long a caller's bucket has been full when a lot forgets it, in microseconds: nobody takes from it at that moment.
const FORGOTTEN_AFTER: i64 = 10_000_000;

/// The most buckets of callers that one lot forgets.
const FORGOTTEN: usize = 20;

/// Whose bucket: that of an organization, both modes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket(OrgId);

impl From<OrgId> for Bucket {
    fn from(org: OrgId) -> Self {
        Self(org)
    }
}

/// An organization's bucket as it is stored, and those of its callers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// When the buckets of callers are full again, by their attributes.
    #[serde(skip)]
    callers: HashMap<String, i64>,
}

impl RateBucket {
    /// When the bucket of a caller is full again, in microseconds since 1970; 0 if it is or nobody took from it.
    #[must_use]
    pub fn full_at_of(&self, caller: Uuid) -> i64 {
        self.callers.get(&attribute_of(caller)).copied().unwrap_or_default()
    }
}

/// By hand, since each caller has an attribute of its own: only those can be added to without a look at the others.
impl Item for RateBucket {
    const KIND: &'static str = "rate_bucket";
    type Scope = OrgId;

    fn keys(&self, org: &OrgId) -> Keys {
        Keys::primary(access_patterns::rates(*org))
    }

    fn to_attributes(&self) -> Result<Attributes, StoreError> {
        let mut attributes = to_serde(Self::KIND, self)?;
        attributes.extend(self.callers.iter().map(|(name, full_at)| (name.clone(), number(*full_at))));
        Ok(attributes)
    }

    fn from_attributes(attributes: Attributes) -> Result<Self, StoreError> {
        let mut callers = HashMap::new();
        for (name, value) in attributes.iter().filter(|(name, _)| name.starts_with(CALLER)) {
            let full_at = value.as_n().ok().and_then(|number| number.parse().ok());
            callers.insert(name.clone(), full_at.ok_or_else(|| StoreError::corrupt(Self::KIND, "an instant is none"))?);
        }
        Ok(Self { callers, ..from_serde(Self::KIND, attributes)? })
    }
}

/// The attribute of a caller, kept short: an item of more than 1 KB costs twice. 62 bits tell keys and users of one
/// organization apart.
fn attribute_of(caller: Uuid) -> String {
    let (_, last) = caller.as_u64_pair();
    format!("{CALLER}{last:016x}")
}

/// Who made the requests of a lot, if its callers have a rate of their own.
#[derive(Debug, Clone, Copy)]
pub struct Shares<'a> {
    /// The rate of each of them.
    pub rate: Rate,
    /// Each as often as it asked.
    pub callers: &'a [Uuid],
}

/// Whose rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateOf {
    /// All callers of an organization together.
    Organization,
    /// Each of them.
    Caller,
}

impl RateOf {
    const fn attribute(self) -> &'static str {
        match self {
            Self::Organization => "rate",
            Self::Caller => "caller_rate",
        }
    }
}

/// What became of the attempt to take a lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenLot {
    /// It is taken: the bucket as it is now.
    Done(RateBucket),
    /// A bucket is not as it was seen, or the organization's holds no lot: the bucket as it is.
    Refused(RateBucket),
}

impl Table {
    /// An organization's bucket; a full one if nobody took from it yet. Eventually consistent: it may hold less than it says.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn rate_bucket(&self, Bucket(org): Bucket) -> Result<RateBucket, StoreError> {
        Ok(self.get(access_patterns::rates(org), Consistency::Eventual).await?.unwrap_or_default())
    }

    /// Takes [`LOT`] requests out of a bucket that fills at `rate`, if it is full or not as it was seen, has the rate it had,
    /// and holds so many; and out of the buckets of those who made them, whatever these hold. One write, whoever else takes.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn take_lot(
        &self,
        Bucket(org): Bucket,
        seen: &RateBucket,
        rate: Rate,
        shares: Option<Shares<'_>>,
        now: Timestamp,
    ) -> Result<TakenLot, StoreError> {
        let mut lot = Lot::new(micros(now));
        lot.of_organization(seen, rate);
        if let Some(shares) = shares {
            lot.of_callers(seen, shares);
        }
        lot.forget(seen);
        Ok(match self.update(access_patterns::rates(org), &lot.set, Some(&lot.condition)).await? {
            Changed::Done(bucket) => TakenLot::Done(bucket),
            Changed::Refused(bucket) => TakenLot::Refused(bucket.unwrap_or_default()),
        })
    }

    /// Gives an organization or its callers rates of their own, or takes them back: `None` is what the deployment says. What is
    /// not named stays, also if it is changed at this moment. Processes see it when they next look at the bucket.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn set_rates(&self, org: OrgId, rates: &[(RateOf, Option<Rate>)]) -> Result<RateBucket, StoreError> {
        let mut set = described();
        for (of, rate) in rates {
            match rate {
                Some(rate) => set.set(of.attribute(), AttributeValue::S(rate.to_string())),
                None => set.remove(of.attribute()),
            }
        }
        let written = self.update(access_patterns::rates(org), &set, None).await?.done();
        written.ok_or_else(|| StoreError::Refused("an unconditional write was refused".to_owned()))
    }
}

/// The update that takes a lot, in the making.
struct Lot {
    set: SetExpression,
    condition: String,
    now: i64,
    /// How many names the condition has.
    names: usize,
}

impl Lot {
    fn new(now: i64) -> Self {
        let mut set = described();
        set.value(":now", number(now));
        Self { set, condition: String::new(), now, names: 0 }
    }

    fn of_organization(&mut self, seen: &RateBucket, rate: Rate) {
        self.take("full_at", seen.full_at, rate.micros_for(LOT));
        if seen.full_at > self.now {
            // The last instant at which it may be full, for a lot to be there now.
            self.set.value(":latest", number(self.now.saturating_add(rate.reach())));
            self.condition += " AND full_at <= :latest";
        }
        let name = self.name(RateOf::Organization.attribute());
        match seen.rate {
            Some(rate) => {
                self.set.value(":rate", AttributeValue::S(rate.to_string()));
                self.condition += &format!(" AND {name} = :rate");
            }
            None => self.condition += &format!(" AND attribute_not_exists({name})"),
        }
    }

    fn of_callers(&mut self, seen: &RateBucket, shares: Shares<'_>) {
        let mut asked: HashMap<Uuid, u32> = HashMap::new();
        shares.callers.iter().for_each(|caller| *asked.entry(*caller).or_default() += 1);
        for (caller, requests) in asked {
            self.take(&attribute_of(caller), seen.full_at_of(caller), shares.rate.micros_for(requests));
        }
    }

    /// Moves the instant on at which a bucket is full, on the condition that it is full or not as it was seen.
    fn take(&mut self, attribute: &str, seen_full_at: i64, micros: i64) {
        let (name, and) = (self.name(attribute), if self.condition.is_empty() { "" } else { " AND " });
        if seen_full_at > self.now {
            self.set.add(attribute, micros.into());
            self.condition += &format!("{and}{name} > :now");
        } else {
            self.set.set(attribute, number(self.now.saturating_add(micros)));
            self.condition += &format!("{and}(attribute_not_exists({name}) OR {name} <= :now)");
        }
    }

    /// Removes buckets of callers that have long been full, so that the item stays small.
    fn forget(&mut self, seen: &RateBucket) {
        let long_full = |(_, full_at): &(&String, &i64)| full_at.saturating_add(FORGOTTEN_AFTER) <= self.now;
        let old: Vec<&String> = seen.callers.iter().filter(long_full).map(|(name, _)| name).take(FORGOTTEN).collect();
        for attribute in old.into_iter().filter(|attribute| !self.set.names_attribute(attribute)).collect::<Vec<_>>() {
            self.set.remove(attribute);
            let name = self.name(attribute);
            self.condition += &format!(" AND (attribute_not_exists({name}) OR {name} <= :now)");
        }
    }

    /// A name for the condition.
    fn name(&mut self, attribute: &str) -> String {
        let name = format!("#c{}", self.names);
        self.names += 1;
        self.set.name(&name, attribute);
        name
    }
}

/// What an update writes that may make the item.
fn described() -> SetExpression {
    let mut set = SetExpression::default();
    set.set(KIND, AttributeValue::S(RateBucket::KIND.to_owned()));
    set.set(VERSION, number(RateBucket::VERSION.into()));
    set
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// An instant in microseconds since 1970.
const fn micros(at: Timestamp) -> i64 {
    at.as_millis().saturating_mul(1000)
}
