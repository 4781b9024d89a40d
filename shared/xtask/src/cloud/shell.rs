//! `env` beside `stack.json`: the same for a shell, under the names that the commands of README and documentation use.

use std::path::Path;

use anyhow::Result;

use super::aws_variables;
use super::deployment::STACK_NAME;
use super::stack::{Stack, write_whole};

/// Its name in the stack's folder.
pub(super) const FILE: &str = "env";

/// Writes it whole, for its owner alone.
pub(super) fn write(stack: &Stack, path: &Path) -> Result<()> {
    write_whole(path, text(stack).as_bytes())
}

fn text(stack: &Stack) -> String {
    let queue = |name: &str| stack.queues.get(name).cloned().unwrap_or_default();
    let own = [
        ("BASE", stack.base_url.clone()),
        ("KEY", stack.live_key.clone()),
        ("TEST_KEY", stack.test_key.clone()),
        ("ORG", stack.organization_id.clone()),
        ("QUEUE", queue("call-events")),
        ("VAULT_KEY", stack.vault_key_id.clone()),
        ("JWT_ISSUER", stack.jwt.issuer.clone()),
        ("JWT_SECRET", stack.jwt.secret.clone()),
        ("TRUNKLINE_TABLE", stack.table.clone()),
        ("TRUNKLINE_STACK_NAME", STACK_NAME.to_owned()),
    ];
    own.into_iter()
        .chain(aws_variables(&stack.aws.endpoint_url))
        .map(|(name, value)| format!("export {name}={}\n", quoted(&value)))
        .collect()
}

/// A text that a shell takes as it stands.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_reads_what_was_written() {
        let output = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", quoted("a 'b' $c \"d\""))]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "a 'b' $c \"d\"");
    }
}
