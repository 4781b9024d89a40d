//! Installing and building what the commands need. Everything lands in cargo's target folder.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use tokio::process::Command;

use crate::layout::Layout;
use crate::process::run_behind;
use crate::progress::{Echo, Progress, Step};
use crate::python::{Environment, Python};

const NEXTEST: CargoTool = CargoTool { name: "cargo-nextest", version: "0.9.143" };

const MUTANTS: CargoTool = CargoTool { name: "cargo-mutants", version: "27.1.0" };

/// The emulator and what deploys to it.
pub(crate) async fn cloud(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "cloud", "infra/local/requirements.txt", step).await
}

/// What checks the template.
pub(crate) async fn sam(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "sam", "infra/local/sam-requirements.txt", step).await
}

/// What judges the template's security.
pub(crate) async fn checkov(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "checkov", "infra/local/checkov-requirements.txt", step).await
}

/// What tests need of Python.
pub(crate) async fn tests(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "tests", "tests/requirements.txt", step).await
}

/// What asks the running stack everything that its description allows and forbids.
pub(crate) async fn fuzz(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "fuzz", "tests/fuzz/requirements.txt", step).await
}

/// Node.js.
pub(crate) async fn node(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "node", "tests/conformance/node-requirements.txt", step).await
}

/// What generates a client for Python.
pub(crate) async fn clients(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "clients", "tests/conformance/requirements.txt", step).await
}

/// What the functions are measured against in JavaScript runs in, and what builds its native part.
pub(crate) async fn node_peers(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "node-peers", "infra/bench/peers/node/requirements.txt", step).await
}

/// What the functions are measured against, in Python.
pub(crate) async fn peers(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "peers", "infra/bench/peers/python/requirements.txt", step).await
}

/// Builds every binary. Always the whole workspace: cargo unifies features over the packages that
/// are built together, and anything else would build dependencies a second time.
pub(crate) async fn build(layout: &Layout, progress: &Progress) -> Result<()> {
    let step = progress.step("build every function and tool", Echo::Lines);
    build_with(layout, progress, step, &["--bins"]).await
}

/// Builds every binary and every test at once: what tests need changes features of what binaries
/// need, and one after the other would build the difference twice.
pub(crate) async fn build_with_tests(layout: &Layout, progress: &Progress) -> Result<()> {
    let step = progress.step("build everything and its tests", Echo::Lines);
    build_with(layout, progress, step, &["--bins", "--tests", "--locked"]).await
}

async fn build_with(layout: &Layout, progress: &Progress, step: Step, arguments: &[&str]) -> Result<()> {
    let mut command = layout.cargo();
    command.args(["build", "--workspace"]).args(arguments);
    if progress.is_terminal() {
        command.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "100");
    }
    run_behind(&mut command, &step).await?;
    progress.done(step);
    Ok(())
}

/// How the test runner is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nextest {
    /// It was on this machine.
    Found,
    /// It was installed here.
    Installed,
}

impl Nextest {
    /// Finds the test runner, or installs it.
    pub(crate) async fn ready(layout: &Layout, step: &Step) -> Result<Self> {
        let mut probe = layout.cargo();
        probe.args(["nextest", "--version"]);
        if succeeds(&mut probe).await? {
            return Ok(Self::Found);
        }
        NEXTEST.ready(layout, step).await?;
        Ok(Self::Installed)
    }

    /// `cargo nextest`, or the same program by its path.
    pub(crate) fn command(self, layout: &Layout) -> Command {
        let mut command = match self {
            Self::Found => layout.cargo(),
            Self::Installed => layout.program(&NEXTEST.program(layout)),
        };
        command.arg("nextest");
        command
    }
}

/// What puts faults into code, installed here.
pub(crate) async fn mutants(layout: &Layout, step: &Step) -> Result<PathBuf> {
    MUTANTS.ready(layout, step).await
}

/// A program that comes as a crate.
struct CargoTool {
    name: &'static str,
    version: &'static str,
}

impl CargoTool {
    fn folder(&self, layout: &Layout) -> PathBuf {
        layout.tools().join(format!("{}-{}", self.name.trim_start_matches("cargo-"), self.version))
    }

    fn program(&self, layout: &Layout) -> PathBuf {
        self.folder(layout).join("bin").join(self.name)
    }

    /// Installs it if it is not there.
    async fn ready(&self, layout: &Layout, step: &Step) -> Result<PathBuf> {
        let program = self.program(layout);
        if !program.exists() {
            self.install(layout, step).await?;
        }
        Ok(program)
    }

    async fn install(&self, layout: &Layout, step: &Step) -> Result<()> {
        let folder = self.folder(layout);
        let build = folder.join("build");
        let mut command = layout.cargo();
        command
            .args(["install", self.name, "--locked", "--version", self.version, "--root"])
            .arg(&folder)
            // Quickest to build, and it only waits for tests.
            .arg("--debug")
            .env("CARGO_PROFILE_DEV_DEBUG", "none")
            .arg("--target-dir")
            .arg(&build);
        run_behind(&mut command, step).await?;
        std::fs::remove_dir_all(&build).with_context(|| format!("cannot remove the build folder of {}", self.name))
    }
}

async fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().await.context("cannot run cargo")?;
    Ok(status.success())
}
