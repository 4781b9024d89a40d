//! A key of the deployment: made once by whichever process needs it first, sealed in the table, opened once per process.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use runtime::{Clock, random};
use secrecy::{ExposeSecret as _, SecretString};
use store::{SecretSetting, SettingName, Table};
use tokio::sync::OnceCell;
use vault::Vault;

use crate::problem::Problem;

/// An HMAC key of the deployment. Cheap to clone; clones share the key.
#[derive(Clone)]
pub(crate) struct DeploymentKey {
    name: SettingName,
    table: Table,
    vault: Vault,
    clock: Clock,
    key: Arc<OnceCell<hmac::Key>>,
}

impl DeploymentKey {
    /// Keeps the key in this table, sealed by this vault. Asks for nothing yet.
    pub(crate) fn new(name: SettingName, table: Table, vault: Vault, clock: Clock) -> Self {
        Self { name, table, vault, clock, key: Arc::default() }
    }

    /// The key.
    ///
    /// # Errors
    /// An outage of table or vault.
    pub(crate) async fn get(&self) -> Result<&hmac::Key, Problem> {
        self.key.get_or_try_init(|| self.open()).await
    }

    async fn open(&self) -> Result<hmac::Key, Problem> {
        let place = self.name.place();
        let setting = match self.table.setting(self.name).await? {
            Some(setting) => setting,
            None => {
                let text = SecretString::from(URL_SAFE_NO_PAD.encode(random::bytes::<32>()));
                let secret = self.vault.seal(&place, &text, self.clock.now()).await?;
                self.table.settle(self.name, SecretSetting { secret }).await?
            }
        };
        let text = self.vault.open(&place, &setting.secret, self.clock.now()).await?;
        Ok(hmac::Key::new(hmac::HMAC_SHA256, text.expose_secret().as_bytes()))
    }
}

/// Says which it is and nothing of the key.
impl std::fmt::Debug for DeploymentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeploymentKey({:?})", self.name)
    }
}
