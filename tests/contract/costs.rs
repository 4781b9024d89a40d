//! No operation costs more than its budget.

use testkit::{budget, call_costs, costs};

#[tokio::test]
async fn every_operation_stays_within_its_budget() {
    let rows = costs::measure().await;
    assert!(rows.len() >= 25, "rows are missing");
    let over: Vec<_> = rows.iter().filter(|row| !row.fits()).collect();
    assert!(over.is_empty(), "over budget: {over:#?}\n{}", budget::render(&rows));
}

#[tokio::test]
async fn reads_of_calls_stay_within_their_budgets_and_do_not_grow_with_history() {
    let (few, many) = (call_costs::measure(400, |_| {}).await, call_costs::measure(4_000, |_| {}).await);
    let over: Vec<_> = few.iter().chain(&many).filter(|row| !row.fits()).collect();
    assert!(over.is_empty(), "over budget: {over:#?}");
    assert_eq!(call_costs::growth(&few, &many), Vec::<String>::new());
}
