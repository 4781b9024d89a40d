//! Thirty-two at once on one number or endpoint, many rounds each, once more on a database that fails: whatever order they
//! come in, one truth is left.

use domain::{Mode, number::NumberChange};
use futures_util::future::{join, join_all};
use rstest::rstest;
use store::{Bought, Consistency, StoreError, Table, Tenant};
use testkit::{
    Fixture, LocalTable,
    faults::{Faults, Wire},
    fixture,
};

const HALF: usize = 16;

/// The faults of a bad day. They take their time, so there are fewer rounds.
const BAD: (Faults, u32) = (Faults { throttled: 20, unanswered: 5, conflicts: 10 }, 25);
const GOOD: (Faults, u32) = (Faults { throttled: 0, unanswered: 0, conflicts: 0 }, 100);

/// A table, and the same as those see it who race on it.
struct Arena {
    local: LocalTable,
    raced: Table,
    wire: Wire,
    tenant: Tenant,
    is_good: bool,
}

impl Arena {
    async fn start(faults: Faults) -> Self {
        let (local, wire) = (LocalTable::start().await, Wire::new(7));
        let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
        let is_good = faults.throttled == 0;
        let raced = if is_good { local.table.clone() } else { local.over(&wire, faults).await };
        Self { local, raced, wire, tenant, is_good }
    }

