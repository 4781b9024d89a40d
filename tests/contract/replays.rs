//! Replays: the same bytes under the same id, as a new series, each once however often it is asked for.

use std::collections::BTreeSet;

use domain::delivery::DeliveryStatus;
use http::Method;
use queue::DeliveryMessage;
use serde_json::{Value, json};
use testkit::{Receiver, client::Answer, fixture};
use webhooks::schedule::MAX_ATTEMPTS;

use crate::delivery_world::World;

const HOUR: i64 = 3_600_000;
const REPLAY: &str = "/v1/webhooks/replay";

fn one(event: &DeliveryMessage) -> String {
    format!("/v1/webhooks/deliveries/{}/replay", event.delivery_id)
}

async fn replay(world: &World, body: Value) -> Value {
    world.ask(Method::POST, REPLAY, Some(body)).await.expect(202)
}

/// A world with one event that was delivered to a receiver which answers so.
async fn delivered(status: u16) -> (World, Receiver, DeliveryMessage) {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    receiver.answer(status);
    let subscription = world.subscribe(&receiver).await;
    let event = world.event(subscription, world.call());
    world.deliver(std::slice::from_ref(&event)).await;
    (world, receiver, event)
}

#[tokio::test]
async fn a_dead_delivery_is_listed_and_comes_home_by_replay() {
    let (world, receiver, event) = delivered(500).await;
    world.live(40 * HOUR).await;
    let dead = world.ask(Method::GET, "/v1/webhooks/deliveries?status=dead", None).await.expect(200);
    assert_eq!(dead["data"][0]["id"], json!(event.delivery_id));
    receiver.answer(204);
    let shown = world.ask(Method::POST, &one(&event), None).await.expect(202);
    assert_eq!((&shown["status"], &shown["id"]), (&json!("pending"), &json!(event.delivery_id)));
    world.live(0).await;
    let state = world.state(&event).await;
    assert_eq!((state.status, state.last()), (DeliveryStatus::Delivered, MAX_ATTEMPTS + 1));
    let arrivals = receiver.arrivals();
    assert_eq!(arrivals.len(), MAX_ATTEMPTS as usize + 1);
    assert_eq!((&arrivals[0].body, arrivals[0].header("webhook-id")), (&arrivals[9].body, arrivals[9].header("webhook-id")));
}

#[tokio::test]
async fn a_replay_that_fails_follows_the_whole_schedule_anew() {
    let (world, receiver, event) = delivered(200).await;
    receiver.answer(500);
    world.ask(Method::POST, &one(&event), None).await.expect(202);
    world.live(60_000).await;
    let state = world.state(&event).await;
    assert_eq!((state.status, state.series_from), (DeliveryStatus::Retrying, 2));
    world.live(40 * HOUR).await;
    let state = world.state(&event).await;
    assert_eq!((state.status, state.last()), (DeliveryStatus::Dead, 1 + MAX_ATTEMPTS));
    assert_eq!(receiver.arrivals().len(), 1 + MAX_ATTEMPTS as usize);
}

#[tokio::test]
async fn what_is_still_retried_is_sent_at_once_and_what_waits_for_it_comes_to_nothing() {
    let (world, receiver, event) = delivered(500).await;
    world.live(900_000).await;
    assert_eq!((receiver.arrivals().len(), world.waiting().await.len()), (4, 1));
    receiver.answer(200);
    assert_eq!(world.ask(Method::POST, &one(&event), None).await.expect(202)["status"], "retrying");
    world.live(40 * HOUR).await;
    assert_eq!((receiver.arrivals().len(), world.state(&event).await.status), (5, DeliveryStatus::Delivered));
    assert!(world.waiting().await.is_empty());
}

#[tokio::test]
async fn asking_twice_sends_once_and_a_message_that_comes_again_nothing() {
    let (world, receiver, event) = delivered(200).await;
    for _ in 0..3 {
        world.ask(Method::POST, &one(&event), None).await.expect(202);
    }
    let messages = world.mailbox.take(10);
    assert_eq!(messages.len(), 3);
    for message in messages.iter().chain(&messages) {
        world.handle(std::slice::from_ref(message)).await;
    }
    assert_eq!((receiver.arrivals().len(), world.state(&event).await.last()), (2, 2));
}

