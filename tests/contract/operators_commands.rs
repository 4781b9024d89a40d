//! Every command of `trunkline`, from its words on: one that changes something leaves its entry, in the trail where it is looked
//! for, and the others are argued for. A command that is neither asked nor argued for fails here.

use std::{collections::BTreeSet, path::PathBuf, process::ExitCode};

use aws_sdk_sqs::{
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    operation::{get_queue_attributes::GetQueueAttributesOutput, get_queue_url::GetQueueUrlOutput, receive_message::ReceiveMessageOutput},
};
use aws_smithy_mocks::{MockResponseInterceptor, RuleMode, create_mock_http_client, mock};
use clap::{CommandFactory as _, Parser as _};
use domain::{
    Mode, OrgId,
    audit::{Action, Actor, AuditEntry, AuditFilter},
    carrier::Carrier,
    wire::CallbackUrls,
};
use runtime::random;
use store::{IssuerId, Tenant};
use testkit::{LocalTable, fixture, local_table};
use trunkline::{Arguments, Clients, platform};
use uuid::Uuid;

use crate::{
    carrier_api::{NUMBER, TOKEN, account, start},
    carrier_world::BASE,
    kms,
};

/// Commands that never leave an entry, and why.
const NO_ACTS: [(&str, &str); 12] = [
    ("audit", "it reads"),
    ("carrier verify", "it reads"),
    ("dlq list", "it reads"),
    ("dlq replay", "what was sent once is sent again: functions expect it, and nothing is lost by it"),
    ("dlq show", "it reads"),
    ("inventory list", "it reads"),
    ("key list", "it reads"),
    ("member list", "it reads"),
    ("org index", "the list gets what was created already"),
    ("org list", "it reads"),
    ("platform-credential list", "it reads"),
    ("stats verify", "lists and counters become what the records say, which nobody decides"),
];

/// The words that name the command of a line.
fn name_of(line: &str) -> String {
    let (mut command, mut words) = (Arguments::command(), Vec::new());
    for word in line.split_whitespace() {
        let Some(below) = command.find_subcommand(word).cloned() else { break };
        words.push(word);
        command = below;
    }
    words.join(" ")
}

/// The name of every command that does something by itself.
fn all_names(command: &clap::Command, above: &str) -> BTreeSet<String> {
    let below = command.get_subcommands().filter(|below| below.get_name() != "help");
    let names = below.flat_map(|below| all_names(below, format!("{above} {}", below.get_name()).trim())).collect::<BTreeSet<_>>();
    if names.is_empty() { [above.to_owned()].into() } else { names }
}

/// An operator at work: what was asked, and what of it left entries.
struct Desk {
    local: LocalTable,
    clients: Clients,
    asked: BTreeSet<String>,
    acts: BTreeSet<String>,
}

/// Queues without messages.
fn empty_queues() -> aws_sdk_sqs::Client {
    let rules = [
        mock!(aws_sdk_sqs::Client::get_queue_url).then_output(|| GetQueueUrlOutput::builder().queue_url("https://queue").build()),
        mock!(aws_sdk_sqs::Client::get_queue_attributes).then_output(|| GetQueueAttributesOutput::builder().build()),
        mock!(aws_sdk_sqs::Client::receive_message).then_output(|| ReceiveMessageOutput::builder().build()),
    ];
    let mocks = rules.iter().fold(MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny), |mocks, rule| mocks.with_rule(rule));
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .http_client(create_mock_http_client())
        .interceptor(mocks);
    aws_sdk_sqs::Client::from_conf(config.build())
}

impl Desk {
    async fn start() -> Self {
        let local = LocalTable::start().await;
        let kms = kms::client(&[&kms::makes(kms::OLD_KEY), &kms::unwraps()]);
        let clients = Clients { dynamodb: local.client.clone(), kms, sqs: empty_queues() };
        Self { local, clients, asked: BTreeSet::new(), acts: BTreeSet::new() }
    }

    /// Does what a line says.
    async fn run(&self, line: &str, input: &str) -> Result<ExitCode, String> {
        let words = ["trunkline", "--table", local_table::NAME].into_iter().chain(line.split_whitespace());
        let arguments = Arguments::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        arguments.run(&self.clients, input.as_bytes()).await.map_err(|error| format!("{error:?}"))
    }

    /// How many entries there are, in whosever trail.
    async fn entries(&self) -> usize {
        self.local.dump().await.iter().filter(|item| item["kind"].as_s().unwrap() == "audit_entry").count()
    }

