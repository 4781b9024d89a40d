//! Numbers change hands: conditions and transactions on a real table, alone and in races.

use domain::{
    EndpointId, Mode, Timestamp,
    endpoint::Endpoint,
    inventory::{NumberType, Slot},
    number::NumberChange,
};
use futures_util::future::join_all;
use store::{Bought, Consistency, CreateEndpoint, Imported, Table, Tenant, Updated};
use testkit::{Fixture, LocalTable, fixture};

async fn table_with_slot() -> (LocalTable, Fixture, Slot) {
    let local = LocalTable::start().await;
    let owner = Fixture::create(&local.table, Mode::Live).await;
    let slot = fixture::slot(1);
    local.table.import_slot(Mode::Live, &slot).await.unwrap();
    (local, owner, slot)
}

async fn buy(table: &Table, tenant: Tenant, slot: &Slot, endpoint: Option<&Endpoint>) -> (domain::NumberId, Bought) {
    let (number, claim) = fixture::purchase(tenant, slot, endpoint.map(|endpoint| endpoint.id));
    (number.id, table.buy_number(tenant, slot, &number, &claim, None).await.unwrap())
}

async fn endpoint(table: &Table, tenant: Tenant) -> Endpoint {
    let endpoint = fixture::endpoint();
    table.create_endpoint(tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
    endpoint
}

async fn count(table: &Table, tenant: Tenant, endpoint: &Endpoint) -> u32 {
    table.endpoint(tenant, endpoint.id, Consistency::Strong).await.unwrap().unwrap().phone_numbers_count
}

fn later() -> Timestamp {
    fixture::now().plus_millis(1)
}

#[tokio::test]
async fn fifty_buyers_of_one_number_make_one_owner() {
    let (local, _, slot) = table_with_slot().await;
    let buyers = join_all((0..50).map(|_| Fixture::create(&local.table, Mode::Live))).await;
    let bought = join_all(buyers.iter().map(|buyer| buy(&local.table, buyer.tenant, &slot, None))).await;
    assert_eq!(bought.iter().filter(|(_, bought)| *bought == Bought::Done).count(), 1);
    assert_eq!(bought.iter().filter(|(_, bought)| *bought == Bought::NotAvailable).count(), 49);
    let owned = join_all(buyers.iter().map(|buyer| local.table.numbers(buyer.tenant))).await;
    assert_eq!(owned.into_iter().map(|numbers| numbers.unwrap().len()).sum::<usize>(), 1);
}

#[tokio::test]
async fn only_the_owner_learns_that_a_number_is_owned() {
    let (local, owner, slot) = table_with_slot().await;
    let stranger = Fixture::create(&local.table, Mode::Live).await;
    assert_eq!(buy(&local.table, owner.tenant, &slot, None).await.1, Bought::Done);
    assert_eq!(buy(&local.table, owner.tenant, &slot, None).await.1, Bought::OwnAlready);
    assert_eq!(buy(&local.table, stranger.tenant, &slot, None).await.1, Bought::NotAvailable);
}

#[tokio::test]
async fn a_price_that_changed_since_the_buyer_looked_is_not_bought_at() {
    let (local, owner, slot) = table_with_slot().await;
    local.table.import_slot(Mode::Live, &Slot { monthly_cost_cents: 900, ..slot.clone() }).await.unwrap();
    assert_eq!(buy(&local.table, owner.tenant, &slot, None).await.1, Bought::NotAvailable);
    assert!(local.table.numbers(owner.tenant).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_number_imported_as_another_type_is_on_offer_once() {
    let (local, _, slot) = table_with_slot().await;
    let corrected = Slot { number_type: NumberType::TollFree, ..slot.clone() };
    assert_ne!(corrected.number_type, slot.number_type);
    assert_eq!(local.table.import_slot(Mode::Live, &corrected).await.unwrap(), Imported::Offered);
    assert_eq!(local.table.available(Mode::Live, slot.country, None).await.unwrap(), [corrected]);
}

#[tokio::test]
async fn an_owned_number_is_not_offered_again_by_an_import() {
    let (local, owner, slot) = table_with_slot().await;
    buy(&local.table, owner.tenant, &slot, None).await;
    assert_eq!(local.table.import_slot(Mode::Live, &slot).await.unwrap(), Imported::Owned);
    assert_eq!(local.table.slot(Mode::Live, &slot.address()).await.unwrap(), None);
}

#[tokio::test]
async fn buying_for_an_endpoint_that_is_not_there_buys_nothing() {
    let (local, owner, slot) = table_with_slot().await;
    let nobody = fixture::endpoint();
    assert_eq!(buy(&local.table, owner.tenant, &slot, Some(&nobody)).await.1, Bought::NoSuchEndpoint);
    assert_eq!(local.table.slot(Mode::Live, &slot.address()).await.unwrap(), Some(slot.clone()));
    assert_eq!(local.table.claim(Mode::Live, &slot.e164, Consistency::Strong).await.unwrap(), None);
}

#[tokio::test]
async fn counts_follow_a_number_from_endpoint_to_endpoint() {
    let (local, owner, slot) = table_with_slot().await;
    let (tenant, table) = (owner.tenant, &local.table);
    let (a, b) = (endpoint(table, tenant).await, endpoint(table, tenant).await);
    let (number, _) = buy(table, tenant, &slot, Some(&a)).await;
    assert_eq!((count(table, tenant, &a).await, count(table, tenant, &b).await), (1, 0));
    let to_b = NumberChange { endpoint_id: Some(Some(b.id)), ..NumberChange::default() };
    for _ in 0..2 {
        let Updated::Done(moved) = table.update_number(tenant, number, to_b, later(), None).await.unwrap() else { panic!("not moved") };
        assert_eq!(moved.endpoint_id, Some(b.id));
        assert_eq!((count(table, tenant, &a).await, count(table, tenant, &b).await), (0, 1));
    }
    let detach = NumberChange { endpoint_id: Some(None), ..NumberChange::default() };
    table.update_number(tenant, number, detach, later(), None).await.unwrap();
    assert_eq!((count(table, tenant, &a).await, count(table, tenant, &b).await), (0, 0));
    let nowhere = NumberChange { endpoint_id: Some(Some(fixture::endpoint().id)), ..NumberChange::default() };
    assert_eq!(table.update_number(tenant, number, nowhere, later(), None).await.unwrap(), Updated::NoSuchEndpoint);
}

/// What is read first may be older than the last change: whoever would change nothing looks once more.
#[tokio::test]
async fn attaching_a_number_to_what_it_rings_already_is_looked_at_twice_and_written_once() {
    let (local, owner, slot) = table_with_slot().await;
    let (tenant, table) = (owner.tenant, &local.table);
    let (a, b) = (endpoint(table, tenant).await, endpoint(table, tenant).await);
    let (number, _) = buy(table, tenant, &slot, Some(&a)).await;
    let asked = async |target: EndpointId| {
        let before = table.usage();
        let change = NumberChange { endpoint_id: Some(Some(target)), ..NumberChange::default() };
        let updated = table.update_number(tenant, number, change, later(), None).await.unwrap();
        (updated, table.usage() - before)
    };
    let (stays, usage) = asked(a.id).await;
    assert!(matches!(stays, Updated::Done(_)));
    // The number as it may be, the number and the endpoint as they are, and the change.
    assert_eq!((usage.requests, usage.read_units, usage.write_units), (4, 2.5, 1.0));
    let (nowhere, usage) = asked(fixture::endpoint().id).await;
    assert_eq!((nowhere, usage.requests), (Updated::NoSuchEndpoint, 2), "one transaction finds it out");
    let (moves, usage) = asked(b.id).await;
    assert!(matches!(moves, Updated::Done(_)));
    assert_eq!(usage.requests, 2);
}

#[tokio::test]
async fn a_new_endpoint_takes_a_number_over_or_is_not_made() {
    let (local, owner, slot) = table_with_slot().await;
    let (tenant, table) = (owner.tenant, &local.table);
    let old = endpoint(table, tenant).await;
    let (number, _) = buy(table, tenant, &slot, Some(&old)).await;
    let new = fixture::endpoint();
    assert_eq!(
        table.create_endpoint(tenant, &new, Some(number), store::TellOfEndpoint::default()).await.unwrap(),
        CreateEndpoint::Done(Box::new(Endpoint { phone_numbers_count: 1, ..new.clone() }))
    );
    assert_eq!((count(table, tenant, &old).await, count(table, tenant, &new).await), (0, 1));
    let unknown = fixture::purchase(tenant, &slot, None).0.id;
    let lonely = fixture::endpoint();
    assert_eq!(
        table.create_endpoint(tenant, &lonely, Some(unknown), store::TellOfEndpoint::default()).await.unwrap(),
        CreateEndpoint::NoSuchNumber
    );
    assert_eq!(table.endpoint(tenant, lonely.id, Consistency::Strong).await.unwrap(), None);
}

#[tokio::test]
async fn thirty_two_moves_at_once_keep_every_count_exact() {
    let (local, owner, slot) = table_with_slot().await;
    let (tenant, table) = (owner.tenant, &local.table);
    let (a, b) = (endpoint(table, tenant).await, endpoint(table, tenant).await);
    let (number, _) = buy(table, tenant, &slot, Some(&a)).await;
    let moves = (0..32_u32).map(|n| {
        let target = [Some(a.id), Some(b.id), None][n as usize % 3];
        let change = NumberChange { endpoint_id: Some(target), ..NumberChange::default() };
        table.update_number(tenant, number, change, later().plus_millis(i64::from(n)), None)
    });
    // Some may give up because others keep moving the number; nobody may leave a wrong count behind.
    let moved = join_all(moves).await.into_iter().filter(Result::is_ok).count();
    assert!(moved > 0);
    let rings = table.number(tenant, number, Consistency::Strong).await.unwrap().unwrap().endpoint_id;
    for endpoint in [&a, &b] {
        assert_eq!(count(table, tenant, endpoint).await, u32::from(rings == Some(endpoint.id)));
    }
}

#[tokio::test]
async fn changing_a_number_that_is_not_there_makes_none() {
    let (local, owner, slot) = table_with_slot().await;
    let unknown = fixture::purchase(owner.tenant, &slot, None).0.id;
    for change in [
        NumberChange { allow_outbound: Some(true), ..NumberChange::default() },
        NumberChange { endpoint_id: Some(None), ..NumberChange::default() },
    ] {
        assert_eq!(local.table.update_number(owner.tenant, unknown, change, later(), None).await.unwrap(), Updated::NotFound);
    }
    assert!(local.table.numbers(owner.tenant).await.unwrap().is_empty());
}
