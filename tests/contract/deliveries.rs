//! Webhook deliveries on a real table: the first body stays, what was delivered stays delivered.

use domain::{CallId, Mode};
use runtime::random;
use store::{AttemptRecord, Delivery, DeliveryStatus, Frozen};
use testkit::{Fixture, LocalTable, fixture};

pub(crate) fn delivery() -> Delivery {
    let call_id = CallId::new(fixture::now(), random::bytes());
    Delivery {
        id: domain::webhook::delivery_id("evt_1", call_id.as_uuid()),
        receiver: domain::webhook::ReceiverId::Endpoint(fixture::endpoint().id),
        call_id: Some(call_id),
        event: "call.completed".to_owned(),
        body: r#"{"id":"evt_1"}"#.to_owned(),
        created_at: fixture::now(),
        expires_at: fixture::now().as_seconds() + 60,
    }
}

pub(crate) fn attempt(status: u16) -> AttemptRecord {
    AttemptRecord { at: fixture::now(), status: Some(status), error: None, duration_ms: 12, answer: "ok".to_owned() }
}

#[tokio::test]
async fn the_body_that_was_frozen_first_is_the_one_that_is_sent() {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    let first = delivery();
    assert_eq!(local.table.freeze_delivery(tenant, &first).await.unwrap(), Frozen::First);
    let later = Delivery { body: "another body".to_owned(), ..first.clone() };
    assert_eq!(local.table.freeze_delivery(tenant, &later).await.unwrap(), Frozen::Before(Box::new(first)));
}

#[tokio::test]
async fn what_was_delivered_stays_delivered() {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    let delivery = delivery();
    assert!(local.table.record_attempt(tenant, &delivery, 1, &attempt(500), DeliveryStatus::Retrying).await.unwrap());
    assert!(local.table.record_attempt(tenant, &delivery, 2, &attempt(200), DeliveryStatus::Delivered).await.unwrap());
    assert!(!local.table.record_attempt(tenant, &delivery, 3, &attempt(500), DeliveryStatus::Retrying).await.unwrap());
    let state = local.table.delivery_state(tenant, delivery.id).await.unwrap().unwrap();
    assert_eq!(state.status, DeliveryStatus::Delivered);
    assert_eq!(state.attempts.keys().copied().collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn an_attempt_that_is_recorded_twice_keeps_its_first_record() {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    let delivery = delivery();
    for status in [503, 500] {
        local.table.record_attempt(tenant, &delivery, 1, &attempt(status), DeliveryStatus::Retrying).await.unwrap();
    }
    let state = local.table.delivery_state(tenant, delivery.id).await.unwrap().unwrap();
    assert_eq!(state.attempts[&1].status, Some(503));
}
