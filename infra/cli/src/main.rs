//! `trunkline`, the operator's command.

use std::{io::stdin, process::ExitCode};

use clap::Parser as _;
use trunkline::{Arguments, Clients};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    arguments.run(&Clients::new(&config), stdin()).await
}
