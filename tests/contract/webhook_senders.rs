//! One receiver against the senders of all: what it may hold, in a batch and of all batches together. Counted, never timed.

use std::time::Duration;

use domain::{
    Mode, SubscriptionId,
    delivery::DeliveryStatus,
    pace::{AHEAD_MILLIS, Pace, SLOW_MILLIS},
    webhook::ReceiverId,
};
use futures_util::future::join_all;
use http::Method;
use queue::{DeliveryMessage, RetryMessage};
use serde_json::json;
use store::{Consistency, Turn, access_patterns};
use testkit::{Fixture, Receiver, client::ask, costs::batch};
use webhook_delivery::WebhookDelivery;

use crate::delivery_world::World;

const MINUTE: i64 = 60_000;

fn bodies(events: &[DeliveryMessage]) -> Vec<String> {
    events.iter().map(|event| event.to_json().unwrap()).collect()
}

fn events(world: &World, subscription: SubscriptionId, count: usize) -> Vec<DeliveryMessage> {
    (0..count).map(|_| world.event(subscription, world.call())).collect()
}

/// Has a sender work on one batch.
async fn work(sender: &WebhookDelivery, bodies: &[String]) {
    assert!(bodies.len() <= 10 && sender.handle(batch(bodies)).await.batch_item_failures.is_empty());
}

#[tokio::test]
async fn w6_the_pace_of_a_webhook_receiver_that_is_slow() {
    let world = World::start().await;
    let (table, tenant, now) = (&world.local.table, world.tenant(), world.now());
    let receiver = ReceiverId::Endpoint("0198c0de-0000-7000-8000-000000000001".parse().unwrap());
    let key = || access_patterns::receiver_pace(tenant.org(), tenant.mode(), receiver);
    assert_eq!(table.get(key(), Consistency::Strong).await.unwrap(), None);
    let pace = Pace::new(receiver, 10_000, now);
    assert_eq!(table.take_turn(tenant, &pace, now).await.unwrap(), Turn::Free, "nobody noted that it is slow");
    table.note_slow(tenant, &pace, now).await.unwrap();
    assert_eq!(table.receiver_pace(tenant, receiver).await.unwrap(), Some(pace.clone()));
    let turn = async |at| table.take_turn(tenant, &pace, now.plus_millis(at)).await.unwrap();
    let at = |millis| Turn::At(now.plus_millis(millis));
    assert_eq!([turn(0).await, turn(0).await, turn(5).await, turn(500).await], [Turn::Now, at(1_000), at(2_000), at(3_000)]);
    // Noting it again takes no turn away.
    table.note_slow(tenant, &pace, now).await.unwrap();
    assert_eq!((turn(3_999).await, turn(30_000).await, turn(30_000).await), (at(4_000), Turn::Now, at(31_000)));
    assert_eq!(turn(MINUTE).await, Turn::Free, "a minute after its last slow attempt");
    let other = Fixture::create(table, Mode::Live).await.tenant;
    assert_eq!(table.receiver_pace(other, receiver).await.unwrap(), None);
}

#[tokio::test]
async fn turns_are_given_as_far_ahead_as_a_queue_holds_messages_back() {
    let world = World::start().await;
    let (table, tenant, now) = (&world.local.table, world.tenant(), world.now());
    let pace = Pace::new(ReceiverId::Endpoint("0198c0de-0000-7000-8000-000000000001".parse().unwrap()), u64::MAX, now);
    let slowest = Pace { took_millis: 900_000, ..pace };
    table.note_slow(tenant, &slowest, now).await.unwrap();
    let mut turns = Vec::new();
    for _ in 0..14 {
        turns.push(table.take_turn(tenant, &slowest, now).await.unwrap());
    }
    assert_eq!(turns.iter().filter(|turn| matches!(turn, Turn::At(at) if at.millis_since(now) <= AHEAD_MILLIS)).count(), 10);
    assert_eq!((turns[0], &turns[11..]), (Turn::Now, [Turn::Full; 3].as_slice()));
}

