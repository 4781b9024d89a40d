//! `PATCH` and `DELETE /phone-numbers/{id}`: each setting, attaching and moving, release and deletion.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    given::{NOBODY, assert_refused, assert_time, at_endpoint, at_number, ids},
    setup::World,
};

#[rstest]
#[case::allow_inbound(json!({"allow_inbound": false}), "allow_inbound", json!(false))]
#[case::allow_inbound_in_camel_case(json!({"allowInbound": false}), "allow_inbound", json!(false))]
#[case::allow_outbound(json!({"allow_outbound": true}), "allow_outbound", json!(true))]
#[case::allow_outbound_in_camel_case(json!({"allowOutbound": true}), "allow_outbound", json!(true))]
#[case::status_to_inactive(json!({"status": "inactive"}), "status", json!("inactive"))]
#[case::status_to_active(json!({"status": "active"}), "status", json!("active"))]
#[case::nothing_by_an_empty_object(json!({}), "status", json!("active"))]
#[case::nothing_by_server_set_and_unknown_fields(json!({"id": NOBODY, "e164": "+14155550100", "organization_id": NOBODY, "sip_uri": "x", "monthly_cost_cents": 0, "colour": 1}), "", json!(null))]
#[tokio::test]
async fn a_number_changes_its(#[case] change: Value, #[case] field: &str, #[case] value: Value) {
    let world = World::new().await;
    let number = world.number().await;
    let changed = world.client.patch(&at_number(&number), change).await.expect(200);
    let read = world.client.get(&at_number(&number)).await.expect(200);
    for (name, before) in number.as_object().unwrap() {
        if ![field, "updated_at", "total_cost_cents"].contains(&name.as_str()) {
            assert_eq!((&changed[name], &read[name]), (before, before), "{name} stays");
        }
    }
    assert_eq!((&changed[field], &read[field]), (&value, &value));
    assert!(changed["updated_at"].as_str() >= number["updated_at"].as_str());
}

#[rstest]
#[case::a_status_that_only_the_system_sets(json!({"status": "suspended"}), &["status"])]
#[case::a_status_that_waits(json!({"status": "pending"}), &["status"])]
#[case::an_unknown_status(json!({"status": "gone"}), &["status"])]
#[case::an_endpoint_id_that_is_none(json!({"endpointId": "x"}), &["endpoint_id"])]
#[case::two_endpoint_ids(json!({"endpointId": NOBODY, "endpoint_id": null}), &["endpoint_id"])]
#[case::two_values_of_allow_inbound(json!({"allowInbound": true, "allow_inbound": false}), &["allow_inbound"])]
#[case::two_values_of_allow_outbound(json!({"allowOutbound": true, "allow_outbound": false}), &["allow_outbound"])]
#[case::every_field_wrong(json!({"endpointId": 7, "allowInbound": "a", "allow_outbound": [], "status": {}}), &["allow_inbound", "allow_outbound", "endpoint_id", "status"])]
#[tokio::test]
async fn a_change_is_refused_for(#[case] change: Value, #[case] fields: &[&str]) {
    let world = World::new().await;
    let number = world.rings(None).await;
    let answer = world.client.patch(&format!("/v1/phone-numbers/{}", number.id), change).await;
    assert_refused(&answer, 400, "VALIDATION_ERROR", fields);
}

#[rstest]
#[case::in_camel_case("endpointId", "")]
#[case::in_snake_case("endpoint_id", "")]
#[case::with_the_prefix_ep("endpoint_id", "ep_")]
#[tokio::test]
async fn attaching_moves_a_number_and_both_counts(#[case] field: &str, #[case] prefix: &str) {
    let world = World::new().await;
    let (first, second) = (world.webhook().await, world.webhook().await);
    let number = world.rings(Some(&first)).await;
    assert_eq!(world.count(&first).await, 1);
    let path = format!("/v1/phone-numbers/{}", number.id);
    let moved = world.client.patch(&path, json!({field: format!("{prefix}{}", second["id"].as_str().unwrap())})).await.expect(200);
    assert_eq!(moved["endpoint_id"], second["id"]);
    assert_eq!((world.count(&first).await, world.count(&second).await), (json!(0), json!(1)));
}

