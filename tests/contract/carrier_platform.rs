//! Numbers from the inventory: the operator's own carrier, and the operator's SIP edge.

use domain::{
    CredentialId, EndpointId, Mode, OrgId,
    carrier::Carrier,
    endpoint::{Endpoint, EndpointStatus, Provider},
    inventory::{Slot, Trunk},
    number::{NumberChange, NumberStatus, PhoneNumber},
    secret::SecretKind,
};
use http::Method;
use rstest::rstest;
use runtime::random;
use serde_json::{Value, json};
use store::Release;
use testkit::{
    carrier::{Account, account_id, encoded},
    client::ask,
    fixture,
};
use trunkline::platform::{self, NewCredential, Renewed};

use crate::carrier_world::{World, agent};

/// The operator's account with a carrier, and a number that came by it to the organization of a world.
pub(crate) async fn bought(carrier: Carrier) -> (World, Account, PhoneNumber) {
    let world = World::start().await;
    let account = operators(&world, carrier).await;
    let trunk = Some(Trunk { carrier, credential: account.id.parse().unwrap() });
    let slot = Slot { trunk, ..fixture::slot(1) };
    let endpoint = world.agent().await;
    let number = fixture::bought(&world.local.table, world.fixture.tenant, &slot, Some(endpoint)).await;
    (world, account, number)
}

fn new_credential(carrier: Carrier, account: &str, token: &str) -> NewCredential {
    let (id, label) = (CredentialId::new(fixture::now(), random::bytes()), "Ours".to_owned());
    NewCredential { id, mode: Mode::Live, carrier, label, account: account.to_owned(), token: token.into() }
}

pub(crate) async fn operators(world: &World, carrier: Carrier) -> Account {
    let token = "canary-operators";
    let new = new_credential(carrier, account_id(carrier), token);
    let (credential, callback) = platform::add(&world.local.table, &world.vault, new, fixture::now(), random::bytes()).await.unwrap();
    let urls = domain::wire::CallbackUrls::new(crate::carrier_world::BASE, carrier, &callback);
    let (voice, status) = (urls.voice_url.expose().to_owned(), urls.status_url.expose().to_owned());
    Account { carrier, id: credential.id.to_string(), token: token.to_owned(), voice, status }
}

/// The address in an attribute of XML.
fn attribute<'a>(xml: &'a str, name: &str) -> &'a str {
    xml.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap()
}

#[rstest]
#[tokio::test]
async fn a_bought_number_rings_by_the_operators_carrier(#[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let (world, account, number) = bought(carrier).await;
    let question = account.question(account.call(), number.e164.as_str());
    let said = world.send(&account, &account.voice, &question).await;
    assert!(said.text.contains("sip:agent-7@sip.vogent.ai"), "{}", said.text);
    let action = attribute(&said.text, "action").to_owned();
    assert_eq!(
        action,
        format!("{}?organization_id={}", account.status, world.fixture.tenant.org()),
        "whose call it is stands in the address"
    );

    // How the dialled leg ended is told there; it names no number of ours.
    let ended: Vec<(&str, &str)> = match carrier {
        Carrier::Twilio => vec![("CallSid", "CA2"), ("ParentCallSid", account.call()), ("CallStatus", "completed"), ("CallDuration", "9")],
        _ => vec![("DialALegUUID", account.call()), ("DialAction", "hangup"), ("DialBLegStatus", "hangup"), ("DialBLegDuration", "9")],
    };
    assert_eq!(world.send(&account, &action, &ended).await.status, 200);
    world.handle(|count| (0..count).collect()).await;
    let call = world.call().await;
    assert_eq!((&call["status"], &call["duration"], &call["phone_number_id"]), (&json!("completed"), &json!(9), &json!(number.id)));
}

#[tokio::test]
async fn the_numbers_own_address_for_callbacks_finds_its_organization_by_the_number() {
    let (world, account, number) = bought(Carrier::Twilio).await;
    let mut callback = account.question(account.call(), number.e164.as_str());
    callback.iter_mut().filter(|(name, _)| *name == "CallStatus").for_each(|field| field.1 = "busy");
    assert_eq!(world.send(&account, &account.status, &callback).await.status, 200);
    world.handle(|count| (0..count).collect()).await;
    assert_eq!(world.call().await["status"], "busy");
    let nobodys: Vec<_> = callback.iter().map(|(name, value)| (*name, if *name == "To" { "+12025550199" } else { value })).collect();
    assert_eq!(world.send(&account, &account.status, &nobodys).await.status, 200);
    assert!(world.sent.is_empty(), "of nobody's call nothing is told");
}

