//! Members of an organization: users, and what their role lets them do.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    OrgId, Timestamp, UserId,
    scope::{Scope, Scopes},
};

/// The most organizations that one user is a member of: a process remembers them all.
pub const MAX_ORGANIZATIONS: usize = 100;

/// What a user is in an organization. It alone decides what the user may do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Does everything. An organization that has members keeps one of these.
    Owner,
    /// Does everything.
    Admin,
    /// Reads, but no secret and not the audit trail.
    Member,
}

impl Role {
    /// Every role there is.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Admin, Self::Member];

    /// The role's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
        }
    }

    /// What the role lets a user do, in the terms of API keys. A secret needs the scope that writes what it belongs to.
    #[must_use]
    pub fn scopes(self) -> Scopes {
        let all = Scope::ALL.iter().copied();
        match self {
            Self::Owner | Self::Admin => all.collect(),
            Self::Member => all.filter(|scope| scope.as_str().ends_with(":read") && *scope != Scope::AuditRead).collect(),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no role.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be owner, admin or member")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// That a user belongs to an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The user.
    pub user_id: UserId,
    /// The organization.
    pub organization_id: OrgId,
    /// What the user is there.
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
    /// When the role last changed.
    pub updated_at: Timestamp,
}

impl Member {
    /// A user who joins now.
    #[must_use]
    pub const fn new(user_id: UserId, organization_id: OrgId, role: Role, now: Timestamp) -> Self {
        Self { user_id, organization_id, role, created_at: now, updated_at: now }
    }

    /// What a user's memberships are sorted by: the oldest first, of several as old the one with the smaller id. The first
    /// is meant where a request names none.
    #[must_use]
    pub const fn place(&self) -> (Timestamp, OrgId) {
        (self.created_at, self.organization_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_reads_all_but_the_audit_trail_and_writes_nothing() {
        let names: Vec<&str> = Role::Member.scopes().iter().map(|scope| scope.as_str()).collect();
        assert_eq!(names, ["numbers:read", "endpoints:read", "calls:read", "webhooks:read", "telephony:read", "api-keys:read"]);
    }

    #[test]
    fn owners_and_admins_may_do_everything() {
        for role in [Role::Owner, Role::Admin] {
            assert_eq!(role.scopes().len(), Scope::ALL.len(), "{role}");
        }
    }

    #[test]
    fn a_role_is_read_back_and_nothing_else_is_one() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        for wrong in ["", "Owner", "owners", "service_role"] {
            assert_eq!(wrong.parse::<Role>(), Err(UnknownRole), "{wrong}");
        }
    }
}
