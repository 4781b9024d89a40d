//! An organization erased: nothing of it is left but its mark, nothing of others is touched, and nothing comes back.

use std::collections::BTreeSet;

use domain::{Mode, OrgId};
use http::Method;
use runtime::{Clock, random};
use serde_json::json;
use store::{Consistency, Standing, Table, access_patterns as patterns};
use testkit::{
    Fixture, LocalTable,
    costs::batch,
    faults::{Faults, Moment, Stop, Wire},
    fixture,
};
use trunkline::erase::{Erase, EraseError, Report, SETTLE_MILLIS};

use crate::{
    whole_life::Life,
    whole_organization::{Filled, World, difference, unfilled},
};

fn erase(world: &World, table: &Table, org: OrgId) -> Erase {
    Erase { table: table.clone(), org, clock: world.clock(), settle_millis: 0 }
}

async fn erased(world: &World, org: OrgId) -> Report {
    erase(world, &world.local.table, org).run(|_| {}, &|_| {}).await.unwrap()
}

/// What stays of an organization, if nothing else came since these items were there.
fn with_mark(before: &BTreeSet<(String, String)>, org: OrgId) -> BTreeSet<(String, String)> {
    before.iter().cloned().chain([(format!("ORG#{org}"), "ERASURE".to_owned())]).collect()
}

/// Two organizations with something of everything, and what was there when only the first one was.
async fn two() -> (World, Filled, Filled, BTreeSet<(String, String)>) {
    let world = World::start().await;
    let other = world.fill().await;
    let before = world.keys().await;
    let gone = world.fill().await;
    (world, other, gone, before)
}

