//! Calls whose source gave them no id with a time: where such a name leads is decided once, by whoever comes first.

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::{CallId, Timestamp, call::CallAlias};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    inventory::built,
    item::{EXPIRES_AT, serde_item, whole},
    keys::{Keys, Segment, Tenant},
    table::{Consistency, Created, Table},
};

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedCall {
    /// The name.
    pub alias: CallAlias,
    /// The id under which the call is stored.
    pub id: CallId,
}

serde_item!(NamedCall, "named_call", Tenant, |named, tenant| Keys::primary(access_patterns::named_call(
    tenant.org(),
    tenant.mode(),
    &named.alias
)));

/// A carrier may write the separator into its ids, so a key holds the name's bytes in hexadecimal.
impl Segment for &CallAlias {
    fn segment(&self) -> String {
        hex::encode(self.as_str())
    }
}

impl Table {
    /// Has the name of a deleted call lead to its tombstone for as long as that stays, and no longer.
    pub(crate) fn bury_name(
        &self,
        tenant: Tenant,
        alias: &CallAlias,
        id: CallId,
        expires_at: i64,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item = whole(&NamedCall { alias: alias.clone(), id }, &tenant)?;
        item.insert(EXPIRES_AT.to_owned(), AttributeValue::N(expires_at.to_string()));
        let put = Put::builder().table_name(&*self.name).set_item(Some(item)).build();
        Ok(TransactWriteItem::builder().put(built(put)?).build())
    }

    /// The id under which a call is stored that its source knows by a name; `None` if nothing was heard of it.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn named_call(&self, tenant: Tenant, alias: &CallAlias) -> Result<Option<CallId>, StoreError> {
        let key = access_patterns::named_call(tenant.org(), tenant.mode(), alias);
        Ok(self.get(key, Consistency::EventualIfThere).await?.map(|named| named.id))
    }

    /// The same, and decided now if nothing was heard of the call: by the time of the event that tells of it.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or written.
    pub async fn name_call(&self, tenant: Tenant, alias: &CallAlias, at: Timestamp) -> Result<CallId, StoreError> {
        let key = access_patterns::named_call(tenant.org(), tenant.mode(), alias);
        match self.get(key, Consistency::Eventual).await? {
            Some(named) => Ok(named.id),
            None => self.name_new_call(tenant, alias, at).await,
        }
    }

    /// The same in one round trip, for a call of which nothing was heard yet, as a rule.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn name_new_call(&self, tenant: Tenant, alias: &CallAlias, at: Timestamp) -> Result<CallId, StoreError> {
        let named = NamedCall { alias: alias.clone(), id: alias.stored_id(at) };
        Ok(match self.create(&named, &tenant).await? {
            Created::New => named.id,
            Created::Exists(first) => first.id,
        })
    }
}
