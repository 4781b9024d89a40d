//! Endpoints: what numbers ring.

mod change;
mod create;
mod read;
mod secrets;
mod settings;

use api::{Caller, Gate, Idempotency};
use axum::{
    Router,
    extract::FromRef,
    routing::{get, post},
};
use runtime::{Clock, aws::Environment, env};
use store::Table;
use vault::Vault;
use webhooks::guard::Loopback;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct State {
    gate: Gate,
    table: Table,
    vault: Vault,
    clock: Clock,
    loopback: Loopback,
}

impl State {
    /// Makes the state from its parts. `loopback` says whether receivers may be on this machine: never in production.
    #[must_use]
    pub fn new(table: Table, vault: Vault, clock: Clock, loopback: Loopback) -> Self {
        Self { gate: Gate::new(table.clone(), clock.clone()), table, vault, clock, loopback }
    }

    /// Makes the state from the environment.
    ///
    /// # Errors
    /// [`env::ConfigError`] if a setting is missing.
    pub fn from_env() -> Result<Self, env::ConfigError> {
        let aws = Environment::read()?;
        let table = Table::new(aws.dynamodb(), env::required("TABLE_NAME")?);
        let vault = Vault::new(aws.kms(), env::required("VAULT_KEY_ID")?);
        let loopback = if env::switch("ALLOW_LOOPBACK_WEBHOOKS")? { Loopback::Allowed } else { Loopback::Refused };
        Ok(Self::new(table, vault, Clock::System, loopback))
    }

    /// The secrets of the caller's endpoints.
    fn secrets(&self, caller: &Caller) -> secrets::Secrets<'_> {
        secrets::Secrets { vault: &self.vault, tenant: caller.tenant, now: self.clock.now() }
    }
}

impl FromRef<State> for Gate {
    fn from_ref(state: &State) -> Self {
        state.gate.clone()
    }
}

/// The function's routes.
pub fn app(state: State) -> Router {
    let idempotency =
        Idempotency::new(state.gate.clone(), state.table.clone(), state.vault.clone(), state.clock.clone()).posts_show_secrets();
    let routes = Router::new()
        .route("/endpoints", get(read::list_endpoints).post(create::create_endpoint))
        .route("/endpoints/{id}", get(read::get_endpoint).patch(change::update_endpoint).delete(change::delete_endpoint))
        .route("/endpoints/{id}/rotate-secret", post(change::rotate_secret))
        .with_state(state);
    api::app(routes, Some(idempotency))
}
