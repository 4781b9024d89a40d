//! `stack.json`: where a running stack is, for tests, the demo and anyone's scripts. It holds keys,
//! so only its owner may read it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::deployment::{Deployment, JWT_ISSUER};
use super::emulator::Emulator;
use super::gateway::Gateway;
use super::seed::Seeds;
use super::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};

/// A running stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stack {
    pub(crate) base_url: String,
    pub(crate) organization_id: String,
    pub(crate) live_key: String,
    pub(crate) test_key: String,
    pub(crate) table: String,
    /// The KMS key that seals secrets.
    pub(crate) vault_key_id: String,
    pub(crate) queues: BTreeMap<String, String>,
    pub(crate) jwt: Jwt,
    pub(crate) aws: Aws,
    /// This program, then the emulator.
    pub(crate) pids: Vec<i32>,
}

/// How users' tokens are signed (HS256) that the stack believes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Jwt {
    pub(crate) issuer: String,
    pub(crate) secret: String,
}

/// What an AWS client needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Aws {
    pub(crate) endpoint_url: String,
    /// `endpoint_url_<service>`, for a service that is served from elsewhere. None is today.
    #[serde(flatten)]
    pub(crate) service_endpoint_urls: BTreeMap<String, String>,
    pub(crate) region: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
}

impl Stack {
    /// Puts together what starting it found out.
    pub(crate) fn new(gateway: &Gateway, emulator: &Emulator, deployment: Deployment, seeds: Seeds) -> Self {
        let own_pid = i32::try_from(std::process::id()).unwrap_or_default();
        Self {
            base_url: gateway.base_url(),
            organization_id: seeds.organization_id,
            live_key: seeds.live_key,
            test_key: seeds.test_key,
            table: deployment.table,
            vault_key_id: deployment.vault_key_id,
            queues: deployment.queues,
            jwt: Jwt { issuer: JWT_ISSUER.to_owned(), secret: seeds.jwt_secret },
            aws: Aws::emulated(emulator.endpoint_url()),
            pids: vec![own_pid, emulator.pid()],
        }
    }

    /// Reads it.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Writes it whole: a reader finds all of it or none.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self).context("a stack is always JSON")?;
        text.push(b'\n');
        write_whole(path, &text)
    }

    /// What a person does first with it.
    pub(crate) fn welcome(&self) -> String {
        let Self { base_url, organization_id, live_key, test_key, .. } = self;
        format!(
            r#"
Trunkline runs at {base_url}

  organization  {organization_id}
  live key      {live_key}
  test key      {test_key}

The commands of README.md and infra/docs find all that in a shell that has read it:
  . target/local/env

Numbers to buy in Nigeria:
  curl -sS -H 'x-api-key: {live_key}' '{base_url}/v1/phone-numbers?action=available&country=NG'

Buy one, with an inventory_id from that list:
  curl -sS -H 'x-api-key: {live_key}' -H 'content-type: application/json' -d '{{"inventory_id":"INVENTORY_ID"}}' {base_url}/v1/phone-numbers

The organization's calls:
  curl -sS -H 'x-api-key: {live_key}' {base_url}/v1/calls
"#
        )
    }
}

/// Writes a file that only its owner may read, and lets nobody see a part of it.
pub(super) fn write_whole(path: &Path, text: &[u8]) -> Result<()> {
    let aside = path.with_extension("new");
    let _ = fs::remove_file(&aside);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)
        .and_then(|mut file| file.write_all(text))
        .and_then(|()| fs::rename(&aside, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

impl Aws {
    fn emulated(endpoint_url: &str) -> Self {
        Self {
            endpoint_url: endpoint_url.to_owned(),
            service_endpoint_urls: BTreeMap::new(),
            region: REGION.to_owned(),
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: SECRET_ACCESS_KEY.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use super::*;

    fn stack() -> Stack {
        Stack {
            base_url: "http://127.0.0.1:1".into(),
            organization_id: "org".into(),
            live_key: "live".into(),
            test_key: "test".into(),
            table: "table".into(),
            vault_key_id: "key".into(),
            queues: [("call-events".to_owned(), "http://q".to_owned())].into(),
            jwt: Jwt { issuer: "issuer".into(), secret: "secret".into() },
            aws: Aws::emulated("http://127.0.0.1:2"),
            pids: vec![3, 4],
        }
    }

    #[test]
    fn others_read_this_shape() {
        assert_eq!(
            serde_json::to_value(stack()).unwrap(),
            json!({
                "base_url": "http://127.0.0.1:1",
                "organization_id": "org",
                "live_key": "live",
                "test_key": "test",
                "table": "table",
                "vault_key_id": "key",
                "queues": {"call-events": "http://q"},
                "jwt": {"issuer": "issuer", "secret": "secret"},
                "aws": {
                    "endpoint_url": "http://127.0.0.1:2",
                    "region": "us-east-1",
                    "access_key_id": "test",
                    "secret_access_key": "test"
                },
                "pids": [3, 4]
            })
        );
    }

    #[test]
    fn only_its_owner_may_read_it_and_it_comes_back_as_it_was() {
        let folder = std::env::temp_dir().join(format!("stack-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("stack.json");
        stack().write(&path).unwrap();
        stack().write(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Stack::read(&path).unwrap(), stack());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_welcome_has_three_commands_that_can_be_pasted() {
        let welcome = stack().welcome();
        let commands: Vec<_> = welcome.lines().filter(|line| line.contains("curl ")).collect();
        assert_eq!(commands.len(), 3);
        assert!(commands.iter().all(|command| command.contains("x-api-key: live")));
        assert!(welcome.contains(r#"-d '{"inventory_id":"INVENTORY_ID"}'"#));
    }
}
