//! Rows of a file offered as numbers that can be bought: good ones are imported, bad ones named with their line.
//!
//! A row that is on offer as it stands costs a look and no write, so whoever is cut off runs the import again.

use std::{
    collections::HashMap,
    fmt,
    io::Read,
};

use anyhow::{Context as _, ensure};
use csv::{ErrorKind, StringRecord, StringRecordsIter};
use domain::{
    Country, E164, Mode,
    inventory::{Capabilities, NumberType, Slot},
};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use store::{Imported, StoreError, Table};

use crate::patience::patiently;

/// How many rows are read before they are imported, and how many numbers are on their way at the same time.
const TOGETHER: usize = 200;
const CONCURRENT: usize = 16;

/// The columns that a file must have, whatever others it has; `region` may be missing.
const COLUMNS: [&str; 8] = ["e164", "country", "type", "voice", "sms", "fax", "setup_cost_cents", "monthly_cost_cents"];

/// The longest region, in characters: lists pay for each of them.
const MAX_REGION_CHARS: usize = 100;

/// Where rows go.
#[derive(Debug)]
pub struct Import {
    /// The table.
    pub table: Table,
    /// In which data sets the numbers are offered.
    pub modes: Vec<Mode>,
    /// From which line on: what stands before it is read and not imported.
    pub from_line: u64,
}

/// What became of the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Numbers that are on offer now as their rows say, counted once for each data set.
    pub offered: u64,
    /// Numbers that were so before.
    pub unchanged: u64,
    /// Numbers that somebody owns, and that were left alone.
    pub owned: u64,
    /// Rows that cannot be imported.
    pub bad: Vec<BadRow>,
}

/// A row that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadRow {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
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

impl Import {
    /// Imports what a file holds. `progress` is told how many bytes of it are done with, again and again.
    ///
    /// # Errors
    /// If the file cannot be read or lacks a column, or if the table fails for long: what was imported stays.
    pub async fn run(&self, file: impl Read, mut progress: impl FnMut(u64)) -> anyhow::Result<Tally> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
        let headers = reader.headers().context("the file has no header")?.clone();
        let missing: Vec<&str> = COLUMNS.into_iter().filter(|name| !headers.iter().any(|header| header == *name)).collect();
        ensure!(missing.is_empty(), "the file's first line lacks the columns {}", missing.join(", "));
        let mut rows = Rows { records: reader.records(), headers, seen: HashMap::new(), bytes: 0 };
        let mut tally = Tally::default();
        loop {
            let some = rows.next_good(TOGETHER, self.from_line, &mut tally.bad)?;
            if some.is_empty() {
                return Ok(tally);
            }
            self.offer(some, &mut tally).await?;
            progress(rows.bytes);
        }
    }

    /// Offers some numbers, side by side.
    async fn offer(&self, rows: Vec<(u64, Slot)>, tally: &mut Tally) -> anyhow::Result<()> {
        let first = rows.first().map_or(0, |(line, _)| *line);
        let all = rows.iter().flat_map(|(_, slot)| self.modes.iter().map(move |mode| (*mode, slot)));
        let imported = stream::iter(all).map(|(mode, slot)| patiently(move || self.table.import_slot(mode, slot)));
        let imported: Vec<Result<Imported, StoreError>> = imported.buffer_unordered(CONCURRENT).collect().await;
        for imported in imported {
            match imported.with_context(|| format!("not all rows from line {first} on are imported: run it again, or with --from-line {first}"))? {
                Imported::Offered => tally.offered += 1,
                Imported::Unchanged => tally.unchanged += 1,
                Imported::Owned => tally.owned += 1,
            }
        }
        Ok(())
    }
}

/// The rows of a file, one after the other.
struct Rows<'r, R> {
    records: StringRecordsIter<'r, R>,
    headers: StringRecord,
    /// On which line each number stands.
    seen: HashMap<E164, u64>,
    /// How far it was read.
    bytes: u64,
}

impl<R: Read> Rows<'_, R> {
    /// The next good rows with their lines, so many at most; none at the end. Bad ones are noted.
    fn next_good(&mut self, most: usize, from_line: u64, bad: &mut Vec<BadRow>) -> anyhow::Result<Vec<(u64, Slot)>> {
        let mut good = Vec::new();
        while good.len() < most
            && let Some(record) = self.records.next()
        {
            let (line, row) = match record {
                Ok(record) => {
                    let position = record.position();
                    self.bytes = position.map_or(self.bytes, csv::Position::byte);
                    let line = position.map_or(0, csv::Position::line);
                    (line, self.row(&record, line))
                }
                Err(error) => unread(error)?,
            };
            match row {
                _ if line < from_line => {}
                Ok(slot) => good.push((line, slot)),
                Err(reason) => bad.push(BadRow { line, reason }),
            }
        }
        Ok(good)
    }

    /// What a record tells, or what is wrong with it.
    fn row(&mut self, record: &StringRecord, line: u64) -> Result<Slot, String> {
        let row: Row = record.deserialize(Some(&self.headers)).map_err(|error| self.reason(&error))?;
        if row.e164.country().is_some_and(|own| own != row.country) {
            return Err(format!("{} is not a number of {}", row.e164, row.country));
        }
        if row.region.as_ref().is_some_and(|region| region.chars().count() > MAX_REGION_CHARS) {
            return Err(format!("region: has more than {MAX_REGION_CHARS} characters"));
        }
        if let Some(first) = self.seen.get(&row.e164) {
            return Err(format!("{} stands on line {first} already", row.e164));
        }
        self.seen.insert(row.e164.clone(), line);
        Ok(row.into())
    }

    /// What is wrong with a record, and in which column.
    fn reason(&self, error: &csv::Error) -> String {
        match error.kind() {
            ErrorKind::Deserialize { err, .. } => {
                let column = err.field().and_then(|at| self.headers.get(usize::try_from(at).ok()?));
                column.map_or_else(|| err.kind().to_string(), |column| format!("{column}: {}", err.kind()))
            }
            _ => error.to_string(),
        }
    }
}

/// What is wrong with a line that is no record.
///
/// # Errors
/// If it was not read at all.
fn unread(error: csv::Error) -> anyhow::Result<(u64, Result<Slot, String>)> {
    let line = error.position().map_or(0, csv::Position::line);
    let reason = match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => format!("has {len} columns and not {expected_len}"),
        ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
        _ => return Err(error).context("the file cannot be read"),
    };
    Ok((line, Err(reason)))
}
