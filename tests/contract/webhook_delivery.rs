//! The delivery function on a real table, with a receiver that misbehaves.

use domain::delivery::DeliveryStatus;
use queue::{DeliveryMessage, RetryMessage};
use serde_json::Value;
use testkit::Receiver;

use crate::delivery_world::World;

/// A world with one event for a receiver that answers so.
async fn begin(statuses: &[u16]) -> (World, Receiver, DeliveryMessage) {
    let (world, receiver) = (World::start().await, Receiver::answering(statuses).await);
    let subscription = world.subscribe(&receiver).await;
    let event = world.event(subscription, world.call());
    (world, receiver, event)
}

async fn deliver(world: &World, event: &DeliveryMessage) {
    world.deliver(std::slice::from_ref(event)).await;
}

/// The message that asks for a later attempt.
async fn retry(world: &World, event: &DeliveryMessage, number: u32) {
    let message = RetryMessage::new(event.organization_id, event.mode, world.state(event).await.place(), number);
    world.handle(&[message.to_json().unwrap()]).await;
}

#[tokio::test]
async fn a_message_that_comes_twice_while_the_receiver_fails_is_one_attempt() {
    let (world, receiver, event) = begin(&[500, 500, 500]).await;
    deliver(&world, &event).await;
    deliver(&world, &event).await;
    assert_eq!(receiver.arrivals().len(), 1, "it is not sent again before its time");
    assert_eq!((world.state(&event).await.status, world.mailbox.len()), (DeliveryStatus::Retrying, 2));
    retry(&world, &event, 2).await;
    retry(&world, &event, 2).await;
    assert_eq!(receiver.arrivals().len(), 2, "of two equal retries one is sent");
    deliver(&world, &event).await;
    assert_eq!(receiver.arrivals().len(), 2, "an attempt that was overtaken starts nothing");
}

#[tokio::test]
async fn what_was_delivered_is_not_sent_again_and_other_bytes_are_not_sent_at_all() {
    let (world, receiver, event) = begin(&[503]).await;
    deliver(&world, &event).await;
    let other_bytes = DeliveryMessage { body: "other bytes".to_owned(), ..event.clone() };
    deliver(&world, &other_bytes).await;
    retry(&world, &event, 2).await;
    assert_eq!(world.state(&event).await.status, DeliveryStatus::Delivered);
    deliver(&world, &other_bytes).await;
    retry(&world, &event, 3).await;
    let bodies: Vec<Value> = receiver.arrivals().iter().map(|arrival| arrival.json()).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn what_is_dead_stays_so_whatever_message_comes_late() {
    let (world, receiver, event) = begin(&[500; 9]).await;
    deliver(&world, &event).await;
    for number in 2..=9 {
        retry(&world, &event, number).await;
    }
    assert_eq!((world.state(&event).await.status, receiver.arrivals().len()), (DeliveryStatus::Dead, 9));
    deliver(&world, &event).await;
    for number in 1..=10 {
        retry(&world, &event, number).await;
    }
    assert_eq!((world.state(&event).await.status, receiver.arrivals().len()), (DeliveryStatus::Dead, 9));
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_nothing_more() {
    let (world, receiver, event) = begin(&[410]).await;
    deliver(&world, &event).await;
    let path = format!("/v1/webhooks/{}", event.receiver.as_uuid());
    let shown = world.ask(http::Method::GET, &path, None).await.expect(200);
    assert_eq!((&shown["status"], &shown["status_reason"]), (&"error".into(), &"the receiver answered 410 Gone".into()));
    assert_eq!(world.state(&event).await.status, DeliveryStatus::Dead);
    let domain::webhook::ReceiverId::Subscription(subscription) = event.receiver else { panic!("{event:?}") };
    deliver(&world, &world.event(subscription, world.call())).await;
    assert_eq!(receiver.arrivals().len(), 1);
}

#[tokio::test]
async fn of_an_answer_the_first_kilobyte_is_kept() {
    let (world, receiver, event) = begin(&[]).await;
    receiver.say(&"é".repeat(2_000));
    deliver(&world, &event).await;
    assert_eq!(world.state(&event).await.attempts[&1].answer, "é".repeat(512));
}
