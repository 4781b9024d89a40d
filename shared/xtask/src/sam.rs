//! `cargo xtask sam`: what AWS's own tools make of the template. It is checked and built; where a container engine runs, each
//! file of `events/` is put to its function in a container, and the API is asked as `sam local start-api` serves it.
//!
//! What the answers must be, `tests/contract/events.rs` says on a real table. Here nothing stands behind the functions: that
//! each starts where AWS starts it, reads its event and answers is what is tried.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::layout::Layout;
use crate::process::{Group, must_run_shown, run_behind};
use crate::progress::{Echo, Progress, Step};
use crate::python::{Environment, Python};
use crate::suite::template_check;
use crate::tools;

const NO_ENGINE: &str = "The template is checked and built. Not tried: `sam local invoke` and `sam local start-api`, because no container \
                         engine answers `docker info`. Install and start Docker, or Podman with DOCKER_HOST set to its socket, and run this again.";
/// How this ends where only a part could be tried.
const PARTLY: u8 = 2;
const API_PORT: u16 = 3_111;
const API_START: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(500);

/// Does all that is possible here, and says what is not.
pub(crate) async fn sam(layout: &Layout) -> Result<ExitCode> {
    let progress = Progress::new();
    let step = progress.step("install the SAM CLI", Echo::Nothing);
    let tools = tools::sam(layout, &Python::find().await?, &step).await?;
    progress.done(step);
    must_run_shown(&mut template_check(layout, &tools)).await?;
    must_run_shown(command(layout, &tools)?.args(["build", "--parameter-overrides", &architecture()])).await?;
    if !engine().await {
        eprintln!("\n{NO_ENGINE}");
        return Ok(ExitCode::from(PARTLY));
    }
    let environment = nowhere(layout)?;
    for event in events(layout)? {
        let step = progress.step(&format!("events/{}", event.file), Echo::Nothing);
        invoke(layout, &tools, &event, &environment, &step).await.with_context(|| event.file.clone())?;
        progress.done(step);
    }
    let step = progress.step("sam local start-api", Echo::Nothing);
    api(layout, &tools, &environment).await?;
    progress.done(step);
    Ok(ExitCode::SUCCESS)
}

/// The SAM CLI, which finds cargo-lambda and Zig on the path before anything else.
fn command(layout: &Layout, tools: &Environment) -> Result<Command> {
    let program = tools.program("sam");
    let own = program.parent().context("a program without a folder")?.to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path))).context("PATH")?;
    let mut command = layout.program(&program);
    command.env("PATH", path).env("SAM_CLI_TELEMETRY", "0").env("AWS_DEFAULT_REGION", "us-east-1");
    Ok(command)
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

/// Settings that lead nowhere: no function of a container may reach an account.
fn nowhere(layout: &Layout) -> Result<PathBuf> {
    const NOWHERE: &str = "http://127.0.0.1:9";
    let names = ["WEBHOOK_QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "CALL_EVENTS_QUEUE_URL", "AWS_ENDPOINT_URL"];
    let mut parameters: serde_json::Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), json!(NOWHERE))).collect();
    parameters.extend([("TABLE_NAME", "none"), ("VAULT_KEY_ID", "none")].map(|(name, value)| (name.to_owned(), json!(value))));
    let file = layout.tools().join("sam-environment.json");
    fs::write(&file, json!({ "Parameters": parameters }).to_string()).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// A file of `events/` and the function that it is for.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    file: String,
    function: String,
}

fn events(layout: &Layout) -> Result<Vec<Event>> {
    let mut found = Vec::new();
    for folder in fs::read_dir(layout.file("events")).context("events/")? {
        let folder = folder?.path();
        if !folder.is_dir() {
            continue;
        }
        for file in fs::read_dir(&folder)? {
            found.extend(event(&folder, &file?.path()));
        }
    }
    found.sort_by(|one, other| one.file.cmp(&other.file));
    ensure!(!found.is_empty(), "events/ has no events");
    Ok(found)
}

