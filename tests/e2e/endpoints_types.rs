//! Each provider's settings: the url that is generated, the keys that are required, their other names, what is kept.

use rstest::rstest;
use serde_json::{Map, Value, json};

use crate::{
    given::{HOOK, assert_refused, at_endpoint},
    setup::World,
};

/// Settings that suffice for a provider.
fn enough(provider: &str) -> Value {
    match provider {
        "vapi" => json!({"assistant_id": "as_1"}),
        "retell" => json!({"agent_id": "ag_1"}),
        "elevenlabs" => json!({"elevenlabs_agent_id": "el_1"}),
        "livekit" => json!({"livekit_sip_trunk_id": "ST_1", "livekit_sip_uri": "sip:p1.sip.livekit.cloud"}),
        "vogent" => json!({"vogent_agent_id": "vo_1"}),
        _ => json!({}),
    }
}

fn with(mut settings: Value, more: Value) -> Value {
    if let Value::Object(more) = more {
        settings.as_object_mut().unwrap().extend(more);
    }
    settings
}

#[rstest]
#[case::of_vapi("vapi", json!({}), "sip:as_1@sip.vapi.ai", "sip:as_1@sip.vapi.ai")]
#[case::of_vapi_with_a_credential("vapi", json!({"credential_id": "cred1"}), "sip:cred1.sip.vapi.ai", "sip:{e164}@cred1.sip.vapi.ai")]
#[case::of_retell("retell", json!({}), "sip:sip.retellai.com;transport=tcp", "sip:{e164}@sip.retellai.com;transport=tcp")]
#[case::of_retell_with_a_phone_number("retell", json!({"phone_number": "+1 415 555 0100"}), "sip:sip.retellai.com;transport=tcp", "sip:{e164}@sip.retellai.com;transport=tcp")]
#[case::of_elevenlabs("elevenlabs", json!({}), "sip:sip.rtc.elevenlabs.io:5060;transport=tcp", "sip:{e164}@sip.rtc.elevenlabs.io:5060;transport=tcp")]
#[case::of_elevenlabs_with_tls("elevenlabs", json!({"tls": true}), "sip:sip.rtc.elevenlabs.io:5061;transport=tls", "sip:{e164}@sip.rtc.elevenlabs.io:5061;transport=tls")]
#[case::of_elevenlabs_in_eu("elevenlabs", json!({"region": "eu"}), "sip:sip.rtc.eu.residency.elevenlabs.io:5060;transport=tcp", "sip:{e164}@sip.rtc.eu.residency.elevenlabs.io:5060;transport=tcp")]
#[case::of_elevenlabs_in_india("elevenlabs", json!({"region": "in"}), "sip:sip.rtc.in.residency.elevenlabs.io:5060;transport=tcp", "sip:{e164}@sip.rtc.in.residency.elevenlabs.io:5060;transport=tcp")]
#[case::of_elevenlabs_in_singapore_with_tls("elevenlabs", json!({"region": "sg", "tls": true}), "sip:sip.rtc.sg.residency.elevenlabs.io:5061;transport=tls", "sip:{e164}@sip.rtc.sg.residency.elevenlabs.io:5061;transport=tls")]
#[case::of_livekit("livekit", json!({}), "sip:p1.sip.livekit.cloud", "sip:{e164}@p1.sip.livekit.cloud")]
#[case::of_livekit_with_the_parameters_of_its_uri("livekit", json!({"livekit_sip_uri": "sip:p1.sip.livekit.cloud;transport=tls"}), "sip:p1.sip.livekit.cloud;transport=tls", "sip:{e164}@p1.sip.livekit.cloud;transport=tls")]
#[case::of_vogent("vogent", json!({}), "sip:vo_1@sip.vogent.ai", "sip:vo_1@sip.vogent.ai")]
#[case::of_vogent_with_a_sip_username("vogent", json!({"sip_username": "desk"}), "sip:desk@sip.vogent.ai", "sip:desk@sip.vogent.ai")]
#[tokio::test]
async fn the_generated_url_carries_exactly_one_number_and_each_details_own(
    #[case] provider: &str,
    #[case] more: Value,
    #[case] without: &str,
    #[case] carrying: &str,
) {
    let world = World::new().await;
    let endpoint = world.endpoint(json!({"name": "A", "type": provider, "provider_config": with(enough(provider), more)})).await;
    assert_eq!(endpoint["url"], without, "with no number");
    let first = world.rings(Some(&endpoint)).await;
    let of = |number: &domain::number::PhoneNumber| carrying.replace("{e164}", number.e164.as_str());
    assert_eq!(world.client.get(&at_endpoint(&endpoint)).await.expect(200)["url"], of(&first), "with one number");
    let second = world.rings(Some(&endpoint)).await;
    assert_eq!(world.client.get(&at_endpoint(&endpoint)).await.expect(200)["url"], without, "with several numbers");
    for number in [first, second] {
        let detail = world.client.get(&format!("/v1/phone-numbers/{}", number.id)).await.expect(200);
        assert_eq!(detail["endpoint"]["url"], of(&number));
    }
}

