//! What the operator does leaves an entry: beside its effect, or before it where there is no one effect.

use domain::{
    Mode, OrgId,
    audit::{Action, AuditFilter},
};
use runtime::random;
use store::{Table, Tenant};
use testkit::{Fixture, LocalTable, fixture};
use trunkline::{audit, erase::Erase, export::Export, platform};
use uuid::Uuid;

use crate::whole_organization::World;

async fn told(table: &Table, tenant: Tenant) -> Vec<(Action, Uuid)> {
    let page = table.audit_trail(tenant, &AuditFilter::default(), None, 100, 100).await.unwrap();
    page.found.into_iter().map(|entry| (entry.action, entry.resource)).collect()
}

#[tokio::test]
async fn how_long_calls_are_kept_changes_with_its_entry_also_where_it_is_lifted() {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    for (days, entries) in [(Some(30), 1), (None, 2)] {
        let table = audit::on(&local.table, tenant, Action::RetentionChanged, tenant.org().as_uuid()).unwrap();
        table.set_retention(tenant.org(), days, fixture::now()).await.unwrap();
        assert_eq!(local.table.retention(tenant.org()).await.unwrap().map(|retention| retention.days), days);
        assert_eq!(told(&local.table, tenant).await, vec![(Action::RetentionChanged, tenant.org().as_uuid()); entries]);
    }
}

#[tokio::test]
async fn an_export_is_told_before_anything_is_handed_out_and_only_of_who_exists() {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    let export = |org: OrgId| {
        let of = Tenant::new(org, tenant.mode());
        Export { table: audit::on(&local.table, of, Action::OrganizationExported, org.as_uuid()).unwrap(), org, now: fixture::now() }
    };
    /// Takes nothing.
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("no room"))
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    assert!(export(tenant.org()).run(&mut Full, &mut |_| {}).await.is_err());
    assert_eq!(told(&local.table, tenant).await, [(Action::OrganizationExported, tenant.org().as_uuid())]);
    let nobody = OrgId::new(fixture::now(), random::bytes());
    assert!(export(nobody).run(&mut Vec::new(), &mut |_| {}).await.is_err());
    assert_eq!(told(&local.table, Tenant::new(nobody, tenant.mode())).await, []);
}

#[tokio::test]
async fn an_erasure_takes_the_organizations_trail_and_stands_in_the_operators() {
    let world = World::start().await;
    let gone = world.fill().await;
    let (table, org) = (&world.local.table, gone.org);
    let own = Mode::ALL.map(|mode| Tenant::new(org, mode));
    assert!(!told(table, own[0]).await.is_empty());
    let acting = audit::on(table, platform::tenant(Mode::Live), Action::OrganizationErased, org.as_uuid()).unwrap();
    let erase = Erase { table: acting, org, clock: world.clock(), settle_millis: 0 };
    erase.run(|_| {}, &|_| {}).await.unwrap();
    for tenant in own {
        assert_eq!(told(table, tenant).await, []);
    }
    assert_eq!(told(table, platform::tenant(Mode::Live)).await, [(Action::OrganizationErased, org.as_uuid())]);
    assert_eq!(erase.left_behind(&|_| {}).await.unwrap(), [], "it is no data of the organization");
    erase.run(|_| {}, &|_| {}).await.unwrap();
    assert_eq!(told(table, platform::tenant(Mode::Live)).await.len(), 1, "once");
}

#[tokio::test]
async fn an_act_without_an_effect_in_the_table_is_noted_once() {
    let local = LocalTable::start().await;
    let tenant = platform::tenant(Mode::Test);
    let table = audit::on(&local.table, tenant, Action::InventoryImported, OrgId::PLATFORM.as_uuid()).unwrap();
    for _ in 0..2 {
        table.note_act().await.unwrap();
    }
    assert_eq!(told(&local.table, tenant).await, [(Action::InventoryImported, OrgId::PLATFORM.as_uuid())]);
    assert_eq!(told(&local.table, platform::tenant(Mode::Live)).await, [], "each mode has its own trail");
    local.table.note_act().await.unwrap();
}
