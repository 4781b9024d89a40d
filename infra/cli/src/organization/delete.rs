//! `trunkline org delete`.

use std::{
    io::{IsTerminal as _, stdin},
    process::ExitCode,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use domain::{Mode, OrgId, audit::Action};
use indicatif::{ProgressBar, ProgressStyle};
use queue::{DeadLetters, WorkQueue, dead_letters::Pace};
use runtime::Clock;
use serde::Serialize;
use serde_json::json;
use store::{Consistency, Table, access_patterns};

use crate::{
    dead_letters::{Choice, Treatment, treat},
    erase::{Erase, Report, SETTLE_MILLIS},
    platform,
};

/// Who is to be erased, and how.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The organization.
    #[arg(long, visible_alias = "organization")]
    org: OrgId,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Only count what would be erased.
    #[arg(long)]
    dry_run: bool,
    /// Look over the whole table afterwards for items that name the organization; fails if there are any.
    #[arg(long, conflicts_with = "dry_run")]
    verify: bool,
    /// The stack's name: drops the organization's dead letters too.
    #[arg(long, env = "TRUNKLINE_STACK_NAME")]
    stack: Option<String>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(table: &Table, sqs: &aws_sdk_sqs::Client, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { org, yes, dry_run, verify, stack, json } = arguments;
    // The organization's own trail goes with it.
    let acting = crate::audit::on(table, platform::tenant(Mode::Live), Action::OrganizationErased, org.as_uuid())?;
    let erase = Erase { table: acting, org, clock: Clock::System, settle_millis: SETTLE_MILLIS };
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template("{spinner} {human_pos} items  {msg}")?);
    if dry_run {
        let report = erase.count(&|items| bar.inc(items)).await?;
        bar.finish_and_clear();
        show(&report, None, true, json);
        return Ok(ExitCode::SUCCESS);
    }
    if !yes {
        confirm(table, org).await?;
    }
    let waiting = |left: std::time::Duration| bar.set_message(format!("closed; {} s until no process acts for it", left.as_secs()));
    let report = erase.run(waiting, &|items| bar.inc(items)).await?;
    let letters = match &stack {
        Some(stack) => Some(drop_letters(sqs, stack, org).await?),
        None => None,
    };
    let are_letters_left = letters.as_ref().is_some_and(|letters| letters.refused > 0 || letters.hidden > 0);
    bar.set_message("looking over the table");
    let left = if verify { erase.left_behind(&|items| bar.inc(items)).await? } else { Vec::new() };
    bar.finish_and_clear();
    show(&report, letters, false, json);
    left.iter().for_each(|mention| eprintln!("left behind: {} {}", mention.kind, mention.key));
    Ok(if left.is_empty() && !are_letters_left { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Has the operator type the organization's name.
async fn confirm(table: &Table, org: OrgId) -> anyhow::Result<()> {
    let organization = table.get(access_patterns::organization(org), Consistency::Strong).await?;
    let name = match organization {
        Some(organization) => organization.name,
        // It is being erased already: going on changes nothing that is not gone.
        None => return Ok(()),
    };
    ensure!(stdin().is_terminal(), "say --yes: nobody is there to be asked");
    eprintln!("This erases «{}» ({org}) and everything it has, for good. Type its name to go on:", name.escape_debug());
    let mut typed = String::new();
    stdin().read_line(&mut typed).context("nothing can be read")?;
    ensure!(typed.trim() == name.trim(), "that is not its name: nothing was done");
    Ok(())
}

/// What became of the dead letters.
#[derive(Debug, Default, Serialize)]
struct Letters {
    /// Those that are gone.
    dropped: usize,
    /// Those that the queue did not delete.
    refused: usize,
    /// About how many were hidden, whosever they are: another command looks at them.
    hidden: u64,
}

/// Drops the organization's dead letters.
async fn drop_letters(sqs: &aws_sdk_sqs::Client, stack: &str, org: OrgId) -> anyhow::Result<Letters> {
    let choice = Choice { organization: Some(org), ..Choice::default() };
    let mut all = Letters::default();
    for queue in WorkQueue::ALL {
        let letters = DeadLetters::find(sqs.clone(), stack, queue, Pace::default()).await;
        let letters = letters.with_context(|| format!("the queues of stack {stack} are not to be found"))?;
        all.hidden += letters.held().await?.hidden;
        let tally = treat(&letters, &choice, Treatment::Drop, Clock::System.now(), |_| {}).await.context("run it again")?;
        all.dropped += tally.chosen.len() - tally.refused.len();
        all.refused += tally.refused.len();
    }
    Ok(all)
}

fn show(report: &Report, letters: Option<Letters>, dry_run: bool, as_json: bool) {
    if as_json {
        let mut object = json!(report);
        (object["dry_run"], object["dead_letters"]) = (json!(dry_run), json!(letters));
        println!("{object}");
        return;
    }
    let done = if dry_run { "would be erased" } else { "erased" };
    report.items.iter().for_each(|(kind, count)| println!("{count:9}  {kind}"));
    println!("{:9}  items {done}", report.items.values().sum::<u64>());
    println!("{:9}  numbers {}", report.freed_numbers, if dry_run { "would go back to the inventory" } else { "back in the inventory" });
    match letters {
        Some(Letters { dropped, refused, hidden }) => {
            println!("{dropped:9}  dead letters dropped");
            if refused > 0 || hidden > 0 {
                println!("{refused:9}  were not deleted, and about {hidden} are hidden for a moment: run it again");
            }
        }
        None if dry_run => {}
        None => println!("Dead letters were not looked at: they may name the organization. Say --stack to drop its own."),
    }
}
