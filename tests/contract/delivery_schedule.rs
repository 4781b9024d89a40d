//! The whole schedule of a delivery under a clock that is moved: every attempt at its time, through queue and table.

use domain::delivery::DeliveryStatus;
use due_deliveries::DueDeliveries;
use queue::{DeliveryMessage, RetryMessage};
use runtime::Clock;
use testkit::{Receiver, fixture};
use webhooks::schedule::{MAX_ATTEMPTS, RETRY_SECONDS};

use crate::delivery_world::World;

const HOUR: i64 = 3_600_000;

/// A world in which one event failed as often as is tried by messages alone, so that it waits in the table.
async fn waiting_in_the_table(receiver: &Receiver) -> (World, DeliveryMessage) {
    let world = World::start().await;
    receiver.answer(500);
    let subscription = world.subscribe(receiver).await;
    let event = world.event(subscription, world.call());
    world.deliver(std::slice::from_ref(&event)).await;
    world.live(900_000).await;
    assert_eq!((receiver.arrivals().len(), world.waiting().await.len()), (4, 1));
    (world, event)
}

#[tokio::test]
async fn a_delivery_that_always_fails_is_tried_nine_times_at_its_times_and_is_dead_then() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    receiver.answer(404);
    let subscription = world.subscribe(&receiver).await;
    let event = world.event(subscription, world.call());
    world.deliver(std::slice::from_ref(&event)).await;
    world.live(40 * HOUR).await;
    let state = world.state(&event).await;
    assert_eq!((state.status, state.next_at, state.last()), (DeliveryStatus::Dead, None, MAX_ATTEMPTS));
    let times: Vec<i64> = state.attempts.values().map(|attempt| attempt.at.as_millis()).collect();
    let waits = times.windows(2).map(|pair| pair[1] - pair[0]);
    for (wait, step) in waits.zip(RETRY_SECONDS) {
        let step = i64::from(step) * 1_000;
        assert!(wait * 5 >= step * 4 && wait * 5 <= step * 6 + 5_000, "{wait} ms for a step of {step} ms");
    }
    assert!(world.mailbox.is_empty() && world.waiting().await.is_empty(), "nothing is left of it");
    let arrivals = receiver.arrivals();
    assert_eq!(arrivals.len(), MAX_ATTEMPTS as usize);
    assert!(arrivals.iter().all(|arrival| arrival.body == event.body.as_bytes()));
    assert!(arrivals.iter().all(|arrival| arrival.header("webhook-id") == arrivals[0].header("webhook-id")));
}

#[tokio::test]
async fn a_receiver_that_comes_back_after_21_hours_gets_every_event_of_them_once() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    receiver.answer(503);
    let subscription = world.subscribe(&receiver).await;
    // One in every hour, from the first moment to the last.
    let mut events: Vec<DeliveryMessage> = Vec::new();
    for _ in 0..21 {
        events.push(world.event(subscription, world.call()));
        world.deliver(&events[events.len() - 1..]).await;
        world.live(HOUR).await;
    }
    let before = receiver.arrivals().len();
    let over = |state: &domain::delivery::DeliveryState| state.status.is_over();
    assert!(!world.log().await.iter().any(over), "none is taken, and none is given up");
    receiver.answer(200);
    world.live(40 * HOUR).await;
    let taken: Vec<_> = receiver.arrivals().drain(before..).collect();
    assert_eq!(taken.len(), 21, "each once");
    for event in &events {
        let id = format!("dlv_{}", event.delivery_id);
        let own: Vec<_> = taken.iter().filter(|arrival| arrival.header("webhook-id") == id).collect();
        assert!(own.len() == 1 && own[0].body == event.body.as_bytes(), "{id}");
    }
    assert!(world.log().await.iter().all(|state| state.status == DeliveryStatus::Delivered));
}

