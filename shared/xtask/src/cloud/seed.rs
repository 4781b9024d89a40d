//! The first organization, its keys, the secret that users' tokens are signed with and the numbers on sale.

use std::fs::File;
use std::io::Read as _;

use anyhow::{Context as _, Result};

use super::deployment::{Deployment, JWT_ISSUER};
use super::emulator::Emulator;
use super::operator::Operator;
use crate::layout::Layout;
use crate::progress::Step;

/// What the organization and its keys are called.
const NAME: &str = "Demo";
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

impl Seeds {
    /// Makes them in the deployed table.
    pub(crate) async fn sow(layout: &Layout, emulator: &Emulator, deployment: &Deployment, step: &Step) -> Result<Self> {
        let operator = Operator { layout, endpoint_url: emulator.endpoint_url(), table: &deployment.table, step };
        let organization_id = operator.organization(NAME).await?;
        let live_key = operator.key(&organization_id, "live", NAME).await?.key;
        let test_key = operator.key(&organization_id, "test", NAME).await?.key;
        let jwt_secret = secret()?;
        let arguments = ["config", "jwt-secret", "--issuer", JWT_ISSUER, "--key-id", &deployment.vault_key_id];
        operator.run_fed(&arguments, &jwt_secret).await?;
        operator.run(&["inventory", "import", INVENTORY]).await?;
        Ok(Self { organization_id, live_key, test_key, jwt_secret })
    }
}

/// 256 random bits in hexadecimal.
fn secret() -> Result<String> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("this machine gives no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
