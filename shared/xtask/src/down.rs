//! `cargo xtask down`: ends the stack that `up` started, wherever it runs.

use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::sleep;

use crate::folder::{Folder, Holder};
use crate::layout::Layout;
use crate::progress::{Echo, Progress};

/// `up` needs a few seconds at most to end its children.
const POLITE: Duration = Duration::from_secs(20);
/// Without `up`, the emulator notices by itself and ends within its own grace period.
const ORPHANS: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// Asks the running `up` to end, and waits for it.
pub(crate) async fn down(layout: &Layout) -> Result<ExitCode> {
    let folder = Folder::open(layout.local())?;
    // Taking it also clears away what a killed stack left.
    let Err(holder) = folder.take().await? else {
        println!("No stack runs.");
        return Ok(ExitCode::SUCCESS);
    };
    let progress = Progress::new();
    let step = progress.step("end the stack", Echo::Lines);
    end(&folder, &holder).await?;
    progress.done(step);
    Ok(ExitCode::SUCCESS)
}

async fn end(folder: &Folder, holder: &Holder) -> Result<()> {
    let pid = Pid::from_raw(holder.pid).context("the lock names no process")?;
    let _ = kill_process(pid, Signal::TERM);
    if freed(folder, POLITE).await? {
        return Ok(());
    }
    let _ = kill_process(pid, Signal::KILL);
    if !freed(folder, POLITE).await? {
        bail!("process {} cannot be ended", holder.pid);
    }
    let _ = fs::remove_file(folder.stack_file());
    let others = holder.stack.iter().flat_map(|stack| &stack.pids);
    for pid in others.filter_map(|pid| Pid::from_raw(*pid)) {
        gone(pid).await?;
    }
    Ok(())
}

async fn freed(folder: &Folder, limit: Duration) -> Result<bool> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if folder.holder()?.is_none() {
            return Ok(true);
        }
        sleep(POLL).await;
    }
    Ok(false)
}

async fn gone(pid: Pid) -> Result<()> {
    let start = Instant::now();
    while test_kill_process(pid).is_ok() {
        if start.elapsed() > ORPHANS {
            bail!("process {} still runs", pid.as_raw_pid());
        }
        sleep(POLL).await;
    }
    Ok(())
}
