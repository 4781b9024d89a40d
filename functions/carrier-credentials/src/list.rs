//! The list of carrier credentials. Nothing is opened for it.

use api::{Caller, Listed, Page, Problem, Query};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use domain::{scope::Scope, wire};

/// `GET /telephony/providers`: everything, newest first; with a page only that part.
pub(crate) async fn list_providers(
    State(state): State<crate::State>,
    caller: Caller,
    uri: OriginalUri,
    mut query: Query,
) -> Result<Response, Problem> {
    caller.require(Scope::TelephonyRead)?;
    let page = Page::or_everything(&mut query);
    query.finish()?;
    let credentials = state.table.credentials(caller.tenant).await?;
    Ok(Listed { name: "providers", page, envelope: true, uri }.answer_twice(credentials, wire::CarrierCredential::from))
}
