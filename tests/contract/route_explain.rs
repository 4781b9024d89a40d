//! What is explained is what happens: ten thousand configurations, drawn at random, asked both ways through the whole
//! function.

use domain::{
    EndpointId, Mode, NumberId, Timestamp,
    carrier::Carrier,
    credential::CarrierCredential,
    endpoint::{Endpoint, EndpointStatus, Provider},
    limits::Counted,
    number::{NumberStatus, PhoneNumber},
    secret::SecretKind,
};
use http::Method;
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use rstest::rstest;
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::{carrier::Account, client::ask, fixture};
use webhooks::SigningSecret;

use crate::carrier_world::{World, agent};

/// Ten thousand in eight tests, which run side by side.
const CONFIGURATIONS: usize = 1_250;

/// How a number is configured, and who rings it.
#[derive(Debug, Clone)]
struct Drawn {
    carrier: usize,
    registered: bool,
    others: bool,
    hangs_on: usize,
    status: NumberStatus,
    allow_inbound: bool,
    attached: Option<usize>,
    pinned: Option<usize>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let mostly = || prop::bool::weighted(0.9);
    let status = prop_oneof![
        8 => Just(NumberStatus::Active),
        1 => Just(NumberStatus::Inactive),
        1 => Just(NumberStatus::Pending),
        1 => Just(NumberStatus::Suspended)
    ];
    let endpoint = || prop::option::weighted(0.7, 0..ENDPOINTS);
    ((0_usize..3, mostly(), prop::bool::weighted(0.1), mostly(), 0_usize..3), (status, mostly(), endpoint(), endpoint())).prop_map(
        |((carrier, registered, others, own, other), (status, allow_inbound, attached, pinned))| Drawn {
            carrier,
            registered,
            others,
            hangs_on: if own { carrier } else { other },
            status,
            allow_inbound,
            attached,
            pinned,
        },
    )
}

/// How many endpoints there are to ring; the last one was deleted.
const ENDPOINTS: usize = 12;

/// Endpoints of every provider, some of them switched off.
async fn endpoints(world: &World) -> Vec<EndpointId> {
    let config = |value: Value| serde_json::from_value(value).unwrap();
    let of = |provider, settings: Value| Endpoint { provider, provider_config: config(settings), ..agent() };
    let custom = Endpoint {
        given_url: Some("sip:desk@pbx.example.com:5080".to_owned()),
        ..of(Provider::CustomSip, json!({"username": "u", "headers": {"X-A": "b"}}))
    };
    let place = world.fixture.tenant.place(SecretKind::EndpointPassword, custom.id.as_uuid());
    let password = world.vault.seal(&place, &SecretString::from(PASSWORD), fixture::now()).await.unwrap();
    // Nothing listens there, so that it is silent; what is explained is what follows from that.
    let silent = Endpoint { given_url: Some("http://127.0.0.1:9/hook".to_owned()), ..fixture::endpoint() };
    let place = world.fixture.tenant.place(SecretKind::WebhookSecret, silent.id.as_uuid());
    let secret = world.vault.seal(&place, SigningSecret::generate(&[7; 32]).reveal(), fixture::now()).await.unwrap();
    let off = |endpoint: Endpoint, status| Endpoint { status, ..endpoint };
    let made = vec![
        of(Provider::Vapi, json!({"assistant_id": "a1"})),
        of(Provider::Vapi, json!({"assistant_id": "a1", "credential_id": "c1"})),
        of(Provider::Retell, json!({"agent_id": "a2"})),
        of(Provider::ElevenLabs, json!({"elevenlabs_agent_id": "a3", "region": "eu", "tls": true})),
        of(Provider::LiveKit, json!({"livekit_sip_trunk_id": "t", "livekit_sip_uri": "sip:p.sip.livekit.cloud"})),
        of(Provider::Vogent, json!({"vogent_agent_id": "a4"})),
        Endpoint { password: Some(password), ..custom },
        off(of(Provider::Retell, json!({"agent_id": "a2"})), EndpointStatus::Inactive),
        off(of(Provider::Vogent, json!({"vogent_agent_id": "a4"})), EndpointStatus::Error),
        of(Provider::Vogent, json!({})),
        Endpoint { secret: Some(secret), ..silent },
    ];
    let mut ids = Vec::new();
    for endpoint in made {
        ids.push(world.endpoint(endpoint).await);
    }
    ids.push(agent().id);
    assert_eq!(ids.len(), ENDPOINTS);
    ids
}