    async fn trail(&self, tenant: Tenant) -> Vec<AuditEntry> {
        self.local.table.audit_trail(tenant, &AuditFilter::default(), None, 1_000, 1_000).await.unwrap().found
    }

    /// A line that changes nothing that anybody decided: no entry.
    async fn looks(&mut self, line: &str) {
        let before = self.entries().await;
        self.run(line, "").await.unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(self.entries().await, before, "{line}");
        self.asked.insert(name_of(line));
    }

    /// A line that leaves one entry in each of these trails; the last one's resource.
    async fn acts(&mut self, line: &str, input: &str, trails: &[Tenant], action: Action) -> Uuid {
        let before = self.entries().await;
        self.run(line, input).await.unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(self.entries().await, before + trails.len(), "{line}");
        let mut resource = Uuid::nil();
        for tenant in trails {
            let newest = self.trail(*tenant).await.remove(0);
            assert_eq!(newest.action, action, "{line}");
            assert!(matches!(&newest.actor, Actor::Operator(name) if !name.is_empty()), "{line}: {newest:?}");
            assert_eq!(newest.expires_at, newest.at.as_seconds() + 365 * 24 * 3_600, "{line}");
            resource = newest.resource;
        }
        let name = name_of(line);
        self.acts.insert(name.clone());
        self.asked.insert(name);
        resource
    }

    /// An organization comes, changes and has members and keys.
    async fn organization(&mut self) -> OrgId {
        let org = OrgId::new(fixture::now(), random::bytes());
        let (live, test) = (Tenant::new(org, Mode::Live), Tenant::new(org, Mode::Test));
        let of = |line: &str| format!("{line} --org {org}");
        assert_eq!(self.acts(&format!("org create --name Acme --id {org}"), "", &[live], Action::OrganizationCreated).await, org.as_uuid());
        for line in ["org list", "org index"] {
            self.looks(line).await;
        }
        for line in ["org retention", "org limits", "stats verify --repair", "audit", "key list", "member list"] {
            self.looks(&of(line)).await;
        }
        assert_eq!(self.acts(&of("org retention --days 30"), "", &[live], Action::RetentionChanged).await, org.as_uuid());
        assert_eq!(self.acts(&of("org limits --webhooks 7"), "", &[live, test], Action::LimitsChanged).await, org.as_uuid());
        let user = fixture::user();
        let (add, remove) = (format!("member add --user {user} --role owner"), format!("member remove --user {user} --force"));
        assert_eq!(self.acts(&of(&add), "", &[live], Action::MemberSet).await, user.as_uuid());
        assert_eq!(self.acts(&of(&remove), "", &[live], Action::MemberRemoved).await, user.as_uuid());
        let key = self.acts(&of("key create --mode test --name K"), "", &[test], Action::KeyCreated).await;
        assert_eq!(self.acts(&of(&format!("key revoke --id {key}")), "", &[test], Action::KeyRevoked).await, key);
        let out = std::env::temp_dir().join(format!("{org}.jsonl"));
        assert_eq!(
            self.acts(&of(&format!("org export --out {}", out.display())), "", &[live], Action::OrganizationExported).await,
            org.as_uuid()
        );
        std::fs::remove_file(out).unwrap();
        org
    }

    /// The operator's own credential, and a number of its carrier's.
    async fn carrier(&mut self) {
        let (live, carrier) = (platform::tenant(Mode::Live), Carrier::Twilio);
        let (api_url, kept) = start(carrier).await;
        let own = "--mode live --key-id k";
        let add = format!("platform-credential add {own} --carrier twilio --label L --account {} --base-url {BASE}", account(carrier));
        let id = self.acts(&add, TOKEN, &[live], Action::CredentialCreated).await;
        self.looks("platform-credential list --mode live").await;
        for (line, input) in [("renew", TOKEN), ("signing-key", "canary-key"), ("signing-key --remove", "")] {
            let line = format!("platform-credential {line} {id} {own}");
            assert_eq!(self.acts(&line, input, &[live], Action::CredentialUpdated).await, id);
        }
        let rotate = format!("platform-credential rotate-callbacks {id} --mode live --base-url {BASE}");
        assert_eq!(self.acts(&rotate, "", &[live], Action::CredentialCallbacksRotated).await, id);
        let at_carrier = format!("--credential {id} {own} --api-url {api_url}");
        self.looks(&format!("carrier verify {at_carrier}")).await;
        let id = id.to_string().parse().unwrap();
        let table = &self.local.table;
        let (_, callback) = platform::rotate_callbacks(table, Mode::Live, id, fixture::now(), random::bytes()).await.unwrap();
        let urls = CallbackUrls::new(BASE, carrier, &callback);
        let point = format!("carrier point {at_carrier} --number {NUMBER} --voice-url {}", urls.voice_url.expose());
        self.looks(&point).await;
        assert_eq!(self.acts(&format!("{point} --yes"), "", &[live], Action::CredentialNumberPointed).await, id.as_uuid());
        assert!(kept.lock().unwrap().writes > 0);
        self.looks(&format!("{point} --yes")).await;
    }
}

