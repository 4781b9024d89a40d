//! A slow or dead receiver harms nobody: it gets probes alone, it is told of, and it is switched off in the end.

use domain::{delivery::DeliveryStatus, webhook::ReceiverId};
use http::Method;
use queue::DeliveryMessage;
use serde_json::{Value, json};
use store::{Consistency, access_patterns};
use testkit::Receiver;

use crate::{delivery_world::World, documented::received};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

#[tokio::test]
async fn w5_what_is_known_of_a_webhook_receiver_that_fails() {
    let (world, receiver) = (World::start().await, Receiver::answering(&[500, 500]).await);
    let subscription = ReceiverId::Subscription(world.subscribe(&receiver).await);
    let ReceiverId::Subscription(id) = subscription else { unreachable!() };
    let (tenant, begun) = (world.tenant(), world.now());
    let known = || world.local.table.receiver_health(tenant, subscription);
    let key = access_patterns::receiver_health(tenant.org(), tenant.mode(), subscription);
    assert_eq!(world.local.table.get(key, Consistency::Strong).await.unwrap(), None);
    world.deliver(&[world.event(id, world.call())]).await;
    world.live(10_000).await;
    let health = known().await.unwrap().unwrap();
    assert_eq!((health.receiver, health.failures, health.failing_since), (subscription, 2, begun));
    world.live(2 * MINUTE).await;
    assert_eq!(known().await.unwrap(), None, "it took something");
    let key = access_patterns::receiver_health(tenant.org(), tenant.mode(), subscription);
    assert_eq!(world.local.table.get(key, Consistency::Strong).await.unwrap(), None);
}

#[tokio::test]
async fn a_dead_receiver_gets_probes_alone_and_everything_when_it_is_back() {
    let (world, dead, well) = (World::start().await, Receiver::start().await, Receiver::start().await);
    dead.answer(500);
    let (to_dead, to_well) = (world.subscribe(&dead).await, world.subscribe(&well).await);
    let events: Vec<DeliveryMessage> = (0..200).map(|n| world.event([to_dead, to_well][n % 2], world.call())).collect();
    for events in events.chunks(10) {
        world.deliver(events).await;
    }
    assert!((10..=15).contains(&dead.arrivals().len()), "ten failures, and those that were on their way: {}", dead.arrivals().len());
    assert_eq!(well.arrivals().len(), 100);
    let pending = world.log().await.iter().filter(|state| state.status == DeliveryStatus::Pending).count();
    assert!(pending >= 85, "what is put off is listed: {pending}");
    let before = dead.arrivals().len();
    world.live(10 * MINUTE).await;
    let probes = dead.arrivals().len() - before;
    assert!((2..=5).contains(&probes), "after 5 s, 1 min and each 5 min: {probes}");
    dead.answer(200);
    world.live(20 * MINUTE).await;
    let taken = world.log().await.iter().filter(|state| state.status == DeliveryStatus::Delivered).count();
    assert!(taken >= 190, "what was put off comes with the next probe: {taken}");
    world.live(40 * HOUR).await;
    assert!(world.log().await.iter().all(|state| state.status == DeliveryStatus::Delivered));
    assert!(world.mailbox.is_empty() && world.waiting().await.is_empty());
}

#[tokio::test]
async fn a_replay_says_that_the_receiver_is_back_and_is_not_held_up() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    receiver.answer(500);
    let subscription = world.subscribe(&receiver).await;
    let begun = world.now();
    for _ in 0..4 {
        let events: Vec<DeliveryMessage> = (0..10).map(|_| world.event(subscription, world.call())).collect();
        world.deliver(&events).await;
        world.live(2 * MINUTE).await;
    }
    receiver.answer(200);
    let body = json!({"subscription_id": subscription, "start_date": begun});
    assert_eq!(world.ask(Method::POST, "/v1/webhooks/replay", Some(body)).await.expect(202)["count"], 40);
    world.live(2_000).await;
    assert!(world.log().await.iter().all(|state| state.status == DeliveryStatus::Delivered));
}

/// A receiver that gets an event every four hours and takes none, and one that is told of it.
async fn failing() -> (World, Receiver, Receiver, domain::SubscriptionId) {
    let (world, dead, watcher) = (World::start().await, Receiver::start().await, Receiver::start().await);
    dead.answer(500);
    let subscription = world.subscribe_to(&dead, &["call.*"]).await;
    world.subscribe_to(&watcher, &["webhook.*"]).await;
    (world, dead, watcher, subscription)
}

/// Lets so many hours pass with an event every four.
async fn pass(world: &World, subscription: domain::SubscriptionId, hours: i64) {
    for _ in 0..hours / 4 {
        world.deliver(&[world.event(subscription, world.call())]).await;
        world.live(4 * HOUR).await;
        world.due.run().await.unwrap();
        world.live(1_000).await;
    }
}

#[tokio::test]
async fn after_120_hours_of_nothing_but_failures_a_receiver_is_switched_off_and_told_of_before() {
    let (world, dead, watcher, subscription) = failing().await;
    let begun = world.now();
    pass(&world, subscription, 116).await;
    let percents: Vec<Value> = received(&watcher).iter().map(|body| body["data"]["percent"].clone()).collect();
    assert_eq!(percents, [50, 70, 90]);
    let first = &received(&watcher)[0];
    assert_eq!((&first["event"], &first["data"]["subscription_id"]), (&json!("webhook.failing"), &json!(subscription)));
    assert_eq!((&first["data"]["status"], &first["data"]["url"]), (&json!("active"), &json!(dead.url)));
    assert_eq!(first["data"]["failing_since"], json!(begun));
    assert_eq!(first["data"]["disables_at"], json!(begun.plus_millis(120 * HOUR)));
    pass(&world, subscription, 12).await;
    let path = format!("/v1/webhooks/{subscription}");
    let shown = world.ask(Method::GET, &path, None).await.expect(200);
    assert_eq!((&shown["status"], &shown["status_reason"]), (&json!("error"), &json!("nothing but failures for 120 hours")));
    let [.., last] = received(&watcher).try_into().unwrap_or_else(|told: Vec<Value>| -> [Value; 4] { panic!("{told:?}") });
    assert_eq!((&last["event"], &last["data"]["status"]), (&json!("webhook.disabled"), &json!("error")));
    assert_eq!((&last["data"]["percent"], &last["data"]["disables_at"]), (&json!(100), &Value::Null));
    // What still waited for it ends; who switches it on begins anew.
    let before = dead.arrivals().len();
    world.live(40 * HOUR).await;
    assert_eq!(dead.arrivals().len(), before);
    assert!(world.log().await.iter().all(|state| state.status != DeliveryStatus::Retrying));
    world.ask(Method::PATCH, &path, Some(json!({"active": true}))).await.expect(200);
    pass(&world, subscription, 8).await;
    assert_eq!((dead.arrivals().len() > before, received(&watcher).len()), (true, 4));
}

#[tokio::test]
async fn one_success_begins_the_time_anew() {
    let (world, dead, watcher, subscription) = failing().await;
    pass(&world, subscription, 116).await;
    dead.answer(200);
    pass(&world, subscription, 4).await;
    dead.answer(500);
    pass(&world, subscription, 40).await;
    let path = format!("/v1/webhooks/{subscription}");
    assert_eq!(world.ask(Method::GET, &path, None).await.expect(200)["status"], "active");
    assert_eq!(received(&watcher).len(), 3);
}
