//! API keys: the item that is looked up by the key's hash, the record by which its organization knows it, and their count.
//!
//! The first decides at each request whether a key is honoured, and one read finds it. The second is listed and found by
//! id, and alone tells when the key was last used. What stands in both changes in one transaction (ADR 0022).

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
use domain::{
    KeyId, OrgId, Timestamp,
    api_key::{ApiKey, ApiKeyText, KeyHash, KeyRecord, REVOKED_KEPT_SECONDS},
    limits::Counted,
};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    counting::{Step, most_reached},
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{EXPIRES_AT, Item as _, read, serde_item, whole},
    keys::{Keys, Tenant},
    table::{Consistency, Table, key_attributes},
    transaction::Outcome,
};

serde_item!(ApiKey, "api_key", KeyHash, |_key, hash| Keys::primary(access_patterns::api_key(*hash)));

serde_item!(KeyRecord, "key_record", (), |record, _scope| Keys::primary(access_patterns::key_record(
    record.key.organization_id,
    record.key.id
)));

/// How many keys of an organization are not revoked: what keeps their number within its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCount {
    /// How many.
    #[serde(default)]
    pub api_keys: u32,
    /// How many there may be, if the operator said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
}

serde_item!(KeyCount, "key_count", OrgId, |_count, org| Keys::primary(access_patterns::key_count(*org)));

/// What became of a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateApiKey {
    /// It is there.
    Done,
    /// One with this id was there before: this one.
    Exists(Box<KeyRecord>),
    /// There are as many as there may be: so many.
    TooMany {
        /// The most that there may be.
        most: u32,
    },
}

/// Attributes of a key that change while it lives.
const CHANGEABLE: [&str; 6] = ["name", "scopes", "allowed_ips", "valid_until", "revoked_at", "updated_at"];

/// A count that leaves no room for ever, whatever is revoked.
const CLOSED: u32 = 1_000_000_000;

/// How often a key is erased anew when it changed in between.
const TRIES: usize = 5;

/// Uses that follow one another more closely than this are not noted, in milliseconds.
const USE_MILLIS: i64 = 60_000;

impl Table {
    /// Stores what is known of a new key, if there is room for one more.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if the hash is taken, which only a broken source of
    /// randomness can bring about.
    pub async fn create_api_key(&self, record: &KeyRecord) -> Result<CreateApiKey, StoreError> {
        let writes = vec![
            TransactWriteItem::builder().put(self.put_new(whole(record, &())?)?).build(),
            TransactWriteItem::builder().put(self.put_new(whole(&record.key, &record.key_hash)?)?).build(),
            self.count(keys_of(&record.key), Counted::Keys, Step::Up)?,
        ];
        let Outcome::Refused(reasons) = self.transact(writes).await? else { return Ok(CreateApiKey::Done) };
        if let Some(existing) = Outcome::failed(&reasons, 0) {
            return Ok(CreateApiKey::Exists(Box::new(read(existing.item.clone().unwrap_or_default())?)));
        }
        match (Outcome::failed(&reasons, 1), most_reached(&reasons, 2, Counted::Keys)) {
            (None, Some(most)) => Ok(CreateApiKey::TooMany { most }),
            _ => Err(StoreError::Refused("a key with this hash exists".to_owned())),
        }
    }

