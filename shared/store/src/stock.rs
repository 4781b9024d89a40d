//! Numbers that were ever on offer: where each of them is, or was before it was bought, and what has become of it.
//!
//! A note beside the claim names country and type. It makes a number be on offer in one place alone, and an index lists the
//! notes, so that sold numbers are found too. Buying and releasing leave it alone: a number comes back to where it was.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};
use domain::{
    Country, E164, Mode,
    inventory::{NumberType, Slot, SlotAddress},
    number::Claim,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    inventory::built,
    item::{serde_item, whole},
    keys::{Gsi1, Index as _, Keys},
    table::{Consistency, Table, key_attributes},
};

/// How many numbers are looked up at the same time.
const CONCURRENT: usize = 16;

/// Where a number is on offer, or was before it was bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The number.
    pub e164: E164,
    /// The country that it is sold in.
    pub country: Country,
    /// Its type.
    #[serde(rename = "type")]
    pub number_type: NumberType,
}

serde_item!(Offer, "offer", Mode, |offer, mode| Keys::primary(access_patterns::offer(*mode, &offer.e164))
    .listed_in(access_patterns::offers(*mode, offer.country, offer.number_type), &offer.e164));

impl Offer {
    /// Where a slot is on offer.
    #[must_use]
    pub fn of(slot: &Slot) -> Self {
        Self { e164: slot.e164.clone(), country: slot.country, number_type: slot.number_type }
    }

    pub(crate) fn address(&self) -> SlotAddress {
        SlotAddress { e164: self.e164.clone(), country: self.country, number_type: self.number_type }
    }
}

/// What has become of a number that was ever on offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StockStatus {
    /// It can be bought.
    Available,
    /// It was bought.
    Owned,
    /// It is on offer and cannot be bought: an organization has registered it as a number of its own carrier.
    Held,
}

impl StockStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Available, Self::Owned, Self::Held];

    /// `available`, `owned` or `held`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Owned => "owned",
            Self::Held => "held",
        }
    }
}

/// A number that was ever on offer, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stock {
    /// The number and its place.
    pub offer: Offer,
    /// The slot, while it is on offer.
    pub slot: Option<Slot>,
    /// Who owns it, if somebody does.
    pub claim: Option<Claim>,
}

impl Stock {
    /// What has become of it; `None` while it changes hands.
    #[must_use]
    pub const fn status(&self) -> Option<StockStatus> {
        match (&self.slot, &self.claim) {
            (Some(_), None) => Some(StockStatus::Available),
            (None, Some(_)) => Some(StockStatus::Owned),
            (Some(_), Some(_)) => Some(StockStatus::Held),
            (None, None) => None,
        }
    }
}

impl Table {
    /// At most `limit` numbers of a country and type that were ever on offer, by number, and after which row the list goes
    /// on. Which numbers there are is eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if table or index cannot be read.
    pub async fn stock(
        &self,
        mode: Mode,
        (country, number_type): (Country, NumberType),
        after: Option<&E164>,
        limit: i32,
    ) -> Result<(Vec<Stock>, Option<E164>), StoreError> {
        let start = after.map(|e164| {
            let offer = Offer { e164: e164.clone(), country, number_type };
            whole(&offer, &mode).map(|mut item| {
                item.retain(|name, _| ["pk", "sk", Gsi1::PK, Gsi1::SK].contains(&name.as_str()));
                item
            })
        });
        let waiting = self.meter.send();
        let query = self.query(access_patterns::offers(mode, country, number_type)).limit(limit);
        let sent = query.set_exclusive_start_key(start.transpose()?).send().await;
        drop(waiting);
        let output = sent.map_err(|error| StoreError::from_sdk(&error))?;
        self.meter.read(output.consumed_capacity.as_slice());
        let number = |row: &crate::item::Attributes| row.get(Gsi1::SK)?.as_s().ok()?.rsplit_once('#')?.1.parse::<E164>().ok();
        let numbers: Vec<E164> = output.items().iter().filter_map(number).collect();
        let next = output.last_evaluated_key().and(numbers.last().cloned());
        let stock = stream::iter(numbers).map(|e164| self.stock_of(mode, Offer { e164, country, number_type })).buffered(CONCURRENT);
        Ok((stock.try_collect().await?, next))
    }

    async fn stock_of(&self, mode: Mode, offer: Offer) -> Result<Stock, StoreError> {
        let address = offer.address();
        let (slot, claim) =
            futures_util::future::try_join(self.slot(mode, &address), self.claim(mode, &offer.e164, Consistency::Eventual)).await?;
        Ok(Stock { offer, slot, claim })
    }

    /// Where a number is on offer, or was, as it is now.
    pub(crate) async fn offer(&self, mode: Mode, e164: &E164) -> Result<Option<Offer>, StoreError> {
        self.get(access_patterns::offer(mode, e164), Consistency::Strong).await
    }

    /// The writes that have a number be on offer in the place of this slot and nowhere else, as long as the note of its
    /// place is as it was seen.
    pub(crate) fn place_writes(&self, mode: Mode, slot: &Slot, seen: Option<&Offer>) -> Result<Vec<TransactWriteItem>, StoreError> {
        let (offer, key) = (Offer::of(slot), key_attributes(&access_patterns::offer(mode, &slot.e164)));
        if seen == Some(&offer) {
            let same = ConditionCheck::builder().table_name(&*self.name).set_key(Some(key));
            let same = as_seen(&offer)
                .fold(same.condition_expression(AS_SEEN), |check, (name, value)| check.expression_attribute_values(name, value));
            let same = same.expression_attribute_names("#type", "type");
            return Ok(vec![TransactWriteItem::builder().condition_check(built(same.build())?).build()]);
        }
        let put = Put::builder().table_name(&*self.name).set_item(Some(whole(&offer, &mode)?));
        let put = match seen {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(seen) => as_seen(seen)
                .fold(put.condition_expression(AS_SEEN), |put, (name, value)| put.expression_attribute_values(name, value))
                .expression_attribute_names("#type", "type"),
        };
        let mut writes = vec![TransactWriteItem::builder().put(built(put.build())?).build()];
        for before in before(slot, seen) {
            let key = key_attributes(&access_patterns::slot(mode, before.country, before.number_type, &before.e164));
            let gone = Delete::builder().table_name(&*self.name).set_key(Some(key)).build();
            writes.push(TransactWriteItem::builder().delete(built(gone)?).build());
        }
        Ok(writes)
    }
}

/// Where else the number may be on offer: where it was put last, or, if that was before it was noted, under another type.
fn before(slot: &Slot, seen: Option<&Offer>) -> Vec<SlotAddress> {
    match seen {
        Some(seen) => vec![seen.address()],
        None => {
            let others = NumberType::ALL.into_iter().filter(|&other| other != slot.number_type);
            others.map(|number_type| SlotAddress { number_type, ..slot.address() }).collect()
        }
    }
}

/// The condition that the note of a number's place is as it was seen.
const AS_SEEN: &str = "country = :country AND #type = :type";

fn as_seen(seen: &Offer) -> impl Iterator<Item = (&'static str, AttributeValue)> + use<> {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    [(":country", text(&seen.country.to_string())), (":type", text(seen.number_type.as_str()))].into_iter()
}
