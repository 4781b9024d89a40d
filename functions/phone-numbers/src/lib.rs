//! Phone numbers: what an organization holds, what it can buy, and where a number rings. The telephony routes are a second
//! face of the same numbers.

mod list;
mod number;
mod purchase;
mod telephony;

use std::sync::Arc;

use api::{Caller, Cursors, Gate, Idempotency, Lifecycle, News};
use axum::{
    Router,
    extract::FromRef,
    routing::{get, patch},
};
use domain::{number::PhoneNumber, wire};
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

    /// Makes the state from the environment.
    ///
    /// # Errors
    /// [`env::ConfigError`] if a setting is missing.
    pub fn from_env() -> Result<Self, env::ConfigError> {
        let aws = Environment::read()?;
        let table = Table::new(aws.dynamodb(), env::required("TABLE_NAME")?);
        let vault = Vault::new(aws.kms(), env::required("VAULT_KEY_ID")?);
        let events = Sender::new(aws.sqs(), env::required("WEBHOOK_QUEUE_URL")?);
        Ok(Self::new(table, vault, events, Clock::System, &env::required("SIP_DOMAIN")?))
    }

    /// Makes, of a number as it will be, the event that tells of it.
    fn telling(&self, caller: &Caller, news: News) -> impl Fn(&PhoneNumber) -> OutboxEvent + Send + Sync + use<> {
        let (org, sip_domain) = (caller.tenant.org, Arc::clone(&self.sip_domain));
        move |number| news.of(&wire::Number::new(number.clone(), org, &sip_domain))
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
        .route("/phone-numbers", get(list::list_numbers).post(purchase::purchase_number))
        .route("/phone-numbers/available", get(list::list_available))
        .route("/phone-numbers/{id}", get(number::get_number).patch(number::update_number).delete(number::release_number))
        .route("/telephony/numbers", get(telephony::list_carrier_numbers).post(telephony::register_number))
        .route("/telephony/numbers/{id}", patch(telephony::pin_number).delete(telephony::remove_carrier_number))
        .with_state(state);
    api::app(routes, Some(idempotency))
}
