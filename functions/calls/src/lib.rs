//! Calls: one, the list, statistics and trends; and simulated ones.

mod call;
mod cursor;
mod filter;
mod list;
mod simulate;

use api::{Gate, Idempotency};
use axum::{
    Router,
    extract::FromRef,
    routing::{get, post},
};
use cursor::Cursors;
use queue::Sender;
use runtime::{Clock, aws::Environment, env};
use store::Table;
use vault::Vault;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct State {
    gate: Gate,
    table: Table,
    vault: Vault,
    cursors: Cursors,
    call_events: Sender,
    clock: Clock,
}

impl State {
    /// Makes the state from its parts. `call_events` takes the events of simulated calls.
    #[must_use]
    pub fn new(table: Table, vault: Vault, call_events: Sender, clock: Clock) -> Self {
        let cursors = Cursors::new(table.clone(), vault.clone(), clock.clone());
        Self { gate: Gate::new(table.clone(), clock.clone()), table, vault, cursors, call_events, clock }
    }

    /// Makes the state from the environment.
    ///
    /// # Errors
    /// [`env::ConfigError`] if a setting is missing.
    pub fn from_env() -> Result<Self, env::ConfigError> {
        let aws = Environment::read()?;
        let table = Table::new(aws.dynamodb(), env::required("TABLE_NAME")?);
        let vault = Vault::new(aws.kms(), env::required("VAULT_KEY_ID")?);
        let call_events = Sender::new(aws.sqs(), env::required("CALL_EVENTS_QUEUE_URL")?);
        Ok(Self::new(table, vault, call_events, Clock::System))
    }
}

impl FromRef<State> for Gate {
    fn from_ref(state: &State) -> Self {
        state.gate.clone()
    }
}

/// The function's routes.
pub fn app(state: State) -> Router {
    let idempotency = Idempotency::new(state.gate.clone(), state.table.clone(), state.vault.clone(), state.clock.clone());
    let routes = Router::new()
        .route("/calls", get(list::list_calls))
        .route("/calls/stats", get(list::get_stats))
        .route("/calls/trends", get(list::get_trends))
        .route("/calls/{id}", get(call::get_call).delete(call::delete_call))
        .route("/calls/{id}/events", get(call::list_call_events))
        .route("/test/calls", post(simulate::simulate_call))
        .with_state(state);
    api::app(routes, Some(idempotency))
}
