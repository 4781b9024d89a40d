//! Endpoints as creators write them: each row, alias and fault of the contract, and any JSON at all.

use proptest::prelude::*;
use rstest::rstest;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::*;
use crate::{E164, Invalid};

const NUMBER: &str = "+14155550100";

fn object(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

fn read(declared_type: &str, url: Option<&str>, config: Value) -> Result<EndpointSpec, Vec<Invalid>> {
    EndpointSpec::read(declared_type, url, Some(&object(config)))
}

fn fields(faults: &[Invalid]) -> Vec<&str> {
    faults.iter().map(|fault| fault.field.as_str()).collect()
}

/// Settings that each AI provider takes without a url.
fn full(provider: &str) -> Value {
    match provider {
        "vapi" => json!({"assistant_id": "asst-1"}),
        "retell" => json!({"agent_id": "agent_1"}),
        "elevenlabs" => json!({"elevenlabs_agent_id": "agent_1"}),
        "livekit" => json!({"livekit_sip_trunk_id": "ST_1", "livekit_sip_uri": "sip:p1.sip.livekit.cloud"}),
        "vogent" => json!({"vogent_agent_id": "agent-1"}),
        _ => json!({}),
    }
}

#[rstest]
#[case("vapi", json!({"assistant_id": "asst-1"}), "sip:asst-1@sip.vapi.ai", "sip:asst-1@sip.vapi.ai")]
#[case("vapi", json!({"assistant_id": "asst-1", "credential_id": "4c6a-b"}), "sip:+14155550100@4c6a-b.sip.vapi.ai", "sip:4c6a-b.sip.vapi.ai")]
#[case("vapi", json!({"assistant_id": "a:b?c/d%e"}), "sip:a%3Ab%3Fc/d%25e@sip.vapi.ai", "sip:a%3Ab%3Fc/d%25e@sip.vapi.ai")]
#[case("retell", json!({"agent_id": "a"}), "sip:+14155550100@sip.retellai.com;transport=tcp", "sip:sip.retellai.com;transport=tcp")]
#[case("retell", json!({"agent_id": "a", "phone_number": "+44 20 7946 0018"}), "sip:+14155550100@sip.retellai.com;transport=tcp", "sip:sip.retellai.com;transport=tcp")]
#[case("elevenlabs", json!({"elevenlabs_agent_id": "a"}), "sip:+14155550100@sip.rtc.elevenlabs.io:5060;transport=tcp", "sip:sip.rtc.elevenlabs.io:5060;transport=tcp")]
#[case("elevenlabs", json!({"elevenlabs_agent_id": "a", "tls": false}), "sip:+14155550100@sip.rtc.elevenlabs.io:5060;transport=tcp", "sip:sip.rtc.elevenlabs.io:5060;transport=tcp")]
#[case("elevenlabs", json!({"elevenlabs_agent_id": "a", "tls": true}), "sip:+14155550100@sip.rtc.elevenlabs.io:5061;transport=tls", "sip:sip.rtc.elevenlabs.io:5061;transport=tls")]
#[case("elevenlabs", json!({"elevenlabs_agent_id": "a", "region": "eu"}), "sip:+14155550100@sip.rtc.eu.residency.elevenlabs.io:5060;transport=tcp", "sip:sip.rtc.eu.residency.elevenlabs.io:5060;transport=tcp")]
#[case("elevenlabs", json!({"elevenlabs_agent_id": "a", "region": "in", "tls": true}), "sip:+14155550100@sip.rtc.in.residency.elevenlabs.io:5061;transport=tls", "sip:sip.rtc.in.residency.elevenlabs.io:5061;transport=tls")]
#[case("livekit", json!({"livekit_sip_trunk_id": "ST_1", "livekit_sip_uri": "sip:p1.sip.livekit.cloud"}), "sip:+14155550100@p1.sip.livekit.cloud", "sip:p1.sip.livekit.cloud")]
#[case("livekit", json!({"livekit_sip_trunk_id": "ST_1", "livekit_sip_uri": "sips:old@P1.sip.livekit.cloud:5061;transport=tls;lr"}), "sips:+14155550100@p1.sip.livekit.cloud:5061;transport=tls;lr", "sips:p1.sip.livekit.cloud:5061;transport=tls;lr")]
#[case("vogent", json!({"vogent_agent_id": "v-1"}), "sip:v-1@sip.vogent.ai", "sip:v-1@sip.vogent.ai")]
#[case("vogent", json!({"vogent_agent_id": "v-1", "sip_username": "desk"}), "sip:desk@sip.vogent.ai", "sip:desk@sip.vogent.ai")]
fn the_url_is_generated(#[case] provider: &str, #[case] config: Value, #[case] with_number: &str, #[case] without: &str) {
    let spec = read(provider, None, config).unwrap();
    let number: E164 = NUMBER.parse().unwrap();
    assert_eq!(spec.url_for(Some(&number)), with_number);
    assert_eq!(spec.url_for(None), without);
    assert_eq!(generated_url(spec.provider, &spec.config, None).unwrap().parse::<SipUri>().unwrap().to_string(), without);
}

#[rstest]
#[case("vapi", "SIP:me@SIP.example.com", "sip:me@sip.example.com")]
#[case("retell", "sips:192.0.2.7:5061;transport=tls", "sips:192.0.2.7:5061;transport=tls")]
#[case("elevenlabs", "sip:a@[2001:db8::1]", "sip:a@[2001:db8::1]")]
#[case("livekit", "sip:p1.sip.livekit.cloud", "sip:p1.sip.livekit.cloud")]
#[case("vogent", "sip:a@sip.vogent.ai", "sip:a@sip.vogent.ai")]
#[case("custom_sip", "sip:a@pbx.example.com", "sip:a@pbx.example.com")]
#[case("direct_sip", "sips:a@pbx.example.com", "sips:a@pbx.example.com")]
#[case("webhook", "https://example.com/Hooks?a=b", "https://example.com/Hooks?a=b")]
fn a_given_url_wins_and_makes_the_providers_own_id_optional(#[case] declared: &str, #[case] url: &str, #[case] shown: &str) {
    let spec = EndpointSpec::read(declared, Some(url), None).unwrap();
    assert_eq!(spec.url.as_deref(), Some(shown));
    assert_eq!(spec.url_for(Some(&NUMBER.parse().unwrap())), shown);
    assert_eq!(generated_url(Provider::Webhook, &spec.config, None), None);
}

#[rstest]
#[case("webhook")]
#[case("custom_sip")]
#[case("direct_sip")]
fn types_without_a_generated_url_need_one(#[case] declared: &str) {
    let faults = EndpointSpec::read(declared, None, None).unwrap_err();
    assert_eq!(fields(&faults), ["url"]);
    assert!(faults.iter().all(is_missing));
}

#[rstest]
#[case("vapi", json!({}), &["assistant_id"])]
#[case("vapi", json!({"assistant_id": null, "credential_id": "c"}), &["assistant_id"])]
#[case("retell", json!({"assistant_id": "a"}), &["agent_id"])]
#[case("elevenlabs", json!({}), &["elevenlabs_agent_id"])]
#[case("livekit", json!({"agent_name": "a"}), &["livekit_sip_trunk_id", "livekit_sip_uri"])]
#[case("vogent", json!({"sip_username": "a"}), &["vogent_agent_id"])]
fn what_a_provider_requires_is_missed(#[case] provider: &str, #[case] config: Value, #[case] missing: &[&str]) {
    let faults = read(provider, None, config).unwrap_err();
    assert_eq!(fields(&faults), missing.iter().map(|name| format!("provider_config.{name}")).collect::<Vec<_>>());
    assert!(faults.iter().all(is_missing));
}

#[rstest]
#[case("vapi", "agent_id", "assistant_id", "a")]
#[case("vapi", "agentId", "assistant_id", "a")]
#[case("vapi", "assistantId", "assistant_id", "a")]
#[case("vapi", "vapi_assistant_id", "assistant_id", "a")]
#[case("vapi", "vapiAssistantId", "assistant_id", "a")]
#[case("vapi", "credentialId", "credential_id", "a")]
#[case("retell", "agentId", "agent_id", "a")]
#[case("retell", "phoneNumber", "phone_number", "+14155550100")]
#[case("elevenlabs", "agent_id", "elevenlabs_agent_id", "a")]
#[case("elevenlabs", "agentId", "elevenlabs_agent_id", "a")]
#[case("elevenlabs", "elevenlabsAgentId", "elevenlabs_agent_id", "a")]
#[case("livekit", "sip_trunk_id", "livekit_sip_trunk_id", "a")]
#[case("livekit", "sipTrunkId", "livekit_sip_trunk_id", "a")]
#[case("livekit", "livekitSipTrunkId", "livekit_sip_trunk_id", "a")]
#[case("livekit", "sip_uri", "livekit_sip_uri", "sip:a.example")]
#[case("livekit", "sipUri", "livekit_sip_uri", "sip:a.example")]
#[case("livekit", "livekitSipUri", "livekit_sip_uri", "sip:a.example")]
#[case("livekit", "agent_name", "livekit_agent_name", "a b")]
#[case("livekit", "agentName", "livekit_agent_name", "a b")]
#[case("livekit", "livekitAgentName", "livekit_agent_name", "a b")]
#[case("vogent", "agent_id", "vogent_agent_id", "a")]
#[case("vogent", "agentId", "vogent_agent_id", "a")]
#[case("vogent", "vogentAgentId", "vogent_agent_id", "a")]
#[case("vogent", "sipUsername", "sip_username", "a")]
fn a_key_has_other_names(#[case] provider: &str, #[case] alias: &str, #[case] canonical: &str, #[case] value: &str) {
    let url = Some("sip:a.example");
    let spec = read(provider, url, json!({ alias: value })).unwrap();
    assert_eq!(Value::Object(spec.config.as_map().clone()), json!({ canonical: value }));
    assert!(read(provider, url, json!({ alias: value, canonical: value })).is_ok());
    if alias != canonical {
        let faults = read(provider, url, json!({ alias: value, canonical: "other" })).unwrap_err();
        assert!(fields(&faults).iter().all(|field| [alias, canonical].contains(&field.strip_prefix("provider_config.").unwrap())));
    }
}

#[rstest]
#[case(json!({"provider": "vapi", "assistant_id": "a"}), None, "vapi")]
#[case(json!({"provider": "retell", "agent_id": "a"}), None, "retell")]
#[case(json!({"provider": "elevenlabs", "agent_id": "a"}), None, "elevenlabs")]
#[case(json!({"provider": "livekit", "sip_trunk_id": "a", "sip_uri": "sip:a.example"}), None, "livekit")]
#[case(json!({"provider": "vogent", "agent_id": "a"}), None, "vogent")]
#[case(json!({"provider": "vogent"}), Some("sip:a@sip.retellai.com"), "vogent")]
#[case(json!({}), Some("sip:+14155550100@sip.rtc.elevenlabs.io:5060;transport=tcp"), "elevenlabs")]
#[case(json!({"provider": null}), Some("sip:p1.sip.livekit.cloud"), "livekit")]
fn agent_names_its_provider_or_the_urls_host_tells_it(#[case] config: Value, #[case] url: Option<&str>, #[case] provider: &str) {
    let spec = read("agent", url, config).unwrap();
    assert_eq!(spec.provider.as_str(), provider);
    assert_eq!(spec.config.canonical(spec.provider)["provider"], provider);
}

#[rstest]
#[case("agent", None, json!({}), &["provider_config.provider"])]
#[case("agent", None, json!({"provider": "custom_sip"}), &["provider_config.provider"])]
#[case("agent", None, json!({"provider": "webhook"}), &["provider_config.provider"])]
#[case("agent", None, json!({"provider": "agent"}), &["provider_config.provider"])]
#[case("agent", None, json!({"provider": 7}), &["provider_config.provider"])]
#[case("agent", Some("sip:a@example.com"), json!({}), &["provider_config.provider"])]
#[case("agent", Some("https://sip.vapi.ai"), json!({}), &["provider_config.provider", "url"])]
#[case("sip", None, json!({}), &["type"])]
#[case("", None, json!({}), &["type"])]
#[case("vapi", Some("https://example.com"), json!({}), &["url"])]
#[case("vapi", Some(""), json!({}), &["url"])]
#[case("custom_sip", Some("https://example.com"), json!({}), &["url"])]
#[case("vapi", None, json!({"assistant_id": "a", "provider": "retell"}), &["provider_config.provider"])]
#[case("vapi", None, json!({"assistant_id": "a", "provider": "agent"}), &["provider_config.provider"])]
#[case("webhook", Some("https://example.com"), json!({"provider": 1}), &["provider_config.provider"])]
#[case("vapi", None, json!({"assistantId": 7}), &["provider_config.assistantId"])]
#[case("vapi", None, json!({"assistant_id": ""}), &["provider_config.assistant_id"])]
#[case("vapi", None, json!({"assistant_id": "a b"}), &["provider_config.assistant_id"])]
#[case("vapi", None, json!({"assistant_id": "a@evil.example"}), &["provider_config.assistant_id"])]
#[case("vapi", None, json!({"assistant_id": "a;b"}), &["provider_config.assistant_id"])]
#[case("vapi", None, json!({"assistant_id": "<a"}), &["provider_config.assistant_id"])]
#[case("vapi", None, json!({"assistant_id": "a\r\nb"}), &["provider_config.assistant_id"])]
#[case("vapi", None, json!({"assistant_id": "ａ"}), &["provider_config.assistant_id"])]
#[case("vapi", None, json!({"assistant_id": "x".repeat(129)}), &["provider_config.assistant_id"])]
#[case("vapi", None, json!({"assistant_id": "a", "credential_id": "c.evil.example/"}), &["provider_config.credential_id"])]
#[case("vapi", None, json!({"assistant_id": "a", "agent_id": "b"}), &["provider_config.assistant_id"])]
#[case("retell", None, json!({"agent_id": "a", "phone_number": "415"}), &["provider_config.phone_number"])]
#[case("elevenlabs", None, json!({"agent_id": "a", "region": "us"}), &["provider_config.region"])]
#[case("elevenlabs", None, json!({"agent_id": "a", "tls": "yes"}), &["provider_config.tls"])]
#[case("livekit", None, json!({"sip_trunk_id": "a", "sip_uri": "a.example"}), &["provider_config.sip_uri"])]
#[case("livekit", None, json!({"sip_trunk_id": "a", "sip_uri": "sip:a.example", "agent_name": " a"}), &["provider_config.agent_name"])]
#[case("vogent", None, json!({"agent_id": "a", "sip_username": "a@b"}), &["provider_config.sip_username"])]
#[case("custom_sip", Some("sip:a.example"), json!({"transport": "sctp"}), &["provider_config.transport"])]
#[case("custom_sip", Some("sip:a.example"), json!({"username": "a b"}), &["provider_config.username"])]
#[case("custom_sip", Some("sip:a.example"), json!({"password": ""}), &["provider_config.password"])]
#[case("custom_sip", Some("sip:a.example"), json!({"password": 1}), &["provider_config.password"])]
#[case("custom_sip", Some("sip:a.example"), json!({"password": "a\nb"}), &["provider_config.password"])]
#[case("custom_sip", Some("sip:a.example"), json!({"password": "x".repeat(129)}), &["provider_config.password"])]
#[case("custom_sip", Some("sip:a.example"), json!({"headers": []}), &["provider_config.headers"])]
#[case("custom_sip", Some("sip:a.example"), json!({"headers": {"From": "a"}}), &["provider_config.headers"])]
#[case("custom_sip", Some("sip:a.example"), json!({"headers": {"X-": "a"}}), &["provider_config.headers"])]
#[case("custom_sip", Some("sip:a.example"), json!({"headers": {"X-A: b\r\nVia": "a"}}), &["provider_config.headers"])]
#[case("custom_sip", Some("sip:a.example"), json!({"headers": {"X-A": 1}}), &["provider_config.headers.X-A"])]
#[case("custom_sip", Some("sip:a.example"), json!({"headers": {"X-A": "a\r\nVia: b"}}), &["provider_config.headers.X-A"])]
#[case("custom_sip", Some("sip:a.example"), json!({"headers": {"X-A": "x".repeat(257)}}), &["provider_config.headers.X-A"])]
#[case("custom_sip", Some("sip:a.example"), json!({"headers": {"X-A": "a", "x-a": "a"}}), &["provider_config.headers.x-a"])]
#[case("elevenlabs", Some("ftp://a"), json!({"region": 1, "tls": 1, "agentId": "a b", "note": 1e300}), &["url", "provider_config.agentId", "provider_config.region", "provider_config.tls", "provider_config.note"])]
fn every_fault_is_named(#[case] declared: &str, #[case] url: Option<&str>, #[case] config: Value, #[case] faulty: &[&str]) {
    assert_eq!(fields(&read(declared, url, config).unwrap_err()), faulty);
}

#[rstest]
#[case(10, true)]
#[case(11, false)]
fn ten_headers_are_taken(#[case] count: usize, #[case] taken: bool) {
    let headers: Map<String, Value> = (0..count).map(|n| (format!("X-Header-{n}"), json!("v".repeat(256)))).collect();
    assert_eq!(read("custom_sip", Some("sip:a.example"), json!({ "headers": headers })).is_ok(), taken);
}

#[rstest]
#[case("vapi", json!({"agentId": "a", "note": {"deep": [1]}, "camelCase": 1}), json!({"assistant_id": "a", "agent_id": "a", "provider": "vapi", "note": {"deep": [1]}, "camelCase": 1}))]
#[case("retell", json!({"agent_id": "a", "phone_number": "+1 (415) 555-0100"}), json!({"agent_id": "a", "phone_number": "+14155550100", "provider": "retell"}))]
#[case("elevenlabs", json!({"agent_id": "a", "region": "sg", "tls": true}), json!({"elevenlabs_agent_id": "a", "agent_id": "a", "region": "sg", "tls": true, "provider": "elevenlabs"}))]
#[case("livekit", json!({"sip_trunk_id": "t", "sip_uri": "SIP:A.example"}), json!({"livekit_sip_trunk_id": "t", "livekit_sip_uri": "sip:a.example", "agent_id": null, "provider": "livekit"}))]
#[case("livekit", json!({"sip_trunk_id": "t", "sip_uri": "sip:a.example", "agent_name": "n"}), json!({"livekit_sip_trunk_id": "t", "livekit_sip_uri": "sip:a.example", "livekit_agent_name": "n", "agent_id": "n", "provider": "livekit"}))]
#[case("vogent", json!({"agent_id": "a", "sip_username": null}), json!({"vogent_agent_id": "a", "agent_id": "a", "provider": "vogent"}))]
fn answers_carry_the_canonical_key_the_provider_and_the_agent(#[case] declared: &str, #[case] given: Value, #[case] shown: Value) {
    let spec = read(declared, None, given).unwrap();
    assert_eq!(Value::Object(spec.config.canonical(spec.provider)), shown);
    let again = EndpointSpec::read(declared, None, Some(&spec.config.canonical(spec.provider))).unwrap();
    assert_eq!(again.config, spec.config);
}

#[rstest]
#[case(json!({}), None)]
#[case(json!({"password": null}), Some(None))]
#[case(json!({"password": "hunter2 ✓"}), Some(Some("hunter2 ✓")))]
fn the_password_comes_apart_and_is_never_shown(#[case] config: Value, #[case] change: Option<Option<&str>>) {
    let spec = read("direct_sip", Some("sip:a.example"), config).unwrap();
    match (&spec.password, change) {
        (PasswordChange::Absent, None) | (PasswordChange::Remove, Some(None)) => {}
        (PasswordChange::Set(secret), Some(Some(text))) => assert_eq!(secret.expose_secret(), text),
        (other, _) => panic!("{other:?}"),
    }
    assert!(spec.config.is_empty());
    assert_eq!(Value::Object(spec.config.canonical(spec.provider)), json!({"provider": "custom_sip"}));
    assert!(!format!("{spec:?}").contains("hunter2"));
}

#[test]
fn a_change_is_read_for_the_provider_that_the_endpoint_has() {
    let spec = EndpointSpec::read("agent", Some("sip:a@sip.vapi.ai"), None).unwrap();
    let without_url = EndpointSpec::read_as(spec.provider, None, Some(spec.config.as_map())).unwrap_err();
    assert_eq!(fields(&without_url), ["provider_config.assistant_id"]);
    let with_id = EndpointSpec::read_as(spec.provider, None, Some(&object(json!({"assistantId": "a"})))).unwrap();
    assert_eq!(with_id.url_for(None), "sip:a@sip.vapi.ai");
    let other = EndpointSpec::read_as(spec.provider, None, Some(&object(json!({"provider": "retell", "agent_id": "a"})))).unwrap_err();
    assert_eq!(fields(&other), ["provider_config.provider"]);
}

#[test]
fn settings_are_stored_as_a_plain_object() {
    let spec = read("vapi", None, json!({"agent_id": "a", "n": 1.5})).unwrap();
    let stored = serde_json::to_value(&spec.config).unwrap();
    assert_eq!(stored, json!({"assistant_id": "a", "n": 1.5}));
    assert_eq!(serde_json::from_value::<ProviderConfig>(stored).unwrap(), spec.config);
    assert!(!format!("{:?}", spec.config).contains("1.5"));
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[ -~]{0,20}".prop_map(Value::from),
        prop::sample::select(vec!["vapi", "livekit", "eu", "tls", "sip:a.example", "sip:a@b.example;lr", "+14155550100"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("(X-)?.{0,8}", inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Objects of known and unknown names.
fn config() -> impl Strategy<Value = Map<String, Value>> {
    let known = prop::sample::select(vec![
        "provider",
        "agent_id",
        "agentId",
        "assistant_id",
        "vapiAssistantId",
        "credential_id",
        "phone_number",
        "elevenlabs_agent_id",
        "region",
        "tls",
        "sip_trunk_id",
        "livekitSipUri",
        "sip_uri",
        "agent_name",
        "vogent_agent_id",
        "sip_username",
        "transport",
        "username",
        "password",
        "headers",
    ]);
    let name = prop_oneof![3 => known.prop_map(str::to_owned), 1 => ".{0,12}"];
    prop::collection::btree_map(name, json_value(), 0..8).prop_map(|map| map.into_iter().collect())
}

const TYPES: [&str; 10] = ["agent", "vapi", "retell", "elevenlabs", "livekit", "vogent", "custom_sip", "direct_sip", "webhook", "other"];

proptest! {
    #[test]
    fn any_json_is_read_or_refused_and_what_is_read_reads_again_the_same(
        declared in prop::sample::select(TYPES.to_vec()),
        url in prop::option::of(prop_oneof![Just("sip:a@sip.vapi.ai".to_owned()), "sips?:[a-z]{1,4}@[a-z]{1,4}\\.[a-z]{2}", ".{0,30}"]),
        given in config(),
    ) {
        let Ok(spec) = EndpointSpec::read(declared, url.as_deref(), Some(&given)) else { return Ok(()) };
        let shown = spec.config.canonical(spec.provider);
        if spec.provider == Provider::CustomSip {
            prop_assert!(!shown.contains_key("password"));
        }
        let again = EndpointSpec::read(declared, spec.url.as_deref(), Some(&shown)).unwrap();
        prop_assert_eq!((again.provider, &again.url, &again.config), (spec.provider, &spec.url, &spec.config));
        let stored = EndpointSpec::read_as(spec.provider, spec.url.as_deref(), Some(spec.config.as_map())).unwrap();
        prop_assert_eq!(stored.config, spec.config);
    }

    #[test]
    fn no_id_breaks_out_of_what_is_generated(
        provider in prop::sample::select(TYPES[1..6].to_vec()),
        id in "[!#-:=?A-\\[\\]-~]{1,128}",
        digits in 1_000_000_u64..1_000_000_000_000_000,
        attached: bool,
    ) {
        let mut given = object(full(provider));
        let own = ["assistant_id", "agent_id", "elevenlabs_agent_id", "livekit_sip_trunk_id", "vogent_agent_id"];
        given.iter_mut().filter(|(name, _)| own.contains(&name.as_str())).for_each(|(_, value)| *value = id.as_str().into());
        let spec = EndpointSpec::read(provider, None, Some(&given)).unwrap();
        let usual = read(provider, None, full(provider)).unwrap();
        let number = attached.then(|| E164::from_digits(digits).unwrap());
        let uri: SipUri = spec.url_for(number.as_ref()).parse().unwrap();
        prop_assert_eq!(uri.to_string(), spec.url_for(number.as_ref()));
        let usual: SipUri = usual.url_for(number.as_ref()).parse().unwrap();
        prop_assert_eq!(uri.with_user(None), usual.with_user(None));
    }
}
