//! After all other tests, alone: what the whole run has left behind holds no secret in clear.

use serde_json::json;
use testkit::{client::CANARY, wait};

use crate::setup::{LIMIT, World};

/// The places in which a text stands: the table, any queue, any log.
async fn places(world: &World, text: &str) -> Vec<&'static str> {
    let all = [("table", world.stack.dump_table().await), ("queues", world.stack.dump_queues().await), ("logs", world.stack.logs().await)];
    // A mask shows how a secret begins.
    let found = |whole: &String| whole.replace(domain::wire::MASKED_SECRET, "").contains(text);
    all.iter().filter(|(_, whole)| found(whole)).map(|(place, _)| *place).collect()
}

#[tokio::test]
async fn the_whole_run_has_left_no_secret_in_clear() {
    let world = World::new().await;
    let planted = format!("planted-{}", world.fixture.tenant.org);
    world.client.post("/v1/endpoints", json!({"name": planted, "type": "webhook", "url": "https://hooks.example.com/x"})).await.expect(201);
    world.client.send_with(http::Method::GET, "/v1/endpoints", None, &[("x-request-id", &planted)]).await.expect(200);
    world.stack.send("webhook-deliveries-dead-letters", std::slice::from_ref(&planted)).await;
    let seen = || async { Some(places(&world, &planted).await).filter(|places| places.len() == 3) };
    wait::until("what is planted is found everywhere", LIMIT, seen).await;
    // Keys, made-up tokens and passwords, and generated signing secrets: none of these beginnings is ever stored or logged.
    for beginning in [CANARY, "kros_live_", "kros_test_", "whsec_"] {
        assert_eq!(places(&world, beginning).await, [""; 0], "{beginning}…");
    }
}
