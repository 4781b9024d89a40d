//! Subscriptions read: one, or the list.

use api::{Caller, Listed, Order, Page, PathId, Problem, Query, ShowsSecret};
use axum::{
    Extension, Json,
    extract::{OriginalUri, State},
    response::Response,
};
use domain::{
    SubscriptionId,
    scope::Scope,
    subscription::{MAX_SUBSCRIPTIONS, Subscription},
    wire,
};
use store::Consistency;

use crate::secrets;

/// A list without a limit shows all there can be.
const DEFAULT_LIMIT: u64 = MAX_SUBSCRIPTIONS as u64;

/// `GET /webhooks`: the subscriptions, newest first.
pub(crate) async fn list_webhooks(
    State(state): State<crate::State>,
    caller: Caller,
    uri: OriginalUri,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = Page::read(&mut query, DEFAULT_LIMIT);
    let envelope = query.switch("envelope");
    query.finish()?;
    let all = state.table.subscriptions(caller.tenant, Consistency::Eventual).await?;
    let listed = Listed { list: "webhooks", name: "webhooks", page, envelope, uri, tenant: caller.tenant, cursors: &state.cursors };
    let show = |subscription| wire::Subscription::masked(subscription, caller.tenant.org());
    listed.answer(all, Order::Falling, |subscription| subscription.id.to_string(), show).await
}

/// `GET /webhooks/{id}`: the subscription; its secret is shown to those who may change it and masked for others.
pub(crate) async fn get_webhook(
    State(state): State<crate::State>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<(Extension<ShowsSecret>, Json<wire::Subscription>), Problem> {
    let found = state.table.subscription(caller.tenant, parse(&id)?, Consistency::Strong).await?;
    Ok((Extension(ShowsSecret), Json(shown_whole(&state, &caller, found.ok_or_else(not_found)?).await?)))
}

/// The subscription with its secret, for callers who may change it; masked for others.
pub(crate) async fn shown_whole(state: &crate::State, caller: &Caller, subscription: Subscription) -> Result<wire::Subscription, Problem> {
    if !caller.may(Scope::WebhooksWrite) {
        return Ok(wire::Subscription::masked(subscription, caller.tenant.org()));
    }
    let secret = secrets::reveal(state, caller, &subscription).await?;
    Ok(wire::Subscription::masked(subscription, caller.tenant.org()).with_secret(secret))
}

/// A path that is no id names nothing.
pub(crate) fn parse(id: &str) -> Result<SubscriptionId, Problem> {
    id.parse().map_err(|_| not_found())
}

/// There is no such subscription for this caller.
pub(crate) fn not_found() -> Problem {
    Problem::not_found("Webhook")
}
