//! Endpoints read: one, or the list.

use std::collections::HashMap;

use api::{Caller, Listed, Order, Page, PathId, Problem, Query};
use axum::{
    Extension, Json,
    extract::{OriginalUri, State},
    response::Response,
};
use domain::{
    E164, EndpointId, NumberId,
    endpoint::{Endpoint, EndpointStatus, EndpointType},
    scope::Scope,
    wire,
};
use store::{Consistency, Tenant};

use api::ShowsSecret;

/// The default limit of a list that is asked for with any parameter.
const DEFAULT_LIMIT: u64 = 50;

/// The most that a list without parameters shows.
const EVERYTHING: usize = 1_000;

/// `GET /endpoints/{id}`: the endpoint; its secret is shown to those who may change it and masked for others.
pub(crate) async fn get_endpoint(
    State(state): State<crate::State>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<(Extension<ShowsSecret>, Json<wire::Endpoint>), Problem> {
    let endpoint = state.table.endpoint(caller.tenant, parse(&id)?, Consistency::Strong).await?.ok_or_else(not_found)?;
    Ok((Extension(ShowsSecret), Json(shown_whole(&state, &caller, endpoint).await?)))
}

/// `GET /endpoints`: everything, newest first; with `type`, `status` or a page only that part.
pub(crate) async fn list_endpoints(
    State(state): State<crate::State>,
    caller: Caller,
    uri: OriginalUri,
    mut query: Query,
) -> Result<Response, Problem> {
    let asked = ["type", "status", "limit", "offset", "page", "cursor"].iter().any(|parameter| query.has(parameter));
    let wanted: Option<EndpointType> = query.parsed("type");
    let status: Option<EndpointStatus> = query.parsed("status");
    let page = Page::read(&mut query, DEFAULT_LIMIT);
    let envelope = query.switch("envelope");
    query.finish()?;
    let page = if asked { page } else { Page { limit: EVERYTHING, ..page } };
    let mut endpoints = state.table.endpoints(caller.tenant).await?;
    endpoints.retain(|endpoint| {
        wanted.is_none_or(|wanted| wanted.matches(endpoint.provider)) && status.is_none_or(|status| status == endpoint.status)
    });
    let attached = attached(&state, caller.tenant, &endpoints).await?;
    let show = |endpoint: Endpoint| {
        let number = attached.get(&endpoint.id);
        wire::Endpoint::masked(endpoint, caller.tenant.org(), number)
    };
    let listed = Listed { list: "endpoints", name: "endpoints", page, envelope, uri, tenant: caller.tenant, cursors: &state.cursors };
    listed.answer(endpoints, Order::Falling, |endpoint| endpoint.id.to_string(), show).await
}

/// The endpoint with its secret masked.
pub(crate) async fn shown(state: &crate::State, tenant: Tenant, endpoint: Endpoint) -> Result<wire::Endpoint, Problem> {
    let number = carried(state, tenant, &endpoint).await?;
    Ok(wire::Endpoint::masked(endpoint, tenant.org(), number.as_ref()))
}

/// The endpoint with its secret, for callers who may change it; masked for others.
pub(crate) async fn shown_whole(state: &crate::State, caller: &Caller, endpoint: Endpoint) -> Result<wire::Endpoint, Problem> {
    let secret = if caller.may(Scope::EndpointsWrite) { state.secrets(caller).signing(&endpoint).await? } else { None };
    let shown = shown(state, caller.tenant, endpoint).await?;
    Ok(match secret {
        Some(secret) => shown.with_secret(secret),
        None => shown,
    })
}

/// The number of each endpoint whose generated url carries it: exactly one rings it. Reads the numbers only if there
/// is such an endpoint.
async fn attached(state: &crate::State, tenant: Tenant, endpoints: &[Endpoint]) -> Result<HashMap<EndpointId, E164>, Problem> {
    let carries = |endpoint: &&Endpoint| endpoint.given_url.is_none() && endpoint.phone_numbers_count == 1;
    if !endpoints.iter().any(|endpoint| carries(&endpoint)) {
        return Ok(HashMap::new());
    }
    let numbers = state.table.numbers(tenant).await?;
    let by_endpoint: HashMap<EndpointId, E164> =
        numbers.into_iter().filter_map(|number| Some((number.endpoint_id?, number.e164))).collect();
    let carrying = endpoints.iter().filter(carries);
    Ok(carrying.filter_map(|endpoint| Some((endpoint.id, by_endpoint.get(&endpoint.id)?.clone()))).collect())
}

/// The E.164 form of one number.
pub(crate) async fn e164(state: &crate::State, tenant: Tenant, number: Option<NumberId>) -> Result<Option<E164>, Problem> {
    let Some(id) = number else { return Ok(None) };
    Ok(state.table.number(tenant, id, Consistency::EventualIfThere).await?.map(|number| number.e164))
}

/// The number that an endpoint's generated url carries, if it carries one.
pub(crate) async fn carried(state: &crate::State, tenant: Tenant, endpoint: &Endpoint) -> Result<Option<E164>, Problem> {
    Ok(attached(state, tenant, std::slice::from_ref(endpoint)).await?.remove(&endpoint.id))
}

/// A path that is no id names nothing.
pub(crate) fn parse(id: &str) -> Result<EndpointId, Problem> {
    id.parse().map_err(|_| not_found())
}

/// There is no such endpoint for this caller.
pub(crate) fn not_found() -> Problem {
    Problem::not_found("Endpoint")
}
