//! Limits and the audit trail on the deployed stack.

use domain::{limits::Counted, rate::Rate};
use serde_json::json;
use store::RateOf;

use crate::setup::World;

#[tokio::test]
async fn every_answer_tells_what_is_left_and_what_is_too_much_is_told_when_to_come_again() {
    let world = World::new().await;
    world.stack.table().set_rates(world.fixture.tenant.org(), &[(RateOf::Organization, Some(Rate::new(1, 10).unwrap()))]).await.unwrap();
    let mut refused = None;
    for _ in 0..100 {
        let answer = world.client.get("/v1/calls/no-id").await;
        assert!(answer.headers.contains_key("x-ratelimit-limit") && answer.headers.contains_key("x-ratelimit-reset"));
        if answer.status.as_u16() == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a hundred requests at once are too many for one a second");
    assert_eq!((refused.code(), &refused.headers["x-ratelimit-remaining"]), ("RATE_LIMIT_EXCEEDED", &"0".parse().unwrap()));
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(world.stranger().await.get("/v1/calls/no-id").await.status.as_u16(), 404, "another organization is not held up");
}

#[tokio::test]
async fn what_was_done_is_read_with_who_did_it_and_a_limit_leaves_nothing() {
    let world = World::new().await;
    let body = json!({"name": "Reception", "type": "webhook", "url": "https://hooks.example.com/x"});
    let endpoint = world.client.post("/v1/endpoints", body.clone()).await.expect(201);
    world.stack.table().set_most(world.fixture.tenant, Counted::Endpoints, Some(1)).await.unwrap();
    let refused = world.client.post("/v1/endpoints", body).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "CONFLICT"));
    world.client.delete(&format!("/v1/endpoints/{}", endpoint["id"].as_str().unwrap())).await.expect(204);
    let trail = world.client.get("/api/v1/audit?resource_type=endpoint").await.expect(200);
    let told: Vec<&str> = trail["data"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(told, ["endpoint.deleted", "endpoint.created"]);
    assert_eq!(trail["data"][0]["resource"]["id"], endpoint["id"]);
    assert_eq!(trail["data"][0]["principal"]["type"], "key");
}
