//! Python tools in virtual environments of their own, made from requirement files with hashes.
//! An environment is named after what is in it and reused while that is unchanged.

use std::ffi::OsString;
use std::fs::{self, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;
use tokio::time::sleep;

use crate::layout::Layout;
use crate::process::run_behind;
use crate::progress::Step;
use crate::text;

const CANDIDATES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];
/// Prints the version, and fails without what an environment needs: Debian ships `venv` and
/// `ensurepip` apart from Python itself.
const PROBE: &str = "import sys, venv, ensurepip; print('%d.%d.%d' % sys.version_info[:3]); sys.exit(sys.version_info < (3, 11))";
/// Written last: an installation without it was interrupted.
pub(crate) const MARKER: &str = "complete";
/// Another process may be making the same.
const OTHER_INSTALLER: Duration = Duration::from_secs(15 * 60);
const POLL: Duration = Duration::from_millis(200);

/// A Python that can make environments.
#[derive(Clone)]
pub(crate) struct Python {
    program: &'static str,
    version: String,
}

/// A complete environment.
pub(crate) struct Environment {
    folder: PathBuf,
}

impl Python {
    /// The first on the path that will do.
    pub(crate) async fn find() -> Result<Self> {
        for program in CANDIDATES {
            let output = Command::new(program).args(["-c", PROBE]).output().await;
            let Ok(output) = output else { continue };
            if output.status.success() {
                let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                return Ok(Self { program, version });
            }
        }
        bail!(
            "Python 3.11 or later with its venv module is needed, and none of {} is that; \
             install it (Debian and Ubuntu: apt install python3 python3-venv) and try again",
            CANDIDATES.join(", ")
        )
    }

    /// Makes an environment from a requirements file, or finds the one made earlier.
    pub(crate) async fn environment(&self, layout: &Layout, name: &str, requirements: &str, step: &Step) -> Result<Environment> {
        let requirements = layout.file(requirements);
        let text = fs::read_to_string(&requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
        let name = folder_name(name, &self.version, &text);
        let tools = layout.tools();
        fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
        let folder = tools.join(&name);
        let _lock = lock(&tools.join(format!("{name}.lock"))).await?;
        if !folder.join(MARKER).exists() {
            self.install(&folder, &requirements, step)
                .await
                .with_context(|| format!("cannot install the tools of {}", requirements.display()))?;
        }
        Ok(Environment { folder })
    }

    async fn install(&self, folder: &Path, requirements: &Path, step: &Step) -> Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder).context("cannot remove a half-made environment")?;
        }
        let mut make = Command::new(self.program);
        make.args(["-m", "venv"]).arg(folder);
        run_behind(&mut make, step).await?;
        let mut install = Command::new(folder.join("bin/python"));
        install
            .args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check"])
            .args(["--progress-bar", "off", "--require-hashes", "-r"])
            .arg(requirements);
        run_behind(&mut install, step).await?;
        fs::write(folder.join(MARKER), "").context("cannot mark the environment as complete")
    }
}

impl Environment {
    /// The environment's Python.
    pub(crate) fn python(&self) -> PathBuf {
        self.program("python")
    }

    /// A program that a package put there.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// The search path with what packages put there before everything else.
    pub(crate) fn search_path(&self) -> Result<OsString> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.folder.join("bin")).chain(std::env::split_paths(&path));
        std::env::join_paths(all).context("the search path cannot hold the environment")
    }
}

fn folder_name(name: &str, version: &str, requirements: &str) -> String {
    format!("{name}-{}", text::hash(&[version, requirements]))
}

/// Held until the returned file is closed.
pub(crate) async fn lock(path: &Path) -> Result<fs::File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if start.elapsed() < OTHER_INSTALLER => {
                sleep(POLL).await;
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::folder_name;

    #[test]
    fn an_environment_is_named_after_its_python_and_its_requirements() {
        let name = folder_name("cloud", "3.11.7", "a==1");
        assert_eq!(name, folder_name("cloud", "3.11.7", "a==1"));
        assert!(name.starts_with("cloud-"));
        assert_ne!(name, folder_name("cloud", "3.11.7", "a==2"));
        assert_ne!(name, folder_name("cloud", "3.12.0", "a==1"));
    }
}
