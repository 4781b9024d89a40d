//! Endpoints changed.
//!
//! The count of numbers is never written here: transactions that attach and detach keep it.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use domain::{
    EndpointId, Timestamp,
    endpoint::{Endpoint, EndpointStatus, GivenUrl, Provider, SimpleChange},
    webhook::ReceiverId,
};

use crate::{
    access_patterns, error::StoreError, expression::SetExpression, item::Item as _, keys::Tenant, outbox::Tell, table::Table,
    transaction::Outcome, update::Changed,
};

/// The attribute that only attaching and detaching write.
const COUNT: &str = "phone_numbers_count";

/// Attributes of an endpoint that may be absent.
const OPTIONAL: [&str; 8] =
    ["status_reason", "url", "provider_config", "password", "secret", "previous_secret", "previous_until", "rotated_by"];

/// What became of a change that needs no look at the other settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangedEndpoint {
    /// The endpoint as it is now.
    Done(Box<Endpoint>),
    /// It is of another kind than its new url needs, or off and to be switched on, or was changed in this very millisecond,
    /// or by a clock that runs ahead: look, then replace.
    LookFirst,
    /// There is no such endpoint.
    NotFound,
}

impl Table {
    /// Writes an endpoint's new settings if nobody changed it since it was seen. The event that `tell` makes of it is written
    /// with it; of a webhook that is switched on, what was known of its failures is forgotten.
    ///
    /// The endpoint as it is then; `None` if it was changed or deleted meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn replace_endpoint(
        &self,
        tenant: Tenant,
        seen: &Endpoint,
        endpoint: &Endpoint,
        tell: Tell<'_, Endpoint>,
    ) -> Result<Option<Endpoint>, StoreError> {
        let mut set = SetExpression::default();
        let attributes = endpoint.to_attributes()?;
        OPTIONAL.iter().filter(|name| !attributes.contains_key(**name)).for_each(|name| set.remove(name));
        attributes.into_iter().filter(|(name, _)| name != COUNT).for_each(|(name, value)| set.set(&name, value));
        let mut condition = as_seen(&mut set, seen);
        let key = access_patterns::endpoint(tenant.org(), tenant.mode(), endpoint.id);
        let mut beside: Vec<TransactWriteItem> = self.told(tell, endpoint)?.into_iter().collect();
        if is_switched_on(seen, endpoint) {
            beside.push(self.forget_health(tenant, ReceiverId::Endpoint(endpoint.id))?);
        }
        if beside.is_empty() {
            return Ok(self.update(key, &set, Some(&condition)).await?.done());
        }
        // What is told, or answered without a look, names the count too.
        set.value(":count", AttributeValue::N(seen.phone_numbers_count.to_string()));
        condition += &format!(" AND {COUNT} = :count");
        let mut writes = vec![self.update_write(&key, &set, &condition)?];
        writes.append(&mut beside);
        Ok(matches!(self.transact(writes).await?, Outcome::Done).then(|| endpoint.clone()))
    }

    /// Changes what needs no look at the other settings, by one write.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn change_endpoint(
        &self,
        tenant: Tenant,
        id: EndpointId,
        change: &SimpleChange,
        now: Timestamp,
    ) -> Result<ChangedEndpoint, StoreError> {
        let mut set = SetExpression::default();
        set.set("updated_at", AttributeValue::S(now.to_string()));
        if let Some(name) = &change.name {
            set.set("name", AttributeValue::S(name.clone()));
        }
        // Versions are told apart by their time: a change within the same millisecond has to look first.
        let mut condition = "updated_at < :now".to_owned();
        if let Some(status) = change.status {
            set.set("status", AttributeValue::S(status.as_str().to_owned()));
            set.remove("status_reason");
            if status == EndpointStatus::Active {
                // With one that is switched on more has to change than itself.
                set.name("#was", "status");
                set.value(":on", AttributeValue::S(status.as_str().to_owned()));
                condition += " AND #was = :on";
            }
        }
        if let Some(events) = &change.events {
            let events = events.entries().iter().cloned().map(AttributeValue::S).collect();
            set.set("events", AttributeValue::L(events));
        }
        set.value(":now", AttributeValue::S(now.to_string()));
        if let Some(url) = &change.url {
            let (url, equals) = match url {
                GivenUrl::Webhook(url) => (url, "="),
                GivenUrl::Sip(url) => (url, "<>"),
            };
            set.set("url", AttributeValue::S(url.clone()));
            set.value(":webhook", AttributeValue::S(Provider::Webhook.as_str().to_owned()));
            condition += &format!(" AND provider {equals} :webhook");
        }
        let key = access_patterns::endpoint(tenant.org(), tenant.mode(), id);
        Ok(match self.update(key, &set, Some(&condition)).await? {
            Changed::Done(endpoint) => ChangedEndpoint::Done(Box::new(endpoint)),
            Changed::Refused(Some(_)) => ChangedEndpoint::LookFirst,
            Changed::Refused(None) => ChangedEndpoint::NotFound,
        })
    }
}

/// Whether a webhook begins to take deliveries.
fn is_switched_on(seen: &Endpoint, endpoint: &Endpoint) -> bool {
    let is_on = |endpoint: &Endpoint| endpoint.status == EndpointStatus::Active;
    endpoint.provider == Provider::Webhook && !is_on(seen) && is_on(endpoint)
}

/// The condition that an endpoint is as it was seen: its settings, and its sealed values, which may be sealed anew without
/// any other change.
fn as_seen(set: &mut SetExpression, seen: &Endpoint) -> String {
    set.value(":seen", AttributeValue::S(seen.updated_at.to_string()));
    let sealed = [("secret", &seen.secret), ("previous_secret", &seen.previous_secret), ("password", &seen.password)];
    let mut condition = "updated_at = :seen".to_owned();
    for (name, value) in sealed {
        match value {
            Some(value) => {
                set.value(&format!(":seen_{name}"), AttributeValue::S(value.encoded().to_owned()));
                condition += &format!(" AND {name} = :seen_{name}");
            }
            None => condition += &format!(" AND attribute_not_exists({name})"),
        }
    }
    condition
}