#[tokio::test]
async fn null_detaches_a_number_and_attaching_twice_counts_once() {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    let number = world.number().await;
    for _ in 0..2 {
        world.client.patch(&at_number(&number), json!({"endpoint_id": endpoint["id"]})).await.expect(200);
    }
    assert_eq!(world.count(&endpoint).await, 1);
    for _ in 0..2 {
        let detached = world.client.patch(&at_number(&number), json!({"endpointId": null})).await.expect(200);
        assert_eq!(detached["endpoint_id"], json!(null));
    }
    assert_eq!(world.count(&endpoint).await, 0);
    assert_eq!(world.client.get(&at_number(&number)).await.expect(200)["endpoint"], json!(null));
}

#[tokio::test]
async fn an_endpoint_that_is_unknown_or_deleted_cannot_be_attached() {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    let number = world.number().await;
    world.client.delete(&at_endpoint(&endpoint)).await;
    for gone in [json!(NOBODY), endpoint["id"].clone()] {
        let change = json!({"endpoint_id": gone, "allow_outbound": true});
        assert_refused(&world.client.patch(&at_number(&number), change).await, 404, "ENDPOINT_NOT_FOUND", &[]);
    }
    assert_eq!(world.client.get(&at_number(&number)).await.expect(200)["allow_outbound"], false, "all or nothing");
}

#[rstest]
#[case::its_endpoint(json!({"endpointId": "{endpoint}"}))]
#[case::its_endpoint_to_null(json!({"endpointId": null}))]
#[case::allow_inbound(json!({"allowInbound": false}))]
#[case::allow_outbound(json!({"allowOutbound": true}))]
#[case::its_status(json!({"status": "active"}))]
#[tokio::test]
async fn a_released_number_is_409_for_a_change_of(#[case] change: Value) {
    let world = World::new().await;
    let endpoint = world.has_endpoint().await;
    let number = world.rings(None).await;
    let path = format!("/v1/phone-numbers/{}", number.id);
    world.client.delete(&format!("{path}?action=release")).await.expect(200);
    let change = serde_json::from_str(&change.to_string().replace("{endpoint}", &endpoint.id.to_string())).unwrap();
    assert_refused(&world.client.patch(&path, change).await, 409, "CONFLICT", &[]);
}

#[tokio::test]
async fn without_a_parameter_delete_removes_the_record_and_frees_the_slot() {
    let world = World::new().await;
    let slot = world.offer().await;
    let order = json!({"inventory_id": slot.address().id()});
    let number = world.client.post("/v1/phone-numbers", order.clone()).await.expect(201);
    let deleted = world.client.delete(&at_number(&number)).await.expect(200);
    assert_eq!(deleted, json!({"success": true, "id": number["id"], "e164": slot.e164, "status": deleted["status"]}));
    assert!(deleted["status"].is_string());
    assert_refused(&world.client.get(&at_number(&number)).await, 404, "NOT_FOUND", &[]);
    assert_refused(&world.client.delete(&at_number(&number)).await, 404, "NOT_FOUND", &[]);
    assert_eq!(world.client.get("/v1/phone-numbers?include_released=true").await.headers["x-total-count"], "0");
    let again = world.stranger().await.post("/v1/phone-numbers", order).await.expect(201);
    assert_eq!((&again["e164"], &again["total_cost_cents"]), (&number["e164"], &number["total_cost_cents"]));
}