const PASSWORD: &str = "canary-sip-password";

fn number(drawn: &Drawn, n: u32, accounts: &[Account], endpoints: &[EndpointId], now: Timestamp) -> PhoneNumber {
    let account = &accounts[drawn.hangs_on];
    let credential = CarrierCredential { id: account.id.parse().unwrap(), ..fixture::credential(account.carrier, 0) };
    PhoneNumber {
        id: NumberId::new(now, {
            let mut bytes = [0; 10];
            bytes[..4].copy_from_slice(&n.to_be_bytes());
            bytes
        }),
        status: drawn.status,
        allow_inbound: drawn.allow_inbound,
        endpoint_id: drawn.attached.map(|at| endpoints[at]),
        agent_id: drawn.pinned.map(|at| endpoints[at].to_string()),
        ..fixture::carrier_number(&credential, n)
    }
}

/// What must be sent, made of what is explained: the true token and the true password in their places.
fn expected(told: &Value, account: &Account) -> Option<String> {
    let xml = told["xml"].as_str()?;
    let token = account.status.split('/').nth(5).unwrap();
    Some(xml.replace("{token}", token).replace("********", PASSWORD))
}

#[rstest]
#[tokio::test]
async fn what_is_explained_is_what_happens_in_random_configurations(#[values(1, 2, 3, 4, 5, 6, 7, 8)] _eighth: u8) {
    let world = World::start().await;
    let endpoints = endpoints(&world).await;
    let accounts = [world.account(Carrier::Twilio).await, world.account(Carrier::Plivo).await, world.account(Carrier::Vobiz).await];
    let other = testkit::Fixture::create(&world.local.table, Mode::Live).await;
    for account in &accounts {
        let theirs = CarrierCredential { id: account.id.parse().unwrap(), ..fixture::credential(account.carrier, 0) };
        world.local.table.create_credential(other.tenant, &theirs).await.unwrap();
    }
    for tenant in [world.fixture.tenant, other.tenant] {
        world.local.table.set_most(tenant, Counted::Numbers, Some(CONFIGURATIONS as u32)).await.unwrap();
    }
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let mut ends = std::collections::BTreeMap::<String, usize>::new();
    for n in 0..CONFIGURATIONS as u32 {
        let drawn = drawn().new_tree(&mut runner).unwrap().current();
        let number = number(&drawn, n, &accounts, &endpoints, fixture::now());
        if drawn.registered {
            let tenant = if drawn.others { other.tenant } else { world.fixture.tenant };
            let registered = world.local.table.register_number(tenant, &number, None).await.unwrap();
            assert_eq!(registered, store::Registered::Done);
        }
        let body = json!({"to": number.e164, "from": "+14155550100"});
        let told = ask(&world.door, world.fixture.key.reveal(), Method::POST, "/v1/route/explain", Some(&body)).await.expect(200);
        let (asking, hangs_on) = (&accounts[drawn.carrier], &accounts[drawn.hangs_on]);
        // A carrier that the number does not hang on is explained by nobody: the number's own is asked.
        let account = if told["xml"].is_null() { asking } else { hangs_on };
        let call = format!("CA{n:032x}");
        let said = world.send(account, &account.voice, &account.question(&call, number.e164.as_str())).await;
        match expected(&told, account) {
            Some(xml) => assert_eq!(said.text, xml, "{drawn:?} {told:#}"),
            None => {
                assert_eq!((&told["reason"], &told["provider"]), (&json!("unknown_number"), &Value::Null), "{drawn:?}");
                assert!(said.text.contains(r#"reason="rejected""#), "{drawn:?} {}", said.text);
            }
        }
        let reason = reason_told(&world);
        let explained =
            if told["action"] == "ask" { Some("endpoint_silent") } else { told["reason"].as_str().filter(|_| !told["xml"].is_null()) };
        assert_eq!(reason.as_deref(), explained, "{drawn:?} {told:#}");
        *ends.entry(told["reason"].as_str().or(told["action"].as_str()).unwrap().to_owned()).or_default() += 1;
    }
    // Nothing of note was left out by chance.
    for end in [
        "dial",
        "ask",
        "unknown_number",
        "number_inactive",
        "inbound_not_allowed",
        "no_endpoint",
        "endpoint_gone",
        "endpoint_inactive",
        "no_address",
    ] {
        assert!(ends.contains_key(end), "{end}: {ends:?}");
    }
}

/// The reason that was told to the queue with the last call, if it was not connected.
fn reason_told(world: &World) -> Option<String> {
    let events = world.sent.take_all();
    let mut told = events.iter().map(|(body, _)| serde_json::from_str::<Value>(body).unwrap());
    let failed = told.find(|event| event["type"] == "call.failed")?;
    Some(failed["data"]["metadata"]["route_reason"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn every_rule_is_told_up_to_the_first_that_is_not_passed() {
    let world = World::start().await;
    let account = world.account(Carrier::Twilio).await;
    let agent = world.agent().await;
    let (id, to) = world.number(&account, 1, Some(agent)).await;
    let explain = async |body: Value| world.api(Method::POST, "/v1/route/explain", Some(body)).await;
    let told = explain(json!({"to": to, "from": "+14155550100"})).await.expect(200);
    assert_eq!((&told["action"], &told["phone_number_id"], &told["endpoint_id"]), (&json!("dial"), &json!(id), &json!(agent)));
    assert_eq!(told["steps"].as_array().unwrap().len(), 8);
    assert!(told["steps"].as_array().unwrap().iter().all(|step| step["passed"] == true && step["description"].is_string()));
    let before = explain(json!({"to": to, "at": "2020-01-01T00:00:00Z"})).await.expect(200);
    assert_eq!(
        (&before["reason"], &before["steps"]),
        (&json!("unknown_number"), &json!([{"rule": "number_held", "description": "The organization holds the number", "passed": false}]))
    );
    let change = domain::number::NumberChange { status: Some(NumberStatus::Inactive), ..Default::default() };
    world.local.table.update_number(world.fixture.tenant, id, change, fixture::now(), None).await.unwrap();
    let told = explain(json!({"to": to})).await.expect(200);
    let steps: Vec<(&str, bool)> =
        told["steps"].as_array().unwrap().iter().map(|step| (step["rule"].as_str().unwrap(), step["passed"].as_bool().unwrap())).collect();
    assert_eq!(steps, [("number_held", true), ("carrier_is_the_numbers", true), ("number_active", false)]);
    assert_eq!((&told["action"], &told["reason"]), (&json!("busy"), &json!("number_inactive")));
    assert!(told["xml"].as_str().unwrap().contains(r#"<Reject reason="busy"/>"#));
    assert!(world.sent.is_empty(), "nothing is told of what did not happen");

    let wrong = explain(json!({"to": "x", "from": 1, "at": "then"})).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (400, "VALIDATION_ERROR"));
    assert_eq!(explain(json!({})).await.code(), "MISSING_FIELDS");
    let scopes = [domain::scope::Scope::EndpointsRead].into_iter().collect();
    let key = fixture::key(&world.local.table, world.fixture.tenant, scopes).await;
    let refused = ask(&world.door, key.reveal(), Method::POST, "/v1/route/explain", Some(&json!({"to": to}))).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "INSUFFICIENT_SCOPE"));
}
