//! Numbers that can be bought. A slot exists exactly while its number is free: buying takes it away, releasing
//! brings it back.

use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem};
use domain::{
    Country, E164, Mode,
    inventory::{NumberType, Slot, SlotAddress},
    number::Claim,
};
use futures_util::future::try_join_all;

use crate::{
    access_patterns,
    error::StoreError,
    item::{serde_item, whole},
    keys::Keys,
    table::{Consistency, Table, key_attributes},
    transaction::Outcome,
};

serde_item!(Slot, "slot", Mode, |slot, mode| Keys::primary(access_patterns::slot(*mode, slot.country, slot.number_type, &slot.e164)));

/// What became of an imported row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The number is on offer with this price.
    Offered,
    /// An organization owns the number: nothing was changed.
    Owned,
}

impl Table {
    /// The slot at this address, `None` if the number is not on offer. Eventually consistent: the purchase itself
    /// decides.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn slot(&self, mode: Mode, address: &SlotAddress) -> Result<Option<Slot>, StoreError> {
        self.get(access_patterns::slot(mode, address.country, address.number_type, &address.e164), Consistency::Eventual).await
    }

    /// All numbers of a country that can be bought, of one type or of all, ordered by number. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn available(&self, mode: Mode, country: Country, number_type: Option<NumberType>) -> Result<Vec<Slot>, StoreError> {
        let types = number_type.map_or_else(|| NumberType::ALL.to_vec(), |one| vec![one]);
        let lists = types.into_iter().map(|one| self.list(access_patterns::slots(mode, country, one)));
        let mut slots: Vec<Slot> = try_join_all(lists).await?.into_iter().flatten().collect();
        slots.sort_by(|a, b| a.e164.cmp(&b.e164));
        Ok(slots)
    }

    /// Who owns a number in one mode; `None` if nobody does.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn claim(&self, mode: Mode, e164: &E164, consistency: Consistency) -> Result<Option<Claim>, StoreError> {
        self.get(access_patterns::claim(mode, e164), consistency).await
    }

    /// Puts a number on offer or changes its price or its type, unless someone owns it.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn import_slot(&self, mode: Mode, slot: &Slot) -> Result<Imported, StoreError> {
        let unowned = ConditionCheck::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&access_patterns::claim(mode, &slot.e164))))
            .condition_expression("attribute_not_exists(pk)")
            .build();
        let offer = Put::builder().table_name(&*self.name).set_item(Some(whole(slot, &mode)?)).build();
        let mut writes = vec![
            TransactWriteItem::builder().condition_check(built(unowned)?).build(),
            TransactWriteItem::builder().put(built(offer)?).build(),
        ];
        for other in NumberType::ALL.into_iter().filter(|&other| other != slot.number_type) {
            let key = key_attributes(&access_patterns::slot(mode, slot.country, other, &slot.e164));
            let gone = Delete::builder().table_name(&*self.name).set_key(Some(key)).build();
            writes.push(TransactWriteItem::builder().delete(built(gone)?).build());
        }
        Ok(match self.transact(writes).await? {
            Outcome::Done => Imported::Offered,
            Outcome::Refused(_) => Imported::Owned,
        })
    }
}

/// A request that lacks a part is a fault of ours.
pub(crate) fn built<T>(request: Result<T, aws_sdk_dynamodb::error::BuildError>) -> Result<T, StoreError> {
    request.map_err(|error| StoreError::Refused(error.to_string()))
}
