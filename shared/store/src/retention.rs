//! How long organizations keep their calls, and how far the sweep of older ones came.
//!
//! Those that keep them for ever have no item. The items of all others lie in one partition, so that a sweep asks for
//! nobody else.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{CallId, Mode, OrgId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    item::{Item as _, KIND, VERSION, serde_item},
    keys::{Bound, Keys, Tenant},
    lists::ListedCall,
    table::{Consistency, Table},
};

/// How long an organization keeps its calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// The organization.
    pub organization_id: OrgId,
    /// How many days after its beginning a call goes, if it is over.
    pub days: u32,
    /// When that was decided.
    pub updated_at: Timestamp,
    /// How far the sweep of live data came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    live: Option<Swept>,
    /// How far the sweep of test data came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test: Option<Swept>,
}

serde_item!(Retention, "retention", (), |retention, _none| Keys::primary(access_patterns::retention(retention.organization_id)));

/// How far a walk through the list of calls came, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// When the walk began.
    pub begun_at: Timestamp,
    /// After which call it goes on; `None` at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<CallId>,
}

impl Retention {
    /// How far the sweep of a data set came; `None` if it never began.
    #[must_use]
    pub const fn swept(&self, mode: Mode) -> Option<Swept> {
        match mode {
            Mode::Live => self.live,
            Mode::Test => self.test,
        }
    }
}

impl Table {
    /// Has an organization keep its calls for so many days, or for ever.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn set_retention(&self, org: OrgId, days: Option<u32>, now: Timestamp) -> Result<(), StoreError> {
        let Some(days) = days else { return self.delete(access_patterns::retention(org)).await };
        let mut set = SetExpression::default();
        set.set(KIND, AttributeValue::S(Retention::KIND.to_owned()));
        set.set(VERSION, AttributeValue::N(Retention::VERSION.to_string()));
        set.set("organization_id", AttributeValue::S(org.to_string()));
        set.set("days", AttributeValue::N(days.to_string()));
        set.set("updated_at", AttributeValue::S(now.to_string()));
        // What was kept may be too old by now, and lies before where a walk stands.
        Mode::ALL.iter().for_each(|mode| set.remove(mode.as_str()));
        self.update(access_patterns::retention(org), &set, None).await.map(drop)
    }

    /// How long an organization keeps its calls; `None` for ever.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn retention(&self, org: OrgId) -> Result<Option<Retention>, StoreError> {
        self.get(access_patterns::retention(org), Consistency::Strong).await
    }

    /// The organizations that do not keep their calls for ever.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn retentions(&self) -> Result<Vec<Retention>, StoreError> {
        self.list(access_patterns::retentions()).await
    }

    /// Notes how far a sweep came, unless something else was decided since.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn note_swept(&self, retention: &Retention, mode: Mode, swept: Swept) -> Result<(), StoreError> {
        let value = serde_dynamo::to_attribute_value(swept).map_err(|error| StoreError::corrupt(Retention::KIND, error))?;
        let mut set = SetExpression::default();
        set.set(mode.as_str(), value);
        set.value(":decided", AttributeValue::S(retention.updated_at.to_string()));
        self.update(access_patterns::retention(retention.organization_id), &set, Some("updated_at = :decided")).await.map(drop)
    }

    /// The entries of ended calls that began before a time, oldest first, those of deleted calls among them, which show
    /// nothing. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn calls_before(
        &self,
        tenant: Tenant,
        before: Timestamp,
        after: Option<CallId>,
        limit: usize,
    ) -> Result<Vec<ListedCall>, StoreError> {
        let list = access_patterns::listed_calls(tenant.org(), tenant.mode());
        let (from, until) = (after.map(Bound::after), Bound::at(before));
        self.range(list.between(from.as_ref().map(Bound::as_str), Some(until.as_str())), false, limit).await
    }
}
