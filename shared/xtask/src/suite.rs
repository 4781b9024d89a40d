//! `cargo xtask test`: everything that must hold, in the order in which it fails fastest. Stops at
//! the first failure.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::cloud::{LocalCloud, Stack};
use crate::folder::Folder;
use crate::fuzz::Asker;
use crate::layout::Layout;
use crate::node::Node;
use crate::process::must_run_shown;
use crate::progress::{self, Echo, Progress, Step};
use crate::python::{Environment, Python};
use crate::tools::{self, Nextest};
use crate::{browser, description};

const TEMPLATE: &str = "infra/template.yaml";

/// Runs all of it, or only the tests with the filter in their name.
pub(crate) async fn test(layout: &Layout, filter: Option<&str>) -> Result<ExitCode> {
    let progress = Progress::new();
    let start = Instant::now();
    let result = match filter {
        None => all(layout, &progress).await,
        Some(filter) => only(layout, &progress, filter).await,
    };
    eprintln!("\n{}", progress::table(&progress.finished(), start.elapsed()));
    result.map(|()| ExitCode::SUCCESS)
}

async fn all(layout: &Layout, progress: &Progress) -> Result<()> {
    let python = Python::find().await?;
    let (sam, checkov) = (in_background(layout, &python, Tools::Sam), in_background(layout, &python, Tools::Checkov));
    let installs = Installs::start(layout, &python);
    let judges = Judges::start(layout, &python);

    shown(progress, "format", layout.cargo().args(["fmt", "--all", "--check"])).await?;
    let mut clippy = layout.cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
    shown(progress, "lints", &mut clippy).await?;
    let sam = waited(progress, "install the template's checker", sam).await?;
    shown(progress, "template", &mut template_check(layout, &sam)).await?;
    let checkov = waited(progress, "install the template's judge", checkov).await?;
    shown(progress, "template's security", &mut security_check(layout, &checkov)).await?;
    let judges = judges.ready(progress).await?;
    shown(progress, "API's description", &mut description::check(layout, &judges.node)).await?;

    tools::build_with_tests(layout, progress).await?;
    let mut documentation = layout.cargo();
    documentation.args(["test", "--workspace", "--doc", "--locked", "--quiet"]);
    shown(progress, "documentation", &mut documentation).await?;
    // Last, so that the run closes with the summary that people and machines read.
    tested(layout, progress, installs, Some(&judges), &[]).await
}

async fn only(layout: &Layout, progress: &Progress, filter: &str) -> Result<()> {
    let python = Python::find().await?;
    let installs = Installs::start(layout, &python);
    tools::build_with_tests(layout, progress).await?;
    tested(layout, progress, installs, None, &[filter]).await
}

/// Starts a cloud, has others judge it, runs the tests against it and ends it, whatever came of them.
async fn tested(layout: &Layout, progress: &Progress, installs: Installs, judges: Option<&ReadyJudges>, filter: &[&str]) -> Result<()> {
    let cloud = waited(progress, "install the local cloud", installs.cloud).await?;
    let python = waited(progress, "install what tests need", installs.tests).await?;
    let nextest = waited(progress, "install the test runner", installs.nextest).await?;
    let folder = Folder::open(layout.test_cloud())?;
    let Ok(held) = folder.take().await? else {
        bail!("other tests run in this clone: wait for their end");
    };
    let cloud = LocalCloud::start(layout, held, &cloud, progress).await?;
    let mut tests = nextest.command(layout);
    tests
        .args(["run", "--workspace", "--locked"])
        .args(filter)
        .env("TRUNKLINE_STACK", folder.stack_file())
        .env("TRUNKLINE_TEST_PYTHON", python.python());
    let stack = cloud.stack().clone();
    let work = async {
        if let Some(judges) = judges {
            judges.judge(layout, progress, &folder, &stack).await?;
        }
        shown(progress, "tests", &mut tests).await
    };
    let result = watched(cloud, work, progress).await;
    let log = folder.file("cloud.log");
    result.map_err(|error| anyhow!("{error:#}; the cloud's log is {}", log.display()))
}

/// A cloud that dies would make every test fail for a reason that none of them can see.
async fn watched(mut cloud: LocalCloud, tests: impl Future<Output = Result<()>>, progress: &Progress) -> Result<()> {
    let result = tokio::select! {
        result = tests => result,
        failure = cloud.failure() => Err(failure),
    };
    let step = progress.step("end the local cloud", Echo::Lines);
    drop(cloud);
    progress.done(step);
    result
}

