//! `trunkline key`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use domain::{
    KeyId, Mode, OrgId, Timestamp,
    allowed_ip::{AllowedIp, MAX_ALLOWED_IPS},
    api_key::{ApiKey, ApiKeyText, KeyRecord, MAX_KEYS},
    scope::Scope,
};
use runtime::{Clock, random};
use store::{Consistency, CreateApiKey, Table, access_patterns};

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mints a key and prints it: this once, it is not stored.
    Create {
        /// Whose key it is.
        #[arg(long)]
        organization: OrgId,
        /// `live` or `test` data.
        #[arg(long)]
        mode: Mode,
        /// What to call it.
        #[arg(long)]
        name: String,
        /// What it may do, once for each scope; by default everything.
        #[arg(long = "scope")]
        scopes: Vec<Scope>,
        /// From when on it is refused, such as 2027-01-01T00:00:00Z; by default never.
        #[arg(long)]
        valid_until: Option<Timestamp>,
        /// An address or network that it may be used from, once for each; by default from everywhere.
        #[arg(long = "allowed-ip")]
        allowed_ips: Vec<AllowedIp>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) async fn run(table: &Table, command: Command) -> anyhow::Result<ExitCode> {
    let Command::Create { organization, mode, name, scopes, valid_until, allowed_ips, json } = command;
    let existing = table.get(access_patterns::organization(organization), Consistency::Strong).await?;
    existing.with_context(|| format!("there is no organization {organization}"))?;
    anyhow::ensure!(allowed_ips.len() <= MAX_ALLOWED_IPS, "a key has at most {MAX_ALLOWED_IPS} addresses and networks");
    let now = Clock::System.now();
    let text = ApiKeyText::mint(mode, random::bytes());
    let key = ApiKey {
        id: KeyId::new(now, random::bytes()),
        organization_id: organization,
        mode,
        name,
        scopes: if scopes.is_empty() { Scope::ALL.iter().copied().collect() } else { scopes.into_iter().collect() },
        created_at: now,
        updated_at: now,
        allowed_ips,
        valid_until,
        revoked_at: None,
    };
    let record = KeyRecord::new(key, &text);
    let created = table.create_api_key(&record).await?;
    anyhow::ensure!(created == CreateApiKey::Done, "the organization has {MAX_KEYS} keys that are not revoked, and no more may be");
    crate::show(json, &[("id", record.key.id.to_string()), ("key", text.reveal().to_owned())]);
    Ok(ExitCode::SUCCESS)
}
