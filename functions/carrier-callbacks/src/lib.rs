//! The carrier door: a carrier asks where a call goes and tells what becomes of it, and whoever may know asks the same.
//!
//! What a carrier says counts once its signature is checked, and its nonce where it has one. Where a call goes is decided
//! by [`domain::route`]; what becomes of it goes through the queue of call events like any other source's word. A carrier
//! never gets an error page: what cannot be answered is a busy line.

mod admit;
mod answer;
mod ask;
mod call;
mod door;
mod events;
mod explain;
mod find;
mod resolve;
mod status;
mod voice;
mod whose;

use std::{sync::Arc, time::Duration};

use api::{Access, Gate, Idempotency, Routes, Settings};
use axum::{Router, extract::FromRef, routing::any};
use domain::{carrier::Carrier, scope::Scope};
use queue::Sender;
use runtime::{Clock, Metrics, aws::Environment, env};
use store::Table;
use vault::Vault;
use webhooks::{
    WebhookClient,
    guard::{Loopback, Policy},
};

/// How long an endpoint may think about where a call goes, and how long where the carrier itself waits for 3 s alone.
const THINKING: Duration = Duration::from_millis(2_500);
const SHORT_THINKING: Duration = Duration::from_millis(1_500);

/// What the handlers work with.
#[derive(Debug, Clone)]
pub struct State {
    gate: Gate,
    table: Table,
    vault: Vault,
    call_events: Sender,
    clock: Clock,
    metrics: Metrics,
    /// Asks endpoints, with the longer and the shorter patience.
    patient: WebhookClient,
    hasty: WebhookClient,
    policy: Policy,
    base_url: Arc<str>,
}

/// What a state is made of.
#[derive(Debug)]
pub struct Parts {
    /// The table.
    pub table: Table,
    /// Opens carriers' tokens, signing secrets and SIP passwords.
    pub vault: Vault,
    /// Takes call events.
    pub call_events: Sender,
    /// The clock.
    pub clock: Clock,
    /// Where alarms go.
    pub metrics: Metrics,
    /// Which endpoints may be asked.
    pub policy: Policy,
    /// Where carriers reach the API: what they sign begins with it.
    pub public_base_url: String,
}

impl State {
    /// Makes the state from its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { table, vault, call_events, clock, metrics, policy, public_base_url } = parts;
        Self {
            gate: Gate::new(table.clone(), clock.clone()),
            // Most processes ask no endpoint over HTTP.
            patient: WebhookClient::seldom(policy, THINKING),
            hasty: WebhookClient::seldom(policy, SHORT_THINKING),
            base_url: public_base_url.trim_end_matches('/').into(),
            table,
            vault,
            call_events,
            clock,
            metrics,
            policy,
        }
    }

    /// The same under these settings. Carriers are no callers: what they ask and tell is not counted.
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
        let loopback = if env::switch("ALLOW_LOOPBACK_WEBHOOKS")? { Loopback::Allowed } else { Loopback::Refused };
        let state = Self::new(Parts {
            table: Table::new(aws.dynamodb(), env::required("TABLE_NAME")?),
            vault: Vault::new(aws.kms(), env::required("VAULT_KEY_ID")?),
            call_events: Sender::new(aws.sqs(), env::required("CALL_EVENTS_QUEUE_URL")?),
            clock: Clock::System,
            metrics: Metrics::Log,
            policy: Policy::new(loopback, env::parsed("WEBHOOK_PORTS")?.unwrap_or_default()),
            public_base_url: env::required("PUBLIC_BASE_URL")?,
        });
        Ok(state.under(Settings::from_env()?))
    }

    /// The client that asks an endpoint while this carrier waits; `None` for the operator's own SIP edge.
    const fn asker(&self, carrier: Option<Carrier>) -> &WebhookClient {
        match carrier {
            Some(Carrier::Vobiz) => &self.hasty,
            Some(Carrier::Twilio | Carrier::Plivo) | None => &self.patient,
        }
    }
}

impl FromRef<State> for Gate {
    fn from_ref(state: &State) -> Self {
        state.gate.clone()
    }
}

/// The function's routes below the API's prefixes, and what each asks of its caller.
#[must_use]
pub fn routes() -> Routes<State> {
    Routes::new().post("/route/explain", Scope::NumbersRead, explain::explain_route).post(
        "/route/resolve",
        Access::Operator,
        resolve::resolve_route,
    )
}

/// The paths at which carriers are answered, with a credential's token in braces: `/carriers/twilio/{token}/voice`.
pub fn carrier_paths() -> impl Iterator<Item = String> {
    door::paths()
}

/// The function: its routes, and beside them those of carriers, which have a frame without the API's answers.
pub fn app(state: State) -> Router {
    let idempotency = Idempotency::new(state.table.clone(), state.vault.clone(), state.clock.clone());
    let gate = state.gate.clone();
    let carriers = Router::new().route("/carriers/{*rest}", any(door::knock)).with_state(state.clone());
    api::app(routes(), state, Some(&idempotency)).merge(api::framed(carriers, gate))
}
