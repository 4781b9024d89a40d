//! Keys read: one, or the list. Neither shows a key or its hash.

use api::{Caller, Listed, Order, Page, PathId, Problem, Query};
use axum::{
    Json,
    extract::{OriginalUri, State},
    response::Response,
};
use domain::{KeyId, Mode, api_key::KeyRecord, wire};

/// How many keys a list shows without a limit.
const DEFAULT_LIMIT: u64 = 20;

/// `GET /api-keys`: the organization's keys, newest first; revoked ones only with `include_revoked=true`.
pub(crate) async fn list_api_keys(
    State(state): State<crate::State>,
    caller: Caller,
    uri: OriginalUri,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = Page::read(&mut query, DEFAULT_LIMIT);
    let envelope = query.switch("envelope");
    let mode = query.parsed::<Mode>("mode");
    let include_revoked = query.switch("include_revoked");
    query.finish()?;
    let mut all = state.table.key_records(caller.tenant).await?;
    all.retain(|record| sees(&caller, record) && mode.is_none_or(|mode| record.key.mode == mode));
    all.retain(|record| include_revoked || record.key.revoked_at.is_none());
    let listed = Listed { list: "api-keys", name: "api_keys", page, envelope, uri, tenant: caller.tenant, cursors: &state.cursors };
    let now = state.clock.now();
    listed.answer(all, Order::Falling, |record| record.key.id.to_string(), |record| wire::ApiKey::at(record, now)).await
}

/// `GET /api-keys/{id}`: the key's settings, and whether it is in use.
pub(crate) async fn get_api_key(
    State(state): State<crate::State>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Json<wire::ApiKey>, Problem> {
    Ok(Json(wire::ApiKey::at(find(&state, &caller, &id).await?, state.clock.now())))
}

/// The id in a path. A path that is no id names nothing.
pub(crate) fn parse(id: &str) -> Result<KeyId, Problem> {
    id.parse().map_err(|_| not_found())
}

/// A key of the caller's organization, as it is now. A path that is no id names nothing.
pub(crate) async fn find(state: &crate::State, caller: &Caller, id: &str) -> Result<KeyRecord, Problem> {
    let id = parse(id)?;
    let found = state.table.key_record(caller.tenant, id).await?;
    found.filter(|record| sees(caller, record)).ok_or_else(not_found)
}

/// Whether a caller may know of a key: one of test mode knows of test mode alone.
fn sees(caller: &Caller, record: &KeyRecord) -> bool {
    caller.tenant.mode() == Mode::Live || record.key.mode == Mode::Test
}

fn not_found() -> Problem {
    Problem::not_found("API key")
}
