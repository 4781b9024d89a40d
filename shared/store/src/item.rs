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
    /// The newest version that can be read: ahead of [`VERSION`](Self::VERSION) by one in the release before one that writes it.
    const READS: u8 = Self::VERSION;
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

    /// Gives attributes of version `from` the shape of the version after it. Every version but the newest is known here.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if there was no such version, or they are not of it.
    fn upgrade(_: Attributes, from: u8) -> Result<Attributes, StoreError> {
        Err(StoreError::corrupt(Self::KIND, format!("there is no version {from} of it")))
    }
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

/// Reads an item of any version, after checking that it is of the kind that was asked for.
pub(crate) fn read<I: Item>(attributes: Attributes) -> Result<I, StoreError> {
    match attributes.get(KIND) {
        Some(AttributeValue::S(kind)) if kind == I::KIND => I::from_attributes(upgraded::<I>(attributes)?),
        _ => Err(StoreError::corrupt(I::KIND, "the item is of another kind")),
    }
}

/// The attributes in the newest shape, step by step from the one in which they were written.
fn upgraded<I: Item>(attributes: Attributes) -> Result<Attributes, StoreError> {
    let written = match attributes.get(VERSION) {
        // Written by hand, or by what knew no versions yet.
        None => 1,
        Some(version) => version.as_n().ok().and_then(|version| version.parse::<u8>().ok()).unwrap_or(u8::MAX),
    };
    if written > I::READS {
        let newest = I::READS;
        return Err(StoreError::corrupt(I::KIND, format!("it was written in version {written}, and {newest} is the newest known here")));
    }
    (written..I::READS).try_fold(attributes, I::upgrade)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Keys;

    /// A thing whose one attribute was called `title` in version 1, and is called `name` since.
    #[derive(Debug, PartialEq, Eq)]
    struct Thing(String);

    impl Item for Thing {
        const KIND: &'static str = "thing";
        const VERSION: u8 = 2;
        type Scope = ();

        fn keys(&self, (): &()) -> Keys {
            Keys { attributes: Vec::new() }
        }

        fn to_attributes(&self) -> Result<Attributes, StoreError> {
            Ok([("name".to_owned(), AttributeValue::S(self.0.clone()))].into())
        }

        fn from_attributes(mut attributes: Attributes) -> Result<Self, StoreError> {
            match attributes.remove("name") {
                Some(AttributeValue::S(name)) => Ok(Self(name)),
                _ => Err(StoreError::corrupt(Self::KIND, "it has no name")),
            }
        }

        fn upgrade(mut attributes: Attributes, from: u8) -> Result<Attributes, StoreError> {
            match (from, attributes.remove("title")) {
                (1, Some(title)) => attributes.insert("name".to_owned(), title),
                _ => return Err(StoreError::corrupt(Self::KIND, "it was never so")),
            };
            Ok(attributes)
        }
    }

    fn stored(version: &str, attribute: &str) -> Attributes {
        let texts = [(KIND, "thing"), (attribute, "a")].map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned())));
        texts.into_iter().chain([(VERSION.to_owned(), AttributeValue::N(version.to_owned()))]).collect()
    }

    #[test]
    fn what_an_older_release_wrote_is_read_as_if_it_had_been_written_today() {
        assert_eq!(read::<Thing>(stored("1", "title")).unwrap(), Thing("a".to_owned()));
        let written = whole(&Thing("a".to_owned()), &()).unwrap();
        assert_eq!(written.get(VERSION), Some(&AttributeValue::N("2".to_owned())));
        assert_eq!(read::<Thing>(written).unwrap(), Thing("a".to_owned()));
        let mut first = stored("1", "title");
        first.remove(VERSION);
        assert_eq!(read::<Thing>(first).unwrap(), Thing("a".to_owned()));
    }

    #[test]
    fn what_a_newer_release_wrote_is_not_guessed_at() {
        for version in ["3", "255", "0", "x"] {
            let error = read::<Thing>(stored(version, "name")).unwrap_err();
            assert!(matches!(error, StoreError::Corrupt { kind: "thing", .. }), "{version}: {error}");
        }
    }
}
