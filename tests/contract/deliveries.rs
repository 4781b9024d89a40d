//! Webhook deliveries on a real table: their access patterns, and what no repetition changes.

use domain::{
    CallId, DeliveryId, EndpointId, Mode, Timestamp,
    delivery::{AttemptRecord, Delivery, DeliveryFilter, DeliveryState, DeliveryStatus, KEPT_ATTEMPTS},
    webhook::ReceiverId,
};
use runtime::random;
use store::{Consistency, DeliveryWalk, DueAttempt, DueShard, Frozen, Lane, LogPlace, Recorded, Tenant, access_patterns as patterns};
use testkit::{Fixture, LocalTable, fixture};

async fn start() -> (LocalTable, Tenant, Tenant) {
    let local = LocalTable::start().await;
    let mine = Fixture::create(&local.table, Mode::Live).await.tenant;
    let other = Fixture::create(&local.table, Mode::Live).await.tenant;
    (local, mine, other)
}

fn endpoint() -> ReceiverId {
    ReceiverId::Endpoint(EndpointId::new(fixture::now(), random::bytes()))
}

fn delivery() -> Delivery {
    let call_id = CallId::new(fixture::now(), random::bytes());
    delivery_to(endpoint(), call_id, fixture::now())
}

fn delivery_to(receiver: ReceiverId, call: CallId, created_at: Timestamp) -> Delivery {
    let event: [u8; 8] = random::bytes();
    Delivery {
        id: domain::webhook::delivery_id(&format!("evt_{event:?}"), receiver.as_uuid()),
        receiver,
        call_id: Some(call),
        event: "call.completed".to_owned(),
        body: r#"{"id":"evt_1","text":"ü"}"#.to_owned(),
        created_at,
    }
}

fn attempt(status: u16) -> AttemptRecord {
    AttemptRecord { at: fixture::now(), status: Some(status), error: None, duration_ms: 12, answer: "ok".to_owned() }
}

fn recorded(number: u32, http: u16, status: DeliveryStatus) -> Recorded {
    let next_at = (status == DeliveryStatus::Retrying).then(|| fixture::now().plus_millis(5_000));
    Recorded { number, attempt: attempt(http), status, next_at, replayed_by: None }
}

fn replayed(number: u32, http: u16, status: DeliveryStatus) -> Recorded {
    Recorded { replayed_by: Some("request".to_owned()), ..recorded(number, http, status) }
}

async fn record(local: &LocalTable, tenant: Tenant, delivery: &Delivery, recorded: &Recorded) -> bool {
    local.table.record_attempt(tenant, delivery, recorded).await.unwrap()
}

async fn state(local: &LocalTable, tenant: Tenant, delivery: &Delivery) -> DeliveryState {
    local.table.delivery_state(tenant, delivery.place()).await.unwrap().unwrap()
}

/// Deliveries, a second apart, each with one attempt.
async fn deliver(local: &LocalTable, tenant: Tenant, receiver: ReceiverId, call: CallId, count: usize) -> Vec<DeliveryId> {
    let mut ids = Vec::new();
    for n in 0..count {
        let created_at = "2026-01-02T00:00:00Z".parse::<Timestamp>().unwrap().plus_millis(1_000 * n as i64);
        let delivery = delivery_to(receiver, call, created_at);
        record(local, tenant, &delivery, &recorded(1, 200, DeliveryStatus::Delivered)).await;
        ids.push(delivery.id);
    }
    ids
}

#[tokio::test]
async fn w1_the_frozen_body_of_a_webhook_delivery() {
    let (local, mine, other) = start().await;
    let delivery = delivery();
    local.table.freeze_delivery(mine, &delivery).await.unwrap();
    let key = |tenant: Tenant| patterns::delivery(tenant.org(), tenant.mode(), delivery.id);
    assert_eq!(local.table.get(key(mine), Consistency::Strong).await.unwrap(), Some(delivery.clone()));
    assert_eq!(local.table.get(key(other), Consistency::Strong).await.unwrap(), None);
}

