//! What the operations cost at the table, as `cargo xtask costs` counts it, and in dollars.

use testkit::{budget::Row, call_costs, costs, prices};

/// The rows of costs that are about what is measured here.
const ROWS: [&str; 6] = [
    "number detail with its endpoint and SIP credentials",
    "list calls, page 1, 1000 calls",
    "buy a number",
    "one call's life: 6 events, one event a batch",
    "ten calls' lives: 6 events each, ten different calls a batch",
    "deliver a webhook at the first attempt, receiver cached",
];

/// The operations' rows, each with the dollars of a million of it.
pub(crate) async fn of_operations() -> Vec<(Row, f64)> {
    let mut rows = costs::measure().await;
    rows.extend(call_costs::measure(1_000, |_| {}).await);
    let priced = |row: Row| {
        let dollars = prices::per_million(&row);
        (row, dollars)
    };
    ROWS.iter().filter_map(|name| rows.iter().find(|row| row.operation == *name)).cloned().map(priced).collect()
}
