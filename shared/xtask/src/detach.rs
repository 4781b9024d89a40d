//! `cargo xtask up --detach`: the same `up` in a session of its own, left alone once it is ready.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::cloud::Stack;
use crate::folder::Folder;
use crate::layout::Layout;
use crate::text::Lines;
use crate::up::already_running;

const POLL: Duration = Duration::from_millis(100);
/// The background process ends its own children first.
const END: Duration = Duration::from_secs(15);
/// A first build on a slow machine takes most of it.
const READY: Duration = Duration::from_secs(60 * 60);

/// Starts the stack in the background and returns when it is ready.
pub(crate) async fn up(layout: &Layout) -> Result<ExitCode> {
    let folder = Folder::open(layout.local())?;
    if let Some(holder) = folder.holder()? {
        bail!(already_running(&holder));
    }
    let log = folder.file("up.log");
    let mut background = Background::start(layout, &log)?;
    let stack = background.ready(&folder, &log).await?;
    background.leave();
    println!("{}", stack.welcome());
    println!("It runs in the background (log: {}); `cargo xtask down` ends it.", log.display());
    Ok(ExitCode::SUCCESS)
}

/// The background process; dropping it ends it, unless it was left.
struct Background {
    child: Child,
    left: bool,
}

impl Background {
    fn start(layout: &Layout, log: &Path) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = output.try_clone().context("cannot share the log")?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let child = Command::new(program)
            .args(["up", "--background"])
            .current_dir(layout.file(""))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .context("cannot start the background process")?;
        Ok(Self { child, left: false })
    }

    /// Shows the log as it grows, until the stack is ready.
    async fn ready(&mut self, folder: &Folder, log: &Path) -> Result<Stack> {
        let mut log_file = File::open(log).context("cannot read the log")?;
        let mut shown = 0;
        let start = Instant::now();
        loop {
            shown = show_more(&mut log_file, shown)?;
            if let Some(status) = self.child.try_wait().context("cannot wait")? {
                // Its own words were shown just now.
                bail!("the stack did not start ({status}); its log is {}", log.display());
            }
            if let Some(stack) = self.stack(folder) {
                return Ok(stack);
            }
            if start.elapsed() > READY {
                bail!("the stack was not ready within an hour; its log is {}", log.display());
            }
            sleep(POLL).await;
        }
    }

    /// The file may be that of an earlier stack which was killed.
    fn stack(&self, folder: &Folder) -> Option<Stack> {
        let stack = Stack::read(&folder.stack_file()).ok()?;
        let pid = i32::try_from(self.child.id()?).ok()?;
        (stack.pids.first() == Some(&pid)).then_some(stack)
    }

    fn leave(&mut self) {
        self.left = true;
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok());
        let (false, Some(pid)) = (self.left, pid.and_then(Pid::from_raw)) else {
            return;
        };
        let _ = kill_process(pid, Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < END && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(POLL);
        }
    }
}

/// Copies what is new in the log to standard error, line by line.
fn show_more(log: &mut File, from: u64) -> Result<u64> {
    let mut new = Vec::new();
    log.seek(SeekFrom::Start(from)).context("cannot read the log")?;
    log.read_to_end(&mut new).context("cannot read the log")?;
    let complete = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut lines = Lines::default();
    lines.push(new.get(..complete).unwrap_or_default(), &mut |line| eprintln!("{line}"));
    Ok(from + u64::try_from(complete).unwrap_or_default())
}
