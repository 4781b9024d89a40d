//! A function's own binary, run as Lambda runs it: through the runtime API, one invocation at a time, started again
//! after its end.
//!
//! Source of the protocol: «Using the Lambda runtime API for custom runtimes» of the Lambda developer guide.

use std::{
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path as Segment, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::StatusCode;
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::sleep,
};

use crate::fixture;

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The function answered.
    Answered(Value),
    /// The function answered with an error.
    Failed(Value),
    /// The function was killed on demand.
    Killed,
    /// The function ended by itself.
    Ended,
    /// The function took too long and was killed.
    TooLate,
}

/// A function as it is deployed: its binary, its environment and its time-out. It runs from the first invocation on.
#[derive(Debug)]
pub struct Function {
    name: String,
    environment: Vec<(String, String)>,
    timeout: Duration,
    log: Option<PathBuf>,
    program: Option<PathBuf>,
    arguments: Vec<OsString>,
    sandbox: Option<Sandbox>,
}

/// A process that waits for events, and the runtime API that it asks for them.
#[derive(Debug)]
struct Sandbox {
    child: Child,
    events: mpsc::UnboundedSender<Invocation>,
    host: JoinHandle<()>,
}

#[derive(Debug)]
struct Invocation {
    event: Value,
    deadline_ms: i64,
    answer: oneshot::Sender<Outcome>,
}

/// What the runtime API of one process knows.
struct Host {
    name: String,
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    handled: Mutex<Handled>,
}

/// The invocation that is being handled: how many came before it, and who waits for its answer.
#[derive(Default)]
struct Handled {
    number: u32,
    answer: Option<oneshot::Sender<Outcome>>,
}

impl Function {
    /// The function of this name, with nothing but these variables in its environment.
    #[must_use]
    pub fn new(name: &str, timeout: Duration, environment: Vec<(String, String)>) -> Self {
        Self { name: name.to_owned(), environment, timeout, log: None, program: None, arguments: Vec::new(), sandbox: None }
    }

    /// Has what it logs written to a file, which the next process begins anew.
    #[must_use]
    pub fn logging_to(self, file: &Path) -> Self {
        Self { log: Some(file.to_owned()), ..self }
    }

    /// Runs this binary, and not the one that was built with the tests.
    #[must_use]
    pub fn with_program(self, program: &Path) -> Self {
        Self { program: Some(program.to_owned()), ..self }
    }

    /// Gives the program these arguments: an interpreter needs to be told what to run.
    #[must_use]
    pub fn with_arguments(self, arguments: Vec<OsString>) -> Self {
        Self { arguments, ..self }
    }

