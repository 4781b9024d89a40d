//! Prints what each operation costs beside its budget; `--json` for programs. Fails if a budget is exceeded.
#![expect(clippy::print_stdout, reason = "a command speaks on standard output")]

use std::process::ExitCode;

use testkit::costs;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let rows = costs::measure().await;
    if std::env::args().any(|argument| argument == "--json") {
        println!("{}", costs::as_json(&rows));
    } else {
        print!("{}", costs::render(&rows));
    }
    if rows.iter().all(costs::Row::fits) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
