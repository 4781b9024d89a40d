//! A scripted carrier at the deployed door: real HTTP, each carrier's own signatures, callbacks in wrong order, and
//! at the end the webhooks and exact statistics.

use std::collections::BTreeSet;

use domain::carrier::Carrier;
use http::Method;
use reqwest::Client as Http;
use rstest::rstest;
use runtime::random;
use serde_json::{Value, json};
use testkit::{
    Receiver,
    carrier::{Account, account_id, encoded},
    fixture, wait,
};

use crate::setup::{LIMIT, World};

/// A number of a test's own.
fn number() -> String {
    format!("+234805{:07}", u32::from_be_bytes(random::bytes()) % 10_000_000)
}

fn hex() -> String {
    random::bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A carrier's id of a new call.
fn call(carrier: Carrier) -> String {
    let hex = hex();
    match carrier {
        Carrier::Twilio => format!("CA{hex}"),
        // UUIDs of version 4.
        Carrier::Plivo | Carrier::Vobiz => format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]),
    }
}

async fn account(world: &World, carrier: Carrier) -> Account {
    let key = if carrier == Carrier::Twilio { "account_sid" } else { "auth_id" };
    let token = format!("{}{}", testkit::client::CANARY, hex());
    let credentials = json!({key: account_id(carrier), "auth_token": token});
    let body = json!({"provider": carrier, "label": "Main", "credentials": credentials});
    let created = world.client.post("/v1/telephony/providers", body).await.expect(201);
    let text = |name: &str| created[name].as_str().unwrap().to_owned();
    Account { carrier, id: text("id"), token, voice: text("voice_url"), status: text("status_url") }
}

/// A number at the account that rings an endpoint.
async fn registered(world: &World, account: &Account, endpoint: &Value) -> String {
    let e164 = number();
    let body = json!({"e164": e164, "provider": account.carrier, "credentials_id": account.id, "agent_id": endpoint["id"]});
    world.client.post("/v1/telephony/numbers", body).await.expect(201);
    e164
}

/// Posts a form that the carrier signed: status and text of the answer.
async fn post(account: &Account, url: &str, form: &[(&str, &str)]) -> (u16, String) {
    let headers = account.signed(url, form, &hex());
    let http = Http::builder().no_proxy().build().unwrap();
    let response = http.post(url).headers(headers).body(encoded(form)).send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}

/// The orders in which callbacks come, by the places of those that tell of the call as it went.
fn backwards(count: usize) -> Vec<usize> {
    (0..count).rev().collect()
}

/// The XML's action is asked for before the end of the leg is told that it dialled: the third from the end.
fn the_action_before_the_legs_end(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.swap(count - 3, count - 2);
    order
}

/// A second call to the number, which the called side is too busy for.
async fn busy(account: &Account, id: &str, to: &str) {
    let question = account.question(id, to);
    assert_eq!(post(account, &account.voice, &question).await.0, 200);
    let told = question.iter().filter(|(name, _)| !matches!(*name, "CallStatus" | "Event")).copied();
    let ended: Vec<_> = told.chain([("CallStatus", "busy"), ("HangupCauseName", "Busy Line")]).collect();
    assert_eq!(post(account, &account.status, &ended).await.0, 200);
}

