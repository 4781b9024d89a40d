//! The page of the API's description in a browser. The browser comes as a package for Node.js: a machine needs none.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use tokio::process::Command;

use crate::layout::Layout;
use crate::node::Node;

/// The command that opens the page of a stack and tries it; pictures of the page go into the folder.
pub(crate) fn docs_page(layout: &Layout, node: &Node, stack_file: &Path, pictures: &Path) -> Result<Command> {
    // Where the browser is unpacked: once for all runs.
    let unpacked = node.folder().join("browser");
    for folder in [unpacked.as_path(), pictures] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut command = node.script(layout, "tests/conformance/docs.js");
    command.arg(stack_file).arg(pictures).env("TMPDIR", unpacked);
    Ok(command)
}
