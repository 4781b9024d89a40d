//! `trunkline inventory`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Subcommand;
use domain::{
    Country, E164, Mode,
    inventory::{Capabilities, NumberType, Slot},
};
use indicatif::ProgressBar;
use serde::Deserialize;
use store::{Imported, Table};

/// What can be done with the inventory.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Offers the numbers of a CSV file, or changes their prices; numbers that someone owns are left alone.
    ///
    /// Columns: e164, country, `type` (local, mobile, `toll_free`), region, voice, sms, fax (true or false),
    /// `setup_cost_cents`, `monthly_cost_cents`. Good rows are imported, bad ones are named with their line.
    Import {
        /// The file.
        file: PathBuf,
        /// `live` or `test`; by default both.
        #[arg(long)]
        mode: Option<Mode>,
    },
}

#[derive(Debug, Deserialize)]
struct Row {
    e164: E164,
    country: Country,
    #[serde(rename = "type")]
    number_type: NumberType,
    #[serde(default)]
    region: Option<String>,
    voice: bool,
    sms: bool,
    fax: bool,
    setup_cost_cents: u32,
    monthly_cost_cents: u32,
}

impl From<Row> for Slot {
    fn from(row: Row) -> Self {
        Self {
            e164: row.e164,
            country: row.country,
            number_type: row.number_type,
            region: row.region,
            capabilities: Capabilities { voice: row.voice, sms: row.sms, fax: row.fax },
            setup_cost_cents: row.setup_cost_cents,
            monthly_cost_cents: row.monthly_cost_cents,
        }
    }
}

/// Imports a file. Fails at the end if any row was bad.
pub(crate) async fn run(table: &Table, command: Command) -> anyhow::Result<ExitCode> {
    let Command::Import { file, mode } = command;
    let modes = mode.map_or_else(|| Mode::ALL.to_vec(), |mode| vec![mode]);
    let (slots, bad) = read(&file)?;
    let bar = ProgressBar::new((slots.len() * modes.len()) as u64);
    let (mut offered, mut owned) = (0, 0);
    for slot in &slots {
        for mode in &modes {
            match table.import_slot(*mode, slot).await? {
                Imported::Offered => offered += 1,
                Imported::Owned => owned += 1,
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    println!("{offered} offered, {owned} owned by someone and left alone, {} bad rows", bad.len());
    bad.iter().for_each(|row| println!("{row}"));
    Ok(if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The good rows, and what is wrong with the bad ones.
fn read(file: &PathBuf) -> anyhow::Result<(Vec<Slot>, Vec<String>)> {
    let mut reader = csv::Reader::from_path(file).with_context(|| format!("cannot read {}", file.display()))?;
    let headers = reader.headers().context("the file has no header")?.clone();
    let (mut slots, mut bad) = (Vec::new(), Vec::new());
    for record in reader.records() {
        // What is no record names its line itself.
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                bad.push(error.to_string());
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        match record.deserialize::<Row>(Some(&headers)) {
            Ok(row) if row.e164.country().is_some_and(|own| own != row.country) => {
                bad.push(format!("line {line}: {} is not a number of {}", row.e164, row.country));
            }
            Ok(row) => slots.push(row.into()),
            Err(error) => bad.push(format!("line {line}: {error}")),
        }
    }
    Ok((slots, bad))
}
