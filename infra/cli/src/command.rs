//! The command line: its words, and which command each is.

use std::{io::Read, process::ExitCode};

use anyhow::Context as _;
use aws_config::SdkConfig;
use clap::{Parser, Subcommand};
use store::Table;

use crate::{carrier, config, dlq, inventory, key, member, organization, platform_credential, secrets, stats, trail};

/// Trunkline's operator command.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, about)]
pub struct Arguments {
    /// The DynamoDB table of the stack: its output `TableName`.
    #[arg(long, global = true, env = "TRUNKLINE_TABLE")]
    table: Option<String>,
    #[command(subcommand)]
    command: Command,
}

/// What the command speaks to.
#[derive(Debug)]
pub struct Clients {
    /// Has the table.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Seals secrets and opens them.
    pub kms: aws_sdk_kms::Client,
    /// Has the queues.
    pub sqs: aws_sdk_sqs::Client,
}

impl Clients {
    /// All of one account and region.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            kms: aws_sdk_kms::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Organizations: the tenants.
    #[command(subcommand)]
    Org(organization::Command),
    /// Members of organizations: users and their roles.
    #[command(subcommand)]
    Member(member::Command),
    /// API keys.
    #[command(subcommand)]
    Key(key::Command),
    /// Numbers that can be bought.
    #[command(subcommand)]
    Inventory(inventory::Command),
    /// The operator's own carrier credentials, by which the calls of bought numbers come.
    #[command(subcommand)]
    PlatformCredential(platform_credential::Command),
    /// What carriers know: whether a token is good, where a number's calls are sent.
    #[command(subcommand)]
    Carrier(carrier::Command),
    /// Secrets that the deployment is configured with.
    #[command(subcommand)]
    Config(config::Command),
    /// Sealed secrets.
    #[command(subcommand)]
    Vault(secrets::Command),
    /// Audit trails: who did what.
    Audit(trail::Arguments),
    /// Lists and statistics of calls.
    #[command(subcommand)]
    Stats(stats::Command),
    /// Messages that no function could work on.
    #[command(subcommand)]
    Dlq(dlq::Command),
}

impl Arguments {
    /// Does it. `input` is read where a secret is to be told.
    ///
    /// # Errors
    /// If it cannot be done, or not all of it: in words for the operator.
    pub async fn run(self, clients: &Clients, input: impl Read) -> anyhow::Result<ExitCode> {
        let Self { table, command } = self;
        let name = table.context("name the table with --table or TRUNKLINE_TABLE (the stack's output TableName)");
        let table = name.map(|name| Table::new(clients.dynamodb.clone(), name));
        let kms = || clients.kms.clone();
        match command {
            Command::Org(command) => organization::run(&table?, &clients.sqs, command).await,
            Command::Member(command) => member::run(&table?, command).await,
            Command::Key(command) => key::run(&table?, command).await,
            Command::Inventory(command) => inventory::run(&table?, command).await,
            Command::PlatformCredential(command) => platform_credential::run(&table?, kms(), command, input).await,
            Command::Carrier(command) => carrier::run(&table?, kms(), command).await,
            Command::Config(command) => config::run(&table?, kms(), command, input).await,
            Command::Vault(command) => secrets::run(&table?, kms(), command).await,
            Command::Audit(arguments) => trail::run(&table?, arguments).await.map(|()| ExitCode::SUCCESS),
            Command::Stats(command) => stats::run(&table?, command).await,
            Command::Dlq(command) => dlq::run(table, &clients.sqs, command).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parsed(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(["trunkline"].into_iter().chain(line.split(' ')))
    }

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_key_is_an_organizations_or_the_operators() {
        let create = |rest: &str| {
            let line = format!("trunkline key create --mode live --name n {rest}");
            Arguments::try_parse_from(line.split_whitespace()).map(drop)
        };
        let org = "--org 0198c0de-0000-7000-8000-0000000000a1";
        for good in ["--operator", org, &format!("{org} --scope numbers:read")] {
            assert!(create(good).is_ok(), "{good}");
        }
        for bad in ["", &format!("{org} --operator"), "--operator --scope numbers:read"] {
            assert!(create(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn dead_letters_are_dropped_only_by_choice_or_all_at_once() {
        for good in ["drop --stack s --all", "drop --stack s --id a --id b", "drop --stack s --reason x --dry-run", "replay --stack s"] {
            assert!(parsed(&format!("dlq {good}")).is_ok(), "{good}");
        }
        for bad in
            ["drop --stack s", "drop --stack s --dry-run", "drop --stack s --all --id a", "list --stack s --queue x", "show --stack s"]
        {
            assert!(parsed(&format!("dlq {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn organizations_keys_and_the_inventory_are_named_alike_everywhere() {
        let org = "0198c0de-0000-7000-8000-000000000001";
        for good in [
            "org list --json",
            "org index",
            "org export --org ORG --out -",
            "org delete --org ORG --dry-run --json",
            "org delete --organization ORG --yes --verify --stack s",
            "org retention --org ORG",
            "org retention --org ORG --days 30",
            "org retention --org ORG --days forever",
            "audit --org ORG --mode test --limit 5 --json",
            "audit",
            "key list --org ORG --include-revoked",
            "key revoke --org ORG --id ORG",
            "key revoke --organization ORG --hint 1aB2",
            "key create --organization ORG --mode live --name Demo --json",
            "key create --org ORG --mode test --name x --scope calls:read --expires-at 2027-01-01T00:00:00Z --allowed-ip 203.0.113.0/24",
            "inventory import numbers.csv --mode live --from-line 7",
            "carrier verify --credential ORG --mode live --key-id k",
            "carrier verify --credential ORG --organization ORG --mode test --key-id k --api-url http://127.0.0.1:9",
            "carrier point --credential ORG --mode live --key-id k --number +14155550100 --voice-url https://x.example --yes",
            "inventory list --country NG --type mobile --status owned --mode test --json",
        ] {
            let parsed = parsed(&good.replace("ORG", org));
            assert!(parsed.is_ok(), "{good}: {parsed:?}");
        }
        for bad in [
            "org export --org ORG",
            "org delete",
            "org delete --org ORG --dry-run --verify",
            "org retention --org ORG --days 0",
            "key revoke --org ORG",
            "key revoke --org ORG --id ORG --hint 1aB2",
            "key list --org acme",
            "inventory list --status sold",
            "carrier verify --credential x --mode live --key-id k",
            "carrier verify --credential ORG --mode live",
            "carrier point --credential ORG --mode live --key-id k --number 0800 --voice-url https://x.example",
            "inventory list --country XX",
        ] {
            assert!(parsed(&bad.replace("ORG", org)).is_err(), "{bad}");
        }
    }
}
