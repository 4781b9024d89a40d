//! `trunkline config`.

use std::{io::Read, process::ExitCode};

use anyhow::{Context as _, ensure};
use clap::Subcommand;
use domain::{Mode, audit::Action};
use runtime::Clock;
use secrecy::SecretString;
use store::{IssuerId, IssuerSecret, Table};
use vault::Vault;

use crate::platform;

/// The shortest secret of an issuer, in bytes: as long as what HMAC-SHA256 makes of it (RFC 7518, 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// The longest, in bytes.
const MAX_SECRET_BYTES: u64 = 1024;

/// What can be configured.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Stores the secret that an issuer signs its users' tokens with (HS256), in the place of the one before.
    ///
    /// It is read from standard input, sealed, and never shown again. Functions that run go over to it within ten minutes.
    /// Prints the id by which the audit trail names the issuer.
    JwtSecret {
        /// The issuer's name, exactly as in the parameter `JwtIssuers`.
        #[arg(long)]
        issuer: String,
        /// The vault's KMS key: the stack's output `VaultKeyArn`.
        #[arg(long)]
        key_id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) async fn run(table: &Table, kms: aws_sdk_kms::Client, command: Command, input: impl Read) -> anyhow::Result<ExitCode> {
    let Command::JwtSecret { issuer, key_id, json } = command;
    let secret = read(input)?;
    let issuer = IssuerId::of(&issuer);
    let secret = Vault::new(kms, key_id).seal(&issuer.place(), &secret, Clock::System.now()).await?;
    let table = crate::audit::on(table, platform::tenant(Mode::Live), Action::IssuerSecretStored, issuer.as_uuid())?;
    table.put_issuer_secret(issuer, &IssuerSecret { secret }).await?;
    crate::show(json, &[("id", issuer.as_uuid().to_string())]);
    Ok(ExitCode::SUCCESS)
}

/// All of the input but the end of its line.
fn read(input: impl Read) -> anyhow::Result<SecretString> {
    let mut text = String::new();
    input.take(MAX_SECRET_BYTES + 2).read_to_string(&mut text).context("the secret cannot be read from standard input")?;
    let text = text.trim_end_matches(['\r', '\n']);
    ensure!(text.len() >= MIN_SECRET_BYTES, "a secret has at least {MIN_SECRET_BYTES} bytes, since shorter ones can be guessed");
    ensure!(text.len() as u64 <= MAX_SECRET_BYTES, "a secret has at most {MAX_SECRET_BYTES} bytes");
    Ok(text.to_owned().into())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_secret_is_the_input_without_the_end_of_its_line() {
        let secret = "s".repeat(32);
        for input in [secret.clone(), format!("{secret}\n"), format!("{secret}\r\n")] {
            assert_eq!(read(input.as_bytes()).unwrap().expose_secret(), secret);
        }
        assert!(read("s".repeat(1024).as_bytes()).is_ok());
        for wrong in ["", "\n", &"s".repeat(31), &"s".repeat(1025), &"s".repeat(5000)] {
            assert!(read(wrong.as_bytes()).is_err());
        }
    }
}
