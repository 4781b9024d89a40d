//! `cargo xtask conformance`: other people's libraries judge what the product makes, and so do the functions that the
//! documentation shows to receivers. Installs what it needs, and says what is missing.

mod cases;
mod snippets;

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::clients;
use crate::cloud::LocalCloud;
use crate::layout::Layout;
use crate::node::Node;
use crate::process::must_run_shown;
use crate::progress::{Echo, Progress};
use crate::python::{Environment, Python};
use crate::tools;

/// How many deliveries are recorded: half of them while a secret is rotated.
const DELIVERIES: &str = "40";

/// What judges.
struct Judges {
    libraries: Environment,
    go: Environment,
    clients: Environment,
    node: Node,
    cloud: Environment,
}

impl Judges {
    async fn ready(layout: &Layout, progress: &Progress) -> Result<Self> {
        let step = progress.step("install the reference libraries", Echo::Nothing);
        let python = Python::find().await?;
        let judges = Self {
            libraries: tools::tests(layout, &python, &step).await?,
            go: snippets::go(layout, &python, &step).await?,
            clients: tools::clients(layout, &python, &step).await?,
            node: Node::ready(layout, &python, &step).await?,
            cloud: tools::cloud(layout, &python, &step).await?,
        };
        progress.done(step);
        Ok(judges)
    }
}

/// Records deliveries and has the reference libraries of Python and JavaScript verify each; has the functions of the documentation judge them, and
/// forgeries of them. Then clients that are generated from the API's description go through the main flows.
pub(crate) async fn conformance(layout: &Layout) -> Result<ExitCode> {
    let progress = Progress::new();
    let judges = Judges::ready(layout, &progress).await?;
    tools::build(layout, &progress).await?;
    signatures(layout, &judges).await?;
    flows(layout, &judges, &progress).await?;
    Ok(ExitCode::SUCCESS)
}

async fn signatures(layout: &Layout, judges: &Judges) -> Result<()> {
    let recorded = layout.tools().join("deliveries.json");
    let mut record = layout.program(&layout.binaries().join("delivery-rate"));
    record.args(["--count", DELIVERIES, "--record"]).arg(&recorded);
    must_run_shown(&mut record).await.context("the deliveries cannot be recorded")?;
    let mut verify = layout.program(&judges.libraries.python());
    must_run_shown(verify.arg(layout.file("tests/e2e/verify.py")).arg(&recorded)).await?;
    must_run_shown(judges.node.script(layout, "tests/conformance/verify.js").arg(&recorded)).await?;
    snippets::judged(layout, &judges.libraries, &judges.node, &judges.go, &recorded).await
}

async fn flows(layout: &Layout, judges: &Judges, progress: &Progress) -> Result<()> {
    let step = progress.step("generate clients", Echo::Nothing);
    let typescript = clients::typescript(layout, &judges.node, &step).await?;
    let python = clients::python(layout, &judges.clients, &judges.node, &step).await?;
    progress.done(step);

    let (folder, mut cloud) = LocalCloud::judged(layout, &judges.cloud, progress).await?;
    let stack = folder.stack_file();
    let run = async {
        must_run_shown(judges.node.run(layout, &typescript).arg(&stack)).await?;
        let mut client = layout.program(&judges.clients.python());
        client.arg(layout.file("tests/conformance/client.py")).arg(&stack).env("PYTHONPATH", &python);
        must_run_shown(&mut client).await
    };
    tokio::select! {
        result = run => result,
        failure = cloud.failure() => Err(failure),
    }
}
