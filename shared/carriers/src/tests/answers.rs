//! The XML for each kind of endpoint and each way to refuse, carrier by carrier.

use domain::{E164, carrier::Carrier, endpoint::EndpointSpec};
use insta::assert_snapshot;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{Answer, Credentials, Dial, DialTarget, RejectReason, answer};

/// Where a call to this number goes at an endpoint, as the endpoint's own rules have it.
fn address(endpoint_type: &str, url: Option<&str>, config: Value) -> String {
    let Value::Object(config) = config else { panic!("{config}") };
    EndpointSpec::read(endpoint_type, url, Some(&config)).unwrap().url_for(Some(&number()))
}

fn number() -> E164 {
    "+12025550123".parse().unwrap()
}

fn dial(target: DialTarget<'_>) -> Answer<'_> {
    Answer::Dial(Dial { target, status_url: "https://tel.example.test/c/t/status" })
}

/// The XML that follows the declaration, under a name.
fn line(carrier: Carrier, name: &str, given: &Answer<'_>) -> String {
    let xml = answer(carrier, given);
    format!("{name}: {}\n", xml.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8"?>"#).unwrap())
}

/// One line for each kind of endpoint, then for what is none.
fn answers(carrier: Carrier) -> String {
    let agents = [
        ("vapi", json!({"assistant_id": "asst-1", "credential_id": "4c6a-b"})),
        ("retell", json!({"agent_id": "agent_1"})),
        ("elevenlabs", json!({"elevenlabs_agent_id": "agent_1", "region": "eu", "tls": true})),
        ("livekit", json!({"livekit_sip_trunk_id": "ST_1", "livekit_sip_uri": "sip:p1.sip.livekit.cloud"})),
        ("vogent", json!({"vogent_agent_id": "agent-1"})),
    ];
    let mut lines = String::new();
    for (provider, config) in agents {
        let uri = address(provider, None, config);
        lines += &line(carrier, provider, &dial(DialTarget::Sip { uri: &uri, credentials: None, headers: Vec::new() }));
    }
    lines += &custom_sip(carrier);
    let (webhook_uri, webhook_number) = ("sip:desk@pbx.example.com", "+14155550199".parse().unwrap());
    let uri = DialTarget::Sip { uri: webhook_uri, credentials: None, headers: Vec::new() };
    lines += &line(carrier, "webhook, sip_uri", &dial(uri));
    lines += &line(carrier, "webhook, number", &dial(DialTarget::Number(&webhook_number)));
    lines += &line(carrier, "busy", &Answer::Reject(RejectReason::Busy));
    lines += &line(carrier, "rejected", &Answer::Reject(RejectReason::Rejected));
    lines += &line(carrier, "end", &Answer::HangUp);
    lines
}

/// With all that an endpoint can ask for.
fn custom_sip(carrier: Carrier) -> String {
    let uri = address("custom_sip", Some("sip:desk@pbx.example.com:5080;transport=tls"), json!({}));
    let password = SecretString::from("p<&\"w");
    let given = Answer::Dial(Dial {
        target: DialTarget::Sip {
            uri: &uri,
            credentials: Some(Credentials { username: "trunk&1", password: &password }),
            headers: vec![("X-Team", "Sales"), ("X-Customer-Id", "a b=<1>")],
        },
        status_url: "https://tel.example.test/c/t/status?a=1&b=2",
    });
    assert!(!format!("{given:?}").contains("p<&"), "no password prints itself");
    line(carrier, "custom_sip", &given)
}

#[test]
fn twilio_is_answered_in_twiml() {
    assert_snapshot!(answers(Carrier::Twilio), @r#"
    vapi: <Response><Dial action="https://tel.example.test/c/t/status" answerOnBridge="true"><Sip statusCallback="https://tel.example.test/c/t/status" statusCallbackEvent="ringing answered completed">sip:+12025550123@4c6a-b.sip.vapi.ai</Sip></Dial></Response>
    retell: <Response><Dial action="https://tel.example.test/c/t/status" answerOnBridge="true"><Sip statusCallback="https://tel.example.test/c/t/status" statusCallbackEvent="ringing answered completed">sip:+12025550123@sip.retellai.com;transport=tcp</Sip></Dial></Response>
    elevenlabs: <Response><Dial action="https://tel.example.test/c/t/status" answerOnBridge="true"><Sip statusCallback="https://tel.example.test/c/t/status" statusCallbackEvent="ringing answered completed">sip:+12025550123@sip.rtc.eu.residency.elevenlabs.io:5061;transport=tls</Sip></Dial></Response>
    livekit: <Response><Dial action="https://tel.example.test/c/t/status" answerOnBridge="true"><Sip statusCallback="https://tel.example.test/c/t/status" statusCallbackEvent="ringing answered completed">sip:+12025550123@p1.sip.livekit.cloud</Sip></Dial></Response>
    vogent: <Response><Dial action="https://tel.example.test/c/t/status" answerOnBridge="true"><Sip statusCallback="https://tel.example.test/c/t/status" statusCallbackEvent="ringing answered completed">sip:agent-1@sip.vogent.ai</Sip></Dial></Response>
    custom_sip: <Response><Dial action="https://tel.example.test/c/t/status?a=1&amp;b=2" answerOnBridge="true"><Sip password="p&lt;&amp;&quot;w" statusCallback="https://tel.example.test/c/t/status?a=1&amp;b=2" statusCallbackEvent="ringing answered completed" username="trunk&amp;1">sip:desk@pbx.example.com:5080;transport=tls?X-Team=Sales&amp;X-Customer-Id=a%20b%3D%3C1%3E</Sip></Dial></Response>
    webhook, sip_uri: <Response><Dial action="https://tel.example.test/c/t/status" answerOnBridge="true"><Sip statusCallback="https://tel.example.test/c/t/status" statusCallbackEvent="ringing answered completed">sip:desk@pbx.example.com</Sip></Dial></Response>
    webhook, number: <Response><Dial action="https://tel.example.test/c/t/status" answerOnBridge="true"><Number statusCallback="https://tel.example.test/c/t/status" statusCallbackEvent="ringing answered completed">+14155550199</Number></Dial></Response>
    busy: <Response><Reject reason="busy"/></Response>
    rejected: <Response><Reject reason="rejected"/></Response>
    end: <Response><Hangup/></Response>
    "#);
}

#[test]
fn plivo_is_answered_in_its_xml() {
    assert_snapshot!(answers(Carrier::Plivo), @r#"
    vapi: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><User>sip:+12025550123@4c6a-b.sip.vapi.ai</User></Dial></Response>
    retell: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><User>sip:+12025550123@sip.retellai.com;transport=tcp</User></Dial></Response>
    elevenlabs: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><User>sip:+12025550123@sip.rtc.eu.residency.elevenlabs.io:5061;transport=tls</User></Dial></Response>
    livekit: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><User>sip:+12025550123@p1.sip.livekit.cloud</User></Dial></Response>
    vogent: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><User>sip:agent-1@sip.vogent.ai</User></Dial></Response>
    custom_sip: <Response><Dial action="https://tel.example.test/c/t/status?a=1&amp;b=2" callbackUrl="https://tel.example.test/c/t/status?a=1&amp;b=2"><User sipHeaders="Team=Sales,CustomerId=a%20b%3D%3C1%3E">sip:desk@pbx.example.com:5080;transport=tls</User></Dial></Response>
    webhook, sip_uri: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><User>sip:desk@pbx.example.com</User></Dial></Response>
    webhook, number: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><Number>+14155550199</Number></Dial></Response>
    busy: <Response><Hangup reason="busy"/></Response>
    rejected: <Response><Hangup reason="rejected"/></Response>
    end: <Response><Hangup/></Response>
    "#);
}

#[test]
fn vobiz_is_answered_in_plivos_xml() {
    assert_snapshot!(answers(Carrier::Vobiz), @r#"
    vapi: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><User>sip:+12025550123@4c6a-b.sip.vapi.ai</User></Dial></Response>
    retell: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><User>sip:+12025550123@sip.retellai.com;transport=tcp</User></Dial></Response>
    elevenlabs: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><User>sip:+12025550123@sip.rtc.eu.residency.elevenlabs.io:5061;transport=tls</User></Dial></Response>
    livekit: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><User>sip:+12025550123@p1.sip.livekit.cloud</User></Dial></Response>
    vogent: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><User>sip:agent-1@sip.vogent.ai</User></Dial></Response>
    custom_sip: <Response><Dial action="https://tel.example.test/c/t/status?a=1&amp;b=2" callbackUrl="https://tel.example.test/c/t/status?a=1&amp;b=2"><User sipHeaders="Team=Sales">sip:desk@pbx.example.com:5080;transport=tls</User></Dial></Response>
    webhook, sip_uri: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><User>sip:desk@pbx.example.com</User></Dial></Response>
    webhook, number: <Response><Dial action="https://tel.example.test/c/t/status" callbackUrl="https://tel.example.test/c/t/status"><Number>+14155550199</Number></Dial></Response>
    busy: <Response><Hangup reason="busy"/></Response>
    rejected: <Response><Hangup reason="rejected"/></Response>
    end: <Response><Hangup/></Response>
    "#);
}

#[test]
fn headers_are_carried_as_far_as_they_fit() {
    let uri = "sip:a@b.example";
    let long = "x".repeat(600);
    let given = |headers| dial(DialTarget::Sip { uri, credentials: None, headers });
    let twilio = answer(Carrier::Twilio, &given(vec![("X-A", &long), ("X-B", &long), ("X-C", "1")]));
    assert!(twilio.contains(&format!(">{uri}?X-A={long}&amp;X-C=1<")), "{twilio}");
    let (name, value) = (format!("X-{}", "n".repeat(25)), "v".repeat(121));
    let plivo = answer(Carrier::Plivo, &given(vec![(&name, "1"), ("X-A", &value), ("X-B", ""), ("X-C", "1")]));
    assert!(plivo.contains("sipHeaders=\"C=1\""), "{plivo}");
    let none = answer(Carrier::Vobiz, &given(vec![("X-A", "a b")]));
    assert!(!none.contains("sipHeaders"), "{none}");
}

#[test]
fn what_xml_cannot_hold_is_left_out() {
    let uri = "sip:a\u{0}\u{8}\u{FFFE}\u{85}b@b.example";
    for carrier in Carrier::ALL {
        let xml = answer(carrier, &dial(DialTarget::Sip { uri, credentials: None, headers: Vec::new() }));
        assert!(xml.contains(">sip:ab@b.example<"), "{xml}");
    }
}
