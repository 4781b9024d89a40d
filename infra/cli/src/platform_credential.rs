//! `trunkline platform-credential`.

use std::{io::Read, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use domain::{CredentialId, Mode, audit::Action, carrier::Carrier, credential::CarrierCredential, wire::CallbackUrls};
use runtime::{Clock, random};
use secrecy::SecretString;
use store::Table;
use vault::Vault;

use crate::platform::{self, NewCredential, Renewed};

/// What can be done with the operator's own carrier credentials.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Adds one and prints its callback URLs: this once, they are not stored. The token is read from standard input.
    Add(Add),
    /// Lists them; no token is shown, ever.
    List {
        /// `live` or `test` data.
        #[arg(long)]
        mode: Mode,
    },
    /// Gives one a new token of the same account, read from standard input. Callbacks that were signed with the token before are
    /// taken for 24 hours more.
    Renew(Renew),
    /// Sets the key with which Twilio signs in the token's place, read from standard input, or takes it away.
    SigningKey {
        /// The credential, and what seals.
        #[command(flatten)]
        renew: Renew,
        /// Take it away.
        #[arg(long)]
        remove: bool,
    },
    /// Gives one new callback URLs and prints them; the ones before end at once.
    RotateCallbacks {
        /// Its id.
        id: CredentialId,
        /// `live` or `test` data.
        #[arg(long)]
        mode: Mode,
        /// Where carriers reach the API: the stack's parameter `PublicBaseUrl`.
        #[arg(long)]
        base_url: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A credential that is to be added.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// `live` or `test` data.
    #[arg(long)]
    mode: Mode,
    /// twilio, plivo or vobiz.
    #[arg(long)]
    carrier: Carrier,
    /// What to call it.
    #[arg(long)]
    label: String,
    /// The account's id: Twilio's account SID, the others' auth id.
    #[arg(long)]
    account: String,
    /// The KMS key that seals secrets: the stack's output `VaultKeyArn`.
    #[arg(long)]
    key_id: String,
    /// Where carriers reach the API: the stack's parameter `PublicBaseUrl`.
    #[arg(long)]
    base_url: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// A credential that gets a new secret.
#[derive(Debug, Args)]
pub(crate) struct Renew {
    /// Its id.
    id: CredentialId,
    /// `live` or `test` data.
    #[arg(long)]
    mode: Mode,
    /// The KMS key that seals secrets: the stack's output `VaultKeyArn`.
    #[arg(long)]
    key_id: String,
}

impl Renew {
    async fn with(self, table: &Table, kms: aws_sdk_kms::Client, renewed: Renewed) -> anyhow::Result<()> {
        let Self { id, mode, key_id } = self;
        let table = audited(table, mode, Action::CredentialUpdated, id)?;
        let credential =
            platform::renew(&table, &Vault::new(kms, key_id), (mode, id), renewed, Clock::System.now(), random::bytes()).await?;
        println!("{} {} {}", credential.id, credential.carrier, credential.key_hint());
        Ok(())
    }
}

/// The table for one act on a credential of the operator's.
fn audited(table: &Table, mode: Mode, action: Action, id: CredentialId) -> anyhow::Result<Table> {
    crate::audit::on(table, platform::tenant(mode), action, id.as_uuid())
}

pub(crate) async fn run(table: &Table, kms: aws_sdk_kms::Client, command: Command, input: impl Read) -> anyhow::Result<ExitCode> {
    let now = Clock::System.now();
    match command {
        Command::Add(Add { mode, carrier, label, account, key_id, base_url, json }) => {
            let new = NewCredential { id: CredentialId::new(now, random::bytes()), mode, carrier, label, account, token: secret(input)? };
            let table = audited(table, mode, Action::CredentialCreated, new.id)?;
            let (credential, callback) = platform::add(&table, &Vault::new(kms, key_id), new, now, random::bytes()).await?;
            show(json, &credential, &CallbackUrls::new(base_url.trim_end_matches('/'), credential.carrier, &callback));
        }
        Command::List { mode } => {
            for credential in table.credentials(platform::tenant(mode)).await? {
                println!("{} {} {} {}", credential.id, credential.carrier, credential.key_hint(), credential.label);
            }
        }
        Command::Renew(renew) => renew.with(table, kms, Renewed::Token(secret(input)?)).await?,
        Command::SigningKey { renew, remove: true } => renew.with(table, kms, Renewed::SigningKey(None)).await?,
        Command::SigningKey { renew, remove: false } => renew.with(table, kms, Renewed::SigningKey(Some(secret(input)?))).await?,
        Command::RotateCallbacks { id, mode, base_url, json } => {
            let table = &audited(table, mode, Action::CredentialCallbacksRotated, id)?;
            let (credential, callback) = platform::rotate_callbacks(table, mode, id, now, random::bytes()).await?;
            show(json, &credential, &CallbackUrls::new(base_url.trim_end_matches('/'), credential.carrier, &callback));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A token or a key, from standard input: arguments and the environment can be seen by others.
fn secret(input: impl Read) -> anyhow::Result<SecretString> {
    let mut text = String::new();
    input.take(4096).read_to_string(&mut text).context("the secret cannot be read from standard input")?;
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

fn show(json: bool, credential: &CarrierCredential, urls: &CallbackUrls) {
    let (voice_url, status_url) = (urls.voice_url.expose().to_owned(), urls.status_url.expose().to_owned());
    crate::show(json, &[("id", credential.id.to_string()), ("voice_url", voice_url), ("status_url", status_url)]);
}
