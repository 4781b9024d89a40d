//! One call, and the first page of the list.

use api::{Caller, Page, PathId, Problem, Query};
use axum::{Json, extract::State};
use domain::{CallId, scope::Scope, wire};
use serde::Serialize;

const DEFAULT_LIMIT: u64 = 20;

/// A page of calls.
#[derive(Debug, Serialize)]
pub(crate) struct CallList {
    data: Vec<wire::Call>,
    total: u64,
    page: usize,
    limit: usize,
    total_pages: u64,
    next_cursor: Option<String>,
}

/// Parameters of the list that are not served yet: refused, because a list that ignores a filter misleads.
const NOT_YET: [&str; 12] = [
    "action",
    "status",
    "direction",
    "phone_number_id",
    "endpoint_id",
    "start_date",
    "end_date",
    "from_date",
    "to_date",
    "cursor",
    "offset",
    "envelope",
];

/// `GET /calls`: the newest calls, and how many there are.
pub(crate) async fn list_calls(State(state): State<crate::State>, caller: Caller, mut query: Query) -> Result<Json<CallList>, Problem> {
    caller.require(Scope::CallsRead)?;
    for parameter in NOT_YET {
        if query.has(parameter) {
            query.fault(parameter, "is not supported");
        }
    }
    let page = Page::read(&mut query, DEFAULT_LIMIT);
    if page.number() > 1 {
        query.fault("page", "must be 1");
    }
    query.finish()?;
    let newest = state.table.newest_calls(caller.tenant, page.limit).await?;
    let data = newest.calls.iter().map(|record| wire::Call::new(record, caller.tenant.org).listed()).collect();
    let total_pages = newest.total.div_ceil(page.limit as u64);
    Ok(Json(CallList { data, total: newest.total, page: page.number(), limit: page.limit, total_pages, next_cursor: None }))
}

/// `GET /calls/{id}`: the call with its events and transcript.
pub(crate) async fn get_call(
    State(state): State<crate::State>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Json<wire::CallDetail>, Problem> {
    caller.require(Scope::CallsRead)?;
    let id: CallId = id.parse().map_err(|_| not_found())?;
    let record = state.table.call(caller.tenant, id).await?.ok_or_else(not_found)?;
    Ok(Json(wire::CallDetail::new(&record, caller.tenant.org)))
}

fn not_found() -> Problem {
    Problem::not_found("Call")
}
