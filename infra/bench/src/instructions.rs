//! Instructions as callgrind counts them: the same on every machine and however busy it is.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use testkit::lambda::{Function, Signal};
use tokio::process::Command;

use crate::{
    contender::{Language, Programs},
    measure::{Effort, bar, invoke},
    operation::Operation,
    world::World,
};

/// Instructions of one request or message, in thousands, and of the start with its first answer.
pub(crate) struct Instructions {
    pub(crate) operation: Operation,
    pub(crate) language: Language,
    pub(crate) start_thousands: f64,
    pub(crate) request_thousands: f64,
}

/// Counts them, or gives `None` if valgrind is not on this machine.
pub(crate) async fn count(world: &World, programs: &Programs, effort: &Effort) -> Result<Option<Vec<Instructions>>> {
    if !Command::new("valgrind").arg("--version").output().await.is_ok_and(|output| output.status.success()) {
        return Ok(None);
    }
    let mut all = Vec::new();
    let bar = bar("instructions", effort.operations().count() * Language::ALL.len());
    for operation in effort.operations() {
        for language in Language::ALL {
            let invocations = if language == Language::Rust { effort.counted } else { effort.counted_peers };
            bar.inc(1);
            if invocations > 0 {
                all.push(of(world, programs, operation, language, invocations).await?);
            }
        }
    }
    bar.finish_and_clear();
    Ok(Some(all))
}

/// The difference between a short run and a long one is what the requests took that the long one has more.
async fn of(world: &World, programs: &Programs, operation: Operation, language: Language, invocations: usize) -> Result<Instructions> {
    // The peers' compilers and caches are warm after the first third.
    let few = if language == Language::Rust { invocations / 10 } else { invocations / 3 };
    let short = operation.events(world, (few / operation.per_invocation()).max(1)).await?;
    let long = operation.events(world, short.len() + (invocations - few) / operation.per_invocation()).await?;
    let more = long.len().saturating_sub(short.len()) * operation.per_invocation();
    let first = operation.events(world, 1).await?.into_iter().take(1).collect();
    let function = || programs.under(Path::new("/usr/bin/env"), valgrind(world, programs), world, operation.function(), language);
    let start = run(world, function(), operation, first).await?;
    let (short, long) = (run(world, function(), operation, short).await?, run(world, function(), operation, long).await?);
    Ok(Instructions {
        operation,
        language,
        start_thousands: start as f64 / 1e3,
        request_thousands: long.saturating_sub(short) as f64 / more.max(1) as f64 / 1e3,
    })
}

/// What counts the instructions of the program that follows.
fn valgrind(world: &World, programs: &Programs) -> Vec<OsString> {
    let profile = programs.profiles.as_ref().map_or_else(|| "/dev/null".into(), |folder| folder.join("callgrind.%p"));
    vec![
        "valgrind".into(),
        "--tool=callgrind".into(),
        format!("--callgrind-out-file={}", profile.display()).into(),
        format!("--log-file={}", log(world).display()).into(),
    ]
}

fn log(world: &World) -> PathBuf {
    world.log().with_extension("callgrind")
}

/// Instructions of a process that answered these events.
async fn run(world: &World, mut function: Function, operation: Operation, events: Vec<Value>) -> Result<u64> {
    invoke(&mut function, operation, events).await?;
    function.stop(Signal::TERM).await?;
    let text = fs::read_to_string(log(world)).context("callgrind wrote nothing")?;
    let line = text.lines().find_map(|line| line.split_once("Collected :")).context("callgrind counted nothing")?.1;
    line.trim().parse().context("callgrind counted no number")
}
