//! A credential that lies in the table, tried at its carrier; and a number's calls, sent to its callback URLs.

use std::fmt::Write as _;

use anyhow::Context as _;
use domain::{CredentialId, E164, Timestamp, secret::SecretKind};
use store::{Consistency, Table, Tenant, access_patterns};
use vault::Vault;

use crate::{
    carrier_api::{Account, CarrierApi, Change, Target},
    patience::patiently,
};

/// A credential that was looked up, its token opened.
#[derive(Debug)]
pub struct Opened {
    id: CredentialId,
    account: Account,
    /// The hash of the token in the URLs that its carrier calls.
    callback: String,
    /// Where it lies: knows of the act whose entry is due.
    table: Table,
}

impl Opened {
    /// Looks a credential up and opens its token.
    ///
    /// # Errors
    /// If its owner has no such credential, or if the table or KMS cannot be reached.
    pub async fn find(table: &Table, vault: &Vault, owner: Tenant, id: CredentialId, now: Timestamp) -> anyhow::Result<Self> {
        let key = access_patterns::credential(owner.org(), owner.mode(), id);
        let credential =
            table.get(key, Consistency::Strong).await?.with_context(|| format!("there is no credential {id} of this owner"))?;
        let token = vault.open(&owner.place(SecretKind::CarrierToken, id.as_uuid()), &credential.token, now).await?;
        let account = Account { carrier: credential.carrier, id: credential.account, token };
        Ok(Self { id, account, callback: credential.callback, table: table.clone() })
    }

    /// Asks the carrier whether the token is good: what there is to say of it. `api_url` is where the carrier's API answers, if not at
    /// its own address.
    ///
    /// # Errors
    /// If it is not, or if the carrier cannot be reached.
    pub async fn verify(self, api_url: Option<String>) -> anyhow::Result<String> {
        let (carrier, id) = (self.account.carrier, self.account.id.clone());
        let name = CarrierApi::new(self.account, api_url)?.verify().await?;
        Ok(format!("{carrier} knows {id} under this token: {name}"))
    }

    /// Has a number's calls sent to the credential's callback URLs, if that is `wanted`: what differs, and what was done. Nothing is
    /// written that is not told. The entry of an act is written before the carrier is told anything.
    ///
    /// # Errors
    /// If the URL is not the credential's own, or if the carrier refuses or cannot be reached.
    pub async fn point(self, api_url: Option<String>, number: &E164, voice_url: &str, wanted: bool) -> anyhow::Result<String> {
        let target = Target::of_voice_url(self.account.carrier, voice_url)?;
        anyhow::ensure!(target.credential == self.id, "the URL is another credential's");
        anyhow::ensure!(target.token_hash == self.callback, "the URL is not the credential's any more: rotate-callbacks gives new ones");
        let api = CarrierApi::new(self.account, api_url)?;
        let plan = api.plan(number, &target).await?;
        let mut told = String::new();
        for Change { setting, before, after } in &plan.changes {
            writeln!(told, "{setting}\n  - {before}\n  + {after}")?;
        }
        if plan.changes.is_empty() {
            told += &format!("{number} is pointed there already");
        } else if wanted {
            patiently(|| self.table.note_act()).await?;
            api.apply(&plan).await?;
            told += &format!("{number} is pointed there now");
        } else {
            told += "nothing was changed: run it again with --yes";
        }
        Ok(told)
    }
}
