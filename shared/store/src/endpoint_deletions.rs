//! Endpoints deleted: gone at one stroke, their numbers' rows swept after it.
//!
//! Where numbers ring the endpoint, a mark of it comes into their partition in the transaction that deletes it: whoever
//! lists the numbers reads the mark with them and knows that what it names is gone. The mark goes when the rows are swept;
//! an index lists the marks of sweeps that were cut off.

use std::{collections::HashSet, time::Duration};

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::{EndpointId, Mode, NumberId, OrgId, Timestamp, endpoint::Endpoint, limits::Counted, number::PhoneNumber};
use futures_util::{TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    counting::Step,
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{Attributes, Item, KIND, read, serde_item, whole},
    keys::{Keys, Tenant},
    outbox::Tell,
    table::{Consistency, Table, key_attributes},
    transaction::{Outcome, item_at},
    update::Deleted,
};

/// A deleted endpoint whose numbers' rows may still name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// Whose endpoint it was.
    pub organization_id: OrgId,
    /// In which data set.
    pub mode: Mode,
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

serde_item!(Sweep, "sweep", (), |sweep, _none| Keys::primary(access_patterns::sweep(sweep.organization_id, sweep.mode, sweep.endpoint_id))
    .listed_in(access_patterns::sweeps(), &sweep.endpoint_id));

/// How often a deletion is tried anew when the endpoint changed in between.
const TRIES: usize = 5;

/// How long whoever deletes waits for the sweep.
const SWEEP_LIMIT: Duration = Duration::from_secs(4);

/// How many rows are swept at the same time.
const SWEPT_AT_ONCE: usize = 16;

impl Table {
    /// Deletes an endpoint at one stroke, together with the event that `tell` makes of it, then takes it off the numbers
    /// that rang it. False if there was none.
    ///
    /// From that write on nothing is routed to it and nothing can be attached to it, and lists show no number at it.
    ///
    /// # Errors
    /// [`StoreError`] if the endpoint cannot be deleted. A sweep that fails or takes long is left to [`Table::sweep`].
    pub async fn delete_endpoint(
        &self,
        tenant: Tenant,
        id: EndpointId,
        now: Timestamp,
        tell: Tell<'_, Endpoint>,
    ) -> Result<bool, StoreError> {
        if tell.is_none() {
            match self.delete_unrung(tenant, id).await? {
                Deleted::Done => return Ok(true),
                Deleted::NotFound => return Ok(false),
                // Numbers ring it, which takes a look.
                Deleted::Used => {}
            }
        }
        let Some(endpoint) = self.delete_as_seen(tenant, id, now, tell).await? else { return Ok(false) };
        if endpoint.phone_numbers_count > 0 {
            // It is gone whatever becomes of the sweep: what is left is taken up on schedule.
            match tokio::time::timeout(SWEEP_LIMIT, self.sweep(sweep(tenant, id, now), now)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a sweep waits for the schedule"),
                Err(_) => tracing::warn!("a sweep waits for the schedule: it takes long"),
            }
        }
        Ok(true)
    }

