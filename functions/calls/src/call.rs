//! One call: read with its events and its transcript, or deleted.

use api::{Audit, Caller, Code, PathId, Problem};
use axum::{Json, extract::State};
use domain::{
    CallId,
    audit::Action,
    call::{CallAlias, CallRecord},
    wire,
};
use http::StatusCode;
use store::DeletedCall;

/// `GET /calls/{id}`: the call with its events and transcript.
pub(crate) async fn get_call(
    State(state): State<crate::State>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Json<wire::CallDetail>, Problem> {
    let record = find(&state, &caller, &id).await?;
    Ok(Json(wire::CallDetail::new(&record, caller.tenant.org())))
}

/// `GET /calls/{id}/events`: the call's events alone, in the order in which they happened.
pub(crate) async fn list_call_events(
    State(state): State<crate::State>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Json<wire::CallEventList>, Problem> {
    let record = find(&state, &caller, &id).await?;
    let data = wire::TimelineEvent::all(&record);
    Ok(Json(wire::CallEventList { total: data.len(), data }))
}

/// `DELETE /calls/{id}`: the record and its events go, and lists and statistics follow; not while the call goes on.
pub(crate) async fn delete_call(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    let id = named(&state, &caller, &id).await?;
    let table = audit.on(&state.table, &caller, Action::CallDeleted, id.as_uuid());
    match table.delete_call(caller.tenant, id, state.clock.now()).await? {
        DeletedCall::Done => Ok(StatusCode::NO_CONTENT),
        DeletedCall::NotFound => Err(not_found()),
        DeletedCall::Live => Err(Problem::new(Code::Conflict, "The call goes on: it can be deleted when it is over")),
    }
}

async fn find(state: &crate::State, caller: &Caller, id: &str) -> Result<CallRecord, Problem> {
    state.table.call(caller.tenant, named(state, caller, id).await?).await?.ok_or_else(not_found)
}

/// The id under which a call is stored: the path's own, or the one to which the source's name for the call leads. A path
/// that is neither names nothing.
async fn named(state: &crate::State, caller: &Caller, name: &str) -> Result<CallId, Problem> {
    match name.parse::<CallId>() {
        Ok(id) if id.time().is_some() => Ok(id),
        _ => {
            let alias: CallAlias = name.parse().map_err(|_| not_found())?;
            state.table.named_call(caller.tenant, &alias).await?.ok_or_else(not_found)
        }
    }
}

fn not_found() -> Problem {
    Problem::not_found("Call")
}
