//! Numbers given back: the record goes or stays for audit, the claim goes, the slot is on offer again or the carrier
//! credential has one number less, all at once.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use domain::{
    NumberId, Timestamp,
    limits::Counted,
    number::{NumberSource, PhoneNumber},
};

use crate::{
    access_patterns,
    counting::Step,
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::whole,
    keys::{Get, Tenant},
    outbox::Tell,
    table::{Consistency, Table, key_attributes},
    transaction::Outcome,
};

/// What becomes of the record of a number that is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// It is kept for audit, inactive.
    Keep,
    /// It is removed.
    Remove,
}

/// What else goes with the record of a number that is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GivenUp {
    /// Its claim: nobody owns the number any more.
    pub(crate) claim: bool,
    /// And it is on offer again.
    pub(crate) slot: bool,
}

impl GivenUp {
    /// What goes with this one.
    pub(crate) fn of(number: &PhoneNumber) -> Self {
        let claim = number.released_at.is_none();
        Self { claim, slot: claim && number.source == NumberSource::Inventory }
    }
}

/// How often a release is tried anew when the number changed in between.
const TRIES: usize = 5;

impl Table {
    /// Gives a number back. Its slot is on offer again with the price the number was bought at; a number of one's own
    /// carrier frees its credential.
    ///
    /// The number as it is afterwards (or was, if it is removed); `None` if there is none. Keeping a number that was
    /// released before changes nothing; removing one removes its record and never touches the slot again. `tell` makes the
    /// event of the release, which is written with it.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if the number keeps being changed by others.
    pub async fn release_number(
        &self,
        tenant: Tenant,
        id: NumberId,
        release: Release,
        now: Timestamp,
        tell: Tell<'_, PhoneNumber>,
    ) -> Result<Option<PhoneNumber>, StoreError> {
        self.give_up(tenant, id, release, now, |_| true, tell).await
    }

    /// Gives back a number of the organization's own carrier and removes its record. False if there is none that the
    /// organization still holds; a number from the inventory is left alone. `tell` makes the event of the release.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if the number keeps being changed by others.
    pub async fn remove_carrier_number(
        &self,
        tenant: Tenant,
        id: NumberId,
        now: Timestamp,
        tell: Tell<'_, PhoneNumber>,
    ) -> Result<bool, StoreError> {
        Ok(self.give_up(tenant, id, Release::Remove, now, PhoneNumber::is_carriers, tell).await?.is_some())
    }

    /// Gives a number back if it is a wanted one.
    async fn give_up(
        &self,
        tenant: Tenant,
        id: NumberId,
        release: Release,
        now: Timestamp,
        wanted: fn(&PhoneNumber) -> bool,
        tell: Tell<'_, PhoneNumber>,
    ) -> Result<Option<PhoneNumber>, StoreError> {
        for _ in 0..TRIES {
            let Some(seen) = self.number(tenant, id, Consistency::Strong).await?.filter(wanted) else { return Ok(None) };
            if seen.released_at.is_some() && release == Release::Keep {
                return Ok(Some(seen));
            }
            let outcome = if seen.released_at.is_some() {
                self.transact(vec![self.remove_record(tenant, &seen)?]).await?
            } else {
                let mut writes = self.give_back(tenant, &seen, release, now)?;
                writes.extend(self.told(tell, &seen.clone().released(now))?);
                self.transact_leaving(tenant, writes, seen.endpoint_id).await?
            };
            if let Outcome::Done = outcome {
                return Ok(Some(if seen.released_at.is_some() { seen } else { seen.released(now) }));
            }
        }
        Err(StoreError::Unavailable("the number keeps being changed by others".to_owned()))
    }

    /// Gives a number back and removes its record, whatever became of the endpoint that it rings and the credential that it
    /// hangs on: they are erased too. `None` if there is no such number.
    pub(crate) async fn erase_number(&self, tenant: Tenant, id: NumberId) -> Result<Option<GivenUp>, StoreError> {
        for _ in 0..TRIES {
            let Some(seen) = self.number(tenant, id, Consistency::Strong).await? else { return Ok(None) };
            let given_up = GivenUp::of(&seen);
            let mut writes = vec![self.remove_record(tenant, &seen)?];
            if given_up.claim {
                writes.push(self.remove_claim(tenant, &seen, "attribute_not_exists(pk) OR number_id = :id")?);
            }
            if given_up.slot {
                writes.push(self.put_slot_back(tenant, &seen)?);
            }
            match self.transact(writes).await? {
                Outcome::Done => return Ok(Some(given_up)),
                Outcome::Refused(reasons) if Outcome::failed(&reasons, 1).is_some() => {
                    // Another number holds the claim: it is not this one's to give back.
                    if let Outcome::Done = self.transact(vec![self.remove_record(tenant, &seen)?]).await? {
                        return Ok(Some(GivenUp { claim: false, slot: false }));
                    }
                }
                Outcome::Refused(_) => {}
            }
        }
        Err(StoreError::Unavailable("the number keeps being changed by others".to_owned()))
    }

