//! Simulated calls: with a test key a whole call is told, through the queue by which every source tells its own.
//!
//! Nothing here writes a record or a webhook. That is for the function behind the queue, which cannot tell a simulated
//! event from another.

use api::{Born, Caller, Code, Fields, JsonBody, Problem};
use axum::{Json, extract::State};
use domain::{
    E164, Invalid, Mode,
    call::Direction,
    simulation::{Play, Script, Sending, Simulation},
    wire,
};
use http::StatusCode;
use queue::{CallEventMessage, OutMessage};
use store::{Consistency, Tenant};

/// `POST /test/calls`: plays a call by a script, in test data alone.
pub(crate) async fn simulate_call(
    State(state): State<crate::State>,
    caller: Caller,
    Born(birth): Born,
    JsonBody(mut fields): JsonBody,
) -> Result<(StatusCode, Json<wire::SimulatedCall>), Problem> {
    if caller.tenant.mode() != Mode::Test {
        return Err(Problem::new(Code::Forbidden, "Calls are simulated in test data alone: use a key of test mode"));
    }
    let play = read(&mut fields)?;
    require_own(&state, caller.tenant, &play).await?;
    let simulation = play.simulate(birth).map_err(Problem::internal)?;
    let messages = messages(caller.tenant, &simulation)?;
    state.call_events.send_all(&messages).await.map_err(Problem::queue_unavailable)?;
    Ok((StatusCode::ACCEPTED, Json(answer(play.script, simulation))))
}

/// What the body asks for. The organization's own number is required, the other side's is not.
fn read(fields: &mut Fields) -> Result<Play, Problem> {
    require(fields, "script");
    let script: Option<Script> = fields.parsed("script");
    let direction = if fields.has("direction") { fields.parsed("direction") } else { Some(Direction::Inbound) };
    if let Some(direction) = direction {
        require(fields, own_field(direction));
    }
    let (to, from): (Option<E164>, Option<E164>) = (fields.parsed("to"), fields.parsed("from"));
    fields.finish()?;
    let (own, other) = if direction == Some(Direction::Outbound) { (from, to) } else { (to, from) };
    match (script, direction, own) {
        (Some(script), Some(direction), Some(own)) => Ok(Play { script, direction, own, other }),
        _ => Err(Problem::internal("a required field passed as missing")),
    }
}

fn require(fields: &mut Fields, field: &str) {
    if !fields.has(field) {
        fields.missing(field);
    }
}

/// The field that names the organization's number.
const fn own_field(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "to",
        Direction::Outbound => "from",
    }
}

/// A number that is not the organization's would make dead letters and no call: nothing is sent for it.
async fn require_own(state: &crate::State, tenant: Tenant, play: &Play) -> Result<(), Problem> {
    let claim = state.table.claim(tenant.mode(), &play.own, Consistency::Strong).await?;
    if claim.is_some_and(|claim| claim.organization_id == tenant.org()) {
        return Ok(());
    }
    let problem = "must be a number that the organization holds in test data: buy or register one with a key of test mode";
    Err(Problem::invalid(vec![Invalid::new(own_field(play.direction), problem)]))
}

fn messages(tenant: Tenant, simulation: &Simulation) -> Result<Vec<OutMessage>, Problem> {
    let message = |sending: &Sending| {
        let event = sending.event.clone();
        let message =
            CallEventMessage { organization_id: tenant.org(), mode: tenant.mode(), call_id: simulation.call_id, alias: None, event };
        let body = message.to_json().map_err(Problem::internal)?;
        Ok(OutMessage { body, delay_seconds: sending.delay_seconds, group: Some(tenant.org().to_string()) })
    };
    simulation.sendings.iter().map(message).collect()
}

fn answer(script: Script, simulation: Simulation) -> wire::SimulatedCall {
    let (call_id, status) = (simulation.call_id, simulation.status());
    let sent = |Sending { event, .. }| wire::SimulatedEvent { id: event.id, kind: event.kind, timestamp: event.timestamp };
    let events = simulation.sendings.into_iter().map(sent).collect();
    wire::SimulatedCall { call_id, id: call_id, script: script.as_str(), status, events }
}

#[cfg(test)]
mod tests {
    use domain::{OrgId, idempotency::Birth};

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test says whose data is meant")]
    fn every_message_reads_back_as_it_was_made() {
        let tenant = Tenant::new("0198c0de-0000-7000-8000-0000000000a1".parse::<OrgId>().unwrap(), Mode::Test);
        let birth = Birth { at: "2026-01-02T03:04:05.678Z".parse().unwrap(), bytes: [7; 10] };
        for script in Script::ALL {
            for direction in Direction::ALL {
                let play = Play { script, direction, own: "+2348030000001".parse().unwrap(), other: None };
                let simulation = play.simulate(birth).unwrap();
                let messages = messages(tenant, &simulation).unwrap();
                assert_eq!(messages.len(), simulation.sendings.len());
                for (message, sending) in messages.iter().zip(simulation.sendings) {
                    let read = CallEventMessage::from_json(&message.body, birth.at).unwrap();
                    let (organization_id, mode, call_id) = (tenant.org(), Mode::Test, simulation.call_id);
                    assert_eq!(read, CallEventMessage { organization_id, mode, call_id, alias: None, event: sending.event });
                    assert_eq!(message.delay_seconds, sending.delay_seconds);
                }
            }
        }
    }

    #[test]
    fn all_that_is_wrong_with_a_body_is_told_at_once() {
        let refused = |body: &str| read(&mut Fields::parse(body.as_bytes()).unwrap()).unwrap_err();
        let problem = refused(r#"{"script": "hangup", "direction": "sideways", "to": "08030000001", "from": 7}"#);
        assert_eq!(problem.code(), Code::ValidationError);
        let told = format!("{problem:?}");
        for field in ["script: must be answered, missed", "direction: must be inbound", "to: must be an E.164", "from: must be a string"] {
            assert!(told.contains(field), "{field}: {told}");
        }
        let missing = [("{}", ["script", "to"]), (r#"{"direction": "outbound"}"#, ["script", "from"])];
        for (body, fields) in missing {
            let problem = refused(body);
            assert_eq!(problem.code(), Code::MissingFields);
            assert!(fields.iter().all(|field| format!("{problem:?}").contains(&format!("(\"{field}\", \"is required\")"))), "{problem:?}");
        }
    }
}
