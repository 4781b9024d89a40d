//! Webhook subscriptions of an organization.
//!
//! Few exist ([`Counted::Webhooks`](domain::limits::Counted)), so whoever wants to know who takes an
//! event reads them all.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
use domain::{
    SubscriptionId, Timestamp,
    limits::Counted,
    subscription::{Subscription, SubscriptionChange},
    webhook::ReceiverId,
};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    counting::{Step, most_reached},
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{Item as _, read, serde_item, whole},
    keys::{Keys, Tenant},
    table::{Consistency, Table, key_attributes},
    transaction::Outcome,
    update::Changed,
};

serde_item!(Subscription, "subscription", Tenant, |subscription, tenant| Keys::primary(access_patterns::subscription(
    tenant.org(),
    tenant.mode(),
    subscription.id
)));

/// How many subscriptions there are: what keeps their number within its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionCount {
    /// How many.
    #[serde(default)]
    pub subscriptions: u32,
    /// How many there may be, if the operator said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
}

serde_item!(SubscriptionCount, "subscription_count", Tenant, |_count, tenant| Keys::primary(access_patterns::subscription_count(
    tenant.org(),
    tenant.mode()
)));

/// What became of a new subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateSubscription {
    /// It is there.
    Done,
    /// One with this id was there before: this one.
    Exists(Box<Subscription>),
    /// There are as many as there may be: so many.
    TooMany {
        /// The most that there may be.
        most: u32,
    },
}

/// How often one is switched on anew that others switch in between.
const SWITCHES: u32 = 3;

/// Attributes of a subscription that may be absent.
const OPTIONAL: [&str; 4] = ["status_reason", "previous_secret", "previous_until", "rotated_by"];

impl Table {
    /// Creates a subscription if there is room for one more.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn create_subscription(&self, tenant: Tenant, subscription: &Subscription) -> Result<CreateSubscription, StoreError> {
        let put = self.put_new(whole(subscription, &tenant)?)?;
        let writes = vec![TransactWriteItem::builder().put(put).build(), self.count(tenant, Counted::Webhooks, Step::Up)?];
        let Outcome::Refused(reasons) = self.transact(writes).await? else { return Ok(CreateSubscription::Done) };
        match (Outcome::failed(&reasons, 0), most_reached(&reasons, 1, Counted::Webhooks)) {
            (None, Some(most)) => Ok(CreateSubscription::TooMany { most }),
            (existing, _) => {
                let existing = existing.and_then(|existing| existing.item.clone()).unwrap_or_default();
                Ok(CreateSubscription::Exists(Box::new(read(existing)?)))
            }
        }
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
        self.get(access_patterns::subscription(tenant.org(), tenant.mode(), id), consistency).await
    }

    /// All subscriptions of an organization, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn subscriptions(&self, tenant: Tenant, consistency: Consistency) -> Result<Vec<Subscription>, StoreError> {
        let list = access_patterns::subscriptions(tenant.org(), tenant.mode());
        let mut subscriptions = match consistency {
            Consistency::Strong => self.list_now(list).await?,
            Consistency::Eventual | Consistency::EventualIfThere => self.list(list).await?,
        };
        subscriptions.reverse();
        Ok(subscriptions)
    }

    /// Changes a subscription's settings: as it is then, `None` if there is none. Switching it on takes the reason away for
    /// which the system switched it off, and what was known of its failures.
    ///
    /// One write, unless it was off and is switched on.
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
        let key = || access_patterns::subscription(tenant.org(), tenant.mode(), id);
        let mut set = settings(change, now);
        if change.active != Some(true) {
            return Ok(self.update(key(), &set, Some("attribute_exists(pk)")).await?.done());
        }
        // One that is on stays on, with its failures: who writes down again and again what is so already hides none.
        set.value(":on", AttributeValue::Bool(true));
        for _ in 0..SWITCHES {
            match self.update(key(), &set, Some("active = :on")).await? {
                Changed::Done(changed) => return Ok(Some(changed)),
                Changed::Refused(None) => return Ok(None),
                Changed::Refused(Some(_)) => {}
            }
            let on = self.update_write(&key(), &set, "attribute_exists(pk) AND active <> :on")?;
            let writes = vec![on, self.forget_health(tenant, ReceiverId::Subscription(id))?];
            if matches!(self.transact(writes).await?, Outcome::Done) {
                return self.subscription(tenant, id, Consistency::Strong).await;
            }
        }
        Err(StoreError::Unavailable("the subscription is switched on and off all the time".to_owned()))
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
        let key = access_patterns::subscription(tenant.org(), tenant.mode(), subscription.id);
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
            .set_key(Some(key_attributes(&access_patterns::subscription(tenant.org(), tenant.mode(), id))))
            .condition_expression("attribute_exists(pk)")
            .build();
        let writes = vec![TransactWriteItem::builder().delete(built(delete)?).build(), self.count(tenant, Counted::Webhooks, Step::Down)?];
        Ok(matches!(self.transact(writes).await?, Outcome::Done))
    }
}

/// The update that a change of settings is.
fn settings(change: &SubscriptionChange, now: Timestamp) -> SetExpression {
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
    set
}
