//! `trunkline carrier`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use domain::{CredentialId, E164, Mode, OrgId, secret::SecretKind};
use runtime::Clock;
use store::{Consistency, Table, Tenant, access_patterns};
use trunkline::carrier_api::{Account, CarrierApi, Target};
use vault::Vault;

/// What can be done at a carrier.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Asks the carrier whether a credential's token is good.
    Verify {
        #[command(flatten)]
        credential: Credential,
    },
    /// Has a number's calls sent to a credential's callback URLs. Shows what will be different; changes it with --yes.
    Point {
        #[command(flatten)]
        credential: Credential,
        /// The number, such as +14155550100.
        #[arg(long)]
        number: E164,
        /// The credential's `voice_url`, as it was shown once. Whoever has lost it takes new ones: rotate-callbacks.
        #[arg(long, env = "TRUNKLINE_VOICE_URL", hide_env_values = true)]
        voice_url: String,
        /// Make the changes.
        #[arg(long)]
        yes: bool,
    },
}

/// Which credential.
#[derive(Debug, Args)]
pub(crate) struct Credential {
    /// The credential's id.
    #[arg(long)]
    credential: CredentialId,
    /// Whose it is; by default the operator's.
    #[arg(long)]
    organization: Option<OrgId>,
    /// `live` or `test` data.
    #[arg(long)]
    mode: Mode,
    /// The KMS key that seals secrets: the stack's output `VaultKeyArn`.
    #[arg(long)]
    key_id: String,
    /// Where the carrier's API answers; by default the carrier's own address.
    #[arg(long)]
    api_url: Option<String>,
}

pub(crate) async fn run(table: &Table, kms: aws_sdk_kms::Client, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify { credential } => {
            let (account, _) = account(table, kms, &credential).await?;
            let (carrier, id) = (account.carrier, account.id.clone());
            let name = CarrierApi::new(account, credential.api_url)?.verify().await?;
            println!("{carrier} knows {id} under this token: {name}");
        }
        Command::Point { credential, number, voice_url, yes } => {
            let (account, callback) = account(table, kms, &credential).await?;
            let target = Target::of_voice_url(account.carrier, &voice_url)?;
            anyhow::ensure!(target.credential == credential.credential, "the URL is another credential's");
            anyhow::ensure!(target.token_hash == callback, "the URL is not the credential's any more: rotate-callbacks gives new ones");
            point(&CarrierApi::new(account, credential.api_url)?, &number, &target, yes).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows what differs, and changes it if that is wanted.
async fn point(api: &CarrierApi, number: &E164, target: &Target, yes: bool) -> anyhow::Result<()> {
    let plan = api.plan(number, target).await?;
    for change in &plan.changes {
        println!("{}\n  - {}\n  + {}", change.setting, change.before, change.after);
    }
    match (plan.changes.is_empty(), yes) {
        (true, _) => println!("{number} is pointed there already"),
        (false, false) => println!("nothing was changed: run it again with --yes"),
        (false, true) => {
            api.apply(&plan).await?;
            println!("{number} is pointed there now");
        }
    }
    Ok(())
}

/// The account, its token opened, and the hash of the token in the URLs that it is called by.
async fn account(table: &Table, kms: aws_sdk_kms::Client, of: &Credential) -> anyhow::Result<(Account, String)> {
    let tenant = Tenant { org: of.organization.unwrap_or(OrgId::PLATFORM), mode: of.mode };
    let key = access_patterns::credential(tenant.org, tenant.mode, of.credential);
    let credential =
        table.get(key, Consistency::Strong).await?.with_context(|| format!("there is no credential {} of this owner", of.credential))?;
    let place = tenant.place(SecretKind::CarrierToken, of.credential.as_uuid());
    let token = Vault::new(kms, of.key_id.clone()).open(&place, &credential.token, Clock::System.now()).await?;
    Ok((Account { carrier: credential.carrier, id: credential.account, token }, credential.callback))
}
