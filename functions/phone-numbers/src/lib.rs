//! Phone numbers: what an organization holds, what it can buy, and where a number rings. The telephony routes are a second
//! face of the same numbers.

mod list;
mod number;
mod purchase;
mod telephony;

use std::sync::Arc;

use api::{Caller, Cursors, Gate, Idempotency, Lifecycle, News, Routes, Settings};
use axum::{Router, extract::FromRef};
use domain::{number::PhoneNumber, scope::Scope, wire};
use queue::Sender;
use runtime::{Clock, aws::Environment, env};
use store::{OutboxEvent, Table};
use vault::Vault;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct State {
    gate: Gate,
    cursors: Cursors,
    lifecycle: Lifecycle,
    table: Table,
    vault: Vault,
    clock: Clock,
    sip_domain: Arc<str>,
}

impl State {
    /// Makes the state from its parts. `events` takes lifecycle events; `sip_domain` is where calls enter over SIP.
    #[must_use]
    pub fn new(table: Table, vault: Vault, events: Sender, clock: Clock, sip_domain: &str) -> Self {
        let cursors = Cursors::new(table.clone(), vault.clone(), clock.clone());
        let lifecycle = Lifecycle::new(table.clone(), events, clock.clone());
        Self { gate: Gate::new(table.clone(), clock.clone()), cursors, lifecycle, table, vault, clock, sip_domain: sip_domain.into() }
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
        let events = Sender::new(aws.sqs(), env::required("WEBHOOK_QUEUE_URL")?);
        Ok(Self::new(table, vault, events, Clock::System, &env::required("SIP_DOMAIN")?).under(Settings::from_env()?))
    }

    /// Makes, of a number as it will be, the event that tells of it.
    fn telling(&self, caller: &Caller, news: News) -> impl Fn(&PhoneNumber) -> OutboxEvent + Send + Sync + use<> {
        let (org, sip_domain) = (caller.tenant.org(), Arc::clone(&self.sip_domain));
        move |number| news.of(&wire::Number::new(number.clone(), org, &sip_domain))
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
        .get("/phone-numbers", Scope::NumbersRead, list::list_numbers)
        .post("/phone-numbers", Scope::NumbersWrite, purchase::purchase_number)
        .get("/phone-numbers/available", Scope::NumbersRead, list::list_available)
        .get("/phone-numbers/{id}", Scope::NumbersRead, number::get_number)
        .patch("/phone-numbers/{id}", Scope::NumbersWrite, number::update_number)
        .delete("/phone-numbers/{id}", Scope::NumbersWrite, number::release_number)
        .get("/telephony/numbers", Scope::TelephonyRead, telephony::list_carrier_numbers)
        .post("/telephony/numbers", Scope::TelephonyWrite, telephony::register_number)
        .patch("/telephony/numbers/{id}", Scope::TelephonyWrite, telephony::pin_number)
        .delete("/telephony/numbers/{id}", Scope::TelephonyWrite, telephony::remove_carrier_number)
}

/// The function.
pub fn app(state: State) -> Router {
    let idempotency = Idempotency::new(state.table.clone(), state.vault.clone(), state.clock.clone());
    api::app(routes(), state, Some(&idempotency))
}
