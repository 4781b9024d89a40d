//! The audit trail, read: who did what, newest first.

use api::{Caller, Code, Page, Problem, Query};
use axum::{
    Json,
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use domain::{
    AuditId, Invalid, RangeEnd, Timestamp,
    audit::{Action, AuditFilter},
    wire,
};
use http::{HeaderValue, header::LINK};
use serde::Serialize;

const DEFAULT_LIMIT: u64 = 20;

/// How many entries a page looks at, at most, for those that its filter takes.
const REACH: usize = 1_000;

/// The names under which an end of the range is taken.
const STARTS: [&str; 3] = ["start_date", "from_date", "from"];
const ENDS: [&str; 3] = ["end_date", "to_date", "to"];

/// A page of the trail. It may have fewer than `limit` and yet have a next one: a filter may take few.
#[derive(Debug, Serialize)]
struct AuditList {
    data: Vec<wire::AuditEntry>,
    limit: usize,
    next_cursor: Option<String>,
}

/// `GET /audit`: what was done in the caller's organization and mode.
pub(crate) async fn list_audit(
    State(state): State<crate::State>,
    caller: Caller,
    uri: OriginalUri,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = Page::read(&mut query, DEFAULT_LIMIT);
    for parameter in ["offset", "page"] {
        if query.has(parameter) {
            query.fault(parameter, "is not taken by this list: go on by cursor");
        }
    }
    let filter = filter(&mut query);
    query.finish()?;
    let list = format!("audit?{}", page.filters);
    let after = match &page.cursor {
        Some(cursor) => Some(place(&state.cursors.open(caller.tenant, &list, cursor).await?)?),
        None => None,
    };
    let found = state.table.audit_trail(caller.tenant, &filter, after, page.limit, REACH).await?;
    let next_cursor = match found.next {
        // This list has no other way to go on, so the cursor must be had.
        Some(next) => Some(state.cursors.sign(caller.tenant, &list, &next.to_string()).await.ok_or_else(encryption_unavailable)?),
        None => None,
    };
    let data = found.found.into_iter().map(|entry| wire::AuditEntry::new(entry, caller.tenant.org)).collect();
    let link = next_cursor.as_ref().and_then(|cursor| link(&uri, cursor));
    let mut response = Json(AuditList { data, limit: page.limit, next_cursor }).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// Reads a filter; faults are noted.
fn filter(query: &mut Query) -> AuditFilter {
    let resource_type = query.text("resource_type").map(str::to_owned);
    if let Some(named) = &resource_type
        && !Action::ALL.iter().any(|action| action.resource_type() == named)
    {
        query.fault("resource_type", "must be the part of an action before its dot, such as endpoint");
    }
    let filter = AuditFilter {
        action: query.parsed("action"),
        resource_type,
        resource: query.parsed("resource_id"),
        actor: query.text("principal_id").map(str::to_owned),
        from: end(query, STARTS, RangeEnd::First),
        until: end(query, ENDS, RangeEnd::Last),
    };
    if filter.from.zip(filter.until).is_some_and(|(from, until)| until <= from) {
        query.fault("end_date", "must not be before start_date");
    }
    filter
}

/// One end of the range, under one of its names.
fn end(query: &mut Query, names: [&'static str; 3], which: RangeEnd) -> Option<Timestamp> {
    let mut given = names.into_iter().filter_map(|name| Some((name, query.text(name)?.to_owned()))).collect::<Vec<_>>().into_iter();
    let (name, text) = given.next()?;
    if given.any(|(_, other)| other != text) {
        query.fault(name, "says something else than another name for it");
    }
    which.read(&text).map_err(|error| query.fault(name, error)).ok()
}

/// The entry that an opened cursor names.
fn place(position: &str) -> Result<AuditId, Problem> {
    position.parse().map_err(|_| Problem::invalid(vec![Invalid::new("cursor", "is none of this list")]))
}

fn encryption_unavailable() -> Problem {
    Problem::new(Code::EncryptionUnavailable, "Encryption service unavailable")
}

fn link(uri: &OriginalUri, cursor: &str) -> Option<HeaderValue> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let kept = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).filter(|(name, _)| name != "cursor");
    query.extend_pairs(kept).append_pair("cursor", cursor);
    HeaderValue::from_str(&format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish())).ok()
}