/// Asks with an idempotency key, as one who got no answer does again.
async fn with_key(world: &World, path: &str, body: &Value, key: &str) -> Answer {
    let request = http::Request::post(path)
        .header("x-api-key", world.fixture.key.reveal())
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(axum::body::Body::from(body.to_string()))
        .unwrap();
    let response = tower::ServiceExt::oneshot(world.app.clone(), request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
}

#[tokio::test]
async fn a_request_with_an_idempotency_key_replays_once_even_after_it_was_done() {
    let (world, receiver, event) = delivered(200).await;
    let body = json!({"call_id": event.call_id});
    for _ in 0..3 {
        assert_eq!(with_key(&world, REPLAY, &body, "again").await.expect(202)["count"], 1);
        world.live(0).await;
    }
    assert_eq!(receiver.arrivals().len(), 2);
    assert_eq!(with_key(&world, REPLAY, &body, "another").await.expect(202)["count"], 1);
    world.live(0).await;
    assert_eq!(receiver.arrivals().len(), 3);
}

#[tokio::test]
async fn a_try_that_died_after_it_sent_is_known_by_what_it_sent() {
    let (world, receiver, event) = delivered(200).await;
    let path = one(&event);
    with_key(&world, &path, &json!({}), "again").await.expect(202);
    world.live(0).await;
    assert_eq!(receiver.arrivals().len(), 2);
    // As if the first try had died before its answer was kept.
    let request = world.local.dump().await.into_iter().find(|item| item["kind"].as_s().unwrap() == "request").unwrap();
    let key = ["pk", "sk"].map(|name| (name.to_owned(), request[name].clone()));
    world.local.client.delete_item().table_name("trunkline").set_key(Some(key.into())).send().await.unwrap();
    let shown = with_key(&world, &path, &json!({}), "again").await.expect(202);
    world.live(0).await;
    assert_eq!((receiver.arrivals().len(), &shown["status"]), (2, &json!("delivered")));
}

#[tokio::test]
async fn a_replay_of_a_call_takes_all_its_deliveries_and_no_others() {
    let (world, one, two) = (World::start().await, Receiver::start().await, Receiver::start().await);
    let (first, second) = (world.subscribe(&one).await, world.subscribe(&two).await);
    let (call, other) = (world.call(), world.call());
    let events: Vec<DeliveryMessage> =
        [first, second].into_iter().flat_map(|receiver| [call, call, other].map(|call| world.event(receiver, call))).collect();
    world.deliver(&events).await;
    let counted = world.ask(Method::POST, REPLAY, Some(json!({"call_id": call, "dryRun": true}))).await.expect(200);
    assert_eq!((&counted["count"], &counted["dry_run"], &counted["next_cursor"]), (&json!(4), &json!(true), &Value::Null));
    assert!(world.mailbox.is_empty(), "a dry run sends nothing");
    // The second receiver is switched off: what it would get is left out and told.
    let path = format!("/v1/webhooks/{second}");
    world.ask(Method::PATCH, &path, Some(json!({"active": false}))).await.expect(200);
    let answer = replay(&world, json!({"call_id": call})).await;
    assert_eq!((&answer["count"], &answer["skipped"], &answer["dry_run"]), (&json!(2), &json!(2), &json!(false)));
    world.live(1_000).await;
    assert_eq!((one.arrivals().len(), two.arrivals().len()), (5, 3));
    let refused = world.ask(Method::POST, REPLAY, Some(json!({"receiver_id": second, "from": "2020-01-01"}))).await;
    assert_eq!(refused.code(), "CONFLICT");
    assert_eq!(world.ask(Method::POST, &self::one(&events[3]), None).await.code(), "CONFLICT");
}

#[tokio::test]
async fn a_thousand_events_that_a_receiver_missed_come_home_with_the_same_ids() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let subscription = world.subscribe(&receiver).await;
    receiver.answer(503);
    let begun = world.now();
    let events: Vec<DeliveryMessage> = (0..1_000).map(|_| world.event(subscription, world.call())).collect();
    for events in events.chunks(100) {
        world.deliver(events).await;
        world.pass(1_000);
    }
    let ended = world.now();
    let missed: BTreeSet<String> = events.iter().map(|event| format!("dlv_{}", event.delivery_id)).collect();
    // What the schedule itself would send is thrown away, so that only the replay brings it home.
    world.pass(900_000);
    assert_eq!(world.mailbox.take(2_000).len(), 1_000);
    let before = receiver.arrivals().len();
    receiver.answer(200);
    // One that comes after the outage is none of it.
    world.deliver(&[world.event(subscription, world.call())]).await;
    let before = before + 1;
    let range = json!({"subscription_id": subscription, "start_date": begun, "end_date": ended});
    let (body, mut dry) = (range.clone(), range);
    dry["dry_run"] = json!(true);
    assert_eq!(world.ask(Method::POST, REPLAY, Some(dry)).await.expect(200)["count"], 1_000);
    let answer = replay(&world, body).await;
    assert_eq!((&answer["count"], &answer["next_cursor"]), (&json!(1_000), &Value::Null));
    let sent_by: domain::Timestamp = answer["sent_by"].as_str().unwrap().parse().unwrap();
    assert_eq!(sent_by.millis_since(world.now()), 20_000, "fifty a second");
    world.live(9_900).await;
    let early = receiver.arrivals().len() - before;
    assert!((450..=500).contains(&early), "half of them in half of the time: {early}");
    world.live(20_000).await;
    let home = receiver.arrivals().split_off(before);
    assert_eq!(home.len(), 1_000);
    assert_eq!(home.iter().map(|arrival| arrival.header("webhook-id").to_owned()).collect::<BTreeSet<_>>(), missed);
    let bodies: BTreeSet<&str> = events.iter().map(|event| event.body.as_str()).collect();
    assert!(home.iter().all(|arrival| bodies.contains(std::str::from_utf8(&arrival.body).unwrap())), "the same bytes");
    assert!(world.log().await.iter().all(|state| state.status == DeliveryStatus::Delivered));
}

