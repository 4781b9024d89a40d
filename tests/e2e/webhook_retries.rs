//! A receiver that fails gets the same bytes again.

use testkit::Receiver;

use crate::setup::{LIMIT, World};

#[tokio::test]
async fn a_delivery_that_failed_comes_again_with_the_same_id_and_bytes() {
    let world = World::new().await;
    let receiver = Receiver::answering(&[503]).await;
    let line = world.line(&receiver).await;
    let (_, events) = world.events("missed-call.json", &line.number["e164"]);
    world.stack.send("call-events", &[events[0].to_string()]).await;
    let arrivals = receiver.wait_for(2, LIMIT).await;
    assert_eq!(arrivals[0].header("webhook-id"), arrivals[1].header("webhook-id"));
    assert_eq!(arrivals[0].body, arrivals[1].body);
    let time = |at: usize| arrivals[at].header("webhook-timestamp").parse::<i64>().unwrap();
    assert!(time(1) - time(0) >= 4, "the first retry comes after 5 s, give or take a fifth");
    for arrival in &arrivals {
        arrival.verify(line.endpoint["secret"].as_str().unwrap(), testkit::fixture::now()).unwrap();
    }
}
