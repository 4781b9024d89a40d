//! `trunkline platform-credential`.

use std::{io::Read as _, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use domain::{CredentialId, Mode, carrier::Carrier, credential::CarrierCredential, wire::CallbackUrls};
use runtime::{Clock, random};
use secrecy::SecretString;
use store::Table;
use trunkline::platform::{self, NewCredential};
use vault::Vault;

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

pub(crate) async fn run(table: &Table, kms: aws_sdk_kms::Client, command: Command) -> anyhow::Result<ExitCode> {
    let now = Clock::System.now();
    match command {
        Command::Add(Add { mode, carrier, label, account, key_id, base_url, json }) => {
            let new = NewCredential { mode, carrier, label, account, token: token()? };
            let random = (random::bytes(), random::bytes());
            let (credential, callback) = platform::add(table, &Vault::new(kms, key_id), new, now, random).await?;
            show(json, &credential, &CallbackUrls::new(base_url.trim_end_matches('/'), credential.carrier, &callback));
        }
        Command::List { mode } => {
            for credential in table.credentials(platform::tenant(mode)).await? {
                println!("{} {} {} {}", credential.id, credential.carrier, credential.key_hint(), credential.label);
            }
        }
        Command::RotateCallbacks { id, mode, base_url, json } => {
            let (credential, callback) = platform::rotate_callbacks(table, mode, id, now, random::bytes()).await?;
            show(json, &credential, &CallbackUrls::new(base_url.trim_end_matches('/'), credential.carrier, &callback));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The token, from standard input: arguments and the environment can be seen by others.
fn token() -> anyhow::Result<SecretString> {
    let mut text = String::new();
    std::io::stdin().take(4096).read_to_string(&mut text).context("the token cannot be read from standard input")?;
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

fn show(json: bool, credential: &CarrierCredential, urls: &CallbackUrls) {
    let (voice_url, status_url) = (urls.voice_url.expose().to_owned(), urls.status_url.expose().to_owned());
    crate::show(json, &[("id", credential.id.to_string()), ("voice_url", voice_url), ("status_url", status_url)]);
}
