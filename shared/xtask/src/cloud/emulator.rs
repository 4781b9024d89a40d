//! The process that stands for AWS. It binds to loopback only and ends with this program, even if
//! this program is killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use http_body_util::Empty;
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::process::{ChildStdin, Command};
use tokio::time::{sleep, timeout};

use super::{REGION, free_port, isolate};
use crate::folder::{Folder, tail};
use crate::process::Group;
use crate::python::Environment;

const PROGRAM: &str = include_str!("emulator.py");
/// Generous, since the first start also compiles the emulator's modules.
const START: Duration = Duration::from_secs(90);
const ONE_QUESTION: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(100);
const TAIL: usize = 20;

/// The running emulator; dropping it ends it and every function it started.
pub(crate) struct Emulator {
    group: Group,
    /// Its end tells the emulator that this program is gone.
    _lifeline: Option<ChildStdin>,
    endpoint_url: String,
    log: PathBuf,
    scratch: PathBuf,
}

impl Emulator {
    /// Starts it on a free port and waits until it answers.
    pub(crate) async fn start(environment: &Environment, folder: &Folder) -> Result<Self> {
        let port = free_port().await?;
        let log = folder.file("cloud.log");
        let scratch = folder.file("scratch");
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir_all(&scratch).context("cannot make the emulator's folder")?;
        let program = folder.file("emulator.py");
        fs::write(&program, PROGRAM).context("cannot write the emulator's program")?;
        let mut group = Group::spawn(&mut command(environment, &program, port, &log, &scratch)?)?;
        let mut emulator =
            Self { _lifeline: group.child().stdin.take(), group, endpoint_url: format!("http://127.0.0.1:{port}"), log, scratch };
        emulator.wait_until_healthy().await?;
        Ok(emulator)
    }

    /// Where every AWS client goes.
    pub(crate) fn endpoint_url(&self) -> &str {
        &self.endpoint_url
    }

    /// Host and port of the same.
    pub(crate) fn authority(&self) -> &str {
        self.endpoint_url.trim_start_matches("http://")
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.group.id()
    }

    /// Waits until it ends, which it never should.
    pub(crate) async fn failure(&mut self) -> anyhow::Error {
        let how = match self.group.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let tail = tail(&self.log, TAIL);
        let log = self.log.display();
        anyhow!("the local cloud ended by itself ({how}); its log is {log}{tail}")
    }

    async fn wait_until_healthy(&mut self) -> Result<()> {
        let health: Uri = format!("{}/_ministack/health", self.endpoint_url).parse().context("the emulator's address is no URL")?;
        let log = self.log.clone();
        tokio::select! {
            healthy = poll_health(health) => {
                if !healthy {
                    bail!(
                        "the local cloud did not answer within {} s; its log is {}{}",
                        START.as_secs(), log.display(), tail(&log, TAIL)
                    );
                }
                Ok(())
            }
            failure = self.failure() => Err(failure),
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Also when the emulator itself is gone: its functions are in the group.
        self.group.stop();
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

fn command(environment: &Environment, program: &Path, port: u16, log: &Path, scratch: &Path) -> Result<Command> {
    let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let errors = output.try_clone().context("cannot share the log")?;
    let mut command = Command::new(environment.python());
    isolate(&mut command, &format!("http://127.0.0.1:{port}"));
    command
        .arg(program)
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        .env("MINISTACK_REGION", REGION)
        // Roles are checked: a permission that the template does not grant is missing here too.
        .env("AUTH", "true")
        // These two would listen on every interface.
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        .env("PYTHONUNBUFFERED", "1")
        // Function packages are unpacked here, and nothing of it stays.
        .env("TMPDIR", scratch)
        // It would tidy up containers of other programs on a container engine that it finds.
        .env("DOCKER_HOST", format!("unix://{}/none.sock", scratch.display()))
        .current_dir(scratch)
        .stdin(Stdio::piped())
        .stdout(output)
        .stderr(errors);
    Ok(command)
}

async fn poll_health(health: Uri) -> bool {
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let start = Instant::now();
    while start.elapsed() < START {
        let answer = timeout(ONE_QUESTION, client.get(health.clone())).await;
        if answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status().is_success())) {
            return true;
        }
        sleep(POLL).await;
    }
    false
}
