//! Organizations: the tenants.

use domain::{OrgId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    item::serde_item,
    keys::Keys,
    table::{Consistency, Created, Table},
};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// Its name for people.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
}

serde_item!(Organization, "organization", (), |organization, _none| Keys::primary(access_patterns::organization(organization.id)));

impl Table {
    /// Reads an organization.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn organization(&self, id: OrgId) -> Result<Option<Organization>, StoreError> {
        self.get(access_patterns::organization(id), Consistency::EventualIfThere).await
    }

    /// Creates an organization. Creating one whose id exists leaves the existing one alone and returns it.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn create_organization(&self, organization: &Organization) -> Result<Organization, StoreError> {
        Ok(match self.create(organization, &()).await? {
            Created::New => organization.clone(),
            Created::Exists(existing) => existing,
        })
    }
}
