//! What every route does alike: headers, wrong paths and methods, bodies that are no bodies.

use serde_json::json;

use crate::setup::World;

fn request(world: &World, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.request(method, format!("{}{path}", world.stack.base_url))
}

#[tokio::test]
async fn both_headers_carry_the_key_and_two_different_keys_are_refused() {
    let world = World::new().await;
    let key = world.fixture.key.reveal();
    let send = |headers: Vec<(&'static str, String)>| {
        let request = headers
            .into_iter()
            .fold(request(&world, reqwest::Method::GET, "/v1/calls"), |request, (name, value)| request.header(name, value));
        async { request.send().await.unwrap().status().as_u16() }
    };
    let bearer = |key: &str| ("authorization", format!("Bearer {key}"));
    let header = |key: &str| ("x-api-key", key.to_owned());
    assert_eq!(send(vec![bearer(key)]).await, 200);
    assert_eq!(send(vec![header(key)]).await, 200);
    assert_eq!(send(vec![bearer(key), header(key)]).await, 200);
    assert_eq!(send(vec![bearer(key), header(&world.stack.live_key)]).await, 401);
    assert_eq!(send(vec![header(&format!("{key},{key}"))]).await, 401);
    let organization = |id: String| ("x-organization-id", id);
    assert_eq!(send(vec![header(key), organization(world.fixture.tenant.org().to_string())]).await, 200);
    assert_eq!(send(vec![header(key), organization(world.stack.organization_id.clone())]).await, 403);
    assert_eq!(send(vec![header(key), organization("nonsense".to_owned())]).await, 400);
}

#[tokio::test]
async fn a_request_id_is_echoed_or_made() {
    let world = World::new().await;
    let sent = request(&world, reqwest::Method::GET, "/v1/calls").header("x-request-id", "my-request.1").send().await.unwrap();
    assert_eq!(sent.headers()["x-request-id"], "my-request.1");
    let body: serde_json::Value = serde_json::from_str(&sent.text().await.unwrap()).unwrap();
    assert_eq!((&body["code"], &body["request_id"]), (&json!("UNAUTHORIZED"), &json!("my-request.1")));
    let made = request(&world, reqwest::Method::GET, "/v1/calls").header("x-request-id", "not sound!").send().await.unwrap();
    assert!(!made.headers()["x-request-id"].is_empty());
    assert_ne!(made.headers()["x-request-id"], "not sound!");
}

#[tokio::test]
async fn wrong_methods_and_paths_have_their_answers() {
    let world = World::new().await;
    let wrong_method = world.client.send(http::Method::PUT, "/v1/calls", Some(&json!({}))).await;
    assert_eq!((wrong_method.status.as_u16(), wrong_method.code()), (405, "METHOD_NOT_ALLOWED"));
    assert!(wrong_method.headers["allow"].to_str().unwrap().contains("GET"));
    let wrong_path = world.client.get("/v1/calls/a/b/c").await;
    assert_eq!((wrong_path.status.as_u16(), wrong_path.code()), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn a_body_that_is_none_is_refused_with_its_reason() {
    let world = World::new().await;
    let post = |content_type: &'static str, body: Vec<u8>| {
        let request = request(&world, reqwest::Method::POST, "/v1/endpoints").bearer_auth(world.fixture.key.reveal());
        let request = request.header("content-type", content_type).body(body);
        async { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(post("application/json", b"{".to_vec()).await, 400);
    assert_eq!(post("application/json", b"[1]".to_vec()).await, 400);
    assert_eq!(post("application/json", vec![0xFF, 0xFE]).await, 400);
    assert_eq!(post("text/plain", b"{}".to_vec()).await, 415);
    assert_eq!(post("application/json", format!("{{\"name\":\"{}\"}}", "x".repeat(70_000)).into_bytes()).await, 413);
}

#[tokio::test]
async fn every_faulty_field_is_named_at_once() {
    let world = World::new().await;
    let body = json!({"name": "", "type": "webhook", "url": "http://169.254.169.254/latest/meta-data", "events": ["call.*", "!"], "phone_number_id": 7});
    let answer = world.client.post("/v1/endpoints", body).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, "VALIDATION_ERROR"));
    let mut fields: Vec<&str> =
        answer.body["details"]["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["events.1", "name", "phone_number_id", "url"]);
}
