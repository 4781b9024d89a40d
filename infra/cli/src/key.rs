//! `trunkline key`.

use std::process::ExitCode;

use anyhow::ensure;
use clap::{Args, Subcommand};
use domain::{
    KeyId, Mode, OrgId, Timestamp,
    allowed_ip::{AllowedIp, MAX_ALLOWED_IPS},
    api_key::{ApiKey, ApiKeyText, KeyRecord, MAX_NAME_CHARS},
    audit::Action,
    scope::{Scope, Scopes},
    wire,
};
use runtime::{Clock, random};
use serde_json::json;
use store::{CreateApiKey, Table, Tenant};

use crate::{
    keys::{id_of, revoke},
    organization::must_exist,
};

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mints a key and prints it: this once, it is not stored.
    Create(Wanted),
    /// Prints a line for each key of an organization, newest first: id, status, mode, how it ends, creation, last use, name.
    List {
        /// The organization.
        #[arg(long = "org", visible_alias = "organization")]
        org: OrgId,
        /// Revoked ones too: they can be read for 90 days.
        #[arg(long)]
        include_revoked: bool,
        /// Print JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
    /// Revokes a key, for good. Where it was used within the last minute it works for up to a minute more.
    Revoke {
        /// The organization.
        #[arg(long = "org", visible_alias = "organization", required_unless_present = "operator", conflicts_with = "operator")]
        org: Option<OrgId>,
        /// A key of the operator's own.
        #[arg(long)]
        operator: bool,
        /// The key's id.
        #[arg(long, required_unless_present = "hint", conflicts_with = "hint")]
        id: Option<KeyId>,
        /// The key's last four characters, if only one key ends so.
        #[arg(long)]
        hint: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// How a new key shall be.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// Whose key it is.
    #[arg(long = "org", visible_alias = "organization", required_unless_present = "operator", conflicts_with = "operator")]
    org: Option<OrgId>,
    /// The operator's own: it is told where any organization's calls go, and may do nothing else.
    #[arg(long, conflicts_with = "scopes")]
    operator: bool,
    /// `live` or `test` data.
    #[arg(long)]
    mode: Mode,
    /// What to call it.
    #[arg(long, value_parser = name)]
    name: String,
    /// What it may do, once for each scope; by default everything.
    #[arg(long = "scope")]
    scopes: Vec<Scope>,
    /// From when on it is refused, such as 2027-01-01T00:00:00Z; by default never.
    #[arg(long, visible_alias = "expires-at")]
    valid_until: Option<Timestamp>,
    /// An address or network that it may be used from, once for each; by default from everywhere.
    #[arg(long = "allowed-ip")]
    allowed_ips: Vec<AllowedIp>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !text.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(format!("must have 1 to {MAX_NAME_CHARS} characters and no control characters"))
}

pub(crate) async fn run(table: &Table, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Create(wanted) => create(table, wanted).await?,
        Command::List { org, include_revoked, json } => list(table, org, include_revoked, json).await?,
        Command::Revoke { org, operator: _, id, hint, json } => {
            let org = owner(table, org).await?;
            let id = match id {
                Some(id) => id,
                None => id_of(&table.key_records(Tenant::new(org, Mode::Live)).await?, &hint.unwrap_or_default())?,
            };
            // An unknown key is told of by who revokes.
            let mode = table.key_record(Tenant::new(org, Mode::Live), id).await?.map_or(Mode::Live, |record| record.key.mode);
            let table = crate::audit::on(table, Tenant::new(org, mode), Action::KeyRevoked, id.as_uuid())?;
            let revoked = revoke(&table, org, id, Clock::System.now()).await?;
            crate::show(json, &[("id", id.to_string()), ("revoked_at", revoked.to_string())]);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whose key it is: an organization that exists, or the operator.
async fn owner(table: &Table, org: Option<OrgId>) -> anyhow::Result<OrgId> {
    let Some(org) = org else { return Ok(OrgId::PLATFORM) };
    must_exist(table, org).await?;
    Ok(org)
}

/// What a key may do: by default everything, and the operator's nothing that an organization's key can.
fn scopes_of(org: OrgId, scopes: Vec<Scope>) -> Scopes {
    match org {
        OrgId::PLATFORM => Scopes::new(),
        _ if scopes.is_empty() => Scope::ALL.iter().copied().collect(),
        _ => scopes.into_iter().collect(),
    }
}

async fn create(table: &Table, wanted: Wanted) -> anyhow::Result<()> {
    let Wanted { org, operator: _, mode, name, scopes, valid_until, mut allowed_ips, json } = wanted;
    let org = owner(table, org).await?;
    ensure!(allowed_ips.len() <= MAX_ALLOWED_IPS, "a key has at most {MAX_ALLOWED_IPS} addresses and networks");
    allowed_ips.dedup();
    let now = Clock::System.now();
    ensure!(valid_until.is_none_or(|end| end > now), "--valid-until must lie in the future");
    let text = ApiKeyText::mint(mode, random::bytes());
    let key = ApiKey {
        id: KeyId::new(now, random::bytes()),
        organization_id: org,
        mode,
        name,
        scopes: scopes_of(org, scopes),
        created_at: now,
        updated_at: now,
        allowed_ips,
        valid_until,
        revoked_at: None,
    };
    let record = KeyRecord::new(key, &text);
    let table = crate::audit::on(table, Tenant::new(org, mode), Action::KeyCreated, record.key.id.as_uuid())?;
    let created = table.create_api_key(&record).await?;
    if let CreateApiKey::TooMany { most } = created {
        anyhow::bail!("the organization has {most} keys that are not revoked, and no more may be");
    }
    ensure!(created == CreateApiKey::Done, "a key with this id exists");
    crate::show(json, &[("id", record.key.id.to_string()), ("key", text.reveal().to_owned())]);
    Ok(())
}

async fn list(table: &Table, org: OrgId, include_revoked: bool, json: bool) -> anyhow::Result<()> {
    must_exist(table, org).await?;
    let now = Clock::System.now();
    let keys = table
        .key_records(Tenant::new(org, Mode::Live))
        .await?
        .into_iter()
        .filter(|record| include_revoked || record.key.revoked_at.is_none());
    keys.for_each(|record| println!("{}", line(&wire::ApiKey::at(record, now), json)));
    Ok(())
}

/// One key, on a line.
fn line(key: &wire::ApiKey, as_json: bool) -> String {
    if as_json {
        return json!(key).to_string();
    }
    let wire::ApiKey { id, name, mode, hint, status, created_at, last_used_at, .. } = key;
    let used = last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {at}"));
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let scopes = if key.scopes.len() == Scope::ALL.len() { "everything".to_owned() } else { scopes.join(" ") };
    format!("{id}  {status:7}  {mode}  …{hint}  created {created_at}  {used}  {}  {scopes}", name.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u8) -> KeyRecord {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let key = ApiKey {
            id: KeyId::new(now, [n; 10]),
            organization_id: OrgId::new(now, [1; 10]),
            mode: Mode::Test,
            name: "Reports".to_owned(),
            scopes: [Scope::CallsRead].into(),
            created_at: now,
            updated_at: now,
            allowed_ips: Vec::new(),
            valid_until: None,
            revoked_at: None,
        };
        KeyRecord::new(key, &ApiKeyText::mint(Mode::Test, [n; 32]))
    }

    #[test]
    fn a_line_tells_what_a_key_is_without_the_key() {
        let record = record(1);
        let now = record.key.created_at;
        let text = line(&wire::ApiKey::at(record.clone(), now), false);
        let id = record.key.id;
        assert_eq!(
            text,
            format!("{id}  active   test  …{}  created 2026-01-02T03:04:05.000Z  never used  Reports  calls:read", record.hint)
        );
    }

    #[test]
    fn a_name_has_some_characters_and_none_that_steer() {
        assert_eq!(name(" Reports "), Ok("Reports".to_owned()));
        for wrong in ["", "  ", "a\u{1b}b", &"x".repeat(101)] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }
}
