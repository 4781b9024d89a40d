//! Subscriptions on the deployed stack: what becomes of numbers, endpoints and calls is told to them, signed.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Receiver, fixture, wait};

use crate::setup::{LIMIT, World};

/// The names of the events that arrived so far.
fn names(receiver: &Receiver) -> BTreeSet<String> {
    receiver.arrivals().iter().map(|arrival| arrival.json()["event"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_subscription_is_told_what_becomes_of_numbers_endpoints_and_calls() {
    let world = World::new().await;
    let (receiver, endpoint_receiver) = (Receiver::start().await, Receiver::start().await);
    let body = json!({"url": receiver.url, "events": ["phone_number.*", "endpoint.*", "call.ended", "call.*"]});
    let subscription = world.client.post("/v1/webhooks", body).await.expect(201);
    let line = world.line(&endpoint_receiver).await;
    let (call, events) = world.events("answered-call.json", &line.number["e164"]);
    world.stack.send("call-events", &events.iter().map(ToString::to_string).collect::<Vec<_>>()).await;
    world.call(call, |call| call["status"] == "completed").await;
    let number = format!("/v1/phone-numbers/{}", line.number["id"].as_str().unwrap());
    world.client.patch(&number, json!({"endpointId": null})).await.expect(200);
    let endpoint = format!("/v1/endpoints/{}", line.endpoint["id"].as_str().unwrap());
    world.client.patch(&endpoint, json!({"name": "Renamed"})).await.expect(200);
    assert_eq!(world.client.delete(&endpoint).await.status.as_u16(), 204);
    world.client.delete(&format!("{number}?action=release")).await.expect(200);

    let wanted: BTreeSet<String> = [
        "phone_number.purchased",
        "phone_number.updated",
        "phone_number.released",
        "endpoint.created",
        "endpoint.updated",
        "endpoint.deleted",
        "call.initiated",
        "call.ringing",
        "call.answered",
        "call.ended",
    ]
    .map(str::to_owned)
    .into();
    wait::until("every event", LIMIT, || async { (names(&receiver) == wanted).then_some(()) }).await;
    for arrival in receiver.arrivals() {
        arrival.verify(subscription["secret"].as_str().unwrap(), fixture::now()).unwrap();
    }
    let purchased = receiver.arrivals().iter().map(|arrival| arrival.json()).find(|body| body["event"] == "phone_number.purchased");
    let purchased = purchased.unwrap();
    assert_eq!((&purchased["data"]["id"], &purchased["organization_id"]), (&line.number["id"], &line.number["organization_id"]));
    assert_eq!(purchased["data"]["endpoint_id"], line.endpoint["id"]);
}

#[tokio::test]
async fn a_test_event_goes_to_one_subscription_whatever_it_takes() {
    let world = World::new().await;
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let create = async |receiver: &Receiver, events: Value| {
        world.client.post("/v1/webhooks", json!({"url": receiver.url, "events": events})).await.expect(201)
    };
    let subscription = create(&receiver, json!(["call.completed"])).await;
    create(&other, json!(["*"])).await;
    let path = format!("/v1/webhooks/{}/test", subscription["id"].as_str().unwrap());
    let sent = world.client.post(&path, json!({})).await.expect(202);
    let arrivals = receiver.wait_for(1, LIMIT).await;
    assert_eq!(arrivals[0].header("webhook-id"), sent["webhook_id"].as_str().unwrap());
    let body = arrivals[0].json();
    assert_eq!((&body["event"], &body["id"]), (&json!("webhook.test"), &sent["event_id"]));
    assert_eq!(body["data"]["webhook"]["secret"], "whsec_********");
    assert!(other.arrivals().is_empty());
}

#[tokio::test]
async fn a_deleted_subscription_and_a_switched_off_one_are_told_nothing() {
    let world = World::new().await;
    let (deleted, off, on) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let mut paths = Vec::new();
    for receiver in [&deleted, &off, &on] {
        let subscription = world.client.post("/v1/webhooks", json!({"url": receiver.url})).await.expect(201);
        paths.push(format!("/v1/webhooks/{}", subscription["id"].as_str().unwrap()));
    }
    assert_eq!(world.client.delete(&paths[0]).await.status.as_u16(), 204);
    world.client.patch(&paths[1], json!({"active": false})).await.expect(200);
    world.client.post("/v1/endpoints", json!({"name": "E", "type": "webhook", "url": "https://hooks.example.com/x"})).await.expect(201);
    on.wait_for(1, LIMIT).await;
    assert_eq!((deleted.arrivals().len(), off.arrivals().len()), (0, 0));
}
