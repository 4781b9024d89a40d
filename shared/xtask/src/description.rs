//! What a linter says of the API's description.

use tokio::process::Command;

use crate::layout::Layout;
use crate::node::Node;

/// The description, and the rules that hold of it.
const DOCUMENT: &str = "infra/openapi.json";
const RULES: &str = ".redocly.yaml";

/// The command that checks the document in the repository.
pub(crate) fn check(layout: &Layout, node: &Node) -> Command {
    let mut command = node.program(layout, "@redocly/cli/bin/cli.js");
    command
        .args(["lint", "--config", RULES, "--max-problems", "1000", DOCUMENT])
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    command
}
