//! What operations cost in dollars: the units of their budgets times AWS's prices.
//!
//! Budgets, not measurements: they are the same at every size of history, and no operation costs more. Everything else that
//! goes in is a constant here, so that who knows better changes one figure and has the tables of `infra/docs/costs.md` made anew.

use std::{fmt::Write as _, fs, io, path::PathBuf};

use crate::budget::Row;

mod scenario;

pub use scenario::ALARMS;

/// Dollars for a million of each, or for a GB or a month where the name says so: list prices of us-east-1 for arm64, without
/// free tiers, as of November 2026.
///
/// Sources: the pricing pages of the services; DynamoDB's are those of November 2024, the last change.
mod price {
    pub(super) const GATEWAY_REQUEST: f64 = 1.00;
    pub(super) const LAMBDA_REQUEST: f64 = 0.20;
    /// A million GB-seconds.
    pub(super) const LAMBDA_GB_SECOND: f64 = 13.333_4;
    pub(super) const READ_UNIT: f64 = 0.125;
    pub(super) const WRITE_UNIT: f64 = 0.625;
    pub(super) const SQS_REQUEST: f64 = 0.40;
    pub(super) const KMS_REQUEST: f64 = 3.00;
    pub(super) const TRACE: f64 = 5.00;
    pub(super) const LOG_GB: f64 = 0.50;
    pub(super) const TRANSFER_GB: f64 = 0.09;
    pub(super) const TABLE_GB_MONTH: f64 = 0.25;
    pub(super) const BACKUP_GB_MONTH: f64 = 0.20;
    pub(super) const KEY_MONTH: f64 = 1.00;
    pub(super) const ALARM_MONTH: f64 = 0.10;
    pub(super) const METRIC_MONTH: f64 = 0.30;
    pub(super) const DASHBOARD_MONTH: f64 = 3.00;
}

/// What cannot be counted here and is assumed, on the high side.
mod assumed {
    /// The memory of a function in GB: the template's default.
    pub(super) const MEMORY_GB: f64 = 0.125;
    /// How long a warm function works on a request, in seconds: nearly all of it waits for the table.
    pub(super) const REQUEST_SECONDS: f64 = 0.020;
    /// How long a batch of events is worked on.
    pub(super) const BATCH_SECONDS: f64 = 0.060;
    /// How long a receiver takes to answer a webhook.
    pub(super) const RECEIVER_SECONDS: f64 = 0.300;
    /// A request's two lines, of the gateway and of the function; those of an event, and those of a webhook.
    pub(super) const REQUEST_LOG_BYTES: f64 = 700.0;
    pub(super) const EVENT_LOG_BYTES: f64 = 600.0;
    pub(super) const WEBHOOK_LOG_BYTES: f64 = 600.0;
    /// A page of a list, or a webhook with its headers.
    pub(super) const ANSWER_BYTES: f64 = 3_000.0;
    /// What counting a request against its limits writes: a unit for each lot of ten.
    pub(super) const LOT_WRITE_UNITS: f64 = 0.1;
    /// The share of requests that X-Ray follows by default, above one a second.
    pub(super) const TRACED: f64 = 0.05;
}

/// Dollars for a million of something that works on the table.
fn units(read: f64, write: f64) -> f64 {
    read * price::READ_UNIT + write * price::WRITE_UNIT
}

/// Dollars for a million invocations of so many seconds.
fn invocation(seconds: f64) -> f64 {
    price::LAMBDA_REQUEST + assumed::TRACED * price::TRACE + seconds * assumed::MEMORY_GB * price::LAMBDA_GB_SECOND
}

/// Dollars for a million times so many bytes.
fn bytes(bytes: f64, price_gb: f64) -> f64 {
    bytes * 1e6 / 1e9 * price_gb
}

/// Dollars for a million requests to the API that cost the table so much.
fn request(read: f64, write: f64) -> f64 {
    price::GATEWAY_REQUEST
        + invocation(assumed::REQUEST_SECONDS)
        + bytes(assumed::REQUEST_LOG_BYTES, price::LOG_GB)
        + bytes(assumed::ANSWER_BYTES, price::TRANSFER_GB)
        + units(read, write + assumed::LOT_WRITE_UNITS)
}

/// Dollars for a million call events without what they cost the table: each is sent alone, `together` of them are worked on.
fn event(together: f64) -> f64 {
    price::SQS_REQUEST * (1.0 + 2.0 / together)
        + invocation(assumed::BATCH_SECONDS) / together
        + bytes(assumed::EVENT_LOG_BYTES, price::LOG_GB)
}

/// Dollars for a million lives of a call, of six events each; the row is of so many calls.
fn lives(row: &Row, calls: f64, together: f64) -> f64 {
    6.0 * event(together) + units(row.budget.read_units, row.budget.write_units) / calls
}

/// Dollars for a million webhooks, each alone in its batch: sending, receiving and deleting the message, and the wait.
fn webhook(row: &Row) -> f64 {
    3.0 * price::SQS_REQUEST
        + invocation(assumed::RECEIVER_SECONDS)
        + bytes(assumed::WEBHOOK_LOG_BYTES, price::LOG_GB)
        + bytes(assumed::ANSWER_BYTES, price::TRANSFER_GB)
        + units(row.budget.read_units, row.budget.write_units)
}

/// US dollars of a million of an operation, by how it reaches the table, which the row's name tells.
#[must_use]
pub fn per_million(row: &Row) -> f64 {
    match row.operation.as_str() {
        name if name.starts_with("ten calls' lives") => lives(row, 10.0, 10.0),
        name if name.starts_with("one call's life") => lives(row, 1.0, 1.0),
        name if name.starts_with("duplicate of an event") => event(1.0) + units(row.budget.read_units, row.budget.write_units),
        name if name.starts_with("deliver a webhook") => webhook(row),
        _ => request(row.budget.read_units, row.budget.write_units),
    }
}

/// A row's operation without the size of the history that it was measured at: its budget is the same at each.
fn operation(row: &Row) -> &str {
    match row.operation.rsplit_once(", ") {
        Some((operation, size)) if size.ends_with(" calls") && size.starts_with(|c: char| c.is_ascii_digit()) => operation,
        _ => &row.operation,
    }
}

/// The tables of the document, in Markdown.
#[must_use]
pub fn tables(rows: &[Row]) -> String {
    let mut text = String::from("| operation | read units | write units | USD per million | USD per 1,000 |\n|---|---|---|---|---|\n");
    for row in rows {
        let (dollars, budget) = (per_million(row), row.budget);
        let name = operation(row);
        let _ = writeln!(text, "| {name} | {} | {} | {dollars:.2} | {:.4} |", budget.read_units, budget.write_units, dollars / 1e3);
    }
    text + "\n" + &scenario::tables(rows)
}

const BEGIN: &str = "<!-- computed: from here -->\n";
const END: &str = "<!-- computed: to here -->\n";

/// Where the tables are shown.
#[must_use]
pub fn document() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/docs/costs.md"))
}

/// The document with these tables in the place of those that it has; `None` if it has no such place.
#[must_use]
pub fn with_tables(document: &str, tables: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

/// Writes the tables into the document.
///
/// # Errors
/// If it cannot be read or written, or has no place for them.
pub fn write(rows: &[Row]) -> io::Result<()> {
    let text = fs::read_to_string(document())?;
    let text = with_tables(&text, &tables(rows)).ok_or_else(|| io::Error::other("costs.md has no place for tables"))?;
    fs::write(document(), text)
}