#[tokio::test]
async fn the_list_shows_the_url_with_its_number_too() {
    let world = World::new().await;
    let endpoint = world.endpoint(json!({"name": "A", "type": "retell", "provider_config": enough("retell")})).await;
    let number = world.rings(Some(&endpoint)).await;
    let list = world.client.get("/v1/endpoints").await.expect(200);
    assert_eq!(list[0]["url"], format!("sip:{}@sip.retellai.com;transport=tcp", number.e164));
}

#[tokio::test]
async fn two_names_of_one_key_with_one_value_are_taken() {
    let world = World::new().await;
    let config = json!({"assistant_id": "as_1", "assistantId": "as_1", "agent_id": "as_1", "vapi_assistant_id": "as_1"});
    let endpoint = world.endpoint(json!({"name": "A", "type": "vapi", "provider_config": config})).await;
    assert_eq!(endpoint["provider_config"], json!({"assistant_id": "as_1", "agent_id": "as_1", "provider": "vapi"}));
}

#[rstest]
#[case::assistant_id_of_vapi("vapi", "assistant_id")]
#[case::agent_id_of_retell("retell", "agent_id")]
#[case::elevenlabs_agent_id("elevenlabs", "elevenlabs_agent_id")]
#[case::livekit_sip_trunk_id("livekit", "livekit_sip_trunk_id")]
#[case::livekit_sip_uri("livekit", "livekit_sip_uri")]
#[case::vogent_agent_id("vogent", "vogent_agent_id")]
#[tokio::test]
async fn what_a_provider_requires_is_missed_unless_a_url_is_given(#[case] provider: &str, #[case] key: &str) {
    let world = World::new().await;
    for left_out in [None, Some(Value::Null)] {
        let mut config = enough(provider);
        config.as_object_mut().unwrap().remove(key);
        config.as_object_mut().unwrap().extend(left_out.map(|null| (key.to_owned(), null)));
        let body = json!({"name": "A", "type": provider, "provider_config": config});
        let field = format!("provider_config.{key}");
        assert_refused(&world.client.post("/v1/endpoints", body).await, 400, "MISSING_FIELDS", &[field.as_str()]);
    }
    let given = world.endpoint(json!({"name": "A", "type": provider, "url": "sip:me@voice.example.com"})).await;
    assert_eq!(given["url"], "sip:me@voice.example.com");
    let shown = (&given["provider_config"]["provider"], &given["provider_config"]["agent_id"]);
    assert_eq!(shown, (&json!(provider), &json!(null)));
}

