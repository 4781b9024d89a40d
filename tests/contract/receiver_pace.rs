//! A receiver that pushes back, with 429, 502, 503 or 504, is slowed down as a whole and left alone for as long as it asks.

use domain::{
    SubscriptionId,
    delivery::DeliveryStatus,
    health::OPEN_AFTER,
    pace::{Pace, SLOW_MILLIS},
    webhook::ReceiverId,
};
use queue::DeliveryMessage;
use store::Turn;
use testkit::{Receiver, costs::batch};
use webhook_delivery::WebhookDelivery;

use crate::delivery_world::World;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

async fn begin(status: u16) -> (World, Receiver, SubscriptionId) {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    receiver.answer(status);
    let subscription = world.subscribe(&receiver).await;
    (world, receiver, subscription)
}

fn events(world: &World, subscription: SubscriptionId, count: usize) -> Vec<DeliveryMessage> {
    (0..count).map(|_| world.event(subscription, world.call())).collect()
}

/// Has a sender work on one batch.
async fn work(sender: &WebhookDelivery, events: &[DeliveryMessage]) {
    let bodies: Vec<String> = events.iter().map(|event| event.to_json().unwrap()).collect();
    assert!(bodies.len() <= 10 && sender.handle(batch(&bodies)).await.batch_item_failures.is_empty());
}

#[tokio::test]
async fn four_statuses_slow_the_receiver_down_for_all_senders_and_others_do_not() {
    for (status, at_once) in [(429, 1), (502, 1), (503, 1), (504, 1), (500, 5), (404, 5), (302, 5)] {
        let (world, receiver, subscription) = begin(status).await;
        work(&world.deliveries, &events(&world, subscription, 4)).await;
        assert_eq!(receiver.arrivals().len(), 4);
        // A process that learns of it from the table.
        work(&world.sender(), &events(&world, subscription, 5)).await;
        assert_eq!(receiver.arrivals().len() - 4, at_once, "{status}");
        assert_eq!(world.mailbox.len(), 9, "each comes back: those that failed, and those that have their turns");
        let pending = world.log().await.iter().filter(|state| state.status == DeliveryStatus::Pending).count();
        assert_eq!(pending, 5 - at_once, "what waits for its turn is listed");
    }
}

#[tokio::test]
async fn a_minute_after_it_pushed_back_for_the_last_time_everything_is_sent_at_once_again() {
    let (world, receiver, subscription) = begin(503).await;
    work(&world.deliveries, &events(&world, subscription, 1)).await;
    receiver.answer(200);
    world.pass(MINUTE - 1);
    work(&world.deliveries, &events(&world, subscription, 3)).await;
    assert_eq!(receiver.arrivals().len(), 2, "a success alone does not make it faster");
    world.pass(1);
    work(&world.deliveries, &events(&world, subscription, 10)).await;
    assert_eq!(receiver.arrivals().len(), 12);
    world.live(2 * MINUTE).await;
    assert!(world.log().await.iter().all(|state| state.status == DeliveryStatus::Delivered));
    assert_eq!((receiver.arrivals().len(), world.mailbox.len()), (15, 0), "and nothing is lost or sent twice");
}

#[tokio::test]
async fn nobody_sends_to_a_receiver_before_the_time_that_it_asked_for() {
    let (world, receiver, subscription) = begin(429).await;
    receiver.retry_after(8);
    work(&world.deliveries, &events(&world, subscription, 1)).await;
    receiver.answer(200);
    for sender in [&world.deliveries, &world.sender()] {
        work(sender, &events(&world, subscription, 3)).await;
    }
    world.live(7_999).await;
    work(&world.sender(), &events(&world, subscription, 3)).await;
    assert_eq!(receiver.arrivals().len(), 1);
    world.live(MINUTE).await;
    assert_eq!(receiver.arrivals().len(), 11, "then all of it comes, one after the other");
    assert!(world.log().await.iter().all(|state| state.status == DeliveryStatus::Delivered));
}

#[tokio::test]
async fn what_is_asked_for_is_obeyed_up_to_two_steps_of_the_schedule() {
    let (world, receiver, subscription) = begin(503).await;
    receiver.retry_after(86_400);
    let first = events(&world, subscription, 1);
    work(&world.deliveries, &first).await;
    let pace = world.local.table.receiver_pace(world.tenant(), ReceiverId::Subscription(subscription)).await.unwrap().unwrap();
    assert_eq!(pace.asked_until, Some(world.now().plus_millis(10 * SECOND)), "the first step is 5 s");
    world.live(13 * SECOND).await;
    assert_eq!(world.state(&first[0]).await.last(), 2);
    let pace = world.local.table.receiver_pace(world.tenant(), ReceiverId::Subscription(subscription)).await.unwrap().unwrap();
    let asked = pace.asked_until.unwrap().millis_since(world.state(&first[0]).await.attempts[&2].at);
    assert_eq!(asked, 120 * SECOND, "the second is a minute");
}

