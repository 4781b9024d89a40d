//! No operation costs more than its budget.

use testkit::costs;

#[tokio::test]
async fn every_operation_stays_within_its_budget() {
    let rows = costs::measure().await;
    assert!(rows.len() >= 25, "rows are missing");
    let over: Vec<_> = rows.iter().filter(|row| !row.fits()).collect();
    assert!(over.is_empty(), "over budget: {over:#?}\n{}", costs::render(&rows));
}