#[tokio::test]
async fn equal_messages_of_one_batch_make_one_post() {
    for status in [200, 500] {
        let (world, receiver) = (World::start().await, Receiver::start().await);
        receiver.answer(status);
        receiver.take_time(Duration::from_millis(30));
        let subscription = world.subscribe(&receiver).await;
        let [one, two] = <[_; 2]>::try_from(events(&world, subscription, 2)).unwrap();
        work(&world.deliveries, &bodies(&[one.clone(), one.clone(), two.clone(), one.clone()])).await;
        assert_eq!(receiver.arrivals().len(), 2, "each delivery once: {status}");
        let retry = RetryMessage::new(one.organization_id, one.mode, world.state(&one).await.place(), 2).to_json().unwrap();
        work(&world.deliveries, &[retry.clone(), one.to_json().unwrap(), retry.clone(), retry]).await;
        assert_eq!(receiver.arrivals().len(), if status == 200 { 2 } else { 3 }, "a later attempt too: {status}");
    }
}

#[tokio::test]
async fn a_batch_makes_five_attempts_at_once_on_one_receiver_and_all_of_them() {
    let (world, receiver, other) = (World::start().await, Receiver::start().await, Receiver::start().await);
    for receiver in [&receiver, &other] {
        receiver.take_time(Duration::from_millis(100));
    }
    let (subscription, second) = (world.subscribe(&receiver).await, world.subscribe(&other).await);
    work(&world.deliveries, &bodies(&events(&world, subscription, 10))).await;
    assert_eq!((receiver.arrivals().len(), receiver.most_at_once(), world.mailbox.len()), (10, 5, 0));
    let mixed = [events(&world, subscription, 5), events(&world, second, 5)].concat();
    work(&world.deliveries, &bodies(&mixed)).await;
    assert_eq!((receiver.arrivals().len(), other.arrivals().len()), (15, 5));
}

#[tokio::test]
async fn a_url_that_is_no_longer_allowed_ends_in_the_log_and_not_among_the_dead_letters() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let subscription = world.subscribe(&receiver).await;
    let key = [("pk", format!("ORG#{}#live", world.tenant().org())), ("sk", format!("SUBSCRIPTION#{subscription}"))];
    let key = key.map(|(name, value)| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value)));
    // As if it had been saved under another policy.
    let url = aws_sdk_dynamodb::types::AttributeValue::S("https://10.0.0.1/hook".to_owned());
    let update = world.local.client.update_item().table_name("trunkline").set_key(Some(key.into()));
    let update = update.update_expression("SET #url = :url").expression_attribute_names("#url", "url");
    update.expression_attribute_values(":url", url).send().await.unwrap();
    let event = world.event(subscription, world.call());
    world.deliver(std::slice::from_ref(&event)).await;
    let path = format!("/v1/webhooks/deliveries/{}", event.delivery_id);
    let shown = world.ask(Method::GET, &path, None).await.expect(200);
    assert_eq!((&shown["status"], &shown["attempts_count"]), (&json!("retrying"), &json!(1)));
    assert_eq!((&shown["last_attempt"]["error"], &shown["last_attempt"]["status"]), (&json!("url_not_allowed"), &json!(null)));
    world.live(40 * 60 * MINUTE).await;
    let state = world.state(&event).await;
    assert_eq!((state.status, state.attempts.len(), receiver.arrivals().len()), (DeliveryStatus::Dead, 9, 0));
    assert!(world.mailbox.is_empty() && world.waiting().await.is_empty());
}

