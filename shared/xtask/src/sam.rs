//! `cargo xtask sam`: what AWS's own tools make of the template. It is checked and built; where a container engine runs, each
//! file of `events/` is put to its function in a container, the API is asked as `sam local start-api` serves it, and the
//! answers are compared with those beside the files. What the answers mean, the program `events` knows.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{ExitCode, Stdio};

use anyhow::Result;
use serde_json::Value;
use tokio::process::Command;

use crate::binaries::passed_on;
use crate::layout::Layout;
use crate::process::{must_run_shown, run_shown};
use crate::progress::{Echo, Progress};
use crate::python::{Environment, Python};
use crate::suite::template_check;
use crate::tools;

const NO_ENGINE: &str = "The template is checked and built, and every event was put to its binary as a plain process. Not tried: \
                         `sam local invoke` and `sam local start-api`, because no container engine answers `docker info`. Install and \
                         start Docker, or Podman with its `docker` command and DOCKER_HOST set to its socket, and run this again.";
/// The program that knows what events mean.
const EVENTS: &str = "events";
/// Where `sam build` puts what is deployed.
const BUILT: &str = ".aws-sam/build";
/// How this ends where only a part could be tried.
const PARTLY: u8 = 2;
/// Networks that containers are in unless told otherwise: of Docker and of Podman.
const NETWORKS: [&str; 2] = ["bridge", "podman"];

/// Does all that is possible here, and says what is not.
pub(crate) async fn sam(layout: &Layout, stay: bool) -> Result<ExitCode> {
    let sam = build(layout).await?;
    if !engine().await {
        smoke(layout).await?;
        eprintln!("\n{NO_ENGINE}");
        return Ok(ExitCode::from(PARTLY));
    }
    tools::build(layout, &Progress::new()).await?;
    let mut events = layout.program(&layout.binaries().join(EVENTS));
    with_tools(&mut events, &sam)?;
    events.arg(if stay { "stay" } else { "containers" }).arg("--sam").arg(sam.program("sam")).args(address().await);
    events.args(["--parameters", &architecture()]).arg("--settings").arg(layout.tools().join("sam-settings.json"));
    Ok(passed_on(run_shown(&mut events).await?))
}

/// Makes of each function what is deployed, and has each answer its events.
pub(crate) async fn test(layout: &Layout) -> Result<()> {
    build(layout).await?;
    smoke(layout).await
}

/// Checks the template and makes of each function what is deployed.
async fn build(layout: &Layout) -> Result<Environment> {
    let progress = Progress::new();
    let step = progress.step("install the SAM CLI", Echo::Nothing);
    let sam = tools::sam(layout, &Python::find().await?, &step).await?;
    progress.done(step);
    must_run_shown(&mut template_check(layout, &sam)).await?;
    let mut build = layout.program(&sam.program("sam"));
    with_tools(&mut build, &sam)?;
    must_run_shown(build.args(["build", "--parameter-overrides", &architecture()])).await?;
    Ok(sam)
}

/// What was built, as plain processes: that needs no container engine.
async fn smoke(layout: &Layout) -> Result<()> {
    tools::build(layout, &Progress::new()).await?;
    must_run_shown(layout.program(&layout.binaries().join(EVENTS)).args(["processes", "--built", BUILT])).await
}

/// The SAM CLI finds cargo-lambda and Zig on the path before anything else. It finds no account of the user's: it would lend
/// functions the credentials, and ask whose they are before each call.
fn with_tools(command: &mut Command, tools: &Environment) -> Result<()> {
    for variable in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"] {
        command.env_remove(variable);
    }
    for variable in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
        command.env(variable, "/dev/null");
    }
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("SAM_CLI_TELEMETRY", "0")
        .env("PATH", tools.search_path()?);
    Ok(())
}

/// This machine's: a container runs what it can.
fn architecture() -> String {
    format!("Architecture={}", if std::env::consts::ARCH == "aarch64" { "arm64" } else { "x86_64" })
}

async fn engine() -> bool {
    let mut docker = Command::new("docker");
    let probe = docker.arg("info").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().await.is_ok_and(|status| status.success())
}

/// Where containers reach this machine: at the gateway of their network, if that is an address of this machine. Where the
/// engine lives in a machine of its own, as Docker Desktop does, a name leads to this one's loopback address.
async fn address() -> [String; 4] {
    for network in NETWORKS {
        let output = Command::new("docker").args(["network", "inspect", network, "--format", "{{json .IPAM.Config}}"]).output().await;
        let gateway = output.ok().and_then(|output| gateway(&output.stdout));
        if let Some(gateway) = gateway.filter(|gateway| TcpListener::bind((*gateway, 0)).is_ok()) {
            return listening(&gateway.to_string(), &gateway.to_string());
        }
    }
    listening("127.0.0.1", "host.docker.internal")
}

/// The gateway of a network, which is the first address of the subnet unless it is named.
fn gateway(configuration: &[u8]) -> Option<Ipv4Addr> {
    let configuration: Value = serde_json::from_slice(configuration).ok()?;
    let address = |name: &str| configuration[0][name].as_str()?.split('/').next()?.parse::<Ipv4Addr>().ok();
    address("Gateway").or_else(|| Some(Ipv4Addr::from_bits(address("Subnet")?.to_bits() + 1)))
}

fn listening(address: &str, name: &str) -> [String; 4] {
    ["--listen", address, "--host", name].map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_gateway_whether_it_is_named_or_not() {
        let first = Some(Ipv4Addr::new(172, 17, 0, 1));
        assert_eq!(gateway(br#"[{"Subnet":"172.17.0.0/16"}]"#), first);
        assert_eq!(gateway(br#"[{"Subnet":"10.88.0.0/16","Gateway":"172.17.0.1"}]"#), first);
        assert_eq!(gateway(b"[]"), None);
        assert_eq!(gateway(b"Error: no such network"), None);
    }
}
