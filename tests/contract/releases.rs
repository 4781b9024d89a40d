//! Numbers given back: the slot is on offer again, nothing is left behind, races leave one truth.

use domain::{Mode, NumberId, inventory::Slot, number::NumberChange, number::NumberStatus};
use futures_util::future::{join, join_all};
use store::{Bought, Consistency, Release, Tenant, Updated};
use testkit::{Fixture, LocalTable, fixture};

async fn owned(slot: &Slot) -> (LocalTable, Tenant, NumberId) {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    local.table.import_slot(Mode::Live, slot).await.unwrap();
    let id = buy(&local, tenant, slot).await;
    (local, tenant, id)
}

async fn buy(local: &LocalTable, tenant: Tenant, slot: &Slot) -> NumberId {
    let (number, claim) = fixture::purchase(tenant, slot, None);
    assert_eq!(local.table.buy_number(tenant, slot, &number, &claim, None).await.unwrap(), Bought::Done);
    number.id
}

#[tokio::test]
async fn a_deleted_number_is_gone_and_on_offer_again_as_it_was() {
    let slot = Slot { region: Some("Lagos".to_owned()), ..fixture::slot(1) };
    let (local, tenant, id) = owned(&slot).await;
    let gone = local.table.release_number(tenant, id, Release::Remove, fixture::now(), None).await.unwrap().unwrap();
    assert_eq!((gone.id, gone.status), (id, NumberStatus::Inactive));
    assert_eq!(local.table.number(tenant, id, Consistency::Strong).await.unwrap(), None);
    assert_eq!(local.table.claim(Mode::Live, &slot.e164, Consistency::Strong).await.unwrap(), None);
    assert_eq!(local.table.slot(Mode::Live, &slot.address()).await.unwrap(), Some(slot.clone()));
    assert_eq!(local.table.release_number(tenant, id, Release::Remove, fixture::now(), None).await.unwrap(), None);
    buy(&local, tenant, &slot).await;
}

#[tokio::test]
async fn a_released_number_stays_for_audit_and_repeating_the_release_changes_nothing() {
    let (local, tenant, id) = owned(&fixture::slot(1)).await;
    let first = local.table.release_number(tenant, id, Release::Keep, fixture::now(), None).await.unwrap().unwrap();
    assert_eq!(local.table.number(tenant, id, Consistency::Strong).await.unwrap(), Some(first.clone()));
    let again = local.table.release_number(tenant, id, Release::Keep, fixture::now().plus_millis(5), None).await.unwrap();
    assert_eq!(again, Some(first.clone()));
    let (beside, spent) = local.table.spent(Box::pin(local.table.beside_number(tenant, &first))).await;
    assert_eq!((beside.unwrap(), spent.requests), ((None, None), 0), "nothing is looked for that it cannot have");
    let change = NumberChange { allow_outbound: Some(true), ..NumberChange::default() };
    assert_eq!(local.table.update_number(tenant, id, change, fixture::now(), None).await.unwrap(), Updated::Released);
}

#[tokio::test]
async fn deleting_a_released_number_never_touches_the_slot_of_its_next_owner() {
    let slot = fixture::slot(1);
    let (local, tenant, id) = owned(&slot).await;
    local.table.release_number(tenant, id, Release::Keep, fixture::now(), None).await.unwrap();
    let next = Fixture::create(&local.table, Mode::Live).await.tenant;
    let theirs = buy(&local, next, &slot).await;
    local.table.release_number(tenant, id, Release::Remove, fixture::now(), None).await.unwrap().unwrap();
    assert_eq!(local.table.number(tenant, id, Consistency::Strong).await.unwrap(), None);
    assert_eq!(local.table.slot(Mode::Live, &slot.address()).await.unwrap(), None, "it is not on offer: someone owns it");
    let claim = local.table.claim(Mode::Live, &slot.e164, Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(claim.number_id, theirs);
}

#[tokio::test]
async fn a_release_takes_the_number_off_its_endpoint() {
    let (local, tenant, id) = owned(&fixture::slot(1)).await;
    let endpoint = fixture::endpoint();
    local.table.create_endpoint(tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
    let attach = NumberChange { endpoint_id: Some(Some(endpoint.id)), ..NumberChange::default() };
    local.table.update_number(tenant, id, attach, fixture::now(), None).await.unwrap();
    let released = local.table.release_number(tenant, id, Release::Keep, fixture::now(), None).await.unwrap().unwrap();
    assert_eq!(released.endpoint_id, None);
    let endpoint = local.table.endpoint(tenant, endpoint.id, Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(endpoint.phone_numbers_count, 0);
}

#[tokio::test]
async fn releasing_while_attaching_and_importing_leaves_one_truth() {
    for round in 0..100 {
        let slot = fixture::slot(round);
        let (local, tenant, id) = owned(&slot).await;
        let table = &local.table;
        let endpoint = fixture::endpoint();
        table.create_endpoint(tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
        let attach = NumberChange { endpoint_id: Some(Some(endpoint.id)), ..NumberChange::default() };
        let attaching = join_all((0..10).map(|_| table.update_number(tenant, id, attach, fixture::now(), None)));
        let releasing = join_all((0..12).map(|n| {
            let release = if n % 2 == 0 { Release::Keep } else { Release::Remove };
            table.release_number(tenant, id, release, fixture::now(), None)
        }));
        let importing = join_all((0..10).map(|_| table.import_slot(Mode::Live, &slot)));
        let ((attached, released), imported) = join(join(attaching, releasing), importing).await;
        assert!(released.iter().any(|released| matches!(released, Ok(Some(_)))));
        assert!(attached.iter().all(|attached| !matches!(attached, Ok(Updated::NoSuchEndpoint))));
        assert!(imported.iter().all(Result::is_ok));
        let number = table.number(tenant, id, Consistency::Strong).await.unwrap();
        assert!(number.is_none_or(|number| number.released_at.is_some() && number.endpoint_id.is_none()));
        assert_eq!(table.claim(Mode::Live, &slot.e164, Consistency::Strong).await.unwrap(), None);
        assert_eq!(table.slot(Mode::Live, &slot.address()).await.unwrap(), Some(slot), "no slot is lost");
        let endpoint = table.endpoint(tenant, endpoint.id, Consistency::Strong).await.unwrap().unwrap();
        assert_eq!(endpoint.phone_numbers_count, 0);
    }
}