#[tokio::test]
async fn a_receiver_that_answers_slowly_holds_no_more_than_its_share_of_all_senders() {
    let (world, slow, well) = (World::start().await, Receiver::start().await, Receiver::start().await);
    slow.take_time(Duration::from_millis(SLOW_MILLIS + 500));
    let (to_slow, to_well) = (world.subscribe(&slow).await, world.subscribe(&well).await);
    // Each a process of its own.
    let senders: Vec<WebhookDelivery> = (0..6).map(|_| world.sender()).collect();
    let batches: Vec<Vec<String>> = senders.iter().map(|_| bodies(&events(&world, to_slow, 10))).collect();
    join_all(senders.iter().zip(&batches).map(|(sender, bodies)| work(sender, bodies))).await;
    let before = slow.arrivals().len();
    assert!(before <= 30, "five of each batch, before anybody knows: {before}");
    assert_eq!(world.mailbox.len(), 60 - slow_and_answered(&world).await, "the others have their turns");
    // Now they know. Of what comes next they send one at this moment, and everything that is for others.
    world.pass(30_000);
    let mixed = |_: &WebhookDelivery| [bodies(&events(&world, to_slow, 5)), bodies(&events(&world, to_well, 5))].concat();
    let batches: Vec<Vec<String>> = senders.iter().map(mixed).collect();
    join_all(senders.iter().zip(&batches).map(|(sender, bodies)| work(sender, bodies))).await;
    assert!(slow.arrivals().len() - before <= 1, "one sender of six is held: {}", slow.arrivals().len() - before);
    assert_eq!(well.arrivals().len(), 30, "in as many invocations as if it were alone");
    // Nothing is lost, and nothing waits longer than it must.
    slow.take_time(Duration::ZERO);
    world.live(60 * MINUTE).await;
    assert!(world.log().await.iter().all(|state| state.status == DeliveryStatus::Delivered));
    assert_eq!((world.log().await.len(), world.mailbox.len()), (120, 0));
}

/// How many deliveries were answered: what was not waits, or is retried by a message.
async fn slow_and_answered(world: &World) -> usize {
    world.log().await.iter().filter(|state| state.status == DeliveryStatus::Delivered).count()
}

/// Another organization, with a subscription of its own.
async fn neighbour(world: &World, receiver: &Receiver) -> (Fixture, SubscriptionId) {
    let fixture = Fixture::create(&world.local.table, Mode::Live).await;
    let body = json!({"url": receiver.url});
    let created = ask(&world.app, fixture.key.reveal(), Method::POST, "/v1/webhooks", Some(&body)).await.expect(201);
    (fixture, created["id"].as_str().unwrap().parse().unwrap())
}

/// A receiver that hangs and has much to get, beside an organization whose receiver is well.
struct Noise {
    world: World,
    sender: WebhookDelivery,
    hanging: Receiver,
    well: Receiver,
    neighbour: Fixture,
    to_well: SubscriptionId,
    /// Whether the queue serves groups fairly, or gives what it has as it lies.
    is_fair: bool,
}

impl Noise {
    /// So many deliveries are queued for the receiver that hangs, after the neighbour was counted alone.
    async fn of(flood: usize, is_fair: bool) -> Self {
        let (world, hanging, well) = (World::start().await, Receiver::start().await, Receiver::start().await);
        hanging.take_time(Duration::MAX);
        let sender = world.sender().with_limit(Duration::from_secs(1)).unwrap();
        let (neighbour, to_well) = neighbour(&world, &well).await;
        let noise = Self { world, sender, hanging, well, neighbour, to_well, is_fair };
        assert_eq!(noise.of_neighbour().await, QUIET);
        let to_hanging = noise.world.subscribe(&noise.hanging).await;
        let flood: Vec<_> = events(&noise.world, to_hanging, flood).iter().map(|event| event.out().unwrap()).collect();
        noise.world.mailbox.sender().send_all(&flood).await.unwrap();
        noise
    }

    /// Works on at most so many batches of what is seen now; how many there were.
    async fn invocations(&self, most: usize) -> usize {
        for count in 0..most {
            let mailbox = &self.world.mailbox;
            let bodies = if self.is_fair { mailbox.take_fairly(10) } else { mailbox.take(10) };
            if bodies.is_empty() {
                return count;
            }
            work(&self.sender, &bodies).await;
        }
        most
    }

    /// Queues fifty deliveries of the neighbour; in how many invocations all of them have arrived.
    async fn of_neighbour(&self) -> usize {
        let own = |event| DeliveryMessage { organization_id: self.neighbour.tenant.org(), ..event };
        let messages: Vec<_> = events(&self.world, self.to_well, 50).into_iter().map(|event| own(event).out().unwrap()).collect();
        let all = self.well.arrivals().len() + messages.len();
        self.world.mailbox.sender().send_all(&messages).await.unwrap();
        let mut count = 0;
        while self.well.arrivals().len() < all {
            assert_eq!(self.invocations(1).await, 1, "something is left");
            count += 1;
        }
        count
    }
}

