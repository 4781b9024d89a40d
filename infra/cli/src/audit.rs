//! What the operator does leaves entries too: in the organization's audit trail, and what is of no organization or outlives
//! it in the operator's own.

use anyhow::{Context as _, ensure};
use domain::{
    AuditId,
    audit::{Action, Actor, AuditEntry, KEPT_DAYS},
};
use runtime::{Clock, env, random};
use store::{Table, Tenant};
use uuid::Uuid;

/// The longest name of an operator that is kept, in characters.
const MAX_NAME_CHARS: usize = 100;

/// For how many days an entry may be kept, as the template has it.
const DAYS: std::ops::RangeInclusive<u32> = 1..=3650;

/// The setting that says what the stack's parameter `AuditDays` says.
const AUDIT_DAYS: &str = "TRUNKLINE_AUDIT_DAYS";

/// The table for one act of the operator's: its first write that has an effect writes the entry too.
///
/// # Errors
/// If `TRUNKLINE_AUDIT_DAYS` is no number of days.
pub fn on(table: &Table, tenant: Tenant, action: Action, resource: Uuid) -> anyhow::Result<Table> {
    let kept_days = kept_days(env::optional(AUDIT_DAYS).as_deref())?;
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
        expires_at: at.as_seconds() + i64::from(kept_days) * 24 * 3600,
    };
    Ok(table.audited(tenant, entry))
}

fn kept_days(text: Option<&str>) -> anyhow::Result<u32> {
    let Some(text) = text else { return Ok(KEPT_DAYS) };
    let days = text.parse().with_context(|| format!("{AUDIT_DAYS} is no number of days: {text}"))?;
    ensure!(DAYS.contains(&days), "{AUDIT_DAYS} must be from {} to {}", DAYS.start(), DAYS.end());
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_kept_as_long_as_the_deployment_says() {
        assert_eq!((kept_days(None).unwrap(), kept_days(Some("30")).unwrap()), (365, 30));
        for wrong in ["", "0", "3651", "-1", "a year"] {
            assert!(kept_days(Some(wrong)).unwrap_err().to_string().contains("TRUNKLINE_AUDIT_DAYS"), "{wrong}");
        }
    }
}
