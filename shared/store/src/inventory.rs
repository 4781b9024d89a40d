//! Numbers that can be bought. A slot exists exactly while its number is free: buying takes it away, releasing
//! brings it back.

use aws_sdk_dynamodb::types::{ConditionCheck, Put, TransactWriteItem};
use domain::{
    Country, E164, Mode,
    inventory::{NumberType, Slot, SlotAddress},
    number::Claim,
};
use futures_util::future::{try_join, try_join_all};

use crate::{
    access_patterns,
    error::StoreError,
    item::{serde_item, whole},
    keys::Keys,
    stock::Offer,
    table::{Consistency, Table, key_attributes},
    transaction::Outcome,
};

serde_item!(Slot, "slot", Mode, |slot, mode| Keys::primary(access_patterns::slot(*mode, slot.country, slot.number_type, &slot.e164)));

/// How often an import is tried anew when the number came to another place in between.
const TRIES: usize = 5;

/// What became of an imported row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The number is on offer with this price.
    Offered,
    /// It was so before: nothing was written.
    Unchanged,
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

    /// Puts a number on offer or changes its price, its type or its country, unless someone owns it. It is on offer in one
    /// place alone.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if others keep importing the same number elsewhere.
    pub async fn import_slot(&self, mode: Mode, slot: &Slot) -> Result<Imported, StoreError> {
        let (there, mut seen) = try_join(self.slot(mode, &slot.address()), self.offer(mode, &slot.e164)).await?;
        if there.as_ref() == Some(slot) && seen == Some(Offer::of(slot)) {
            return Ok(Imported::Unchanged);
        }
        for _ in 0..TRIES {
            let offer = Put::builder().table_name(&*self.name).set_item(Some(whole(slot, &mode)?)).build();
            let mut writes = vec![self.unowned(mode, &slot.e164)?, TransactWriteItem::builder().put(built(offer)?).build()];
            writes.extend(self.place_writes(mode, slot, seen.as_ref())?);
            match self.transact(writes).await? {
                Outcome::Done => return Ok(Imported::Offered),
                Outcome::Refused(reasons) if Outcome::failed(&reasons, 0).is_some() => return Ok(Imported::Owned),
                // Somebody put it elsewhere meanwhile.
                Outcome::Refused(_) => seen = self.offer(mode, &slot.e164).await?,
            }
        }
        Err(StoreError::Unavailable("the number keeps being put elsewhere by others".to_owned()))
    }

    /// The condition that nobody owns a number.
    fn unowned(&self, mode: Mode, e164: &E164) -> Result<TransactWriteItem, StoreError> {
        let unowned = ConditionCheck::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&access_patterns::claim(mode, e164))))
            .condition_expression("attribute_not_exists(pk)")
            .build();
        Ok(TransactWriteItem::builder().condition_check(built(unowned)?).build())
    }
}

/// A request that lacks a part is a fault of ours.
pub(crate) fn built<T>(request: Result<T, aws_sdk_dynamodb::error::BuildError>) -> Result<T, StoreError> {
    request.map_err(|error| StoreError::Refused(error.to_string()))
}
