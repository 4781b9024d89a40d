//! How many of something an organization has: a count that changes in the transaction of what it counts, and never passes
//! the most that there may be (ADR 0026).
//!
//! What the operator allows stands on the count itself, so that the condition needs no look.

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::limits::Counted;
use serde::{Deserialize, Serialize};

use crate::{
    KeyCount, SubscriptionCount, access_patterns,
    error::StoreError,
    inventory::built,
    item::{Attributes, Item as _, KIND, VERSION, serde_item},
    keys::{Keys, Tenant},
    table::{Table, key_attributes},
    transaction::Outcome,
};

/// The attribute that holds what the operator allows.
const MOST: &str = "most";

/// How many numbers an organization holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberCount {
    /// How many; less than there are in an organization that is older than the count.
    #[serde(default)]
    pub numbers: i64,
    /// How many there may be, if the operator said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
}

/// How many endpoints an organization has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointCount {
    /// How many; less than there are in an organization that is older than the count.
    #[serde(default)]
    pub endpoints: i64,
    /// How many there may be, if the operator said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
}

serde_item!(NumberCount, "number_count", Tenant, |_count, tenant| Keys::primary(access_patterns::number_count(
    tenant.org(),
    tenant.mode()
)));
serde_item!(EndpointCount, "endpoint_count", Tenant, |_count, tenant| Keys::primary(access_patterns::endpoint_count(
    tenant.org(),
    tenant.mode()
)));

/// One more or one less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// One more, if there is room.
    Up,
    /// One less.
    Down,
}

/// Where a count lies: key, kind, the attribute that counts.
struct Place {
    key: Attributes,
    kind: &'static str,
    attribute: &'static str,
}

impl Place {
    fn of(tenant: Tenant, counted: Counted) -> Self {
        let (org, mode) = (tenant.org(), tenant.mode());
        let (key, kind, attribute) = match counted {
            Counted::Numbers => (key_attributes(&access_patterns::number_count(org, mode)), NumberCount::KIND, "numbers"),
            Counted::Endpoints => (key_attributes(&access_patterns::endpoint_count(org, mode)), EndpointCount::KIND, "endpoints"),
            Counted::Keys => (key_attributes(&access_patterns::key_count(org)), KeyCount::KIND, "api_keys"),
            Counted::Webhooks => {
                (key_attributes(&access_patterns::subscription_count(org, mode)), SubscriptionCount::KIND, "subscriptions")
            }
        };
        Self { key, kind, attribute }
    }
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

impl Table {
    /// One of something more or less, as a part of a transaction. One more is refused where there are as many as may be.
    pub(crate) fn count(&self, tenant: Tenant, counted: Counted, step: Step) -> Result<TransactWriteItem, StoreError> {
        let Place { key, kind, attribute } = Place::of(tenant, counted);
        let update = Update::builder()
            .table_name(&*self.name)
            .set_key(Some(key))
            .update_expression("SET #kind = :kind, #version = :version ADD #count :step")
            .expression_attribute_names("#kind", KIND)
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#count", attribute)
            .expression_attribute_values(":kind", AttributeValue::S(kind.to_owned()))
            .expression_attribute_values(":version", number(1))
            .expression_attribute_values(":step", number(if step == Step::Up { 1 } else { -1 }));
        let update = match step {
            Step::Up => update
                .condition_expression(
                    "(attribute_not_exists(#most) AND (attribute_not_exists(#count) OR #count < :usual)) \
                     OR (attribute_exists(#most) AND ((attribute_not_exists(#count) AND #most > :none) OR #count < #most))",
                )
                .expression_attribute_names("#most", MOST)
                .expression_attribute_values(":none", number(0))
                .expression_attribute_values(":usual", number(i64::try_from(counted.usual()).unwrap_or(i64::MAX)))
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld),
            Step::Down => match counted {
                // What is older than its count must be able to go.
                Counted::Numbers | Counted::Endpoints => update,
                Counted::Keys | Counted::Webhooks => update.condition_expression("attribute_exists(pk)"),
            },
        };
        Ok(TransactWriteItem::builder().update(built(update.build())?).build())
    }

    /// Lets an organization have so many of something, or as many as is usual. What it has beyond that stays; nothing comes
    /// to it until there is room. Of keys the organization has one count, of everything else one for each mode.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn set_most(&self, tenant: Tenant, counted: Counted, most: Option<u32>) -> Result<(), StoreError> {
        let Place { key, kind, .. } = Place::of(tenant, counted);
        let update = Update::builder()
            .table_name(&*self.name)
            .set_key(Some(key))
            .expression_attribute_names("#kind", KIND)
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#most", MOST)
            .expression_attribute_values(":kind", AttributeValue::S(kind.to_owned()))
            .expression_attribute_values(":version", number(1));
        let update = match most {
            Some(most) => update
                .update_expression("SET #kind = :kind, #version = :version, #most = :most")
                .expression_attribute_values(":most", number(most.into())),
            None => update.update_expression("SET #kind = :kind, #version = :version REMOVE #most"),
        };
        let write = TransactWriteItem::builder().update(built(update.build())?).build();
        self.transact(vec![write]).await.map(drop)
    }
}

/// How many there may be, if the count that stands at this place of a transaction refused one more.
pub(crate) fn most_reached(reasons: &[CancellationReason], at: usize, counted: Counted) -> Option<u32> {
    let failed = Outcome::failed(reasons, at)?;
    let said = failed.item.as_ref().and_then(|item| item.get(MOST)?.as_n().ok()?.parse().ok());
    Some(said.unwrap_or_else(|| u32::try_from(counted.usual()).unwrap_or(u32::MAX)))
}
