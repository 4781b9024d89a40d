//! What a number rings, noted beside who holds it, so that whoever routes a call reads number and endpoint at once.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::{
    EndpointId, Mode, NumberId,
    number::{Claim, PhoneNumber},
};

use crate::{access_patterns, error::StoreError, expression::SetExpression, item::Item as _, table::Table};

/// Only the claim of this very number.
const SAME_NUMBER: &str = "number_id = :number";

impl Table {
    /// Notes which endpoints a number names, at its claim. Changes nothing if the number was given up meanwhile.
    ///
    /// Nothing rests on it: a note that is missing or old costs the next call a round trip.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn note_rings(&self, mode: Mode, claim: &Claim, rings: &[EndpointId]) -> Result<(), StoreError> {
        let key = access_patterns::claim(mode, &claim.e164);
        self.update::<Claim>(key, &rings_set(claim.number_id, rings)?, Some(SAME_NUMBER)).await.map(drop)
    }

    /// The same as a part of the transaction that changes what the number names.
    pub(crate) fn rings_write(&self, mode: Mode, number: &PhoneNumber) -> Result<TransactWriteItem, StoreError> {
        let set = rings_set(number.id, &number.named_endpoints())?;
        self.update_write(&access_patterns::claim(mode, &number.e164), &set, SAME_NUMBER)
    }
}

fn rings_set(number: NumberId, rings: &[EndpointId]) -> Result<SetExpression, StoreError> {
    let corrupt = |error| StoreError::corrupt(Claim::KIND, error);
    let mut set = SetExpression::default();
    set.set("rings", serde_dynamo::to_attribute_value(rings).map_err(corrupt)?);
    set.value(":number", serde_dynamo::to_attribute_value(number).map_err(corrupt)?);
    Ok(set)
}
