//! An endpoint is created, and rung by a number from the start if one is named.

use api::{Audit, Born, Caller, Fields, JsonBody, Problem, ShowsSecret};
use axum::{Extension, Json, extract::State};
use domain::{
    EndpointId, NumberId,
    audit::Action,
    endpoint::{Endpoint, EndpointSpec, EndpointStatus, Provider},
    limits::Counted,
    webhook::{EventFilter, LifecycleEvent},
    wire,
};
use http::StatusCode;
use runtime::random;
use store::{CreateEndpoint, TellOfEndpoint, tell};
use webhooks::{guard::Guard, sign::SigningSecret};

use crate::{read, settings};

/// `POST /endpoints`: any type; a webhook's signing secret is generated and shown.
pub(crate) async fn create_endpoint(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    Born(birth): Born,
    JsonBody(mut fields): JsonBody,
) -> Result<(StatusCode, Extension<ShowsSecret>, Json<wire::Endpoint>), Problem> {
    let order = Order::read(&mut fields, &state.guard).await?;
    let number = order.number;
    let endpoint = order.endpoint(&state, &caller, EndpointId::new(birth.at, birth.bytes)).await?;
    let about = |event| state.lifecycle.about(caller.tenant, event);
    let news = about(LifecycleEvent::EndpointCreated).await?;
    let number_news = if number.is_some() { about(LifecycleEvent::NumberUpdated).await? } else { None };
    let attached = read::e164(&state, caller.tenant, number.filter(|_| news.is_some())).await?;
    let telling = news.map(|news| state.telling(&caller, news, attached));
    let telling_of_number = number_news.map(|news| state.telling_of_number(&caller, news));
    let tells = TellOfEndpoint { endpoint: tell(telling.as_ref()), number: tell(telling_of_number.as_ref()) };
    let endpoint = match audit
        .on(&state.table, &caller, Action::EndpointCreated, endpoint.id.as_uuid())
        .create_endpoint(caller.tenant, &endpoint, number, tells)
        .await?
    {
        // If it exists an earlier try of this very request made it: its ids are the same at every try.
        CreateEndpoint::Done(endpoint) | CreateEndpoint::Exists(endpoint) => *endpoint,
        CreateEndpoint::NoSuchNumber => return Err(Problem::not_found("Phone number")),
        CreateEndpoint::TooMany { most } => return Err(Problem::too_many(Counted::Endpoints, most)),
    };
    state.lifecycle.hand_on(news.into_iter().chain(number_news)).await;
    let shown = read::shown_whole(&state, &caller, endpoint).await?;
    Ok((StatusCode::CREATED, Extension(ShowsSecret), Json(shown)))
}

/// What a creator asks for.
struct Order {
    name: String,
    declared_type: String,
    spec: EndpointSpec,
    events: EventFilter,
    number: Option<NumberId>,
}

impl Order {
    async fn read(fields: &mut Fields, guard: &Guard) -> Result<Self, Problem> {
        ["name", "type"]
            .into_iter()
            .filter(|field| !fields.has(field))
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|field| fields.missing(field));
        let name = settings::name(fields);
        let declared_type = fields.text("type");
        let url = fields.text("url");
        let config = fields.object("provider_config");
        let is_webhook = declared_type.as_deref() == Some(Provider::Webhook.as_str());
        let spec = declared_type.as_deref().and_then(|declared_type| {
            let spec = EndpointSpec::read(declared_type, url.as_deref(), config.as_ref());
            settings::checked(fields, is_webhook, url.as_deref(), spec, guard.policy())
        });
        settings::look_up(fields, url.as_deref().filter(|_| is_webhook), guard).await;
        let events = settings::events(fields);
        let number = fields.parsed("phone_number_id");
        fields.finish()?;
        match (name, declared_type, spec) {
            (Some(name), Some(declared_type), Some(spec)) => {
                Ok(Self { name, declared_type, spec, events: events.unwrap_or_default(), number })
            }
            _ => Err(Problem::internal("a required field passed as missing")),
        }
    }

    async fn endpoint(self, state: &crate::State, caller: &Caller, id: EndpointId) -> Result<Endpoint, Problem> {
        let secrets = state.secrets(caller);
        let secret = match self.spec.provider {
            Provider::Webhook => Some(secrets.seal_signing(id, SigningSecret::generate(&random::bytes()).reveal()).await?),
            _ => None,
        };
        Ok(Endpoint {
            id,
            name: self.name,
            declared_type: self.declared_type,
            provider: self.spec.provider,
            given_url: self.spec.url,
            provider_config: self.spec.config,
            password: secrets.password(id, self.spec.password, None).await?,
            status: EndpointStatus::Active,
            status_reason: None,
            phone_numbers_count: 0,
            secret,
            previous_secret: None,
            previous_until: None,
            rotated_by: None,
            events: self.events,
            created_at: secrets.now,
            updated_at: secrets.now,
        })
    }
}
