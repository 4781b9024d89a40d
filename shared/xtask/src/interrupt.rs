//! Ctrl-C and its relatives. A command is dropped where it stands, and dropping ends its children:
//! nothing else in this crate handles a signal.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell expects of a program that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Runs a command to its end, or until a signal asks for an earlier one.
pub(crate) async fn unless_interrupted(command: impl Future<Output = Result<ExitCode>>) -> Result<ExitCode> {
    let mut interrupts = Interrupts::listen()?;
    tokio::select! {
        result = command => result,
        () = interrupts.next() => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// The signals that ask this program to end.
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interrupts {
    /// From here on these signals no longer end the program by themselves.
    pub(crate) fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// The next of them.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}
