//! `trunkline stats`.

use std::process::ExitCode;

use clap::Subcommand;
use domain::{Mode, OrgId};
use indicatif::ProgressBar;
use store::{Table, Tenant};

/// What can be done with lists and statistics of calls.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Recomputes lists and counters from the records of calls and names every difference. Fails if there is one that
    /// stays.
    ///
    /// On a quiet organization: what is being handled at the moment looks like a difference.
    Verify {
        /// Whose calls.
        #[arg(long, visible_alias = "org")]
        organization: OrgId,
        /// `live` or `test`; by default both.
        #[arg(long)]
        mode: Option<Mode>,
        /// Mends what is found, and looks again.
        #[arg(long)]
        repair: bool,
    },
}

pub(crate) async fn run(table: &Table, command: Command) -> anyhow::Result<ExitCode> {
    let Command::Verify { organization, mode, repair } = command;
    let modes = mode.map_or_else(|| Mode::ALL.to_vec(), |mode| vec![mode]);
    let mut left = 0;
    for mode in modes {
        let tenant = Tenant::new(organization, mode);
        let found = verify(table, tenant, repair).await?;
        left += if repair && found > 0 { verify(table, tenant, false).await? } else { found };
    }
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Names every difference; how many there are.
async fn verify(table: &Table, tenant: Tenant, repair: bool) -> anyhow::Result<usize> {
    let bar = ProgressBar::no_length();
    let mut calls = 0;
    let progress = |seen| {
        calls = seen;
        bar.set_position(seen);
    };
    let differences = table.verify_calls(tenant, repair, progress).await?;
    bar.finish_and_clear();
    differences.iter().for_each(|difference| println!("{}: {difference}", tenant.mode()));
    println!("{}: {calls} calls, {} differences{}", tenant.mode(), differences.len(), if repair { ", mended" } else { "" });
    Ok(differences.len())
}
