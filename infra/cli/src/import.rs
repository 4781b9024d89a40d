//! Rows of a file offered as numbers that can be bought: good ones are imported, bad ones named with their line.
//!
//! A row that is on offer as it stands costs a look and no write, so whoever is cut off runs the import again.

use std::{collections::HashMap, fmt, io::Read, str::FromStr};

use anyhow::{Context as _, ensure};
use csv::{ErrorKind, StringRecord, StringRecordsIter};
use domain::{
    E164, Mode, OrgId,
    inventory::{Capabilities, Slot, Trunk},
};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use store::{Consistency, Imported, StoreError, Table, access_patterns};

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
        let (mut tally, mut known) = (Tally::default(), HashMap::new());
        loop {
            let some = rows.next_good(TOGETHER, self.from_line, &mut tally.bad)?;
            if some.is_empty() {
                tally.bad.sort_by_key(|row| row.line);
                return Ok(tally);
            }
            let some = self.with_known_trunks(some, &mut known, &mut tally.bad).await?;
            self.offer(some, &mut tally).await?;
            progress(rows.bytes);
        }
    }

    /// The rows whose credential is the operator's and of its carrier, and those that name none; the others are bad: a number
    /// would be sold that never rings.
    async fn with_known_trunks(
        &self,
        rows: Vec<(u64, Slot)>,
        known: &mut HashMap<Trunk, Result<(), String>>,
        bad: &mut Vec<BadRow>,
    ) -> anyhow::Result<Vec<(u64, Slot)>> {
        let mut good = Vec::with_capacity(rows.len());
        for (line, slot) in rows {
            let known = match slot.trunk {
                None => Ok(()),
                Some(trunk) => match known.get(&trunk) {
                    Some(known) => known.clone(),
                    None => known.entry(trunk).or_insert(self.knows(trunk).await?).clone(),
                },
            };
            match known {
                Ok(()) => good.push((line, slot)),
                Err(reason) => bad.push(BadRow { line, reason }),
            }
        }
        Ok(good)
    }

    /// Whether the operator has the credential in every data set, or what is wrong.
    async fn knows(&self, Trunk { carrier, credential: id }: Trunk) -> anyhow::Result<Result<(), String>> {
        for mode in &self.modes {
            let credential =
                patiently(|| self.table.get(access_patterns::credential(OrgId::PLATFORM, *mode, id), Consistency::Strong)).await?;
            if credential.is_none_or(|credential| credential.carrier != carrier) {
                return Ok(Err(format!("credential: the operator has no {carrier} credential {id} in {mode} data")));
            }
        }
        Ok(Ok(()))
    }

    /// Offers some numbers, side by side.
    async fn offer(&self, rows: Vec<(u64, Slot)>, tally: &mut Tally) -> anyhow::Result<()> {
        let first = rows.first().map_or(0, |(line, _)| *line);
        let all = rows.iter().flat_map(|(_, slot)| self.modes.iter().map(move |mode| (*mode, slot)));
        let imported = stream::iter(all).map(|(mode, slot)| patiently(move || self.table.import_slot(mode, slot)));
        let imported: Vec<Result<Imported, StoreError>> = imported.buffer_unordered(CONCURRENT).collect().await;
        for imported in imported {
            match imported
                .with_context(|| format!("not all rows from line {first} on are imported: run it again, or with --from-line {first}"))?
            {
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

    /// What a record tells, or all that is wrong with it.
    fn row(&mut self, record: &StringRecord, line: u64) -> Result<Slot, String> {
        let slot = Fields { headers: &self.headers, record, faults: Vec::new() }.slot()?;
        if slot.e164.country().is_some_and(|own| own != slot.country) {
            return Err(format!("{} is not a number of {}", slot.e164, slot.country));
        }
        if let Some(first) = self.seen.get(&slot.e164) {
            return Err(format!("{} stands on line {first} already", slot.e164));
        }
        self.seen.insert(slot.e164.clone(), line);
        Ok(slot)
    }
}

/// The fields of a record.
struct Fields<'r> {
    headers: &'r StringRecord,
    record: &'r StringRecord,
    faults: Vec<String>,
}

impl Fields<'_> {
    fn slot(mut self) -> Result<Slot, String> {
        let (e164, country, number_type) = (self.parsed("e164"), self.parsed("country"), self.parsed("type"));
        let region = self.text("region").filter(|region| !region.is_empty()).map(str::to_owned);
        if region.as_ref().is_some_and(|region| region.chars().count() > MAX_REGION_CHARS) {
            self.faults.push(format!("region: has more than {MAX_REGION_CHARS} characters"));
        }
        let [voice, sms, fax] = ["voice", "sms", "fax"].map(|name| self.told(name, "must be true or false"));
        let [setup, monthly] = ["setup_cost_cents", "monthly_cost_cents"].map(|name| self.told(name, "must be a whole number of cents"));
        let trunk = self.trunk();
        match (e164, country, number_type, (voice, sms, fax), (setup, monthly)) {
            (Some(e164), Some(country), Some(number_type), (Some(voice), Some(sms), Some(fax)), (Some(setup), Some(monthly)))
                if self.faults.is_empty() =>
            {
                let capabilities = Capabilities { voice, sms, fax };
                let (setup_cost_cents, monthly_cost_cents) = (setup, monthly);
                Ok(Slot { e164, country, number_type, region, capabilities, setup_cost_cents, monthly_cost_cents, trunk })
            }
            _ => Err(self.faults.join("; ")),
        }
    }

    /// By which of the operator's credentials the calls come: both columns, or none.
    fn trunk(&mut self) -> Option<Trunk> {
        let [has_carrier, has_credential] = ["carrier", "credential"].map(|name| self.text(name).is_some_and(|text| !text.is_empty()));
        match (has_carrier, has_credential) {
            (true, true) => {
                let (carrier, credential) = (self.parsed("carrier"), self.parsed("credential"));
                Some(Trunk { carrier: carrier?, credential: credential? })
            }
            (false, false) => None,
            _ => {
                self.faults.push("carrier and credential: go together".to_owned());
                None
            }
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        let at = self.headers.iter().position(|header| header == name)?;
        self.record.get(at)
    }

    /// A field whose type says itself what it must be.
    fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let parsed = self.text(name).unwrap_or_default().parse();
        parsed.map_err(|error| self.faults.push(format!("{name}: {error}"))).ok()
    }

    /// A field of a type that does not.
    fn told<T: FromStr>(&mut self, name: &str, must: &str) -> Option<T> {
        let parsed = self.text(name).unwrap_or_default().parse();
        parsed.map_err(|_| self.faults.push(format!("{name}: {must}"))).ok()
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
