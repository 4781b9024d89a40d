//! Two items in one request: a request costs more of a processor than the items in it.

use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};
use domain::{
    endpoint::Endpoint,
    number::{Claim, PhoneNumber},
};

use crate::{
    access_patterns,
    error::StoreError,
    inventory::built,
    item::{Attributes, Item, read},
    keys::{Get, Index as _, Primary, Tenant},
    table::{Consistency, Table, key_attributes},
};

impl Table {
    /// The endpoint that a number rings, and who claims its E.164: what is told of a number beside itself. `None` for what is not
    /// there, and without a request for what it cannot have: an endpoint that it does not name, a claim after its release.
    ///
    /// Eventually consistent; what is not there is looked for once more strongly.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn beside_number(&self, tenant: Tenant, number: &PhoneNumber) -> Result<(Option<Endpoint>, Option<Claim>), StoreError> {
        let endpoint = number.endpoint_id.map(|id| access_patterns::endpoint(tenant.org(), tenant.mode(), id));
        let claim = number.released_at.is_none().then(|| access_patterns::claim(tenant.mode(), &number.e164));
        match (endpoint, claim) {
            (Some(endpoint), Some(claim)) => self.both(endpoint, claim).await,
            (Some(endpoint), None) => Ok((self.get(endpoint, Consistency::EventualIfThere).await?, None)),
            (None, Some(claim)) => Ok((None, self.get(claim, Consistency::EventualIfThere).await?)),
            (None, None) => Ok((None, None)),
        }
    }

    /// Reads two items, eventually consistent; each that is not there, or that a throttled table left out, is read once more
    /// by itself and strongly.
    async fn both<A: Item, B: Item>(&self, one: Get<A, Primary>, other: Get<B, Primary>) -> Result<(Option<A>, Option<B>), StoreError> {
        let keys = KeysAndAttributes::builder().keys(key_attributes(&one)).keys(key_attributes(&other)).build();
        let output = {
            let _waiting = self.meter.send();
            let request = self
                .client
                .batch_get_item()
                .request_items(&*self.name, built(keys)?)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            request.send().await.map_err(|error| StoreError::from_sdk(&error))?
        };
        self.meter.read(output.consumed_capacity());
        let mut found: Vec<Attributes> = output.responses.into_iter().flatten().flat_map(|(_, items)| items).collect();
        let (one_found, other_found) = (taken(&mut found, &one), taken(&mut found, &other));
        futures_util::try_join!(self.or_strongly(one, one_found), self.or_strongly(other, other_found))
    }

    async fn or_strongly<I: Item>(&self, key: Get<I, Primary>, found: Option<Attributes>) -> Result<Option<I>, StoreError> {
        match found {
            Some(attributes) => read(attributes).map(Some),
            None => self.get_once(&key, true).await,
        }
    }
}

/// Takes the item with this key out of those that were found.
fn taken<I>(found: &mut Vec<Attributes>, key: &Get<I, Primary>) -> Option<Attributes> {
    let is = |item: &Attributes, name: &str, value: &str| {
        item.get(name).and_then(|attribute| attribute.as_s().ok()).is_some_and(|text| text == value)
    };
    let at = found.iter().position(|item| is(item, Primary::PK, &key.pk) && is(item, Primary::SK, &key.sk))?;
    Some(found.swap_remove(at))
}