#[tokio::test]
async fn after_an_erasure_the_table_is_as_if_the_organization_had_never_been_but_for_its_mark() {
    let (world, other, gone, before) = two().await;
    let filled = world.keys().await;
    assert_eq!(unfilled(&filled), Vec::<&str>::new(), "these items are not tried: have `whole_organization` make some");
    let slots = world.local.table.available(Mode::Live, "NG".parse().unwrap(), None).await.unwrap().len();
    let counted = erase(&world, &world.local.table, gone.org).count(&|_| {}).await.unwrap();
    assert_eq!(difference(&world.keys().await, &filled), [], "counting changes nothing");

    let report = erased(&world, gone.org).await;
    assert_eq!(difference(&world.keys().await, &with_mark(&before, gone.org)), []);
    let mark = world.local.table.erasure(gone.org).await.unwrap().unwrap();
    assert_eq!((mark.name, mark.ended_at), (None, report.ended_at));
    let text = format!("{:?}", world.local.dump().await);
    assert_eq!(text.matches(&gone.org.to_string()).count(), 2, "the mark's key and its attribute");
    assert_eq!(report.freed_numbers, 4);
    assert_eq!(world.local.table.available(Mode::Live, "NG".parse().unwrap(), None).await.unwrap().len(), slots + 2);

    assert_eq!((&counted.items, counted.freed_numbers), (&report.items, 4), "the dry run tells what is erased");
    assert_eq!(erase(&world, &world.local.table, gone.org).left_behind(&|_| {}).await.unwrap(), []);
    assert!(!erase(&world, &world.local.table, other.org).left_behind(&|_| {}).await.unwrap().is_empty());

    let again = erased(&world, gone.org).await;
    assert_eq!((again.items.len(), again.freed_numbers, again.ended_at), (0, 0, report.ended_at), "nothing is left");
    let differences = world.local.table.verify_calls(store::Tenant::new(other.org, Mode::Live), false, |_| {}).await.unwrap();
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn of_a_whole_life_of_the_product_nothing_is_left_that_is_somebodys() {
    let life = Life::begin().await;
    life.whole().await;
    let (local, org) = (&life.cloud.local, life.live.tenant.org());
    let erase = Erase { table: local.table.clone(), org, clock: Clock::System, settle_millis: 0 };
    erase.run(|_| {}, &|_| {}).await.unwrap();
    // What the operator has is no organization's.
    let theirs = |item: &&_| !format!("{item:?}").contains(&OrgId::PLATFORM.to_string());
    let kinds: BTreeSet<String> = local.dump().await.iter().filter(theirs).map(|item| item["kind"].as_s().unwrap().clone()).collect();
    assert_eq!(kinds.iter().collect::<Vec<_>>(), ["erasure", "issuer", "offer", "setting", "slot"]);
    assert_eq!(format!("{:?}", local.dump().await).matches(&org.to_string()).count(), 2, "the mark's key and its attribute");
}

#[tokio::test]
async fn an_erasure_that_is_cut_off_at_any_step_is_finished_by_the_next_one() {
    let (world, _, gone, before) = two().await;
    let wire = Wire::new(7);
    let table = world.local.over(&wire, Faults::default()).await;
    let (mut number, mut cuts) = (1, 0);
    // Later and later, so that each run gets a little further than the one before.
    loop {
        let moment = if cuts % 2 == 0 { Moment::Before } else { Moment::After };
        wire.begin(Some(Stop { number, moment }));
        let run = erase(&world, &table, gone.org);
        tokio::select! {
            report = run.run(|_| {}, &|_| {}) => {
                report.unwrap();
                break;
            }
            _ = wire.stopped() => cuts += 1,
        }
        number += 1 + number / 4;
    }
    assert!(cuts > 15, "{cuts} cuts");
    assert_eq!(difference(&world.keys().await, &with_mark(&before, gone.org)), []);
}

#[tokio::test]
async fn what_comes_late_is_dropped_and_brings_nothing_back() {
    let (world, other, gone, _) = two().await;
    let letters = world.dead.len();
    erased(&world, gone.org).await;
    // Processes believe that it exists for a minute: by then they have forgotten.
    world.pass(61_000);
    for told in gone.told.chunks(10) {
        assert_eq!(world.tell(told).await, 0);
    }
    let news = gone.told[0].replace("CA-", "CA-new-");
    assert_eq!(world.tell(&[news]).await, 0);
    for queued in gone.queued.chunks(10) {
        assert!(world.deliveries.handle(batch(queued)).await.batch_item_failures.is_empty());
    }
    world.due.run().await.unwrap();
    world.reaper.run().await.unwrap();
    world.reaper.sweep().await.unwrap();
    let now: BTreeSet<_> = world.keys().await.into_iter().filter(|(pk, _)| pk.contains(&gone.org.to_string())).collect();
    assert_eq!(now, with_mark(&BTreeSet::new(), gone.org));
    assert_eq!(world.dead.len(), letters, "its data do not lie on as dead letters");
    assert_eq!(world.ask(&gone.key, Method::GET, "/v1/calls", None).await.code(), "UNAUTHORIZED");
    assert_eq!(world.ask(&other.key, Method::GET, "/v1/calls", None).await.status, 200);
}

#[tokio::test]
async fn what_a_process_still_writes_that_believes_in_the_organization_is_erased_too() {
    let (world, _, gone, before) = two().await;
    for path in ["/v1/endpoints", "/v1/api-keys"] {
        world.ask(&gone.key, Method::GET, path, None).await.is(200);
    }
    assert_eq!(world.tell(&gone.told[..1]).await, 0);
    let erase = Erase { settle_millis: SETTLE_MILLIS, ..erase(&world, &world.local.table, gone.org) };
    let late = async {
        // The mark is there and the keys are gone; this process remembers both.
        while world.local.table.erasure(gone.org).await.unwrap().is_none_or(|erasure| erasure.closed_at.is_none()) {
            tokio::task::yield_now().await;
        }
        let created =
            world.ask(&gone.key, Method::POST, "/v1/endpoints", Some(json!({"name": "Late", "type": "webhook", "url": world.takes.url})));
        created.await.is(201);
        let minted = world.ask(&gone.key, Method::POST, "/v1/api-keys", Some(json!({"name": "Late", "scopes": ["calls:read"]}))).await;
        assert_eq!(minted.code(), "CONFLICT", "a new key would work on");
        let events: Vec<String> = gone.told[..5].iter().map(|body| body.replace("CA-", "CA-late-")).collect();
        assert_eq!(world.tell(&events).await, 0);
        assert!(world.keys().await.iter().any(|(pk, _)| pk.starts_with(&format!("LIST#{}", gone.org))));
        world.pass(SETTLE_MILLIS);
    };
    let (report, ()) = tokio::join!(erase.run(|_| {}, &|_| {}), late);
    assert!(report.unwrap().items["endpoint"] >= 5);
    assert_eq!(difference(&world.keys().await, &with_mark(&before, gone.org)), []);
}

#[tokio::test]
async fn an_unknown_organization_is_not_erased_and_its_events_make_dead_letters() {
    let world = World::start().await;
    let unknown = OrgId::new(fixture::now(), random::bytes());
    let run = erase(&world, &world.local.table, unknown).run(|_| {}, &|_| {}).await;
    assert!(matches!(run, Err(EraseError::Unknown(org)) if org == unknown), "{run:?}");
    let counted = erase(&world, &world.local.table, unknown).count(&|_| {}).await;
    assert!(matches!(counted, Err(EraseError::Unknown(_))));
    let before = world.keys().await;
    let event =
        json!({"id": "1", "type": "call.ringing", "timestamp": world.now(), "organization_id": unknown, "call_id": "CA-1", "data": {}});
    assert_eq!(world.tell(&[event.to_string()]).await, 0);
    assert_eq!((world.keys().await, world.dead.len()), (before, 1));
}

#[tokio::test]
async fn o3_whether_an_organization_is_being_erased_or_was() {
    let local = LocalTable::start().await;
    let (mine, other) =
        (Fixture::create(&local.table, Mode::Live).await.tenant.org(), Fixture::create(&local.table, Mode::Live).await.tenant.org());
    let (begun, is_new) = local.table.begin_erasure(mine, fixture::now()).await.unwrap().unwrap();
    assert!(is_new);
    let get = |org| local.table.get(patterns::erasure(org), Consistency::Strong);
    assert_eq!((get(mine).await.unwrap(), get(other).await.unwrap()), (Some(begun.clone()), None));
    assert_eq!(local.table.begin_erasure(mine, fixture::now().plus_millis(9)).await.unwrap(), Some((begun, false)), "the first one stays");
    assert_eq!(local.table.standing(mine).await.unwrap(), Standing::Erased);
    assert_eq!(local.table.standing(other).await.unwrap(), Standing::Open);
    assert_eq!(local.table.standing(OrgId::new(fixture::now(), random::bytes())).await.unwrap(), Standing::Unknown);
}

#[tokio::test]
async fn o6_the_organizations_whose_erasure_has_not_ended() {
    let local = LocalTable::start().await;
    let mut orgs = Vec::new();
    for _ in 0..3 {
        orgs.push(Fixture::create(&local.table, Mode::Live).await.tenant.org());
    }
    for org in &orgs[..2] {
        local.table.begin_erasure(*org, fixture::now()).await.unwrap();
    }
    let keys: Vec<OrgId> =
        local.table.list_index(patterns::erasures()).await.unwrap().iter().map(|erasure| erasure.organization_id).collect();
    assert_eq!((keys.clone(), local.table.erasing_ids().await.unwrap()), (orgs[..2].to_vec(), keys));
    let ended = local.table.end_erasure(orgs[0], fixture::now()).await.unwrap();
    assert_eq!((ended.name, local.table.erasing_ids().await.unwrap()), (None, vec![orgs[1]]));
    assert!(local.table.end_erasure(orgs[2], fixture::now()).await.is_err(), "nobody began it");
}