fn event(folder: &Path, file: &Path) -> Option<Event> {
    let (folder, name) = (folder.file_name()?.to_str()?, file.file_name()?.to_str()?);
    let is_event = name.ends_with(".json") && !name.ends_with(".answer.json");
    is_event.then(|| Event { file: format!("{folder}/{name}"), function: logical_id(folder) })
}

/// The template's name of the function in a folder: `phone-numbers` is `PhoneNumbersFunction`.
fn logical_id(folder: &str) -> String {
    let capital = |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    folder.split('-').map(capital).collect::<String>() + "Function"
}

async fn invoke(layout: &Layout, tools: &Environment, event: &Event, environment: &Path, step: &Step) -> Result<()> {
    let mut invoke = command(layout, tools)?;
    invoke.args(["local", "invoke", &event.function, "--event", &format!("events/{}", event.file), "--env-vars"]).arg(environment);
    answered(&run_behind(&mut invoke, step).await?)
}

/// The SAM CLI ends with 0 whatever a function did. A function that fails says why itself; one that does not start, dies or
/// takes too long is told of by the runtime.
fn answered(output: &str) -> Result<()> {
    let line = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let answer: Value = serde_json::from_str(line).with_context(|| format!("no answer: {line:?}"))?;
    let error = answer["errorType"].as_str().unwrap_or_default();
    ensure!(!error.starts_with("Runtime.") && !error.starts_with("Sandbox."), "{line}");
    Ok(())
}

/// Asks the served API without a key: every function refuses that by itself.
async fn api(layout: &Layout, tools: &Environment, environment: &Path) -> Result<()> {
    let mut serve = command(layout, tools)?;
    serve.args(["local", "start-api", "--port", &API_PORT.to_string(), "--env-vars"]).arg(environment);
    serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let served = Group::spawn(&mut serve)?;
    let end = Instant::now() + API_START;
    loop {
        match ask("/v1/phone-numbers").await {
            Ok(answer) if answer.starts_with("HTTP/1.1 401") || answer.starts_with("HTTP/1.0 401") => break,
            Ok(answer) => bail!("without a key the API answers {:?}", answer.lines().next().unwrap_or_default()),
            Err(error) if Instant::now() > end => return Err(error.context("sam local start-api does not answer")),
            Err(_) => sleep(POLL).await,
        }
    }
    drop(served);
    Ok(())
}

async fn ask(path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", API_PORT)).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_of_events_is_a_function_of_the_template() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let template = fs::read_to_string(root.join("infra/template.yaml")).unwrap();
        for folder in fs::read_dir(root.join("events")).unwrap().map(|folder| folder.unwrap().path()).filter(|folder| folder.is_dir()) {
            let name = logical_id(folder.file_name().unwrap().to_str().unwrap());
            assert!(template.contains(&format!("\n  {name}:\n")), "{name}");
        }
    }

    #[test]
    fn answers_are_no_events() {
        let event = |name: &str| event(Path::new("events/calls"), &Path::new("events/calls").join(name));
        assert_eq!(event("list.json"), Some(Event { file: "calls/list.json".into(), function: "CallsFunction".into() }));
        assert_eq!(event("list.answer.json"), None);
    }

    #[test]
    fn a_function_that_says_why_it_failed_has_answered_and_one_that_died_has_not() {
        for good in
            ["{\"statusCode\":401}", "log\n{\"batchItemFailures\":[]}\n", "{\"errorType\":\"RunError\",\"errorMessage\":\"x\"}", "0"]
        {
            assert!(answered(good).is_ok(), "{good}");
        }
        for bad in ["", "not JSON", "{\"errorType\":\"Runtime.ExitError\"}", "{\"errorType\":\"Sandbox.Timedout\"}"] {
            assert!(answered(bad).is_err(), "{bad}");
        }
    }
}