#[tokio::test]
async fn a_receiver_that_asks_gets_no_probe_either() {
    let (world, receiver, subscription) = begin(200).await;
    let (table, tenant, now, id) = (&world.local.table, world.tenant(), world.now(), ReceiverId::Subscription(subscription));
    for _ in 0..OPEN_AFTER {
        table.note_failure(tenant, id, now).await.unwrap();
    }
    let asked = Pace::pushed_back(None, Pace::new(id, 1, now), 5 * MINUTE, 10_000, now);
    table.note_slow(tenant, &asked, now).await.unwrap();
    work(&world.deliveries, &events(&world, subscription, 2)).await;
    world.live(5 * MINUTE - 1).await;
    assert_eq!((receiver.arrivals().len(), world.mailbox.len()), (0, 2));
    world.live(20 * MINUTE).await;
    assert_eq!((receiver.arrivals().len(), world.mailbox.len()), (2, 0));
}

#[tokio::test]
async fn no_turn_is_given_before_the_time_that_was_asked_for_and_none_is_taken_away() {
    let world = World::start().await;
    let (table, tenant, now) = (&world.local.table, world.tenant(), world.now());
    let id = ReceiverId::Endpoint("0198c0de-0000-7000-8000-000000000001".parse().unwrap());
    let asking = |seconds: i64, at| Pace::pushed_back(None, Pace::new(id, 1, at), seconds * SECOND, 10_000, at);
    let turn = async |after: i64| table.take_turn(tenant, &asking(0, now), now.plus_millis(after)).await.unwrap();
    let at = |millis| Turn::At(now.plus_millis(millis));
    let gap = i64::try_from(SLOW_MILLIS).unwrap() / 10;
    table.note_slow(tenant, &asking(120, now), now).await.unwrap();
    assert_eq!([turn(0).await, turn(0).await], [at(120_000), at(120_000 + gap)]);
    // Also when it is slow no longer for any other reason.
    assert_eq!(turn(90_000).await, at(120_000 + 2 * gap));
    // One who asks for less than there are turns changes none of them; what it asked for last holds.
    table.note_slow(tenant, &asking(60, now), now).await.unwrap();
    assert_eq!(turn(0).await, at(120_000 + 3 * gap));
    let known = table.receiver_pace(tenant, id).await.unwrap().unwrap();
    assert_eq!(known.asked_until, Some(now.plus_millis(60 * SECOND)));
    // Who does not ask takes nothing back that was asked for.
    table.note_slow(tenant, &asking(0, now), now).await.unwrap();
    assert_eq!(table.receiver_pace(tenant, id).await.unwrap().unwrap().asked_until, known.asked_until);
}

#[tokio::test]
async fn who_pushes_back_all_the_time_gets_ten_attempts_and_then_probes() {
    let (world, receiver, subscription) = begin(503).await;
    for _ in 0..10 {
        work(&world.deliveries, &events(&world, subscription, 10)).await;
    }
    assert!(receiver.arrivals().len() <= 11, "a batch, before anybody knew, and one: {}", receiver.arrivals().len());
    world.live(10 * MINUTE).await;
    let attempts = receiver.arrivals().len();
    assert!((12..=20).contains(&attempts), "ten failures, what was on its way, and probes: {attempts}");
    receiver.answer(200);
    world.live(40 * 60 * MINUTE).await;
    assert!(world.log().await.iter().all(|state| state.status == DeliveryStatus::Delivered));
    assert!(world.mailbox.is_empty() && world.waiting().await.is_empty());
}

#[tokio::test]
async fn what_pushes_back_costs_a_unit_more_and_that_once_in_ten_seconds() {
    let mut units = Vec::new();
    for status in [500, 503] {
        let (world, receiver, subscription) = begin(status).await;
        // The receiver is read, and found healthy.
        receiver.answer(200);
        work(&world.deliveries, &events(&world, subscription, 1)).await;
        receiver.answer(status);
        let before = world.local.table.usage();
        work(&world.deliveries, &events(&world, subscription, 1)).await;
        let first = world.local.table.usage();
        work(&world.deliveries, &events(&world, subscription, 1)).await;
        let second = world.local.table.usage();
        assert_eq!(receiver.arrivals().len(), 3);
        units.push([first.write_units - before.write_units, second.write_units - first.write_units]);
    }
    assert_eq!(units[0], [4.0, 4.0], "three for the delivery, one for the failure");
    assert_eq!(units[1], [5.0, 5.0], "one for the pace; then one for the turn");
}
