//! Endpoints changed, deleted, and given a new signing secret.

use api::{Audit, Born, Caller, Code, Fields, JsonBody, News, PathId, Problem, ShowsSecret};
use axum::{Extension, Json, extract::State};
use domain::{
    E164, EndpointId, Invalid, Timestamp,
    audit::Action,
    endpoint::{Endpoint, EndpointSpec, EndpointStatus, EndpointType, PasswordChange, Provider, SimpleChange},
    webhook::LifecycleEvent,
    wire,
};
use http::StatusCode;
use runtime::random;
use serde_json::{Map, Value};
use store::{ChangedEndpoint, Consistency, Table, tell};
use webhooks::{guard::Policy, sign::SigningSecret};

use crate::{read, settings};

/// How long the secret before keeps signing beside a new one: 24 hours, in milliseconds.
const OVERLAP_MILLIS: i64 = 24 * 3600 * 1000;

/// How often a change is tried anew when somebody else changed the endpoint in between.
const TRIES: usize = 5;

/// `PATCH /endpoints/{id}`: name, url, status, events; `provider_config` is replaced whole and checked again.
pub(crate) async fn update_endpoint(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
    JsonBody(mut fields): JsonBody,
) -> Result<Json<wire::Endpoint>, Problem> {
    let id = read::parse(&id)?;
    let audit = audit.naming(fields.present(&["name", "url", "status", "events", "provider_config"]));
    let table = audit.on(&state.table, &caller, Action::EndpointUpdated, id.as_uuid());
    let change = Change::read(&mut fields);
    settings::look_up(&mut fields, change.url.as_ref().and_then(Option::as_deref), &state.guard).await;
    let news = state.lifecycle.about(caller.tenant, LifecycleEvent::EndpointUpdated).await?;
    // What is told to somebody has to be looked at as a whole.
    if let Some(simple) = change.simple(state.guard.policy()).filter(|_| news.is_none()) {
        fields.finish()?;
        match table.change_endpoint(caller.tenant, id, &simple, state.clock.now()).await? {
            ChangedEndpoint::Done(endpoint) => return Ok(Json(read::shown(&state, caller.tenant, *endpoint).await?)),
            ChangedEndpoint::NotFound => return Err(read::not_found()),
            ChangedEndpoint::LookFirst => {}
        }
    }
    for _ in 0..TRIES {
        let (stored, seen, now) = look(&state, &caller, id).await?;
        let spec = change.spec(&mut fields, &seen, state.guard.policy())?;
        let wanted = change.apply(&state, &caller, seen, spec, now).await?;
        if let Some(endpoint) = replace(&state, &caller, &table, &stored, &wanted, news).await? {
            return Ok(Json(read::shown(&state, caller.tenant, endpoint).await?));
        }
    }
    Err(contended())
}

