//! Organizations: the tenants. An index lists them; whether one exists is asked of the table.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::{OrgId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    item::{Attributes, Item as _, KIND, read, serde_item},
    keys::{Gsi1, Index as _, Keys, Primary, part_of},
    resealing::TableKey,
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

serde_item!(Organization, "organization", (), |organization, _none| Keys::primary(access_patterns::organization(organization.id))
    .listed_in(access_patterns::organizations(), &organization.id));

/// Whether an organization may have anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It exists.
    Open,
    /// It is being erased, or was: nothing of it may come back.
    Erased,
    /// There never was one with this id.
    Unknown,
}

/// A part of the walk that lists organizations anew.
#[derive(Debug)]
pub struct Listed {
    /// How many came into the list.
    pub added: u64,
    /// How many items were looked at.
    pub items: u64,
    /// Where the walk goes on; `None` at its end.
    pub next: Option<TableKey>,
}

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

    /// Whether an organization exists. One that was only just created is found; that one was erased may be missed in the
    /// first moment.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn standing(&self, org: OrgId) -> Result<Standing, StoreError> {
        if self.get(access_patterns::organization(org), Consistency::EventualIfThere).await?.is_some() {
            return Ok(Standing::Open);
        }
        Ok(match self.erasure(org).await? {
            Some(_) => Standing::Erased,
            None => Standing::Unknown,
        })
    }

    /// The ids of all organizations, oldest first. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the index cannot be read.
    pub async fn organization_ids(&self) -> Result<Vec<OrgId>, StoreError> {
        let rows = self.all_items(self.query(access_patterns::organizations())).await?;
        Ok(rows.iter().filter_map(|row| part_of(row.get(Gsi1::SK)?.as_s().ok()?)).collect())
    }

    /// Puts organizations into the list that were created before there was one, among the next `limit` items of the table.
    /// Doing it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or written.
    pub async fn list_organizations_anew(&self, after: Option<&TableKey>, limit: i32) -> Result<Listed, StoreError> {
        let waiting = self.meter.send();
        let output = self
            .client
            .scan()
            .table_name(&*self.name)
            .limit(limit)
            .filter_expression("#kind = :kind AND attribute_not_exists(#listed)")
            .expression_attribute_names("#kind", KIND)
            .expression_attribute_names("#listed", Gsi1::PK)
            .expression_attribute_values(":kind", AttributeValue::S(Organization::KIND.to_owned()))
            .set_exclusive_start_key(after.map(TableKey::attributes))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        drop(waiting);
        self.meter.read(output.consumed_capacity.as_slice());
        for item in output.items() {
            self.list_organization(item.clone()).await?;
        }
        let next = output.last_evaluated_key().and_then(TableKey::of);
        let added = u64::try_from(output.items().len()).unwrap_or(0);
        Ok(Listed { added, items: u64::try_from(output.scanned_count).unwrap_or(0), next })
    }

    async fn list_organization(&self, item: Attributes) -> Result<(), StoreError> {
        let organization: Organization = read(item)?;
        let mut set = SetExpression::default();
        for (name, value) in organization.keys(&()).attributes.into_iter().filter(|(name, _)| ![Primary::PK, Primary::SK].contains(name)) {
            set.set(name, AttributeValue::S(value));
        }
        self.update(access_patterns::organization(organization.id), &set, Some("attribute_exists(pk)")).await.map(drop)
    }
}
