//! A request that is sent again with its `Idempotency-Key` is answered again and done once.

use futures_util::future::join_all;
use http::Method;
use serde_json::json;

use crate::setup::World;

#[tokio::test]
async fn fifty_equal_purchases_with_one_key_buy_one_number() {
    let world = World::new().await;
    let order = json!({"inventory_id": world.offer().await.address().id()});
    let key = [("idempotency-key", "purchase-1")];
    let send = || world.client.send_with(Method::POST, "/v1/phone-numbers", Some(&order), &key);
    let answers = join_all((0..50).map(|_| send())).await;
    let (done, waiting): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status.as_u16() == 201);
    assert!(!done.is_empty());
    assert!(done.iter().all(|answer| answer.body == done[0].body), "every success is the same answer");
    assert!(waiting.iter().all(|answer| answer.code() == "IDEMPOTENCY_IN_PROGRESS" && answer.headers.contains_key("retry-after")));
    let replayed = world.client.send_with(Method::POST, "/api/v1/phone-numbers", Some(&order), &key).await;
    assert_eq!(replayed.headers["idempotent-replayed"], "true", "under either name of the route");
    assert_eq!(replayed.expect(201), done[0].body);
    assert_eq!(world.client.get("/v1/phone-numbers?envelope=true").await.expect(200)["total"], 1);
}

#[tokio::test]
async fn another_body_under_a_used_key_is_refused_and_so_is_a_key_that_is_none() {
    let world = World::new().await;
    let order = json!({"inventory_id": world.offer().await.address().id()});
    let other = json!({"inventory_id": world.offer().await.address().id()});
    let send =
        async |key: &str, body| world.client.send_with(Method::POST, "/v1/phone-numbers", Some(body), &[("idempotency-key", key)]).await;
    send("k", &order).await.expect(201);
    let reused = send("k", &other).await;
    assert_eq!((reused.status.as_u16(), reused.code()), (422, "IDEMPOTENCY_KEY_REUSED"));
    let too_long = send(&"k".repeat(256), &other).await;
    assert_eq!((too_long.status.as_u16(), too_long.code()), (400, "VALIDATION_ERROR"));
}

#[tokio::test]
async fn a_refusal_is_replayed_and_another_key_of_the_organization_is_another_request() {
    let world = World::new().await;
    let body = json!({"name": "", "type": "webhook", "url": "https://hooks.example.com/x"});
    let key = [("idempotency-key", "same")];
    let first = world.client.send_with(Method::POST, "/v1/endpoints", Some(&body), &key).await;
    let again = world.client.send_with(Method::POST, "/v1/endpoints", Some(&body), &key).await;
    assert_eq!((first.status.as_u16(), again.headers["idempotent-replayed"].to_str().unwrap()), (400, "true"));
    assert_eq!(first.body, again.body);
    let stranger = world.stranger().await.send_with(Method::POST, "/v1/endpoints", Some(&body), &key).await;
    assert!(!stranger.headers.contains_key("idempotent-replayed"));
}

#[tokio::test]
async fn an_endpoint_that_is_created_again_shows_the_same_secret_and_is_one() {
    let world = World::new().await;
    let body = json!({"name": "E", "type": "webhook", "url": "https://hooks.example.com/x"});
    let key = [("idempotency-key", "endpoint-1")];
    let first = world.client.send_with(Method::POST, "/v1/endpoints", Some(&body), &key).await.expect(201);
    let again = world.client.send_with(Method::POST, "/v1/endpoints", Some(&body), &key).await.expect(201);
    assert_eq!(first, again);
    let secret = first["secret"].as_str().unwrap();
    assert!(!world.stack.dump_table().await.contains(secret), "the kept answer is sealed");
}

#[tokio::test]
async fn a_rotation_that_is_sent_again_rotates_once() {
    let world = World::new().await;
    let body = json!({"name": "E", "type": "webhook", "url": "https://hooks.example.com/x"});
    let endpoint = world.client.post("/v1/endpoints", body).await.expect(201);
    let path = format!("/v1/endpoints/{}/rotate-secret", endpoint["id"].as_str().unwrap());
    let rotate = async || world.client.send_with(Method::POST, &path, Some(&json!({})), &[("idempotency-key", "r")]).await;
    let (first, again) = (rotate().await.expect(200), rotate().await.expect(200));
    assert_ne!(first["secret"], endpoint["secret"]);
    assert_eq!(first, again);
}
