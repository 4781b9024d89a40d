//! After all other tests, alone: what the whole run has left behind holds no secret in clear.

use serde_json::json;
use testkit::{client::CANARY, wait};

use crate::setup::{LIMIT, World};

/// Keys, made-up tokens and passwords, and generated signing secrets: none of these beginnings is ever stored or logged.
const NOWHERE: [&str; 4] = [CANARY, "kros_live_", "kros_test_", "whsec_"];

/// What the table must hold and no log may show: the beginnings of the numbers that tests buy and register, those of callers,
/// and what is said in the calls of `events/`.
const IN_NO_LOG: [&str; 6] = ["+234803", "%2B234803", "+234805", "%2B234805", "+1415", "I would like to move my appointment"];

/// The table, the queues, the logs, as they are now.
async fn places(world: &World) -> [(&'static str, String); 3] {
    let all = [("table", world.stack.dump_table().await), ("queues", world.stack.dump_queues().await), ("logs", world.stack.logs().await)];
    // A mask shows how a secret begins.
    all.map(|(place, whole)| (place, whole.replace(domain::wire::MASKED_SECRET, "")))
}

/// Those in which a text stands.
fn with(places: &[(&'static str, String)], text: &str) -> Vec<&'static str> {
    places.iter().filter(|(_, whole)| whole.contains(text)).map(|(place, _)| *place).collect()
}

#[tokio::test]
async fn the_whole_run_has_left_no_secret_in_clear_and_logged_no_number_and_no_transcript() {
    let world = World::new().await;
    let planted = format!("planted-{}", world.fixture.tenant.org());
    world.client.post("/v1/endpoints", json!({"name": planted, "type": "webhook", "url": "https://hooks.example.com/x"})).await.expect(201);
    world.client.send_with(http::Method::GET, "/v1/endpoints", None, &[("x-request-id", &planted)]).await.expect(200);
    world.stack.send("webhook-deliveries-dead-letters", std::slice::from_ref(&planted)).await;
    let seen = || async { Some(places(&world).await).filter(|places| with(places, &planted).len() == places.len()) };
    let places = wait::until("what is planted is found everywhere", LIMIT, seen).await;
    for beginning in NOWHERE {
        assert_eq!(with(&places, beginning), [""; 0], "{beginning}…");
    }
    for text in IN_NO_LOG {
        let logged = with(&places, text).contains(&"logs");
        assert!(!logged, "{text} is logged");
    }
}