#[tokio::test]
async fn a_replay_of_many_is_shown_at_once_by_all_of_them() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let subscription = world.subscribe(&receiver).await;
    let begun = world.now();
    let events: Vec<DeliveryMessage> = (0..130).map(|_| world.event(subscription, world.call())).collect();
    world.deliver(&events).await;
    let answer = replay(&world, json!({"subscription_id": subscription, "start_date": begun})).await;
    assert_eq!(answer["count"], 130);
    let pending = async || world.log().await.iter().filter(|state| state.status == DeliveryStatus::Pending).count();
    assert_eq!((pending().await, receiver.arrivals().len()), (130, 130));
    world.live(10_000).await;
    assert_eq!((pending().await, receiver.arrivals().len()), (0, 260));
}

#[tokio::test]
async fn a_replay_goes_on_by_cursor_at_its_rate_and_takes_nothing_that_came_since() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let subscription = world.subscribe(&receiver).await;
    let event = || world.event(subscription, world.call());
    let (begun, events) = (world.now(), (0..25).map(|_| event()).collect::<Vec<_>>());
    world.deliver(&events).await;
    world.pass(1_000);
    let body = |cursor: &Value| json!({"receiver_id": subscription, "from": begun, "limit": 10, "cursor": cursor});
    let (mut cursor, mut counts, mut last) = (Value::Null, Vec::new(), world.now());
    loop {
        let answer = replay(&world, body(&cursor)).await;
        counts.push(answer["count"].as_u64().unwrap());
        let sent_by = answer["sent_by"].as_str().unwrap().parse().unwrap();
        assert!(sent_by > last, "each part is sent after the one before");
        last = sent_by;
        world.pass(10);
        world.deliver(&[event()]).await;
        cursor = answer["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(counts, [10, 10, 5]);
    world.live(10_000).await;
    assert_eq!(receiver.arrivals().len(), 25 + counts.len() + 25);
    let stolen = json!({"receiver_id": subscription, "from": "2020-01-01", "cursor": "x"});
    assert_eq!(world.ask(Method::POST, REPLAY, Some(stolen)).await.code(), "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_replay_is_narrowed_by_status_event_and_time() {
    let (world, receiver) = (World::start().await, Receiver::answering(&[500, 200, 200]).await);
    let subscription = world.subscribe(&receiver).await;
    let begun = world.now();
    for _ in 0..3 {
        world.deliver(&[world.event(subscription, world.call())]).await;
        world.pass(1_000);
    }
    let count = async |more: Value| {
        let mut body = json!({"receiver_id": subscription, "start_date": begun, "dry_run": true});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.ask(Method::POST, REPLAY, Some(body)).await.expect(200)["count"].clone()
    };
    assert_eq!(count(json!({})).await, 3);
    assert_eq!(count(json!({"status": "retrying"})).await, 1);
    assert_eq!(count(json!({"status": "delivered", "event": "call.completed"})).await, 2);
    assert_eq!(count(json!({"event": "call.ended"})).await, 0);
    assert_eq!(count(json!({"end_date": begun.plus_millis(1_000)})).await, 2);
}

#[tokio::test]
async fn a_replay_that_cannot_be_queued_is_refused_and_shows_nothing() {
    let (world, _receiver, event) = delivered(200).await;
    let clock = runtime::Clock::Manual(world.clock.clone());
    let cut_off = webhooks_api::State::new(
        world.local.table.clone(),
        testkit::costs::vault(),
        fixture::nowhere(),
        clock,
        webhooks::guard::Loopback::Allowed,
    );
    let app = webhooks_api::app(cut_off);
    let answer = testkit::client::ask(&app, world.fixture.key.reveal(), Method::POST, &one(&event), None).await;
    assert_eq!(answer.code(), "SERVICE_UNAVAILABLE");
    assert_eq!(world.state(&event).await.status, DeliveryStatus::Delivered);
}
