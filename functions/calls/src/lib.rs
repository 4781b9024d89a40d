//! Calls: one with its events, and the newest ones.

mod call;

use api::Gate;
use axum::{Router, extract::FromRef, routing::get};
use runtime::{Clock, aws::Environment, env};
use store::Table;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct State {
    gate: Gate,
    table: Table,
}

impl State {
    /// Makes the state from its parts.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { gate: Gate::new(table.clone(), clock), table }
    }

    /// Makes the state from the environment.
    ///
    /// # Errors
    /// [`env::ConfigError`] if a setting is missing.
    pub fn from_env() -> Result<Self, env::ConfigError> {
        let table = Table::new(Environment::read()?.dynamodb(), env::required("TABLE_NAME")?);
        Ok(Self::new(table, Clock::System))
    }
}

impl FromRef<State> for Gate {
    fn from_ref(state: &State) -> Self {
        state.gate.clone()
    }
}

/// The function's routes.
pub fn app(state: State) -> Router {
    let routes = Router::new().route("/calls", get(call::list_calls)).route("/calls/{id}", get(call::get_call)).with_state(state);
    api::app(routes, None)
}
