//! Requests with an idempotency key on a real table: one try at a time, one answer for ever, no lock after a crash.

use domain::{
    KeyId, Mode, Principal, Timestamp,
    idempotency::{KEPT_SECONDS, LEASE_MILLIS, RequestKey},
};
use futures_util::future::join_all;
use runtime::random;
use store::{Claimed, Consistency, KeptAnswer, Tenant, access_patterns};
use testkit::{Fixture, LocalTable, fixture};

async fn start() -> (LocalTable, Tenant, RequestKey, Timestamp) {
    let local = LocalTable::start().await;
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    let principal = Principal::Key(KeyId::new(fixture::now(), random::bytes()));
    (local, tenant, RequestKey::new(principal, "POST", "/endpoints", "key"), fixture::now())
}

fn answer() -> KeptAnswer {
    KeptAnswer { status: 201, body: Some("{}".to_owned()), sealed_body: None, content_type: None }
}

#[tokio::test]
async fn r1_what_became_of_a_request_with_an_idempotency_key() {
    let (local, tenant, request, now) = start().await;
    let key = || access_patterns::request(tenant.org(), tenant.mode(), request);
    assert_eq!(local.table.get(key(), Consistency::Strong).await.unwrap(), None);
    local.table.claim_request(tenant, request, "print", now).await.unwrap();
    local.table.complete_request(tenant, request, &answer()).await.unwrap();
    let kept = local.table.get(key(), Consistency::Strong).await.unwrap().unwrap();
    assert_eq!((kept.answer, kept.first_at), (Some(answer()), now.as_millis()));
}

#[tokio::test]
async fn of_fifty_equal_requests_one_goes_on() {
    let (local, tenant, request, now) = start().await;
    let claims = join_all((0..50).map(|_| local.table.claim_request(tenant, request, "print", now))).await;
    let mine = claims.iter().filter(|claim| matches!(claim, Ok(Claimed::Mine { .. }))).count();
    let waiting = claims.iter().filter(|claim| matches!(claim, Ok(Claimed::InProgress))).count();
    assert_eq!((mine, waiting), (1, 49));
}

#[tokio::test]
async fn an_answer_is_given_again_and_another_body_is_refused() {
    let (local, tenant, request, now) = start().await;
    local.table.claim_request(tenant, request, "print", now).await.unwrap();
    assert_eq!(local.table.claim_request(tenant, request, "other", now).await.unwrap(), Claimed::Reused);
    local.table.complete_request(tenant, request, &answer()).await.unwrap();
    let again = |at| local.table.claim_request(tenant, request, "print", at);
    assert_eq!(again(now.plus_millis(LEASE_MILLIS * 10)).await.unwrap(), Claimed::Answered { answer: answer() });
    let next_day = now.plus_millis(KEPT_SECONDS * 1000 + 1000);
    assert_eq!(again(next_day).await.unwrap(), Claimed::Mine { first_at: next_day }, "after 24 hours it is a new request");
}

#[tokio::test]
async fn a_try_that_died_holds_the_key_no_longer_than_its_lease_and_leaves_its_time() {
    let (local, tenant, request, now) = start().await;
    local.table.claim_request(tenant, request, "print", now).await.unwrap();
    let again = |after| local.table.claim_request(tenant, request, "print", now.plus_millis(after));
    assert_eq!(again(LEASE_MILLIS - 1).await.unwrap(), Claimed::InProgress);
    assert_eq!(again(LEASE_MILLIS).await.unwrap(), Claimed::Mine { first_at: now });
    local.table.abandon_request(tenant, request, now).await.unwrap();
    let another = again(LEASE_MILLIS + 1).await.unwrap();
    assert_eq!(another, Claimed::InProgress, "who lost a claim does not give up that of the next");
    local.table.abandon_request(tenant, request, now.plus_millis(LEASE_MILLIS)).await.unwrap();
    assert_eq!(again(LEASE_MILLIS + 1).await.unwrap(), Claimed::Mine { first_at: now });
}
