//! `cargo xtask conformance`: other people's libraries judge what the product makes, and so do the functions that the
//! documentation shows to receivers. Installs what it needs, and says what is missing.

mod cases;
mod snippets;

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::layout::Layout;
use crate::node::Node;
use crate::process::must_run_shown;
use crate::progress::{Echo, Progress};
use crate::python::Python;
use crate::tools;

/// How many deliveries are recorded: half of them while a secret is rotated.
const DELIVERIES: &str = "40";

/// Records deliveries and has the reference libraries of Python and JavaScript verify each; has the functions of the documentation judge them, and
/// forgeries of them.
pub(crate) async fn conformance(layout: &Layout) -> Result<ExitCode> {
    let progress = Progress::new();
    let step = progress.step("install the reference libraries", Echo::Nothing);
    let found = Python::find().await?;
    let python = tools::tests(layout, &found, &step).await?;
    let go = snippets::go(layout, &found, &step).await?;
    let node = Node::ready(layout, &step).await?;
    progress.done(step);
    tools::build(layout, &progress).await?;

    let recorded = layout.tools().join("deliveries.json");
    let mut record = layout.program(&layout.binaries().join("delivery-rate"));
    record.args(["--count", DELIVERIES, "--record"]).arg(&recorded);
    must_run_shown(&mut record).await.context("the deliveries cannot be recorded")?;
    let mut verify = layout.program(&python.python());
    must_run_shown(verify.arg(layout.file("tests/e2e/verify.py")).arg(&recorded)).await?;
    must_run_shown(node.script(layout, "tests/conformance/verify.js").arg(&recorded)).await?;
    snippets::judged(layout, &python, &node, &go, &recorded).await?;
    Ok(ExitCode::SUCCESS)
}
