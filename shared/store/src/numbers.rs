//! Numbers of an organization: bought, changed, attached. Two items that must agree change in one transaction: the
//! slot goes when the claim and the number come, an endpoint's count moves with the number.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::{
    EndpointId, NumberId, Timestamp,
    inventory::Slot,
    limits::Counted,
    number::{Claim, NumberChange, PhoneNumber},
};

use crate::{
    access_patterns,
    counting::{Step, most_reached},
    endpoint_deletions::numbers_and_gone,
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{read, serde_item, whole},
    keys::{Keys, Tenant},
    outbox::Tell,
    table::{Consistency, Table, key_attributes},
    transaction::Outcome,
    update::Changed,
};

serde_item!(PhoneNumber, "number", Tenant, |number, tenant| Keys::primary(access_patterns::number(tenant.org(), tenant.mode(), number.id)));
serde_item!(Claim, "claim", domain::Mode, |claim, mode| Keys::primary(access_patterns::claim(*mode, &claim.e164)));

/// What became of a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bought {
    /// The number is the buyer's.
    Done,
    /// The buyer's own organization owns it already.
    OwnAlready,
    /// It is not on offer, at least not at this price any more.
    NotAvailable,
    /// The endpoint it should ring does not exist.
    NoSuchEndpoint,
    /// The organization holds as many as it may.
    TooMany {
        /// The most that it may hold.
        most: u32,
    },
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Updated {
    /// The number as it is now.
    Done(Box<PhoneNumber>),
    /// There is no such number.
    NotFound,
    /// It was released: nothing changes any more.
    Released,
    /// The endpoint it should ring does not exist.
    NoSuchEndpoint,
}

/// The count of numbers of an endpoint or a carrier credential, one up or one down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attach {
    /// One number more.
    Up,
    /// One number less.
    Down,
}

/// How often a move is tried anew when the number changed hands in between.
const MOVE_TRIES: usize = 5;

impl Attach {
    /// The step as the table adds it.
    pub(crate) fn step(self) -> AttributeValue {
        AttributeValue::N(match self {
            Self::Up => "1".to_owned(),
            Self::Down => "-1".to_owned(),
        })
    }
}

impl Table {
    /// Buys a number: takes its slot, claims the number, stores it and counts it at its endpoint, all or nothing, and
    /// together with the event that `tell` makes of it.
    ///
    /// Of any number of concurrent buyers one gets [`Bought::Done`].
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn buy_number(
        &self,
        tenant: Tenant,
        slot: &Slot,
        number: &PhoneNumber,
        claim: &Claim,
        tell: Tell<'_, PhoneNumber>,
    ) -> Result<Bought, StoreError> {
        let mut writes = vec![
            TransactWriteItem::builder().delete(self.take_slot(tenant, slot)?).build(),
            TransactWriteItem::builder().put(self.put_new(whole(claim, &tenant.mode())?)?).build(),
            TransactWriteItem::builder().put(self.put_new(whole(number, &tenant)?)?).build(),
        ];
        if let Some(endpoint) = number.endpoint_id {
            writes.push(self.count_at(tenant, endpoint, Attach::Up)?);
        }
        writes.extend(self.told(tell, number)?);
        let count = writes.len();
        writes.push(self.count(tenant, Counted::Numbers, Step::Up)?);
        let Outcome::Refused(reasons) = self.transact(writes).await? else { return Ok(Bought::Done) };
        if let Some(taken) = Outcome::failed(&reasons, 1) {
            let owner: Claim = read(taken.item.clone().unwrap_or_default())?;
            return Ok(if owner.organization_id == tenant.org() { Bought::OwnAlready } else { Bought::NotAvailable });
        }
        if Outcome::failed(&reasons, 0).is_some() {
            return Ok(Bought::NotAvailable);
        }
        if number.endpoint_id.is_some() && Outcome::failed(&reasons, 3).is_some() {
            return Ok(Bought::NoSuchEndpoint);
        }
        Ok(most_reached(&reasons, count, Counted::Numbers).map_or(Bought::NotAvailable, |most| Bought::TooMany { most }))
    }

