//! What a month costs: with nothing to do, and for customers of three sizes.

use std::fmt::Write as _;

use super::{bytes, invocation, price, request, units};
use crate::budget::Row;

/// The alarms of the template. A test counts them there.
pub const ALARMS: u32 = 16;

/// Minutes of a month of 30 days.
const MINUTES: f64 = 43_200.0;

/// Keys, metrics of its own, and dashboards.
const KEYS: f64 = 2.0;
const METRICS: f64 = 1.0;
const DASHBOARDS: f64 = 1.0;

/// Read units of the two schedules in a minute without work: half a unit for each place where something may wait.
const SCHEDULES_READ_UNITS: f64 = 20.0;

/// How long one schedule's run takes, in seconds.
const SCHEDULE_SECONDS: f64 = 0.1;

/// Each of two queues is asked by five pollers, for up to 20 s each time.
const POLLS: f64 = 2.0 * 5.0 * 3.0 * MINUTES;

/// Requests to KMS: table and queues ask anew every five minutes for each role that uses them, and each process of the
/// functions that open secrets once an hour.
const KMS_REQUESTS: f64 = 12.0 * MINUTES / 5.0;

/// A customer's month. Each call has six events and six webhooks.
struct Customer {
    name: &'static str,
    calls: f64,
    /// Requests to the API, nine reads for each write.
    requests: f64,
    /// Whether events come closely enough to share batches.
    busy: bool,
}

const CUSTOMERS: [Customer; 3] = [
    Customer { name: "a practice: 1,000 calls", calls: 1e3, requests: 1e4, busy: false },
    Customer { name: "a builder: 100,000 calls", calls: 1e5, requests: 1e6, busy: false },
    Customer { name: "a platform: 5,000,000 calls", calls: 5e6, requests: 2e7, busy: true },
];

/// What a call leaves in the table, and what its six webhooks leave there for 30 days, in bytes.
const CALL_BYTES: f64 = 4_000.0;
const WEBHOOKS_BYTES: f64 = 6.0 * 2_500.0;

/// Dollars of a month without a single call.
fn idle() -> Vec<(&'static str, f64)> {
    let runs = 2.0 * MINUTES * invocation(SCHEDULE_SECONDS) / 1e6;
    vec![
        ("two KMS keys", KEYS * price::KEY_MONTH),
        ("KMS requests of table and queues, if all roles are used all the time", KMS_REQUESTS * price::KMS_REQUEST / 1e6),
        ("alarms", f64::from(ALARMS) * price::ALARM_MONTH),
        ("dashboard and one metric", DASHBOARDS * price::DASHBOARD_MONTH + METRICS * price::METRIC_MONTH),
        ("Lambda asks two queues for messages", POLLS * price::SQS_REQUEST / 1e6),
        ("two schedules each minute, with their reads", runs + MINUTES * units(SCHEDULES_READ_UNITS, 0.0) / 1e6),
    ]
}

fn find<'a>(rows: &'a [Row], name: &str) -> Option<&'a Row> {
    rows.iter().find(|row| row.operation.starts_with(name))
}

/// Dollars of a customer's month, in its first month and with a year of calls kept.
fn month(customer: &Customer, rows: &[Row]) -> Option<[f64; 5]> {
    let life = if customer.busy { "ten calls' lives" } else { "one call's life" };
    let events = customer.calls * super::per_million(find(rows, life)?) / 1e6;
    let webhooks = customer.calls * 6.0 * super::per_million(find(rows, "deliver a webhook at the first attempt")?) / 1e6;
    // A page of calls, and a change with its entry in the audit trail.
    let (read, write) = (request(2.5, 0.0), request(0.5, 6.0));
    let requests = customer.requests * (0.9 * read + 0.1 * write) / 1e6;
    let gb_month = price::TABLE_GB_MONTH + price::BACKUP_GB_MONTH;
    let kept = bytes(12.0 * CALL_BYTES + WEBHOOKS_BYTES, gb_month) * customer.calls / 1e6;
    let idle: f64 = idle().iter().map(|(_, dollars)| dollars).sum();
    Some([events, webhooks, requests, kept, events + webhooks + requests + kept + idle])
}

/// The tables of months, in Markdown.
pub(super) fn tables(rows: &[Row]) -> String {
    let mut text = String::from("| a month with nothing to do | USD |\n|---|---|\n");
    let idle = idle();
    for (what, dollars) in &idle {
        let _ = writeln!(text, "| {what} | {dollars:.2} |");
    }
    let sum: f64 = idle.iter().map(|(_, dollars)| dollars).sum();
    let _ = writeln!(text, "| **together** | **{sum:.2}** |\n");
    text +=
        "| a month of | events | webhooks | requests | a year of calls kept, with backups | all, idle cost included | for 1,000 calls |\n";
    text += "|---|---|---|---|---|---|---|\n";
    for customer in &CUSTOMERS {
        let Some([events, webhooks, requests, kept, all]) = month(customer, rows) else { continue };
        let each = all / customer.calls * 1e3;
        let name = customer.name;
        let _ = writeln!(text, "| {name} | {events:.2} | {webhooks:.2} | {requests:.2} | {kept:.2} | **{all:.2}** | {each:.3} |");
    }
    text
}
