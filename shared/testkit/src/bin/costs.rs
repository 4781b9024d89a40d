//! Prints what each operation costs beside its budget, and what reads of calls cost at three sizes; `--json` for programs,
//! `--quick` for the smallest size alone, `--dollars` to write what the budgets cost into `infra/docs/costs.md`. Fails if a budget is exceeded, or if a cost grows with the history of calls.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to its terminal")]

use std::process::ExitCode;

use indicatif::ProgressBar;
use testkit::{budget, call_costs, costs, prices};

/// The sizes of an organization's history of calls.
const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let asked = |flag: &str| std::env::args().any(|argument| argument == flag);
    let mut rows = costs::measure().await;
    let mut by_size = Vec::new();
    for size in SIZES.into_iter().take(if asked("--quick") { 1 } else { SIZES.len() }) {
        let bar = ProgressBar::new(size as u64);
        by_size.push(call_costs::measure(size, |written| bar.set_position(written)).await);
        bar.finish_and_clear();
    }
    let grown: Vec<String> = by_size.windows(2).flat_map(|pair| call_costs::growth(&pair[0], &pair[1])).collect();
    if asked("--dollars") {
        let once: Vec<_> = rows.iter().cloned().chain(by_size.iter().take(1).flatten().cloned()).collect();
        if let Err(error) = prices::write(&once) {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    }
    rows.extend(by_size.into_iter().flatten());
    if asked("--json") {
        println!("{}", budget::as_json(&rows));
    } else {
        print!("{}", budget::render(&rows));
    }
    grown.iter().for_each(|grown| eprintln!("grows with history: {grown}"));
    if grown.is_empty() && rows.iter().all(budget::Row::fits) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