/// `DELETE /endpoints/{id}`: gone at once; the numbers that rang it ring nothing.
pub(crate) async fn delete_endpoint(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    let id = read::parse(&id)?;
    let news = state.lifecycle.about(caller.tenant, LifecycleEvent::EndpointDeleted).await?;
    let telling = match news {
        Some(news) => Some(state.telling(&caller, news, carried_by(&state, &caller, id).await?)),
        None => None,
    };
    let table = audit.on(&state.table, &caller, Action::EndpointDeleted, id.as_uuid());
    if !table.delete_endpoint(caller.tenant, id, state.clock.now(), tell(telling.as_ref())).await? {
        return Err(read::not_found());
    }
    state.lifecycle.hand_on(news).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The number that an endpoint's generated url carries.
async fn carried_by(state: &crate::State, caller: &Caller, id: EndpointId) -> Result<Option<E164>, Problem> {
    let endpoint = state.table.endpoint(caller.tenant, id, Consistency::Eventual).await?;
    match endpoint {
        Some(endpoint) => read::carried(state, caller.tenant, &endpoint).await,
        None => Ok(None),
    }
}

/// Writes an endpoint's new settings and tells of them, if it is still as it was `stored`.
async fn replace(
    state: &crate::State,
    caller: &Caller,
    table: &Table,
    stored: &Endpoint,
    wanted: &Endpoint,
    news: Option<News>,
) -> Result<Option<Endpoint>, Problem> {
    let telling = match news {
        Some(news) => Some(state.telling(caller, news, read::carried(state, caller.tenant, wanted).await?)),
        None => None,
    };
    let replaced = table.replace_endpoint(caller.tenant, stored, wanted, tell(telling.as_ref())).await?;
    state.lifecycle.hand_on(news.filter(|_| replaced.is_some())).await;
    Ok(replaced)
}

/// `POST /endpoints/{id}/rotate-secret`: a new signing secret; the one before keeps signing beside it for 24 hours.
pub(crate) async fn rotate_secret(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    Born(birth): Born,
    PathId(id): PathId,
) -> Result<(Extension<ShowsSecret>, Json<wire::Endpoint>), Problem> {
    let id = read::parse(&id)?;
    let table = audit.on(&state.table, &caller, Action::EndpointSecretRotated, id.as_uuid());
    let news = state.lifecycle.about(caller.tenant, LifecycleEvent::EndpointUpdated).await?;
    for _ in 0..TRIES {
        let (stored, seen, now) = look(&state, &caller, id).await?;
        // An earlier try of this very request rotated it: a second new secret would cut off the receiver's.
        if seen.rotated_by.as_ref() == Some(&birth.name()) {
            return Ok((Extension(ShowsSecret), Json(read::shown_whole(&state, &caller, seen).await?)));
        }
        if seen.provider != Provider::Webhook {
            return Err(Problem::invalid(vec![Invalid::new("type", "only webhooks have a signing secret")]));
        }
        let secret = state.secrets(&caller).seal_signing(id, SigningSecret::generate(&random::bytes()).reveal()).await?;
        let previous_until = Some(now.plus_millis(OVERLAP_MILLIS));
        let wanted = Endpoint {
            previous_secret: seen.secret,
            previous_until,
            secret: Some(secret),
            rotated_by: Some(birth.name()),
            updated_at: now,
            ..seen
        };
        if let Some(endpoint) = replace(&state, &caller, &table, &stored, &wanted, news).await? {
            return Ok((Extension(ShowsSecret), Json(read::shown_whole(&state, &caller, endpoint).await?)));
        }
    }
    Err(contended())
}

/// The endpoint as it is stored, the same without what its time is over for, and a time later than its last change:
/// versions are told apart by that time.
async fn look(state: &crate::State, caller: &Caller, id: EndpointId) -> Result<(Endpoint, Endpoint, Timestamp), Problem> {
    let stored = state.table.endpoint(caller.tenant, id, Consistency::Strong).await?.ok_or_else(read::not_found)?;
    let now = state.clock.now().max(stored.updated_at.plus_millis(1));
    let mut seen = stored.clone();
    if seen.previous_secret(now).is_none() {
        // It makes the item larger and nothing else.
        (seen.previous_secret, seen.previous_until) = (None, None);
    }
    Ok((stored, seen, now))
}

fn contended() -> Problem {
    Problem::new(Code::ServiceUnavailable, "The endpoint keeps being changed by others, try again")
}

/// What a changer asks for; `None` leaves something as it is.
struct Change {
    simple: SimpleChange,
    declared_type: Option<EndpointType>,
    url: Option<Option<String>>,
    config: Option<Map<String, Value>>,
}

impl Change {
    fn read(fields: &mut Fields) -> Self {
        let status = fields.parsed::<EndpointStatus>("status");
        if status == Some(EndpointStatus::Error) {
            fields.fault("status", "must be active or inactive");
        }
        Self {
            simple: SimpleChange { name: settings::name(fields), status, events: settings::events(fields), url: None },
            declared_type: fields.parsed("type"),
            url: fields.text_or_null("url"),
            config: fields.object("provider_config"),
        }
    }

    /// The change as one that needs no look at the other settings; `None` if it needs one.
    fn simple(&self, policy: Policy) -> Option<SimpleChange> {
        if self.declared_type.is_some() || self.config.is_some() {
            return None;
        }
        let url = match &self.url {
            None => None,
            Some(text) => Some(settings::given_url(text.as_deref()?, policy)?),
        };
        Some(SimpleChange { url, ..self.simple.clone() })
    }

    /// The settings as they will be, checked as a whole together with everything else that was sent.
    fn spec(&self, fields: &mut Fields, seen: &Endpoint, policy: Policy) -> Result<EndpointSpec, Problem> {
        if self.declared_type.is_some_and(|declared| !declared.matches(seen.provider)) {
            fields.fault("type", format!("cannot be changed: it is {}", seen.declared_type));
        }
        let url = self.url.as_ref().map_or(seen.given_url.as_deref(), Option::as_deref);
        let config = self.config.as_ref().unwrap_or_else(|| seen.provider_config.as_map());
        let spec = EndpointSpec::read_as(seen.provider, url, Some(config));
        let spec = settings::checked(fields, seen.provider == Provider::Webhook, url, spec, policy);
        fields.finish()?;
        spec.ok_or_else(|| Problem::internal("faulty settings passed as good"))
    }

    async fn apply(
        &self,
        state: &crate::State,
        caller: &Caller,
        seen: Endpoint,
        spec: EndpointSpec,
        now: Timestamp,
    ) -> Result<Endpoint, Problem> {
        // Stored settings carry no password: only ones that were sent can change it.
        let password = if self.config.is_some() { spec.password } else { PasswordChange::Absent };
        let password = state.secrets(caller).password(seen.id, password, seen.password).await?;
        let status = self.simple.status.unwrap_or(seen.status);
        Ok(Endpoint {
            name: self.simple.name.clone().unwrap_or(seen.name),
            given_url: spec.url,
            provider_config: spec.config,
            password,
            status,
            status_reason: seen.status_reason.filter(|_| status == EndpointStatus::Error),
            events: self.simple.events.clone().unwrap_or(seen.events),
            updated_at: now,
            ..seen
        })
    }
}
