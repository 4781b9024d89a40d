//! `trunkline carrier`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::{CredentialId, E164, Mode, OrgId, audit::Action};
use runtime::Clock;
use store::{Table, Tenant};
use vault::Vault;

use crate::pointing::Opened;

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
    let told = match command {
        Command::Verify { credential } => credential.find(table, kms).await?.verify(credential.api_url).await?,
        Command::Point { credential, number, voice_url, yes } => {
            let table = crate::audit::on(table, credential.owner(), Action::CredentialNumberPointed, credential.credential.as_uuid())?;
            credential.find(&table, kms).await?.point(credential.api_url, &number, &voice_url, yes).await?
        }
    };
    println!("{told}");
    Ok(ExitCode::SUCCESS)
}

impl Credential {
    fn owner(&self) -> Tenant {
        Tenant::new(self.organization.unwrap_or(OrgId::PLATFORM), self.mode)
    }

    async fn find(&self, table: &Table, kms: aws_sdk_kms::Client) -> anyhow::Result<Opened> {
        let vault = Vault::new(kms, self.key_id.clone());
        Opened::find(table, &vault, self.owner(), self.credential, Clock::System.now()).await
    }
}
