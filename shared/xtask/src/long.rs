//! `cargo xtask test --long`: what takes too long for every change.

use std::process::ExitCode;

use anyhow::Result;

use crate::{
    layout::Layout,
    mutants,
    process::must_run_shown,
    progress::{Echo, Progress},
    sam,
    tools::Nextest,
};

/// Which histories of calls are told to the event function, in any order, with any repetition and split.
const HISTORIES: &str = "0..10000";

pub(crate) async fn test(layout: &Layout) -> Result<ExitCode> {
    histories(layout).await?;
    sam::test(layout).await?;
    mutants::test(layout).await
}

async fn histories(layout: &Layout) -> Result<()> {
    let progress = Progress::new();
    let step = progress.step("install the test runner", Echo::Nothing);
    let nextest = Nextest::ready(layout, &step).await?;
    progress.done(step);
    let step = progress.heading("histories of calls");
    let mut command = nextest.command(layout);
    command.args(["run", "--locked", "--package", "tests", "--test", "contract", "call_orders::"]).env("TRUNKLINE_HISTORIES", HISTORIES);
    let told = must_run_shown(&mut command).await;
    match &told {
        Ok(()) => progress.done(step),
        Err(_) => progress.failed(step),
    }
    told
}
