//! `PATCH` and `DELETE /endpoints/{id}`, the count of numbers, and what an inactive endpoint gets.

use rstest::rstest;
use serde_json::{Value, json};
use testkit::Receiver;

use crate::{
    given::{HOOK, NOBODY, assert_refused, at_endpoint, at_number},
    setup::{LIMIT, World},
};

#[rstest]
#[case::name(json!({"name": "B"}), "name", json!("B"))]
#[case::url(json!({"url": "https://hooks.example.com/y"}), "url", json!("https://hooks.example.com/y"))]
#[case::status_to_inactive(json!({"status": "inactive"}), "status", json!("inactive"))]
#[case::status_to_active(json!({"status": "active"}), "status", json!("active"))]
#[case::events(json!({"events": ["call.completed", "call.failed"]}), "events", json!(["call.completed", "call.failed"]))]
#[case::provider_config(json!({"provider_config": {"note": 1}}), "provider_config", json!({"note": 1}))]
#[case::provider_config_in_camel_case(json!({"providerConfig": {"note": 1}}), "provider_config", json!({"note": 1}))]
#[case::nothing_by_an_equal_type(json!({"type": "webhook"}), "", json!(null))]
#[case::nothing_by_an_empty_object(json!({}), "", json!(null))]
#[case::nothing_by_unknown_and_server_set_fields(json!({"id": NOBODY, "kind": "sip", "secret": "x", "phone_numbers_count": 9, "status_reason": "x", "colour": 1}), "", json!(null))]
#[tokio::test]
async fn an_endpoint_changes_its(#[case] change: Value, #[case] field: &str, #[case] value: Value) {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    let changed = world.client.patch(&at_endpoint(&endpoint), change).await.expect(200);
    let read = world.client.get(&at_endpoint(&endpoint)).await.expect(200);
    for (name, before) in endpoint.as_object().unwrap() {
        if ![field, "updated_at"].contains(&name.as_str()) {
            assert_eq!(&read[name], before, "{name} stays");
            assert!(name == "secret" || changed[name] == *before, "{name} stays");
        }
    }
    assert_eq!((&changed[field], &read[field]), (&value, &value));
    assert!(changed["updated_at"].as_str() >= endpoint["updated_at"].as_str());
}

#[rstest]
#[case::another_type(json!({"type": "retell"}), &["type"])]
#[case::the_type_webhook(json!({"type": "webhook"}), &["type"])]
#[case::an_unknown_type(json!({"type": "pigeon"}), &["type"])]
#[case::a_status_that_only_the_system_sets(json!({"status": "error"}), &["status"])]
#[case::an_unknown_status(json!({"status": "gone"}), &["status"])]
#[case::an_empty_name(json!({"name": ""}), &["name"])]
#[case::a_name_of_101_characters(json!({"name": "x".repeat(101)}), &["name"])]
#[case::a_url_that_is_not_sip(json!({"url": HOOK}), &["url"])]
#[case::settings_of_another_provider(json!({"provider_config": {"provider": "retell", "assistant_id": "a"}}), &["provider_config.provider"])]
#[case::two_values_of_provider_config(json!({"provider_config": {"assistant_id": "a"}, "providerConfig": {"assistant_id": "b"}}), &["provider_config"])]
#[case::every_field_wrong(json!({"name": 1, "status": "x", "url": "x", "provider_config": {"assistant_id": 1}}), &["name", "provider_config.assistant_id", "status", "url"])]
#[tokio::test]
async fn a_change_of_a_vapi_endpoint_is_refused_for(#[case] change: Value, #[case] fields: &[&str]) {
    let world = World::new().await;
    let endpoint = world.endpoint(json!({"name": "A", "type": "vapi", "provider_config": {"assistant_id": "as_1"}})).await;
    assert_refused(&world.client.patch(&at_endpoint(&endpoint), change).await, 400, "VALIDATION_ERROR", fields);
    assert_eq!(world.client.get(&at_endpoint(&endpoint)).await.expect(200), endpoint, "nothing was changed");
}

#[rstest]
#[case::vapi("vapi", json!({"assistant_id": "a"}), "retell")]
#[case::agent("agent", json!({"provider": "vapi", "assistant_id": "a"}), "retell")]
#[case::custom_sip("custom_sip", json!({}), "webhook")]
#[case::direct_sip("direct_sip", json!({}), "vapi")]
#[tokio::test]
async fn an_equal_type_is_accepted_and_a_different_one_is_400_for(#[case] declared: &str, #[case] config: Value, #[case] other: &str) {
    let world = World::new().await;
    let mut body = json!({"name": "A", "type": declared, "provider_config": config});
    if declared.ends_with("sip") {
        body["url"] = json!("sip:desk@pbx.example.com");
    }
    let endpoint = world.endpoint(body).await;
    let same = world.client.patch(&at_endpoint(&endpoint), json!({"type": declared, "name": "B"})).await.expect(200);
    assert_eq!((&same["type"], &same["name"]), (&json!(declared), &json!("B")));
    let different = world.client.patch(&at_endpoint(&endpoint), json!({"type": other, "name": "C"})).await;
    assert_refused(&different, 400, "VALIDATION_ERROR", &["type"]);
}

