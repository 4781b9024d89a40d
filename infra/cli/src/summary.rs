//! The organizations of a table, one after the other, with what is cheap to know of each.

use domain::{Mode, OrgId, Timestamp};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use store::{Consistency, StoreError, Table, Tenant, access_patterns};

use crate::patience::patiently;

/// How many organizations are looked up at the same time.
const CONCURRENT: usize = 16;

/// An organization, or one that is being erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Its id.
    pub id: OrgId,
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// `active`, or `erasing` while its erasure has begun and not ended.
    pub status: &'static str,
    /// How many API keys it has that are not revoked.
    pub api_keys: u32,
    /// How many ended calls live data have.
    pub calls: i64,
    /// For how many days it keeps its calls; `None` for ever.
    pub call_retention_days: Option<u32>,
}

/// Shows every organization to `see`, oldest first, and then those that are being erased.
///
/// # Errors
/// [`StoreError`] if the table cannot be read.
pub async fn each(table: &Table, mut see: impl FnMut(Summary)) -> Result<(), StoreError> {
    let ids = patiently(|| table.organization_ids()).await?;
    let mut found = stream::iter(ids).map(|id| patiently(move || summary(table, id))).buffered(CONCURRENT);
    while let Some(summary) = found.try_next().await? {
        summary.into_iter().for_each(&mut see);
    }
    for id in patiently(|| table.erasing_ids()).await? {
        patiently(|| erasing(table, id)).await?.into_iter().for_each(&mut see);
    }
    Ok(())
}

/// `None` for one that is gone since it was listed.
async fn summary(table: &Table, id: OrgId) -> Result<Option<Summary>, StoreError> {
    let Some(organization) = table.get(access_patterns::organization(id), Consistency::Eventual).await? else { return Ok(None) };
    let keys = table.get(access_patterns::key_count(id), Consistency::Eventual).await?;
    let retention = table.get(access_patterns::retention(id), Consistency::Eventual).await?;
    Ok(Some(Summary {
        id,
        name: organization.name,
        created_at: organization.created_at,
        status: "active",
        api_keys: keys.map_or(0, |count| count.api_keys),
        calls: table.ended_calls(Tenant::new(id, Mode::Live)).await?,
        call_retention_days: retention.map(|retention| retention.days),
    }))
}

async fn erasing(table: &Table, id: OrgId) -> Result<Option<Summary>, StoreError> {
    let erasure = table.erasure(id).await?.filter(|erasure| erasure.ended_at.is_none());
    Ok(erasure.map(|erasure| Summary {
        id,
        name: erasure.name.unwrap_or_default(),
        created_at: erasure.created_at,
        status: "erasing",
        api_keys: 0,
        calls: 0,
        call_retention_days: None,
    }))
}