/// The number is given back while the call goes on, and somebody else buys it at once: what the carrier tells at the number's
/// own address, which names no organization, is still of the call of who held it.
#[rstest]
#[tokio::test]
async fn what_is_told_after_a_number_changed_hands_goes_to_whose_call_it_was(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
) {
    let (world, account, number) = bought(carrier).await;
    let to = number.e164.as_str();
    assert!(world.send(&account, &account.voice, &account.question(account.call(), to)).await.text.contains("<Dial"));
    let table = &world.local.table;
    table.release_number(world.fixture.tenant, number.id, Release::Remove, fixture::now(), None).await.unwrap().unwrap();
    let (buyer, slot) = (testkit::Fixture::create(table, Mode::Live).await, number.slot());
    let (theirs, claim) = fixture::purchase(buyer.tenant, &slot, None);
    assert_eq!(table.buy_number(buyer.tenant, &slot, &theirs, &claim, None).await.unwrap(), store::Bought::Done);

    let end = account.answered(account.call(), to).pop().unwrap();
    assert_eq!(world.send(&account, &account.status, &end).await.status, 200);
    let [other, named] = ["22222222-2222-4333-8444-555555555555", "33333333-2222-4333-8444-555555555555"];
    assert_eq!(world.send(&account, &account.status, &account.answered(other, to).pop().unwrap()).await.status, 200);
    let names_it = format!("{}?organization_id={}", account.status, world.fixture.tenant.org());
    assert_eq!(world.send(&account, &names_it, &account.answered(named, to).pop().unwrap()).await.status, 200);
    let told: Vec<Value> = world.sent.take_all().iter().map(|(body, _)| serde_json::from_str(body).unwrap()).collect();
    let of = |call: &str| -> Vec<&Value> {
        let its = told.iter().filter(|event| event["data"]["carrier_call_id"] == call);
        its.map(|event| &event["organization_id"]).collect()
    };
    assert_eq!(of(account.call()), [&json!(world.fixture.tenant.org()); 2]);
    assert_eq!(of(other), [&json!(buyer.tenant.org())], "a call that nobody asked about is of who holds the number");
    assert_eq!(of(named), [&json!(world.fixture.tenant.org())], "unless the address says whose it is");
}

