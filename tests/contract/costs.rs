//! No operation costs more than its budget.

use testkit::{call_costs, costs};

#[tokio::test]
async fn every_operation_stays_within_its_budget() {
    let rows = costs::measure().await;
    assert!(rows.len() >= 25, "rows are missing");
    let over: Vec<_> = rows.iter().filter(|row| !row.fits()).collect();
    assert!(over.is_empty(), "over budget: {over:#?}\n{}", costs::render(&rows));
}

#[tokio::test]
async fn reads_of_calls_stay_within_their_budgets_and_do_not_grow_with_history() {
    let (few, many) = (call_costs::measure(400, |_| {}).await, call_costs::measure(4_000, |_| {}).await);
    for (few, many) in few.iter().zip(&many) {
        assert!(few.fits() && many.fits(), "over budget: {few:?} {many:?}");
        let grown = many.cost.read_units - few.cost.read_units;
        // Rows of days on which nobody called are missing, so the smaller history may be cheaper.
        let may = if many.operation.contains("a year") || many.operation.contains("middle") { 12.0 } else { 1.0 };
        assert!(grown <= may, "{few:?} {many:?}");
    }
}
