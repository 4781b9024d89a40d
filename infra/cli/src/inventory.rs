//! `trunkline inventory`.

mod list;

use std::{fs::File, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Subcommand;
use domain::{Mode, OrgId, audit::Action};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use store::Table;

use crate::{
    import::{Import, Tally},
    patience::patiently,
    platform,
};

/// How the command ends if some rows were bad and all others were imported.
const SOME_BAD: u8 = 2;

/// What can be done with the inventory.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Offers the numbers of a CSV file, or changes their prices; numbers that someone owns are left alone.
    ///
    /// Columns: e164, country, `type` (local, mobile, `toll_free`), region, voice, sms, fax (true or false),
    /// `setup_cost_cents`, `monthly_cost_cents`; and, both or none, carrier and credential: by which of the operator's
    /// credentials (see `platform-credential`) its calls come. Good rows are imported, bad ones are named with their line, and then the
    /// command ends with 2. Importing a file again changes nothing and costs little.
    Import {
        /// The file.
        file: PathBuf,
        /// `live` or `test`; by default both.
        #[arg(long)]
        mode: Option<Mode>,
        /// The first line that is imported, to go on with.
        #[arg(long, default_value_t = 1)]
        from_line: u64,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints a line for each number that was ever on offer: number, country, type, status, prices, region, owner.
    List(list::Arguments),
}

pub(crate) async fn run(table: &Table, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Import { file, mode, from_line, json } => import(table, file, mode, from_line, json).await,
        Command::List(arguments) => list::run(table, arguments).await,
    }
}

/// Imports a file.
async fn import(table: &Table, file: PathBuf, mode: Option<Mode>, from_line: u64, json: bool) -> anyhow::Result<ExitCode> {
    let opened = File::open(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let bar = ProgressBar::new(opened.metadata().map_or(0, |metadata| metadata.len()));
    bar.set_style(ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {eta} left")?);
    let modes = mode.map_or_else(|| Mode::ALL.to_vec(), |mode| vec![mode]);
    for mode in &modes {
        let acting = crate::audit::on(table, platform::tenant(*mode), Action::InventoryImported, OrgId::PLATFORM.as_uuid())?;
        patiently(|| acting.note_act()).await?;
    }
    let import = Import { table: table.clone(), modes, from_line };
    let tally = import.run(opened, |bytes| bar.set_position(bytes)).await?;
    bar.finish_and_clear();
    show(&tally, json);
    Ok(if tally.bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(SOME_BAD) })
}

fn show(tally: &Tally, as_json: bool) {
    if as_json {
        return println!("{}", json!(tally));
    }
    let Tally { offered, unchanged, owned, bad } = tally;
    println!("{offered} offered, {unchanged} unchanged, {owned} owned by someone and left alone, {} bad rows", bad.len());
    bad.iter().for_each(|row| println!("{row}"));
}
