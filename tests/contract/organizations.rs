//! Organizations as the operator sees them: listed, exported, their keys revoked.

use std::collections::BTreeMap;

use domain::{Mode, OrgId};
use runtime::random;
use serde_json::Value;
use store::{Consistency, Organization, Tenant, access_patterns as patterns};
use testkit::{Fixture, LocalTable, fixture};
use trunkline::{export::Export, keys, summary};

use crate::whole_organization::World;

async fn listed(local: &LocalTable) -> Vec<(OrgId, &'static str)> {
    let mut listed = Vec::new();
    summary::each(&local.table, |summary| listed.push((summary.id, summary.status))).await.unwrap();
    listed
}

#[tokio::test]
async fn o2_the_organizations_oldest_first() {
    let local = LocalTable::start().await;
    let mut created = Vec::new();
    for n in 0..20 {
        let id = OrgId::new(fixture::now().plus_millis(n), random::bytes());
        local.table.create_organization(&Organization { id, name: format!("{n}"), created_at: fixture::now() }).await.unwrap();
        created.push(id);
    }
    let found = local.table.list_index(patterns::organizations()).await.unwrap();
    assert_eq!(found.iter().map(|organization| organization.id).collect::<Vec<_>>(), created);
    assert_eq!(local.table.organization_ids().await.unwrap(), created);
    local.table.begin_erasure(created[7], fixture::now()).await.unwrap();
    let mut expected: Vec<_> = created.iter().filter(|id| **id != created[7]).map(|id| (*id, "active")).collect();
    expected.push((created[7], "erasing"));
    assert_eq!(listed(&local).await, expected);
}

#[tokio::test]
async fn organizations_from_before_there_was_a_list_come_into_it_by_one_look_over_the_table() {
    let local = LocalTable::start().await;
    let mut orgs = Vec::new();
    for _ in 0..5 {
        orgs.push(Fixture::create(&local.table, Mode::Live).await.tenant.org());
    }
    for org in &orgs[..3] {
        let key = [("pk", format!("ORG#{org}")), ("sk", "ORG".to_owned())];
        let key = key.map(|(name, value)| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value)));
        let update = local.client.update_item().table_name("trunkline").set_key(Some(key.into()));
        update.update_expression("REMOVE gsi1pk, gsi1sk").send().await.unwrap();
    }
    assert_eq!(local.table.organization_ids().await.unwrap(), orgs[3..]);
    for expected in [3, 0] {
        let (mut added, mut after) = (0, None);
        loop {
            let page = local.table.list_organizations_anew(after.as_ref(), 4).await.unwrap();
            added += page.added;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(added, expected);
        assert_eq!(local.table.organization_ids().await.unwrap(), orgs);
    }
}

#[tokio::test]
async fn an_export_holds_everything_that_the_organization_could_read_and_no_secret() {
    let world = World::start().await;
    let mine = world.fill().await;
    let other = world.fill().await;
    let export = Export { table: world.local.table.clone(), org: mine.org, now: world.now() };
    let (mut out, mut seen) = (Vec::new(), 0);
    let counts = export.run(&mut out, &mut |lines| seen += lines).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len() as u64, seen), (counts.values().sum(), lines.len() as u64));
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    lines.iter().for_each(|line| *kinds.entry(line["kind"].as_str().unwrap()).or_default() += 1);
    // In each mode two calls: the one that was deleted is not there, nor the one that never became a call.
    for (kind, count) in [
        ("organization", 1),
        ("api_key", 5),
        ("member", 2),
        ("phone_number", 8),
        ("endpoint", 4),
        ("carrier_credential", 2),
        ("webhook_subscription", 4),
        ("call", 4),
    ] {
        assert_eq!(kinds.get(kind), Some(&count), "{kind}");
    }
    assert!(kinds["webhook_delivery"] > 10 && kinds.len() == 10, "{kinds:?}");
    let call = lines.iter().find(|line| line["kind"] == "call" && line["data"]["has_transcript"] == true).unwrap();
    assert!(call["data"]["transcript"].as_str().unwrap().contains("word 399") && !call["data"]["events"].as_array().unwrap().is_empty());
    assert!(
        lines
            .iter()
            .all(|line| ["organization", "api_key", "member"].contains(&line["kind"].as_str().unwrap()) || line["mode"].is_string())
    );
    for secret in [&other.org.to_string(), "key_hash", "whsec_", "kros_", "sip_password", "auth_token"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let dump = world.local.dump().await;
    for hash in dump.iter().filter_map(|item| item["pk"].as_s().unwrap().strip_prefix("KEY#").map(str::to_owned)) {
        assert!(!text.contains(&hash));
    }
}

#[tokio::test]
async fn a_key_is_revoked_once_by_its_id_or_by_how_it_ends() {
    let local = LocalTable::start().await;
    let fixture = Fixture::create(&local.table, Mode::Live).await;
    let (table, org, now) = (&local.table, fixture.tenant.org(), fixture::now());
    let records = table.key_records(Tenant::new(org, Mode::Live)).await.unwrap();
    let id = keys::id_of(&records, fixture.key.hint()).unwrap();
    assert_eq!(keys::revoke(table, org, id, now).await.unwrap(), now);
    assert_eq!(keys::revoke(table, org, id, now.plus_millis(5)).await.unwrap(), now, "it was revoked before");
    let key = table.api_key(fixture.key.hash()).await.unwrap().unwrap();
    assert_eq!(key.revoked_at, Some(now));
    let stranger = Fixture::create(table, Mode::Live).await.tenant.org();
    assert!(keys::revoke(table, stranger, id, now).await.is_err());
    assert!(
        keys::id_of(&table.key_records(Tenant::new(org, Mode::Live)).await.unwrap(), fixture.key.hint()).is_err(),
        "none is left to be revoked"
    );
}

#[tokio::test]
async fn o4_how_long_an_organization_keeps_its_calls() {
    let local = LocalTable::start().await;
    let (mine, other) =
        (Fixture::create(&local.table, Mode::Live).await.tenant.org(), Fixture::create(&local.table, Mode::Live).await.tenant.org());
    let get = |org| local.table.get(patterns::retention(org), Consistency::Strong);
    assert_eq!(get(mine).await.unwrap(), None, "for ever");
    local.table.set_retention(mine, Some(30), fixture::now()).await.unwrap();
    assert_eq!(get(mine).await.unwrap().map(|retention| (retention.organization_id, retention.days)), Some((mine, 30)));
    assert_eq!(get(other).await.unwrap(), None);
    local.table.set_retention(mine, None, fixture::now()).await.unwrap();
    assert_eq!(get(mine).await.unwrap(), None);
}
