//! The list of calls, their statistics and their trends.

use api::{Caller, Page, Problem, Query};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use domain::{Day, stats::Breakdown, wire};
use store::{CallPage, Start};

use crate::{
    cursor::{self, Position},
    filter::Asked,
};

const DEFAULT_LIMIT: u64 = 20;

/// `GET /calls`: a page of the list; with `action`, statistics or trends.
pub(crate) async fn list_calls(State(state): State<crate::State>, caller: Caller, mut query: Query) -> Result<Response, Problem> {
    let action = query.text("action").unwrap_or("list").to_owned();
    if action == "list" {
        return Ok(page(&state, &caller, query).await?.into_response());
    }
    // Statistics have no pages, and what says which one is wrong all the same if it cannot be read.
    drop(Page::read(&mut query, DEFAULT_LIMIT));
    match action.as_str() {
        "stats" => Ok(stats(&state, &caller, query).await?.into_response()),
        "trends" => Ok(trends(&state, &caller, query).await?.into_response()),
        _ => {
            query.fault("action", "must be list, stats or trends");
            query.finish().map(|()| ().into_response())
        }
    }
}

/// `GET /calls/stats`: the same as with `action=stats`.
pub(crate) async fn get_stats(State(state): State<crate::State>, caller: Caller, query: Query) -> Result<Json<wire::CallStats>, Problem> {
    stats(&state, &caller, query).await
}

/// `GET /calls/trends`: the same as with `action=trends`.
pub(crate) async fn get_trends(State(state): State<crate::State>, caller: Caller, query: Query) -> Result<Json<wire::CallTrends>, Problem> {
    trends(&state, &caller, query).await
}

async fn page(state: &crate::State, caller: &Caller, mut query: Query) -> Result<Json<wire::CallList>, Problem> {
    let Asked { filter, .. } = Asked::read(&mut query);
    let page = Page::read(&mut query, DEFAULT_LIMIT);
    query.finish()?;
    let position = match &page.cursor {
        Some(cursor) => Some(cursor::open(&state.cursors, caller, &filter, cursor).await?),
        None => None,
    };
    let start = position.map_or(Start::Offset(page.offset as u64), |position| Start::After(position.after));
    let found = state.table.call_list(caller.tenant, &filter, start, page.limit).await?;
    let number = position.map_or(page.number() as u64, |position| position.page);
    let next_cursor = match found.next {
        Some(after) => cursor::sign(&state.cursors, caller, &filter, Position { page: number + 1, after }).await,
        None => None,
    };
    Ok(Json(answer(found, caller, page.limit, number, next_cursor)))
}

fn answer(found: CallPage, caller: &Caller, limit: usize, page: u64, next_cursor: Option<String>) -> wire::CallList {
    let CallPage { calls, total, .. } = found;
    let data = calls.into_iter().map(|call| wire::Call::of(call, caller.tenant.org()).listed()).collect();
    wire::CallList { data, total, page, limit, total_pages: total.div_ceil(limit as u64), next_cursor }
}

async fn stats(state: &crate::State, caller: &Caller, mut query: Query) -> Result<Json<wire::CallStats>, Problem> {
    let Asked { filter, start_date, end_date } = Asked::read(&mut query);
    query.finish()?;
    let sums = state.table.call_sums(caller.tenant, &filter).await?;
    Ok(Json(wire::CallStats::new(&sums, start_date, end_date)))
}

async fn trends(state: &crate::State, caller: &Caller, mut query: Query) -> Result<Json<wire::CallTrends>, Problem> {
    let mut asked = Asked::read(&mut query);
    let (first, last) = asked.days(&mut query, Day::of(state.clock.now()));
    query.finish()?;
    let found = state.table.call_trends(caller.tenant, &asked.filter).await?;
    let nothing = Breakdown::default();
    let days = (0..=last.days_since(first)).map(|after| first.plus(after));
    let data = days.map(|day| wire::TrendDay::new(day, found.get(&day).unwrap_or(&nothing))).collect();
    Ok(Json(wire::CallTrends { data, start_date: first, end_date: last }))
}
