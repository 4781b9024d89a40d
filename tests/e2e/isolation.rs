//! Nobody sees or changes what belongs to others.

use api::Access;
use domain::{
    Mode,
    scope::{Scope, Scopes},
};
use http::Method;
use serde_json::json;
use store::Tenant;
use testkit::{Client, Receiver, client::Answer, fixture, wait};

use crate::setup::{LIMIT, World};

#[tokio::test]
async fn another_organizations_key_gets_404_for_every_id() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let line = world.line(&receiver).await;
    let (call, events) = world.events("missed-call.json", &line.number["e164"]);
    world.stack.send("call-events", &events.iter().map(ToString::to_string).collect::<Vec<_>>()).await;
    world.call(call, |call| call["status"] == "no_answer").await;
    receiver.wait_for(3, LIMIT).await;
    let subscription = world.client.post("/v1/webhooks", json!({"url": "https://hooks.example.com/x"})).await.expect(201);
    let log = format!("/v1/webhooks/deliveries?call_id={call}");
    let delivery = wait::until("a delivery in the log", LIMIT, || async {
        world.client.get(&log).await.expect(200)["data"][0]["id"].as_str().map(str::to_owned)
    })
    .await;
    let key = world.client.post("/v1/api-keys", json!({"name": "K", "scopes": ["calls:read"]})).await.expect(201);
    let paths = [
        format!("/v1/phone-numbers/{}", line.number["id"].as_str().unwrap()),
        format!("/v1/endpoints/{}", line.endpoint["id"].as_str().unwrap()),
        format!("/v1/calls/{call}"),
        format!("/v1/webhooks/{}", subscription["id"].as_str().unwrap()),
        format!("/v1/webhooks/deliveries/{delivery}"),
        format!("/v1/api-keys/{}", key["id"].as_str().unwrap()),
    ];
    let mut others = vec![world.stranger().await];
    let test_mode = Tenant::new(world.fixture.tenant.org(), Mode::Test);
    let test_key = fixture::key(&world.stack.table(), test_mode, Scope::ALL.iter().copied().collect()).await;
    others.push(Client::new(&world.stack.base_url, test_key.reveal()));
    for path in &paths {
        world.client.get(path).await.expect(200);
        for other in &others {
            assert_eq!(other.get(path).await.code(), "NOT_FOUND", "{path}");
        }
    }
    let stranger = &others[0];
    assert_eq!(stranger.patch(&paths[0], json!({"allow_outbound": true})).await.code(), "NOT_FOUND");
    assert_eq!(stranger.patch(&paths[0], json!({"endpoint_id": null})).await.code(), "NOT_FOUND");
    let slot = world.offer().await;
    let order = json!({"inventory_id": slot.address().id(), "endpoint_id": line.endpoint["id"]});
    assert_eq!(stranger.post("/v1/phone-numbers", order).await.code(), "ENDPOINT_NOT_FOUND");
    let theirs = json!({"name": "E", "type": "webhook", "url": "https://hooks.example.com/x", "phone_number_id": line.number["id"]});
    assert_eq!(stranger.post("/v1/endpoints", theirs).await.code(), "NOT_FOUND");
    assert_eq!(stranger.patch(&paths[1], json!({"name": "mine"})).await.code(), "NOT_FOUND");
    assert_eq!(stranger.post(&format!("{}/rotate-secret", paths[1]), json!({})).await.code(), "NOT_FOUND");
    assert_eq!(stranger.delete(&paths[0]).await.code(), "NOT_FOUND");
    assert_eq!(stranger.patch(&paths[3], json!({"active": false})).await.code(), "NOT_FOUND");
    assert_eq!(stranger.post(&format!("{}/rotate-secret", paths[3]), json!({})).await.code(), "NOT_FOUND");
    assert_eq!(stranger.post(&format!("{}/test", paths[3]), json!({})).await.code(), "NOT_FOUND");
    assert_eq!(stranger.delete(&paths[3]).await.code(), "NOT_FOUND");
    assert_eq!(stranger.post(&format!("{}/replay", paths[4]), json!({})).await.code(), "NOT_FOUND");
    assert_eq!(stranger.post("/v1/webhooks/replay", json!({"call_id": call})).await.expect(202)["count"], 0);
    assert_eq!(stranger.get(&log).await.expect(200)["data"], json!([]));
    assert_eq!(stranger.patch(&paths[5], json!({"name": "mine"})).await.code(), "NOT_FOUND");
    assert_eq!(stranger.delete(&paths[5]).await.code(), "NOT_FOUND");
    assert_eq!(stranger.delete(&paths[1]).await.code(), "NOT_FOUND");
    assert_eq!(stranger.delete(&paths[2]).await.code(), "NOT_FOUND");
    world.client.get(&paths[1]).await.expect(200);
    for list in ["/v1/phone-numbers?envelope=true", "/v1/endpoints?envelope=true", "/v1/webhooks?envelope=true", "/v1/calls"] {
        assert_eq!(stranger.get(list).await.expect(200)["total"], 0);
    }
}

#[tokio::test]
async fn every_declared_route_is_deployed_and_needs_a_key_and_its_scope() {
    let world = World::new().await;
    let nothing = fixture::key(&world.stack.table(), world.fixture.tenant, Scopes::default()).await;
    let without_scope = Client::new(&world.stack.base_url, nothing.reveal());
    let never_issued = domain::api_key::ApiKeyText::mint(Mode::Live, runtime::random::bytes());
    let strangers = ["", "kros_live_wrong", never_issued.reveal(), "aaa.bbb.ccc"].map(|key| Client::new(&world.stack.base_url, key));
    let declared = [
        phone_numbers::routes().declared().cloned().collect::<Vec<_>>(),
        endpoints::routes().declared().cloned().collect(),
        calls::routes().declared().cloned().collect(),
        carrier_credentials::routes().declared().cloned().collect(),
        webhooks_api::routes().declared().cloned().collect(),
        api_keys::routes().declared().cloned().collect(),
        carrier_callbacks::routes().declared().cloned().collect(),
    ];
    for route in declared.concat() {
        let path = format!("/v1{}", route.path.replace("{id}", "0198c0de-0000-7000-8000-000000000001"));
        let body = (route.method != Method::GET).then(|| json!({}));
        // Telephony routes tell no code, but a text.
        let telephony = path.starts_with("/v1/telephony/");
        let told = |answer: Answer| (answer.status.as_u16(), if telephony { answer.text } else { answer.code().to_owned() });
        let says = |status: u16, code: &str, text: &str| (status, if telephony { text } else { code }.to_owned());
        for stranger in &strangers {
            let answer = stranger.send(route.method.clone(), &path, body.as_ref()).await;
            assert_eq!(told(answer), says(401, "UNAUTHORIZED", "Unauthorized"), "{} {path}", route.method);
        }
        if !matches!(route.access, Access::Scope(_)) {
            continue;
        }
        let answer = without_scope.send(route.method.clone(), &path, body.as_ref()).await;
        assert_eq!(told(answer), says(403, "INSUFFICIENT_SCOPE", "Forbidden"), "{} {path}", route.method);
    }
}
