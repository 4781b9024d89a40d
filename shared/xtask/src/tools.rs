//! Installing and building what the commands need. Everything lands in cargo's target folder.

use std::process::Stdio;

use anyhow::{Context as _, Result};
use tokio::process::Command;

use crate::layout::Layout;
use crate::process::run_behind;
use crate::progress::{Echo, Progress, Step};
use crate::python::{Environment, Python};

const NEXTEST_VERSION: &str = "0.9.143";

/// The emulator and what deploys to it.
pub(crate) async fn cloud(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "cloud", "infra/local/requirements.txt", step).await
}

/// What checks the template.
pub(crate) async fn sam(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "sam", "infra/local/sam-requirements.txt", step).await
}

/// What tests need of Python.
pub(crate) async fn tests(layout: &Layout, python: &Python, step: &Step) -> Result<Environment> {
    python.environment(layout, "tests", "tests/requirements.txt", step).await
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
        if !installed(layout).exists() {
            install(layout, step).await?;
        }
        Ok(Self::Installed)
    }

    /// `cargo nextest`, or the same program by its path.
    pub(crate) fn command(self, layout: &Layout) -> Command {
        let mut command = match self {
            Self::Found => layout.cargo(),
            Self::Installed => layout.program(&installed(layout)),
        };
        command.arg("nextest");
        command
    }
}

fn installed(layout: &Layout) -> std::path::PathBuf {
    nextest_folder(layout).join("bin/cargo-nextest")
}

fn nextest_folder(layout: &Layout) -> std::path::PathBuf {
    layout.tools().join(format!("nextest-{NEXTEST_VERSION}"))
}

async fn install(layout: &Layout, step: &Step) -> Result<()> {
    let folder = nextest_folder(layout);
    let build = folder.join("build");
    let mut command = layout.cargo();
    command
        .args([
            "install",
            "cargo-nextest",
            "--locked",
            "--version",
            NEXTEST_VERSION,
            "--root",
        ])
        .arg(&folder)
        // Quickest to build, and it only waits for tests.
        .arg("--debug")
        .env("CARGO_PROFILE_DEV_DEBUG", "none")
        .arg("--target-dir")
        .arg(&build);
    run_behind(&mut command, step).await?;
    std::fs::remove_dir_all(&build).context("cannot remove the test runner's build folder")
}

async fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().await.context("cannot run cargo")?;
    Ok(status.success())
}
