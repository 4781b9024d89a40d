//! Where a call would go, and why: the same rules that a carrier's question meets, and the XML that would be sent.

use api::{Caller, Fields, JsonBody, Problem};
use axum::{Json, extract::State};
use domain::{
    E164, Timestamp,
    number::PhoneNumber,
    route::{Asked, Decision, Reason, Route, route},
    wire,
};
use store::Tenant;

use crate::{answer::Outcome, door::status_url, find::Found, whose::held};

/// What stands for a token that only the carrier's URLs carry, and for a password that nobody is shown.
const TOKEN: &str = "{token}";
const HIDDEN: &str = "********";

/// What is asked.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) to: E164,
    pub(crate) from: Option<E164>,
    pub(crate) at: Timestamp,
}

/// `POST /route/explain`: `to`, `from`, `at`. Nothing is called, told or changed.
pub(crate) async fn explain_route(
    State(state): State<crate::State>,
    caller: Caller,
    JsonBody(mut fields): JsonBody,
) -> Result<Json<wire::RouteExplanation>, Problem> {
    let query = Query::read(&mut fields, state.clock.now())?;
    let (number, found) =
        state.looked_up(caller.tenant, &query).await?.map_or((None, Found::default()), |(number, found)| (Some(number), found));
    let signed_by = number.as_ref().and_then(|number| number.line()).map(|line| line.credential);
    let route = route(&Asked { number: number.as_ref(), signed_by, endpoints: found.as_endpoints(), at: query.at });
    let xml = number.as_ref().and_then(|number| xml(&state.base_url, caller.tenant, number, &route));
    Ok(Json(wire::RouteExplanation::new(number.as_ref(), &route, xml)))
}

impl Query {
    /// Reads what is asked.
    pub(crate) fn read(fields: &mut Fields, now: Timestamp) -> Result<Self, Problem> {
        if !fields.has("to") {
            fields.missing("to");
        }
        let (to, from, at) = (fields.parsed("to"), fields.parsed("from"), fields.parsed("at"));
        fields.finish()?;
        let to = to.ok_or_else(|| Problem::internal("a required field passed as missing"))?;
        Ok(Self { to, from, at: at.unwrap_or(now) })
    }
}

impl crate::State {
    /// The number that is asked about, and what it names; `None` if the asker holds no such number.
    async fn looked_up(&self, asker: Tenant, query: &Query) -> Result<Option<(PhoneNumber, Found)>, Problem> {
        let claim = self.claim(asker.mode(), Some(&query.to)).await?;
        let Some((tenant, id)) = held(asker, claim.as_ref()) else { return Ok(None) };
        let Some(number) = self.number(Some((tenant, id))).await? else { return Ok(None) };
        let found = self.endpoints(tenant, &number).await?;
        Ok(Some((number, found)))
    }
}

/// The XML for the number's carrier, `None` if it has none. Of an endpoint that would be asked nobody knows the answer:
/// shown is what follows if it says nothing.
fn xml(base_url: &str, asker: Tenant, number: &PhoneNumber, route: &Route) -> Option<String> {
    let line = number.line()?;
    let of = number.trunk.filter(|trunk| *trunk == line).map(|_| asker);
    let outcome = match &route.decision {
        Decision::Dial(target) => Outcome::Sip(target.clone(), target.password.as_ref().map(|_| HIDDEN.into())),
        Decision::Ask(_) => Reason::EndpointPassed.into(),
        Decision::Refuse(refusal) => Outcome::Refused(refusal.clone()),
    };
    Some(outcome.xml(line.carrier, &status_url(base_url, line.carrier, TOKEN, of)))
}
