//! Commands that are programs of their own in the workspace: built, run, and their end passed on.

use std::ffi::OsString;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Result, bail};

use crate::folder::Folder;
use crate::layout::Layout;
use crate::process::run_shown;
use crate::progress::Progress;
use crate::tools;

/// Runs the demo against the stack that `up` started.
pub(crate) async fn demo(layout: &Layout) -> Result<ExitCode> {
    on_the_stack(layout, "demo", &[]).await
}

/// Writes calls into the table of the stack that `up` started.
pub(crate) async fn load_calls(layout: &Layout, count: usize) -> Result<ExitCode> {
    on_the_stack(layout, "load-calls", &["--count".into(), count.to_string().into()]).await
}

/// Runs a program that works on the stack that `up` started.
async fn on_the_stack(layout: &Layout, program: &str, arguments: &[OsString]) -> Result<ExitCode> {
    let folder = Folder::open(layout.local())?;
    match folder.holder()? {
        None => bail!("no stack runs: start one with `cargo xtask up` in another terminal, or with `cargo xtask up --detach`"),
        Some(holder) if holder.stack.is_none() => {
            bail!("the stack is still starting or just ending (process {})", holder.pid)
        }
        Some(_) => {}
    }
    tools::build(layout, &Progress::new()).await?;
    let mut command = layout.program(&layout.binaries().join(program));
    command.args(arguments).env("TRUNKLINE_STACK", folder.stack_file());
    Ok(passed_on(run_shown(&mut command).await?))
}

/// Counts what each operation costs.
pub(crate) async fn costs(layout: &Layout, arguments: &[OsString]) -> Result<ExitCode> {
    tools::build(layout, &Progress::new()).await?;
    let mut command = layout.program(&layout.binaries().join("costs"));
    command.args(arguments);
    Ok(passed_on(run_shown(&mut command).await?))
}

/// Writes the API's description anew.
pub(crate) async fn openapi(layout: &Layout) -> Result<ExitCode> {
    tools::build(layout, &Progress::new()).await?;
    Ok(passed_on(run_shown(&mut layout.program(&layout.binaries().join("openapi"))).await?))
}

/// Ends as another program did.
pub(crate) fn passed_on(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
