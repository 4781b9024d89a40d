//! The second face of the same numbers: those of the organization's own carriers, as the telephony routes show them.
//!
//! Numbers that were bought do not exist here, and released ones do not either.

use api::{Audit, Born, Caller, Fields, JsonBody, Listed, Order, Page, PathId, Problem, Query};
use axum::{
    Json,
    extract::{OriginalUri, State},
    response::Response,
};
use domain::{
    CredentialId, E164, Invalid, NumberId,
    audit::Action,
    carrier::Carrier,
    limits::Counted,
    number::{MAX_AGENT_CHARS, PhoneNumber, Registration},
    webhook::LifecycleEvent,
    wire,
};
use http::StatusCode;
use store::{CredentialFault, Registered, tell};

use crate::{number, purchase::required};

/// `GET /telephony/numbers`: everything, newest first; with `agent_id` what is pinned to that agent, with a page only
/// that part.
pub(crate) async fn list_carrier_numbers(
    State(state): State<crate::State>,
    caller: Caller,
    uri: OriginalUri,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = Page::or_everything(&mut query);
    // An empty one narrows nothing: clients send it for «any».
    let agent = query.text("agent_id").filter(|agent| !agent.is_empty()).map(str::to_owned);
    query.finish()?;
    let mut numbers = state.table.numbers(caller.tenant).await?;
    numbers.retain(|number| number.is_carriers() && (agent.is_none() || number.agent_id == agent));
    let listed = Listed { list: "carrier", name: "numbers", page, envelope: true, uri, tenant: caller.tenant, cursors: &state.cursors };
    listed.answer_twice(numbers, Order::Falling, |number| number.id.to_string(), wire::CarrierNumber::from).await
}

/// `POST /telephony/numbers`: a number of the organization's own carrier, hung on one of its credentials.
pub(crate) async fn register_number(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    Born(birth): Born,
    JsonBody(mut fields): JsonBody,
) -> Result<(StatusCode, Json<wire::RegisteredNumber>), Problem> {
    let registration = registration(&mut fields)?;
    let number = PhoneNumber::registered(NumberId::new(birth.at, birth.bytes), registration, state.clock.now());
    let news = state.lifecycle.about(caller.tenant, LifecycleEvent::NumberPurchased).await?;
    let telling = news.map(|news| state.telling(&caller, news));
    let table = audit.on(&state.table, &caller, Action::NumberRegistered, number.id.as_uuid());
    let number = match table.register_number(caller.tenant, &number, tell(telling.as_ref())).await? {
        Registered::Done => number,
        // An earlier try of this very request registered it: its id is the same at every try.
        Registered::Before(before) => *before,
        Registered::Refused { taken, credential } => return Err(refused(taken, credential)),
        Registered::TooMany { most } => return Err(Problem::too_many(Counted::Numbers, most)),
    };
    state.lifecycle.hand_on(news).await;
    let shown = wire::RegisteredNumber::new(number).ok_or_else(|| Problem::internal("a registered number has no credential"))?;
    Ok((StatusCode::CREATED, Json(shown)))
}

/// `PATCH /telephony/numbers/{id}`: pins the number to an agent; null or nothing unpins it.
pub(crate) async fn pin_number(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
    JsonBody(mut fields): JsonBody,
) -> Result<StatusCode, Problem> {
    let id = number::parse(&id)?;
    // A misspelt name must not pass for a change.
    if fields.lacks("agent_id") {
        fields.missing("agent_id");
    }
    let agent = agent(&mut fields);
    fields.finish()?;
    let news = state.lifecycle.about(caller.tenant, LifecycleEvent::NumberUpdated).await?;
    let telling = news.map(|news| state.telling(&caller, news));
    let table = audit.naming(vec!["agent_id"]).on(&state.table, &caller, Action::NumberUpdated, id.as_uuid());
    if !table.pin_number(caller.tenant, id, agent.as_deref(), state.clock.now(), tell(telling.as_ref())).await? {
        return Err(number::not_found());
    }
    state.lifecycle.hand_on(news).await;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /telephony/numbers/{id}`: gives the number up and frees its credential.
pub(crate) async fn remove_carrier_number(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    let (id, now) = (number::parse(&id)?, state.clock.now());
    let news = state.lifecycle.about(caller.tenant, LifecycleEvent::NumberReleased).await?;
    let telling = news.map(|news| state.telling(&caller, news));
    let table = audit.on(&state.table, &caller, Action::NumberDeleted, id.as_uuid());
    if !table.remove_carrier_number(caller.tenant, id, now, tell(telling.as_ref())).await? {
        return Err(number::not_found());
    }
    state.lifecycle.hand_on(news).await;
    Ok(StatusCode::NO_CONTENT)
}

fn registration(fields: &mut Fields) -> Result<Registration, Problem> {
    let e164: Option<E164> = required(fields, "e164");
    let carrier: Option<Carrier> = required(fields, "provider");
    let credentials_id: Option<CredentialId> = required(fields, "credentials_id");
    let agent_id = agent(fields);
    let allow_inbound = fields.boolean("inbound_enabled").unwrap_or(true);
    let allow_outbound = fields.boolean("outbound_enabled").unwrap_or(true);
    fields.finish()?;
    match (e164, carrier, credentials_id) {
        (Some(e164), Some(carrier), Some(credentials_id)) => {
            Ok(Registration { e164, carrier, credentials_id, agent_id, allow_inbound, allow_outbound })
        }
        _ => Err(Problem::internal("a required field passed as missing")),
    }
}

/// A checked agent's id; `None` if it is absent, null, empty or wrong.
fn agent(fields: &mut Fields) -> Option<String> {
    let text = fields.text("agent_id").filter(|text| !text.is_empty())?;
    if text.chars().count() <= MAX_AGENT_CHARS && !text.chars().any(char::is_control) {
        return Some(text);
    }
    fields.fault("agent_id", format!("must have at most {MAX_AGENT_CHARS} characters and no control characters"));
    None
}

/// What stands against a registration: everything at once.
fn refused(taken: bool, credential: Option<CredentialFault>) -> Problem {
    let taken = (taken || credential.is_none()).then(|| Invalid::new("e164", "is registered already"));
    let credential = credential.map(|fault| match fault {
        CredentialFault::Unknown => Invalid::new("credentials_id", "is not the id of one of your credentials"),
        CredentialFault::OtherCarrier => Invalid::new("provider", "is not the carrier of the credential"),
    });
    Problem::invalid(taken.into_iter().chain(credential).collect())
}
