//! One test per access pattern, named after it. A pattern without a test fails the last one.

use domain::{
    CallId, CredentialId, EndpointId, Mode, NumberId,
    callback::{NONCE_KEPT_SECONDS, NonceMark, RequestMark},
    carrier::Carrier,
    secret::Sealed,
};
use runtime::random;
use store::{Consistency, IssuerId, IssuerSecret, NonceUse, Organization, Shard, access_patterns as patterns};
use testkit::{Fixture, LocalTable, fixture};

/// A table with two organizations, so that every look-up has something it must not find.
async fn two_tenants() -> (LocalTable, Fixture, Fixture) {
    let local = LocalTable::start().await;
    let mine = Fixture::create(&local.table, Mode::Live).await;
    let other = Fixture::create(&local.table, Mode::Live).await;
    (local, mine, other)
}

#[tokio::test]
async fn o1_an_organization() {
    let (local, mine, _) = two_tenants().await;
    let found = local.table.get(patterns::organization(mine.tenant.org()), Consistency::Strong).await.unwrap().unwrap();
    assert_eq!(found.id, mine.tenant.org());
    let again = Organization { name: "Another name".to_owned(), ..found.clone() };
    assert_eq!(local.table.create_organization(&again).await.unwrap(), found, "creating it again changes nothing");
}

#[tokio::test]
async fn i1_a_number_that_can_be_bought() {
    let local = LocalTable::start().await;
    let slot = fixture::slot(1);
    local.table.import_slot(Mode::Live, &slot).await.unwrap();
    assert_eq!(local.table.slot(Mode::Live, &slot.address()).await.unwrap(), Some(slot.clone()));
    assert_eq!(local.table.slot(Mode::Test, &slot.address()).await.unwrap(), None, "modes are apart");
    assert_eq!(local.table.slot(Mode::Live, &fixture::slot(2).address()).await.unwrap(), None);
}

#[tokio::test]
async fn i2_the_numbers_of_a_country_and_type_by_number() {
    let local = LocalTable::start().await;
    for n in [3, 1, 2] {
        local.table.import_slot(Mode::Live, &fixture::slot(n)).await.unwrap();
    }
    let found = local.table.available(Mode::Live, "NG".parse().unwrap(), None).await.unwrap();
    assert_eq!(found, [fixture::slot(1), fixture::slot(2), fixture::slot(3)]);
    assert!(local.table.available(Mode::Live, "GH".parse().unwrap(), None).await.unwrap().is_empty());
    let local_ones = local.table.available(Mode::Live, "NG".parse().unwrap(), Some(domain::inventory::NumberType::Local)).await.unwrap();
    assert!(local_ones.is_empty());
}

#[tokio::test]
async fn n1_one_number_of_an_organization() {
    let (local, mine, other) = two_tenants().await;
    let number = buy(&local, &mine, 1).await;
    assert_eq!(local.table.number(mine.tenant, number, Consistency::Strong).await.unwrap().unwrap().id, number);
    assert_eq!(local.table.number(other.tenant, number, Consistency::Strong).await.unwrap(), None, "another organization sees nothing");
}

#[tokio::test]
async fn n2_the_numbers_of_an_organization_newest_first() {
    let (local, mine, other) = two_tenants().await;
    let mut bought = Vec::new();
    for n in 1..=3 {
        bought.push(buy(&local, &mine, n).await);
    }
    buy(&local, &other, 4).await;
    bought.sort();
    bought.reverse();
    let listed: Vec<NumberId> = local.table.numbers(mine.tenant).await.unwrap().into_iter().map(|number| number.id).collect();
    assert_eq!(listed, bought);
}

#[tokio::test]
async fn n3_who_owns_an_e164_number() {
    let (local, mine, _) = two_tenants().await;
    let number = buy(&local, &mine, 1).await;
    let claim = local.table.claim(Mode::Live, &fixture::slot(1).e164, Consistency::Strong).await.unwrap().unwrap();
    assert_eq!((claim.organization_id, claim.number_id), (mine.tenant.org(), number));
    assert_eq!(local.table.claim(Mode::Test, &fixture::slot(1).e164, Consistency::Strong).await.unwrap(), None);
    // What it rings is noted beside it, for this owner and for no later one.
    let rings = [EndpointId::new(fixture::now(), random::bytes())];
    assert_eq!(claim.rings, []);
    local.table.note_rings(Mode::Live, &claim, &rings).await.unwrap();
    let earlier = domain::number::Claim { number_id: domain::NumberId::new(fixture::now(), random::bytes()), ..claim };
    local.table.note_rings(Mode::Live, &earlier, &[]).await.unwrap();
    local.table.note_rings(Mode::Test, &earlier, &[]).await.unwrap();
    let noted = local.table.claim(Mode::Live, &fixture::slot(1).e164, Consistency::Strong).await.unwrap().unwrap();
    assert_eq!((noted.number_id, &noted.rings[..]), (number, &rings[..]));
    assert_eq!(local.table.claim(Mode::Test, &fixture::slot(1).e164, Consistency::Strong).await.unwrap(), None);
}

