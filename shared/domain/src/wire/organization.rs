//! Organizations as their members see them.

use serde::Serialize;

use crate::{OrgId, Timestamp, member::Role};

/// An organization that the caller may act for. Every field is always present, null when unset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Organization {
    /// Its id.
    pub id: OrgId,
    /// Its name for people.
    pub name: String,
    /// What the user is there; null for an API key, which is of no role.
    pub role: Option<Role>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Since when the user is a member; null for an API key.
    pub member_since: Option<Timestamp>,
}
