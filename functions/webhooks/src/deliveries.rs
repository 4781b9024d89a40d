//! The log of deliveries: the list, and one with all its attempts.

use api::{Caller, Page, PathId, Problem, Query, Walked};
use axum::{
    Json,
    extract::{OriginalUri, State},
    response::Response,
};
use domain::{
    DeliveryId, Timestamp,
    delivery::{Delivery, DeliveryState},
    wire,
};
use store::{DeliveryWalk, LogPlace};

use crate::filter;

const DEFAULT_LIMIT: u64 = 20;

/// How many deliveries a page looks at, at most, for those that its filter takes: about 200 read units.
const REACH: usize = 3_000;

/// `GET /webhooks/deliveries`: the deliveries of the last 30 days, newest first. A page has `limit` of them as long as there
/// are more and no 3,000 have to be passed over for them; then it has fewer and yet a next one.
pub(crate) async fn list_deliveries(
    State(state): State<crate::State>,
    caller: Caller,
    uri: OriginalUri,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = Page::by_cursor(&mut query, DEFAULT_LIMIT);
    let filter = filter::read(&mut query);
    query.finish()?;
    let list = format!("deliveries?{}", filter::name(&filter));
    let after = match &page.cursor {
        Some(cursor) => Some(place(&state.cursors.open(caller.tenant, &list, cursor).await?)?),
        None => None,
    };
    let walk = DeliveryWalk { newest_first: true, after, limit: page.limit, reach: REACH };
    let found = state.table.delivery_list(caller.tenant, &filter.kept_at(state.clock.now()), walk).await?;
    let next_cursor = match found.next {
        Some(next) => Some(state.cursors.must_sign(caller.tenant, &list, &next.to_string()).await?),
        None => None,
    };
    let data = found.found.iter().map(|delivery| wire::Delivery::new(delivery, caller.tenant.org())).collect();
    Ok(Walked { data, limit: page.limit, next_cursor }.answer(&uri))
}

/// `GET /webhooks/deliveries/{id}`: the delivery with its attempts and its body.
pub(crate) async fn get_delivery(
    State(state): State<crate::State>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Json<wire::DeliveryDetail>, Problem> {
    let (delivery, log) = find(&state, &caller, &id).await?;
    Ok(Json(wire::DeliveryDetail::new(delivery, &log, caller.tenant.org())))
}

/// A delivery and its state; not found once it is kept no longer.
pub(crate) async fn find(state: &crate::State, caller: &Caller, id: &str) -> Result<(Delivery, DeliveryState), Problem> {
    let id: DeliveryId = id.parse().map_err(|_| not_found())?;
    let delivery = state.table.delivery(caller.tenant, id).await?.filter(|delivery| is_kept(delivery, state.clock.now()));
    let delivery = delivery.ok_or_else(not_found)?;
    let log = state.table.delivery_state(caller.tenant, delivery.place()).await?;
    let log = log.unwrap_or_else(|| delivery.unattempted());
    Ok((delivery, log))
}

/// Whether it is still kept: the table forgets it a little later than it should.
const fn is_kept(delivery: &Delivery, now: Timestamp) -> bool {
    now.as_seconds() < delivery.expires_at()
}

/// The place that an opened cursor names.
pub(crate) fn place(position: &str) -> Result<LogPlace, Problem> {
    position.parse().map_err(|_| Problem::invalid(vec![domain::Invalid::new("cursor", "is none of this list")]))
}

fn not_found() -> Problem {
    Problem::not_found("Delivery")
}
