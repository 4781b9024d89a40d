//! What is explained is what happens: ten thousand configurations, drawn at random, asked both ways through the whole
//! function.

use std::sync::atomic::Ordering;

use domain::{
    E164, EndpointId, Mode, NumberId,
    carrier::Carrier,
    credential::CarrierCredential,
    endpoint::{Endpoint, EndpointStatus, Provider},
    inventory::{Slot, Trunk},
    limits::Counted,
    number::{Claim, NumberStatus, PhoneNumber},
    secret::{Sealed, SecretKind},
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
use store::{Consistency, Tenant};
use testkit::{Receiver, carrier::Account, client::ask, fixture};
use webhooks::SigningSecret;

use crate::{
    carrier_platform::operators,
    carrier_world::{World, agent},
};

/// Ten thousand in eight tests, which run side by side.
const CONFIGURATIONS: usize = 1_250;

/// The accounts of a world: the organization's own, then the operator's. A number may hang on none of them: one that was bought and of
/// whose carrier nothing is known.
const OWN: usize = 3;
const ACCOUNTS: usize = 5;

/// How a number is configured, who rings it, and when.
#[derive(Debug, Clone)]
struct Drawn {
    asks: usize,
    registered: bool,
    others: bool,
    hangs_on: usize,
    status: NumberStatus,
    allow_inbound: bool,
    allow_outbound: bool,
    attached: Option<usize>,
    pinned: Option<usize>,
    /// Whether what it rings was noted wrong.
    misnoted: bool,
    /// Seconds from now; the number is there since now.
    at: Option<i64>,
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
    let at = prop::option::weighted(0.3, prop_oneof![1 => -7_200..-61_i64, 1 => -59..0_i64, 4 => 0..86_400_i64]);
    let who = (0_usize..=ACCOUNTS, mostly(), prop::bool::weighted(0.1), mostly(), 0_usize..ACCOUNTS);
    (who, (status, mostly(), any::<bool>(), endpoint(), endpoint(), prop::bool::weighted(0.3), at)).prop_map(
        |((hangs_on, registered, others, own, other), (status, allow_inbound, allow_outbound, attached, pinned, misnoted, at))| Drawn {
            asks: if own && hangs_on < ACCOUNTS { hangs_on } else { other },
            registered,
            others,
            hangs_on,
            status,
            allow_inbound,
            allow_outbound,
            attached,
            pinned,
            misnoted,
            at,
        },
    )
}

/// How many endpoints there are to ring; the last one was deleted.
const ENDPOINTS: usize = 16;

/// What webhook endpoints answer, and what comes of it: what is dialled by a number that may place calls and by one that may not, or
/// the reason why nothing is.
const ANSWERS: [(&str, [&str; 2]); 4] = [
    ("{}", ["endpoint_passed"; 2]),
    (r#"{"action": "reject", "reason": "closed"}"#, ["endpoint_rejected"; 2]),
    (r#"{"action": "dial", "sip_uri": "sip:bot@example.com"}"#, [">sip:bot@example.com</"; 2]),
    (r#"{"action": "dial", "number": "+12025550170"}"#, [">+12025550170</", "outbound_not_allowed"]),
];

/// Webhook endpoints that answer so.
async fn answering(world: &World) -> Vec<(EndpointId, Receiver)> {
    let mut answering = Vec::new();
    for (says, _) in ANSWERS {
        let receiver = Receiver::start().await;
        receiver.say(says);
        let hook = Endpoint { given_url: Some(receiver.url.clone()), ..fixture::endpoint() };
        let secret = sealed(world, &hook).await;
        answering.push((world.endpoint(Endpoint { secret, ..hook }).await, receiver));
    }
    answering
}

/// A signing secret for an endpoint.
async fn sealed(world: &World, endpoint: &Endpoint) -> Option<Sealed> {
    let place = world.fixture.tenant.place(SecretKind::WebhookSecret, endpoint.id.as_uuid());
    Some(world.vault.seal(&place, SigningSecret::generate(&[7; 32]).reveal(), fixture::now()).await.unwrap())
}

/// Endpoints of every provider, some of them switched off.
async fn endpoints(world: &World, answering: &[(EndpointId, Receiver)]) -> Vec<EndpointId> {
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
    let secret = sealed(world, &silent).await;
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
        Endpoint { secret, ..silent },
    ];
    let mut ids = Vec::new();
    for endpoint in made {
        ids.push(world.endpoint(endpoint).await);
    }
    ids.extend(answering.iter().map(|(id, _)| *id));
    ids.push(agent().id);
    assert_eq!(ids.len(), ENDPOINTS);
    ids
}

const PASSWORD: &str = "canary-sip-password";

/// Stores a number as it was drawn, and tells its E.164.
async fn number(world: &World, tenant: Tenant, drawn: &Drawn, n: u32, accounts: &[Account], endpoints: &[EndpointId]) -> E164 {
    let account = accounts.get(drawn.hangs_on);
    let mut bytes = [0; 10];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    let configured = |number: PhoneNumber| PhoneNumber {
        id: NumberId::new(fixture::now(), bytes),
        status: drawn.status,
        allow_inbound: drawn.allow_inbound,
        allow_outbound: drawn.allow_outbound,
        endpoint_id: drawn.attached.map(|at| endpoints[at]),
        agent_id: drawn.pinned.map(|at| endpoints[at].to_string()),
        ..number
    };
    if let Some(account) = account.filter(|_| drawn.hangs_on < OWN) {
        let credential = CarrierCredential { id: account.id.parse().unwrap(), ..fixture::credential(account.carrier, 0) };
        let number = configured(fixture::carrier_number(&credential, n));
        if drawn.registered {
            assert_eq!(world.local.table.register_number(tenant, &number, None).await.unwrap(), store::Registered::Done);
        }
        return number.e164;
    }
    let trunk = account.map(|account| Trunk { carrier: account.carrier, credential: account.id.parse().unwrap() });
    let slot = Slot { trunk, ..fixture::slot(5_000_000 + n) };
    world.local.table.import_slot(Mode::Live, &slot).await.unwrap();
    if drawn.registered {
        // By its agent's id: a purchase refuses to attach an endpoint that was deleted.
        let agent_id = drawn.attached.or(drawn.pinned).map(|at| endpoints[at].to_string());
        let number = PhoneNumber { endpoint_id: None, agent_id, ..configured(fixture::purchase(tenant, &slot, None).0) };
        let claim = Claim::of(tenant.org(), &number);
        assert_eq!(world.local.table.buy_number(tenant, &slot, &number, &claim, None).await.unwrap(), store::Bought::Done);
    }
    slot.e164
}

/// What must be sent, made of what is explained: the true token and the true password in their places.
fn expected(told: &Value, account: &Account) -> String {
    let token = account.status.split('/').nth(5).unwrap();
    told["xml"].as_str().unwrap().replace("{token}", token).replace("********", PASSWORD)
}

/// What a call came to: the XML, and the reason that was told to the queue if it was not connected.
struct Came {
    xml: String,
    reason: Option<String>,
}

/// Compares what was explained with what a call came to, and names its end.
fn compare(drawn: &Drawn, told: &Value, account: &Account, answering: &[(EndpointId, Receiver)], came: &Came) -> String {
    let rejected = |reason: Option<&str>| {
        assert_eq!(came.reason.as_deref(), reason, "{drawn:?} {told:#}");
        assert!(came.xml.contains(r#"reason="rejected""#), "{drawn:?} {}", came.xml);
        reason.unwrap_or("unknown_number").to_owned()
    };
    if told["phone_number_id"].is_null() {
        assert_eq!((&told["reason"], &told["xml"]), (&json!("unknown_number"), &Value::Null), "{drawn:?}");
        // By an organization's own credential it is the organization's call all the same.
        return rejected((drawn.asks < OWN).then_some("unknown_number"));
    }
    if told["steps"][0]["passed"] == false {
        return rejected(Some("unknown_number"));
    }
    if drawn.asks != drawn.hangs_on {
        // What is explained is a call by the number's own carrier.
        assert_eq!((&told["steps"][1]["rule"], &told["steps"][1]["passed"]), (&json!("carrier_is_the_numbers"), &json!(true)));
        return rejected(Some("other_carrier"));
    }
    let says = answering.iter().position(|(id, _)| told["endpoint_id"] == json!(id)).filter(|_| told["action"] == "ask");
    let Some(says) = says else {
        assert_eq!(came.xml, expected(told, account), "{drawn:?} {told:#}");
        let explained = if told["action"] == "ask" { Some("endpoint_silent") } else { told["reason"].as_str() };
        assert_eq!(came.reason.as_deref(), explained, "{drawn:?} {told:#}");
        return told["reason"].as_str().or(explained).unwrap_or("dial").to_owned();
    };
    let comes = ANSWERS[says].1[usize::from(!drawn.allow_outbound)];
    match &came.reason {
        Some(reason) => assert_eq!(reason, comes, "{drawn:?} {told:#}"),
        None => assert!(came.xml.contains("<Dial") && came.xml.contains(comes), "{drawn:?} {}", came.xml),
    }
    if comes == "endpoint_passed" {
        assert_eq!(came.xml, expected(told, account), "what is explained is what follows if it says nothing");
    }
    comes.to_owned()
}

#[rstest]
#[tokio::test]
async fn what_is_explained_is_what_happens_in_random_configurations(#[values(1, 2, 3, 4, 5, 6, 7, 8)] _eighth: u8) {
    let world = World::start().await;
    let answering = answering(&world).await;
    let endpoints = endpoints(&world, &answering).await;
    let mut accounts = Vec::new();
    for carrier in Carrier::ALL {
        accounts.push(world.account(carrier).await);
    }
    for carrier in [Carrier::Plivo, Carrier::Twilio] {
        accounts.push(operators(&world, carrier).await);
    }
    assert_eq!(accounts.len(), ACCOUNTS);
    let other = testkit::Fixture::create(&world.local.table, Mode::Live).await;
    for account in &accounts[..OWN] {
        let theirs = CarrierCredential { id: account.id.parse().unwrap(), ..fixture::credential(account.carrier, 0) };
        world.local.table.create_credential(other.tenant, &theirs).await.unwrap();
    }
    for tenant in [world.fixture.tenant, other.tenant] {
        world.local.table.set_most(tenant, Counted::Numbers, Some(CONFIGURATIONS as u32)).await.unwrap();
    }
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let mut ends = std::collections::BTreeMap::<String, usize>::new();
    let now = fixture::now();
    for n in 0..CONFIGURATIONS as u32 {
        let mut drawn = drawn().new_tree(&mut runner).unwrap().current();
        if drawn.others {
            // By the operator's account it would ring at the other organization, which somebody else may have explained.
            drawn.asks %= OWN;
        }
        let tenant = if drawn.others { other.tenant } else { world.fixture.tenant };
        let to = number(&world, tenant, &drawn, n, &accounts, &endpoints).await;
        if drawn.misnoted
            && let Some(claim) = world.local.table.claim(Mode::Live, &to, Consistency::Strong).await.unwrap()
        {
            world.local.table.note_rings(Mode::Live, &claim, &endpoints[..1]).await.unwrap();
        }
        let at = drawn.at.map(|seconds| now.plus_millis(seconds * 1_000));
        let body = json!({"to": to, "from": "+14155550100", "at": at});
        let told = ask(&world.door, world.fixture.key.reveal(), Method::POST, "/v1/route/explain", Some(&body)).await.expect(200);
        let account = &accounts[drawn.asks];
        let call = format!("CA{n:032x}");
        world.clock.store(at.unwrap_or(now).as_millis(), Ordering::SeqCst);
        let said = world.send(account, &account.voice, &account.question(&call, to.as_str())).await;
        let came = Came { xml: said.text, reason: reason_told(&world) };
        world.clock.store(now.as_millis(), Ordering::SeqCst);
        *ends.entry(compare(&drawn, &told, account, &answering, &came)).or_default() += 1;
    }
    // Nothing of note was left out by chance.
    let refused = [
        "unknown_number",
        "other_carrier",
        "number_inactive",
        "inbound_not_allowed",
        "no_endpoint",
        "endpoint_gone",
        "endpoint_inactive",
        "no_address",
        "endpoint_silent",
    ];
    for end in refused.into_iter().chain(["dial"]).chain(ANSWERS.into_iter().flat_map(|(_, comes)| comes)) {
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
