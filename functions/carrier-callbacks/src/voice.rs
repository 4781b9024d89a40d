//! A carrier asks where a call goes.
//!
//! The answer takes three round trips: credential and claim; number and nonce; endpoint, and beside it the queue, which
//! takes the event that there is a call. Only an endpoint that was switched off costs one more, for the reason.

use std::time::Duration;

use axum::response::Response;
use domain::{
    carrier::Carrier,
    route::{Reason, Treatment},
};
use tokio::time::timeout;

use crate::{
    State,
    answer::refused,
    call::Call,
    door::{Knock, Shut, forbidden, xml},
    status, whose,
};

/// How long the whole answer may take. Carriers wait for 15 s, Vobiz for 3 s.
const fn limit(carrier: Carrier) -> Duration {
    Duration::from_millis(match carrier {
        Carrier::Twilio | Carrier::Plivo => 8_000,
        Carrier::Vobiz => 2_700,
    })
}

/// `…/voice`. What cannot be found out in time makes a busy line: a carrier that gets an error hangs up on the caller with
/// an announcement of its own.
pub(crate) async fn answer(state: &State, knock: &Knock) -> Response {
    let cause = match timeout(limit(knock.carrier), answered(state, knock)).await {
        Ok(Ok(response)) => return response,
        Ok(Err(Shut::Forbidden)) => return forbidden(),
        Ok(Err(Shut::Outage(cause))) => cause,
        Err(_) => "the answer took too long".to_owned(),
    };
    tracing::error!(carrier = %knock.carrier, cause, "a call could not be routed");
    xml(refused(knock.carrier, Reason::Unavailable.treatment()))
}

async fn answered(state: &State, knock: &Knock) -> Result<Response, Shut> {
    // Who has not signed is not told whether the request could be read.
    let request = carriers::voice(knock.carrier, &knock.request());
    let dialled = request.as_ref().ok().and_then(|request| request.to.number.as_ref());
    let claim = async { Ok(state.claim(knock.token.mode, dialled).await?) };
    let (credential, claim) = tokio::try_join!(state.credential(knock), claim)?;
    let visitor = state.verified(knock, credential).await?;
    let request = match request {
        Ok(request) if request.awaits_route => request,
        Ok(_) => return status::told(state, knock, &visitor, claim.as_ref()).await,
        Err(unreadable) => {
            tracing::warn!(carrier = %knock.carrier, %unreadable, "a signed question cannot be read");
            return Ok(xml(refused(knock.carrier, Treatment::Busy)));
        }
    };
    let held = whose::held(knock.holder(), claim.as_ref());
    let (number, fresh) = tokio::join!(state.number(held), state.fresh(knock, &visitor));
    fresh?;
    // A call to a number that nobody holds is nobody's: there is no record for a reason.
    let Some((call, tenant)) = held.and_then(|(tenant, _)| Some((Call::new(state, tenant, visitor.credential, &request)?, tenant))) else {
        tracing::info!(carrier = %knock.carrier, reason = Reason::UnknownNumber.as_str(), "a call was not connected");
        return Ok(xml(refused(knock.carrier, Reason::UnknownNumber.treatment())));
    };
    let outcome = Box::pin(call.routed(number)).await;
    Ok(xml(outcome.xml(knock.carrier, &knock.status_url(&state.base_url, tenant))))
}
