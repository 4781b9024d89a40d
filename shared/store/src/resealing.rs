//! The walk through the whole table that re-sealing every secret takes, and how far it came.
//!
//! The place where it stopped is an item of its own, so that whoever dies on the way goes on from there.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    item::{Attributes, KIND, serde_item, whole},
    keys::{Index as _, Keys, Primary},
    sealed::{SEALED_ATTRIBUTES, SealedValue, values_in},
    table::{Consistency, Table, key_attributes},
};

/// The key of some item, as the walk stopped there. Says nothing of the item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableKey {
    pk: String,
    sk: String,
}

impl TableKey {
    pub(crate) const fn new(pk: String, sk: String) -> Self {
        Self { pk, sk }
    }

    /// The key that stands among an item's attributes.
    pub(crate) fn of(item: &Attributes) -> Option<Self> {
        let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        Some(Self { pk: text(Primary::PK)?, sk: text(Primary::SK)? })
    }

    /// The key as the SDK carries it.
    pub(crate) fn attributes(&self) -> Attributes {
        [(Primary::PK, &self.pk), (Primary::SK, &self.sk)]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.clone())))
            .collect()
    }
}

/// How far a re-sealing came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resealing {
    /// Under which key, as the operator named it: with another key it begins anew.
    pub key_id: String,
    /// After which item it goes on.
    pub after: TableKey,
    /// When that was noted.
    pub updated_at: Timestamp,
}

serde_item!(Resealing, "resealing", (), |_resealing, _none| Keys::primary(access_patterns::resealing()));

/// A part of the table.
#[derive(Debug)]
pub struct SealedPage {
    /// The sealed values in it.
    pub values: Vec<SealedValue>,
    /// How many items were looked at, those without a secret included.
    pub items: u64,
    /// Where the next part begins; `None` if this was the last.
    pub next: Option<TableKey>,
}

impl Table {
    /// The sealed values among the next `limit` items of the table, as they are now. A walk through all parts reads the
    /// whole table.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or an item does not tell whose secret it holds.
    pub async fn sealed_values(&self, after: Option<&TableKey>, limit: i32) -> Result<SealedPage, StoreError> {
        let kinds: BTreeSet<&str> = SEALED_ATTRIBUTES.iter().map(|attribute| attribute.item).collect();
        let names: Vec<String> = (0..kinds.len()).map(|at| format!(":k{at}")).collect();
        let mut scan = self.client.scan().table_name(&*self.name).limit(limit).consistent_read(true);
        for (name, kind) in names.iter().zip(kinds) {
            scan = scan.expression_attribute_values(name, AttributeValue::S(kind.to_owned()));
        }
        let _waiting = self.meter.send();
        let output = scan
            .filter_expression(format!("#kind IN ({})", names.join(", ")))
            .expression_attribute_names("#kind", KIND)
            .set_exclusive_start_key(after.map(TableKey::attributes))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        self.meter.read(output.consumed_capacity.as_slice());
        let mut values = Vec::new();
        for item in output.items() {
            values.extend(values_in(item)?);
        }
        let next = output.last_evaluated_key().and_then(TableKey::of);
        Ok(SealedPage { values, items: u64::try_from(output.scanned_count).unwrap_or(0), next })
    }

    /// How far a re-sealing came that has not ended, `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn resealing(&self) -> Result<Option<Resealing>, StoreError> {
        self.get(access_patterns::resealing(), Consistency::Strong).await
    }

    /// Notes how far a re-sealing came.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn note_resealing(&self, resealing: &Resealing) -> Result<(), StoreError> {
        let _waiting = self.meter.send();
        let sent = self.client.put_item().table_name(&*self.name).set_item(Some(whole(resealing, &())?)).send().await;
        sent.map(drop).map_err(|error| StoreError::from_sdk(&error))
    }

    /// Forgets a re-sealing that came to its end.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn end_resealing(&self) -> Result<(), StoreError> {
        let _waiting = self.meter.send();
        let key = key_attributes(&access_patterns::resealing());
        let sent = self.client.delete_item().table_name(&*self.name).set_key(Some(key)).send().await;
        sent.map(drop).map_err(|error| StoreError::from_sdk(&error))
    }

    /// About how many items the table has: DynamoDB counts them every six hours.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be asked.
    pub async fn items_about(&self) -> Result<u64, StoreError> {
        let sent = self.client.describe_table().table_name(&*self.name).send().await;
        let described = sent.map_err(|error| StoreError::from_sdk(&error))?;
        let count = described.table.and_then(|table| table.item_count).unwrap_or(0);
        Ok(u64::try_from(count).unwrap_or(0))
    }
}
