//! Where things are: the repository, cargo's target folder and what lies in it. Makes no folder.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use tokio::process::Command;

/// The folders of one clone.
#[derive(Clone)]
pub(crate) struct Layout {
    root: PathBuf,
    target: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Layout {
    /// Asks cargo, which alone knows every way to move the target folder.
    pub(crate) async fn discover() -> Result<Self> {
        let output = cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output().await.context("cannot run cargo")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo metadata failed: {complaint}");
        let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
        Ok(Self { root: metadata.workspace_root, target: metadata.target_directory })
    }

    /// A file or folder of the repository.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Cargo, with the repository as its working folder.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }

    /// Any program, with the repository as its working folder.
    pub(crate) fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// Where cargo puts the binaries of the dev profile.
    pub(crate) fn binaries(&self) -> PathBuf {
        self.target.join("debug")
    }

    /// Where cargo puts the binaries of the release profile.
    pub(crate) fn release_binaries(&self) -> PathBuf {
        self.target.join("release")
    }

    /// Tools that this program installs, each in a folder of its own.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The folder of the stack that `up` starts. It stays in the clone wherever cargo builds, so
    /// that people and scripts find `stack.json`.
    pub(crate) fn local(&self) -> PathBuf {
        self.root.join("target/local")
    }

    /// The folder of the cloud that tests start: never that of `up`.
    pub(crate) fn test_cloud(&self) -> PathBuf {
        self.root.join("target/test-cloud")
    }

    /// The folder of the cloud that other programs than our tests ask.
    pub(crate) fn judged_cloud(&self) -> PathBuf {
        self.root.join("target/judged-cloud")
    }
}

/// The cargo that started this program. What it said about this package is taken away again:
/// build scripts that watch such variables would otherwise build anew.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(names_a_package) {
            command.env_remove(name);
        }
    }
    command
}

fn names_a_package(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"].iter().any(|prefix| variable.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::names_a_package;

    #[test]
    fn only_what_cargo_said_about_this_package_is_taken_away() {
        assert!(names_a_package("CARGO_PKG_NAME"));
        assert!(names_a_package("CARGO_MANIFEST_DIR"));
        assert!(!names_a_package("CARGO_TARGET_DIR"));
        assert!(!names_a_package("CARGO_HOME"));
        assert!(!names_a_package("PATH"));
    }
}