    /// One number of an organization.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn number(&self, tenant: Tenant, id: NumberId, consistency: Consistency) -> Result<Option<PhoneNumber>, StoreError> {
        self.get(access_patterns::number(tenant.org(), tenant.mode(), id), consistency).await
    }

    /// All numbers of an organization, newest first, released ones included. One whose row names an endpoint that was
    /// deleted rings nothing. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn numbers(&self, tenant: Tenant) -> Result<Vec<PhoneNumber>, StoreError> {
        let rows = self.all_items(self.query(access_patterns::numbers(tenant.org(), tenant.mode()))).await?;
        let (mut numbers, gone) = numbers_and_gone(rows)?;
        for number in &mut numbers {
            number.endpoint_id = number.endpoint_id.filter(|endpoint| !gone.contains(endpoint));
        }
        numbers.reverse();
        Ok(numbers)
    }

    /// Changes a number's settings. Attaching moves the number and both endpoints' counts together, and the event that
    /// `tell` makes of the changed number is written with it.
    ///
    /// Settings alone, told to nobody, are one write. Everything else is a look and a transaction on the condition that
    /// nothing changed since.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if the number keeps changing hands.
    pub async fn update_number(
        &self,
        tenant: Tenant,
        id: NumberId,
        change: NumberChange,
        now: Timestamp,
        tell: Tell<'_, PhoneNumber>,
    ) -> Result<Updated, StoreError> {
        if change.endpoint_id.is_none() && tell.is_none() {
            return self.change_settings(tenant, id, change, now).await;
        }
        for round in 0..MOVE_TRIES {
            // The first look may be a moment old; the transaction's condition tells, and then a fresh one is due.
            let consistency = if round == 0 { Consistency::Eventual } else { Consistency::Strong };
            let seen = self.number(tenant, id, consistency).await?;
            let Some(seen) = seen.filter(|seen| round > 0 || change.endpoint_id != Some(seen.endpoint_id)) else {
                if round == 0 {
                    continue;
                }
                return Ok(Updated::NotFound);
            };
            if let Some(updated) = self.change_as_seen(tenant, &seen, change, now, tell).await? {
                return Ok(updated);
            }
        }
        Err(StoreError::Unavailable("the number keeps being changed by others".to_owned()))
    }

    /// Changes a number as it was seen. `None`: it was changed meanwhile.
    async fn change_as_seen(
        &self,
        tenant: Tenant,
        seen: &PhoneNumber,
        change: NumberChange,
        now: Timestamp,
        tell: Tell<'_, PhoneNumber>,
    ) -> Result<Option<Updated>, StoreError> {
        if seen.released_at.is_some() {
            return Ok(Some(Updated::Released));
        }
        let stays = change.endpoint_id.is_none_or(|target| target == seen.endpoint_id);
        if stays && let Some(Some(endpoint)) = change.endpoint_id {
            // Nothing counts it anew, so nothing else would notice that it is gone.
            if self.endpoint(tenant, endpoint, Consistency::Strong).await?.is_none() {
                return Ok(Some(Updated::NoSuchEndpoint));
            }
        }
        if stays && tell.is_none() {
            return self.change_settings(tenant, seen.id, change, now).await.map(Some);
        }
        self.move_number(tenant, seen, change, now, tell).await
    }

    /// Changes everything but the endpoint: one write, its condition tells 404 from 409.
    async fn change_settings(&self, tenant: Tenant, id: NumberId, change: NumberChange, now: Timestamp) -> Result<Updated, StoreError> {
        let key = access_patterns::number(tenant.org(), tenant.mode(), id);
        let condition = "attribute_exists(pk) AND attribute_not_exists(released_at)";
        Ok(match self.update(key, &settings(change, now), Some(condition)).await? {
            Changed::Done(number) => Updated::Done(Box::new(number)),
            Changed::Refused(Some(_)) => Updated::Released,
            Changed::Refused(None) => Updated::NotFound,
        })
    }

    /// Changes a number and the counts of the endpoints that it leaves and comes to, if nothing changed since it was seen.
    /// `None`: something did.
    async fn move_number(
        &self,
        tenant: Tenant,
        seen: &PhoneNumber,
        change: NumberChange,
        now: Timestamp,
        tell: Tell<'_, PhoneNumber>,
    ) -> Result<Option<Updated>, StoreError> {
        // Versions are told apart by their time.
        let now = now.max(seen.updated_at.plus_millis(1));
        let after = changed(seen.clone(), change, now);
        let moves = after.endpoint_id != seen.endpoint_id;
        let target = after.endpoint_id.filter(|_| moves);
        let mut writes = vec![self.repoint(tenant, seen, after.endpoint_id, change, now)?];
        writes.extend(target.map(|new| self.count_at(tenant, new, Attach::Up)).transpose()?);
        writes.extend(self.told(tell, &after)?);
        writes.extend(moves.then(|| self.rings_write(tenant.mode(), &after)).transpose()?);
        let reasons = match self.transact_leaving(tenant, writes, seen.endpoint_id.filter(|_| moves)).await? {
            Outcome::Done => return Ok(Some(Updated::Done(Box::new(after)))),
            Outcome::Refused(reasons) => reasons,
        };
        let target_is_gone = target.is_some() && Outcome::failed(&reasons, 1).is_some();
        let number_was_as_seen = Outcome::failed(&reasons, 0).is_none();
        Ok((target_is_gone && number_was_as_seen).then_some(Updated::NoSuchEndpoint))
    }

    /// Writes all or nothing, and takes one number off the endpoint that is left. One that was deleted has no count
    /// to keep: then the rest is written without it.
    pub(crate) async fn transact_leaving(
        &self,
        tenant: Tenant,
        writes: Vec<TransactWriteItem>,
        old: Option<EndpointId>,
    ) -> Result<Outcome, StoreError> {
        let Some(old) = old else { return self.transact(writes).await };
        let mut with_old = writes.clone();
        with_old.push(self.count_at(tenant, old, Attach::Down)?);
        match self.transact(with_old).await? {
            Outcome::Refused(reasons) if Outcome::failed(&reasons, writes.len()).is_some() => self.transact(writes).await,
            outcome => Ok(outcome),
        }
    }

    fn repoint(
        &self,
        tenant: Tenant,
        seen: &PhoneNumber,
        target: Option<EndpointId>,
        change: NumberChange,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut set = settings(change, now);
        match target {
            Some(endpoint) => set.set("endpoint_id", AttributeValue::S(endpoint.to_string())),
            None => set.remove("endpoint_id"),
        }
        self.update_as_seen(tenant, seen, set)
    }

    /// One number more or less at an endpoint that must exist.
    pub(crate) fn count_at(&self, tenant: Tenant, endpoint: EndpointId, attach: Attach) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&access_patterns::endpoint(tenant.org(), tenant.mode(), endpoint))))
            .update_expression("ADD phone_numbers_count :step")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":step", attach.step())
            .build();
        Ok(TransactWriteItem::builder().update(built(update)?).build())
    }

    /// Takes a slot away at the price that the buyer saw.
    fn take_slot(&self, tenant: Tenant, slot: &Slot) -> Result<Delete, StoreError> {
        built(
            Delete::builder()
                .table_name(&*self.name)
                .set_key(Some(key_attributes(&access_patterns::slot(tenant.mode(), slot.country, slot.number_type, &slot.e164))))
                .condition_expression("setup_cost_cents = :setup AND monthly_cost_cents = :monthly")
                .expression_attribute_values(":setup", AttributeValue::N(slot.setup_cost_cents.to_string()))
                .expression_attribute_values(":monthly", AttributeValue::N(slot.monthly_cost_cents.to_string()))
                .build(),
        )
    }

    /// A put that needs the item to be absent, and shows what is there if it is not.
    pub(crate) fn put_new(&self, item: crate::item::Attributes) -> Result<Put, StoreError> {
        built(
            Put::builder()
                .table_name(&*self.name)
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(pk)")
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .build(),
        )
    }
}

/// What a change sets, the endpoint apart.
fn settings(change: NumberChange, now: Timestamp) -> SetExpression {
    let mut set = SetExpression::default();
    set.set("updated_at", AttributeValue::S(now.to_string()));
    if let Some(allow) = change.allow_inbound {
        set.set("allow_inbound", AttributeValue::Bool(allow));
    }
    if let Some(allow) = change.allow_outbound {
        set.set("allow_outbound", AttributeValue::Bool(allow));
    }
    if let Some(status) = change.status {
        set.set("status", AttributeValue::S(status.as_str().to_owned()));
    }
    set
}

/// The number after a change that was written under the condition that it had not changed since it was read.
fn changed(mut number: PhoneNumber, change: NumberChange, now: Timestamp) -> PhoneNumber {
    number.endpoint_id = change.endpoint_id.unwrap_or(number.endpoint_id);
    number.allow_inbound = change.allow_inbound.unwrap_or(number.allow_inbound);
    number.allow_outbound = change.allow_outbound.unwrap_or(number.allow_outbound);
    number.status = change.status.unwrap_or(number.status);
    number.updated_at = now;
    number
}
