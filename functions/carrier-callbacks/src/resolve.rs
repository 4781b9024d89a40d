//! The same answer for the operator's own SIP edge, which takes calls to the SIP addresses of numbers.

use api::{Caller, JsonBody, Problem, ShowsSecret};
use axum::{Extension, Json, extract::State};
use domain::{
    CallId, E164, EndpointId,
    call::{CallEvent, Direction, EventKind, Facts, Parties},
    number::PhoneNumber,
    route::{Answer, Asked, Decision, Reason, SipTarget, route},
    wire,
};
use runtime::random;
use store::Tenant;

use crate::{answer::Outcome, ask::Question, events::CallName, explain::Query, find::Found, whose::held};

/// `POST /route/resolve`: `to`, `from`, `call_id`. For the operator's keys alone: the answer may carry a SIP password, and
/// numbers of every organization are found.
pub(crate) async fn resolve_route(
    State(state): State<crate::State>,
    caller: Caller,
    JsonBody(mut fields): JsonBody,
) -> Result<(Extension<ShowsSecret>, Json<wire::ResolvedRoute>), Problem> {
    let now = state.clock.now();
    let name = match fields.text("call_id") {
        Some(text) => CallName::read(&text),
        None => Some(CallName::Id(CallId::new(now, random::bytes()))),
    };
    if name.is_none() {
        fields.fault("call_id", "must be a UUID, or another id of 1 to 128 printable ASCII characters without spaces");
    }
    let query = Query::read(&mut fields, now)?;
    let name = name.ok_or_else(|| Problem::internal("a faulty field passed as sound"))?;
    let claim = state.claim(caller.tenant.mode(), Some(&query.to)).await?;
    let held = held(caller.tenant, claim.as_ref());
    let number = state.number(held).await?;
    let shown = match held.zip(number) {
        Some(((tenant, _), number)) => {
            let found = state.endpoints(tenant, &number).await?;
            let outcome = state.resolved(tenant, &query, &name, &number, &found).await?;
            resolved(outcome, Some((tenant, &number)), found.chosen().map(|endpoint| endpoint.id))
        }
        None => resolved(Reason::UnknownNumber.into(), None, None),
    };
    Ok((Extension(ShowsSecret), Json(shown)))
}

impl crate::State {
    /// What a call comes to that no carrier signed for.
    async fn resolved(
        &self,
        tenant: Tenant,
        query: &Query,
        name: &CallName,
        number: &PhoneNumber,
        found: &Found,
    ) -> Result<Outcome, Problem> {
        let route = route(&Asked { number: Some(number), signed_by: None, endpoints: found.as_endpoints(), at: query.at });
        let listener = match route.decision {
            Decision::Dial(target) => {
                let password = self.password(tenant, &target).await?;
                return Ok(Outcome::Sip(target, password));
            }
            Decision::Refuse(refusal) => return Ok(Outcome::Refused(refusal)),
            Decision::Ask(listener) => listener,
        };
        let Some(endpoint) = found.chosen() else { return Ok(Reason::EndpointGone.into()) };
        let initiated = initiated(query, number)?;
        let question = Question { tenant, carrier: None, name, id: None, initiated: &initiated, number, endpoint };
        Ok(match self.ask(&question).await.of_call_to(number) {
            Answer::Sip(uri) => Outcome::Sip(SipTarget::named(listener.endpoint, &uri), None),
            Answer::Number(number) => Outcome::Number(number),
            Answer::Refuse(refusal) => Outcome::Refused(refusal),
        })
    }
}

/// What an endpoint is shown of the call. It is told to nobody else: the SIP edge tells of its calls itself.
fn initiated(query: &Query, number: &PhoneNumber) -> Result<CallEvent, Problem> {
    let parties = Parties {
        from_number: query.from.as_ref().map(E164::to_string),
        to_number: Some(query.to.to_string()),
        direction: Some(Direction::Inbound),
        phone_number_id: Some(number.id),
        ..Parties::default()
    };
    let id = EventKind::Initiated.as_str().parse().map_err(Problem::internal)?;
    Ok(CallEvent { id, kind: EventKind::Initiated, timestamp: query.at, sequence: None, parties, facts: Facts::default() })
}

/// The answer as the SIP edge reads it.
fn resolved(outcome: Outcome, of: Option<(Tenant, &PhoneNumber)>, endpoint: Option<EndpointId>) -> wire::ResolvedRoute {
    let (action, mut shown) = match outcome {
        Outcome::Sip(target, password) => ("dial", wire::ResolvedRoute::sip(target, password)),
        Outcome::Number(number) => ("dial", wire::ResolvedRoute { number: Some(number), ..wire::ResolvedRoute::default() }),
        Outcome::Refused(refusal) => (
            refusal.treatment.as_str(),
            wire::ResolvedRoute { reason: Some(refusal.reason.as_str()), note: refusal.note, ..wire::ResolvedRoute::default() },
        ),
    };
    shown.action = action;
    shown.organization_id = of.map(|(tenant, _)| tenant.org());
    shown.phone_number_id = of.map(|(_, number)| number.id);
    shown.endpoint_id = endpoint;
    shown
}
