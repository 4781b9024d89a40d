//! The audit trail, read: who did what, newest first.

use api::{Caller, Page, Problem, Query, Walked};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use domain::{
    AuditId, Invalid, RangeEnd, Timestamp,
    audit::{Action, AuditFilter},
    wire,
};

const DEFAULT_LIMIT: u64 = 20;

/// How many entries a page looks at, at most, for those that its filter takes.
const REACH: usize = 1_000;

/// The names under which an end of the range is taken.
const STARTS: [&str; 3] = ["start_date", "from_date", "from"];
const ENDS: [&str; 3] = ["end_date", "to_date", "to"];

/// `GET /audit`: what was done in the caller's organization and mode. A page may have fewer than `limit` and yet have a next
/// one: a filter may take few.
pub(crate) async fn list_audit(
    State(state): State<crate::State>,
    caller: Caller,
    uri: OriginalUri,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = Page::by_cursor(&mut query, DEFAULT_LIMIT);
    let filter = filter(&mut query);
    query.finish()?;
    let list = format!("audit?{}", page.filters);
    let after = match &page.cursor {
        Some(cursor) => Some(place(&state.cursors.open(caller.tenant, &list, cursor).await?)?),
        None => None,
    };
    let found = state.table.audit_trail(caller.tenant, &filter, after, page.limit, REACH).await?;
    let next_cursor = match found.next {
        Some(next) => Some(state.cursors.must_sign(caller.tenant, &list, &next.to_string()).await?),
        None => None,
    };
    let data = found.found.into_iter().map(|entry| wire::AuditEntry::new(entry, caller.tenant.org())).collect();
    Ok(Walked { data, limit: page.limit, next_cursor }.answer(&uri))
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