#[tokio::test]
async fn w2_the_state_of_a_webhook_delivery() {
    let (local, mine, other) = start().await;
    let delivery = delivery();
    assert_eq!(local.table.delivery_state(mine, delivery.place()).await.unwrap(), None);
    record(&local, mine, &delivery, &recorded(1, 500, DeliveryStatus::Retrying)).await;
    let key = |tenant: Tenant| {
        let lane = Lane::of(delivery.receiver.as_uuid(), delivery.id);
        patterns::delivery_state(tenant.org(), tenant.mode(), lane, LogPlace::of(delivery.place()))
    };
    let found = local.table.get(key(mine), Consistency::Strong).await.unwrap().unwrap();
    assert_eq!((found.place(), found.call_id, found.event.as_str()), (delivery.place(), delivery.call_id, "call.completed"));
    assert_eq!((found.attempts[&1].status, found.series_from), (Some(500), 1));
    assert_eq!(local.table.get(key(other), Consistency::Strong).await.unwrap(), None);
}

#[tokio::test]
async fn w3_the_deliveries_of_one_lane_of_an_organization_oldest_first() {
    let (local, mine, other) = start().await;
    let call = CallId::new(fixture::now(), random::bytes());
    for _ in 0..4 {
        deliver(&local, mine, endpoint(), call, 5).await;
        deliver(&local, other, endpoint(), call, 5).await;
    }
    let mut count = 0;
    for lane in Lane::all() {
        let found = local.table.list(patterns::deliveries(mine.org(), mine.mode(), lane)).await.unwrap();
        assert!(found.is_sorted_by_key(|state| state.created_at));
        assert!(found.iter().all(|state| Lane::of(state.receiver.as_uuid(), state.id) == lane));
        count += found.len();
    }
    assert_eq!(count, 20);
}

#[tokio::test]
async fn w4_the_deliveries_of_a_call_oldest_first() {
    let (local, mine, other) = start().await;
    let (call, another) = (CallId::new(fixture::now(), random::bytes()), CallId::new(fixture::now(), random::bytes()));
    let ids = deliver(&local, mine, endpoint(), call, 3).await;
    deliver(&local, mine, endpoint(), another, 3).await;
    let of = |tenant: Tenant| local.table.list_index(patterns::deliveries_of(tenant.org(), tenant.mode(), call));
    assert_eq!(of(mine).await.unwrap().iter().map(|state| state.id).collect::<Vec<_>>(), ids);
    assert_eq!(of(other).await.unwrap(), []);
}

fn due(tenant: Tenant, at: Timestamp) -> DueAttempt {
    DueAttempt::new(tenant, delivery().place(), 4, at)
}

#[tokio::test]
async fn d1_an_attempt_that_waits_for_its_time() {
    let (local, mine, _) = start().await;
    let attempt = due(mine, fixture::now());
    let key = || patterns::due_attempt(DueShard::of(attempt.delivery_id), attempt.due_at, attempt.delivery_id, 4);
    local.table.put_due(&attempt).await.unwrap();
    local.table.put_due(&attempt).await.unwrap();
    assert_eq!(local.table.get(key(), Consistency::Strong).await.unwrap(), Some(attempt.clone()));
    local.table.settle_due(std::slice::from_ref(&attempt)).await.unwrap();
    local.table.settle_due(std::slice::from_ref(&attempt)).await.unwrap();
    assert_eq!(local.table.get(key(), Consistency::Strong).await.unwrap(), None);
}

#[tokio::test]
async fn d2_the_attempts_of_one_shard_that_wait_by_their_time() {
    let (local, mine, other) = start().await;
    let now = fixture::now();
    let mut waiting = Vec::new();
    for minutes in (0..40).rev() {
        let attempt = due(if minutes % 2 == 0 { mine } else { other }, now.plus_millis(minutes * 60_000));
        local.table.put_due(&attempt).await.unwrap();
        waiting.push(attempt);
    }
    let before = now.plus_millis(20 * 60_000);
    let mut found = Vec::new();
    for shard in DueShard::all() {
        let due = local.table.due(shard, before, 100).await.unwrap();
        assert!(due.is_sorted_by_key(|attempt| attempt.due_at));
        assert_eq!(local.table.list(patterns::due_attempts(shard)).await.unwrap()[..due.len()], due);
        assert_eq!(local.table.due(shard, before, 1).await.unwrap(), due[..due.len().min(1)]);
        found.extend(due);
    }
    found.sort_by_key(|attempt| std::cmp::Reverse(attempt.due_at));
    assert_eq!(found, waiting[20..], "those of all organizations, and none that is due later");
    local.table.settle_due(&found).await.unwrap();
    for shard in DueShard::all() {
        assert_eq!(local.table.due(shard, before, 100).await.unwrap(), []);
    }
}

