//! Endpoints of every type: created, listed, changed, deleted; secrets shown, masked and rotated.

use rstest::rstest;
use serde_json::{Value, json};
use testkit::{Receiver, wait};

use crate::setup::{LIMIT, World};

async fn create(world: &World, body: Value) -> Value {
    world.client.post("/v1/endpoints", body).await.expect(201)
}

fn path(endpoint: &Value) -> String {
    format!("/v1/endpoints/{}", endpoint["id"].as_str().unwrap())
}

#[rstest]
#[case("vapi", json!({"assistant_id": "as_1", "credential_id": "cred1"}), "sip:cred1.sip.vapi.ai", "sip:{}@cred1.sip.vapi.ai")]
#[case("vapi", json!({"vapiAssistantId": "as_1"}), "sip:as_1@sip.vapi.ai", "sip:as_1@sip.vapi.ai")]
#[case("retell", json!({"agent_id": "ag_1"}), "sip:sip.retellai.com;transport=tcp", "sip:{}@sip.retellai.com;transport=tcp")]
#[case("elevenlabs", json!({"agent_id": "ag_1"}), "sip:sip.rtc.elevenlabs.io:5060;transport=tcp", "sip:{}@sip.rtc.elevenlabs.io:5060;transport=tcp")]
#[case("livekit", json!({"sipTrunkId": "ST_1", "sip_uri": "sip:p1.sip.livekit.cloud;transport=tls"}), "sip:p1.sip.livekit.cloud;transport=tls", "sip:{}@p1.sip.livekit.cloud;transport=tls")]
#[case("vogent", json!({"vogent_agent_id": "vo_1"}), "sip:vo_1@sip.vogent.ai", "sip:vo_1@sip.vogent.ai")]
#[tokio::test]
async fn an_agents_url_is_generated_and_carries_the_only_number(
    #[case] provider: &str,
    #[case] config: Value,
    #[case] alone: &str,
    #[case] rung: &str,
) {
    let world = World::new().await;
    let direct = create(&world, json!({"name": "A", "type": provider, "provider_config": config})).await;
    assert_eq!((&direct["url"], &direct["provider"], &direct["kind"]), (&json!(alone), &json!(provider), &json!("agent")));
    assert_eq!(direct["provider_config"]["provider"], provider);
    let mut named = config.clone();
    named["provider"] = json!(provider);
    let agent = create(&world, json!({"name": "A", "type": "agent", "providerConfig": named})).await;
    assert_eq!((&agent["type"], &agent["provider"]), (&json!("agent"), &json!(provider)));
    for filter in ["agent", provider] {
        let listed = world.client.get(&format!("/v1/endpoints?type={filter}")).await;
        assert_eq!(listed.headers["x-total-count"], "2", "{filter}");
    }
    assert_eq!(world.client.get("/v1/endpoints?type=webhook").await.headers["x-total-count"], "0");
    let slot = world.offer().await;
    let order = json!({"inventory_id": slot.address().id(), "endpointId": direct["id"]});
    let number = world.client.post("/v1/phone-numbers", order).await.expect(201);
    let expected = rung.replace("{}", slot.e164.as_str());
    assert_eq!(world.client.get(&path(&direct)).await.expect(200)["url"], expected);
    let detail = world.client.get(&format!("/v1/phone-numbers/{}", number["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(detail["endpoint"]["url"], expected);
}

#[rstest]
#[case(json!({}), &["name", "type"])]
#[case(json!({"name": "E", "type": "pigeon"}), &["type"])]
#[case(json!({"name": "E", "type": "agent"}), &["provider_config.provider"])]
#[case(json!({"name": "E", "type": "vapi"}), &["provider_config.assistant_id"])]
#[case(json!({"name": "E", "type": "livekit", "provider_config": {}}), &["provider_config.livekit_sip_trunk_id", "provider_config.livekit_sip_uri"])]
#[case(json!({"name": "E", "type": "custom_sip"}), &["url"])]
#[case(json!({"name": "E", "type": "vapi", "url": "https://x.example.com", "provider_config": {"assistant_id": "a"}}), &["url"])]
#[case(json!({"name": "E", "type": "webhook", "url": "http://hooks.example.com/x"}), &["url"])]
#[case(json!({"name": "E", "type": "webhook", "url": "https://user:pw@hooks.example.com/x"}), &["url"])]
#[case(json!({"name": "E", "type": "webhook", "url": "https://10.0.0.1/x"}), &["url"])]
#[case(json!({"name": "x".repeat(101), "type": "webhook", "url": "https://hooks.example.com/x"}), &["name"])]
#[tokio::test]
async fn faulty_endpoints_are_refused_with_their_fields(#[case] body: Value, #[case] fields: &[&str]) {
    let world = World::new().await;
    let answer = world.client.post("/v1/endpoints", body).await;
    assert_eq!(answer.status.as_u16(), 400);
    let errors = answer.body["details"]["errors"].as_array().unwrap();
    let mut named: Vec<&str> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, fields, "{}", answer.body);
    assert_eq!(world.client.get("/v1/endpoints").await.headers["x-total-count"], "0", "nothing was written");
}

#[tokio::test]
async fn a_custom_sip_password_is_kept_sealed_and_never_returned() {
    let world = World::new().await;
    let config = json!({"username": "u", "password": "canary-password-1", "transport": "tls", "headers": {"X-Team": "a"}});
    let endpoint =
        create(&world, json!({"name": "S", "type": "direct_sip", "url": "sips:pbx.example.com", "provider_config": config})).await;
    assert_eq!((&endpoint["type"], &endpoint["provider"]), (&json!("direct_sip"), &json!("custom_sip")));
    let read = world.client.get(&path(&endpoint)).await.expect(200);
    assert_eq!(read["provider_config"]["username"], "u");
    assert!(!format!("{endpoint}{read}").contains("canary-password-1"));
    let patched = world.client.patch(&path(&endpoint), json!({"provider_config": {"username": "v"}})).await.expect(200);
    assert_eq!(patched["provider_config"], json!({"provider": "custom_sip", "username": "v"}), "replaced whole");
    assert!(!world.stack.dump_table().await.contains("canary-password-1"));
}

#[tokio::test]
async fn an_endpoint_is_changed_field_by_field_and_checked_as_a_whole() {
    let world = World::new().await;
    let endpoint = create(&world, json!({"name": "A", "type": "vapi", "provider_config": {"assistant_id": "as_1"}})).await;
    let patch = async |body: Value| world.client.patch(&path(&endpoint), body).await;
    let renamed = patch(json!({"name": "B", "status": "inactive", "type": "agent"})).await.expect(200);
    assert_eq!((&renamed["name"], &renamed["status"]), (&json!("B"), &json!("inactive")));
    assert!(renamed["updated_at"].as_str() > endpoint["updated_at"].as_str());
    let given = patch(json!({"url": "sip:me@voice.example.com"})).await.expect(200);
    assert_eq!(given["url"], "sip:me@voice.example.com");
    assert_eq!(patch(json!({"url": null})).await.expect(200)["url"], "sip:as_1@sip.vapi.ai");
    for wrong in
        [json!({"type": "retell"}), json!({"status": "error"}), json!({"provider_config": {}}), json!({"name": ""}), json!({"url": "x"})]
    {
        let answer = patch(wrong.clone()).await;
        assert_eq!(answer.status.as_u16(), 400, "{wrong} {}", answer.body);
    }
    let unknown = world.client.patch("/v1/endpoints/0198c0de-0000-7000-8000-000000000001", json!({"name": "C"})).await;
    assert_eq!(unknown.code(), "NOT_FOUND");
}

#[tokio::test]
async fn a_list_without_parameters_shows_everything_and_with_one_a_page() {
    let world = World::new().await;
    for n in 0..3 {
        create(&world, json!({"name": format!("E{n}"), "type": "webhook", "url": "https://hooks.example.com/x"})).await;
    }
    let all = world.client.get("/v1/endpoints").await.expect(200);
    let names: Vec<&str> = all.as_array().unwrap().iter().map(|endpoint| endpoint["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["E2", "E1", "E0"], "newest first");
    assert!(all.as_array().unwrap().iter().all(|endpoint| endpoint["secret"] == "whsec_********"));
    let page = world.client.get("/v1/endpoints?limit=2").await;
    assert_eq!((&page.headers["x-total-count"], page.body.as_array().unwrap().len()), (&"3".parse().unwrap(), 2));
    assert!(page.headers["link"].to_str().unwrap().contains("limit=2&cursor="));
    let rest = world.client.get("/v1/endpoints?limit=2&page=2&envelope=true").await.expect(200);
    assert_eq!((&rest["total"], rest["endpoints"].as_array().unwrap().len()), (&json!(3), 1));
    for wrong in ["limit=0", "limit=101", "limit=x", "offset=1&page=2", "type=pigeon", "status=gone", "status=active&status=active"] {
        assert_eq!(world.client.get(&format!("/v1/endpoints?{wrong}")).await.status.as_u16(), 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_deleted_endpoint_is_off_its_numbers_and_gets_no_more_webhooks() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let line = world.line(&receiver).await;
    assert_eq!(world.client.delete(&path(&line.endpoint)).await.status.as_u16(), 204);
    assert_eq!(world.client.delete(&path(&line.endpoint)).await.code(), "NOT_FOUND");
    assert_eq!(world.client.get(&path(&line.endpoint)).await.code(), "NOT_FOUND");
    let numbers = world.client.get("/v1/phone-numbers").await.expect(200);
    assert_eq!(numbers[0]["endpoint_id"], json!(null));
    let again = json!({"endpoint_id": line.endpoint["id"]});
    let number = format!("/v1/phone-numbers/{}", line.number["id"].as_str().unwrap());
    assert_eq!(world.client.patch(&number, again).await.code(), "ENDPOINT_NOT_FOUND");
    let (call, events) = world.events("missed-call.json", &line.number["e164"]);
    world.stack.send("call-events", &events.iter().map(ToString::to_string).collect::<Vec<_>>()).await;
    let call = world.call(call, |call| call["status"] == "no_answer").await;
    assert_eq!((&call["endpoint_id"], receiver.arrivals().len()), (&json!(null), 0));
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let line = world.line(&receiver).await;
    let rotated = world.client.post(&format!("{}/rotate-secret", path(&line.endpoint)), json!({})).await.expect(200);
    let (old, new) = (line.endpoint["secret"].as_str().unwrap(), rotated["secret"].as_str().unwrap());
    assert_ne!(old, new);
    assert_eq!(world.client.get(&path(&line.endpoint)).await.expect(200)["secret"], new);
    let (_, events) = world.events("missed-call.json", &line.number["e164"]);
    world.stack.send("call-events", &[events[0].to_string()]).await;
    let arrival = receiver.wait_for(1, LIMIT).await.remove(0);
    let now = testkit::fixture::now();
    arrival.verify_standard(old, now).unwrap();
    arrival.verify_standard(new, now).unwrap();
    arrival.verify(old, now).unwrap();
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_switched_off() {
    let world = World::new().await;
    let receiver = Receiver::answering(&[410]).await;
    let line = world.line(&receiver).await;
    let (_, events) = world.events("missed-call.json", &line.number["e164"]);
    world.stack.send("call-events", &[events[0].to_string()]).await;
    let off = wait::until("the endpoint to be off", LIMIT, || async {
        Some(world.client.get(&path(&line.endpoint)).await.body).filter(|endpoint| endpoint["status"] == "error")
    });
    assert_eq!(off.await["status_reason"], "the receiver answered 410 Gone");
    let on = world.client.patch(&path(&line.endpoint), json!({"status": "active"})).await.expect(200);
    assert_eq!((&on["status"], &on["status_reason"]), (&json!("active"), &json!(null)));
}
