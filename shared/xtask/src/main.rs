//! `cargo xtask`: starts the product on this machine, tests it and ends it again.
//!
//! It calls other programs and watches them. It must not know the product: no table key, no
//! route table and no wire type lives here.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]
#![expect(clippy::disallowed_methods, reason = "a command-line program reads its own environment")]

mod bench;
mod binaries;
mod browser;
mod clients;
mod cloud;
mod conformance;
mod description;
mod detach;
mod down;
mod folder;
mod fuzz;
mod interrupt;
mod layout;
mod long;
mod mutants;
mod node;
mod process;
mod progress;
mod python;
mod sam;
mod suite;
mod text;
mod tools;
mod up;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::interrupt::unless_interrupted;
use crate::layout::Layout;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Runs, tests and shows Trunkline on this machine.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything, start the local cloud, deploy the template, and stay until Ctrl-C
    Up {
        /// Return as soon as the stack is ready; `cargo xtask down` ends it
        #[arg(long)]
        detach: bool,
        /// What `--detach` starts: a session of its own, plain output
        #[arg(long, hide = true, conflicts_with = "detach")]
        background: bool,
    },
    /// End the stack that `up` started
    Down,
    /// Show one answered and one missed call on the running stack, and check them
    Demo,
    /// Write realistic calls of a year for the demo organization of the running stack
    LoadCalls {
        /// How many
        #[arg(long)]
        count: usize,
    },
    /// Count the round trips, reads and writes of each operation, those of calls at three sizes (`--quick`: at one)
    Costs {
        /// Passed on as they are
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measure every function beside the same in other languages and write `infra/docs/performance.md`; delays too if a stack runs
    Bench {
        /// Measure less, and write nothing
        #[arg(long)]
        quick: bool,
    },
    /// Write `infra/openapi.json` as the code is now
    Openapi,
    /// Have the reference libraries of other languages verify recorded webhooks, and clients that are generated from the API's
    /// description go through the main flows
    Conformance,
    /// Ask a stack of its own everything that the API's description allows and forbids, and judge every answer
    Fuzz {
        /// For how long
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
        minutes: u64,
    },
    /// Check and build with AWS's own tools; in containers, if there is an engine, put every event to its function
    Sam {
        /// Instead of asking, keep what the events speak of until Ctrl-C, for the SAM CLI by hand
        #[arg(long)]
        stay: bool,
    },
    /// Check format and lints, then run every test against a local cloud of its own
    Test {
        /// Only tests with this in their name; skips format, lints and documentation
        filter: Option<String>,
        /// What takes hours instead: more histories of calls, the binaries as they are deployed, and faults put into the code that
        /// keeps strangers out, to see that tests notice each
        #[arg(long, conflicts_with = "filter")]
        long: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    if matches!(command, Command::Up { background: true, .. }) {
        // The stack outlives the terminal that asked for it.
        rustix::process::setsid().context("cannot leave the terminal's session")?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(dispatch(command))
}

async fn dispatch(command: Command) -> Result<ExitCode> {
    let layout = Layout::discover().await?;
    match command {
        Command::Up { detach: true, .. } => unless_interrupted(detach::up(&layout)).await,
        Command::Up { background, .. } => up::up(&layout, background).await,
        Command::Down => unless_interrupted(down::down(&layout)).await,
        Command::Demo => unless_interrupted(binaries::demo(&layout)).await,
        Command::LoadCalls { count } => unless_interrupted(binaries::load_calls(&layout, count)).await,
        Command::Costs { arguments } => unless_interrupted(binaries::costs(&layout, &arguments)).await,
        Command::Bench { quick } => unless_interrupted(bench::bench(&layout, quick)).await,
        Command::Openapi => unless_interrupted(binaries::openapi(&layout)).await,
        Command::Sam { stay } => unless_interrupted(sam::sam(&layout, stay)).await,
        Command::Conformance => unless_interrupted(conformance::conformance(&layout)).await,
        Command::Fuzz { minutes } => unless_interrupted(fuzz::fuzz(&layout, minutes)).await,
        Command::Test { long: true, .. } => unless_interrupted(long::test(&layout)).await,
        Command::Test { filter, .. } => unless_interrupted(Box::pin(suite::test(&layout, filter.as_deref()))).await,
    }
}
