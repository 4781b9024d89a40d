//! What is wrong with a message stays with that message.

use serde_json::json;
use testkit::{Receiver, stack::DeadLetter, wait};

use crate::setup::{LIMIT, World};

#[tokio::test]
async fn nine_of_ten_succeed_and_the_body_that_is_not_json_is_a_dead_letter_with_a_reason() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let line = world.line(&receiver).await;
    let (answered, first) = world.events("answered-call.json", &line.number["e164"]);
    let (missed, second) = world.events("missed-call.json", &line.number["e164"]);
    let poison = format!("this is not JSON {}", world.fixture.tenant.org());
    let mut bodies: Vec<String> = first.iter().chain(&second).map(ToString::to_string).collect();
    assert_eq!(bodies.len(), 9);
    bodies.insert(4, poison.clone());
    world.stack.send("call-events", &bodies).await;
    world.call(answered, |call| call["events"].as_array().is_some_and(|events| events.len() == 6)).await;
    world.call(missed, |call| call["events"].as_array().is_some_and(|events| events.len() == 3)).await;
    let letter = dead_letter(&world, |letter| letter.body == poison).await;
    assert!(letter.reason.unwrap().contains("JSON"));
}

#[tokio::test]
async fn an_event_for_a_number_that_is_not_the_organizations_is_a_dead_letter_and_no_call() {
    let world = World::new().await;
    let (call, mut events) = world.events("missed-call.json", &json!("+2348039999999"));
    let event = events.remove(0).to_string();
    world.stack.send("call-events", std::slice::from_ref(&event)).await;
    let letter = dead_letter(&world, |letter| letter.body == event).await;
    assert!(letter.reason.unwrap().contains("data.to_number"));
    assert_eq!(world.client.get(&format!("/v1/calls/{call}")).await.code(), "NOT_FOUND");
}

#[tokio::test]
async fn events_that_come_before_their_number_is_told_get_their_webhooks_when_it_is() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let line = world.line(&receiver).await;
    let (call, events) = world.events("missed-call.json", &line.number["e164"]);
    let mut early = events[1..].to_vec();
    early.iter_mut().for_each(|event| event["data"] = json!({"hangup_cause": "NO_ANSWER"}));
    world.stack.send("call-events", &early.iter().map(ToString::to_string).collect::<Vec<_>>()).await;
    world.call(call, |call| call["status"] == "no_answer").await;
    assert!(receiver.arrivals().is_empty(), "nobody is known who could get them");
    world.stack.send("call-events", &[events[0].to_string()]).await;
    let arrivals = receiver.wait_for(3, LIMIT).await;
    let mut names: Vec<String> = arrivals.iter().map(|arrival| arrival.json()["event"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["call.failed", "call.initiated", "call.ringing"]);
}

async fn dead_letter(world: &World, wanted: impl Fn(&DeadLetter) -> bool) -> DeadLetter {
    let look = || async { world.stack.dead_letters("call-events-dead-letters").await.into_iter().find(&wanted) };
    wait::until("a dead letter", LIMIT, look).await
}
