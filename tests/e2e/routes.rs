//! Routes of numbers, endpoints, API keys, deliveries and simulated calls: both prefixes, wrong methods and paths, request ids, the shape of an
//! error, bodies that are none.

use std::collections::BTreeSet;

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    given::{HOOK, NOBODY, assert_refused, at_endpoint, at_number, fields},
    setup::World,
};

#[rstest]
#[case::put_on_the_numbers("PUT", "/v1/phone-numbers", &["GET", "POST"])]
#[case::patch_on_the_numbers("PATCH", "/v1/phone-numbers", &["GET", "POST"])]
#[case::delete_on_the_numbers("DELETE", "/v1/phone-numbers", &["GET", "POST"])]
#[case::post_on_a_number("POST", "/v1/phone-numbers/{id}", &["GET", "PATCH", "DELETE"])]
#[case::put_on_a_number("PUT", "/v1/phone-numbers/{id}", &["GET", "PATCH", "DELETE"])]
#[case::post_on_the_inventory("POST", "/v1/phone-numbers/available", &["GET"])]
#[case::put_on_the_endpoints("PUT", "/v1/endpoints", &["GET", "POST"])]
#[case::delete_on_the_endpoints("DELETE", "/api/v1/endpoints", &["GET", "POST"])]
#[case::post_on_an_endpoint("POST", "/v1/endpoints/{id}", &["GET", "PATCH", "DELETE"])]
#[case::put_on_an_endpoint("PUT", "/api/v1/endpoints/{id}", &["GET", "PATCH", "DELETE"])]
#[case::get_on_a_rotation("GET", "/v1/endpoints/{id}/rotate-secret", &["POST"])]
#[case::delete_on_a_rotation("DELETE", "/v1/endpoints/{id}/rotate-secret", &["POST"])]
#[case::post_on_the_deliveries("POST", "/v1/webhooks/deliveries", &["GET"])]
#[case::delete_on_a_delivery("DELETE", "/v1/webhooks/deliveries/{id}", &["GET"])]
#[case::get_on_a_replay("GET", "/v1/webhooks/deliveries/{id}/replay", &["POST"])]
#[case::get_on_many_replays("GET", "/api/v1/webhooks/replay", &["POST"])]
#[case::put_on_the_api_keys("PUT", "/v1/api-keys", &["GET", "POST"])]
#[case::post_on_an_api_key("POST", "/api/v1/api-keys/{id}", &["GET", "PATCH", "DELETE"])]
#[case::get_on_an_explanation("GET", "/v1/route/explain", &["POST"])]
#[case::put_on_a_resolution("PUT", "/api/v1/route/resolve", &["POST"])]
#[case::get_on_simulated_calls("GET", "/v1/test/calls", &["POST"])]
#[case::delete_on_simulated_calls("DELETE", "/api/v1/test/calls", &["POST"])]
#[tokio::test]
async fn a_wrong_method_is_405_with_allow_for(#[case] method: &str, #[case] path: &str, #[case] allowed: &[&str]) {
    let world = World::new().await;
    let body = (method != "GET").then(|| json!({}));
    let answer = world.client.send(method.parse().unwrap(), &path.replace("{id}", NOBODY), body.as_ref()).await;
    assert_refused(&answer, 405, "METHOD_NOT_ALLOWED", &[]);
    let told: BTreeSet<&str> = answer.headers["allow"].to_str().unwrap().split(',').map(str::trim).filter(|name| *name != "HEAD").collect();
    assert_eq!(told, BTreeSet::from_iter(allowed.iter().copied()));
}

#[rstest]
#[case::below_a_number("/v1/phone-numbers/0198c0de-0000-7000-8000-000000000001/calls")]
#[case::below_the_inventory("/v1/phone-numbers/available/x")]
#[case::below_an_endpoint("/v1/endpoints/0198c0de-0000-7000-8000-000000000001/secret")]
#[case::below_a_rotation("/v1/endpoints/0198c0de-0000-7000-8000-000000000001/rotate-secret/x")]
#[case::below_an_explanation("/v1/route/explain/x")]
#[case::below_simulated_calls("/v1/test/calls/0198c0de-0000-7000-8000-000000000001")]
#[case::below_an_api_key("/v1/api-keys/0198c0de-0000-7000-8000-000000000001/rotate")]
#[case::under_api_v1("/api/v1/endpoints/a/b/c")]
#[tokio::test]
async fn an_unknown_path_is_404_for_every_method(#[case] path: &str) {
    let world = World::new().await;
    for method in [Method::GET, Method::POST, Method::DELETE] {
        let body = (method != Method::GET).then(|| json!({}));
        assert_refused(&world.client.send(method, path, body.as_ref()).await, 404, "NOT_FOUND", &[]);
    }
}

