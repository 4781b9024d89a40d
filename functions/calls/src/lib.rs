//! Calls: one, the list, statistics and trends; and simulated ones.

mod call;
mod cursor;
mod filter;
mod list;
mod simulate;

use api::{Gate, Idempotency, Routes, Settings};
use axum::{Router, extract::FromRef};
use cursor::Cursors;
use domain::scope::Scope;
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
        let call_events = Sender::new(aws.sqs(), env::required("CALL_EVENTS_QUEUE_URL")?);
        Ok(Self::new(table, vault, call_events, Clock::System).under(Settings::from_env()?))
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
        .get("/calls", Scope::CallsRead, list::list_calls)
        .get("/calls/stats", Scope::CallsRead, list::get_stats)
        .get("/calls/trends", Scope::CallsRead, list::get_trends)
        .get("/calls/{id}", Scope::CallsRead, call::get_call)
        .delete("/calls/{id}", Scope::CallsWrite, call::delete_call)
        .get("/calls/{id}/events", Scope::CallsRead, call::list_call_events)
        .post("/test/calls", Scope::CallsWrite, simulate::simulate_call)
}

/// The function.
pub fn app(state: State) -> Router {
    let idempotency = Idempotency::new(state.table.clone(), state.vault.clone(), state.clock.clone());
    api::app(routes(), state, Some(&idempotency))
}
