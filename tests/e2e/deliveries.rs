//! The log of deliveries and replays on the deployed stack.

use serde_json::{Value, json};
use testkit::{Receiver, wait};

use crate::setup::{LIMIT, World};

/// The deliveries that a query finds, once there are so many.
async fn log(world: &World, query: &str, count: usize) -> Vec<Value> {
    let path = format!("/v1/webhooks/deliveries?{query}");
    let found = || async { Some(world.client.get(&path).await.expect(200)["data"].as_array().unwrap().clone()) };
    wait::until(&path, LIMIT, || async { found().await.filter(|found| found.len() == count) }).await
}

#[tokio::test]
async fn what_was_sent_is_listed_shown_and_sent_again_with_the_same_id_and_bytes() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let line = world.line(&receiver).await;
    let (call, events) = world.events("missed-call.json", &line.number["e164"]);
    world.stack.send("call-events", &events.iter().map(ToString::to_string).collect::<Vec<_>>()).await;
    let first = receiver.wait_for(3, LIMIT).await;
    let endpoint = line.endpoint["id"].as_str().unwrap();
    let listed = log(&world, &format!("call_id={call}&status=delivered"), 3).await;
    assert_eq!(log(&world, &format!("endpoint_id={endpoint}&status=delivered"), 3).await, listed);
    assert_eq!(log(&world, "status=delivered", 3).await, listed);
    assert!(log(&world, "status=dead", 0).await.is_empty());
    let path = format!("/api/v1/webhooks/deliveries/{}", listed[0]["id"].as_str().unwrap());
    let detail = world.client.get(&path).await.expect(200);
    let arrived = first.iter().find(|arrival| arrival.header("webhook-id") == detail["webhook_id"]).unwrap();
    assert_eq!((&arrived.body[..], &detail["attempts"][0]["status"]), (detail["body"].as_str().unwrap().as_bytes(), &json!(200)));

    world.client.post(&format!("{path}/replay"), json!({})).await.expect(202);
    let second = receiver.wait_for(4, LIMIT).await;
    assert_eq!((&second[3].body, second[3].header("webhook-id")), (&arrived.body, arrived.header("webhook-id")));
    second[3].verify(line.endpoint["secret"].as_str().unwrap(), testkit::fixture::now()).unwrap();
    wait::until("the second attempt", LIMIT, || async {
        let attempts = world.client.get(&path).await.expect(200)["attempts_count"].clone();
        (attempts == 2).then_some(())
    })
    .await;
    let range = json!({"endpoint_id": endpoint, "start_date": listed[2]["created_at"], "dry_run": true});
    assert_eq!(world.client.post("/v1/webhooks/replay", range).await.expect(200)["count"], 3);
    let replayed = world.client.post("/v1/webhooks/replay", json!({"call_id": call})).await.expect(202);
    assert_eq!((&replayed["count"], &replayed["next_cursor"]), (&json!(3), &Value::Null));
    receiver.wait_for(7, LIMIT).await;
}
