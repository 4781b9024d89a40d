//! `cargo xtask bench`: builds the functions as they are deployed, installs the same written in other languages, and has all
//! of them measured.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::binaries::passed_on;
use crate::folder::Folder;
use crate::layout::Layout;
use crate::node::Node;
use crate::process::{run_behind, run_shown};
use crate::progress::{Echo, Progress, Step};
use crate::python::{Environment, Python};
use crate::tools;

/// Packages whose binaries are measured: every function, and the least that one can be.
const FUNCTIONS: [&str; 13] = [
    "hello",
    "phone-numbers",
    "endpoints",
    "calls",
    "carrier-credentials",
    "carrier-callbacks",
    "api-keys",
    "webhooks-api",
    "call-events",
    "webhook-delivery",
    "due-deliveries",
    "call-reaper",
    "docs",
];

/// The peers in JavaScript, and those of its files that are functions.
const NODE_PEERS: &str = "infra/bench/peers/node";
const PEERS: [&str; 4] = ["phone-numbers", "calls", "call-events", "webhook-delivery"];

/// Builds, installs, measures; `quick` measures less and writes nothing.
pub(crate) async fn bench(layout: &Layout, quick: bool) -> Result<ExitCode> {
    let progress = Progress::new();
    let step = progress.step("install the peers' packages", Echo::Nothing);
    let any = Python::find().await?;
    let python = tools::peers(layout, &any, &step).await?;
    let tools = tools::node_peers(layout, &any, &step).await?;
    let node = Node::with(layout, NODE_PEERS, &tools, &step).await?;
    let runtime = runtime(layout, &node, &tools, &step).await?;
    let bundles = bundled(layout, &node, &step).await?;
    progress.done(step);
    tools::build(layout, &progress).await?;
    release(layout, &progress).await?;

    let mut command = layout.program(&layout.binaries().join("bench"));
    command.arg("--functions").arg(layout.release_binaries()).arg("--node").arg(node.executable());
    command.arg("--node-runtime").arg(runtime).arg("--bundles").arg(bundles).arg("--python").arg(python.python());
    if quick {
        command.arg("--quick");
    }
    // Delays are those of the stack that `up` started, if one runs.
    let folder = Folder::open(layout.local())?;
    if folder.holder()?.is_some_and(|holder| holder.stack.is_some()) {
        command.env("TRUNKLINE_STACK", folder.stack_file());
    }
    Ok(passed_on(run_shown(&mut command).await?))
}

/// All at once, so that what they share is compiled once.
async fn release(layout: &Layout, progress: &Progress) -> Result<()> {
    let step = progress.step("build every function for release", Echo::Lines);
    let mut command = layout.cargo();
    command.args(["build", "--release", "--locked", "--bins"]).args(FUNCTIONS.map(|function| format!("--package={function}")));
    run_behind(&mut command, &step).await?;
    progress.done(step);
    Ok(())
}

/// Lambda's client of its runtime API, whose native part the package has as sources only.
async fn runtime(layout: &Layout, node: &Node, tools: &Environment, step: &Step) -> Result<PathBuf> {
    let package = node.packages().join("aws-lambda-ric");
    let native = package.join("dist/rapid-client.node");
    if !native.exists() {
        let folder = node.folder().join("rapid-client");
        let compiler = |language: &str, kind: &str| format!("-DCMAKE_{language}_COMPILER={};-m;ziglang;{kind}", tools.python().display());
        let place = |name: &str, path: &Path| format!("-D{name}={}", path.display());
        let mut configure = layout.program(&tools.program("cmake"));
        configure.args(["-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-S"]).arg(layout.file(NODE_PEERS)).arg("-B").arg(&folder);
        configure.args([compiler("C", "cc"), compiler("CXX", "c++")]).arg(place("RIC", &package));
        // Or it is for this very processor, whose newest instructions valgrind does not know.
        configure.args(["-DCMAKE_C_FLAGS=-mcpu=baseline", "-DCMAKE_CXX_FLAGS=-mcpu=baseline"]);
        configure.arg(place("ADDON_API", &node.packages().join("node-addon-api"))).arg(place("NODE_HEADERS", &node.headers()));
        let mut build = layout.program(&tools.program("cmake"));
        build.arg("--build").arg(&folder).args(["--target", "rapid-client"]);
        for command in [&mut configure, &mut build] {
            run_behind(command.env("PATH", tools.search_path()?), step).await.context("cannot build the runtime client for Node.js")?;
        }
        std::fs::copy(folder.join("rapid-client.node"), &native).context("cannot put the runtime client for Node.js into place")?;
    }
    Ok(package.join("bin/index.mjs"))
}

/// Bundles each peer for Node.js, as a team would that cares for its start.
async fn bundled(layout: &Layout, node: &Node, step: &Step) -> Result<PathBuf> {
    let folder = layout.tools().join("bench-bundles");
    for peer in PEERS {
        let mut command = node.program(layout, "esbuild/bin/esbuild");
        command
            .env("NODE_PATH", node.packages())
            .arg(layout.file(NODE_PEERS).join(peer).with_extension("js"))
            .args(["--bundle", "--minify", "--platform=node", "--target=node20", "--log-level=warning"])
            .arg(format!("--outfile={}", folder.join(peer).with_extension("cjs").display()));
        run_behind(&mut command, step).await.context("cannot bundle the peers for Node.js")?;
    }
    Ok(folder)
}
