//! From a domain type to an item of the table and back.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::StoreError,
    keys::{Index as _, Keys, Primary},
};

/// An item as the SDK carries it.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// The attribute that tells what sort of item it is.
pub(crate) const KIND: &str = "kind";

/// The attribute that tells in which version of its shape the item was written.
pub(crate) const VERSION: &str = "v";

/// The attribute by which the table's TTL removes an item: seconds since 1970.
pub(crate) const EXPIRES_AT: &str = "expires_at";

/// What the table can hold: a type with a kind, a version and one function that makes all its keys.
pub trait Item: Sized {
    /// The kind's name, stored with each item and checked at each read.
    const KIND: &'static str;
    /// The version in which items are written today; older ones stay readable.
    const VERSION: u8 = 1;
    /// What the keys need that the item itself does not carry.
    type Scope;

    /// All keys of the item.
    fn keys(&self, scope: &Self::Scope) -> Keys;

    /// The item's own attributes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a value cannot be stored.
    fn to_attributes(&self) -> Result<Attributes, StoreError>;

    /// Reads the item from its attributes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if they are not what was written.
    fn from_attributes(attributes: Attributes) -> Result<Self, StoreError>;
}

/// Everything that is written for an item: its attributes, kind, version and keys.
pub(crate) fn whole<I: Item>(item: &I, scope: &I::Scope) -> Result<Attributes, StoreError> {
    let mut attributes = item.to_attributes()?;
    attributes.insert(KIND.to_owned(), AttributeValue::S(I::KIND.to_owned()));
    attributes.insert(VERSION.to_owned(), AttributeValue::N(I::VERSION.to_string()));
    for (name, value) in item.keys(scope).attributes {
        attributes.insert(name.to_owned(), AttributeValue::S(value));
    }
    Ok(attributes)
}

/// Reads an item after checking that it is of the kind that was asked for.
pub(crate) fn read<I: Item>(attributes: Attributes) -> Result<I, StoreError> {
    match attributes.get(KIND) {
        Some(AttributeValue::S(kind)) if kind == I::KIND => I::from_attributes(attributes),
        _ => Err(StoreError::corrupt(I::KIND, "the item is of another kind")),
    }
}

/// A type's attributes by its serde form.
pub(crate) fn to_serde<T: Serialize>(kind: &'static str, value: &T) -> Result<Attributes, StoreError> {
    serde_dynamo::to_item(value).map_err(|error| StoreError::corrupt(kind, error))
}

/// A type by its serde form; attributes that it does not know (keys, kind) are passed over.
pub(crate) fn from_serde<T: DeserializeOwned>(kind: &'static str, attributes: Attributes) -> Result<T, StoreError> {
    serde_dynamo::from_item(attributes).map_err(|error| StoreError::corrupt(kind, error))
}

/// The last part of an item's sort key: its id.
pub(crate) fn last_of_key(attributes: &Attributes) -> Option<String> {
    let key = attributes.get(Primary::SK)?.as_s().ok()?;
    key.rsplit_once('#').map(|(_, last)| last.to_owned())
}

/// Implements [`Item`] for a type that is stored in its serde form.
macro_rules! serde_item {
    ($type:ty, $kind:literal, $scope:ty, |$item:ident, $in:ident| $keys:expr) => {
        impl crate::item::Item for $type {
            const KIND: &'static str = $kind;
            type Scope = $scope;

            fn keys(&self, $in: &$scope) -> crate::keys::Keys {
                let $item = self;
                $keys
            }

            fn to_attributes(&self) -> Result<crate::item::Attributes, crate::StoreError> {
                crate::item::to_serde($kind, self)
            }

            fn from_attributes(attributes: crate::item::Attributes) -> Result<Self, crate::StoreError> {
                crate::item::from_serde($kind, attributes)
            }
        }
    };
}

pub(crate) use serde_item;
