//! What a number rings, noted beside who holds it: a guess that lets whoever routes a call read number and endpoint at once.

use domain::{EndpointId, Mode, number::Claim};

use crate::{access_patterns, error::StoreError, expression::SetExpression, item::Item as _, table::Table};

impl Table {
    /// Notes which endpoints a number names, at its claim. Changes nothing if the number was given up meanwhile.
    ///
    /// Nothing rests on it: a note that is missing or old costs the next call a round trip.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn note_rings(&self, mode: Mode, claim: &Claim, rings: &[EndpointId]) -> Result<(), StoreError> {
        let mut set = SetExpression::default();
        let rings = serde_dynamo::to_attribute_value(rings).map_err(|error| StoreError::corrupt(Claim::KIND, error))?;
        set.set("rings", rings);
        let number = serde_dynamo::to_attribute_value(claim.number_id).map_err(|error| StoreError::corrupt(Claim::KIND, error))?;
        set.value(":number", number);
        let key = access_patterns::claim(mode, &claim.e164);
        self.update::<Claim>(key, &set, Some("number_id = :number")).await.map(drop)
    }
}