    /// What an operation came to, `None` if nobody knows: on a bad day that may be, and the caller is told to try again.
    fn known<T>(&self, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(StoreError::Unavailable(_)) if !self.is_good => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Asserts that a bad day was one.
    fn is_over(&self) {
        let met = self.wire.met();
        let all = met.throttled.min(met.unanswered_before).min(met.unanswered_after).min(met.conflicts);
        assert!(self.is_good || all > 0, "{met:?}");
    }

    /// Tries to buy slot `n` for a tenant.
    async fn buy(&self, tenant: Tenant, n: u32) -> Option<Bought> {
        let slot = fixture::slot(n);
        let (number, claim) = fixture::purchase(tenant, &slot, None);
        self.known(self.raced.buy_number(tenant, &slot, &number, &claim, None).await)
    }
}

#[rstest]
#[case::on_a_good_day(GOOD)]
#[case::on_a_bad_day(BAD)]
#[tokio::test]
async fn buyers_and_imports_of_one_number_leave_one_owner_and_no_slot(#[case] (faults, rounds): (Faults, u32)) {
    let arena = Arena::start(faults).await;
    let (table, tenant) = (&arena.local.table, arena.tenant);
    let other = Fixture::create(table, Mode::Live).await.tenant;
    for round in 0..rounds {
        let slot = fixture::slot(round);
        table.import_slot(Mode::Live, &slot).await.unwrap();
        let buying = join_all((0..HALF).map(|n| arena.buy([tenant, other][n % 2], round)));
        let importing = join_all((0..HALF).map(|_| async { arena.known(arena.raced.import_slot(Mode::Live, &slot).await) }));
        let (bought, _) = join(buying, importing).await;
        let done = bought.iter().flatten().filter(|bought| **bought == Bought::Done).count();
        // Of an owner who was not told a later answer may speak.
        assert!(done == 1 || (done == 0 && bought.contains(&None)), "round {round}: {bought:?}");
        assert_eq!(table.slot(Mode::Live, &slot.address()).await.unwrap(), None, "an owned number is not on offer");
        let claim = table.claim(Mode::Live, &slot.e164, Consistency::Strong).await.unwrap().unwrap();
        let owner = Tenant::new(claim.organization_id, Mode::Live);
        assert!(table.number(owner, claim.number_id, Consistency::Strong).await.unwrap().is_some());
    }
    let numbers = [table.numbers(tenant).await.unwrap(), table.numbers(other).await.unwrap()].concat();
    assert_eq!(numbers.len(), rounds as usize, "no number is owned twice");
    arena.is_over();
}

#[rstest]
#[case::on_a_good_day(GOOD)]
#[case::on_a_bad_day(BAD)]
#[tokio::test]
async fn attaching_to_an_endpoint_that_is_being_deleted_leaves_no_number_at_it(#[case] (faults, rounds): (Faults, u32)) {
    let arena = Arena::start(faults).await;
    let (table, tenant) = (&arena.local.table, arena.tenant);
    for n in 0..4 {
        let slot = fixture::slot(n);
        fixture::bought(table, tenant, &slot, None).await;
    }
    let numbers: Vec<_> = table.numbers(tenant).await.unwrap().into_iter().map(|number| number.id).collect();
    for round in 0..rounds {
        let (doomed, home) = (fixture::endpoint(), fixture::endpoint());
        table.create_endpoint(tenant, &doomed, None, store::TellOfEndpoint::default()).await.unwrap();
        table.create_endpoint(tenant, &home, None, store::TellOfEndpoint::default()).await.unwrap();
        let now = fixture::now().plus_millis(i64::from(round) * 1_000);
        let attaching = join_all((0..2 * HALF - 1).map(|n| {
            let target = if n % 5 == 0 { home.id } else { doomed.id };
            let change = NumberChange { endpoint_id: Some(Some(target)), ..NumberChange::default() };
            let number = numbers[n % numbers.len()];
            let attached = arena.raced.update_number(tenant, number, change, now.plus_millis(i64::try_from(n).unwrap()), None);
            async { arena.known(attached.await) }
        }));
        let deleting = async { arena.known(arena.raced.delete_endpoint(tenant, doomed.id, now.plus_millis(500), None).await) };
        let (_, deleted) = join(attaching, deleting).await;
        finish(&arena, deleted, doomed.id, now).await;
        let rings = table.list(store::access_patterns::numbers(tenant.org(), tenant.mode())).await.unwrap();
        assert!(rings.iter().all(|number| number.endpoint_id != Some(doomed.id)), "round {round}");
        let at_home = rings.iter().filter(|number| number.endpoint_id == Some(home.id)).count();
        let counted = table.endpoint(tenant, home.id, Consistency::Strong).await.unwrap().unwrap().phone_numbers_count;
        assert_eq!(counted as usize, at_home, "round {round}: the count is exact");
        assert!(table.delete_endpoint(tenant, home.id, now.plus_millis(900), None).await.unwrap());
    }
    arena.is_over();
}

/// Finishes a deletion of which nobody knows whether it was done, as a client and the schedule do.
async fn finish(arena: &Arena, deleted: Option<bool>, endpoint: domain::EndpointId, now: domain::Timestamp) {
    let table = &arena.local.table;
    if arena.is_good {
        assert_eq!(deleted, Some(true));
        return;
    }
    table.delete_endpoint(arena.tenant, endpoint, now.plus_millis(600), None).await.unwrap();
    for sweep in table.sweeps().await.unwrap() {
        table.sweep(sweep, now.plus_millis(700)).await.unwrap();
    }
}

#[tokio::test]
async fn an_endpoint_with_a_thousand_numbers_is_deleted_off_all_of_them() {
    let arena = Arena::start(GOOD.0).await;
    let (table, tenant) = (&arena.local.table, arena.tenant);
    let endpoint = fixture::endpoint();
    table.create_endpoint(tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
    for n in 0..1_000 {
        let slot = fixture::slot(n);
        fixture::bought(table, tenant, &slot, Some(endpoint.id)).await;
    }
    let counted = table.endpoint(tenant, endpoint.id, Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(counted.phone_numbers_count, 1_000);
    assert!(table.delete_endpoint(tenant, endpoint.id, fixture::now(), None).await.unwrap());
    let numbers = table.numbers(tenant).await.unwrap();
    assert_eq!((numbers.len(), numbers.iter().filter(|number| number.endpoint_id.is_some()).count()), (1_000, 0));
}
