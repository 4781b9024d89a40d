//! Endpoints: what numbers ring.

mod change;
mod create;
mod read;
mod secrets;
mod settings;

use std::sync::Arc;

use api::{Caller, Cursors, Gate, Idempotency, Lifecycle, News, Routes, Settings};
use axum::{Router, extract::FromRef};
use domain::{E164, endpoint::Endpoint, number::PhoneNumber, scope::Scope, wire};
use queue::Sender;
use runtime::{Clock, aws::Environment, env};
use store::{OutboxEvent, Table};
use vault::Vault;
use webhooks::guard::{Guard, Loopback, Policy};

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct State {
    gate: Gate,
    cursors: Cursors,
    lifecycle: Lifecycle,
    table: Table,
    vault: Vault,
    clock: Clock,
    guard: Guard,
    sip_domain: Arc<str>,
}

impl State {
    /// Makes the state from its parts. `events` takes lifecycle events; `guard` says which receivers may be
    /// called; `sip_domain` is where the calls of numbers enter over SIP.
    #[must_use]
    pub fn new(table: Table, vault: Vault, events: Sender, clock: Clock, guard: impl Into<Guard>, sip_domain: &str) -> Self {
        let cursors = Cursors::new(table.clone(), vault.clone(), clock.clone());
        let lifecycle = Lifecycle::new(table.clone(), events, clock.clone());
        let gate = Gate::new(table.clone(), clock.clone());
        Self { gate, cursors, lifecycle, table, vault, clock, guard: guard.into(), sip_domain: sip_domain.into() }
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
        let loopback = if env::switch("ALLOW_LOOPBACK_WEBHOOKS")? { Loopback::Allowed } else { Loopback::Refused };
        let policy = Policy::new(loopback, env::parsed("WEBHOOK_PORTS")?.unwrap_or_default());
        let events = Sender::new(aws.sqs(), env::required("WEBHOOK_QUEUE_URL")?);
        Ok(Self::new(table, vault, events, Clock::System, policy, &env::required("SIP_DOMAIN")?).under(Settings::from_env()?))
    }

    /// Makes, of an endpoint as it will be, the event that tells of it; `attached` is the only number that rings it.
    fn telling(&self, caller: &Caller, news: News, attached: Option<E164>) -> impl Fn(&Endpoint) -> OutboxEvent + Send + Sync + use<> {
        let org = caller.tenant.org();
        move |endpoint| news.of(&wire::Endpoint::masked(endpoint.clone(), org, attached.as_ref()).without_secret())
    }

    /// Makes, of a number as it will be, the event that tells of it.
    fn telling_of_number(&self, caller: &Caller, news: News) -> impl Fn(&PhoneNumber) -> OutboxEvent + Send + Sync + use<> {
        let (org, sip_domain) = (caller.tenant.org(), Arc::clone(&self.sip_domain));
        move |number| news.of(&wire::Number::new(number.clone(), org, &sip_domain))
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

/// The function's routes, and what each asks of its caller.
#[must_use]
pub fn routes() -> Routes<State> {
    Routes::new()
        .get("/endpoints", Scope::EndpointsRead, read::list_endpoints)
        .post("/endpoints", Scope::EndpointsWrite, create::create_endpoint)
        .get("/endpoints/{id}", Scope::EndpointsRead, read::get_endpoint)
        .patch("/endpoints/{id}", Scope::EndpointsWrite, change::update_endpoint)
        .delete("/endpoints/{id}", Scope::EndpointsWrite, change::delete_endpoint)
        .post("/endpoints/{id}/rotate-secret", Scope::EndpointsWrite, change::rotate_secret)
}

/// The function.
pub fn app(state: State) -> Router {
    let idempotency = Idempotency::new(state.table.clone(), state.vault.clone(), state.clock.clone()).posts_show_secrets();
    api::app(routes(), state, Some(&idempotency))
}
