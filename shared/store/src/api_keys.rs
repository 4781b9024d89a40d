//! API keys, found by their hash.

use domain::api_key::{ApiKey, KeyHash};

use crate::{
    access_patterns,
    error::StoreError,
    item::serde_item,
    keys::Keys,
    table::{Consistency, Created, Table},
};

serde_item!(ApiKey, "api_key", KeyHash, |key, hash| Keys::primary(access_patterns::api_key(*hash))
    .listed_in(access_patterns::keys_of(key.organization_id), &key.id));

impl Table {
    /// Stores what is known of a new key under its hash.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if the hash is taken, which only a broken source of
    /// randomness can bring about.
    pub async fn create_api_key(&self, hash: KeyHash, key: &ApiKey) -> Result<(), StoreError> {
        match self.create(key, &hash).await? {
            Created::New => Ok(()),
            Created::Exists(_) => Err(StoreError::Refused("a key with this hash exists".to_owned())),
        }
    }

    /// Looks a key up by its hash; `None` if none was issued with it. Eventually consistent: a key works within a
    /// second of its creation.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn api_key(&self, hash: KeyHash) -> Result<Option<ApiKey>, StoreError> {
        self.get(access_patterns::api_key(hash), Consistency::Eventual).await
    }
}
