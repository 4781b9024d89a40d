//! Numbers of an organization's own carrier: registered and pinned.
//!
//! They lie with the numbers that were bought, under the same claim: a number is owned once, whichever way it came.
//! Claim, number and the credential's count change in one transaction, so that no number is left without its
//! credential.

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use domain::{
    CredentialId, NumberId, Timestamp,
    carrier::Carrier,
    limits::Counted,
    number::{Claim, PhoneNumber},
};

use crate::{
    access_patterns,
    counting::{Step, most_reached},
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{read, whole},
    keys::Tenant,
    numbers::Attach,
    outbox::Tell,
    table::{Consistency, Table, key_attributes},
    transaction::Outcome,
};

/// How often a pin is tried anew when the number changed in between.
const TRIES: usize = 5;

/// Where a write stands in the transaction that registers a number.
const CLAIM: usize = 0;
const CREDENTIAL: usize = 2;
const COUNT: usize = 3;

/// What became of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// The number is the organization's.
    Done,
    /// The number with this id was there before: this one.
    Before(Box<PhoneNumber>),
    /// Nothing was written.
    Refused {
        /// Whether someone holds the number.
        taken: bool,
        /// What is wrong with the credential.
        credential: Option<CredentialFault>,
    },
    /// The organization holds as many as it may.
    TooMany {
        /// The most that it may hold.
        most: u32,
    },
}

/// What is wrong with the credential that a number should hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialFault {
    /// There is no such credential.
    Unknown,
    /// It is another carrier's.
    OtherCarrier,
}

impl Table {
    /// Registers a number of the organization's own carrier: claims it, stores it and counts it at its credential, all
    /// or nothing, and together with the event that `tell` makes of it.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if the number names no credential.
    pub async fn register_number(
        &self,
        tenant: Tenant,
        number: &PhoneNumber,
        tell: Tell<'_, PhoneNumber>,
    ) -> Result<Registered, StoreError> {
        let (Some(credential), Some(carrier)) = (number.credentials_id, number.carrier) else {
            return Err(StoreError::Refused("a number of an own carrier needs a credential".to_owned()));
        };
        let claim = Claim::of(tenant.org(), number);
        let mut writes = vec![
            TransactWriteItem::builder().put(self.put_new(whole(&claim, &tenant.mode())?)?).build(),
            TransactWriteItem::builder().put(self.put_new(whole(number, &tenant)?)?).build(),
            self.count_at_credential(tenant, credential, Some(carrier))?,
            self.count(tenant, Counted::Numbers, Step::Up)?,
        ];
        writes.extend(self.told(tell, number)?);
        match self.transact(writes).await? {
            Outcome::Done => Ok(Registered::Done),
            Outcome::Refused(reasons) => self.why_refused(tenant, number.id, &reasons).await,
        }
    }

    /// Tells what stood against a registration: it may be an earlier try of the same one.
    async fn why_refused(&self, tenant: Tenant, id: NumberId, reasons: &[CancellationReason]) -> Result<Registered, StoreError> {
        let taken = Outcome::failed(reasons, CLAIM);
        if let Some(reason) = taken {
            let owner: Claim = read(reason.item.clone().unwrap_or_default())?;
            if (owner.organization_id, owner.number_id) == (tenant.org(), id)
                && let Some(before) = self.number(tenant, id, Consistency::Strong).await?
            {
                return Ok(Registered::Before(Box::new(before)));
            }
        }
        let credential = Outcome::failed(reasons, CREDENTIAL).map(|reason| match &reason.item {
            Some(item) if !item.is_empty() => CredentialFault::OtherCarrier,
            _ => CredentialFault::Unknown,
        });
        match most_reached(reasons, COUNT, Counted::Numbers) {
            Some(most) if taken.is_none() && credential.is_none() => Ok(Registered::TooMany { most }),
            _ => Ok(Registered::Refused { taken: taken.is_some(), credential }),
        }
    }

    /// Pins a number of the organization's own carrier to an agent, or unpins it. False if the organization holds no such
    /// number. The event that `tell` makes of the number is written with it.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if the number keeps being changed by others.
    pub async fn pin_number(
        &self,
        tenant: Tenant,
        id: NumberId,
        agent: Option<&str>,
        now: Timestamp,
        tell: Tell<'_, PhoneNumber>,
    ) -> Result<bool, StoreError> {
        for _ in 0..TRIES {
            let seen = self.number(tenant, id, Consistency::Strong).await?;
            let Some(seen) = seen.filter(|seen| seen.is_carriers() && seen.released_at.is_none()) else { return Ok(false) };
            // Versions are told apart by their time.
            let now = now.max(seen.updated_at.plus_millis(1));
            let after = PhoneNumber { agent_id: agent.map(str::to_owned), updated_at: now, ..seen.clone() };
            let mut writes = vec![self.update_as_seen(tenant, &seen, pin(agent, now))?, self.rings_write(tenant.mode(), &after)?];
            writes.extend(self.told(tell, &after)?);
            if let Outcome::Done = self.transact(writes).await? {
                return Ok(true);
            }
        }
        Err(StoreError::Unavailable("the number keeps being changed by others".to_owned()))
    }

    /// One number more at a credential, which must be there and be this carrier's; without a carrier one number less.
    pub(crate) fn count_at_credential(
        &self,
        tenant: Tenant,
        credential: CredentialId,
        carrier: Option<Carrier>,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut update = Update::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&access_patterns::credential(tenant.org(), tenant.mode(), credential))))
            .update_expression("ADD numbers_count :step")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        update = match carrier {
            Some(carrier) => update
                .condition_expression("attribute_exists(pk) AND carrier = :carrier")
                .expression_attribute_values(":carrier", AttributeValue::S(carrier.as_str().to_owned()))
                .expression_attribute_values(":step", Attach::Up.step()),
            None => update.condition_expression("attribute_exists(pk)").expression_attribute_values(":step", Attach::Down.step()),
        };
        Ok(TransactWriteItem::builder().update(built(update.build())?).build())
    }
}

/// What pinning sets.
fn pin(agent: Option<&str>, now: Timestamp) -> SetExpression {
    let mut set = SetExpression::default();
    set.set("updated_at", AttributeValue::S(now.to_string()));
    match agent {
        Some(agent) => set.set("agent_id", AttributeValue::S(agent.to_owned())),
        None => set.remove("agent_id"),
    }
    set
}