    /// Sends the process that waits for its next event a signal, and waits for its end.
    ///
    /// # Errors
    /// If none runs, or it cannot be told.
    pub async fn stop(&mut self, signal: Signal) -> anyhow::Result<ExitStatus> {
        let mut sandbox = self.sandbox.take().context("no process runs")?;
        let pid = sandbox.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())).context("the process has ended")?;
        kill_process(pid, signal)?;
        Ok(sandbox.child.wait().await?)
    }

    /// Invokes the function. If `kill` ends before it does, the function is killed.
    pub async fn invoke(&mut self, event: Value, kill: impl Future<Output = ()>) -> Outcome {
        let mut sandbox = match self.sandbox.take() {
            Some(sandbox) => sandbox,
            None => self.start().await,
        };
        let (answer, answered) = oneshot::channel();
        let deadline_ms = fixture::now().as_millis() + i64::try_from(self.timeout.as_millis()).unwrap();
        // If the process is gone, waiting for its end tells so.
        drop(sandbox.events.send(Invocation { event, deadline_ms, answer }));
        let outcome = tokio::select! {
            Ok(outcome) = answered => outcome,
            _ = sandbox.child.wait() => Outcome::Ended,
            () = kill => Outcome::Killed,
            () = sleep(self.timeout) => Outcome::TooLate,
        };
        match outcome {
            Outcome::Answered(_) | Outcome::Failed(_) => self.sandbox = Some(sandbox),
            Outcome::Killed | Outcome::TooLate => sandbox.child.kill().await.unwrap(),
            Outcome::Ended => {}
        }
        outcome
    }

    /// The id of the process that runs.
    ///
    /// # Errors
    /// If none runs.
    pub fn process(&self) -> anyhow::Result<u32> {
        self.sandbox.as_ref().and_then(|sandbox| sandbox.child.id()).context("no process runs")
    }

    /// How much CPU time the process that runs has used so far, in hundredths of a second.
    ///
    /// # Errors
    /// If none runs, or the system has no `/proc`.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let pid = self.process()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // User and system time are the 12th and 13th field after the name in parentheses: proc(5).
        let fields = stat.rsplit_once(')').context("no process status")?.1.split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).map(str::parse::<u64>).sum::<Result<_, _>>()?;
        Ok(Duration::from_millis(ticks * 1_000 / rustix::param::clock_ticks_per_second()))
    }

    async fn start(&self) -> Sandbox {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, waiting) = mpsc::unbounded_channel();
        let host = Host { name: self.name.clone(), events: waiting.into(), handled: Mutex::default() };
        let host = tokio::spawn(async move { axum::serve(listener, app(host)).await.unwrap() });
        let program = self.program.clone().unwrap_or_else(|| binaries().join(&self.name));
        let child = Command::new(&program)
            .args(&self.arguments)
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", &self.name),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", &self.name),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
            ])
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(self.log.as_ref().map_or_else(Stdio::inherit, |log| File::create(log).unwrap().into()))
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; build it with `cargo build --workspace --bins`", program.display()));
        Sandbox { child, events, host }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.host.abort();
    }
}

/// The folder of the workspace's binaries: where this one is, or above it if this one is a test.
#[must_use]
pub fn binaries() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().unwrap();
    if folder.ends_with("deps") { folder.parent().unwrap().to_owned() } else { folder.to_owned() }
}

fn app(host: Host) -> Router {
    let runtime = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{id}/response", post(response))
        .route("/invocation/{id}/error", post(error))
        // The process ends after it, and with that its invocation; what went wrong stands in its log.
        .route("/init/error", post(async || StatusCode::ACCEPTED));
    Router::new().nest("/2018-06-01/runtime", runtime).with_state(Arc::new(host))
}

async fn next(State(host): State<Arc<Host>>) -> Response {
    let Some(invocation) = host.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let id = {
        let mut handled = host.handled.lock().unwrap();
        handled.number += 1;
        handled.answer = Some(invocation.answer);
        id(handled.number)
    };
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", id),
        ("Lambda-Runtime-Deadline-Ms", invocation.deadline_ms.to_string()),
        ("Lambda-Runtime-Invoked-Function-Arn", format!("arn:aws:lambda:us-east-1:000000000000:function:{}", host.name)),
        ("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
    ];
    (headers, Json(invocation.event)).into_response()
}

// Runtimes name no type of what they send: it is always JSON.
async fn response(State(host): State<Arc<Host>>, Segment(id): Segment<String>, answer: Bytes) -> StatusCode {
    host.ended(&id, Outcome::Answered(serde_json::from_slice(&answer).unwrap()))
}

async fn error(State(host): State<Arc<Host>>, Segment(id): Segment<String>, error: Bytes) -> StatusCode {
    host.ended(&id, Outcome::Failed(serde_json::from_slice(&error).unwrap()))
}

impl Host {
    fn ended(&self, of: &str, outcome: Outcome) -> StatusCode {
        let mut handled = self.handled.lock().unwrap();
        if of != id(handled.number) {
            return StatusCode::BAD_REQUEST;
        }
        match handled.answer.take() {
            Some(answer) => {
                drop(answer.send(outcome));
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}

/// The id of a process's n-th invocation.
fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}
