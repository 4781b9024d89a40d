//! A carrier tells what became of a call.
//!
//! The queue has it before the carrier is thanked. If the queue or the table cannot be reached the answer is 503 without a
//! word: who asks again will be told nothing new, and the event is the same one (ADR 0028).

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use carriers::{Answer, StatusCallback, Unreadable};
use domain::{E164, call::Direction, number::Claim};
use http::StatusCode;
use store::Tenant;
use tokio::time::timeout;

use crate::{
    State,
    admit::Visitor,
    door::{Knock, Shut, forbidden, xml},
    events::CallName,
    whose,
};

/// How long it may take. No carrier waits for less.
const LIMIT: Duration = Duration::from_millis(2_700);

/// `…/status`.
pub(crate) async fn take(state: &State, knock: &Knock) -> Response {
    let cause = match timeout(LIMIT, taken(state, knock)).await {
        Ok(Ok(response)) => return response,
        Ok(Err(Shut::Forbidden)) => return forbidden(),
        Ok(Err(Shut::Outage(cause))) => cause,
        Err(_) => "it took too long".to_owned(),
    };
    tracing::error!(carrier = %knock.carrier, cause, "a status callback was not taken");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

async fn taken(state: &State, knock: &Knock) -> Result<Response, Shut> {
    let callback = carriers::status(knock.carrier, &knock.request());
    // Only the operator's credential does not tell whose call it is, and then the number does, if the URL does not.
    let asked = if whose::is_platform(knock.holder()) && knock.named().is_none() { own_number(&callback) } else { None };
    let claim = async { Ok(state.claim(knock.token.mode, asked.as_ref()).await?) };
    let (credential, claim) = tokio::try_join!(state.credential(knock), claim)?;
    let visitor = state.verified(knock, credential).await?;
    queued(state, knock, &visitor, callback, claim.as_ref()).await
}

/// What came to the address for questions, though it is none: some carriers have one address for everything.
pub(crate) async fn told(state: &State, knock: &Knock, visitor: &Visitor, claim: Option<&Claim>) -> Result<Response, Shut> {
    queued(state, knock, visitor, carriers::status(knock.carrier, &knock.request()), claim).await
}

async fn queued(
    state: &State,
    knock: &Knock,
    visitor: &Visitor,
    callback: Result<Option<StatusCallback>, Unreadable>,
    claim: Option<&Claim>,
) -> Result<Response, Shut> {
    state.fresh(knock, visitor).await?;
    let thanks = Ok(xml(carriers::answer(knock.carrier, &Answer::HangUp)));
    let callback = match callback {
        Ok(Some(callback)) => callback,
        Ok(None) => return thanks,
        Err(unreadable) => {
            // It will not become readable: to be sent again helps nobody.
            tracing::warn!(carrier = %knock.carrier, %unreadable, "a signed callback cannot be read");
            return thanks;
        }
    };
    let (Some(tenant), Some(call)) = (tenant(knock, claim), CallName::read(&callback.carrier_call_id)) else {
        tracing::warn!(carrier = %knock.carrier, "a callback tells of nobody's call");
        return thanks;
    };
    let event = callback.event(state.clock.now());
    if state.tell(tenant, &call, &[event]).await { thanks } else { Err(Shut::Outage("the queue".to_owned())) }
}

/// Whose call it is: the credential's, or for one of the operator's that of the organization in the URL or of the number.
fn tenant(knock: &Knock, claim: Option<&Claim>) -> Option<Tenant> {
    let holder = knock.holder();
    if whose::is_platform(holder) { knock.named().or_else(|| whose::held(holder, claim).map(|(tenant, _)| tenant)) } else { Some(holder) }
}

/// The number through which a call came or was placed.
fn own_number(callback: &Result<Option<StatusCallback>, Unreadable>) -> Option<E164> {
    let parties = &callback.as_ref().ok()?.as_ref()?.parties;
    let number = if parties.direction == Some(Direction::Outbound) { &parties.from_number } else { &parties.to_number };
    number.as_ref()?.parse().ok()
}
