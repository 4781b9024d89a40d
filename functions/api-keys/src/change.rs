//! Keys changed and revoked.

use api::{Audit, Caller, Code, JsonBody, PathId, Problem};
use axum::{Json, extract::State};
use domain::{api_key::KeyRecord, audit::Action, wire};
use http::StatusCode;

use crate::{read, settings};

/// How often a change is tried anew when somebody else changed the key in between.
const TRIES: usize = 5;

/// `PATCH /api-keys/{id}`: name, scopes, `allowed_ips`, `expires_at`.
pub(crate) async fn update_api_key(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
    JsonBody(mut fields): JsonBody,
) -> Result<Json<wire::ApiKey>, Problem> {
    let audit = audit.naming(fields.present(&["name", "scopes", "allowed_ips", "expires_at"]));
    let change = settings::read(&mut fields, state.clock.now());
    fields.finish()?;
    let table = audit.on(&state.table, &caller, Action::KeyUpdated, read::parse(&id)?.as_uuid());
    for _ in 0..TRIES {
        let (seen, now) = (read::find(&state, &caller, &id).await?, state.clock.now());
        if seen.key.revoked_at.is_some() {
            return Err(Problem::new(Code::Conflict, "The key is revoked"));
        }
        let key = change.applied_to(&seen.key, now);
        // A key that may do more is not the caller's to be given more time or more places.
        if change.changes_power() {
            caller.require_each(&key.scopes)?;
        }
        if table.replace_api_key(&seen, &key).await? {
            state.gate.forget(&seen.key_hash);
            return Ok(Json(wire::ApiKey::at(KeyRecord { key, ..seen }, now)));
        }
    }
    Err(busy())
}

/// `DELETE /api-keys/{id}`: the key is honoured no more, where it was used within the last minute after that minute at the
/// latest.
pub(crate) async fn delete_api_key(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    let table = audit.on(&state.table, &caller, Action::KeyRevoked, read::parse(&id)?.as_uuid());
    for _ in 0..TRIES {
        let seen = read::find(&state, &caller, &id).await?;
        let revoked = seen.key.revoked_at.is_some();
        if revoked || table.replace_api_key(&seen, &seen.key.revoked(state.clock.now())).await? {
            state.gate.forget(&seen.key_hash);
            return Ok(StatusCode::NO_CONTENT);
        }
    }
    Err(busy())
}

fn busy() -> Problem {
    Problem::new(Code::ServiceUnavailable, "The key keeps being changed by others, try again")
}