#[rstest]
#[tokio::test]
async fn a_call_comes_from_its_carrier_and_goes_out_as_webhooks(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
    #[values(backwards, the_action_before_the_legs_end)] order: fn(usize) -> Vec<usize>,
) {
    let world = World::new().await;
    let account = account(&world, carrier).await;
    let receiver = Receiver::start().await;
    let hook = world.client.post("/v1/webhooks", json!({"url": receiver.url, "events": ["call.*"]})).await.expect(201);
    let agent = json!({"name": "Agent", "type": "vogent", "provider_config": {"vogent_agent_id": "agent-7"}});
    let agent = world.client.post("/v1/endpoints", agent).await.expect(201);
    let (to, id) = (registered(&world, &account, &agent).await, call(carrier));
    // Events begin a moment after a subscription is created.
    let explained = world.client.post("/v1/route/explain", json!({"to": to})).await.expect(200);
    assert_eq!((&explained["action"], &explained["endpoint_id"]), (&json!("dial"), &agent["id"]));

    let (status, xml) = post(&account, &account.voice, &account.question(&id, &to)).await;
    assert!(status == 200 && xml.contains(">sip:agent-7@sip.vogent.ai</") && xml.contains(&account.status), "{status} {xml}");
    let token = account.status.split('/').rev().nth(1).unwrap();
    assert_eq!(explained["xml"].as_str().unwrap().replace("{token}", token), xml, "what was explained is what was sent");
    let callbacks = account.answered(&id, &to);
    for at in order(callbacks.len()) {
        assert_eq!(post(&account, &account.status, &callbacks[at]).await.0, 200, "{:?}", callbacks[at]);
    }

    let call = wait::until("the call", LIMIT, || async {
        Some(world.client.get(&format!("/v1/calls/{id}")).await.body).filter(|call| call["duration"] == 30)
    })
    .await;
    assert_eq!((&call["status"], &call["carrier_call_id"], &call["endpoint_id"]), (&json!("completed"), &json!(id), &agent["id"]));
    let stats = async |ended: &'static str| {
        wait::until("the statistics", LIMIT, || async {
            Some(world.client.get("/v1/calls/stats").await.body)
                .filter(|stats| stats["by_status"][ended] == 1 && stats["total_duration"] == 30)
        })
        .await
    };
    let durations = |stats: &Value| ["total", "total_duration", "average_duration", "answer_rate"].map(|name| stats[name].clone());
    assert_eq!(durations(&stats("completed").await), [json!(1), json!(30), json!(30.0), json!(1.0)]);
    let names = || receiver.arrivals().iter().map(|arrival| arrival.json()["event"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
    let wanted = ["call.initiated", "call.answered", "call.completed"];
    wait::until("the webhooks", LIMIT, || async { wanted.iter().all(|name| names().contains(*name)).then_some(()) }).await;
    for arrival in receiver.arrivals() {
        arrival.verify(hook["secret"].as_str().unwrap(), fixture::now()).unwrap();
        assert_eq!(arrival.json()["data"]["call_id"], call["id"]);
    }
    // One of two calls is answered, and only that one has a duration.
    busy(&account, &crate::carriers::call(carrier), &to).await;
    let stats = stats("busy").await;
    assert_eq!(durations(&stats), [json!(2), json!(30), json!(30.0), json!(0.5)]);
    let by_status = &stats["by_status"];
    assert_eq!((&by_status["completed"], &by_status["failed"], &by_status["no_answer"]), (&json!(1), &json!(0), &json!(0)));
}

#[rstest]
#[tokio::test]
async fn a_webhook_endpoint_is_asked_over_http(#[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let world = World::new().await;
    let account = account(&world, carrier).await;
    let receiver = Receiver::start().await;
    receiver.say(r#"{"action": "dial", "sip_uri": "sip:desk@pbx.example.com"}"#);
    let endpoint = json!({"name": "Decides", "type": "webhook", "url": receiver.url});
    let endpoint = world.client.post("/v1/endpoints", endpoint).await.expect(201);
    let (to, id) = (registered(&world, &account, &endpoint).await, call(carrier));
    let (status, xml) = post(&account, &account.voice, &account.question(&id, &to)).await;
    assert!(status == 200 && xml.contains(">sip:desk@pbx.example.com</"), "{status} {xml}");
    let asked = receiver.arrivals().into_iter().find(|arrival| arrival.json()["event"] == "call.incoming").unwrap();
    asked.verify(endpoint["secret"].as_str().unwrap(), fixture::now()).unwrap();
    assert_eq!(asked.json()["data"]["to_number"], to);
}

#[tokio::test]
async fn who_has_not_signed_is_forbidden_whatever_he_asks_for() {
    let world = World::new().await;
    let account = account(&world, Carrier::Plivo).await;
    let http = Http::builder().no_proxy().build().unwrap();
    let mut said = BTreeSet::new();
    for path in ["/carriers/plivo/x/voice", "/carriers/nobody/x/voice", "/carriers/plivo/x/y/z"] {
        let response = http.post(format!("{}{path}", world.stack.base_url)).body("a=1").send().await.unwrap();
        assert!(response.headers().contains_key("x-request-id"));
        said.insert((response.status().as_u16(), response.text().await.unwrap()));
    }
    let unsigned = http.post(&account.voice).body("a=1").send().await.unwrap();
    said.insert((unsigned.status().as_u16(), unsigned.text().await.unwrap()));
    let other = Account { token: "another".to_owned(), ..account.clone() };
    said.insert(post(&other, &account.voice, &account.question(&call(Carrier::Plivo), "+14155550123")).await);
    assert_eq!(said, BTreeSet::from([(403, "Forbidden".to_owned())]));
    let refused = world.client.send(Method::POST, "/v1/route/resolve", Some(&json!({"to": "+14155550123"}))).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "FORBIDDEN"));
}
