//! Endpoints changed and deleted.
//!
//! The count of numbers is never written here: transactions that attach and detach keep it.

use aws_sdk_dynamodb::{
    operation::delete_item::DeleteItemError,
    types::{AttributeValue, Delete, ReturnConsumedCapacity, ReturnValue, TransactWriteItem},
};
use domain::{
    EndpointId, NumberId, Timestamp,
    endpoint::{Endpoint, EndpointStatus, SimpleChange},
};
use futures_util::{TryStreamExt as _, stream};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{Item as _, read},
    keys::Tenant,
    outbox::Tell,
    table::{Consistency, Table, key_attributes},
    transaction::Outcome,
    update::Changed,
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
    /// It was changed in this very millisecond, or by a clock that runs ahead: look, then replace.
    TooSoon,
    /// There is no such endpoint.
    NotFound,
}

/// How often a deletion is tried anew when the endpoint changed in between.
const TRIES: usize = 5;

/// How many rows are swept at the same time.
const SWEPT_AT_ONCE: usize = 16;

impl Table {
    /// Writes an endpoint's new settings if nobody changed it since it was read: `seen` tells when it last changed. The
    /// event that `tell` makes of it is written with it.
    ///
    /// The endpoint as it is then; `None` if it was changed or deleted meanwhile.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn replace_endpoint(
        &self,
        tenant: Tenant,
        seen: Timestamp,
        endpoint: &Endpoint,
        tell: Tell<'_, Endpoint>,
    ) -> Result<Option<Endpoint>, StoreError> {
        let mut set = SetExpression::default();
        let attributes = endpoint.to_attributes()?;
        OPTIONAL.iter().filter(|name| !attributes.contains_key(**name)).for_each(|name| set.remove(name));
        attributes.into_iter().filter(|(name, _)| name != COUNT).for_each(|(name, value)| set.set(&name, value));
        set.value(":seen", AttributeValue::S(seen.to_string()));
        let (key, condition) = (access_patterns::endpoint(tenant.org, tenant.mode, endpoint.id), "updated_at = :seen");
        let Some(event) = self.told(tell, endpoint)? else { return Ok(self.update(key, &set, Some(condition)).await?.done()) };
        let writes = vec![self.update_write(&key, &set, condition)?, event];
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
        if let Some(status) = change.status {
            set.set("status", AttributeValue::S(status.as_str().to_owned()));
            set.remove("status_reason");
        }
        if let Some(events) = &change.events {
            let events = events.entries().iter().cloned().map(AttributeValue::S).collect();
            set.set("events", AttributeValue::L(events));
        }
        set.value(":now", AttributeValue::S(now.to_string()));
        // Versions are told apart by their time: a change within the same millisecond has to look first.
        let key = access_patterns::endpoint(tenant.org, tenant.mode, id);
        Ok(match self.update(key, &set, Some("updated_at < :now")).await? {
            Changed::Done(endpoint) => ChangedEndpoint::Done(Box::new(endpoint)),
            Changed::Refused(Some(_)) => ChangedEndpoint::TooSoon,
            Changed::Refused(None) => ChangedEndpoint::NotFound,
        })
    }

    /// Deletes an endpoint at one stroke, together with the event that `tell` makes of it, then takes it off the numbers
    /// that rang it. False if there was none.
    ///
    /// From that write on nothing is routed to it and nothing can be attached to it. A number's row that still names it,
    /// because the sweep was cut off, names nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written; asking again finishes the work.
    pub async fn delete_endpoint(
        &self,
        tenant: Tenant,
        id: EndpointId,
        now: Timestamp,
        tell: Tell<'_, Endpoint>,
    ) -> Result<bool, StoreError> {
        let deleted = match tell {
            None => self.delete_untold(tenant, id).await?,
            Some(_) => self.delete_told(tenant, id, tell).await?,
        };
        // The sweep of an earlier deletion may have been cut off.
        if deleted.as_ref().is_none_or(|endpoint| endpoint.phone_numbers_count > 0) {
            self.sweep(tenant, id, now).await?;
        }
        Ok(deleted.is_some())
    }

    async fn delete_untold(&self, tenant: Tenant, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
        let _waiting = self.meter.send();
        let sent = self
            .client
            .delete_item()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&access_patterns::endpoint(tenant.org, tenant.mode, id))))
            .condition_expression("attribute_exists(pk)")
            .return_values(ReturnValue::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match sent {
            Ok(output) => {
                self.meter.written(output.consumed_capacity.as_slice());
                read(output.attributes.unwrap_or_default()).map(Some)
            }
            Err(error) if matches!(error.as_service_error(), Some(DeleteItemError::ConditionalCheckFailedException(_))) => {
                self.meter.refused();
                Ok(None)
            }
            Err(error) => Err(StoreError::from_sdk(&error)),
        }
    }

    /// Deletes an endpoint as it was seen, so that the event tells of it as it was at its end.
    async fn delete_told(&self, tenant: Tenant, id: EndpointId, tell: Tell<'_, Endpoint>) -> Result<Option<Endpoint>, StoreError> {
        let key = access_patterns::endpoint(tenant.org, tenant.mode, id);
        for _ in 0..TRIES {
            let Some(seen) = self.endpoint(tenant, id, Consistency::Strong).await? else { return Ok(None) };
            let delete = Delete::builder()
                .table_name(&*self.name)
                .set_key(Some(key_attributes(&key)))
                .condition_expression("updated_at = :seen AND phone_numbers_count = :count")
                .expression_attribute_values(":seen", AttributeValue::S(seen.updated_at.to_string()))
                .expression_attribute_values(":count", AttributeValue::N(seen.phone_numbers_count.to_string()))
                .build();
            let mut writes = vec![TransactWriteItem::builder().delete(built(delete)?).build()];
            writes.extend(self.told(tell, &seen)?);
            if let Outcome::Done = self.transact(writes).await? {
                return Ok(Some(seen));
            }
        }
        Err(StoreError::Unavailable("the endpoint keeps being changed by others".to_owned()))
    }

    /// Switches off an active endpoint on the system's own account, and says why. Another one is left as it is.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn fail_endpoint(&self, tenant: Tenant, id: EndpointId, reason: &str, now: Timestamp) -> Result<(), StoreError> {
        let mut set = SetExpression::default();
        set.set("status", AttributeValue::S(EndpointStatus::Error.as_str().to_owned()));
        set.set("status_reason", AttributeValue::S(reason.to_owned()));
        set.set("updated_at", AttributeValue::S(now.to_string()));
        set.value(":active", AttributeValue::S(EndpointStatus::Active.as_str().to_owned()));
        set.name("#status", "status");
        self.update(access_patterns::endpoint(tenant.org, tenant.mode, id), &set, Some("#status = :active")).await.map(drop)
    }

    /// Takes a deleted endpoint off every number that names it.
    async fn sweep(&self, tenant: Tenant, endpoint: EndpointId, now: Timestamp) -> Result<(), StoreError> {
        let numbers = self.list_now(access_patterns::numbers(tenant.org, tenant.mode)).await?;
        let named = numbers.into_iter().filter(|number| number.endpoint_id == Some(endpoint));
        stream::iter(named.map(Ok)).try_for_each_concurrent(SWEPT_AT_ONCE, |number| self.detach(tenant, number.id, endpoint, now)).await
    }

    /// Detaches a number from an endpoint if it still names that one.
    async fn detach(&self, tenant: Tenant, number: NumberId, endpoint: EndpointId, now: Timestamp) -> Result<(), StoreError> {
        let mut set = SetExpression::default();
        set.set("updated_at", AttributeValue::S(now.to_string()));
        set.remove("endpoint_id");
        set.value(":endpoint", AttributeValue::S(endpoint.to_string()));
        self.update(access_patterns::number(tenant.org, tenant.mode, number), &set, Some("endpoint_id = :endpoint")).await.map(drop)
    }
}
