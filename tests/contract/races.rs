//! Thirty-two at once on one number or endpoint, a hundred rounds each: whatever order they come in, one truth is left.

use domain::{Mode, number::NumberChange};
use futures_util::future::{join, join_all};
use store::{Bought, Consistency, Table, Tenant};
use testkit::{Fixture, LocalTable, fixture};

const ROUNDS: u32 = 100;
const HALF: usize = 16;

async fn start() -> (LocalTable, Tenant) {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    (local, tenant)
}

/// Tries to buy slot `n` for a tenant.
async fn buy(table: &Table, tenant: Tenant, n: u32) -> Bought {
    let slot = fixture::slot(n);
    let (number, claim) = fixture::purchase(tenant, &slot, None);
    table.buy_number(tenant, &slot, &number, &claim, None).await.unwrap()
}

#[tokio::test]
async fn buyers_and_imports_of_one_number_leave_one_owner_and_no_slot() {
    let (local, tenant) = start().await;
    let other = Fixture::create(&local.table, Mode::Live).await.tenant;
    for round in 0..ROUNDS {
        let slot = fixture::slot(round);
        local.table.import_slot(Mode::Live, &slot).await.unwrap();
        let buying = join_all((0..HALF).map(|n| buy(&local.table, [tenant, other][n % 2], round)));
        let importing = join_all((0..HALF).map(|_| local.table.import_slot(Mode::Live, &slot)));
        let (bought, imported) = join(buying, importing).await;
        assert_eq!(bought.iter().filter(|bought| **bought == Bought::Done).count(), 1, "round {round}");
        assert!(imported.iter().all(Result::is_ok));
        assert_eq!(local.table.slot(Mode::Live, &slot.address()).await.unwrap(), None, "an owned number is not on offer");
        let claim = local.table.claim(Mode::Live, &slot.e164, Consistency::Strong).await.unwrap().unwrap();
        let owner = Tenant { org: claim.organization_id, mode: Mode::Live };
        assert!(local.table.number(owner, claim.number_id, Consistency::Strong).await.unwrap().is_some());
    }
    let numbers = [local.table.numbers(tenant).await.unwrap(), local.table.numbers(other).await.unwrap()].concat();
    assert_eq!(numbers.len(), ROUNDS as usize, "no number is owned twice");
}

#[tokio::test]
async fn attaching_to_an_endpoint_that_is_being_deleted_leaves_no_number_at_it() {
    let (local, tenant) = start().await;
    let table = &local.table;
    let mut numbers = Vec::new();
    for n in 0..4 {
        table.import_slot(Mode::Live, &fixture::slot(n)).await.unwrap();
        assert_eq!(buy(table, tenant, n).await, Bought::Done);
    }
    numbers.extend(table.numbers(tenant).await.unwrap().into_iter().map(|number| number.id));
    for round in 0..ROUNDS {
        let (doomed, home) = (fixture::endpoint(), fixture::endpoint());
        table.create_endpoint(tenant, &doomed, None, store::TellOfEndpoint::default()).await.unwrap();
        table.create_endpoint(tenant, &home, None, store::TellOfEndpoint::default()).await.unwrap();
        let now = fixture::now().plus_millis(i64::from(round) * 1_000);
        let attaching = join_all((0..2 * HALF - 1).map(|n| {
            let target = if n % 5 == 0 { home.id } else { doomed.id };
            let change = NumberChange { endpoint_id: Some(Some(target)), ..NumberChange::default() };
            table.update_number(tenant, numbers[n % numbers.len()], change, now.plus_millis(i64::try_from(n).unwrap()), None)
        }));
        let (_, deleted) = join(attaching, table.delete_endpoint(tenant, doomed.id, now.plus_millis(500), None)).await;
        assert!(deleted.unwrap());
        let rings = table.list(store::access_patterns::numbers(tenant.org, tenant.mode)).await.unwrap();
        assert!(rings.iter().all(|number| number.endpoint_id != Some(doomed.id)), "round {round}");
        let at_home = rings.iter().filter(|number| number.endpoint_id == Some(home.id)).count();
        let counted = table.endpoint(tenant, home.id, Consistency::Strong).await.unwrap().unwrap().phone_numbers_count;
        assert_eq!(counted as usize, at_home, "round {round}: the count is exact");
        assert!(table.delete_endpoint(tenant, home.id, now.plus_millis(900), None).await.unwrap());
    }
}

#[tokio::test]
async fn an_endpoint_with_a_thousand_numbers_is_deleted_off_all_of_them() {
    let (local, tenant) = start().await;
    let table = &local.table;
    let endpoint = fixture::endpoint();
    table.create_endpoint(tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
    for n in 0..1_000 {
        let slot = fixture::slot(n);
        table.import_slot(Mode::Live, &slot).await.unwrap();
        let (number, claim) = fixture::purchase(tenant, &slot, Some(endpoint.id));
        assert_eq!(table.buy_number(tenant, &slot, &number, &claim, None).await.unwrap(), Bought::Done);
    }
    let counted = table.endpoint(tenant, endpoint.id, Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(counted.phone_numbers_count, 1_000);
    assert!(table.delete_endpoint(tenant, endpoint.id, fixture::now(), None).await.unwrap());
    let numbers = table.numbers(tenant).await.unwrap();
    assert_eq!((numbers.len(), numbers.iter().filter(|number| number.endpoint_id.is_some()).count()), (1_000, 0));
}
