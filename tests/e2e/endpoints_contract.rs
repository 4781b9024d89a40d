//! The endpoint as clients see it: its fields for each type, the list's filters, what creating takes and refuses.

use std::collections::BTreeSet;

use domain::{
    endpoint::{Endpoint, EndpointStatus, Provider},
    scope::Scope,
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::fixture;

use crate::{
    given::{HOOK, NOBODY, assert_refused, assert_time, at_endpoint, fields, ids},
    setup::World,
};

const OBJECT: [&str; 13] = [
    "id",
    "name",
    "type",
    "provider",
    "kind",
    "url",
    "status",
    "status_reason",
    "provider_config",
    "phone_numbers_count",
    "organization_id",
    "created_at",
    "updated_at",
];

/// Checks the fields of the object; webhooks also have a secret and events.
#[track_caller]
fn assert_object(shown: &Value, is_webhook: bool) {
    let mut expected = BTreeSet::from(OBJECT);
    expected.extend(is_webhook.then_some("secret"));
    let mut told = fields(shown);
    assert!(told.remove("events") || !is_webhook, "a webhook shows its events");
    assert_eq!(told, expected);
}

#[rstest]
#[case::webhook("webhook", json!({}), "webhook", "webhook")]
#[case::vapi("vapi", json!({"assistant_id": "a"}), "vapi", "agent")]
#[case::retell("retell", json!({"agent_id": "a"}), "retell", "agent")]
#[case::elevenlabs("elevenlabs", json!({"elevenlabs_agent_id": "a"}), "elevenlabs", "agent")]
#[case::livekit("livekit", json!({"livekit_sip_trunk_id": "t", "livekit_sip_uri": "sip:p1.sip.livekit.cloud"}), "livekit", "agent")]
#[case::vogent("vogent", json!({"vogent_agent_id": "a"}), "vogent", "agent")]
#[case::custom_sip("custom_sip", json!({}), "custom_sip", "sip")]
#[case::direct_sip_which_is_custom_sip("direct_sip", json!({}), "custom_sip", "sip")]
#[case::agent_of_vapi("agent", json!({"provider": "vapi", "assistant_id": "a"}), "vapi", "agent")]
#[case::agent_of_retell("agent", json!({"provider": "retell", "agent_id": "a"}), "retell", "agent")]
#[case::agent_of_elevenlabs("agent", json!({"provider": "elevenlabs", "agent_id": "a"}), "elevenlabs", "agent")]
#[case::agent_of_livekit("agent", json!({"provider": "livekit", "sip_trunk_id": "t", "sip_uri": "sip:p1.sip.livekit.cloud"}), "livekit", "agent")]
#[case::agent_of_vogent("agent", json!({"provider": "vogent", "agent_id": "a"}), "vogent", "agent")]
#[tokio::test]
async fn create_list_and_detail_show_the_same_object_of_the_type(
    #[case] declared: &str,
    #[case] config: Value,
    #[case] provider: &str,
    #[case] kind: &str,
) {
    let world = World::new().await;
    let mut body = json!({"name": "Support", "type": declared, "provider_config": config});
    match kind {
        "webhook" => body["url"] = json!(HOOK),
        "sip" => body["url"] = json!("sip:desk@pbx.example.com"),
        _ => {}
    }
    let created = world.endpoint(body).await;
    assert_object(&created, kind == "webhook");
    assert_eq!((&created["name"], &created["type"]), (&json!("Support"), &json!(declared)), "as the creator wrote it");
    assert_eq!((&created["provider"], &created["kind"]), (&json!(provider), &json!(kind)));
    assert_eq!((&created["status"], &created["status_reason"]), (&json!("active"), &json!(null)));
    assert_eq!((&created["phone_numbers_count"], &created["organization_id"]), (&json!(0), &json!(world.fixture.tenant.org())));
    assert_time(&created["created_at"]);
    assert_time(&created["updated_at"]);
    assert_eq!(world.client.get(&at_endpoint(&created)).await.expect(200), created);
    let mut listed = world.client.get("/v1/endpoints").await.expect(200)[0].take();
    assert_object(&listed, kind == "webhook");
    if kind == "webhook" {
        listed["secret"] = created["secret"].clone();
    }
    assert_eq!(listed, created);
}

/// Endpoints of every type, and one agent that is inactive and one that failed; each is called what it is.
async fn one_of_each(world: &World) {
    let made = |name: &str, declared: &str, provider: Provider, status: EndpointStatus| Endpoint {
        name: name.to_owned(),
        declared_type: declared.to_owned(),
        provider,
        given_url: Some(if provider == Provider::Webhook { HOOK.to_owned() } else { "sip:a@sip.example.com".to_owned() }),
        status,
        ..fixture::endpoint()
    };
    let mut all: Vec<Endpoint> = Provider::ALL.iter().map(|one| made(one.as_str(), one.as_str(), *one, EndpointStatus::Active)).collect();
    all.push(made("direct_sip", "direct_sip", Provider::CustomSip, EndpointStatus::Active));
    all.push(made("agent of vapi", "agent", Provider::Vapi, EndpointStatus::Inactive));
    all.push(made("agent of retell", "agent", Provider::Retell, EndpointStatus::Error));
    let table = world.stack.table();
    let made =
        join_all(all.iter().map(|endpoint| table.create_endpoint(world.fixture.tenant, endpoint, None, store::TellOfEndpoint::default())))
            .await;
    assert!(made.iter().all(Result::is_ok));
}

#[rstest]
#[case::every_ai_provider_for_the_type_agent("type=agent", &["agent of retell", "agent of vapi", "elevenlabs", "livekit", "retell", "vapi", "vogent"])]
#[case::vapi_however_it_was_created("type=vapi", &["agent of vapi", "vapi"])]
#[case::retell_however_it_was_created("type=retell", &["agent of retell", "retell"])]
#[case::elevenlabs("type=elevenlabs", &["elevenlabs"])]
#[case::livekit("type=livekit", &["livekit"])]
#[case::vogent("type=vogent", &["vogent"])]
#[case::custom_sip_however_it_was_created("type=custom_sip", &["custom_sip", "direct_sip"])]
#[case::direct_sip_which_is_custom_sip("type=direct_sip", &["custom_sip", "direct_sip"])]
#[case::webhook("type=webhook", &["webhook"])]
#[case::the_active_ones("status=active", &["custom_sip", "direct_sip", "elevenlabs", "livekit", "retell", "vapi", "vogent", "webhook"])]
#[case::the_inactive_ones("status=inactive", &["agent of vapi"])]
#[case::those_that_failed("status=error", &["agent of retell"])]
#[case::what_passes_both_filters("type=agent&status=inactive", &["agent of vapi"])]
#[case::nothing_that_fails_one_filter("type=webhook&status=inactive", &[])]
#[tokio::test]
async fn the_list_of_endpoints_shows(#[case] query: &str, #[case] shown: &[&str]) {
    let world = World::new().await;
    one_of_each(&world).await;
    let list = world.client.get(&format!("/v1/endpoints?{query}")).await.expect(200);
    let mut names: Vec<&str> = list.as_array().unwrap().iter().map(|endpoint| endpoint["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, shown);
}

#[rstest]
#[case::an_unknown_type("type=pigeon", &["type"])]
#[case::an_unknown_status("status=pending", &["status"])]
#[case::a_repeated_type("type=agent&type=vapi", &["type"])]
#[case::every_wrong_parameter_at_once("type=&status=&limit=&page=", &["limit", "page", "status", "type"])]
#[tokio::test]
async fn the_list_of_endpoints_refuses(#[case] query: &str, #[case] fields: &[&str]) {
    let world = World::new().await;
    assert_refused(&world.client.get(&format!("/v1/endpoints?{query}")).await, 400, "VALIDATION_ERROR", fields);
}

#[rstest]
#[case::of_1_character("x".to_owned(), true)]
#[case::of_100_characters("x".repeat(100), true)]
#[case::of_100_characters_of_four_bytes("🦀".repeat(100), true)]
#[case::of_101_characters("x".repeat(101), false)]
#[case::that_is_empty(String::new(), false)]
#[tokio::test]
async fn a_name(#[case] name: String, #[case] taken: bool) {
    let world = World::new().await;
    let answer = world.client.post("/v1/endpoints", json!({"name": name, "type": "webhook", "url": HOOK})).await;
    if taken {
        assert_eq!(answer.expect(201)["name"], name);
    } else {
        assert_refused(&answer, 400, "VALIDATION_ERROR", &["name"]);
    }
}

#[rstest]
#[case::name_and_type(json!({}), "MISSING_FIELDS", &["name", "type"])]
#[case::a_name(json!({"type": "webhook", "url": HOOK}), "MISSING_FIELDS", &["name"])]
#[case::a_type(json!({"name": "E"}), "MISSING_FIELDS", &["type"])]
#[case::the_url_of_a_webhook(json!({"name": "E", "type": "webhook"}), "MISSING_FIELDS", &["url"])]
#[case::the_url_of_custom_sip(json!({"name": "E", "type": "custom_sip"}), "MISSING_FIELDS", &["url"])]
#[case::something_and_has_something_wrong(json!({"type": "webhook", "url": "x"}), "VALIDATION_ERROR", &["name", "url"])]
#[tokio::test]
async fn an_endpoint_is_refused_that_lacks(#[case] body: Value, #[case] code: &str, #[case] fields: &[&str]) {
    let world = World::new().await;
    assert_refused(&world.client.post("/v1/endpoints", body).await, 400, code, fields);
}

#[rstest]
#[case::name(json!({"name": 7}), &["name"])]
#[case::type_name(json!({"type": "pigeon"}), &["type"])]
#[case::provider_config(json!({"providerConfig": []}), &["provider_config"])]
#[case::two_provider_configs(json!({"providerConfig": {}, "provider_config": {"a": 1}}), &["provider_config"])]
#[case::phone_number_id(json!({"phoneNumberId": "x"}), &["phone_number_id"])]
#[case::two_phone_number_ids(json!({"phoneNumberId": NOBODY, "phone_number_id": "0198c0de-0000-7000-8000-000000000002"}), &["phone_number_id"])]
#[case::every_field(json!({"name": "", "url": "x", "phone_number_id": 7, "events": [""]}), &["events.0", "name", "phone_number_id", "url"])]
#[tokio::test]
async fn an_endpoint_is_refused_for_a_wrong(#[case] wrong: Value, #[case] fields: &[&str]) {
    let world = World::new().await;
    let mut body = json!({"name": "E", "type": "webhook", "url": HOOK});
    body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
    assert_refused(&world.client.post("/v1/endpoints", body).await, 400, "VALIDATION_ERROR", fields);
}

#[tokio::test]
async fn unknown_and_server_set_fields_are_ignored() {
    let world = World::new().await;
    let body = json!({
        "name": "E", "type": "webhook", "url": HOOK, "id": NOBODY, "secret": "whsec_mine", "organization_id": NOBODY, "kind": "sip",
        "phone_numbers_count": 9, "created_at": "2020-01-01T00:00:00.000Z", "status_reason": "x", "colour": {"a": 1},
    });
    let created = world.endpoint(body).await;
    assert_ne!(created["id"], NOBODY);
    assert_ne!(created["secret"], "whsec_mine");
    assert_eq!((&created["kind"], &created["phone_numbers_count"]), (&json!("webhook"), &json!(0)));
    assert_eq!((&created["organization_id"], &created["status_reason"]), (&json!(world.fixture.tenant.org()), &json!(null)));
}

#[rstest]
#[case::all_by_default(json!(null), json!(["*"]))]
#[case::those_it_names(json!(["call.completed", "recording.ready"]), json!(["call.completed", "recording.ready"]))]
#[case::wildcards_and_aliases(json!(["call.*", "transcription.completed"]), json!(["call.*", "transcription.completed"]))]
#[tokio::test]
async fn a_webhook_takes_events(#[case] events: Value, #[case] shown: Value) {
    let world = World::new().await;
    let endpoint = world.endpoint(json!({"name": "E", "type": "webhook", "url": HOOK, "events": events})).await;
    assert_eq!(endpoint["events"], shown);
}

#[rstest]
#[case::in_snake_case("phone_number_id", "")]
#[case::in_camel_case("phoneNumberId", "")]
#[case::with_the_prefix_pn("phone_number_id", "pn_")]
#[tokio::test]
async fn a_number_is_attached_by_creating(#[case] field: &str, #[case] prefix: &str) {
    let world = World::new().await;
    let old = world.webhook().await;
    let number = world.rings(Some(&old)).await;
    let new = world.endpoint(json!({"name": "E", "type": "webhook", "url": HOOK, field: format!("{prefix}{}", number.id)})).await;
    assert_eq!(new["phone_numbers_count"], 1);
    assert_eq!(world.count(&old).await, 0, "it was moved");
    let read = world.client.get(&format!("/v1/phone-numbers/{}", number.id)).await.expect(200);
    assert_eq!((&read["endpoint_id"], &read["endpoint"]["id"]), (&new["id"], &new["id"]));
}

#[tokio::test]
async fn an_unknown_number_to_attach_is_404_and_nothing_is_created() {
    let world = World::new().await;
    let body = json!({"name": "E", "type": "webhook", "url": HOOK, "phone_number_id": NOBODY});
    assert_refused(&world.client.post("/v1/endpoints", body).await, 404, "NOT_FOUND", &[]);
    assert_eq!(world.client.get("/v1/endpoints").await.headers["x-total-count"], "0");
}

#[rstest]
#[case::that_is_no_uuid("x")]
#[case::with_the_prefix_of_another_kind("pn_0198c0de-0000-7000-8000-000000000001")]
#[case::that_is_nobodys(NOBODY)]
#[tokio::test]
async fn an_id_in_the_path_is_404(#[case] id: &str) {
    let world = World::new().await;
    let path = format!("/v1/endpoints/{id}");
    assert_refused(&world.client.get(&path).await, 404, "NOT_FOUND", &[]);
    assert_refused(&world.client.patch(&path, json!({"name": "E"})).await, 404, "NOT_FOUND", &[]);
    assert_refused(&world.client.post(&format!("{path}/rotate-secret"), json!({})).await, 404, "NOT_FOUND", &[]);
    assert_refused(&world.client.delete(&path).await, 404, "NOT_FOUND", &[]);
}

#[tokio::test]
async fn an_endpoint_is_found_by_its_id_with_the_prefix_ep() {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    let path = format!("/v1/endpoints/ep_{}", endpoint["id"].as_str().unwrap());
    assert_eq!(world.client.get(&path).await.expect(200), endpoint);
    assert_eq!(world.client.delete(&path).await.status.as_u16(), 204);
}

#[tokio::test]
async fn test_data_is_apart_from_live_data() {
    let world = World::new().await;
    let test = world.in_test_mode().await;
    let live_endpoint = world.webhook().await;
    let test_endpoint = test.post("/v1/endpoints", json!({"name": "T", "type": "webhook", "url": HOOK})).await.expect(201);
    assert_eq!(ids(&world.client.get("/v1/endpoints").await.expect(200)), [live_endpoint["id"].as_str().unwrap()]);
    assert_eq!(ids(&test.get("/v1/endpoints").await.expect(200)), [test_endpoint["id"].as_str().unwrap()]);
    assert_refused(&test.get(&at_endpoint(&live_endpoint)).await, 404, "NOT_FOUND", &[]);
    assert_refused(&world.client.delete(&at_endpoint(&test_endpoint)).await, 404, "NOT_FOUND", &[]);
}

#[rstest]
#[case::reading_the_list_needs_endpoints_read("GET", "", "endpoints:read")]
#[case::reading_one_needs_endpoints_read("GET", "/{id}", "endpoints:read")]
#[case::creating_needs_endpoints_write("POST", "", "endpoints:write")]
#[case::changing_needs_endpoints_write("PATCH", "/{id}", "endpoints:write")]
#[case::deleting_needs_endpoints_write("DELETE", "/{id}", "endpoints:write")]
#[case::rotating_needs_endpoints_write("POST", "/{id}/rotate-secret", "endpoints:write")]
#[tokio::test]
async fn each_operation_needs_its_scope(#[case] method: &str, #[case] path: &str, #[case] scope: &str) {
    let world = World::new().await;
    let path = format!("/v1/endpoints{}", path.replace("{id}", &world.has_endpoint().await.id.to_string()));
    let all_but: Vec<Scope> = Scope::ALL.iter().copied().filter(|held| held.as_str() != scope).collect();
    let body = (method != "GET").then(|| json!({}));
    let answer = world.with_scopes(&all_but).await.send(method.parse().unwrap(), &path, body.as_ref()).await;
    assert_refused(&answer, 403, "INSUFFICIENT_SCOPE", &[]);
}
