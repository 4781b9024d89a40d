//! Deletions of endpoints that were cut off: nobody sees what is gone, and the sweep is taken up.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicI64},
};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{EndpointId, Mode, NumberId, number::NumberChange};
use due_deliveries::DueDeliveries;
use runtime::Clock;
use store::{Consistency, Sweep, Tenant, Updated, access_patterns};
use testkit::{Fixture, LocalTable, fixture};

/// An organization whose number still names a deleted endpoint, because the deletion was cut off after its first write.
async fn cut_off() -> (LocalTable, Tenant, NumberId, EndpointId) {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    let (slot, endpoint) = (fixture::slot(1), fixture::endpoint());
    local.table.import_slot(Mode::Live, &slot).await.unwrap();
    local.table.create_endpoint(tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
    let (number, claim) = fixture::purchase(tenant, &slot, Some(endpoint.id));
    local.table.buy_number(tenant, &slot, &number, &claim, None).await.unwrap();
    assert!(local.table.delete_endpoint(tenant, endpoint.id, fixture::now(), None).await.unwrap());
    put_back(&local, tenant, number.id, endpoint.id).await;
    (local, tenant, number.id, endpoint.id)
}

/// Back to the moment after a deletion's first write: the mark is there, the number's row is as it was.
pub(crate) async fn put_back(local: &LocalTable, tenant: Tenant, number: NumberId, endpoint: EndpointId) {
    let partition = format!("ORG#{}#live", tenant.org());
    let text = |value: String| AttributeValue::S(value);
    let mark = [
        ("pk", partition.clone()),
        ("sk", format!("NUMBER#GONE#{endpoint}")),
        ("gsi2pk", "SWEEP".to_owned()),
        ("gsi2sk", format!("ENDPOINT#{endpoint}")),
        ("kind", "sweep".to_owned()),
        ("organization_id", tenant.org().to_string()),
        ("mode", "live".to_owned()),
        ("endpoint_id", endpoint.to_string()),
        ("deleted_at", fixture::now().to_string()),
    ];
    let mark: HashMap<String, AttributeValue> = mark.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect();
    local.client.put_item().table_name("trunkline").set_item(Some(mark)).send().await.unwrap();
    let row = local.client.update_item().table_name("trunkline").key("pk", text(partition)).key("sk", text(format!("NUMBER#{number}")));
    let row = row.update_expression("SET endpoint_id = :gone").expression_attribute_values(":gone", text(endpoint.to_string()));
    row.send().await.unwrap();
}

#[tokio::test]
async fn n4_a_deleted_endpoint_that_numbers_may_still_name() {
    let (local, tenant, _, endpoint) = cut_off().await;
    let key = || access_patterns::sweep(tenant.org(), Mode::Live, endpoint);
    let mark: Sweep = local.table.get(key(), Consistency::Strong).await.unwrap().unwrap();
    assert_eq!((mark.organization_id, mark.mode, mark.endpoint_id), (tenant.org(), Mode::Live, endpoint));
    local.table.sweep(mark, fixture::now()).await.unwrap();
    local.table.sweep(mark, fixture::now()).await.unwrap();
    assert_eq!(local.table.get(key(), Consistency::Strong).await.unwrap(), None);
}

#[tokio::test]
async fn n5_the_deleted_endpoints_that_numbers_may_still_name() {
    let (local, _, _, endpoint) = cut_off().await;
    let found: Vec<EndpointId> = local.table.sweeps().await.unwrap().into_iter().map(|sweep| sweep.endpoint_id).collect();
    assert_eq!(found, [endpoint]);
}

#[tokio::test]
async fn a_list_shows_no_number_at_an_endpoint_whose_sweep_was_cut_off() {
    let (local, tenant, number, endpoint) = cut_off().await;
    let row = local.table.number(tenant, number, Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(row.endpoint_id, Some(endpoint), "its row was not swept");
    let listed = local.table.numbers(tenant).await.unwrap();
    assert_eq!(listed.iter().map(|number| (number.id, number.endpoint_id)).collect::<Vec<_>>(), [(number, None)]);
}

#[tokio::test]
async fn a_number_moves_on_from_an_endpoint_that_is_gone_and_has_no_count() {
    let (local, tenant, number, _) = cut_off().await;
    let next = fixture::endpoint();
    local.table.create_endpoint(tenant, &next, None, store::TellOfEndpoint::default()).await.unwrap();
    let change = NumberChange { endpoint_id: Some(Some(next.id)), ..NumberChange::default() };
    let Updated::Done(moved) = local.table.update_number(tenant, number, change, fixture::now().plus_millis(1), None).await.unwrap() else {
        panic!("not moved")
    };
    assert_eq!(moved.endpoint_id, Some(next.id));
    assert_eq!(local.table.endpoint(tenant, next.id, Consistency::Strong).await.unwrap().unwrap().phone_numbers_count, 1);
}

#[tokio::test]
async fn a_sweep_that_was_cut_off_is_taken_up_on_schedule() {
    let (local, tenant, number, _) = cut_off().await;
    let clock = Arc::new(AtomicI64::new(fixture::now().as_millis()));
    let due = DueDeliveries::new(local.table.clone(), fixture::nowhere(), Clock::Manual(Arc::clone(&clock)));
    due.run().await.unwrap();
    assert_eq!(local.table.sweeps().await.unwrap().len(), 1, "whoever deleted it has half a minute");
    clock.fetch_add(31_000, std::sync::atomic::Ordering::SeqCst);
    due.run().await.unwrap();
    assert!(local.table.sweeps().await.unwrap().is_empty());
    let row = local.table.number(tenant, number, Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(row.endpoint_id, None);
}
