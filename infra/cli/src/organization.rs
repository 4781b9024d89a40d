//! `trunkline org`.

use std::process::ExitCode;

use clap::Subcommand;
use domain::OrgId;
use runtime::{Clock, random};
use store::{Organization, Table};

/// What can be done with organizations.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Creates an organization.
    Create {
        /// Its name for people.
        #[arg(long)]
        name: String,
        /// Its id, to create the same one again without harm; by default a new one.
        #[arg(long)]
        id: Option<OrgId>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) async fn run(table: &Table, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Create { name, id, json } => {
            let now = Clock::System.now();
            let id = id.unwrap_or_else(|| OrgId::new(now, random::bytes()));
            let organization = table.create_organization(&Organization { id, name, created_at: now }).await?;
            crate::show(json, &[("id", organization.id.to_string()), ("name", organization.name)]);
        }
    }
    Ok(ExitCode::SUCCESS)
}
