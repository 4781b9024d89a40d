//! One number: read and changed.

use api::{Audit, Caller, Code, JsonBody, PathId, Problem, Query};
use axum::{Json, extract::State};
use domain::{
    NumberId,
    audit::Action,
    number::{Claim, NumberChange, NumberStatus, PhoneNumber},
    scope::Scope,
    secret::SecretKind,
    webhook::LifecycleEvent,
    wire,
};
use store::{Consistency, Release, Updated, tell};

const SIP_TRANSPORT: &str = "tls";
const SIP_PORT: u16 = 5061;

/// `GET /phone-numbers/{id}`: the number, its endpoint and its SIP credentials.
pub(crate) async fn get_number(
    State(state): State<crate::State>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Json<wire::NumberDetail>, Problem> {
    let number = state.table.number(caller.tenant, parse(&id)?, Consistency::Strong).await?.ok_or_else(not_found)?;
    let (endpoint, claim) = state.table.beside_number(caller.tenant, &number).await?;
    let sip_credentials = credentials(&state, &caller, &number, claim).await?;
    let endpoint = endpoint.map(|endpoint| wire::EndpointSummary::new(endpoint, &number.e164));
    let mut number = wire::Number::new(number, caller.tenant.org(), &state.sip_domain);
    // An endpoint that was deleted is gone from its numbers at that instant, though their rows still name it.
    number.endpoint_id = endpoint.as_ref().map(|endpoint| endpoint.id);
    Ok(Json(wire::NumberDetail { number, endpoint, sip_credentials }))
}

/// `PATCH /phone-numbers/{id}`: where it rings, what it allows, whether it is active.
pub(crate) async fn update_number(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
    JsonBody(mut fields): JsonBody,
) -> Result<Json<wire::Number>, Problem> {
    let id = parse(&id)?;
    let audit = audit.naming(fields.present(&["endpoint_id", "allow_inbound", "allow_outbound", "status"]));
    let status = fields.parsed::<NumberStatus>("status");
    if status.is_some_and(|status| !matches!(status, NumberStatus::Active | NumberStatus::Inactive)) {
        fields.fault("status", "must be active or inactive");
    }
    let change = NumberChange {
        endpoint_id: fields.parsed_or_null("endpoint_id"),
        allow_inbound: fields.boolean("allow_inbound"),
        allow_outbound: fields.boolean("allow_outbound"),
        status,
    };
    fields.finish()?;
    let news = state.lifecycle.about(caller.tenant, LifecycleEvent::NumberUpdated).await?;
    let telling = news.map(|news| state.telling(&caller, news));
    let table = audit.on(&state.table, &caller, Action::NumberUpdated, id.as_uuid());
    match table.update_number(caller.tenant, id, change, state.clock.now(), tell(telling.as_ref())).await? {
        Updated::Done(number) => {
            state.lifecycle.hand_on(news).await;
            Ok(Json(wire::Number::new(*number, caller.tenant.org(), &state.sip_domain)))
        }
        Updated::NotFound => Err(not_found()),
        Updated::Released => Err(Problem::new(Code::Conflict, "The number was released")),
        Updated::NoSuchEndpoint => Err(no_such_endpoint()),
    }
}

/// `DELETE /phone-numbers/{id}`: gives the number back; with `action=release` its record is kept for audit.
pub(crate) async fn release_number(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
    mut query: Query,
) -> Result<Json<wire::ReleasedNumber>, Problem> {
    let release = match query.text("action") {
        None => Release::Remove,
        Some("release") => Release::Keep,
        Some(_) => {
            query.fault("action", "must be release, or absent to delete the record");
            Release::Keep
        }
    };
    query.finish()?;
    let id = parse(&id)?;
    let news = state.lifecycle.about(caller.tenant, LifecycleEvent::NumberReleased).await?;
    let telling = news.map(|news| state.telling(&caller, news));
    let action = if release == Release::Keep { Action::NumberReleased } else { Action::NumberDeleted };
    let table = audit.on(&state.table, &caller, action, id.as_uuid());
    let released = table.release_number(caller.tenant, id, release, state.clock.now(), tell(telling.as_ref())).await?;
    let number = released.ok_or_else(not_found)?;
    state.lifecycle.hand_on(news).await;
    Ok(Json(wire::ReleasedNumber { success: true, id: number.id, e164: number.e164, status: number.status }))
}

/// The SIP credentials, with the password for those who may change the number. They lie with the claim, so a released
/// number has none.
async fn credentials(
    state: &crate::State,
    caller: &Caller,
    number: &PhoneNumber,
    claim: Option<Claim>,
) -> Result<Option<wire::SipCredentials>, Problem> {
    let claim = claim.filter(|claim| claim.number_id == number.id);
    let Some((username, sealed)) = claim.and_then(|claim| claim.sip_username.zip(claim.sip_password)) else { return Ok(None) };
    let mut password = None;
    if caller.may(Scope::NumbersWrite) {
        let place = caller.tenant.place(SecretKind::SipPassword, number.id.as_uuid());
        password = Some(state.vault.open(&place, &sealed, state.clock.now()).await?.into());
    }
    Ok(Some(wire::SipCredentials { domain: state.sip_domain.to_string(), transport: SIP_TRANSPORT, port: SIP_PORT, username, password }))
}

/// A path that is no id names nothing.
pub(crate) fn parse(id: &str) -> Result<NumberId, Problem> {
    id.parse().map_err(|_| not_found())
}

/// There is no such number for this caller.
pub(crate) fn not_found() -> Problem {
    Problem::not_found("Phone number")
}

/// The endpoint that a number should ring does not exist for this caller.
pub(crate) fn no_such_endpoint() -> Problem {
    Problem::new(Code::EndpointNotFound, "Endpoint not found")
}
