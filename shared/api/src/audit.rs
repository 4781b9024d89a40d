//! What a request leaves in the audit trail: who acted, from where, in which request (ADR 0026).

use std::net::IpAddr;

use axum::extract::{FromRef, FromRequestParts};
use domain::{
    AuditId, Timestamp,
    audit::{Action, AuditEntry},
    idempotency::Birth,
};
use http::request::Parts;
use runtime::random;
use store::Table;
use uuid::Uuid;

use crate::{
    auth::{Caller, Gate, source},
    request_id::RequestId,
};

const SECONDS_A_DAY: i64 = 24 * 3600;

/// What is known of a request for the audit trail, before it is known what it does.
#[derive(Debug, Clone)]
pub struct Audit {
    id: AuditId,
    at: Timestamp,
    ip: Option<IpAddr>,
    request_id: Option<String>,
    kept_days: u32,
    changes: Vec<String>,
}

impl<S> FromRequestParts<S> for Audit
where
    Gate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let gate = Gate::from_ref(state);
        // All tries of a request with an idempotency key are one act, with one entry.
        let birth = parts.extensions.get::<Birth>().copied();
        let birth = birth.unwrap_or_else(|| Birth { at: gate.now(), bytes: random::bytes() });
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).filter(|id| !id.is_empty());
        let id = AuditId::new(birth.at, birth.bytes);
        Ok(Self { id, at: birth.at, ip: source(&parts.extensions), request_id, kept_days: gate.audit_days(), changes: Vec::new() })
    }
}

impl Audit {
    /// With the names of the settings that a change names.
    #[must_use]
    pub fn naming(self, changes: Vec<&'static str>) -> Self {
        Self { changes: changes.into_iter().map(str::to_owned).collect(), ..self }
    }

    /// The table for this act: its first write that has an effect writes the entry too.
    #[must_use]
    pub fn on(self, table: &Table, caller: &Caller, action: Action, resource: Uuid) -> Table {
        let expires_at = self.at.as_seconds() + i64::from(self.kept_days) * SECONDS_A_DAY;
        let Self { id, at, ip, request_id, changes, .. } = self;
        let entry = AuditEntry { id, at, action, resource, actor: caller.principal.into(), ip, request_id, changes, expires_at };
        table.audited(caller.tenant, entry)
    }
}
