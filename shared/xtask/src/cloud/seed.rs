//! The first organization, its keys and the numbers on sale, made by the operator's own command and
//! by no other way.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::deployment::Deployment;
use super::emulator::Emulator;
use super::isolate;
use crate::layout::Layout;
use crate::process::run_behind;
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
        operator.run(&["inventory", "import", INVENTORY]).await?;
        Ok(Self { organization_id: organization.id, live_key, test_key })
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
        let mut command = self.layout.program(&self.layout.binaries().join(OPERATOR));
        isolate(&mut command, self.endpoint_url);
        command.env("TRUNKLINE_TABLE", self.table).args(arguments);
        run_behind(&mut command, self.step).await
    }
}