#[tokio::test]
async fn the_body_that_was_frozen_first_is_the_one_that_is_sent() {
    let (local, tenant, _) = start().await;
    let first = delivery();
    assert_eq!(local.table.freeze_delivery(tenant, &first).await.unwrap(), Frozen::First);
    let later = Delivery { body: "another body".to_owned(), created_at: first.created_at.plus_millis(1), ..first.clone() };
    assert_eq!(local.table.freeze_delivery(tenant, &later).await.unwrap(), Frozen::Before(Box::new(first)));
}

#[tokio::test]
async fn what_was_delivered_stays_delivered_until_it_is_replayed() {
    let (local, tenant, _) = start().await;
    let delivery = delivery();
    assert!(record(&local, tenant, &delivery, &recorded(1, 500, DeliveryStatus::Retrying)).await);
    assert!(record(&local, tenant, &delivery, &recorded(2, 200, DeliveryStatus::Delivered)).await);
    assert!(!record(&local, tenant, &delivery, &recorded(3, 500, DeliveryStatus::Retrying)).await);
    let first = state(&local, tenant, &delivery).await;
    assert_eq!((first.status, first.next_at, first.last()), (DeliveryStatus::Delivered, None, 2));
    assert!(record(&local, tenant, &delivery, &replayed(3, 500, DeliveryStatus::Retrying)).await);
    let second = state(&local, tenant, &delivery).await;
    assert_eq!((second.status, second.series_from, second.last()), (DeliveryStatus::Retrying, 3, 3));
    assert_eq!(second.replayed_by.as_deref(), Some("request"));
    assert!(record(&local, tenant, &delivery, &recorded(4, 200, DeliveryStatus::Delivered)).await);
    assert!(!record(&local, tenant, &delivery, &replayed(3, 500, DeliveryStatus::Retrying)).await, "a replay is recorded once");
    assert_eq!(state(&local, tenant, &delivery).await.series_from, 3);
}

#[tokio::test]
async fn an_attempt_that_is_recorded_twice_keeps_its_first_record() {
    let (local, tenant, _) = start().await;
    let delivery = delivery();
    for status in [503, 500] {
        record(&local, tenant, &delivery, &recorded(1, status, DeliveryStatus::Retrying)).await;
    }
    assert_eq!(state(&local, tenant, &delivery).await.attempts[&1].status, Some(503));
}

