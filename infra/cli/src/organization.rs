//! `trunkline org`.

mod delete;
mod export;

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Subcommand;
use domain::{Mode, OrgId, Timestamp, audit::Action};
use indicatif::ProgressBar;
use runtime::{Clock, random};
use store::{Organization, Standing, Table, Tenant};

use crate::{patience::patiently, summary};

/// How many items are looked at in one request when the whole table is.
const PAGE_ITEMS: i32 = 1_000;

/// What can be done with organizations.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Creates an organization.
    Create {
        /// Its name for people.
        #[arg(long)]
        name: String,
        /// Its id, to create the same one again without harm; by default a new one.
        #[arg(long)]
        id: Option<OrgId>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints a line for each organization, oldest first: id, creation, status, keys, ended live calls, how long calls are
    /// kept, name.
    List {
        /// Print JSON, one object a line.
        #[arg(long)]
        json: bool,
    },
    /// Puts organizations into the list that were created before there was one: by a look over the whole table, once.
    Index,
    /// Writes everything of an organization, in live and in test data, as lines of JSON; no secrets.
    Export(export::Arguments),
    /// Erases an organization and all that it has, for good. Its numbers go back to the inventory.
    ///
    /// It does not exist from the first moment on and its keys stop working within a minute. Two minutes later everything is
    /// erased. An interrupted run goes on where it stopped; another one after the last finds nothing.
    Delete(delete::Arguments),
    /// Says for how many days an organization keeps its calls, or prints it. Older ones are deleted day by day, with their
    /// events, transcripts and what they were counted as.
    Retention {
        /// The organization.
        #[arg(long, visible_alias = "organization")]
        org: OrgId,
        /// A number of days up to 3650, or `forever`. What is deleted does not come back.
        #[arg(long, value_parser = days)]
        days: Option<Days>,
    },
    /// Shows what an organization may do at most, or changes it.
    Limits(crate::limits::Limits),
}

/// For how long calls are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Days {
    Forever,
    Of(u32),
}

impl Days {
    const fn number(self) -> Option<u32> {
        match self {
            Self::Forever => None,
            Self::Of(days) => Some(days),
        }
    }
}

/// The most days.
const MOST_DAYS: u32 = 3650;

fn days(text: &str) -> Result<Days, String> {
    match text.parse() {
        _ if text == "forever" => Ok(Days::Forever),
        Ok(days) if (1..=MOST_DAYS).contains(&days) => Ok(Days::Of(days)),
        _ => Err(format!("must be a number of days from 1 to {MOST_DAYS}, or forever")),
    }
}

pub(crate) async fn run(table: &Table, sqs: &aws_sdk_sqs::Client, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Create { name, id, json } => create(table, name, id, json).await?,
        Command::List { json } => summary::each(table, |summary| println!("{}", line(&summary, json))).await?,
        Command::Index => index(table).await?,
        Command::Export(arguments) => export::run(table, arguments).await?,
        Command::Delete(arguments) => return delete::run(table, sqs, arguments).await,
        Command::Retention { org, days } => retention(table, org, days).await?,
        Command::Limits(limits) => crate::limits::run(table, limits).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails if there is no such organization.
pub(crate) async fn must_exist(table: &Table, org: OrgId) -> anyhow::Result<()> {
    let standing = patiently(|| table.standing(org)).await?;
    ensure!(standing != Standing::Erased, "organization {org} is being erased, or was");
    ensure!(standing == Standing::Open, "there is no organization {org}");
    Ok(())
}

async fn create(table: &Table, name: String, id: Option<OrgId>, json: bool) -> anyhow::Result<()> {
    let now = Clock::System.now();
    if let Some(id) = id {
        ensure!(table.erasure(id).await?.is_none(), "organization {id} is being erased, or was: its id is not used again");
    }
    let id = id.unwrap_or_else(|| OrgId::new(now, random::bytes()));
    ensure!(id != OrgId::PLATFORM, "this id stands for the operator and is no organization's");
    let table = crate::audit::on(table, Tenant::new(id, Mode::Live), Action::OrganizationCreated, id.as_uuid())?;
    let organization = table.create_organization(&Organization { id, name, created_at: now }).await?;
    crate::show(json, &[("id", organization.id.to_string()), ("name", organization.name)]);
    Ok(())
}

/// One organization, on a line.
fn line(summary: &summary::Summary, json: bool) -> String {
    if json {
        return serde_json::json!(summary).to_string();
    }
    let summary::Summary { id, name, created_at, status, api_keys, calls, call_retention_days } = summary;
    let kept = call_retention_days.map_or_else(|| "for ever".to_owned(), |days| format!("{days} days"));
    let name: String = name.chars().flat_map(char::escape_debug).collect();
    format!("{id}  {created_at}  {status:7}  {api_keys:3} keys  {calls:9} calls, kept {kept}  {name}")
}

async fn index(table: &Table) -> anyhow::Result<()> {
    let bar = ProgressBar::new(table.items_about().await?);
    let (mut added, mut after) = (0, None);
    loop {
        let listed = patiently(|| table.list_organizations_anew(after.as_ref(), PAGE_ITEMS)).await.context("run it again")?;
        bar.inc(listed.items);
        added += listed.added;
        after = listed.next;
        if after.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    println!("{added} organizations came into the list");
    Ok(())
}

async fn retention(table: &Table, org: OrgId, days: Option<Days>) -> anyhow::Result<()> {
    must_exist(table, org).await?;
    let now: Timestamp = Clock::System.now();
    if let Some(days) = days {
        let table = crate::audit::on(table, Tenant::new(org, Mode::Live), Action::RetentionChanged, org.as_uuid())?;
        table.set_retention(org, days.number(), now).await?;
    }
    let kept = table.retention(org).await?;
    println!("{}", kept.map_or_else(|| "forever".to_owned(), |retention| format!("{} days", retention.days)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_kept_for_some_days_or_for_ever() {
        assert_eq!((days("forever"), days("1"), days("3650")), (Ok(Days::Forever), Ok(Days::Of(1)), Ok(Days::Of(3650))));
        for wrong in ["", "0", "-1", "3651", "1.5", "Forever", "99999999999999999999"] {
            assert!(days(wrong).unwrap_err().contains("from 1 to 3650"), "{wrong}");
        }
    }

    #[test]
    fn a_name_does_not_steer_the_terminal() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let summary = summary::Summary {
            id: OrgId::new(now, [1; 10]),
            name: "A\u{1b}[2Jcme".to_owned(),
            created_at: now,
            status: "active",
            api_keys: 2,
            calls: 1_000,
            call_retention_days: Some(30),
        };
        assert!(line(&summary, false).ends_with("active     2 keys       1000 calls, kept 30 days  A\\u{1b}[2Jcme"));
        assert!(line(&summary, true).contains(r#""call_retention_days":30"#));
    }
}