    /// Deletes an endpoint that no number rings, without a look.
    async fn delete_unrung(&self, tenant: Tenant, id: EndpointId) -> Result<Deleted, StoreError> {
        let delete = Delete::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&access_patterns::endpoint(tenant.org(), tenant.mode(), id))))
            .condition_expression("phone_numbers_count = :none")
            .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let delete = TransactWriteItem::builder().delete(built(delete.build())?).build();
        Ok(match self.transact(vec![delete, self.count(tenant, Counted::Endpoints, Step::Down)?]).await? {
            Outcome::Done => Deleted::Done,
            Outcome::Refused(reasons) if item_at(&reasons, 0).is_some() => Deleted::Used,
            Outcome::Refused(_) => Deleted::NotFound,
        })
    }

    /// Deletes an endpoint as it was seen, so that the event tells of it as it was at its end, and marks it if numbers rang
    /// it.
    async fn delete_as_seen(
        &self,
        tenant: Tenant,
        id: EndpointId,
        now: Timestamp,
        tell: Tell<'_, Endpoint>,
    ) -> Result<Option<Endpoint>, StoreError> {
        let key = access_patterns::endpoint(tenant.org(), tenant.mode(), id);
        for _ in 0..TRIES {
            let Some(seen) = self.endpoint(tenant, id, Consistency::Strong).await? else { return Ok(None) };
            let delete = Delete::builder()
                .table_name(&*self.name)
                .set_key(Some(key_attributes(&key)))
                .condition_expression("updated_at = :seen AND phone_numbers_count = :count")
                .expression_attribute_values(":seen", AttributeValue::S(seen.updated_at.to_string()))
                .expression_attribute_values(":count", AttributeValue::N(seen.phone_numbers_count.to_string()))
                .build();
            let count = self.count(tenant, Counted::Endpoints, Step::Down)?;
            let mut writes = vec![TransactWriteItem::builder().delete(built(delete)?).build(), count];
            if seen.phone_numbers_count > 0 {
                let mark = Put::builder().table_name(&*self.name).set_item(Some(whole(&sweep(tenant, id, now), &())?)).build();
                writes.push(TransactWriteItem::builder().put(built(mark)?).build());
            }
            writes.extend(self.told(tell, &seen)?);
            if let Outcome::Done = self.transact(writes).await? {
                return Ok(Some(seen));
            }
        }
        Err(StoreError::Unavailable("the endpoint keeps being changed by others".to_owned()))
    }

    /// Deleted endpoints whose numbers may not all be swept, over all organizations. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if table or index cannot be read.
    pub async fn sweeps(&self) -> Result<Vec<Sweep>, StoreError> {
        self.list_index(access_patterns::sweeps()).await
    }

    /// Takes a deleted endpoint off every number that names it, then takes its mark away. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or written.
    pub async fn sweep(&self, sweep: Sweep, now: Timestamp) -> Result<(), StoreError> {
        let (tenant, endpoint) = (Tenant::new(sweep.organization_id, sweep.mode), sweep.endpoint_id);
        let rows = self.all_items(self.query(access_patterns::numbers(tenant.org(), tenant.mode())).consistent_read(true)).await?;
        let (numbers, _) = numbers_and_gone(rows)?;
        let named = numbers.into_iter().filter(|number| number.endpoint_id == Some(endpoint));
        let sweeping = stream::iter(named.map(Ok));
        sweeping.try_for_each_concurrent(SWEPT_AT_ONCE, |number| self.detach(tenant, number.id, endpoint, now)).await?;
        self.delete(access_patterns::sweep(tenant.org(), tenant.mode(), endpoint)).await
    }

    /// Detaches a number from an endpoint if it still names that one.
    async fn detach(&self, tenant: Tenant, number: NumberId, endpoint: EndpointId, now: Timestamp) -> Result<(), StoreError> {
        let mut set = SetExpression::default();
        set.set("updated_at", AttributeValue::S(now.to_string()));
        set.remove("endpoint_id");
        set.value(":endpoint", AttributeValue::S(endpoint.to_string()));
        self.update(access_patterns::number(tenant.org(), tenant.mode(), number), &set, Some("endpoint_id = :endpoint")).await.map(drop)
    }
}

const fn sweep(tenant: Tenant, endpoint_id: EndpointId, deleted_at: Timestamp) -> Sweep {
    Sweep { organization_id: tenant.org(), mode: tenant.mode(), endpoint_id, deleted_at }
}

/// The numbers of a partition as they are stored, and the deleted endpoints that some of them may still name.
pub(crate) fn numbers_and_gone(rows: Vec<Attributes>) -> Result<(Vec<PhoneNumber>, HashSet<EndpointId>), StoreError> {
    let (mut numbers, mut gone) = (Vec::with_capacity(rows.len()), HashSet::new());
    for row in rows {
        let is_mark = row.get(KIND).is_some_and(|kind| kind.as_s().is_ok_and(|kind| kind == Sweep::KIND));
        if is_mark {
            gone.insert(read::<Sweep>(row)?.endpoint_id);
        } else {
            numbers.push(read(row)?);
        }
    }
    Ok((numbers, gone))
}