#[rstest]
#[case::assistant_id_of_vapi("vapi", "assistantId", "assistant_id", "x1")]
#[case::assistant_id_of_vapi("vapi", "agent_id", "assistant_id", "x1")]
#[case::assistant_id_of_vapi("vapi", "agentId", "assistant_id", "x1")]
#[case::assistant_id_of_vapi("vapi", "vapi_assistant_id", "assistant_id", "x1")]
#[case::assistant_id_of_vapi("vapi", "vapiAssistantId", "assistant_id", "x1")]
#[case::credential_id_of_vapi("vapi", "credentialId", "credential_id", "x1")]
#[case::agent_id_of_retell("retell", "agentId", "agent_id", "x1")]
#[case::phone_number_of_retell("retell", "phoneNumber", "phone_number", "+14155550100")]
#[case::agent_id_of_elevenlabs("elevenlabs", "elevenlabsAgentId", "elevenlabs_agent_id", "x1")]
#[case::agent_id_of_elevenlabs("elevenlabs", "agent_id", "elevenlabs_agent_id", "x1")]
#[case::agent_id_of_elevenlabs("elevenlabs", "agentId", "elevenlabs_agent_id", "x1")]
#[case::sip_trunk_id_of_livekit("livekit", "livekitSipTrunkId", "livekit_sip_trunk_id", "x1")]
#[case::sip_trunk_id_of_livekit("livekit", "sip_trunk_id", "livekit_sip_trunk_id", "x1")]
#[case::sip_trunk_id_of_livekit("livekit", "sipTrunkId", "livekit_sip_trunk_id", "x1")]
#[case::sip_uri_of_livekit("livekit", "livekitSipUri", "livekit_sip_uri", "sip:x1.sip.livekit.cloud")]
#[case::sip_uri_of_livekit("livekit", "sip_uri", "livekit_sip_uri", "sip:x1.sip.livekit.cloud")]
#[case::sip_uri_of_livekit("livekit", "sipUri", "livekit_sip_uri", "sip:x1.sip.livekit.cloud")]
#[case::agent_name_of_livekit("livekit", "livekitAgentName", "livekit_agent_name", "x1")]
#[case::agent_name_of_livekit("livekit", "agent_name", "livekit_agent_name", "x1")]
#[case::agent_name_of_livekit("livekit", "agentName", "livekit_agent_name", "x1")]
#[case::agent_id_of_vogent("vogent", "vogentAgentId", "vogent_agent_id", "x1")]
#[case::agent_id_of_vogent("vogent", "agent_id", "vogent_agent_id", "x1")]
#[case::agent_id_of_vogent("vogent", "agentId", "vogent_agent_id", "x1")]
#[case::sip_username_of_vogent("vogent", "sipUsername", "sip_username", "x1")]
#[tokio::test]
async fn another_name_is_taken_and_answered_by_the_canonical_one_for(
    #[case] provider: &str,
    #[case] alias: &str,
    #[case] canonical: &str,
    #[case] value: &str,
) {
    let world = World::new().await;
    let mut config = enough(provider);
    config.as_object_mut().unwrap().remove(canonical);
    let body = |config: &Value| json!({"name": "A", "type": provider, "provider_config": config});
    config[alias] = json!(value);
    let shown = world.endpoint(body(&config)).await["provider_config"].clone();
    assert_eq!((&shown[canonical], &shown["provider"]), (&json!(value), &json!(provider)));
    assert!(alias == "agent_id" || shown.get(alias).is_none(), "{shown}");
    config[canonical] = json!("other");
    let answer = world.client.post("/v1/endpoints", body(&config)).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, "VALIDATION_ERROR"), "two values: {}", answer.body);
}

#[rstest]
#[case::vapi("vapi", json!({"assistant_id": "as_1", "agent_id": "as_1", "provider": "vapi"}))]
#[case::retell("retell", json!({"agent_id": "ag_1", "provider": "retell"}))]
#[case::elevenlabs("elevenlabs", json!({"elevenlabs_agent_id": "el_1", "agent_id": "el_1", "provider": "elevenlabs"}))]
#[case::livekit("livekit", json!({"livekit_sip_trunk_id": "ST_1", "livekit_sip_uri": "sip:p1.sip.livekit.cloud", "agent_id": null, "provider": "livekit"}))]
#[case::vogent("vogent", json!({"vogent_agent_id": "vo_1", "agent_id": "vo_1", "provider": "vogent"}))]
#[tokio::test]
async fn answers_carry_the_canonical_key_the_provider_and_the_agent_id_for(#[case] provider: &str, #[case] shown: Value) {
    let world = World::new().await;
    let endpoint = world.endpoint(json!({"name": "A", "type": provider, "provider_config": enough(provider)})).await;
    assert_eq!(endpoint["provider_config"], shown);
    let again = json!({"provider_config": shown});
    assert_eq!(world.client.patch(&at_endpoint(&endpoint), again).await.expect(200)["provider_config"], shown, "it can be sent back");
}

#[rstest]
#[case::vapi("sip:a@sip.vapi.ai", "vapi")]
#[case::vapi_by_a_credentials_host("sip:+14155550100@cred1.sip.vapi.ai", "vapi")]
#[case::retell("sip:+14155550100@sip.retellai.com;transport=tcp", "retell")]
#[case::elevenlabs("sip:+14155550100@sip.rtc.elevenlabs.io:5060;transport=tcp", "elevenlabs")]
#[case::elevenlabs_in_a_region("sip:sip.rtc.eu.residency.elevenlabs.io:5061", "elevenlabs")]
#[case::livekit("sip:+14155550100@p1.sip.livekit.cloud", "livekit")]
#[case::vogent("sip:a@sip.vogent.ai", "vogent")]
#[tokio::test]
async fn an_agent_without_a_provider_is_told_by_the_urls_host_to_be(#[case] url: &str, #[case] provider: &str) {
    let world = World::new().await;
    let endpoint = world.endpoint(json!({"name": "A", "type": "agent", "url": url})).await;
    assert_eq!((&endpoint["type"], &endpoint["provider"], &endpoint["url"]), (&json!("agent"), &json!(provider), &json!(url)));
    assert_eq!(endpoint["provider_config"]["provider"], provider);
}

