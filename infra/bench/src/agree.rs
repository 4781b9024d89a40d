//! Before anything is measured: the peers do the same. Their answers equal ours in every field that they have, and what they
//! wrote is read through our own routers and equals what ours wrote.

use anyhow::{Context as _, Result, bail, ensure};
use axum::Router;
use http::Method;
use runtime::Clock;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use testkit::{
    client::ask,
    costs::vault,
    fixture,
    lambda::{Function, Outcome, Signal},
};

use crate::{
    contender::{Language, Programs, Transport},
    operation::Operation,
    world::World,
};

/// Differs by whom it is about and when it happened; only that it is there is compared.
const OWN: [&str; 16] = [
    "id",
    "call_id",
    "delivery_id",
    "event_id",
    "webhook_id",
    "e164",
    "number",
    "sip_uri",
    "username",
    "password",
    "timestamp",
    "expires_at",
    "created_at",
    "updated_at",
    "answered_at",
    "completed_at",
];

/// What the peers leave out: the signed place where the next page begins; and how long an attempt took, which nobody repeats.
const LEFT_OUT: [&str; 3] = ["next_cursor", "duration_ms", "at"];

/// Has everybody do everything once.
///
/// # Errors
/// The first difference.
pub(crate) async fn check(world: &World, programs: &Programs) -> Result<()> {
    for operation in Operation::ALL {
        let mut did = Vec::new();
        for language in Language::ALL {
            let function = programs.function(world, operation.function(), language, Transport::Plain);
            let done = deed(world, operation, function).await.with_context(|| format!("{}, {}", operation.name(), language.name()))?;
            did.push((language, done));
        }
        let [(_, ours), peers @ ..] = &*did else { continue };
        for (language, theirs) in peers {
            if let Some(difference) = difference("", ours, theirs) {
                bail!("{}: {} differs {difference}", operation.name(), language.name());
            }
        }
    }
    Ok(())
}

/// What an operation answers and leaves behind.
async fn deed(world: &World, operation: Operation, mut function: Function) -> Result<Value> {
    let events = operation.events(world, 1).await?;
    let mut answer = Value::Null;
    for event in &events {
        answer = match function.invoke(event.clone(), std::future::pending()).await {
            Outcome::Answered(answer) => answer,
            outcome => bail!("{outcome:?}"),
        };
        operation.succeeded(&answer)?;
    }
    function.stop(Signal::KILL).await?;
    let body: Value = answer["body"].as_str().map_or(Ok(Value::Null), serde_json::from_str)?;
    let mut whole = match operation {
        Operation::GetNumber | Operation::ListCalls => body,
        Operation::BuyNumber => json!([body, bought(world, &body).await?]),
        Operation::TakeEvents => told(world, &events).await?,
        Operation::Deliver => delivered(world).await?,
    };
    even(&mut whole);
    Ok(whole)
}

/// A number as its buyer reads it, its password opened.
async fn bought(world: &World, number: &Value) -> Result<Value> {
    let state = phone_numbers::State::new(world.local.table.clone(), vault(), fixture::nowhere(), Clock::System, "sip.example.com");
    let id = number["id"].as_str().context("a number has an id")?;
    read(world, &phone_numbers::app(state), &format!("/v1/phone-numbers/{id}")).await
}

/// A call whose events were taken, with its transcript, and its line in the list.
async fn told(world: &World, events: &[Value]) -> Result<Value> {
    let body: Value = serde_json::from_str(events[0]["Records"][0]["body"].as_str().context("a record has a body")?)?;
    let id = body["call_id"].as_str().context("an event names its call")?;
    let calls = calls::app(calls::State::new(world.local.table.clone(), vault(), fixture::nowhere(), Clock::System));
    let call = read(world, &calls, &format!("/v1/calls/{id}")).await?;
    let list = read(world, &calls, "/v1/calls?limit=10").await?;
    let listed = list["data"].as_array().and_then(|list| list.iter().find(|call| call["id"] == id)).context("the call is not listed")?;
    let statistics = read(world, &calls, "/v1/calls/stats").await?;
    ensure!(list["total"] == statistics["total"], "list and statistics differ: {list} {statistics}");
    Ok(json!([call, listed]))
}

/// The webhook that arrived last, whose signatures must verify, and what is known of its delivery.
async fn delivered(world: &World) -> Result<Value> {
    let arrivals = world.receiver.arrivals();
    let last = arrivals.last().context("nothing arrived")?;
    last.verify(world.secret.reveal().expose_secret(), fixture::now()).map_err(anyhow::Error::msg)?;
    let nowhere = fixture::nowhere();
    let state = webhooks_api::State::new(world.local.table.clone(), vault(), nowhere, Clock::System, webhooks::guard::Loopback::Allowed);
    let call = last.json()["data"]["call_id"].as_str().context("it names no call")?.to_owned();
    let path = format!("/v1/webhooks/deliveries?call_id={call}");
    let list = read(world, &webhooks_api::app(state), &path).await?;
    Ok(json!([last.json(), list]))
}

async fn read(world: &World, app: &Router, path: &str) -> Result<Value> {
    let answer = ask(app, world.whole.reveal(), Method::GET, path, None).await;
    ensure!(answer.status == 200, "{path}: {}", answer.text);
    Ok(answer.body)
}

/// Puts a mark in place of what is of one's own.
fn even(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !LEFT_OUT.contains(&name.as_str()));
            for (name, value) in fields {
                if OWN.contains(&name.as_str()) && !value.is_null() {
                    *value = json!("one's own");
                } else {
                    even(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(even),
        _ => {}
    }
}

/// Where two values differ first, and what they say there. Numbers are equal that mean the same: JavaScript has one kind of them.
fn difference(at: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            one.iter().zip(other.values()).find_map(|((name, one), other)| difference(&format!("{at}/{name}"), one, other))
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            one.iter().zip(other).enumerate().find_map(|(place, (one, other))| difference(&format!("{at}/{place}"), one, other))
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => None,
        _ if ours == theirs => None,
        _ => Some(format!("at {at}: {theirs} beside our {ours}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_ones_own_may_differ_and_nothing_else() {
        let compared = |mut one: Value, mut other: Value| {
            even(&mut one);
            even(&mut other);
            difference("", &one, &other)
        };
        assert_eq!(compared(json!({"id": "a", "cost": 0, "next_cursor": "x"}), json!({"id": "b", "cost": 0.0})), None);
        assert_eq!(compared(json!([{"at": 1, "n": 1}]), json!([{"n": 2}])).unwrap(), "at /0/n: 2 beside our 1");
        assert!(compared(json!({"id": "a"}), json!({"id": null})).is_some(), "one has none");
        assert!(compared(json!({"a": 1}), json!({"a": 1, "b": 1})).is_some(), "a field more");
    }
}
