//! Simulated calls on the deployed stack: with a test key alone a developer sees a call's record and its webhooks.

use std::collections::BTreeSet;

use domain::{CallId, Mode, simulation::STRANGER};
use rstest::rstest;
use serde_json::{Value, json};
use testkit::{Client, Fixture, Receiver, fixture, receiver::Arrival, wait};

use crate::{
    given::assert_refused,
    setup::{LIMIT, World},
};

const PATH: &str = "/v1/test/calls";

fn distinct<'a>(values: impl IntoIterator<Item = &'a Value>) -> BTreeSet<&'a str> {
    values.into_iter().map(|value| value.as_str().unwrap()).collect()
}

#[rstest]
#[case::answered("answered", "completed", 30)]
#[case::missed("missed", "no_answer", 0)]
#[case::busy("busy", "busy", 0)]
#[case::failed("failed", "failed", 0)]
#[case::duplicate("duplicate", "completed", 30)]
#[case::shuffled("shuffled", "completed", 30)]
#[case::no_terminal("no_terminal", "ringing", 0)]
#[case::late_ringing("late_ringing", "completed", 30)]
#[tokio::test]
async fn a_simulated_call_has_its_record_and_a_verified_webhook_for_each_event(
    #[case] script: &str,
    #[case] status: &str,
    #[case] duration: u32,
) {
    let world = World::of(Mode::Test).await;
    let receiver = Receiver::start().await;
    let line = world.line(&receiver).await;
    let answer = world.client.post(PATH, json!({"script": script, "to": line.number["e164"]})).await.expect(202);
    assert_eq!((&answer["script"], &answer["status"]), (&json!(script), &json!(status)));
    let sent = answer["events"].as_array().unwrap();
    let (ids, kinds) = (distinct(sent.iter().map(|event| &event["id"])), distinct(sent.iter().map(|event| &event["type"])));

    let id: CallId = answer["call_id"].as_str().unwrap().parse().unwrap();
    let call = world.call(id, |call| call["events"].as_array().is_some_and(|events| events.len() == ids.len())).await;
    assert_eq!((&call["status"], &call["duration"]), (&json!(status), &json!(duration)));
    assert_eq!(distinct(call["events"].as_array().unwrap().iter().map(|event| &event["id"])), ids);
    assert_eq!((&call["phone_number_id"], &call["endpoint_id"]), (&line.number["id"], &line.endpoint["id"]));
    assert_eq!((&call["from_number"], &call["metadata"]["simulated"]), (&json!(STRANGER), &json!(true)));

    // At least once: a webhook may come again, under its id.
    let webhooks =
        |arrivals: &[Arrival]| arrivals.iter().map(|arrival| arrival.header("webhook-id").to_owned()).collect::<BTreeSet<_>>().len();
    let arrivals = wait::until("a webhook for each event", LIMIT, || async {
        Some(receiver.arrivals()).filter(|arrivals| webhooks(arrivals) >= ids.len())
    })
    .await;
    assert_eq!(webhooks(&arrivals), ids.len(), "none for an event that is told twice");
    let bodies: Vec<Value> = arrivals.iter().map(Arrival::json).collect();
    assert_eq!(distinct(bodies.iter().map(|body| &body["event"])), kinds);
    assert!(bodies.iter().all(|body| body["data"]["call_id"] == answer["call_id"]));
    for arrival in &arrivals {
        arrival.verify(line.endpoint["secret"].as_str().unwrap(), fixture::now()).unwrap();
    }
}

#[tokio::test]
async fn late_ringing_stands_in_the_timeline_without_effect() {
    let world = World::of(Mode::Test).await;
    let line = world.line(&Receiver::start().await).await;
    let answer = world.client.post("/api/v1/test/calls", json!({"script": "late_ringing", "to": line.number["e164"]})).await.expect(202);
    let id = answer["id"].as_str().unwrap().parse().unwrap();
    let ringing = |call: &Value| call["events"].as_array().into_iter().flatten().find(|event| event["type"] == "call.ringing").cloned();
    let call = world.call(id, |call| ringing(call).is_some()).await;
    let ringing = ringing(&call).unwrap();
    assert_eq!((&ringing["ignored"], &ringing["ignored_reason"]), (&json!(true), &json!("call_was_over")));
    assert_eq!(call["status"], "completed");
}

#[tokio::test]
async fn a_play_that_is_sent_again_with_its_key_is_one_call_of_the_test_data_alone() {
    let world = World::of(Mode::Test).await;
    let line = world.line(&Receiver::start().await).await;
    let body = json!({"script": "missed", "to": line.number["e164"]});
    let play = async || world.client.send_with(http::Method::POST, PATH, Some(&body), &[("idempotency-key", "play-1")]).await;
    let (first, again) = (play().await, play().await);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let first = first.expect(202);
    assert_eq!(first, again.expect(202));
    world.call(first["id"].as_str().unwrap().parse().unwrap(), |call| call["status"] == "no_answer").await;
    wait::until("the call to be listed", LIMIT, || async { (world.client.get("/v1/calls").await.body["total"] == 1).then_some(()) }).await;
    let live = store::Tenant::new(world.fixture.tenant.org(), Mode::Live);
    let live_key = fixture::key(&world.stack.table(), live, domain::scope::Scope::ALL.iter().copied().collect()).await;
    let live = Client::new(&world.stack.base_url, live_key.reveal());
    assert_eq!(live.get("/v1/calls").await.expect(200)["total"], 0);
    assert_refused(&live.post(PATH, body).await, 403, "FORBIDDEN", &[]);
}

#[tokio::test]
async fn a_number_of_nobody_or_of_another_organization_is_refused() {
    let world = World::of(Mode::Test).await;
    let line = world.line(&Receiver::start().await).await;
    let other = Fixture::create(&world.stack.table(), Mode::Test).await;
    let other = Client::new(&world.stack.base_url, other.key.reveal());
    for (client, number) in [(&other, &line.number["e164"]), (&world.client, &json!("+2349099999999"))] {
        assert_refused(&client.post(PATH, json!({"script": "answered", "to": number})).await, 400, "VALIDATION_ERROR", &["to"]);
    }
    assert_refused(&world.client.post(PATH, json!({})).await, 400, "MISSING_FIELDS", &["script", "to"]);
}
