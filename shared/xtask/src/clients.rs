//! Clients that are generated from the API's description, for TypeScript and Python: each goes through the main flows on a running
//! stack. What is generated lies beside the generators' packages and never in the repository.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::folder::emptied;
use crate::layout::Layout;
use crate::node::Node;
use crate::process::{must_run_shown, run_behind};
use crate::progress::Step;
use crate::python::Environment;

const DOCUMENT: &str = "infra/openapi.json";
/// What the strictest of compilers may ask of a program.
const STRICT: [&str; 11] = [
    "--strict",
    "--noUncheckedIndexedAccess",
    "--noUnusedLocals",
    "--noImplicitReturns",
    "--noPropertyAccessFromIndexSignature",
    "--exactOptionalPropertyTypes",
    "--target",
    "es2023",
    "--module",
    "nodenext",
    "--pretty",
];

/// Generates a TypeScript client and compiles the program that uses it; answers with where that is.
pub(crate) async fn typescript(layout: &Layout, node: &Node, step: &Step) -> Result<PathBuf> {
    // Below the packages, so that it finds them.
    let folder = emptied(node.folder().join("client"))?;
    let mut generate = node.program(layout, "openapi-typescript/bin/cli.js");
    run_behind(generate.arg(DOCUMENT).arg("--output").arg(folder.join("api.d.ts")), step).await.context("no TypeScript client")?;
    let program = folder.join("client.mts");
    fs::copy(layout.file("tests/conformance/client.mts"), &program).context("cannot copy the program that uses the client")?;
    let mut compile = node.program(layout, "typescript/bin/tsc");
    compile.args(STRICT).arg(&program).current_dir(&folder);
    must_run_shown(&mut compile).await.context("the TypeScript client does not compile")?;
    Ok(folder.join("client.mjs"))
}

/// Generates a Python client; answers with the folder of its package.
pub(crate) async fn python(layout: &Layout, clients: &Environment, beside: &Node, step: &Step) -> Result<PathBuf> {
    let folder = emptied(beside.folder().join("client-python"))?;
    let mut generate = layout.program(&clients.program("openapi-python-client"));
    generate.args(["generate", "--meta", "none", "--path", DOCUMENT, "--output-path"]).arg(folder.join("trunkline"));
    // It tidies up with a program of the same environment.
    generate.env("PATH", clients.search_path()?);
    run_behind(&mut generate, step).await.context("no Python client")?;
    Ok(folder)
}
