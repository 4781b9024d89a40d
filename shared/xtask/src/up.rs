//! `cargo xtask up`: from sources to a running, seeded stack, until Ctrl-C.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cloud::LocalCloud;
use crate::folder::{Folder, Held, Holder};
use crate::interrupt::{INTERRUPTED, Interrupts};
use crate::layout::Layout;
use crate::progress::{Echo, Progress};
use crate::python::Python;
use crate::tools;

/// Starts the stack and stays. In the background it says nothing of keys: its output is a log.
pub(crate) async fn up(layout: &Layout, background: bool) -> Result<ExitCode> {
    let progress = Progress::new();
    let mut interrupts = Interrupts::listen()?;
    let mut cloud = tokio::select! {
        cloud = start(layout, &progress) => cloud?,
        () = interrupts.next() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    if !background {
        println!("{}", cloud.stack().welcome());
        println!("Ctrl-C ends it.");
    }
    let result = tokio::select! {
        failure = cloud.failure() => Err(failure),
        () = interrupts.next() => Ok(ExitCode::SUCCESS),
    };
    let step = progress.step("end the stack", Echo::Lines);
    drop(cloud);
    progress.done(step);
    result
}

async fn start(layout: &Layout, progress: &Progress) -> Result<LocalCloud> {
    let held = take(layout).await?;
    let python = Python::find().await?;
    let environment = async {
        let step = progress.step("install the local cloud", Echo::Nothing);
        let environment = tools::cloud(layout, &python, &step).await?;
        progress.done(step);
        Ok(environment)
    };
    let (environment, ()) = tokio::try_join!(environment, tools::build(layout, progress))?;
    LocalCloud::start(layout, held, &environment, progress).await
}

/// The stack's folder, unless a stack runs in it.
async fn take(layout: &Layout) -> Result<Held> {
    match Folder::open(layout.local())?.take().await? {
        Ok(held) => Ok(held),
        Err(holder) => bail!(already_running(&holder)),
    }
}

/// What a second `up` says.
pub(crate) fn already_running(holder: &Holder) -> String {
    let pid = holder.pid;
    match &holder.stack {
        Some(stack) => {
            format!("a stack runs already, at {} (process {pid}); `cargo xtask down` ends it", stack.base_url)
        }
        None => format!("a stack is just starting or ending (process {pid}); `cargo xtask down` ends it"),
    }
}
