//! The url of an endpoint: which are taken for which type, and which are refused.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    given::{HOOK, assert_refused, at_endpoint},
    setup::World,
};

#[rstest]
#[case::http("http://hooks.example.com/x")]
#[case::ftp("ftp://hooks.example.com/x")]
#[case::sip("sip:a@pbx.example.com")]
#[case::no_scheme("hooks.example.com/x")]
#[case::nothing("")]
#[case::no_host("https:///x")]
#[case::a_private_address_of_10("https://10.0.0.1/x")]
#[case::a_private_address_of_172_16("https://172.16.5.4/x")]
#[case::a_private_address_of_192_168("https://192.168.1.1/x")]
#[case::a_link_local_address("https://169.254.1.1/x")]
#[case::the_metadata_address("https://169.254.169.254/latest/meta-data")]
#[case::the_metadata_address_in_decimal("https://2852039166/latest/meta-data")]
#[case::the_metadata_name("https://metadata.google.internal/x")]
#[case::an_unspecified_address("https://0.0.0.0/x")]
#[case::a_carriers_shared_address("https://100.64.0.1/x")]
#[case::a_private_ipv6_address("https://[fd00:ec2::254]/x")]
#[case::a_link_local_ipv6_address("https://[fe80::1]/x")]
#[case::a_private_address_mapped_to_ipv6("https://[::ffff:10.0.0.1]/x")]
#[case::a_private_name("https://pbx.internal/x")]
#[case::a_user_name("https://user@hooks.example.com/x")]
#[case::a_user_name_and_password("https://user:pw@hooks.example.com/x")]
#[tokio::test]
async fn a_webhook_is_refused_at_a_url_with(#[case] url: &str) {
    let world = World::new().await;
    let answer = world.client.post("/v1/endpoints", json!({"name": "E", "type": "webhook", "url": url})).await;
    assert_refused(&answer, 400, "VALIDATION_ERROR", &["url"]);
}

#[rstest]
#[case::http("http://hooks.example.com/x")]
#[case::the_metadata_address("https://169.254.169.254/latest/meta-data")]
#[case::a_private_address("https://10.0.0.1/x")]
#[case::a_user_name("https://user@hooks.example.com/x")]
#[tokio::test]
async fn a_webhook_is_not_moved_to_a_url_with(#[case] url: &str) {
    let world = World::new().await;
    let endpoint = world.has_endpoint().await;
    let change = world.client.patch(&format!("/v1/endpoints/{}", endpoint.id), json!({"url": url})).await;
    assert_refused(&change, 400, "VALIDATION_ERROR", &["url"]);
}

#[rstest]
#[case::https("https://hooks.example.com/x?a=b")]
#[case::https_at_a_public_address("https://8.8.8.8/x")]
#[case::http_on_this_machine_in_local_development("http://127.0.0.1:9/x")]
#[tokio::test]
async fn a_webhook_is_taken_at_a_url_with(#[case] url: &str) {
    let world = World::new().await;
    assert_eq!(world.endpoint(json!({"name": "E", "type": "webhook", "url": url})).await["url"], url);
}

#[rstest]
#[case::vapi("vapi")]
#[case::retell("retell")]
#[case::elevenlabs("elevenlabs")]
#[case::livekit("livekit")]
#[case::vogent("vogent")]
#[case::custom_sip("custom_sip")]
#[case::direct_sip("direct_sip")]
#[tokio::test]
async fn a_sip_url_alone_is_taken_for(#[case] declared: &str) {
    let world = World::new().await;
    let body = |url: &str| json!({"name": "E", "type": declared, "url": url});
    for url in ["sip:desk@pbx.example.com", "sips:pbx.example.com:5061;transport=tls"] {
        assert_eq!(world.endpoint(body(url)).await["url"], url);
    }
    for url in [HOOK, "pbx.example.com"] {
        assert_refused(&world.client.post("/v1/endpoints", body(url)).await, 400, "VALIDATION_ERROR", &["url"]);
    }
}

#[tokio::test]
async fn a_url_given_for_an_ai_type_wins_until_it_is_patched_to_null() {
    let world = World::new().await;
    let body = json!({"name": "E", "type": "retell", "url": "sip:me@voice.example.com", "provider_config": {"agent_id": "a"}});
    let endpoint = world.endpoint(body).await;
    let number = world.rings(Some(&endpoint)).await;
    let detail = format!("/v1/phone-numbers/{}", number.id);
    assert_eq!(endpoint["url"], "sip:me@voice.example.com");
    assert_eq!(world.client.get(&at_endpoint(&endpoint)).await.expect(200)["url"], "sip:me@voice.example.com");
    assert_eq!(world.client.get(&detail).await.expect(200)["endpoint"]["url"], "sip:me@voice.example.com");
    let generated = format!("sip:{}@sip.retellai.com;transport=tcp", number.e164);
    assert_eq!(world.client.patch(&at_endpoint(&endpoint), json!({"url": null})).await.expect(200)["url"], generated);
    assert_eq!(world.client.get(&detail).await.expect(200)["endpoint"]["url"], generated);
}

#[tokio::test]
async fn a_url_patched_to_null_needs_what_the_provider_requires() {
    let world = World::new().await;
    let endpoint = world.endpoint(json!({"name": "E", "type": "vapi", "url": "sip:me@voice.example.com"})).await;
    let answer = world.client.patch(&at_endpoint(&endpoint), json!({"url": null})).await;
    assert_refused(&answer, 400, "MISSING_FIELDS", &["provider_config.assistant_id"]);
    let both = json!({"url": null, "provider_config": {"assistantId": "as_1"}});
    assert_eq!(world.client.patch(&at_endpoint(&endpoint), both).await.expect(200)["url"], "sip:as_1@sip.vapi.ai");
}

#[rstest]
#[case::webhook("webhook", HOOK)]
#[case::custom_sip("custom_sip", "sip:desk@pbx.example.com")]
#[tokio::test]
async fn a_type_without_a_generated_url_keeps_its_own(#[case] declared: &str, #[case] url: &str) {
    let world = World::new().await;
    let endpoint = world.endpoint(json!({"name": "E", "type": declared, "url": url})).await;
    let answer = world.client.patch(&at_endpoint(&endpoint), json!({"url": Value::Null})).await;
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.body);
    assert_eq!(answer.body["details"]["errors"][0]["field"], "url");
    assert_eq!(world.client.get(&at_endpoint(&endpoint)).await.expect(200)["url"], url);
}