#[tokio::test]
async fn a_release_keeps_the_record_inactive_and_readable_and_frees_the_slot() {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    let slot = world.offer().await;
    let order = json!({"inventory_id": slot.address().id(), "endpointId": endpoint["id"]});
    let number = world.client.post("/v1/phone-numbers", order).await.expect(201);
    let released = world.client.delete(&format!("{}?action=release", at_number(&number))).await.expect(200);
    assert_eq!(released, json!({"success": true, "id": number["id"], "e164": slot.e164, "status": "inactive"}));
    let kept = world.client.get(&at_number(&number)).await.expect(200);
    assert_eq!((&kept["id"], &kept["status"], &kept["e164"]), (&number["id"], &json!("inactive"), &number["e164"]));
    assert_time(&kept["released_at"]);
    assert_eq!(world.count(&endpoint).await, 0, "it rings nothing any more");
    let stranger = world.stranger().await;
    stranger.post("/v1/phone-numbers", json!({"inventory_id": slot.address().id()})).await.expect(201);
}

#[tokio::test]
async fn repeating_a_release_is_200_and_changes_nothing() {
    let world = World::new().await;
    let number = world.rings(None).await;
    let path = format!("/v1/phone-numbers/{}", number.id);
    let first = world.client.delete(&format!("{path}?action=release")).await.expect(200);
    let kept = world.client.get(&path).await.expect(200);
    assert_eq!(world.client.delete(&format!("{path}?action=release")).await.expect(200), first);
    assert_eq!(world.client.get(&path).await.expect(200), kept);
}

#[tokio::test]
async fn a_hard_delete_after_a_release_removes_the_record_and_never_touches_the_slot() {
    let world = World::new().await;
    let slot = world.offer().await;
    let order = json!({"inventory_id": slot.address().id()});
    let number = world.client.post("/v1/phone-numbers", order.clone()).await.expect(201);
    world.client.delete(&format!("{}?action=release", at_number(&number))).await.expect(200);
    let owner = world.stranger().await;
    let theirs = owner.post("/v1/phone-numbers", order.clone()).await.expect(201);
    assert_eq!(world.client.delete(&at_number(&number)).await.expect(200)["success"], true);
    assert_refused(&world.client.get(&at_number(&number)).await, 404, "NOT_FOUND", &[]);
    assert_eq!(owner.get(&at_number(&theirs)).await.expect(200)["status"], "active");
    assert_refused(&world.client.post("/v1/phone-numbers", order).await, 404, "NUMBER_NOT_AVAILABLE", &[]);
}

#[tokio::test]
async fn a_released_number_can_be_bought_again_and_is_then_two_records() {
    let world = World::new().await;
    let slot = world.offer().await;
    let order = json!({"inventory_id": slot.address().id()});
    let first = world.client.post("/v1/phone-numbers", order.clone()).await.expect(201);
    world.client.delete(&format!("{}?action=release", at_number(&first))).await.expect(200);
    let second = world.client.post("/v1/phone-numbers", order).await.expect(201);
    let all = world.client.get("/v1/phone-numbers?include_released=true").await.expect(200);
    assert_eq!(ids(&all), [second["id"].as_str().unwrap(), first["id"].as_str().unwrap()]);
    assert_eq!(ids(&world.client.get("/v1/phone-numbers").await.expect(200)), [second["id"].as_str().unwrap()]);
}

#[rstest]
#[case::unknown("action=burn")]
#[case::empty("action=")]
#[case::in_capitals("action=RELEASE")]
#[case::the_lists("action=assigned")]
#[case::sent_twice("action=release&action=release")]
#[tokio::test]
async fn a_delete_is_400_with_an_action_that_is(#[case] query: &str) {
    let world = World::new().await;
    let number = world.rings(None).await;
    let path = format!("/v1/phone-numbers/{}", number.id);
    assert_refused(&world.client.delete(&format!("{path}?{query}")).await, 400, "VALIDATION_ERROR", &["action"]);
    assert_eq!(world.client.get(&path).await.expect(200)["released_at"], json!(null), "nothing was done");
}
