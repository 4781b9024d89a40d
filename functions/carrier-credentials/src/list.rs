//! The list of carrier credentials. No credential is opened for it.

use api::{Caller, Listed, Order, Page, Problem, Query};
use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use domain::wire;

/// `GET /telephony/providers`: everything, newest first; with a page only that part.
pub(crate) async fn list_providers(
    State(state): State<crate::State>,
    caller: Caller,
    uri: OriginalUri,
    mut query: Query,
) -> Result<Response, Problem> {
    let page = Page::or_everything(&mut query);
    query.finish()?;
    let credentials = state.table.credentials(caller.tenant).await?;
    let listed = Listed { list: "providers", name: "providers", page, envelope: true, uri, tenant: caller.tenant, cursors: &state.cursors };
    listed.answer_twice(credentials, Order::Falling, |credential| credential.id.to_string(), wire::CarrierCredential::from).await
}
