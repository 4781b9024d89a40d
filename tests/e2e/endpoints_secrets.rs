//! The secrets of endpoints: who sees a signing secret, what a rotation does, and a SIP password that nobody sees.

use domain::{EndpointId, endpoint::Endpoint, scope::Scope};
use rstest::rstest;
use serde_json::{Value, json};
use store::Consistency;
use webhooks::sign::SigningSecret;

use crate::{
    given::{HOOK, assert_refused, at_endpoint},
    setup::World,
};

/// An endpoint as it is stored.
async fn stored(world: &World, endpoint: &Value) -> Endpoint {
    let id: EndpointId = endpoint["id"].as_str().unwrap().parse().unwrap();
    world.stack.table().endpoint(world.fixture.tenant, id, Consistency::Strong).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_signing_secret_is_whsec_and_the_base64_of_32_random_bytes() {
    let world = World::new().await;
    let (one, other) = (world.webhook().await, world.webhook().await);
    let secret = one["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == "whsec_".len() + 44, "32 bytes are 44 characters");
    assert!(SigningSecret::parse(secret).is_ok());
    assert_ne!(one["secret"], other["secret"]);
}

#[rstest]
#[case::whole_with_endpoints_read_and_write(&[Scope::EndpointsRead, Scope::EndpointsWrite], true)]
#[case::masked_with_endpoints_read_alone(&[Scope::EndpointsRead], false)]
#[case::masked_with_the_right_to_write_other_things(&[Scope::EndpointsRead, Scope::NumbersWrite, Scope::WebhooksWrite], false)]
#[tokio::test]
async fn the_signing_secret_of_one_endpoint_is_shown(#[case] scopes: &[Scope], #[case] whole: bool) {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    let read = world.with_scopes(scopes).await.get(&at_endpoint(&endpoint)).await.expect(200);
    assert_eq!(read["secret"] == endpoint["secret"], whole);
    assert!(read["secret"].is_string(), "masked, not left out");
}

#[tokio::test]
async fn the_signing_secret_is_masked_in_lists_and_changes_and_whole_for_its_creator() {
    let world = World::new().await;
    let creator = world.with_scopes(&[Scope::EndpointsWrite]).await;
    let endpoint = creator.post("/v1/endpoints", json!({"name": "E", "type": "webhook", "url": HOOK})).await.expect(201);
    let secret = endpoint["secret"].as_str().unwrap();
    assert!(SigningSecret::parse(secret).is_ok(), "whole");
    let list = world.client.get("/v1/endpoints").await.expect(200);
    let renamed = world.client.patch(&at_endpoint(&endpoint), json!({"name": "F"})).await.expect(200);
    let moved = world.client.patch(&at_endpoint(&endpoint), json!({"url": "https://hooks.example.com/y"})).await.expect(200);
    for masked in [&list[0], &renamed, &moved] {
        assert!(masked["secret"].is_string() && masked["secret"] != endpoint["secret"], "{masked}");
    }
}

#[tokio::test]
async fn a_rotation_is_200_with_a_new_secret_and_the_old_one_signs_beside_it_for_24_hours() {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    let answer = world.client.post(&format!("{}/rotate-secret", at_endpoint(&endpoint)), json!({})).await.expect(200);
    assert_eq!((&answer["id"], &answer["name"]), (&endpoint["id"], &endpoint["name"]));
    let read = world.client.get(&at_endpoint(&endpoint)).await.expect(200);
    assert!(SigningSecret::parse(read["secret"].as_str().unwrap()).is_ok());
    assert_ne!(read["secret"], endpoint["secret"]);
    let kept = stored(&world, &endpoint).await;
    assert_eq!(kept.previous_until.unwrap().millis_since(kept.updated_at), 24 * 3600 * 1000);
    assert!(kept.previous_secret(kept.updated_at).is_some());
    assert!(kept.previous_secret(kept.previous_until.unwrap()).is_none(), "not a moment longer");
}

#[tokio::test]
async fn a_rotation_needs_no_body() {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    let path = format!("{}/rotate-secret", at_endpoint(&endpoint));
    let answer = world.client.send(http::Method::POST, &path, None).await.expect(200);
    assert_eq!(answer["id"], endpoint["id"]);
}

/// A `custom_sip` endpoint with a password.
async fn with_password(world: &World) -> Value {
    let config = json!({"username": "desk", "password": "canary-password-1", "transport": "tls", "headers": {"X-Team": "a"}});
    world.endpoint(json!({"name": "S", "type": "custom_sip", "url": "sips:pbx.example.com", "provider_config": config})).await
}

#[tokio::test]
async fn a_sip_password_is_never_returned_and_stored_encrypted() {
    let world = World::new().await;
    let created = with_password(&world).await;
    let read = world.client.get(&at_endpoint(&created)).await.expect(200);
    let list = world.client.get("/v1/endpoints").await.expect(200);
    let change = json!({"provider_config": {"username": "desk", "password": "canary-password-2"}});
    let changed = world.client.patch(&at_endpoint(&created), change).await.expect(200);
    for shown in [&created, &read, &list[0], &changed] {
        assert!(shown["provider_config"].get("password").is_none(), "{shown}");
        assert_eq!((&shown["provider_config"]["username"], shown.get("secret")), (&json!("desk"), None));
    }
    let shown = &created["provider_config"];
    assert_eq!((&shown["transport"], &shown["headers"]), (&json!("tls"), &json!({"X-Team": "a"})));
    let everything = format!("{created}{read}{list}{changed}{}", world.stack.dump_table().await);
    assert!(!everything.contains("canary-password"));
}

#[rstest]
#[case::keeps_the_sealed_one_when_absent(json!({"provider_config": {"username": "desk"}}), Some(true))]
#[case::keeps_the_sealed_one_when_other_fields_change(json!({"name": "T", "url": "sip:pbx2.example.com"}), Some(true))]
#[case::replaces_the_sealed_one_when_given(json!({"provider_config": {"password": "canary-password-2"}}), Some(false))]
#[case::removes_the_sealed_one_when_null(json!({"provider_config": {"username": "desk", "password": null}}), None)]
#[tokio::test]
async fn a_changed_sip_password(#[case] change: Value, #[case] kept: Option<bool>) {
    let world = World::new().await;
    let endpoint = with_password(&world).await;
    let before = stored(&world, &endpoint).await.password;
    assert!(before.is_some());
    world.client.patch(&at_endpoint(&endpoint), change).await.expect(200);
    let after = stored(&world, &endpoint).await.password;
    assert_eq!(after.as_ref().map(|_| after == before), kept);
}

#[rstest]
#[case::transport(json!({"transport": "sctp"}), "provider_config.transport")]
#[case::username(json!({"username": 7}), "provider_config.username")]
#[case::password(json!({"password": ""}), "provider_config.password")]
#[case::header_without_x(json!({"headers": {"From": "a"}}), "provider_config.headers")]
#[case::header_that_breaks_the_line(json!({"headers": {"X-A": "a\r\nVia: b"}}), "provider_config.headers.X-A")]
#[tokio::test]
async fn custom_sip_is_refused_with_a_wrong(#[case] config: Value, #[case] field: &str) {
    let world = World::new().await;
    let body = json!({"name": "S", "type": "custom_sip", "url": "sip:pbx.example.com", "provider_config": config});
    assert_refused(&world.client.post("/v1/endpoints", body).await, 400, "VALIDATION_ERROR", &[field]);
}
