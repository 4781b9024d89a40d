//! `trunkline dlq`.

mod lines;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use aws_sdk_sqs::Client;
use clap::{Args, Subcommand};
use domain::{Mode, OrgId, Timestamp, audit::Action};
use indicatif::ProgressBar;
use queue::{DeadLetter, DeadLetters, WorkQueue, dead_letters::Pace};
use runtime::Clock;
use store::Table;

use crate::{
    dead_letters::{Choice, Tally, Treatment, look, treat},
    patience::patiently,
    platform,
};

/// What can be done with dead letters: messages that a function could not work on.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints a line for each: id, age, reason, whose it is, how it begins. Oldest first.
    List {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        choice: Choice,
        /// Print JSON, one object a line, with the whole message.
        #[arg(long)]
        json: bool,
    },
    /// Prints one whole message.
    Show {
        /// Its id, as `list` prints it.
        id: String,
        #[command(flatten)]
        place: Place,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Sends messages to the queue they came from, and deletes them here when it has taken them; by default all.
    ///
    /// After what was wrong is put right: what still cannot be worked on comes back, as a new message. Doing it twice
    /// does no harm.
    Replay {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        choice: Choice,
        /// Only count them.
        #[arg(long)]
        dry_run: bool,
    },
    /// Deletes messages for good. Needs the table's name: the operator's audit trail tells of it.
    Drop {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        choice: Choice,
        /// Every message; has to be said where `--id`, `--reason` and `--organization` choose none.
        #[arg(long, conflicts_with_all = ["ids", "reason", "organization"], required_unless_present_any = ["ids", "reason", "organization"])]
        all: bool,
        /// Only count them.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Whose dead letters are meant.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The stack's name: what its queues' names begin with.
    #[arg(long, env = "TRUNKLINE_STACK_NAME")]
    stack: String,
    /// `call-events` or `webhook-deliveries`; by default both.
    #[arg(long)]
    queue: Option<WorkQueue>,
}

/// Of these commands `drop` alone needs the table.
pub(crate) async fn run(table: anyhow::Result<Table>, sqs: &Client, command: Command) -> anyhow::Result<ExitCode> {
    let now = Clock::System.now();
    match command {
        Command::List { place, choice, json } => list(&place.open(sqs).await?, &choice, now, json).await,
        Command::Show { id, place, json } => show(&place.open(sqs).await?, id, now, json).await,
        Command::Replay { place, choice, dry_run } => {
            let treatment = if dry_run { Treatment::Count } else { Treatment::SendHome };
            let done = if dry_run { "would be sent home" } else { "sent home" };
            treat_all(&place.open(sqs).await?, &choice, treatment, done, now).await
        }
        Command::Drop { place, choice, all: _, dry_run: true } => {
            treat_all(&place.open(sqs).await?, &choice, Treatment::Count, "would be dropped", now).await
        }
        Command::Drop { place, choice, all: _, dry_run: false } => {
            let queues = place.open(sqs).await?;
            // Not in an organization's own trail: that may be erased already, and its letters left.
            let whose = choice.organization.unwrap_or(OrgId::PLATFORM).as_uuid();
            let acting = crate::audit::on(&table?, platform::tenant(Mode::Live), Action::DeadLettersDropped, whose)?;
            patiently(|| acting.note_act()).await?;
            treat_all(&queues, &choice, Treatment::Drop, "dropped", now).await
        }
    }
}

impl Place {
    async fn open(&self, sqs: &Client) -> anyhow::Result<Vec<(WorkQueue, DeadLetters)>> {
        let mut all = Vec::new();
        for queue in self.queue.map_or_else(|| WorkQueue::ALL.to_vec(), |queue| vec![queue]) {
            let letters = DeadLetters::find(sqs.clone(), &self.stack, queue, Pace::default()).await;
            all.push((queue, letters.with_context(|| format!("the queues of stack {} are not to be found", self.stack))?));
        }
        Ok(all)
    }
}

/// A bar for a walk that begins, and a word about what it will not see.
async fn begin(queue: WorkQueue, letters: &DeadLetters) -> anyhow::Result<ProgressBar> {
    let held = letters.held().await?;
    if held.hidden > 0 {
        let seconds = Pace::default().hidden_seconds;
        eprintln!(
            "{queue}: about {} more are hidden: another command looks at them, or was cut off less than {seconds} s ago",
            held.hidden
        );
    }
    Ok(ProgressBar::new(held.waiting))
}

async fn list(all: &[(WorkQueue, DeadLetters)], choice: &Choice, now: Timestamp, json: bool) -> anyhow::Result<ExitCode> {
    for (queue, letters) in all {
        let bar = begin(*queue, letters).await?;
        let mut lines = Vec::new();
        let line = |letter: &DeadLetter| if json { lines::json(*queue, letter, now).to_string() } else { lines::line(letter, now) };
        look(letters, choice, now, |letter| lines.push((letter.sent_at, line(&letter))), |seen| bar.inc(seen)).await?;
        bar.finish_and_clear();
        lines.sort();
        if !json {
            println!("{queue}: {}", lines.len());
        }
        lines.iter().for_each(|(_, line)| println!("{line}"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(all: &[(WorkQueue, DeadLetters)], id: String, now: Timestamp, json: bool) -> anyhow::Result<ExitCode> {
    let choice = Choice { ids: vec![id], ..Choice::default() };
    for (queue, letters) in all {
        let bar = begin(*queue, letters).await?;
        let mut found = None;
        look(letters, &choice, now, |letter| found = Some(letter), |seen| bar.inc(seen)).await?;
        bar.finish_and_clear();
        if let Some(letter) = found {
            println!("{}", if json { lines::json(*queue, &letter, now).to_string() } else { lines::whole(*queue, &letter, now) });
            return Ok(ExitCode::SUCCESS);
        }
    }
    bail!("there is no dead letter {}; it may be hidden for a moment, or have been sent home under another id", choice.ids.concat())
}

/// Fails at the end if it did not work with a message, or if one that was named is not there.
async fn treat_all(
    all: &[(WorkQueue, DeadLetters)],
    choice: &Choice,
    treatment: Treatment,
    done: &str,
    now: Timestamp,
) -> anyhow::Result<ExitCode> {
    let (mut refused_count, mut missing) = (0, choice.ids.clone());
    for (queue, letters) in all {
        let bar = begin(*queue, letters).await?;
        let treated = treat(letters, choice, treatment, now, |seen| bar.inc(seen)).await;
        let Tally { chosen, refused } = treated.context("run it again: it goes on with what is left")?;
        bar.finish_and_clear();
        println!("{queue}: {} {done}, {} refused", chosen.len() - refused.len(), refused.len());
        refused.iter().for_each(|refused| println!("{}: {}", refused.message_id, refused.why));
        refused_count += refused.len();
        missing.retain(|id| !chosen.contains(id));
    }
    missing.iter().for_each(|id| println!("{id}: not found among those that were looked for"));
    Ok(if refused_count == 0 && missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
