//! Packages for Node.js in a folder of their own, made from a lock file. The folder is named after what is in it and
//! reused while that is unchanged.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use crate::layout::Layout;
use crate::process::run_behind;
use crate::progress::Step;
use crate::python::{MARKER, lock};
use crate::text;

/// Where the packages are listed.
const PACKAGES: &str = "tests/conformance";

/// A Node.js with packages.
pub(crate) struct Node {
    folder: PathBuf,
}

impl Node {
    /// Installs what the lock file names, or finds what was installed earlier.
    pub(crate) async fn ready(layout: &Layout, step: &Step) -> Result<Self> {
        let version = version().await?;
        let manifest = read(layout, "package.json")?;
        let locked = read(layout, "package-lock.json")?;
        let tools = layout.tools();
        fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
        let name = format!("node-{}", text::hash(&[&version, &manifest, &locked]));
        let folder = tools.join(&name);
        let _lock = lock(&tools.join(format!("{name}.lock"))).await?;
        if !folder.join(MARKER).exists() {
            fs::create_dir_all(&folder).context("cannot make a folder for packages")?;
            fs::write(folder.join("package.json"), manifest).context("cannot copy package.json")?;
            fs::write(folder.join("package-lock.json"), locked).context("cannot copy package-lock.json")?;
            let mut install = Command::new("npm");
            install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
            run_behind(&mut install, step).await.context("cannot install the packages for Node.js")?;
            fs::write(folder.join(MARKER), "").context("cannot mark the packages as complete")?;
        }
        Ok(Self { folder })
    }

    /// A script of the repository, which may require the packages.
    pub(crate) fn script(&self, layout: &Layout, script: &str) -> Command {
        let mut command = layout.program("node".as_ref());
        command.arg(layout.file(script)).env("NODE_PATH", self.folder.join("node_modules"));
        command
    }
}

/// What Node.js calls itself; an error that says what is missing if it or its package manager is.
async fn version() -> Result<String> {
    let mut versions = String::new();
    for program in ["node", "npm"] {
        match Command::new(program).arg("--version").output().await {
            Ok(output) if output.status.success() => versions.push_str(&String::from_utf8_lossy(&output.stdout)),
            _ => bail!(
                "{program} is missing: install Node.js 18 or later with npm (Debian and Ubuntu: apt install nodejs npm) and try again"
            ),
        }
    }
    Ok(versions)
}

fn read(layout: &Layout, name: &str) -> Result<String> {
    let path = layout.file(PACKAGES).join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}