#[rstest]
#[case::neither_provider_nor_url(json!({}), "MISSING_FIELDS")]
#[case::a_url_at_an_unknown_host(json!({"url": "sip:a@voice.example.com"}), "MISSING_FIELDS")]
#[case::a_provider_that_is_no_ai_provider(json!({"provider_config": {"provider": "custom_sip"}}), "VALIDATION_ERROR")]
#[case::an_unknown_provider(json!({"provider_config": {"provider": "pigeon"}}), "VALIDATION_ERROR")]
#[case::a_provider_that_is_no_text(json!({"provider_config": {"provider": 7}}), "VALIDATION_ERROR")]
#[tokio::test]
async fn an_agent_is_refused_with(#[case] settings: Value, #[case] code: &str) {
    let world = World::new().await;
    let body = with(json!({"name": "A", "type": "agent"}), settings);
    assert_refused(&world.client.post("/v1/endpoints", body).await, 400, code, &["provider_config.provider"]);
}

#[rstest]
#[case::a_region_of_elevenlabs("elevenlabs", json!({"region": "us"}), &["provider_config.region"])]
#[case::tls_of_elevenlabs("elevenlabs", json!({"tls": "yes"}), &["provider_config.tls"])]
#[case::a_phone_number_of_retell("retell", json!({"phone_number": "415"}), &["provider_config.phone_number"])]
#[case::a_sip_uri_of_livekit("livekit", json!({"livekit_sip_uri": "p1.sip.livekit.cloud"}), &["provider_config.livekit_sip_uri"])]
#[case::an_id_of_vapi("vapi", json!({"assistant_id": 7}), &["provider_config.assistant_id"])]
#[case::a_provider_that_is_not_the_types_own("vapi", json!({"provider": "retell"}), &["provider_config.provider"])]
#[case::several_keys("elevenlabs", json!({"region": 1, "tls": 1}), &["provider_config.region", "provider_config.tls"])]
#[tokio::test]
async fn settings_are_refused_with_a_wrong(#[case] provider: &str, #[case] wrong: Value, #[case] fields: &[&str]) {
    let world = World::new().await;
    let body = json!({"name": "A", "type": provider, "provider_config": with(enough(provider), wrong)});
    assert_refused(&world.client.post("/v1/endpoints", body).await, 400, "VALIDATION_ERROR", fields);
}

fn unknown(count: usize, length: usize) -> Value {
    Value::Object((0..count).map(|n| (format!("note_{n:02}"), json!("x".repeat(length)))).collect::<Map<_, _>>())
}

#[rstest]
#[case::a_text(json!({"note": "kept"}))]
#[case::an_object_with_names_of_its_own(json!({"camelCase": {"innerCase": [1, null, true, 1.5]}}))]
#[case::twenty_keys(unknown(20, 10))]
#[case::nearly_four_kilobytes(unknown(1, 4000))]
#[tokio::test]
async fn unknown_keys_are_kept_as_they_are_for(#[case] kept: Value) {
    let world = World::new().await;
    for (declared, url) in [("webhook", json!(HOOK)), ("vapi", Value::Null)] {
        let body = json!({"name": "A", "type": declared, "url": url, "provider_config": with(enough(declared), kept.clone())});
        let endpoint = world.endpoint(body).await;
        let read = world.client.get(&at_endpoint(&endpoint)).await.expect(200)["provider_config"].clone();
        for (name, value) in kept.as_object().unwrap() {
            assert_eq!((&read[name], &endpoint["provider_config"][name]), (value, value), "{declared} {name}");
        }
    }
}

#[rstest]
#[case::more_than_twenty(unknown(21, 1))]
#[case::more_than_four_kilobytes(unknown(1, 4097))]
#[case::more_than_four_kilobytes_together(unknown(5, 1000))]
#[tokio::test]
async fn unknown_keys_are_refused_that_are(#[case] too_much: Value) {
    let world = World::new().await;
    let body = json!({"name": "A", "type": "vapi", "provider_config": with(enough("vapi"), too_much)});
    assert_refused(&world.client.post("/v1/endpoints", body).await, 400, "VALIDATION_ERROR", &["provider_config"]);
}
