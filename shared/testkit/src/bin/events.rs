//! Puts every event of `events/` to the binaries that `sam build` made, and compares each answer with the one beside the
//! event, as the contract tests compare.
//!
//! `processes`: each binary is a process that speaks to a runtime API here. `containers`: by `sam local invoke`, and over HTTP by
//! `sam local start-api`. `stay`: nothing is asked; what the events speak of is kept for whoever calls the SAM CLI by hand.
#![expect(clippy::print_stdout, reason = "a command speaks to its terminal")]

use std::{
    collections::BTreeMap,
    future::pending,
    net::IpAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Parser};
use serde_json::{Value, json};
use testkit::{
    events::{self, Case, World},
    lambda::{Function, Outcome},
};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    time::sleep,
};

/// A container is made in a few seconds; a busy machine, or one that gets the image first, needs more.
const API_START: Duration = Duration::from_secs(600);
/// As long as a function may take in the template at most.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(50);
const POLL: Duration = Duration::from_millis(500);
/// As much of an answer as a reader wants to see.
const SHOWN: usize = 160;

#[derive(Parser)]
enum Arguments {
    /// Run what lies in the folder that `sam build` filled
    Processes {
        /// That folder
        #[arg(long)]
        built: PathBuf,
    },
    /// Have the SAM CLI run it in containers
    Containers(Containers),
    /// Keep what the events speak of until Ctrl-C
    Stay(Containers),
}

#[derive(Args)]
struct Containers {
    /// The SAM CLI
    #[arg(long)]
    sam: PathBuf,
    /// The address of this machine that containers reach
    #[arg(long)]
    listen: IpAddr,
    /// What containers call it
    #[arg(long)]
    host: String,
    /// The parameters of the template that the binaries were built with
    #[arg(long)]
    parameters: String,
    /// Where to write the settings of functions
    #[arg(long)]
    settings: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match Arguments::parse() {
        Arguments::Processes { built } => processes(&built).await,
        Arguments::Containers(arguments) => containers(&arguments).await,
        Arguments::Stay(arguments) => stay(&arguments).await,
    }
}

async fn processes(built: &Path) -> Result<()> {
    let (cases, mut failed) = (Case::all(), Vec::new());
    for case in &cases {
        let world = World::here(&case.function).await;
        println!("\n{}", case.file());
        failed.extend(told(&case.file(), run(built, case, &world).await));
    }
    ensure!(failed.is_empty(), "{} answers are not what the files say: {}", failed.len(), failed.join(", "));
    println!("\nThe binaries of {} functions answered all {} events as the files beside them say.", events::functions().len(), cases.len());
    Ok(())
}

/// One event for a process of its own.
async fn run(built: &Path, case: &Case, world: &World) -> Result<()> {
    let program = built.join(events::logical_id(&case.function)).join("bootstrap");
    let mut function = Function::new(&case.function, FUNCTION_TIMEOUT, world.environment()).with_program(&program);
    let answer = match function.invoke(case.json(), pending()).await {
        Outcome::Answered(answer) => answer,
        other => bail!("no answer: {other:?}"),
    };
    println!("{}", brief(&answer));
    case.compare(&answer, world).map_err(anyhow::Error::msg)
}

async fn containers(arguments: &Containers) -> Result<()> {
    let (cases, mut failed) = (Case::all(), Vec::new());
    for case in &cases {
        let world = arguments.world(&case.function).await;
        arguments.lead(&[(&case.function, &world)])?;
        failed.extend(told(&case.file(), invoke(arguments, case, &world).await));
    }
    let asked = api(arguments, &mut failed).await?;
    ensure!(failed.is_empty(), "{} answers are not what the files say: {}", failed.len(), failed.join(", "));
    println!("\nAll {} events answered as the files beside them say, and {asked} of them over HTTP too.", cases.len());
    Ok(())
}

/// Says how a case went; its name, if it went wrong.
fn told(name: &str, outcome: Result<()>) -> Option<String> {
    match outcome {
        Ok(()) => None,
        Err(error) => {
            println!("  WRONG: {error:#}");
            Some(name.to_owned())
        }
    }
}

impl Containers {
    async fn world(&self, function: &str) -> World {
        World::start(function, self.listen, &self.host).await
    }

    /// Writes the settings that lead each function to its world.
    fn lead(&self, worlds: &[(&str, &World)]) -> Result<()> {
        let settings: BTreeMap<_, _> = worlds.iter().map(|(function, world)| (events::logical_id(function), world.settings())).collect();
        let text = serde_json::to_string_pretty(&settings)?;
        std::fs::write(&self.settings, text).with_context(|| format!("cannot write {}", self.settings.display()))
    }

