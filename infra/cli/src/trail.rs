//! `trunkline audit`: an audit trail, read.

use clap::Args;
use domain::{Mode, OrgId, audit::AuditFilter, wire};
use serde_json::json;
use store::{Table, Tenant};

use crate::patience::patiently;

/// How many entries are looked at in one request.
const PAGE: usize = 100;

/// Prints who did what, newest first: in an organization, or what the operator did that is of none.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The organization; without it the operator's own trail, of what is no organization's or outlives one.
    #[arg(long, visible_alias = "organization")]
    org: Option<OrgId>,
    /// `live` or `test`: each has a trail.
    #[arg(long, default_value_t = Mode::Live)]
    mode: Mode,
    /// How many entries at most.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(table: &Table, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { org, mode, limit, json } = arguments;
    let tenant = Tenant::new(org.unwrap_or(OrgId::PLATFORM), mode);
    let (mut left, mut after, all) = (limit, None, AuditFilter::default());
    while left > 0 {
        let some = patiently(|| table.audit_trail(tenant, &all, after, left.min(PAGE), PAGE)).await?;
        left -= some.found.len().min(left);
        some.found.into_iter().for_each(|entry| println!("{}", line(&wire::AuditEntry::new(entry, tenant.org()), json)));
        after = some.next;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

/// One entry, on a line.
fn line(entry: &wire::AuditEntry, as_json: bool) -> String {
    if as_json {
        return json!(entry).to_string();
    }
    let wire::AuditEntry { at, action, resource, principal, .. } = entry;
    let name = principal.id.map_or_else(|| principal.name.clone().unwrap_or_default(), |id| id.to_string());
    let name: String = name.chars().flat_map(char::escape_debug).collect();
    format!("{at}  {action:31}  {}  by {} {name}", resource.id, principal.principal_type)
}

#[cfg(test)]
mod tests {
    use domain::{
        AuditId,
        audit::{Action, Actor},
    };

    use super::*;

    #[test]
    fn an_entry_is_a_line_that_does_not_steer_the_terminal() {
        let at: domain::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let entry = domain::audit::AuditEntry {
            id: AuditId::new(at, [1; 10]),
            at,
            action: Action::InventoryImported,
            resource: OrgId::PLATFORM.as_uuid(),
            actor: Actor::Operator("a\u{1b}[2Jnn".to_owned()),
            ip: None,
            request_id: None,
            changes: Vec::new(),
            expires_at: 0,
        };
        let entry = wire::AuditEntry::new(entry, OrgId::PLATFORM);
        assert!(line(&entry, false).contains("inventory.imported"));
        assert!(line(&entry, false).ends_with("00000000-0000-0000-0000-000000000000  by operator a\\u{1b}[2Jnn"));
        assert!(line(&entry, true).contains(r#""action":"inventory.imported""#));
    }
}
