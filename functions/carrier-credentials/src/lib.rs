//! Carrier credentials: an organization's accounts with carriers. Written, listed and deleted, never read back: this
//! function seals tokens and opens none.

mod change;
mod create;
mod list;

use std::sync::Arc;

use api::{Cursors, Gate, Idempotency, Problem, Routes, Settings};
use axum::{Router, extract::FromRef};
use domain::{
    CredentialId, Timestamp,
    callback::CallbackToken,
    scope::Scope,
    secret::{Sealed, SecretKind},
};
use runtime::{Clock, aws::Environment, env, random};
use secrecy::SecretString;
use store::{Table, Tenant};
use vault::Vault;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct State {
    gate: Gate,
    cursors: Cursors,
    table: Table,
    vault: Vault,
    clock: Clock,
    base_url: Arc<str>,
}

impl State {
    /// Makes the state from its parts. `public_base_url` is where carriers reach the API.
    #[must_use]
    pub fn new(table: Table, vault: Vault, clock: Clock, public_base_url: &str) -> Self {
        let base_url = public_base_url.trim_end_matches('/').into();
        let cursors = Cursors::new(table.clone(), vault.clone(), clock.clone());
        Self { gate: Gate::new(table.clone(), clock.clone()), cursors, table, vault, clock, base_url }
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
        Ok(Self::new(table, vault, Clock::System, &env::required("PUBLIC_BASE_URL")?).under(Settings::from_env()?))
    }

    /// Seals the token of a credential.
    async fn seal(&self, tenant: Tenant, id: CredentialId, token: &SecretString, now: Timestamp) -> Result<Sealed, Problem> {
        Ok(self.vault.seal(&tenant.place(SecretKind::CarrierToken, id.as_uuid()), token, now).await?)
    }
}

/// A new token for a credential's callback URLs.
fn callback(tenant: Tenant, id: CredentialId) -> CallbackToken {
    CallbackToken::new(tenant.org(), tenant.mode(), id, random::bytes())
}

/// A path that is no id names nothing.
fn parse(id: &str) -> Result<CredentialId, Problem> {
    id.parse().map_err(|_| not_found())
}

/// There is no such credential for this caller.
fn not_found() -> Problem {
    Problem::not_found("Credential")
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
        .get("/telephony/providers", Scope::TelephonyRead, list::list_providers)
        .post("/telephony/providers", Scope::TelephonyWrite, create::create_provider)
        .patch("/telephony/providers/{id}", Scope::TelephonyWrite, change::update_provider)
        .delete("/telephony/providers/{id}", Scope::TelephonyWrite, change::delete_provider)
        .post("/telephony/providers/{id}/rotate-callbacks", Scope::TelephonyWrite, change::rotate_callbacks)
}

/// The function.
pub fn app(state: State) -> Router {
    let idempotency = Idempotency::new(state.table.clone(), state.vault.clone(), state.clock.clone()).posts_show_secrets();
    api::app(routes(), state, Some(&idempotency))
}