#[tokio::test]
async fn a_wait_that_the_receiver_asks_for_is_kept_up_to_two_steps() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    receiver.answer(429);
    receiver.retry_after(100);
    let subscription = world.subscribe(&receiver).await;
    let event = world.event(subscription, world.call());
    world.deliver(std::slice::from_ref(&event)).await;
    world.live(HOUR / 6).await;
    let state = world.state(&event).await;
    let wait = |number: u32| state.attempts[&(number + 1)].at.millis_since(state.attempts[&number].at);
    assert!((10_000..=13_000).contains(&wait(1)), "two steps of 5 s at most: {} ms", wait(1));
    assert!((100_000..=121_000).contains(&wait(2)), "as it asked: {} ms", wait(2));
    assert!((240_000..=361_000).contains(&wait(3)), "the step is longer: {} ms", wait(3));
}

#[tokio::test]
async fn two_drainers_or_one_that_died_halfway_make_one_attempt() {
    let receiver = Receiver::start().await;
    let (world, event) = waiting_in_the_table(&receiver).await;
    let waiting = world.waiting().await;
    world.pass(waiting[0].due_at.millis_since(world.now()) - 60_000);
    assert_eq!(world.due.run().await.unwrap(), 1);
    // As if it had died before it took the item out, and another had found it.
    world.local.table.put_due(&waiting[0]).await.unwrap();
    assert_eq!(world.due.run().await.unwrap(), 1);
    assert_eq!((world.mailbox.len(), world.waiting().await.len()), (2, 0));
    assert_eq!(receiver.arrivals().len(), 4, "the queue holds the messages back until the time has come");
    world.pass(61_000);
    for message in world.mailbox.take(10) {
        world.handle(&[message]).await;
    }
    assert_eq!((receiver.arrivals().len(), world.state(&event).await.last()), (5, 5));
    assert_eq!(world.waiting().await.len(), 1, "the next attempt waits once, by whichever message");
}

#[tokio::test]
async fn what_a_drainer_cannot_send_stays_and_what_is_not_due_too() {
    let receiver = Receiver::start().await;
    let (world, _) = waiting_in_the_table(&receiver).await;
    assert_eq!(world.due.run().await.unwrap(), 0, "it is not due yet");
    let waiting = world.waiting().await;
    world.pass(waiting[0].due_at.millis_since(world.now()));
    let cut_off = DueDeliveries::new(world.local.table.clone(), fixture::nowhere(), Clock::Manual(world.clock.clone()));
    assert!(cut_off.run().await.is_err());
    assert_eq!(world.waiting().await, waiting);
    world.live(60_000).await;
    assert_eq!(receiver.arrivals().len(), 5);
}

#[tokio::test]
async fn a_crash_before_the_next_attempt_was_queued_loses_nothing_and_adds_nothing() {
    let receiver = Receiver::start().await;
    let (world, event) = waiting_in_the_table(&receiver).await;
    let waiting = world.waiting().await;
    // As if the function had died between its record and what follows: the message of the fourth attempt comes again.
    world.local.table.settle_due(&waiting).await.unwrap();
    let fourth = RetryMessage::new(event.organization_id, event.mode, world.state(&event).await.place(), 4);
    world.handle(&[fourth.to_json().unwrap(), fourth.to_json().unwrap()]).await;
    assert_eq!(world.waiting().await, waiting, "at the same time, once");
    assert_eq!(receiver.arrivals().len(), 4);
}

#[tokio::test]
async fn a_delivery_whose_receiver_went_away_while_it_waited_ends_with_the_reason() {
    let receiver = Receiver::start().await;
    let (world, event) = waiting_in_the_table(&receiver).await;
    let domain::webhook::ReceiverId::Subscription(subscription) = event.receiver else { panic!("{event:?}") };
    assert!(world.local.table.delete_subscription(world.tenant(), subscription).await.unwrap());
    world.live(HOUR).await;
    let state = world.state(&event).await;
    assert_eq!((state.status, state.reason.as_deref()), (DeliveryStatus::Dead, Some("the receiver is gone or not active")));
    assert_eq!(receiver.arrivals().len(), 4);
}
