//! The first organization, its keys, the secret that users' tokens are signed with and the numbers on sale, made by the operator's own command and
//! by no other way.

use std::fs::File;
use std::io::Read as _;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::deployment::{Deployment, JWT_ISSUER};
use super::emulator::Emulator;
use super::isolate;
use crate::layout::Layout;
use crate::process::run_fed;
use crate::progress::Step;

const OPERATOR: &str = "trunkline";
const INVENTORY: &str = "infra/local/inventory.csv";

/// What a user needs to make the first request.
pub(crate) struct Seeds {
    /// The organization's id.
    pub(crate) organization_id: String,
    /// A key for live mode with all scopes.
    pub(crate) live_key: String,
    /// A key for test mode with all scopes.
    pub(crate) test_key: String,
    /// What users' tokens are signed with.
    pub(crate) jwt_secret: String,
}

#[derive(Deserialize)]
struct Organization {
    id: String,
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

impl Seeds {
    /// Makes them in the deployed table.
    pub(crate) async fn sow(layout: &Layout, emulator: &Emulator, deployment: &Deployment, step: &Step) -> Result<Self> {
        let operator = Operator { layout, endpoint_url: emulator.endpoint_url(), table: &deployment.table, step };
        let organization: Organization = operator.ask(&["org", "create", "--name", "Demo", "--json"]).await?;
        let live_key = operator.key(&organization.id, "live").await?;
        let test_key = operator.key(&organization.id, "test").await?;
        let jwt_secret = secret()?;
        let arguments = ["config", "jwt-secret", "--issuer", JWT_ISSUER, "--key-id", &deployment.vault_key_id];
        operator.run_fed(&arguments, &jwt_secret).await?;
        operator.run(&["inventory", "import", INVENTORY]).await?;
        Ok(Self { organization_id: organization.id, live_key, test_key, jwt_secret })
    }
}

struct Operator<'a> {
    layout: &'a Layout,
    endpoint_url: &'a str,
    table: &'a str,
    step: &'a Step,
}

impl Operator<'_> {
    async fn key(&self, organization: &str, mode: &str) -> Result<String> {
        let arguments = ["key", "create", "--organization", organization, "--mode", mode, "--name", "Demo", "--json"];
        let key: Key = self.ask(&arguments).await?;
        Ok(key.key)
    }

    async fn ask<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<T> {
        let output = self.run(arguments).await?;
        // Not the answer itself: it may hold a key.
        serde_json::from_str(&output).with_context(|| format!("`{OPERATOR} {}` gave no such JSON", arguments.join(" ")))
    }

    async fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_fed(arguments, "").await
    }

    async fn run_fed(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = self.layout.program(&self.layout.binaries().join(OPERATOR));
        isolate(&mut command, self.endpoint_url);
        command.env("TRUNKLINE_TABLE", self.table).args(arguments);
        run_fed(&mut command, input, self.step).await
    }
}

/// 256 random bits in hexadecimal.
fn secret() -> Result<String> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("this machine gives no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
