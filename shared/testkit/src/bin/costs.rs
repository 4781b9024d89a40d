//! Prints what each operation costs beside its budget, and what reads of calls cost at three sizes; `--json` for programs,
//! `--quick` for the smallest size alone. Fails if a budget is exceeded.
#![expect(clippy::print_stdout, reason = "a command speaks on standard output")]

use std::process::ExitCode;

use indicatif::ProgressBar;
use testkit::{call_costs, costs};

/// The sizes of an organization's history of calls.
const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let asked = |flag: &str| std::env::args().any(|argument| argument == flag);
    let mut rows = costs::measure().await;
    for size in SIZES.into_iter().take(if asked("--quick") { 1 } else { SIZES.len() }) {
        let bar = ProgressBar::new(size as u64);
        rows.extend(call_costs::measure(size, |written| bar.set_position(written)).await);
        bar.finish_and_clear();
    }
    if asked("--json") {
        println!("{}", costs::as_json(&rows));
    } else {
        print!("{}", costs::render(&rows));
    }
    if rows.iter().all(costs::Row::fits) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
