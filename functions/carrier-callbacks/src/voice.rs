//! A carrier asks where a call goes.
//!
//! The answer takes three round trips (ADR 0035): credential and claim; number, endpoint and nonce; the queue, which takes the
//! events that there is a call and, if it is not connected, why. A webhook endpoint is asked before the last of them.

use std::time::Duration;

use axum::response::Response;
use carriers::{Unreadable, VoiceRequest};
use domain::{
    carrier::Carrier,
    route::{Reason, Treatment},
};
use store::StoreError;
use tokio::time::timeout;

use crate::{
    State,
    answer::refused,
    call::{Call, TELLING},
    door::{Knock, Shut, forbidden, xml},
    status, whose,
};

/// How long the whole answer may take. Carriers wait for 15 s, Vobiz for 3 s, in which a process may have to start and a
/// connection to be made.
const fn limit(carrier: Carrier) -> Duration {
    Duration::from_millis(match carrier {
        Carrier::Twilio | Carrier::Plivo => 8_000,
        Carrier::Vobiz => 2_400,
    })
}

/// `…/voice`. What cannot be found out in time makes a busy line: a carrier that gets an error hangs up on the caller with
/// an announcement of its own. The reason is kept if it is known by then whose call it is. What is no question is sent again.
pub(crate) async fn answer(state: &State, knock: &Knock) -> Response {
    // Who has not signed is not told whether the request could be read.
    let asked = carriers::voice(knock.carrier, &knock.request());
    let is_question = asked.as_ref().is_ok_and(|request| request.awaits_route);
    let mut reached = None;
    // The end of the time is for telling why.
    let said = timeout(limit(knock.carrier) - TELLING, Box::pin(answered(state, knock, asked, &mut reached))).await;
    let cause = match said {
        Ok(Ok(response)) => return response,
        Ok(Err(Shut::Forbidden)) => return forbidden(),
        Ok(Err(Shut::Outage(cause))) => cause,
        Err(_) => "the answer took too long".to_owned(),
    };
    if !is_question {
        return status::not_taken(knock, &cause);
    }
    tracing::error!(carrier = %knock.carrier, cause, "a call could not be routed");
    if let Some(call) = reached {
        call.refuse(Reason::Unavailable.into()).await;
    }
    xml(refused(knock.carrier, Reason::Unavailable.treatment()))
}

/// The answer. Once its carrier is let in the call is `reached`, and stays so if the rest is not waited for.
async fn answered<'a>(
    state: &'a State,
    knock: &Knock,
    asked: Result<VoiceRequest, Unreadable>,
    reached: &mut Option<Call<'a>>,
) -> Result<Response, Shut> {
    let dialled = asked.as_ref().ok().and_then(|request| request.to.number.as_ref());
    let (credential, claim) = tokio::join!(state.credential(knock), state.claim(knock.token.mode, dialled));
    let credential = credential?;
    let verified = state.verified_at_once(knock, &credential).await?;
    // Without a nonce there is nothing that could still be wrong.
    let is_let_in = verified.as_ref().is_some_and(|verified| verified.nonces.is_empty());
    let (claim, lost) = claim.map_or_else(|error| (None, Some(error)), |claim| (claim, None));
    let call = asked.as_ref().ok().filter(|request| request.awaits_route).and_then(|request| {
        let (tenant, claim) = whose::asked(knock.holder(), claim)?;
        Call::new(state, tenant, knock, request, claim)
    });
    let stored = async {
        match call.as_ref().filter(|_| is_let_in) {
            Some(call) => call.stored().await,
            None => None,
        }
    };
    let seen = state.seen(call.as_ref().and_then(Call::held), call.as_ref().and_then(Call::claim));
    let (admitted, seen, id) = tokio::join!(state.admitted(knock, &credential, verified), seen, stored);
    admitted?;
    let Some(call) = call else { return uncalled(state, knock, asked, lost).await };
    let call = reached.insert(call.stored_as(id));
    let outcome = match lost {
        Some(error) => call.unavailable(error).await,
        None => Box::pin(call.routed(seen)).await,
    };
    Ok(xml(outcome.xml(knock.carrier, &knock.status_url(&state.base_url, call.tenant()))))
}

/// The answer to what is no call of anybody's.
async fn uncalled(
    state: &State,
    knock: &Knock,
    asked: Result<VoiceRequest, Unreadable>,
    lost: Option<StoreError>,
) -> Result<Response, Shut> {
    match (asked, lost) {
        (Ok(request), _) if !request.awaits_route => status::told(state, knock).await,
        (Err(unreadable), _) => {
            tracing::warn!(carrier = %knock.carrier, %unreadable, "a signed question cannot be read");
            Ok(xml(refused(knock.carrier, Treatment::Busy)))
        }
        // It may be somebody's, and nobody can be told.
        (Ok(_), Some(error)) => Err(error.into()),
        // A call by the operator's credential to a number that nobody holds is nobody's: there is no record for a reason.
        (Ok(_), None) => {
            tracing::info!(carrier = %knock.carrier, reason = Reason::UnknownNumber.as_str(), "a call was not connected");
            Ok(xml(refused(knock.carrier, Reason::UnknownNumber.treatment())))
        }
    }
}