#[tokio::test]
async fn every_route_answers_the_same_under_api_v1() {
    let world = World::new().await;
    let endpoint = world.client.post("/api/v1/endpoints", json!({"name": "E", "type": "webhook", "url": HOOK})).await.expect(201);
    let order = json!({"inventory_id": world.offer().await.address().id(), "endpointId": endpoint["id"]});
    let number = world.client.post("/api/v1/phone-numbers", order).await.expect(201);
    let (number_path, endpoint_path) = (at_number(&number), at_endpoint(&endpoint));
    let reads = [
        number_path.as_str(),
        endpoint_path.as_str(),
        "/v1/phone-numbers",
        "/v1/phone-numbers/available?country=TG",
        "/v1/endpoints",
        "/v1/endpoints?limit=0",
        "/v1/webhooks/deliveries?status=dead",
    ];
    for path in reads {
        let (one, other) = (world.client.get(path).await, world.client.get(&format!("/api{path}")).await);
        let bodies = [one, other].map(|answer| (answer.status, without_request_id(answer.body)));
        assert_eq!(bodies[0], bodies[1], "{path}");
    }
    world.client.patch(&format!("/api{number_path}"), json!({"allow_outbound": true})).await.expect(200);
    world.client.patch(&format!("/api{endpoint_path}"), json!({"name": "F"})).await.expect(200);
    world.client.post(&format!("/api{endpoint_path}/rotate-secret"), json!({})).await.expect(200);
    world.client.delete(&format!("/api{number_path}?action=release")).await.expect(200);
    assert_eq!(world.client.delete(&format!("/api{endpoint_path}")).await.status.as_u16(), 204);
    assert_refused(&world.client.get(&endpoint_path).await, 404, "NOT_FOUND", &[]);
}

fn without_request_id(mut body: Value) -> Value {
    if let Some(error) = body.as_object_mut() {
        error.remove("request_id");
    }
    body
}

#[rstest]
#[case::a_list_of_numbers("GET", "/v1/phone-numbers", 200)]
#[case::a_list_of_endpoints("GET", "/v1/endpoints", 200)]
#[case::a_list_of_api_keys("GET", "/v1/api-keys", 200)]
#[case::a_validation_error("GET", "/v1/endpoints?limit=0", 400)]
#[case::an_unknown_number("GET", "/v1/phone-numbers/0198c0de-0000-7000-8000-000000000001", 404)]
#[case::an_unknown_path("GET", "/v1/endpoints/a/b/c", 404)]
#[case::a_wrong_method("PUT", "/v1/endpoints", 405)]
#[tokio::test]
async fn a_request_id_is_echoed_by(#[case] method: &str, #[case] path: &str, #[case] status: u16) {
    let world = World::new().await;
    let sent = [("x-request-id", "Order_66.retry-1")];
    let answer = world.client.send_with(method.parse().unwrap(), path, None, &sent).await;
    assert_eq!((answer.status.as_u16(), answer.headers["x-request-id"].to_str().unwrap()), (status, "Order_66.retry-1"));
    if status >= 400 {
        assert_eq!(fields(&answer.body), BTreeSet::from(["error", "code", "details", "request_id"]));
        assert_eq!(answer.body["request_id"], "Order_66.retry-1");
        assert!(answer.body["error"].is_string() && answer.body["details"].is_object());
    }
}

#[rstest]
#[case::a_purchase("POST", "/v1/phone-numbers")]
#[case::a_change_of_a_number("PATCH", "/v1/phone-numbers/0198c0de-0000-7000-8000-000000000001")]
#[case::a_new_endpoint("POST", "/v1/endpoints")]
#[case::a_change_of_an_endpoint("PATCH", "/v1/endpoints/0198c0de-0000-7000-8000-000000000001")]
#[case::a_new_api_key("POST", "/v1/api-keys")]
#[case::a_change_of_an_api_key("PATCH", "/v1/api-keys/0198c0de-0000-7000-8000-000000000001")]
#[case::a_simulated_call("POST", "/v1/test/calls")]
#[tokio::test]
async fn a_body_that_is_too_large_or_no_json_is_refused_by(#[case] method: &str, #[case] path: &str) {
    let world = World::new().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = async |content_type: &str, body: String| {
        let request = http.request(method.parse().unwrap(), format!("{}{path}", world.stack.base_url));
        let request = request.header("x-api-key", world.fixture.key.reveal()).header("content-type", content_type).body(body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        (status, body["code"].as_str().unwrap().to_owned())
    };
    let told = |status: u16, code: &str| (status, code.to_owned());
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(65 * 1024));
    assert_eq!(send("application/json", large).await, told(413, "PAYLOAD_TOO_LARGE"));
    assert_eq!(send("application/json", "[]".to_owned()).await, told(400, "VALIDATION_ERROR"));
    assert_eq!(send("application/json", "{".to_owned()).await, told(400, "VALIDATION_ERROR"));
    assert_eq!(send("text/plain", "{}".to_owned()).await, told(415, "UNSUPPORTED_MEDIA_TYPE"));
    assert_ne!(send("application/json; charset=utf-8", "{}".to_owned()).await.0, 415);
}
