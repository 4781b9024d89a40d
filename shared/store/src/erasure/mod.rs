//! An organization erased: everything of it goes but a mark that says so and nothing else.
//!
//! The mark takes the organization's place at one stroke, and from then on the organization does not exist. Its keys go next.
//! Processes believe for a while what they read before: what they still write is erased with the rest, so whoever erases
//! waits for them before the walk that has to find everything (ADR 0027). Each step can be done again.

mod partitions;
mod walk;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
use domain::{OrgId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{serde_item, whole},
    keys::{Gsi1, Index as _, Keys, part_of},
    table::{Consistency, Table, key_attributes},
    transaction::Outcome,
    update::Changed,
};

pub use walk::{Found, Mention, Mentions, Treatment};

/// The mark of an organization that is being erased, or was. It stays for ever: what comes late must find it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The organization.
    pub organization_id: OrgId,
    /// Its name, until everything is erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When the organization was created.
    pub created_at: Timestamp,
    /// Since when it does not exist.
    pub begun_at: Timestamp,
    /// Since when nobody can act for it but by what a process remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// When everything was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

serde_item!(Erasure, "erasure", (), |erasure, _none| {
    let keys = Keys::primary(access_patterns::erasure(erasure.organization_id));
    match erasure.ended_at {
        None => keys.listed_in(access_patterns::erasures(), &erasure.organization_id),
        Some(_) => keys,
    }
});

/// How often an organization is looked at anew when it changed in between.
const TRIES: usize = 5;

impl Table {
    /// The mark of an organization that is being erased, or was, as it is now; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn erasure(&self, org: OrgId) -> Result<Option<Erasure>, StoreError> {
        self.get(access_patterns::erasure(org), Consistency::Strong).await
    }

    /// The organizations whose erasure has not ended. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the index cannot be read.
    pub async fn erasing_ids(&self) -> Result<Vec<OrgId>, StoreError> {
        let rows = self.all_items(self.query(access_patterns::erasures())).await?;
        Ok(rows.iter().filter_map(|row| part_of(row.get(Gsi1::SK)?.as_s().ok()?)).collect())
    }

    /// Puts the mark into an organization's place; one that is there stays. The mark, and whether it is new; `None` if there
    /// is no such organization.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn begin_erasure(&self, org: OrgId, now: Timestamp) -> Result<Option<(Erasure, bool)>, StoreError> {
        for _ in 0..TRIES {
            if let Some(erasure) = self.erasure(org).await? {
                return Ok(Some((erasure, false)));
            }
            let key = access_patterns::organization(org);
            let Some(seen) = self.get(access_patterns::organization(org), Consistency::Strong).await? else { return Ok(None) };
            let erasure = Erasure {
                organization_id: org,
                name: Some(seen.name),
                created_at: seen.created_at,
                begun_at: now,
                closed_at: None,
                ended_at: None,
            };
            let gone = Delete::builder().table_name(&*self.name).set_key(Some(key_attributes(&key)));
            let writes = vec![
                TransactWriteItem::builder().delete(built(gone.condition_expression("attribute_exists(pk)").build())?).build(),
                TransactWriteItem::builder().put(self.put_new(whole(&erasure, &())?)?).build(),
            ];
            if let Outcome::Done = self.transact(writes).await? {
                return Ok(Some((erasure, true)));
            }
        }
        Err(StoreError::Unavailable("the organization keeps being changed by others".to_owned()))
    }

    /// Takes away everything by which somebody can act for an organization that is being erased, and notes when that was
    /// done first. The mark, and what was erased.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or written, or if there is no mark.
    pub async fn close_organization(&self, org: OrgId, now: Timestamp) -> Result<(Erasure, Found), StoreError> {
        self.let_no_more_keys_in(org).await?;
        let found = self.erase_access(org).await?;
        let mut set = SetExpression::default();
        set.set_once("closed_at", AttributeValue::S(now.to_string()));
        Ok((self.mark(org, &set).await?, found))
    }

    /// Notes that everything of an organization was erased; its name goes too.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if there is no mark.
    pub async fn end_erasure(&self, org: OrgId, now: Timestamp) -> Result<Erasure, StoreError> {
        let mut set = SetExpression::default();
        set.set_once("ended_at", AttributeValue::S(now.to_string()));
        ["name", Gsi1::PK, Gsi1::SK].into_iter().for_each(|name| set.remove(name));
        self.mark(org, &set).await
    }

    async fn mark(&self, org: OrgId, set: &SetExpression) -> Result<Erasure, StoreError> {
        match self.update(access_patterns::erasure(org), set, Some("attribute_exists(pk)")).await? {
            Changed::Done(erasure) => Ok(erasure),
            Changed::Refused(_) => Err(StoreError::Refused("the organization is not being erased".to_owned())),
        }
    }
}
