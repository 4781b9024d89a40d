//! Webhook subscriptions of an organization.
//!
//! At most [`MAX_SUBSCRIPTIONS`](domain::subscription::MAX_SUBSCRIPTIONS) exist, so whoever wants to know who takes an
//! event reads them all.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem, Update};
use domain::{
    SubscriptionId, Timestamp,
    subscription::{MAX_SUBSCRIPTIONS, Subscription, SubscriptionChange},
};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{Item as _, KIND, VERSION, read, serde_item, whole},
    keys::{Keys, Tenant},
    table::{Consistency, Table, key_attributes},
    transaction::Outcome,
};

serde_item!(Subscription, "subscription", Tenant, |subscription, tenant| Keys::primary(access_patterns::subscription(
    tenant.org,
    tenant.mode,
    subscription.id
)));

/// How many subscriptions there are: what keeps their number within its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionCount {
    /// How many.
    pub subscriptions: u32,
}

serde_item!(SubscriptionCount, "subscription_count", Tenant, |_count, tenant| Keys::primary(access_patterns::subscription_count(
    tenant.org,
    tenant.mode
)));

/// What became of a new subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateSubscription {
    /// It is there.
    Done,
    /// One with this id was there before: this one.
    Exists(Box<Subscription>),
    /// There are as many as there may be.
    TooMany,
}

/// Attributes of a subscription that may be absent.
const OPTIONAL: [&str; 4] = ["status_reason", "previous_secret", "previous_until", "rotated_by"];

impl Table {
    /// Creates a subscription if there is room for one more.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn create_subscription(&self, tenant: Tenant, subscription: &Subscription) -> Result<CreateSubscription, StoreError> {
        let put = self.put_new(whole(subscription, &tenant)?)?;
        let writes = vec![TransactWriteItem::builder().put(put).build(), self.count_subscription(tenant, Step::Up)?];
        let Outcome::Refused(reasons) = self.transact(writes).await? else { return Ok(CreateSubscription::Done) };
        Ok(match Outcome::failed(&reasons, 0) {
            Some(existing) => CreateSubscription::Exists(Box::new(read(existing.item.clone().unwrap_or_default())?)),
            None => CreateSubscription::TooMany,
        })
    }

    /// One subscription of an organization.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn subscription(
        &self,
        tenant: Tenant,
        id: SubscriptionId,
        consistency: Consistency,
    ) -> Result<Option<Subscription>, StoreError> {
        self.get(access_patterns::subscription(tenant.org, tenant.mode, id), consistency).await
    }

    /// All subscriptions of an organization, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn subscriptions(&self, tenant: Tenant, consistency: Consistency) -> Result<Vec<Subscription>, StoreError> {
        let list = access_patterns::subscriptions(tenant.org, tenant.mode);
        let mut subscriptions = match consistency {
            Consistency::Strong => self.list_now(list).await?,
            Consistency::Eventual | Consistency::EventualIfThere => self.list(list).await?,
        };
        subscriptions.reverse();
        Ok(subscriptions)
    }

    /// Changes a subscription's settings by one write: as it is then, `None` if there is none. Switching it on takes the
    /// reason away for which the system switched it off.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn change_subscription(
        &self,
        tenant: Tenant,
        id: SubscriptionId,
        change: &SubscriptionChange,
        now: Timestamp,
    ) -> Result<Option<Subscription>, StoreError> {
        let mut set = SetExpression::default();
        set.set("updated_at", AttributeValue::S(now.to_string()));
        if let Some(url) = &change.url {
            set.set("url", AttributeValue::S(url.clone()));
        }
        if let Some(events) = &change.events {
            let events = events.entries().iter().cloned().map(AttributeValue::S).collect();
            set.set("events", AttributeValue::L(events));
        }
        if let Some(active) = change.active {
            set.set("active", AttributeValue::Bool(active));
            set.remove("status_reason");
        }
        let key = access_patterns::subscription(tenant.org, tenant.mode, id);
        Ok(self.update(key, &set, Some("attribute_exists(pk)")).await?.done())
    }

    /// Writes a subscription as it shall be if nobody changed it since it was read. False if somebody did.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn replace_subscription(&self, tenant: Tenant, seen: &Subscription, subscription: &Subscription) -> Result<bool, StoreError> {
        let mut set = SetExpression::default();
        let attributes = subscription.to_attributes()?;
        OPTIONAL.iter().filter(|name| !attributes.contains_key(**name)).for_each(|name| set.remove(name));
        attributes.into_iter().for_each(|(name, value)| set.set(&name, value));
        set.value(":seen", AttributeValue::S(seen.updated_at.to_string()));
        set.value(":secret", AttributeValue::S(seen.secret.encoded().to_owned()));
        let key = access_patterns::subscription(tenant.org, tenant.mode, subscription.id);
        // The secret may have been sealed anew without any other change.
        Ok(self.update(key, &set, Some("updated_at = :seen AND secret = :secret")).await?.done().is_some())
    }

    /// Deletes a subscription; nothing is sent to it from then on. False if there was none.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn delete_subscription(&self, tenant: Tenant, id: SubscriptionId) -> Result<bool, StoreError> {
        let delete = Delete::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&access_patterns::subscription(tenant.org, tenant.mode, id))))
            .condition_expression("attribute_exists(pk)")
            .build();
        let writes = vec![TransactWriteItem::builder().delete(built(delete)?).build(), self.count_subscription(tenant, Step::Down)?];
        Ok(matches!(self.transact(writes).await?, Outcome::Done))
    }

    fn count_subscription(&self, tenant: Tenant, step: Step) -> Result<TransactWriteItem, StoreError> {
        let number = |value: usize| AttributeValue::N(value.to_string());
        let update = Update::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&access_patterns::subscription_count(tenant.org, tenant.mode))))
            .expression_attribute_names("#kind", KIND)
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":kind", AttributeValue::S(SubscriptionCount::KIND.to_owned()))
            .expression_attribute_values(":version", number(SubscriptionCount::VERSION.into()))
            .expression_attribute_values(":step", AttributeValue::N(step.as_str().to_owned()))
            .update_expression("SET #kind = :kind, #version = :version ADD subscriptions :step");
        let update = match step {
            Step::Up => update
                .condition_expression("attribute_not_exists(subscriptions) OR subscriptions < :most")
                .expression_attribute_values(":most", number(MAX_SUBSCRIPTIONS)),
            Step::Down => update.condition_expression("subscriptions > :none").expression_attribute_values(":none", number(0)),
        };
        Ok(TransactWriteItem::builder().update(built(update.build())?).build())
    }
}

/// One subscription more or less.
#[derive(Clone, Copy)]
enum Step {
    Up,
    Down,
}

impl Step {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "1",
            Self::Down => "-1",
        }
    }
}