#[tokio::test]
async fn e1_one_endpoint_of_an_organization() {
    let (local, mine, other) = two_tenants().await;
    let endpoint = fixture::endpoint();
    local.table.create_endpoint(mine.tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
    assert_eq!(local.table.endpoint(mine.tenant, endpoint.id, Consistency::Strong).await.unwrap(), Some(endpoint.clone()));
    assert_eq!(local.table.endpoint(other.tenant, endpoint.id, Consistency::Strong).await.unwrap(), None);
    let unknown = EndpointId::new(fixture::now(), random::bytes());
    assert_eq!(local.table.endpoint(mine.tenant, unknown, Consistency::EventualIfThere).await.unwrap(), None);
}

#[tokio::test]
async fn e2_the_endpoints_of_an_organization() {
    let (local, mine, other) = two_tenants().await;
    let mut created = Vec::new();
    for _ in 0..3 {
        created.push(fixture::endpoint());
        local.table.create_endpoint(mine.tenant, created.last().unwrap(), None, store::TellOfEndpoint::default()).await.unwrap();
        local.table.create_endpoint(other.tenant, &fixture::endpoint(), None, store::TellOfEndpoint::default()).await.unwrap();
    }
    created.sort_by_key(|endpoint| endpoint.id);
    assert_eq!(local.table.list(patterns::endpoints(mine.tenant.org(), mine.tenant.mode())).await.unwrap(), created);
}

#[tokio::test]
async fn c1_one_call_of_an_organization() {
    let (local, mine, other) = two_tenants().await;
    let call = crate::call_records::record_one(&local.table, mine.tenant).await;
    assert_eq!(local.table.call(mine.tenant, call).await.unwrap().unwrap().id, call);
    assert_eq!(local.table.call(other.tenant, call).await.unwrap(), None);
}

#[tokio::test]
async fn c2_the_calls_of_one_shard_of_an_organization() {
    let (local, mine, other) = two_tenants().await;
    let mut calls = Vec::new();
    for _ in 0..20 {
        calls.push(crate::call_records::record_one(&local.table, mine.tenant).await);
        crate::call_records::record_one(&local.table, other.tenant).await;
    }
    for shard in Shard::all() {
        let mut expected: Vec<CallId> = calls.iter().copied().filter(|call| Shard::of(*call) == shard).collect();
        expected.sort();
        let found = local.table.list(patterns::calls(mine.tenant.org(), mine.tenant.mode(), shard)).await.unwrap();
        assert_eq!(found.into_iter().map(|call| call.id).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn p1_one_carrier_credential_of_an_organization() {
    let (local, mine, other) = two_tenants().await;
    let credential = fixture::credential(Carrier::Vobiz, 1);
    assert_eq!(local.table.create_credential(mine.tenant, &credential).await.unwrap(), store::CreateCredential::Done);
    let get = async |tenant: store::Tenant, id| {
        local.table.get(patterns::credential(tenant.org(), tenant.mode(), id), Consistency::Strong).await.unwrap()
    };
    assert_eq!(get(mine.tenant, credential.id).await, Some(credential.clone()));
    assert_eq!(get(other.tenant, credential.id).await, None);
    assert_eq!(get(mine.tenant, CredentialId::new(fixture::now(), random::bytes())).await, None);
}

#[tokio::test]
async fn p2_the_carrier_credentials_of_an_organization() {
    let (local, mine, other) = two_tenants().await;
    let mut created = Vec::new();
    for n in 0..3 {
        created.push(fixture::credential(Carrier::Plivo, n));
        local.table.create_credential(mine.tenant, &created[n as usize]).await.unwrap();
        local.table.create_credential(other.tenant, &fixture::credential(Carrier::Plivo, n)).await.unwrap();
    }
    buy(&local, &mine, 1).await;
    created.sort_by_key(|credential| credential.id);
    assert_eq!(local.table.list(patterns::credentials(mine.tenant.org(), mine.tenant.mode())).await.unwrap(), created);
    created.reverse();
    assert_eq!(local.table.credentials(mine.tenant).await.unwrap(), created, "newest first");
}

#[tokio::test]
async fn p3_a_carriers_nonce_that_was_used() {
    let (local, mine, other) = two_tenants().await;
    let (credential, now) = (CredentialId::new(fixture::now(), random::bytes()), fixture::now());
    let (nonce, request) = (NonceMark::of("12345"), RequestMark::of("POST", "/voice", "", b"a=1"));
    let (another, unused) = (RequestMark::of("POST", "/voice", "", b"a=2"), NonceMark::of("12346"));
    let used = async |tenant, nonce, request, at| local.table.use_nonce(tenant, credential, nonce, request, at).await.unwrap();
    assert_eq!(used(mine.tenant, &nonce, &request, now).await, NonceUse::First);
    assert_eq!(used(mine.tenant, &nonce, &request, now).await, NonceUse::Again);
    assert_eq!(used(mine.tenant, &nonce, &another, now).await, NonceUse::Stolen);
    let key = || patterns::used_nonce(mine.tenant.org(), mine.tenant.mode(), credential, &nonce);
    assert_eq!(local.table.get(key(), Consistency::Strong).await.unwrap().unwrap().request, request, "what came first stays");
    assert_eq!(used(mine.tenant, &unused, &another, now).await, NonceUse::First);
    assert_eq!(used(other.tenant, &nonce, &another, now).await, NonceUse::First, "another tenant has nonces of its own");
    let tomorrow = now.plus_millis(NONCE_KEPT_SECONDS * 1_000);
    assert_eq!(used(mine.tenant, &nonce, &another, tomorrow.plus_millis(-1_001)).await, NonceUse::Stolen);
    assert_eq!(used(mine.tenant, &nonce, &another, tomorrow).await, NonceUse::First, "after a day it is forgotten, TTL or not");
}

#[tokio::test]
async fn v1_how_far_the_resealing_of_all_secrets_came() {
    let (local, ..) = two_tenants().await;
    assert_eq!(local.table.resealing().await.unwrap(), None);
    let after = local.table.sealed_values(None, 1).await.unwrap().next.unwrap();
    let noted = store::Resealing { key_id: "alias/new".to_owned(), after, updated_at: fixture::now() };
    local.table.note_resealing(&noted).await.unwrap();
    assert_eq!(local.table.get(patterns::resealing(), Consistency::Strong).await.unwrap(), Some(noted));
    local.table.end_resealing().await.unwrap();
    assert_eq!(local.table.resealing().await.unwrap(), None);
}

#[tokio::test]
async fn x2_the_sealed_secret_of_an_issuer_of_users_tokens() {
    let local = LocalTable::start().await;
    let [one, other] = ["https://a.example/auth/v1", "https://b.example/auth/v1"].map(IssuerId::of);
    for text in ["first", "second"] {
        let secret = IssuerSecret { secret: Sealed::from_encoded(text.to_owned()) };
        local.table.put_issuer_secret(one, &secret).await.unwrap();
        assert_eq!(local.table.issuer_secret(one).await.unwrap(), Some(secret), "the last one counts");
    }
    assert_eq!(local.table.issuer_secret(other).await.unwrap(), None);
}

#[tokio::test]
async fn an_item_of_another_kind_under_a_key_is_an_error_and_not_read() {
    let (local, mine, _) = two_tenants().await;
    let number = buy(&local, &mine, 1).await;
    let key = [("pk", format!("ORG#{}#live", mine.tenant.org())), ("sk", format!("NUMBER#{number}"))];
    let key = key.map(|(name, value)| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value)));
    let update = local.client.update_item().table_name("trunkline").set_key(Some(key.into()));
    let update = update
        .update_expression("SET kind = :kind")
        .expression_attribute_values(":kind", aws_sdk_dynamodb::types::AttributeValue::S("endpoint".to_owned()));
    update.send().await.unwrap();
    let error = local.table.number(mine.tenant, number, Consistency::Strong).await.unwrap_err();
    assert!(matches!(error, store::StoreError::Corrupt { kind: "number", .. }), "{error}");
}

#[test]
fn every_access_pattern_has_its_test() {
    let source = concat!(
        include_str!("access_patterns.rs"),
        include_str!("api_keys.rs"),
        include_str!("audit_trail.rs"),
        include_str!("call_patterns.rs"),
        include_str!("counted_limits.rs"),
        include_str!("cursors.rs"),
        include_str!("deliveries.rs"),
        include_str!("endpoint_deletions.rs"),
        include_str!("erasure.rs"),
        include_str!("idempotency.rs"),
        include_str!("inventory.rs"),
        include_str!("lifecycle.rs"),
        include_str!("members.rs"),
        include_str!("organizations.rs"),
        include_str!("rate_limits.rs"),
        include_str!("receiver_health.rs"),
        include_str!("retention.rs"),
        include_str!("subscriptions.rs"),
        include_str!("webhook_senders.rs"),
    );
    for pattern in patterns::PATTERNS {
        let test = format!("async fn {}_", pattern.id.to_lowercase());
        assert!(source.contains(&test), "{} has no test", pattern.id);
    }
}

/// Buys number `n` for an organization.
async fn buy(local: &LocalTable, owner: &Fixture, n: u32) -> NumberId {
    fixture::bought(&local.table, owner.tenant, &fixture::slot(n), None).await.id
}