#[tokio::test]
async fn the_last_thirty_attempts_are_kept() {
    let (local, tenant, _) = start().await;
    let delivery = delivery();
    for number in 1..=KEPT_ATTEMPTS + 3 {
        record(&local, tenant, &delivery, &recorded(number, 500, DeliveryStatus::Retrying)).await;
    }
    let kept: Vec<u32> = state(&local, tenant, &delivery).await.attempts.into_keys().collect();
    assert_eq!(kept, (4..=KEPT_ATTEMPTS + 3).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_replay_is_awaited_only_where_nothing_happens_and_nothing_was_sent_since() {
    let (local, tenant, _) = start().await;
    let delivery = delivery();
    record(&local, tenant, &delivery, &recorded(1, 500, DeliveryStatus::Retrying)).await;
    let retrying = state(&local, tenant, &delivery).await;
    local.table.await_replay(tenant, &retrying, "r1").await.unwrap();
    assert_eq!(state(&local, tenant, &delivery).await, retrying);
    record(&local, tenant, &delivery, &recorded(2, 500, DeliveryStatus::Dead)).await;
    local.table.await_replay(tenant, &retrying, "r1").await.unwrap();
    let dead = state(&local, tenant, &delivery).await;
    assert_eq!(dead.status, DeliveryStatus::Dead, "an attempt was made since it was looked at");
    local.table.await_replay(tenant, &dead, "r1").await.unwrap();
    let pending = state(&local, tenant, &delivery).await;
    assert_eq!((pending.status, pending.replayed_by.as_deref()), (DeliveryStatus::Pending, Some("r1")));
    local.table.give_up_delivery(tenant, delivery.place(), "gone").await.unwrap();
    let given_up = state(&local, tenant, &delivery).await;
    assert_eq!((given_up.status, given_up.reason.as_deref()), (DeliveryStatus::Dead, Some("gone")));
}

#[tokio::test]
async fn a_delivery_of_which_nothing_is_known_is_not_given_up() {
    let (local, tenant, _) = start().await;
    let delivery = delivery();
    local.table.give_up_delivery(tenant, delivery.place(), "gone").await.unwrap();
    assert_eq!(local.table.delivery_state(tenant, delivery.place()).await.unwrap(), None);
}

/// Every delivery that a filter takes, page by page.
async fn walk(local: &LocalTable, tenant: Tenant, filter: &DeliveryFilter, newest_first: bool, limit: usize) -> Vec<DeliveryState> {
    let (mut after, mut found) = (None, Vec::new());
    for _ in 0..200 {
        let walk = DeliveryWalk { newest_first, after, limit, reach: 7 };
        let page = local.table.delivery_list(tenant, filter, walk).await.unwrap();
        assert!(page.found.len() <= limit);
        found.extend(page.found);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
    panic!("the walk does not end");
}

#[tokio::test]
async fn walks_meet_every_delivery_once_in_order_whatever_the_page() {
    let (local, mine, other) = start().await;
    let calls: Vec<CallId> = (0..3).map(|_| CallId::new(fixture::now(), random::bytes())).collect();
    let receivers: Vec<ReceiverId> = (0..5).map(|_| endpoint()).collect();
    for receiver in &receivers {
        for call in &calls {
            deliver(&local, mine, *receiver, *call, 4).await;
        }
    }
    deliver(&local, other, receivers[0], calls[0], 4).await;
    let one = DeliveryFilter { receiver: Some(receivers[2].as_uuid()), ..DeliveryFilter::default() };
    let of_call = DeliveryFilter { call: Some(calls[1]), ..DeliveryFilter::default() };
    let both = DeliveryFilter { receiver: one.receiver, ..of_call.clone() };
    let second = "2026-01-02T00:00:01Z".parse::<Timestamp>().unwrap();
    let middle = DeliveryFilter { from: Some(second), until: Some(second.plus_millis(1_001)), ..DeliveryFilter::default() };
    let dead = DeliveryFilter { status: Some(DeliveryStatus::Dead), ..DeliveryFilter::default() };
    for (filter, count) in [(DeliveryFilter::default(), 60), (one, 12), (of_call, 20), (both, 4), (middle, 30), (dead, 0)] {
        for newest_first in [true, false] {
            for limit in [1, 7, 100] {
                let found = walk(&local, mine, &filter, newest_first, limit).await;
                assert_eq!(found.len(), count, "{filter:?}");
                assert!(found.iter().all(|state| filter.takes(state)));
                let mut places: Vec<LogPlace> = found.iter().map(|state| LogPlace::of(state.place())).collect();
                if newest_first {
                    places.reverse();
                }
                assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
            }
        }
    }
}

#[tokio::test]
async fn a_filtered_page_is_full_as_long_as_there_is_more_and_the_last_one_says_that_it_is_the_last() {
    let (local, mine, _) = start().await;
    let (call, receiver) = (CallId::new(fixture::now(), random::bytes()), endpoint());
    // One of ten failed, the last two among the first ten.
    for n in 0..100 {
        let created_at = "2026-01-02T00:00:00Z".parse::<Timestamp>().unwrap().plus_millis(1_000 * n);
        let delivery = delivery_to(receiver, call, created_at);
        let status = if n % 10 == 3 || n == 5 { DeliveryStatus::Dead } else { DeliveryStatus::Delivered };
        record(&local, mine, &delivery, &recorded(1, 500, status)).await;
    }
    let dead = DeliveryFilter { status: Some(DeliveryStatus::Dead), ..DeliveryFilter::default() };
    let of_call = DeliveryFilter { call: Some(call), ..dead.clone() };
    let pages = async |filter: &DeliveryFilter, limit, reach| {
        let (mut sizes, mut after) = (Vec::new(), None);
        loop {
            let walk = DeliveryWalk { newest_first: true, after, limit, reach };
            let page = local.table.delivery_list(mine, filter, walk).await.unwrap();
            sizes.push(page.found.len());
            after = page.next;
            if after.is_none() {
                return sizes;
            }
        }
    };
    for filter in [&dead, &of_call] {
        assert_eq!(pages(filter, 4, 1_000).await, [4, 4, 3]);
        assert_eq!(pages(filter, 11, 1_000).await, [11], "no empty page follows a full one");
        assert_eq!(pages(filter, 100, 1_000).await, [11]);
    }
    let bounded = pages(&dead, 4, 30).await;
    assert_eq!((bounded.iter().sum::<usize>(), bounded.len()), (11, 4), "a page that looked at thirty is short and goes on: {bounded:?}");
}
