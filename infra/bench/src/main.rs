//! Measures the functions beside what a team would write instead, in one run, and writes what it found into
//! `infra/docs/performance.md`. `cargo xtask bench` builds and installs what it needs.
//!
//! CPU time, instructions, bytes and units count; the clock is shown and decides nothing, since others use the machine too.

#![expect(clippy::print_stdout, reason = "a command speaks on standard output")]

mod agree;
mod contender;
mod delay;
mod goals;
mod instructions;
mod measure;
mod operation;
mod report;
mod services;
mod sizes;
mod spread;
mod tls;
mod units;
mod usage;
mod world;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::{
    contender::Programs,
    measure::Effort,
    report::{Machine, Report},
    world::World,
};

#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// The folder of the functions' release binaries
    #[arg(long)]
    functions: PathBuf,
    /// The program of Node.js
    #[arg(long)]
    node: PathBuf,
    /// Lambda's client of its runtime API for Node.js
    #[arg(long)]
    node_runtime: PathBuf,
    /// The folder of the bundles for Node.js
    #[arg(long)]
    bundles: PathBuf,
    /// The Python of the environment with the peers' packages
    #[arg(long)]
    python: PathBuf,
    /// Fewer rounds, and nothing is written
    #[arg(long)]
    quick: bool,
    /// This function alone: its starts, requests and instructions, for who works on it
    #[arg(long)]
    function: Option<String>,
    /// Nothing but the delays, for who works on them
    #[arg(long)]
    delays: bool,
    /// Where callgrind leaves its profiles, one for each run; they name functions if these were built unstripped
    #[arg(long)]
    profiles: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { functions, node, node_runtime, bundles, python, quick, function, delays, profiles } = Arguments::parse();
    let programs = Programs { functions, node, node_runtime, bundles, python, profiles };
    let effort = Effort { function, ..if quick { Effort::QUICK } else { Effort::WHOLE } };
    if delays {
        let report = Report { delays: delay::measure(&effort).await?, ..Report::of(Machine::this(&programs)?) };
        println!("{}", report.delayed());
        return Ok(());
    }
    let world = World::start().await?;
    if effort.function.is_none() {
        agree::check(&world, &programs).await.context("the peers do something else")?;
    }
    let mut report = Report { starts: measure::starts(&world, &programs, &effort).await?, ..Report::of(Machine::this(&programs)?) };
    println!("{}", report.started());
    report.requests = measure::requests(&world, &programs, &effort).await?;
    println!("{}", report.asked());
    report.instructions = instructions::count(&world, &programs, &effort).await?;
    println!("{}", report.counted());
    if effort.function.is_some() {
        return Ok(());
    }
    report.sizes = sizes::of(&programs)?;
    println!("{}\n{}", report.sized(), report.goals());
    report.units = units::of_operations().await;
    println!("{}", report.costs());
    report.delays = delay::measure(&effort).await?;
    println!("{}", report.delayed());
    if !quick {
        report.write()?;
    }
    Ok(())
}
