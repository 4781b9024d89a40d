//! Entries of the audit trail as clients see them.

use std::net::IpAddr;

use serde::Serialize;
use uuid::Uuid;

use crate::{
    AuditId, OrgId, Timestamp,
    audit::{self, Actor},
};

/// One thing that was done. Every field is always present, null when unset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// When it was done.
    pub at: Timestamp,
    /// What was done, such as `endpoint.created`.
    pub action: &'static str,
    /// To what.
    pub resource: AuditResource,
    /// By whom.
    pub principal: AuditPrincipal,
    /// From which address.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub ip: Option<IpAddr>,
    /// In which request.
    pub request_id: Option<String>,
    /// The names of the settings that the request named.
    pub changes: Vec<String>,
    /// Whose trail it is.
    pub organization_id: OrgId,
}

/// What something was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditResource {
    /// Its type, such as `endpoint`.
    #[serde(rename = "type")]
    pub resource_type: &'static str,
    /// Its id.
    pub id: Uuid,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditPrincipal {
    /// `key`, `user` or `operator`.
    #[serde(rename = "type")]
    pub principal_type: &'static str,
    /// The id of the key or user.
    pub id: Option<Uuid>,
    /// The name of an operator.
    pub name: Option<String>,
}

impl AuditEntry {
    /// An entry of this organization's trail.
    #[must_use]
    pub fn new(entry: audit::AuditEntry, organization_id: OrgId) -> Self {
        let (principal_type, id, name) = match entry.actor {
            Actor::Key(id) => ("key", Some(id), None),
            Actor::User(id) => ("user", Some(id), None),
            Actor::Operator(name) => ("operator", None, Some(name)),
        };
        Self {
            id: entry.id,
            at: entry.at,
            action: entry.action.as_str(),
            resource: AuditResource { resource_type: entry.action.resource_type(), id: entry.resource },
            principal: AuditPrincipal { principal_type, id, name },
            ip: entry.ip,
            request_id: entry.request_id,
            changes: entry.changes,
            organization_id,
        }
    }
}
