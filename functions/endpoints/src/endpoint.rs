//! One endpoint: created and read.

use api::{Born, Caller, Code, Fields, JsonBody, Problem, ShowsSecret};
use axum::{
    Extension, Json,
    extract::{Path, State},
};
use domain::{
    EndpointId, NumberId, Timestamp,
    endpoint::{Endpoint, EndpointStatus, MAX_NAME_CHARS, Provider},
    scope::Scope,
    secret::{SecretKind, SecretPlace},
    webhook::EventFilter,
    wire,
};
use http::StatusCode;
use runtime::random;
use secrecy::ExposeSecret as _;
use store::{Consistency, CreateEndpoint, Tenant};
use webhooks::{
    guard::{Loopback, WebhookUrl},
    sign::SigningSecret,
};

/// `POST /endpoints`: a webhook with a name and a URL; its signing secret is generated and shown.
pub(crate) async fn create_endpoint(
    State(state): State<crate::State>,
    caller: Caller,
    Born(birth): Born,
    JsonBody(mut fields): JsonBody,
) -> Result<(StatusCode, Extension<ShowsSecret>, Json<wire::Endpoint>), Problem> {
    caller.require(Scope::EndpointsWrite)?;
    let order = Order::read(&mut fields, state.loopback)?;
    let number = order.number;
    let now = state.clock.now();
    let secret = SigningSecret::generate(&random::bytes());
    let mut endpoint = order.endpoint(EndpointId::new(birth.at, birth.bytes), now);
    endpoint.secret = Some(state.vault.seal(&secret_place(caller.tenant, endpoint.id), secret.reveal(), now).await?);
    let shown = match state.table.create_endpoint(caller.tenant, &endpoint, number).await? {
        CreateEndpoint::Done(endpoint) => {
            wire::Endpoint::masked(*endpoint, caller.tenant.org).with_secret(secret.reveal().expose_secret().to_owned())
        }
        // An earlier try of this very request made it: its ids are the same at every try.
        CreateEndpoint::Exists(endpoint) => shown(&state, &caller, *endpoint).await?,
        CreateEndpoint::NoSuchNumber => return Err(Problem::not_found("Phone number")),
    };
    Ok((StatusCode::CREATED, Extension(ShowsSecret), Json(shown)))
}

/// `GET /endpoints/{id}`: the endpoint; its secret is shown to those who may change it and masked for others.
pub(crate) async fn get_endpoint(
    State(state): State<crate::State>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<wire::Endpoint>, Problem> {
    caller.require(Scope::EndpointsRead)?;
    let id: EndpointId = id.parse().map_err(|_| not_found())?;
    let endpoint = state.table.endpoint(caller.tenant, id, Consistency::Strong).await?.ok_or_else(not_found)?;
    shown(&state, &caller, endpoint).await.map(Json)
}

/// The endpoint with its secret, for callers who may change it; masked for others.
async fn shown(state: &crate::State, caller: &Caller, endpoint: Endpoint) -> Result<wire::Endpoint, Problem> {
    let sealed = endpoint.secret.clone().filter(|_| caller.may(Scope::EndpointsWrite));
    let place = secret_place(caller.tenant, endpoint.id);
    let shown = wire::Endpoint::masked(endpoint, caller.tenant.org);
    let Some(sealed) = sealed else { return Ok(shown) };
    let secret = state.vault.open(&place, &sealed, state.clock.now()).await?;
    Ok(shown.with_secret(secret.expose_secret().to_owned()))
}

/// What a creator asks for.
struct Order {
    name: String,
    url: String,
    declared_type: String,
    events: EventFilter,
    number: Option<NumberId>,
}

impl Order {
    fn read(fields: &mut Fields, loopback: Loopback) -> Result<Self, Problem> {
        let name = read_name(fields);
        let declared_type = fields.required_text("type");
        if declared_type.as_deref().is_some_and(|declared| declared != Provider::Webhook.as_str()) {
            fields.fault("type", "must be webhook");
        }
        let url = read_url(fields, loopback);
        let events = fields.texts("events").map(EventFilter::parse).transpose().unwrap_or_else(|faults| {
            faults.into_iter().for_each(|fault| fields.fault(&fault.field, fault.problem));
            None
        });
        let number = fields.parsed("phone_number_id");
        fields.finish()?;
        match (name, url, declared_type) {
            (Some(name), Some(url), Some(declared_type)) => {
                Ok(Self { name, url, declared_type, events: events.unwrap_or_default(), number })
            }
            _ => Err(Problem::internal("a required field passed as missing")),
        }
    }

    fn endpoint(self, id: EndpointId, now: Timestamp) -> Endpoint {
        Endpoint {
            id,
            name: self.name,
            declared_type: self.declared_type,
            provider: Provider::Webhook,
            url: self.url,
            status: EndpointStatus::Active,
            status_reason: None,
            phone_numbers_count: 0,
            secret: None,
            events: self.events,
            created_at: now,
            updated_at: now,
        }
    }
}

fn read_name(fields: &mut Fields) -> Option<String> {
    let name = fields.required_text("name")?;
    let name = name.trim();
    if (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Some(name.to_owned());
    }
    fields.fault("name", format!("must have 1 to {MAX_NAME_CHARS} characters and no control characters"));
    None
}

fn read_url(fields: &mut Fields, loopback: Loopback) -> Option<String> {
    let text = fields.required_text("url")?;
    match WebhookUrl::parse(&text, loopback) {
        Ok(url) => Some(url.as_str().to_owned()),
        Err(problem) => {
            fields.fault("url", problem);
            None
        }
    }
}

/// Where an endpoint's signing secret may be opened.
fn secret_place(tenant: Tenant, endpoint: EndpointId) -> SecretPlace {
    SecretPlace { org: tenant.org, mode: tenant.mode, kind: SecretKind::WebhookSecret, id: endpoint.as_uuid() }
}

fn not_found() -> Problem {
    Problem::new(Code::NotFound, "Endpoint not found")
}
