//! The operator's own command against a running cloud: whatever is made there is made by it and by no other way.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::isolate;
use crate::layout::Layout;
use crate::process::run_fed;
use crate::progress::Step;

const OPERATOR: &str = "trunkline";

/// The command, and whose table it works on.
pub(crate) struct Operator<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) endpoint_url: &'a str,
    pub(crate) table: &'a str,
    pub(crate) step: &'a Step,
}

#[derive(Deserialize)]
struct Organization {
    id: String,
}

/// A minted key.
#[derive(Deserialize)]
pub(crate) struct Key {
    /// Its id.
    pub(crate) id: String,
    /// The key itself.
    pub(crate) key: String,
}

impl Operator<'_> {
    /// Creates an organization; answers with its id.
    pub(crate) async fn organization(&self, name: &str) -> Result<String> {
        let organization: Organization = self.ask(&["org", "create", "--name", name, "--json"]).await?;
        Ok(organization.id)
    }

    /// Mints a key with all scopes.
    pub(crate) async fn key(&self, organization: &str, mode: &str, name: &str) -> Result<Key> {
        self.ask(&["key", "create", "--organization", organization, "--mode", mode, "--name", name, "--json"]).await
    }

    /// Mints a key of the operator's own.
    pub(crate) async fn own_key(&self, mode: &str, name: &str) -> Result<Key> {
        self.ask(&["key", "create", "--operator", "--mode", mode, "--name", name, "--json"]).await
    }

    async fn ask<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<T> {
        let output = self.run(arguments).await?;
        // Not the answer itself: it may hold a key.
        serde_json::from_str(&output).with_context(|| format!("`{OPERATOR} {}` gave no such JSON", arguments.join(" ")))
    }

    /// Runs it; answers with what it prints.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_fed(arguments, "").await
    }

    /// Likewise, and it reads this.
    pub(crate) async fn run_fed(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = self.layout.program(&self.layout.binaries().join(OPERATOR));
        isolate(&mut command, self.endpoint_url);
        command.env("TRUNKLINE_TABLE", self.table).args(arguments);
        run_fed(&mut command, input, self.step).await
    }
}