/// In how many invocations fifty deliveries are made where nothing else is.
const QUIET: usize = 5;

#[tokio::test]
async fn ten_thousand_deliveries_for_a_receiver_that_hangs_cost_a_neighbour_no_invocation() {
    let noise = Noise::of(10_000, true).await;
    assert_eq!(noise.invocations(50).await, 50);
    for _ in 0..10 {
        assert_eq!(noise.of_neighbour().await, QUIET);
        assert_eq!(noise.invocations(5).await, 5, "the flood goes on");
        noise.world.pass(1_000);
    }
    let held = noise.hanging.arrivals().len();
    assert!((5..=25).contains(&held), "of a hundred invocations that worked on it those held a sender that told that it hangs: {held}");
    assert_eq!(noise.world.mailbox.len(), 10_000, "none of it is lost");
}

#[tokio::test]
async fn where_the_queue_spreads_nothing_a_flood_is_put_off_by_itself_and_a_neighbour_comes_next() {
    let noise = Noise::of(500, false).await;
    assert_eq!(noise.invocations(1_000).await, 50);
    let told = noise.hanging.arrivals().len();
    assert!((5..=20).contains(&told), "those that told that it hangs: {told}");
    let pending = noise.world.log().await.iter().filter(|state| state.status == DeliveryStatus::Pending).count();
    assert!(pending >= 480, "all that were put off are listed: {pending}");
    for _ in 0..10 {
        assert_eq!(noise.of_neighbour().await, QUIET);
        noise.world.pass(MINUTE);
        // What comes back of the flood by then.
        noise.invocations(1_000).await;
    }
    let attempts = noise.hanging.arrivals().len();
    assert!((11..=25).contains(&attempts), "ten failures, what was on its way, and probes after 5 s, 1 min and each 5 min: {attempts}");
}

#[tokio::test]
async fn a_probe_is_sent_at_its_time_however_many_wait_for_their_turns() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let subscription = world.subscribe(&receiver).await;
    let (table, tenant, now, id) = (&world.local.table, world.tenant(), world.now(), ReceiverId::Subscription(subscription));
    for _ in 0..10 {
        table.note_failure(tenant, id, now).await.unwrap();
    }
    let pace = Pace::new(id, 10_000, now);
    table.note_slow(tenant, &pace, now).await.unwrap();
    for _ in 0..5 {
        table.take_turn(tenant, &pace, now).await.unwrap();
    }
    work(&world.sender(), &bodies(&events(&world, subscription, 3))).await;
    assert_eq!((receiver.arrivals().len(), world.mailbox.len()), (1, 2), "one probe, and two that are put off");
}

#[tokio::test]
async fn everything_for_one_receiver_travels_in_its_group() {
    let (world, receiver) = (World::start().await, Receiver::answering(&[503]).await);
    let subscription = world.subscribe(&receiver).await;
    let groups = || world.mailbox.take_letters().into_iter().map(|letter| letter.group).collect::<Vec<_>>();
    let own = vec![subscription.to_string()];
    // Its own test, a retry by message, and a replay.
    world.ask(Method::POST, &format!("/v1/webhooks/{subscription}/test"), None).await.expect(202);
    assert_eq!(groups(), own);
    let event = world.event(subscription, world.call());
    world.deliver(std::slice::from_ref(&event)).await;
    assert_eq!(groups(), own);
    world.ask(Method::POST, &format!("/v1/webhooks/deliveries/{}/replay", event.delivery_id), None).await.expect(202);
    assert_eq!(groups(), own);
    // An attempt that waited in the table.
    let attempt = store::DueAttempt::new(world.tenant(), world.state(&event).await.place(), 5, world.now());
    world.local.table.put_due(&attempt).await.unwrap();
    assert_eq!((world.due.run().await.unwrap(), groups()), (1, own));
}
