//! Webhook subscriptions, receivers of an organization's events that no call has to be routed to; and the log of all webhook
//! deliveries, with their replay.

mod change;
mod create;
mod deliveries;
mod filter;
mod read;
mod replay;
mod secrets;

use api::{Cursors, Gate, Idempotency};
use axum::{
    Router,
    extract::FromRef,
    routing::{get, post},
};
use queue::Sender;
use runtime::{Clock, aws::Environment, env};
use store::Table;
use vault::Vault;
use webhooks::guard::{Loopback, Policy};

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct State {
    gate: Gate,
    cursors: Cursors,
    table: Table,
    vault: Vault,
    deliveries: Sender,
    clock: Clock,
    policy: Policy,
}

impl State {
    /// Makes the state from its parts. `deliveries` takes test events and replays; `policy` says which receivers may be
    /// called.
    #[must_use]
    pub fn new(table: Table, vault: Vault, deliveries: Sender, clock: Clock, policy: impl Into<Policy>) -> Self {
        let cursors = Cursors::new(table.clone(), vault.clone(), clock.clone());
        Self { gate: Gate::new(table.clone(), clock.clone()), cursors, table, vault, deliveries, clock, policy: policy.into() }
    }

    /// Makes the state from the environment.
    ///
    /// # Errors
    /// [`env::ConfigError`] if a setting is missing.
    pub fn from_env() -> Result<Self, env::ConfigError> {
        let aws = Environment::read()?;
        let table = Table::new(aws.dynamodb(), env::required("TABLE_NAME")?);
        let vault = Vault::new(aws.kms(), env::required("VAULT_KEY_ID")?);
        let deliveries = Sender::new(aws.sqs(), env::required("WEBHOOK_QUEUE_URL")?);
        let loopback = if env::switch("ALLOW_LOOPBACK_WEBHOOKS")? { Loopback::Allowed } else { Loopback::Refused };
        let policy = Policy::new(loopback, env::parsed("WEBHOOK_PORTS")?.unwrap_or_default());
        Ok(Self::new(table, vault, deliveries, Clock::System, policy))
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
    let one = get(read::get_webhook).patch(change::update_webhook).delete(change::delete_webhook);
    let routes = Router::new()
        .route("/webhooks", get(read::list_webhooks).post(create::create_webhook))
        .route("/webhooks/{id}", one)
        .route("/webhooks/{id}/rotate-secret", post(change::rotate_secret))
        .route("/webhooks/{id}/test", post(create::test_webhook))
        .route("/webhooks/deliveries", get(deliveries::list_deliveries))
        .route("/webhooks/deliveries/{id}", get(deliveries::get_delivery))
        .route("/webhooks/deliveries/{id}/replay", post(replay::replay_delivery))
        .route("/webhooks/replay", post(replay::replay_deliveries))
        .with_state(state);
    api::app(routes, Some(idempotency))
}
