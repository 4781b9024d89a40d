//! One local cloud: the emulator with the deployed template, seeded, behind a plain address.
//! `up` and the tests start the same, each in a folder of its own. Building and installing what it
//! needs is not its work.

mod deployment;
mod emulator;
mod gateway;
mod operator;
mod seed;
mod shell;
mod stack;

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use self::deployment::Deployment;
use self::emulator::Emulator;
use self::gateway::{Door, Gateway};
pub(crate) use self::operator::{Key, Operator};
use self::seed::Seeds;
pub(crate) use self::stack::Stack;
use crate::folder::{Folder, Held};
use crate::layout::Layout;
use crate::process::within;
use crate::progress::{Echo, Progress};
use crate::python::Environment;

/// Both take a few seconds; a busy machine gets far more.
const DEPLOY: Duration = Duration::from_secs(180);
const SEED: Duration = Duration::from_secs(60);

/// A running, seeded cloud. Dropping it ends every process of it.
pub(crate) struct LocalCloud {
    stack: Stack,
    // Dropped in this order: no new request, then the emulator, then the folder is free.
    gateway: Gateway,
    emulator: Emulator,
    held: Held,
}

impl LocalCloud {
    /// Starts the cloud against which others' tools judge the product, and tells its folder: one at a time in a clone.
    pub(crate) async fn judged(layout: &Layout, environment: &Environment, progress: &Progress) -> Result<(Folder, Self)> {
        let folder = Folder::open(layout.judged_cloud())?;
        let Ok(held) = folder.take().await? else {
            bail!("others judge in this clone: wait for their end");
        };
        let cloud = Self::start(layout, held, environment, progress).await?;
        Ok((folder, cloud))
    }

    /// Starts a cloud in the folder. The workspace's binaries must have been built.
    pub(crate) async fn start(layout: &Layout, held: Held, environment: &Environment, progress: &Progress) -> Result<Self> {
        let step = progress.step("start the local cloud", Echo::Lines);
        let emulator = Emulator::start(environment, held.folder()).await?;
        progress.done(step);

        let step = progress.step("deploy infra/template.yaml", Echo::Nothing);
        // The address comes first: what is deployed has to know it.
        let door = Door::open().await?;
        let base_url = door.base_url();
        let deployment = Deployment::make(layout, environment, &emulator, &base_url, &step);
        let deployment = within(DEPLOY, "deploying", deployment).await?;
        let gateway = Gateway::start(door, &emulator, &deployment.api_host)?;
        progress.done(step);

        let step = progress.step("add a demo organization", Echo::Nothing);
        let seeds = Seeds::sow(layout, &emulator, &deployment, &step);
        let seeds = within(SEED, "adding the demo organization", seeds).await?;
        progress.done(step);

        let stack = Stack::new(&gateway, &emulator, deployment, seeds);
        shell::write(&stack, &held.folder().file(shell::FILE))?;
        stack.write(&held.folder().stack_file())?;
        Ok(Self { stack, gateway, emulator, held })
    }

    /// Where everything is.
    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Waits until something that must run does not, and says what.
    pub(crate) async fn failure(&mut self) -> anyhow::Error {
        tokio::select! {
            error = self.emulator.failure() => error,
            error = self.gateway.failure() => error,
        }
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        // First of all, so that nobody finds a stack that is going away.
        let _ = fs::remove_file(self.held.folder().stack_file());
        let _ = fs::remove_file(self.held.folder().file(shell::FILE));
    }
}

/// Region and keys of the emulator, which takes any.
const REGION: &str = "us-east-1";
const ACCESS_KEY_ID: &str = "test";
const SECRET_ACCESS_KEY: &str = "test";

/// What an AWS client needs to speak to the emulator and to nothing else.
fn aws_variables(endpoint_url: &str) -> [(&'static str, String); 5] {
    [
        ("AWS_ENDPOINT_URL", endpoint_url.to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
    ]
}

/// Gives a program those variables and takes away what could lead it elsewhere: the user's own AWS
/// account and proxies.
fn isolate(command: &mut tokio::process::Command, endpoint_url: &str) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(leads_elsewhere) {
            command.env_remove(name);
        }
    }
    command.envs(aws_variables(endpoint_url));
    // Credentials of the instance or of a file would be looked for otherwise.
    command.env("AWS_EC2_METADATA_DISABLED", "true");
}

fn leads_elsewhere(variable: &str) -> bool {
    let variable = variable.to_ascii_uppercase();
    variable.starts_with("AWS_") && variable != "AWS_LC_SYS_NO_JITTER_ENTROPY"
        || ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].contains(&variable.as_str())
}

/// A loopback port that was free a moment ago.
async fn free_port() -> Result<u16> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.context("no free port on 127.0.0.1")?;
    let address = listener.local_addr().context("a port without a number")?;
    Ok(address.port())
}

#[cfg(test)]
mod tests {
    use super::leads_elsewhere;

    #[test]
    fn the_users_own_account_and_proxies_are_taken_away() {
        for variable in ["AWS_PROFILE", "AWS_ENDPOINT_URL_SQS", "https_proxy"] {
            assert!(leads_elsewhere(variable), "{variable}");
        }
        for variable in ["PATH", "HOME", "AWS_LC_SYS_NO_JITTER_ENTROPY"] {
            assert!(!leads_elsewhere(variable), "{variable}");
        }
    }
}