    /// The SAM CLI with these arguments and the settings; what it runs is printed as one would type it.
    fn local(&self, arguments: &[&str]) -> Command {
        println!("\n$ {}", self.shown(&arguments.join(" ")));
        let mut command = Command::new(&self.sam);
        command.arg("local").args(arguments).args(["--parameter-overrides", &self.parameters]).arg("--env-vars").arg(&self.settings);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    fn shown(&self, arguments: &str) -> String {
        format!("sam local {arguments} --parameter-overrides {} --env-vars {}", self.parameters, shown(&self.settings))
    }
}

/// A path as seen from here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

async fn invoke(arguments: &Containers, case: &Case, world: &World) -> Result<()> {
    let file = case.file();
    let start = Instant::now();
    let output = arguments.local(&["invoke", &events::logical_id(&case.function), "--event", &file]).output().await?;
    let (text, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // The SAM CLI ends with 0 whatever a function did, and prints its answer last.
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let answer: Value = serde_json::from_str(line).with_context(|| format!("no answer: {line:?}; the SAM CLI says:\n{log}"))?;
    println!("{}", brief(&answer));
    case.compare(&answer, world).map_err(anyhow::Error::msg)?;
    println!("  as {} says, in {:.1} s", file.replace(".json", ".answer.json"), start.elapsed().as_secs_f32());
    Ok(())
}

/// An answer as a reader wants to see it: of one to HTTP, status and body.
fn brief(answer: &Value) -> String {
    match (answer["statusCode"].as_u64(), answer["body"].as_str()) {
        (Some(status), Some(body)) => cut(&format!("{status} {body}")),
        _ => cut(&answer.to_string()),
    }
}

fn cut(text: &str) -> String {
    let end: String = text.chars().take(SHOWN).collect();
    if end.len() < text.len() { end + " …" } else { end }
}

/// The API as it is served, asked by each event that only reads.
async fn api(arguments: &Containers, failed: &mut Vec<String>) -> Result<usize> {
    let worlds = worlds(arguments).await?;
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port().to_string();
    let mut command = arguments.local(&["start-api", "--port", &port]);
    let mut served = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let base = format!("http://127.0.0.1:{port}");
    ready(&client, &base, &mut served).await?;
    let mut asked = 0;
    for (function, world) in &worlds {
        for case in Case::of(function).iter().filter(|case| served_alike(&case.json())) {
            asked += 1;
            failed.extend(told(&format!("GET of {}", case.file()), get(&client, &base, case, world).await));
        }
    }
    end(served).await?;
    Ok(asked)
}

/// Whether an event only reads, and comes to the same function here as on AWS. A path with a slash at its end does not: the SAM
/// CLI has it match `{proxy+}`, where AWS finds nothing left to match and takes the `$default` route.
fn served_alike(event: &Value) -> bool {
    event["requestContext"]["http"]["method"] == "GET" && event["rawPath"].as_str().is_some_and(|path| !path.ends_with('/'))
}

/// Asked to end, it takes its containers along.
async fn end(mut served: Child) -> Result<()> {
    let pid = served.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed())).context("sam local start-api has ended")?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    served.wait().await?;
    Ok(())
}

/// A world for each function, and the settings that lead all of them there.
async fn worlds(arguments: &Containers) -> Result<Vec<(String, World)>> {
    let mut worlds = Vec::new();
    for function in events::functions() {
        let world = arguments.world(&function).await;
        worlds.push((function, world));
    }
    let named: Vec<_> = worlds.iter().map(|(function, world)| (function.as_str(), world)).collect();
    arguments.lead(&named)?;
    Ok(worlds)
}

async fn ready(client: &reqwest::Client, base: &str, served: &mut Child) -> Result<()> {
    let start = Instant::now();
    while client.get(format!("{base}/health")).send().await.is_err() {
        if let Some(status) = served.try_wait()? {
            bail!("sam local start-api ended with {status}");
        }
        ensure!(start.elapsed() < API_START, "sam local start-api does not answer");
        sleep(POLL).await;
    }
    Ok(())
}

async fn get(client: &reqwest::Client, base: &str, case: &Case, world: &World) -> Result<()> {
    let event = case.json();
    let (path, query) = (event["rawPath"].as_str().unwrap_or_default(), event["rawQueryString"].as_str().unwrap_or_default());
    let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let headers = event["headers"].as_object().into_iter().flatten().filter(|(name, _)| name.as_str() != "host");
    let mut request = client.get(format!("{base}{path}"));
    for (name, value) in headers {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    let answer = request.send().await?;
    let (status, body) = (answer.status().as_u16(), answer.text().await?);
    println!("\nGET {path}\n{status} {}", cut(&body));
    case.compare(&json!({ "statusCode": status, "body": body }), world).map_err(anyhow::Error::msg)?;
    println!("  as {} says", case.file().replace(".json", ".answer.json"));
    Ok(())
}

async fn stay(arguments: &Containers) -> Result<()> {
    let worlds = worlds(arguments).await?;
    println!("\n{} worlds are there, one for each function. In another terminal:\n", worlds.len());
    println!("    {}", arguments.shown("invoke CallsFunction --event events/calls/list.json"));
    println!("    {}\n\nCtrl-C ends it.", arguments.shown("start-api"));
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")
}
