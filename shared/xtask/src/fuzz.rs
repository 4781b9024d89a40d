//! The API's description against the running stack: schemathesis asks everything that the description allows and forbids, alone and
//! in sequences, and judges every answer. How it asks stands in `tests/fuzz`.

use std::process::ExitCode;

use anyhow::Result;
use tokio::process::Command;

use crate::cloud::{Key, LocalCloud, Operator, Stack};
use crate::folder::{Folder, emptied};
use crate::layout::Layout;
use crate::process::must_run_shown;
use crate::progress::{Echo, Progress, Step};
use crate::python::{Environment, Python};
use crate::tools;

/// What the organization and its keys are called.
const NAME: &str = "Fuzz";
/// More than anybody asks in a second, at a caller that never waits.
const RATE: &str = "10000/20000";
/// Reproducible where tests run; the long run draws its own and prints it.
const SEED: &str = "20260101";
/// A run in the tests.
const SHORT_SECONDS: u64 = 60;

/// Who asks: an organization of its own, so that nobody else's data is changed, and the operator.
pub(crate) struct Asker {
    organization: String,
    key: Key,
    operator_key: Key,
}

impl Asker {
    /// Creates the organization and its keys; nobody limits its rate.
    pub(crate) async fn create(layout: &Layout, stack: &Stack, step: &Step) -> Result<Self> {
        let operator = Operator { layout, endpoint_url: &stack.aws.endpoint_url, table: &stack.table, step };
        let organization = operator.organization(NAME).await?;
        operator.run(&["org", "limits", "--org", &organization, "--rate", RATE, "--caller-rate", RATE]).await?;
        let key = operator.key(&organization, "test", NAME).await?;
        let operator_key = operator.own_key("test", NAME).await?;
        Ok(Self { organization, key, operator_key })
    }

    /// The short run that belongs to the tests.
    pub(crate) fn short(&self, layout: &Layout, environment: &Environment, folder: &Folder, stack: &Stack) -> Result<Command> {
        let mut command = self.run(layout, environment, folder, stack, SHORT_SECONDS)?;
        command.args(["--seed", SEED]);
        Ok(command)
    }

    /// What was found earlier would be tried again first, so each run begins in an empty folder.
    fn run(&self, layout: &Layout, environment: &Environment, folder: &Folder, stack: &Stack, seconds: u64) -> Result<Command> {
        let mut command = layout.program(&environment.program("schemathesis"));
        command
            .arg("--config-file")
            .arg(layout.file("tests/fuzz/schemathesis.toml"))
            .arg("run")
            .arg(layout.file("infra/openapi.json"))
            .args(["--url", &stack.base_url, "--max-time", &seconds.to_string(), "--report", "junit,ndjson"])
            .current_dir(emptied(folder.file("fuzz"))?)
            .env("PYTHONPATH", layout.file("tests/fuzz"))
            .env("TRUNKLINE_ORGANIZATION", &self.organization)
            .env("TRUNKLINE_KEY", &self.key.key)
            .env("TRUNKLINE_KEY_ID", &self.key.id)
            .env("TRUNKLINE_OPERATOR_KEY", &self.operator_key.key);
        Ok(command)
    }
}

/// The long run, against a cloud of its own.
pub(crate) async fn fuzz(layout: &Layout, minutes: u64) -> Result<ExitCode> {
    let progress = Progress::new();
    let python = Python::find().await?;
    let step = progress.step("install what is needed", Echo::Nothing);
    let environment = tools::fuzz(layout, &python, &step).await?;
    let cloud_environment = tools::cloud(layout, &python, &step).await?;
    progress.done(step);
    tools::build(layout, &progress).await?;
    let (folder, mut cloud) = LocalCloud::judged(layout, &cloud_environment, &progress).await?;
    let asker = Asker::create(layout, cloud.stack(), &Step::silent()).await?;
    let mut command = asker.run(layout, &environment, &folder, cloud.stack(), minutes.saturating_mul(60))?;
    command.env("TRUNKLINE_EVERY_RULE", "1");
    tokio::select! {
        result = must_run_shown(&mut command) => result.map(|()| ExitCode::SUCCESS),
        failure = cloud.failure() => Err(failure),
    }
}