#[tokio::test]
async fn provider_config_is_replaced_whole_and_validated_again() {
    let world = World::new().await;
    let config = json!({"assistant_id": "as_1", "credential_id": "cred1", "note": "n"});
    let endpoint = world.endpoint(json!({"name": "A", "type": "vapi", "provider_config": config})).await;
    let replaced = world.client.patch(&at_endpoint(&endpoint), json!({"provider_config": {"assistant_id": "as_2"}})).await.expect(200);
    assert_eq!(replaced["provider_config"], json!({"assistant_id": "as_2", "agent_id": "as_2", "provider": "vapi"}));
    assert_eq!(replaced["url"], "sip:as_2@sip.vapi.ai", "the url follows");
    let empty = world.client.patch(&at_endpoint(&endpoint), json!({"provider_config": {}})).await;
    assert_refused(&empty, 400, "MISSING_FIELDS", &["provider_config.assistant_id"]);
}

#[tokio::test]
async fn the_count_of_numbers_is_exact_through_every_change() {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    assert_eq!(endpoint["phone_numbers_count"], 0);
    let order = |id: &domain::InventoryId| json!({"inventory_id": id, "endpointId": endpoint["id"]});
    let mut numbers = Vec::new();
    for count in 1..=3 {
        let id = world.offer().await.address().id();
        numbers.push(world.client.post("/v1/phone-numbers", order(&id)).await.expect(201));
        assert_eq!(world.count(&endpoint).await, count, "a purchase counts");
    }
    world.client.patch(&at_number(&numbers[0]), json!({"endpoint_id": null})).await.expect(200);
    assert_eq!(world.count(&endpoint).await, 2, "a number that is detached does not count");
    world.client.delete(&format!("{}?action=release", at_number(&numbers[1]))).await.expect(200);
    assert_eq!(world.count(&endpoint).await, 1, "nor one that is released");
    world.client.delete(&at_number(&numbers[2])).await.expect(200);
    assert_eq!(world.count(&endpoint).await, 0, "nor one that is deleted");
    world.client.patch(&at_number(&numbers[0]), json!({"endpoint_id": endpoint["id"], "status": "inactive"})).await.expect(200);
    assert_eq!(world.count(&endpoint).await, 1, "one that is inactive is still attached");
    let listed = world.client.get("/v1/endpoints").await.expect(200);
    assert_eq!(listed[0]["phone_numbers_count"], 1, "in the list too");
}

#[tokio::test]
async fn delete_is_204_and_its_numbers_read_endpoint_id_null_and_need_reconfiguring() {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    let numbers = [world.rings(Some(&endpoint)).await, world.rings(Some(&endpoint)).await];
    let deleted = world.client.delete(&at_endpoint(&endpoint)).await;
    assert_eq!((deleted.status.as_u16(), &deleted.body), (204, &Value::Null));
    for number in &numbers {
        let read = world.client.get(&format!("/v1/phone-numbers/{}", number.id)).await.expect(200);
        assert_eq!((&read["endpoint_id"], &read["endpoint"], &read["status"]), (&json!(null), &json!(null), &json!("active")));
    }
    let list = world.client.get("/v1/phone-numbers").await.expect(200);
    assert!(list.as_array().unwrap().iter().all(|number| number["endpoint_id"].is_null()));
    let filtered = world.client.get(&format!("/v1/phone-numbers?endpoint_id={}", endpoint["id"].as_str().unwrap())).await;
    assert_eq!(filtered.headers["x-total-count"], "0");
    let new = world.webhook().await;
    let path = format!("/v1/phone-numbers/{}", numbers[0].id);
    let attached = world.client.patch(&path, json!({"endpoint_id": new["id"]})).await.expect(200);
    assert_eq!(attached["endpoint_id"], new["id"]);
    assert_eq!(world.count(&new).await, 1);
}

#[tokio::test]
async fn a_deleted_endpoint_is_404_for_everything() {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    let path = at_endpoint(&endpoint);
    assert_eq!(world.client.delete(&path).await.status.as_u16(), 204);
    assert_refused(&world.client.get(&path).await, 404, "NOT_FOUND", &[]);
    assert_refused(&world.client.patch(&path, json!({"name": "B"})).await, 404, "NOT_FOUND", &[]);
    assert_refused(&world.client.patch(&path, json!({"url": HOOK})).await, 404, "NOT_FOUND", &[]);
    assert_refused(&world.client.post(&format!("{path}/rotate-secret"), json!({})).await, 404, "NOT_FOUND", &[]);
    assert_refused(&world.client.delete(&path).await, 404, "NOT_FOUND", &[]);
    assert_eq!(world.client.get("/v1/endpoints").await.headers["x-total-count"], "0");
}

#[tokio::test]
async fn an_inactive_endpoint_receives_no_deliveries() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let (off, on) = (world.line(&receiver).await, world.line(&receiver).await);
    world.client.patch(&at_endpoint(&off.endpoint), json!({"status": "inactive"})).await.expect(200);
    let (silent, events) = world.events("missed-call.json", &off.number["e164"]);
    world.stack.send("call-events", &events.iter().map(ToString::to_string).collect::<Vec<_>>()).await;
    world.call(silent, |call| call["events"].as_array().is_some_and(|seen| seen.len() == events.len())).await;
    let (heard, events) = world.events("missed-call.json", &on.number["e164"]);
    world.stack.send("call-events", &events.iter().map(ToString::to_string).collect::<Vec<_>>()).await;
    let arrivals = receiver.wait_for(events.len(), LIMIT).await;
    let calls: Vec<Value> = arrivals.iter().map(|arrival| arrival.json()["data"]["call_id"].clone()).collect();
    assert_eq!(calls, vec![json!(heard); events.len()], "nothing of the call to the inactive one");
}