#[tokio::test]
async fn the_carrier_of_a_number_goes_back_to_the_inventory_with_it() {
    let (world, account, number) = bought(Carrier::Plivo).await;
    let released = world.local.table.release_number(world.fixture.tenant, number.id, Release::Keep, fixture::now(), None).await.unwrap();
    assert!(released.unwrap().credentials_id.is_none());
    let slot = world.local.table.slot(Mode::Live, &fixture::slot(1).address()).await.unwrap().unwrap();
    assert_eq!(slot.trunk, Some(Trunk { carrier: Carrier::Plivo, credential: account.id.parse().unwrap() }));
    let said = world.send(&account, &account.voice, &account.question(account.call(), number.e164.as_str())).await;
    assert!(said.text.contains(r#"reason="rejected""#), "{}", said.text);
}

#[tokio::test]
async fn an_organizations_carrier_does_not_speak_for_a_bought_number_nor_the_operators_for_an_own_one() {
    let (world, operators, number) = bought(Carrier::Twilio).await;
    let own = world.account(Carrier::Twilio).await;
    let (_, own_number) = world.number(&own, 2, None).await;
    for (account, to) in [(&own, number.e164.as_str()), (&operators, own_number.as_str())] {
        let said = world.send(account, &account.voice, &account.question(account.call(), to)).await;
        assert!(said.text.contains(r#"reason="rejected""#), "{}", said.text);
    }
    world.handle(|count| (0..count).collect()).await;
    let list = world.api(Method::GET, "/v1/calls", None).await.expect(200);
    assert_eq!(list["data"][0]["metadata"]["route_reason"], "other_carrier");
}

#[tokio::test]
async fn rotated_addresses_of_the_operator_end_at_once() {
    let (world, account, number) = bought(Carrier::Twilio).await;
    let id = account.id.parse().unwrap();
    let (_, callback) = platform::rotate_callbacks(&world.local.table, Mode::Live, id, fixture::now(), random::bytes()).await.unwrap();
    let question = account.question(account.call(), number.e164.as_str());
    assert_eq!(world.send(&account, &account.voice, &question).await.status, 403);
    let urls = domain::wire::CallbackUrls::new(crate::carrier_world::BASE, Carrier::Twilio, &callback);
    assert_eq!(world.send(&account, urls.voice_url.expose(), &question).await.status, 200);
}

async fn resolve(world: &World, key: &str, body: Value) -> testkit::client::Answer {
    ask(&world.door, key, Method::POST, "/v1/route/resolve", Some(&body)).await
}

#[tokio::test]
async fn the_operators_sip_edge_gets_the_same_answer() {
    let (world, _, number) = bought(Carrier::Twilio).await;
    let operator = fixture::key(&world.local.table, platform::tenant(Mode::Live), Default::default()).await;
    let to = json!({"to": number.e164, "from": "+14155550100"});
    let told = resolve(&world, operator.reveal(), to.clone()).await.expect(200);
    assert_eq!((&told["action"], &told["sip_uri"]), (&json!("dial"), &json!("sip:agent-7@sip.vogent.ai")));
    assert_eq!((&told["organization_id"], &told["phone_number_id"]), (&json!(world.fixture.tenant.org()), &json!(number.id)));
    let change = NumberChange { allow_inbound: Some(false), ..Default::default() };
    world.local.table.update_number(world.fixture.tenant, number.id, change, fixture::now(), None).await.unwrap();
    let told = resolve(&world, operator.reveal(), to.clone()).await.expect(200);
    assert_eq!((&told["action"], &told["reason"], &told["sip_uri"]), (&json!("reject"), &json!("inbound_not_allowed"), &Value::Null));
    let unknown = resolve(&world, operator.reveal(), json!({"to": "+12025550199"})).await.expect(200);
    assert_eq!((&unknown["action"], &unknown["reason"]), (&json!("reject"), &json!("unknown_number")));
    assert!(world.sent.is_empty(), "the SIP edge tells of its calls itself");
}

/// What is not the carrier's to say: where a call goes, with which user and headers, or why it does not.
#[rstest]
#[case::agent(agent(), NumberChange::default())]
#[case::address(sip(), NumberChange::default())]
#[case::silent(fixture::endpoint(), NumberChange::default())]
#[case::switched_off(Endpoint { status: EndpointStatus::Inactive, ..agent() }, NumberChange::default())]
#[case::without_address(Endpoint { provider_config: Default::default(), ..agent() }, NumberChange::default())]
#[case::inactive(agent(), NumberChange { status: Some(NumberStatus::Inactive), ..Default::default() })]
#[case::no_callers(agent(), NumberChange { allow_inbound: Some(false), ..Default::default() })]
#[tokio::test]
async fn the_sip_edge_and_the_carrier_are_told_the_same(#[case] endpoint: Endpoint, #[case] change: NumberChange) {
    let (world, account, number) = bought(Carrier::Twilio).await;
    let id = EndpointId::new(fixture::now(), [9; 10]);
    let place = world.fixture.tenant.place(SecretKind::EndpointPassword, id.as_uuid());
    let password = world.vault.seal(&place, &"canary-sip".into(), fixture::now()).await.unwrap();
    let password = Some(password).filter(|_| endpoint.provider == Provider::CustomSip);
    world.endpoint(Endpoint { id, password, ..endpoint }).await;
    let change = NumberChange { endpoint_id: Some(Some(id)), ..change };
    world.local.table.update_number(world.fixture.tenant, number.id, change, fixture::now(), None).await.unwrap();

    let operator = fixture::key(&world.local.table, platform::tenant(Mode::Live), Default::default()).await;
    let told = resolve(&world, operator.reveal(), json!({"to": number.e164, "from": "+14155550100"})).await.expect(200);
    let question = account.question(account.call(), number.e164.as_str());
    let said = world.send(&account, &account.voice, &question).await.text;
    world.handle(|count| (0..count).collect()).await;
    let text = |name: &str| told[name].as_str().map(str::to_owned);
    assert_eq!(text("reason"), world.call().await["metadata"]["route_reason"].as_str().map(str::to_owned), "{told:#}");
    let Some(uri) = text("sip_uri") else {
        let heard = if told["action"] == "busy" { "busy" } else { "rejected" };
        assert!(said.contains(&format!("<Reject reason=\"{heard}\"/>")), "{said} {told:#}");
        return;
    };
    let query = if told["headers"]["X-Team"] == "sales" { "?X-Team=sales" } else { "" };
    assert!(told["action"] == "dial" && said.contains(&format!(">{uri}{query}</Sip>")), "{said} {told:#}");
    for name in ["username", "password"] {
        let attribute = text(name).map(|value| format!("{name}=\"{value}\""));
        assert_eq!(said.contains(&format!("{name}=")), attribute.is_some(), "{said} {told:#}");
        assert!(attribute.is_none_or(|attribute| said.contains(&attribute)), "{said} {told:#}");
    }
}

/// An address that wants a user, a password and a header.
fn sip() -> Endpoint {
    Endpoint {
        provider: Provider::CustomSip,
        given_url: Some("sip:desk@pbx.example.com".to_owned()),
        provider_config: serde_json::from_value(json!({"username": "u", "headers": {"X-Team": "sales"}})).unwrap(),
        ..agent()
    }
}

#[tokio::test]
async fn nobody_else_may_resolve_and_the_operators_key_may_nothing_else() {
    let (world, _, number) = bought(Carrier::Twilio).await;
    let body = json!({"to": number.e164});
    let own = resolve(&world, world.fixture.key.reveal(), body.clone()).await;
    assert_eq!((own.status.as_u16(), own.code()), (403, "FORBIDDEN"));
    let operator = fixture::key(&world.local.table, platform::tenant(Mode::Live), Default::default()).await;
    let explain = ask(&world.door, operator.reveal(), Method::POST, "/v1/route/explain", Some(&body)).await;
    assert_eq!((explain.status.as_u16(), explain.code()), (403, "INSUFFICIENT_SCOPE"));
    let test = fixture::key(&world.local.table, platform::tenant(Mode::Test), Default::default()).await;
    let other = resolve(&world, test.reveal(), body).await.expect(200);
    assert_eq!(other["reason"], "unknown_number", "test data are apart");
    let wrong = resolve(&world, operator.reveal(), json!({"to": "x", "call_id": "a b"})).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (400, "VALIDATION_ERROR"));
    for field in ["to", "call_id"] {
        assert!(wrong.text.contains(field), "{}", wrong.text);
    }
}

/// What the operator's credential is given, and what becomes of that.
async fn renewed(world: &World, account: &Account, renewed: Renewed) -> Result<(), String> {
    let whose = (Mode::Live, account.id.parse().unwrap());
    let done = platform::renew(&world.local.table, &world.vault, whose, renewed, fixture::now(), random::bytes()).await;
    done.map(drop).map_err(|error| error.to_string())
}

#[rstest]
#[tokio::test]
async fn the_operators_token_is_renewed_and_the_one_before_verifies_for_a_day(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
) {
    let (world, account, number) = bought(carrier).await;
    let new = Account { token: "canary-renewed".to_owned(), ..account.clone() };
    let question = account.question(account.call(), number.e164.as_str());
    let asks = async |account: &Account| world.send(account, &account.voice, &question).await.status;
    assert_eq!(asks(&new).await, 403, "nobody knows it yet");
    renewed(&world, &account, Renewed::Token("canary-renewed".into())).await.unwrap();
    assert_eq!((asks(&account).await, asks(&new).await), (200, 200));
    world.pass(domain::credential::OVERLAP_MILLIS / 1_000 + 60);
    assert_eq!((asks(&account).await, asks(&new).await), (403, 200));
    let wrong = renewed(&world, &account, Renewed::Token("canary\n".into())).await.unwrap_err();
    assert!(wrong.contains("auth_token") && !wrong.contains("canary"), "{wrong}");
    let gone = Account { id: CredentialId::new(fixture::now(), random::bytes()).to_string(), ..account };
    assert!(renewed(&world, &gone, Renewed::Token("canary-x".into())).await.unwrap_err().contains("has no credential"));
}

#[tokio::test]
async fn the_operators_twilio_may_sign_by_a_key_and_no_other_carrier() {
    let (world, account, number) = bought(Carrier::Twilio).await;
    let by_key = Account { token: "canary-signing-key".to_owned(), ..account.clone() };
    let question = account.question(account.call(), number.e164.as_str());
    let headers = by_key.signed_sha256(&account.voice, &question);
    let asks = async || world.knock(Method::POST, &account.voice, headers.clone(), &encoded(&question)).await.status;
    assert_eq!(asks().await, 403);
    renewed(&world, &account, Renewed::SigningKey(Some("canary-signing-key".into()))).await.unwrap();
    assert_eq!(asks().await, 200);
    renewed(&world, &account, Renewed::SigningKey(None)).await.unwrap();
    assert_eq!(asks().await, 403);
    let plivo = operators(&world, Carrier::Plivo).await;
    assert!(renewed(&world, &plivo, Renewed::SigningKey(Some("k".into()))).await.unwrap_err().contains("Twilio's alone"));
}

#[tokio::test]
async fn the_platform_is_no_organization() {
    let world = World::start().await;
    assert_eq!(OrgId::PLATFORM.to_string(), "00000000-0000-0000-0000-000000000000");
    let new = new_credential(Carrier::Twilio, "AC1", "canary-x");
    let wrong = platform::add(&world.local.table, &world.vault, new, fixture::now(), random::bytes()).await.unwrap_err().to_string();
    assert!(wrong.contains("credentials.account_sid") && !wrong.contains("canary"), "{wrong}");
    let operators = operators(&world, Carrier::Vobiz).await;
    let listed = world.api(Method::GET, "/v1/telephony/providers", None).await.expect(200);
    assert_eq!(listed["total"], 0, "{} is none of the organization's", operators.id);
}