    /// Looks a key up by its hash, as it is now; `None` if none was issued with it.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn api_key(&self, hash: KeyHash) -> Result<Option<ApiKey>, StoreError> {
        self.get(access_patterns::api_key(hash), Consistency::Strong).await
    }

    /// One key of the caller's organization, of live or test data, as it is now.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn key_record(&self, of: Tenant, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        self.get(access_patterns::key_record(of.org(), id), Consistency::Strong).await
    }

    /// All keys of the caller's organization, of live and test data, newest first, those among them that were revoked not long ago.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn key_records(&self, of: Tenant) -> Result<Vec<KeyRecord>, StoreError> {
        let mut records = self.list(access_patterns::api_keys(of.org())).await?;
        records.reverse();
        Ok(records)
    }

    /// Writes a key as it shall be if nobody changed it since it was read and it is not revoked; revoking it makes room
    /// for another. False if somebody was faster.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn replace_api_key(&self, seen: &KeyRecord, key: &ApiKey) -> Result<bool, StoreError> {
        let mut on_record = settings(key)?;
        let unchanged = unchanged_since(&mut on_record, seen);
        let mut writes = vec![
            self.update_write(&access_patterns::key_record(key.organization_id, key.id), &on_record, unchanged)?,
            self.update_write(&access_patterns::api_key(seen.key_hash), &settings(key)?, "attribute_exists(pk)")?,
        ];
        if key.revoked_at.is_some() {
            writes.push(self.count(keys_of(key), Counted::Keys, Step::Down)?);
        }
        Ok(matches!(self.transact(writes).await?, Outcome::Done))
    }

    /// Puts another key into the place of one that nobody was shown; the one before opens nothing any more. `None` if
    /// somebody was faster.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn remint_api_key(&self, seen: &KeyRecord, text: &ApiKeyText) -> Result<Option<KeyRecord>, StoreError> {
        let renewed = KeyRecord { last_used_at: seen.last_used_at, ..KeyRecord::new(seen.key.clone(), text) };
        let mut set = SetExpression::default();
        set.set("key_hash", AttributeValue::S(renewed.key_hash.to_string()));
        set.set("hint", AttributeValue::S(renewed.hint.clone()));
        let unchanged = unchanged_since(&mut set, seen);
        let before = Delete::builder().table_name(&*self.name).set_key(Some(key_attributes(&access_patterns::api_key(seen.key_hash))));
        let writes = vec![
            self.update_write(&access_patterns::key_record(seen.key.organization_id, seen.key.id), &set, unchanged)?,
            TransactWriteItem::builder().delete(built(before.build())?).build(),
            TransactWriteItem::builder().put(self.put_new(whole(&renewed.key, &renewed.key_hash)?)?).build(),
        ];
        Ok(matches!(self.transact(writes).await?, Outcome::Done).then_some(renewed))
    }

    /// Notes that a key was used, unless a use within the last minute is noted already.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn note_key_use(&self, org: OrgId, id: KeyId, now: Timestamp) -> Result<(), StoreError> {
        let mut set = SetExpression::default();
        set.set("last_used_at", AttributeValue::S(now.to_string()));
        set.value(":before", AttributeValue::S(now.plus_millis(-USE_MILLIS).to_string()));
        let due = "attribute_exists(pk) AND (attribute_not_exists(last_used_at) OR last_used_at <= :before)";
        self.update(access_patterns::key_record(org, id), &set, Some(due)).await.map(drop)
    }

    /// Has no key of an organization made any more: there is no room for one.
    pub(crate) async fn let_no_more_keys_in(&self, org: OrgId) -> Result<(), StoreError> {
        self.put(&KeyCount { api_keys: CLOSED, most: None }, &org).await
    }

    /// Removes both items of a key, whatever becomes of it meanwhile. Doing it again changes nothing.
    pub(crate) async fn erase_key(&self, org: OrgId, id: KeyId) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let record: Option<KeyRecord> = self.get(access_patterns::key_record(org, id), Consistency::Strong).await?;
            let Some(seen) = record else { return Ok(()) };
            let delete = |key| Delete::builder().table_name(&*self.name).set_key(Some(key));
            let record = delete(key_attributes(&access_patterns::key_record(org, id)))
                .condition_expression("key_hash = :hash")
                .expression_attribute_values(":hash", AttributeValue::S(seen.key_hash.to_string()));
            let writes = [record, delete(key_attributes(&access_patterns::api_key(seen.key_hash)))];
            let writes = writes.map(|delete| Ok(TransactWriteItem::builder().delete(built(delete.build())?).build()));
            // Refused: another hash came into its place.
            if let Outcome::Done = self.transact(writes.into_iter().collect::<Result<_, StoreError>>()?).await? {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable("the key keeps being changed by others".to_owned()))
    }
}

/// Whose key it is.
const fn keys_of(key: &ApiKey) -> Tenant {
    Tenant::new(key.organization_id, key.mode)
}

/// The condition that a record is as it was seen, and not revoked.
fn unchanged_since(set: &mut SetExpression, seen: &KeyRecord) -> &'static str {
    set.value(":seen", AttributeValue::S(seen.key.updated_at.to_string()));
    set.value(":hash", AttributeValue::S(seen.key_hash.to_string()));
    "updated_at = :seen AND key_hash = :hash AND attribute_not_exists(revoked_at)"
}

/// What of a key changes while it lives; a revoked one is removed some time later.
fn settings(key: &ApiKey) -> Result<SetExpression, StoreError> {
    let mut attributes = key.to_attributes()?;
    let mut set = SetExpression::default();
    for name in CHANGEABLE {
        match attributes.remove(name) {
            Some(value) => set.set(name, value),
            None => set.remove(name),
        }
    }
    if let Some(revoked_at) = key.revoked_at {
        set.set(EXPIRES_AT, AttributeValue::N((revoked_at.as_seconds() + REVOKED_KEPT_SECONDS).to_string()));
    }
    Ok(set)
}
