//! A carrier tells what became of a call.
//!
//! The queue has it before the carrier is thanked. If the queue or the table cannot be reached the answer is 503 without a
//! word, but for who waits for XML: who asks again will be told nothing new, and the event is the same one (ADR 0028).

use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use carriers::{Answer, StatusCallback, Unreadable};
use domain::{E164, call::Direction, callback::CallMark};
use http::StatusCode;
use store::{StoreError, Tenant};
use tokio::time::timeout;

use crate::{
    State,
    door::{Knock, Shut, forbidden, xml},
    events::CallName,
    whose,
};

/// What a callback tells, if it can be read.
type Told = Result<Option<StatusCallback>, Unreadable>;

/// How long it may take. No carrier waits for less.
const LIMIT: Duration = Duration::from_millis(2_700);

/// `…/status`.
pub(crate) async fn take(state: &State, knock: &Knock) -> Response {
    let cause = match timeout(LIMIT, Box::pin(taken(state, knock))).await {
        Ok(Ok(response)) => return response,
        Ok(Err(Shut::Forbidden)) => return forbidden(),
        Ok(Err(Shut::Outage(cause))) => cause,
        Err(_) => "it took too long".to_owned(),
    };
    not_taken(knock, &cause)
}

/// The answer where the queue does not have it: it is to be sent again. Who waits for XML gets it: an error would be announced to
/// the caller, and the same is told to the status URL of the leg.
pub(crate) fn not_taken(knock: &Knock, cause: &str) -> Response {
    tracing::error!(carrier = %knock.carrier, cause, "a status callback was not taken");
    if carriers::awaits_xml(knock.carrier, &knock.request()) {
        return xml(carriers::answer(knock.carrier, &Answer::HangUp));
    }
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

async fn taken(state: &State, knock: &Knock) -> Result<Response, Shut> {
    let callback = carriers::status(knock.carrier, &knock.request());
    let (credential, tenant) = tokio::join!(state.credential(knock), tenant(state, knock, &callback));
    let credential = credential?;
    let verified = state.verified(knock, &credential).await?;
    state.admitted(knock, &credential, Some(verified)).await?;
    queued(state, knock, callback, tenant?).await
}

/// What came to the address for questions, though it is none: some carriers have one address for everything. It was let in.
pub(crate) async fn told(state: &State, knock: &Knock) -> Result<Response, Shut> {
    let callback = carriers::status(knock.carrier, &knock.request());
    let tenant = tenant(state, knock, &callback).await?;
    queued(state, knock, callback, tenant).await
}

async fn queued(state: &State, knock: &Knock, callback: Told, tenant: Option<Tenant>) -> Result<Response, Shut> {
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
    let (Some(tenant), Some(call)) = (tenant, CallName::read(&callback.carrier_call_id)) else {
        tracing::warn!(carrier = %knock.carrier, "a callback tells of nobody's call");
        return thanks;
    };
    let event = callback.event(state.clock.now());
    if state.tell(tenant, &call, &[event]).await { thanks } else { Err(Shut::Outage("the queue".to_owned())) }
}

/// Whose call it is: the credential's. For one of the operator's: that of the organization in the URL; else whose it was when
/// the carrier asked where it goes, whoever holds the number now; else, of a call that was not asked about, who holds it.
async fn tenant(state: &State, knock: &Knock, callback: &Told) -> Result<Option<Tenant>, StoreError> {
    let holder = knock.holder();
    if !whose::is_platform(holder) {
        return Ok(Some(holder));
    }
    if let Some(named) = knock.named() {
        return Ok(Some(named));
    }
    let Ok(Some(callback)) = callback else { return Ok(None) };
    let (call, number) = (CallMark::of(&callback.carrier_call_id), own_number(callback));
    let carried = state.table.carried(holder, knock.token.credential, &call);
    let (carried, claim) = tokio::try_join!(carried, state.claim(holder.mode(), number.as_ref()))?;
    let now_held = || whose::held(holder, claim.as_ref()).map(|(tenant, _)| tenant);
    Ok(carried.map(|org| whose::carried(holder, org)).or_else(now_held))
}

/// The number through which a call came or was placed.
fn own_number(callback: &StatusCallback) -> Option<E164> {
    let parties = &callback.parties;
    let number = if parties.direction == Some(Direction::Outbound) { &parties.from_number } else { &parties.to_number };
    number.as_ref()?.parse().ok()
}
