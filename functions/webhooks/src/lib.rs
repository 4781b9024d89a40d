//! Webhook subscriptions, receivers of an organization's events that no call has to be routed to; and the log of all webhook
//! deliveries, with their replay.

mod change;
mod create;
mod deliveries;
mod filter;
mod read;
mod replay;
mod secrets;

use api::{Cursors, Gate, Idempotency, Routes, Settings};
use axum::{Router, extract::FromRef};
use domain::scope::Scope;
use queue::Sender;
use runtime::{Clock, aws::Environment, env};
use store::Table;
use vault::Vault;
use webhooks::guard::{Guard, Loopback, Policy};

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct State {
    gate: Gate,
    cursors: Cursors,
    table: Table,
    vault: Vault,
    deliveries: Sender,
    clock: Clock,
    guard: Guard,
}

impl State {
    /// Makes the state from its parts. `deliveries` takes test events and replays; `guard` says which receivers may be
    /// called.
    #[must_use]
    pub fn new(table: Table, vault: Vault, deliveries: Sender, clock: Clock, guard: impl Into<Guard>) -> Self {
        let cursors = Cursors::new(table.clone(), vault.clone(), clock.clone());
        Self { gate: Gate::new(table.clone(), clock.clone()), cursors, table, vault, deliveries, clock, guard: guard.into() }
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
        let deliveries = Sender::new(aws.sqs(), env::required("WEBHOOK_QUEUE_URL")?);
        let loopback = if env::switch("ALLOW_LOOPBACK_WEBHOOKS")? { Loopback::Allowed } else { Loopback::Refused };
        let policy = Policy::new(loopback, env::parsed("WEBHOOK_PORTS")?.unwrap_or_default());
        Ok(Self::new(table, vault, deliveries, Clock::System, policy).under(Settings::from_env()?))
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
        .get("/webhooks", Scope::WebhooksRead, read::list_webhooks)
        .post("/webhooks", Scope::WebhooksWrite, create::create_webhook)
        .get("/webhooks/{id}", Scope::WebhooksRead, read::get_webhook)
        .patch("/webhooks/{id}", Scope::WebhooksWrite, change::update_webhook)
        .delete("/webhooks/{id}", Scope::WebhooksWrite, change::delete_webhook)
        .post("/webhooks/{id}/rotate-secret", Scope::WebhooksWrite, change::rotate_secret)
        .post("/webhooks/{id}/test", Scope::WebhooksWrite, create::test_webhook)
        .get("/webhooks/deliveries", Scope::WebhooksRead, deliveries::list_deliveries)
        .get("/webhooks/deliveries/{id}", Scope::WebhooksRead, deliveries::get_delivery)
        .post("/webhooks/deliveries/{id}/replay", Scope::WebhooksWrite, replay::replay_delivery)
        .post("/webhooks/replay", Scope::WebhooksWrite, replay::replay_deliveries)
}

/// The function.
pub fn app(state: State) -> Router {
    let idempotency = Idempotency::new(state.table.clone(), state.vault.clone(), state.clock.clone());
    api::app(routes(), state, Some(&idempotency))
}