/// A step whose program prints for itself.
async fn shown(progress: &Progress, label: &str, command: &mut Command) -> Result<()> {
    let step = progress.heading(label);
    match must_run_shown(command).await {
        Ok(()) => progress.done(step),
        Err(error) => {
            progress.failed(step);
            return Err(error);
        }
    }
    Ok(())
}

/// What the SAM CLI and cfn-lint say of the template.
pub(crate) fn template_check(layout: &Layout, sam: &Environment) -> Command {
    let mut command = layout.program(&sam.program("sam"));
    command
        .args(["validate", "--lint", "--template", TEMPLATE])
        .env("SAM_CLI_TELEMETRY", "0")
        // It wants to know one, and asks nobody.
        .env("AWS_DEFAULT_REGION", "us-east-1");
    command
}

/// After the template's own check: what cannot be parsed passes here.
fn security_check(layout: &Layout, checkov: &Environment) -> Command {
    let mut command = layout.program(&checkov.program("checkov"));
    command
        .args(["--framework", "cloudformation", "--compact", "--quiet", "--skip-download", "--file", TEMPLATE])
        .env("BC_SKIP_MAPPING", "true")
        .env("LOG_LEVEL", "ERROR");
    command
}

/// Installations wait for the network, so they run beside the first steps.
struct Installs {
    cloud: JoinHandle<Result<Environment>>,
    tests: JoinHandle<Result<Environment>>,
    nextest: JoinHandle<Result<Nextest>>,
}

impl Installs {
    fn start(layout: &Layout, python: &Python) -> Self {
        let own_layout = layout.clone();
        Self {
            cloud: in_background(layout, python, Tools::Cloud),
            tests: in_background(layout, python, Tools::Tests),
            nextest: tokio::spawn(async move { Nextest::ready(&own_layout, &Step::silent()).await }),
        }
    }
}

/// What is not ours and judges what we make.
struct Judges {
    node: JoinHandle<Result<Node>>,
    fuzz: JoinHandle<Result<Environment>>,
}

/// The same, installed.
struct ReadyJudges {
    node: Node,
    fuzz: Environment,
}

impl Judges {
    fn start(layout: &Layout, python: &Python) -> Self {
        let (own_layout, own_python) = (layout.clone(), python.clone());
        let node = tokio::spawn(async move { Node::ready(&own_layout, &own_python, &Step::silent()).await });
        Self { node, fuzz: in_background(layout, python, Tools::Fuzz) }
    }

    async fn ready(self, progress: &Progress) -> Result<ReadyJudges> {
        let node = waited(progress, "install Node.js and its packages", self.node).await?;
        let fuzz = waited(progress, "install what asks by the description", self.fuzz).await?;
        Ok(ReadyJudges { node, fuzz })
    }
}

impl ReadyJudges {
    /// The running stack against its description, and the description's page in a browser.
    async fn judge(&self, layout: &Layout, progress: &Progress, folder: &Folder, stack: &Stack) -> Result<()> {
        let mut page = browser::docs_page(layout, &self.node, &folder.stack_file(), &folder.file("pictures"))?;
        shown(progress, "page of the description", &mut page).await?;
        let asker = Asker::create(layout, stack, &Step::silent()).await?;
        shown(progress, "answers by the description", &mut asker.short(layout, &self.fuzz, folder, stack)?).await
    }
}

#[derive(Clone, Copy)]
enum Tools {
    Cloud,
    Sam,
    Checkov,
    Tests,
    Fuzz,
}

fn in_background(layout: &Layout, python: &Python, tools: Tools) -> JoinHandle<Result<Environment>> {
    let (layout, python) = (layout.clone(), python.clone());
    tokio::spawn(async move {
        let step = Step::silent();
        match tools {
            Tools::Cloud => tools::cloud(&layout, &python, &step).await,
            Tools::Sam => tools::sam(&layout, &python, &step).await,
            Tools::Checkov => tools::checkov(&layout, &python, &step).await,
            Tools::Tests => tools::tests(&layout, &python, &step).await,
            Tools::Fuzz => tools::fuzz(&layout, &python, &step).await,
        }
    })
}

/// The rest of an installation, after the steps that ran beside it.
async fn waited<T>(progress: &Progress, label: &str, install: JoinHandle<Result<T>>) -> Result<T> {
    let step = progress.step(label, Echo::Nothing);
    let installed = install.await.context("an installation was given up")??;
    progress.done(step);
    Ok(installed)
}
