//! The template on the emulator. What is deployed, and under which names, is read back from there:
//! this file knows no route, queue or function.

use std::collections::BTreeMap;
use std::env::consts::ARCH;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::emulator::Emulator;
use super::isolate;
use crate::layout::Layout;
use crate::process::run_behind;
use crate::progress::Step;
use crate::python::Environment;

const SCRIPT: &str = "infra/local/deploy.py";
const TEMPLATE: &str = "infra/template.yaml";
/// Under which name.
pub(super) const STACK_NAME: &str = "trunkline";

/// Whose users' tokens a local cloud believes. Nobody is there: whoever knows the stack's secret signs them.
pub(crate) const JWT_ISSUER: &str = "https://auth.trunkline.example/auth/v1";

/// What was deployed.
#[derive(Debug, Deserialize)]
pub(crate) struct Deployment {
    /// The name under which the emulator serves the HTTP API.
    pub(crate) api_host: String,
    /// The table's name.
    pub(crate) table: String,
    /// The KMS key that seals secrets.
    pub(crate) vault_key_id: String,
    /// Every queue's URL by its short name, dead-letter queues included.
    pub(crate) queues: BTreeMap<String, String>,
}

impl Deployment {
    /// Deploys the template with the binaries of the dev profile. `base_url` is where the API will answer.
    pub(crate) async fn make(layout: &Layout, environment: &Environment, emulator: &Emulator, base_url: &str, step: &Step) -> Result<Self> {
        let mut command = layout.program(&environment.python());
        isolate(&mut command, emulator.endpoint_url());
        command
            .arg(SCRIPT)
            .args(["--endpoint", emulator.endpoint_url(), "--template", TEMPLATE])
            .arg("--binaries")
            .arg(layout.binaries())
            .args(["--stack-name", STACK_NAME])
            .args(["--parameter", &format!("Architecture={}", architecture(ARCH))])
            .args(["--parameter", "Environment=local"])
            .args(["--parameter", &format!("AwsEndpointUrl={}", emulator.endpoint_url())])
            .args(["--parameter", &format!("PublicBaseUrl={base_url}")])
            .args(["--parameter", &format!("JwtIssuers={JWT_ISSUER} HS256")])
            // No account's quota holds here, and nobody takes traces.
            .args(["--parameter", "CallEventsConcurrency=20", "--parameter", "WebhookDeliveryConcurrency=50"])
            .args(["--parameter", "Tracing=PassThrough"])
            // Deliveries to this machine are refused everywhere but in a local cloud.
            .args(["--parameter", "AllowLoopbackWebhooks=true"])
            // The suites ask more of one organization than a customer may; those that mean a limit set it themselves.
            .args(["--parameter", "RateLimit=100000/1000000"]);
        let output = run_behind(&mut command, step).await?;
        parse(&output)
    }
}

fn parse(output: &str) -> Result<Deployment> {
    let line = output.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("{SCRIPT} answered {line:?}"))
}

/// Lambda's name for a processor; a binary runs only on the one that it was built for.
fn architecture(rust_name: &str) -> &str {
    match rust_name {
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_have_their_lambda_names() {
        assert_eq!(architecture("aarch64"), "arm64");
        assert_eq!(architecture("x86_64"), "x86_64");
    }

    #[test]
    fn the_last_line_is_the_answer_and_more_in_it_does_not_hurt() {
        let deployment =
            parse("deploying\n{\"api_id\":\"a1\",\"api_host\":\"a1.execute-api.localhost\",\"table\":\"t\",\"vault_key_id\":\"k\",\"queues\":{\"q\":\"u\"}}\n")
                .unwrap();
        assert_eq!(deployment.api_host, "a1.execute-api.localhost");
        assert_eq!(deployment.queues.get("q").map(String::as_str), Some("u"));
        assert!(parse("").is_err());
    }
}