    fn give_back(
        &self,
        tenant: Tenant,
        seen: &PhoneNumber,
        release: Release,
        now: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let record = match release {
            Release::Keep => self.keep_record(tenant, seen, now)?,
            Release::Remove => self.remove_record(tenant, seen)?,
        };
        let claim = self.remove_claim(tenant, seen, "number_id = :id")?;
        let mut writes = vec![record, claim, self.count(tenant, Counted::Numbers, Step::Down)?];
        if let Some(credential) = seen.credentials_id {
            writes.push(self.count_at_credential(tenant, credential, None)?);
        }
        if seen.source == NumberSource::Inventory {
            writes.push(self.put_slot_back(tenant, seen)?);
        }
        Ok(writes)
    }

    /// Removes a number's claim under a condition, in which `:id` is the number.
    fn remove_claim(&self, tenant: Tenant, seen: &PhoneNumber, condition: &str) -> Result<TransactWriteItem, StoreError> {
        let claim = Delete::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&access_patterns::claim(tenant.mode(), &seen.e164))))
            .condition_expression(condition)
            .expression_attribute_values(":id", AttributeValue::S(seen.id.to_string()))
            .build();
        Ok(TransactWriteItem::builder().delete(built(claim)?).build())
    }

    /// Offers a number again, at the price that it was bought at.
    fn put_slot_back(&self, tenant: Tenant, seen: &PhoneNumber) -> Result<TransactWriteItem, StoreError> {
        let slot = Put::builder().table_name(&*self.name).set_item(Some(whole(&seen.slot(), &tenant.mode())?)).build();
        Ok(TransactWriteItem::builder().put(built(slot)?).build())
    }

    fn keep_record(&self, tenant: Tenant, seen: &PhoneNumber, now: Timestamp) -> Result<TransactWriteItem, StoreError> {
        let released = seen.clone().released(now);
        let mut set = SetExpression::default();
        set.set("status", AttributeValue::S(released.status.as_str().to_owned()));
        set.set("updated_at", AttributeValue::S(now.to_string()));
        set.set("released_at", AttributeValue::S(now.to_string()));
        set.remove("endpoint_id");
        self.update_as_seen(tenant, seen, set)
    }

    /// Changes a number's record if it did not change since it was read.
    pub(crate) fn update_as_seen(
        &self,
        tenant: Tenant,
        seen: &PhoneNumber,
        mut set: SetExpression,
    ) -> Result<TransactWriteItem, StoreError> {
        let condition = as_seen(&mut set, seen);
        self.update_write(&number_key(tenant, seen.id), &set, &condition)
    }

    fn remove_record(&self, tenant: Tenant, seen: &PhoneNumber) -> Result<TransactWriteItem, StoreError> {
        let mut set = SetExpression::default();
        let condition = as_seen(&mut set, seen);
        let delete = Delete::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&number_key(tenant, seen.id))))
            .condition_expression(condition)
            .set_expression_attribute_values(set.values())
            .build();
        Ok(TransactWriteItem::builder().delete(built(delete)?).build())
    }
}

fn number_key(tenant: Tenant, id: NumberId) -> Get<PhoneNumber> {
    access_patterns::number(tenant.org(), tenant.mode(), id)
}

/// The condition that a number did not change since it was read: neither its settings, nor its endpoint, nor its
/// release.
fn as_seen(set: &mut SetExpression, seen: &PhoneNumber) -> String {
    set.value(":before", AttributeValue::S(seen.updated_at.to_string()));
    let endpoint = match seen.endpoint_id {
        Some(endpoint) => {
            set.value(":seen", AttributeValue::S(endpoint.to_string()));
            "endpoint_id = :seen"
        }
        None => "attribute_not_exists(endpoint_id)",
    };
    let release = if seen.released_at.is_some() { "attribute_exists" } else { "attribute_not_exists" };
    format!("attribute_exists(pk) AND updated_at = :before AND {release}(released_at) AND {endpoint}")
}
