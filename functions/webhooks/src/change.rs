//! Subscriptions changed, deleted, and given a new signing secret.

use api::{Audit, Born, Caller, Code, JsonBody, PathId, Problem, ShowsSecret};
use axum::{Extension, Json, extract::State};
use domain::{audit::Action, subscription::Subscription, wire};
use http::StatusCode;
use store::Consistency;

use crate::{create, read, secrets};

/// How long the secret before keeps signing beside a new one: 24 hours, in milliseconds.
const OVERLAP_MILLIS: i64 = 24 * 3600 * 1000;

/// How often a rotation is tried anew when somebody else changed the subscription in between.
const TRIES: usize = 5;

/// `PATCH /webhooks/{id}`: url, events, active.
pub(crate) async fn update_webhook(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
    JsonBody(mut fields): JsonBody,
) -> Result<Json<wire::Subscription>, Problem> {
    let id = read::parse(&id)?;
    let audit = audit.naming(fields.present(&["url", "events", "active"]));
    let change = create::settings(&mut fields, &state.guard).await;
    fields.finish()?;
    let table = audit.on(&state.table, &caller, Action::WebhookUpdated, id.as_uuid());
    let changed = table.change_subscription(caller.tenant, id, &change, state.clock.now()).await?;
    Ok(Json(wire::Subscription::masked(changed.ok_or_else(read::not_found)?, caller.tenant.org())))
}

/// `DELETE /webhooks/{id}`: nothing more is sent to it.
pub(crate) async fn delete_webhook(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    let id = read::parse(&id)?;
    let table = audit.on(&state.table, &caller, Action::WebhookDeleted, id.as_uuid());
    let deleted = table.delete_subscription(caller.tenant, id).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(read::not_found()) }
}

/// `POST /webhooks/{id}/rotate-secret`: a new signing secret; the one before keeps signing beside it for 24 hours.
pub(crate) async fn rotate_secret(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    Born(birth): Born,
    PathId(id): PathId,
) -> Result<(Extension<ShowsSecret>, Json<wire::Subscription>), Problem> {
    let id = read::parse(&id)?;
    let table = audit.on(&state.table, &caller, Action::WebhookSecretRotated, id.as_uuid());
    for _ in 0..TRIES {
        let seen = state.table.subscription(caller.tenant, id, Consistency::Strong).await?.ok_or_else(read::not_found)?;
        // An earlier try of this very request rotated it: a second new secret would cut off the receiver's.
        if seen.rotated_by.as_ref() == Some(&birth.name()) {
            return Ok((Extension(ShowsSecret), Json(read::shown_whole(&state, &caller, seen).await?)));
        }
        // Versions are told apart by their time.
        let now = state.clock.now().max(seen.updated_at.plus_millis(1));
        let wanted = Subscription {
            secret: secrets::generate(&state, &caller, id).await?,
            previous_secret: Some(seen.secret.clone()),
            previous_until: Some(now.plus_millis(OVERLAP_MILLIS)),
            rotated_by: Some(birth.name()),
            updated_at: now,
            ..seen.clone()
        };
        if table.replace_subscription(caller.tenant, &seen, &wanted).await? {
            return Ok((Extension(ShowsSecret), Json(read::shown_whole(&state, &caller, wanted).await?)));
        }
    }
    Err(Problem::new(Code::ServiceUnavailable, "The webhook keeps being changed by others, try again"))
}
