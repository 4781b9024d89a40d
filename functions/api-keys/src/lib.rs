//! API keys of an organization: minted, listed, changed, revoked. A key is shown in the one answer that mints it. And the
//! organizations that a caller may act for, and the audit trail.

mod audit;
mod change;
mod create;
mod organizations;
mod read;
mod settings;

use api::{Access, Cursors, Gate, Idempotency, Routes, Settings};
use axum::{Router, extract::FromRef};
use domain::scope::Scope;
use runtime::{Clock, aws::Environment, env};
use store::Table;
use vault::Vault;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct State {
    gate: Gate,
    cursors: Cursors,
    table: Table,
    vault: Vault,
    clock: Clock,
}

impl State {
    /// Makes the state from its parts. `vault` opens the key of cursors alone: no secret of a tenant is kept here.
    #[must_use]
    pub fn new(table: Table, vault: Vault, clock: Clock) -> Self {
        let cursors = Cursors::new(table.clone(), vault.clone(), clock.clone());
        Self { gate: Gate::new(table.clone(), clock.clone()), cursors, table, vault, clock }
    }

    /// The same under these settings.
    #[must_use]
    pub fn under(self, settings: impl Into<Settings>) -> Self {
        let gate = self.gate.clone().under(settings, &self.vault);
        Self { gate, ..self }
    }

    /// Makes the state from the environment.
    ///
    /// # Errors
    /// [`env::ConfigError`] if a setting is missing or malformed.
    pub async fn from_env() -> Result<Self, env::ConfigError> {
        let aws = Environment::open().await?;
        let table = Table::new(aws.dynamodb(), env::required("TABLE_NAME")?);
        let vault = Vault::new(aws.kms(), env::required("VAULT_KEY_ID")?);
        Ok(Self::new(table, vault, Clock::System).under(Settings::from_env()?))
    }
}

impl FromRef<State> for Gate {
    fn from_ref(state: &State) -> Self {
        state.gate.clone()
    }
}

/// The function's routes, and what each asks of its caller.
#[must_use]
pub fn routes() -> Routes<State> {
    Routes::new()
        .get("/api-keys", Scope::ApiKeysRead, read::list_api_keys)
        .post("/api-keys", Scope::ApiKeysWrite, create::create_api_key)
        .get("/api-keys/{id}", Scope::ApiKeysRead, read::get_api_key)
        .patch("/api-keys/{id}", Scope::ApiKeysWrite, change::update_api_key)
        .delete("/api-keys/{id}", Scope::ApiKeysWrite, change::delete_api_key)
        .get("/organizations", Access::Identity, organizations::list_organizations)
        .get("/audit", Scope::AuditRead, audit::list_audit)
}

/// The function.
pub fn app(state: State) -> Router {
    let idempotency = Idempotency::new(state.table.clone(), state.vault.clone(), state.clock.clone());
    api::app(routes(), state, Some(&idempotency))
}