#[tokio::test]
async fn every_command_that_changes_something_leaves_its_entry_and_every_other_one_is_argued_for() {
    let mut desk = Desk::start().await;
    let [live, test] = [Mode::Live, Mode::Test].map(platform::tenant);
    let nobody = OrgId::PLATFORM.as_uuid();
    let org = desk.organization().await;
    desk.carrier().await;

    desk.acts("key create --operator --mode live --name Edge", "", &[live], Action::KeyCreated).await;
    let numbers = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../infra/local/inventory.csv");
    let import = format!("inventory import {}", numbers.display());
    assert_eq!(desk.acts(&import, "", &[live, test], Action::InventoryImported).await, nobody);
    desk.looks("inventory list --country NG").await;
    let issuer = IssuerId::of("https://auth.example.com");
    let line = "config jwt-secret --issuer https://auth.example.com --key-id k";
    assert_eq!(desk.acts(line, &"s".repeat(32), &[live], Action::IssuerSecretStored).await, issuer.as_uuid());
    assert!(desk.local.table.issuer_secret(issuer).await.unwrap().is_some());
    assert_eq!(desk.acts("vault rewrap --key-id k", "", &[live], Action::VaultRewrapped).await, nobody);
    desk.looks("audit").await;

    for line in ["dlq list", "dlq replay", "dlq drop --all --dry-run"] {
        desk.looks(&format!("{line} --stack s")).await;
    }
    let shown = desk.run("dlq show nothing --stack s", "").await.unwrap_err();
    assert!(shown.contains("there is no dead letter nothing"), "{shown}");
    desk.asked.insert(name_of("dlq show nothing"));
    assert_eq!(desk.acts("dlq drop --all --stack s", "", &[live], Action::DeadLettersDropped).await, nobody);
    let of_one = format!("dlq drop --organization {org} --stack s");
    assert_eq!(desk.acts(&of_one, "", &[live], Action::DeadLettersDropped).await, org.as_uuid());

    desk.looks(&format!("org delete --org {org} --dry-run")).await;
    // It waits for two minutes and is cut off there: its entry stands already.
    let before = desk.trail(live).await.len();
    let erases = format!("org delete --org {org} --yes");
    tokio::select! {
        ended = desk.run(&erases, "") => panic!("{ended:?}"),
        () = async { while desk.trail(live).await.len() == before { tokio::task::yield_now().await; } } => {}
    }
    let newest = desk.trail(live).await.remove(0);
    assert_eq!((newest.action, newest.resource), (Action::OrganizationErased, org.as_uuid()));
    desk.acts.insert(name_of(&erases));

    assert_eq!(desk.asked, all_names(&Arguments::command(), ""), "every command was asked");
    let quiet: BTreeSet<&str> = desk.asked.difference(&desk.acts).map(String::as_str).collect();
    assert_eq!(quiet, NO_ACTS.iter().map(|(name, _)| *name).collect(), "which commands leave no entry, and why");
}

#[tokio::test]
async fn dead_letters_are_dropped_only_where_the_trail_is_known() {
    let desk = Desk::start().await;
    let words = ["trunkline", "dlq", "drop", "--all", "--stack", "s"];
    let refused = Arguments::try_parse_from(words).unwrap().run(&desk.clients, std::io::empty()).await.unwrap_err();
    assert!(refused.to_string().contains("name the table"), "{refused}");
    let listed =
        Arguments::try_parse_from(["trunkline", "dlq", "list", "--stack", "s"]).unwrap().run(&desk.clients, std::io::empty()).await;
    assert!(listed.is_ok(), "{listed:?}");
}
