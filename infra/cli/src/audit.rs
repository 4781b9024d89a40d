//! What the operator does leaves entries in the organization's audit trail too.

use domain::{
    AuditId,
    audit::{Action, Actor, AuditEntry, KEPT_DAYS},
};
use runtime::{Clock, env, random};
use store::{Table, Tenant};
use uuid::Uuid;

/// The longest name of an operator that is kept, in characters.
const MAX_NAME_CHARS: usize = 100;

/// The table for one act of the operator's: its first write that has an effect writes the entry too.
pub(crate) fn on(table: &Table, tenant: Tenant, action: Action, resource: Uuid) -> Table {
    let at = Clock::System.now();
    let name = env::optional("TRUNKLINE_OPERATOR").or_else(|| env::optional("USER"));
    let name = name.map_or_else(|| "unknown".to_owned(), |name| name.chars().take(MAX_NAME_CHARS).collect());
    let entry = AuditEntry {
        id: AuditId::new(at, random::bytes()),
        at,
        action,
        resource,
        actor: Actor::Operator(name),
        ip: None,
        request_id: None,
        changes: Vec::new(),
        expires_at: at.as_seconds() + i64::from(KEPT_DAYS) * 24 * 3600,
    };
    table.audited(tenant, entry)
}
