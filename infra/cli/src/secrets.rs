//! `trunkline vault`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use domain::{Mode, OrgId, audit::Action};
use indicatif::ProgressBar;
use runtime::Clock;
use store::Table;
use vault::Vault;

use crate::{
    patience::patiently,
    platform,
    rewrap::{Counts, Rewrap},
};

/// How many items are looked at before the walk is noted.
const PAGE_ITEMS: i32 = 500;

/// What can be done with sealed secrets.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Seals every secret anew under another KMS key and prints how many; never a secret.
    ///
    /// For a key that is to be replaced: deploy the functions with the new key first, then run this, until nothing is
    /// sealed anew any more. An interrupted run goes on where it stopped. Both keys must be usable meanwhile.
    Rewrap {
        /// The new key: its id, ARN or alias.
        #[arg(long)]
        key_id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Fails at the end if a secret does not open.
pub(crate) async fn run(table: &Table, kms: aws_sdk_kms::Client, command: Command) -> anyhow::Result<ExitCode> {
    let Command::Rewrap { key_id, json } = command;
    let acting = crate::audit::on(table, platform::tenant(Mode::Live), Action::VaultRewrapped, OrgId::PLATFORM.as_uuid())?;
    patiently(|| acting.note_act()).await?;
    let bar = ProgressBar::new(table.items_about().await?);
    let vault = Vault::new(kms, key_id.clone());
    let rewrap = Rewrap { table: table.clone(), vault, key_id, clock: Clock::System, page_items: PAGE_ITEMS };
    let counts = rewrap.run(|items| bar.inc(items)).await.context("run it again: it goes on where it stopped")?;
    bar.finish_and_clear();
    let Counts { resealed, current, gone, unreadable } = counts;
    crate::show(
        json,
        &[
            ("resealed", resealed.to_string()),
            ("current", current.to_string()),
            ("gone", gone.to_string()),
            ("unreadable", unreadable.to_string()),
        ],
    );
    Ok(if unreadable == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
