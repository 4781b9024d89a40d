//! Carrier credentials and carrier numbers over HTTP, under both prefixes, and the search for what must be nowhere.

use domain::Mode;
use http::Method;
use rstest::rstest;
use runtime::random;
use serde_json::{Value, json};
use store::Tenant;
use testkit::{Client, Receiver, Stack, client::CANARY, fixture, wait};

use crate::setup::{LIMIT, World};

const SID: &str = "AC0123456789abcdef0123456789ab1234";

fn twilio(token: &str) -> Value {
    json!({"provider": "twilio", "label": "Production", "credentials": {"account_sid": SID, "auth_token": token}})
}

/// A number that no other test has.
fn number() -> String {
    format!("+234806{:07}", u32::from_be_bytes(random::bytes()) % 10_000_000)
}

/// A text that stands nowhere else.
fn canary() -> String {
    format!("{CANARY}{}", random_text())
}

fn random_text() -> String {
    format!("{:016x}", u64::from_be_bytes(random::bytes()))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

#[rstest]
#[case("/v1")]
#[case("/api/v1")]
#[tokio::test]
async fn a_credential_and_its_number_live_and_go(#[case] prefix: &str) {
    let world = World::new().await;
    let (providers, numbers) = (format!("{prefix}/telephony/providers"), format!("{prefix}/telephony/numbers"));
    let created = world.client.post(&providers, twilio(&canary())).await.expect(201);
    assert!(created.as_object().unwrap().values().all(Value::is_string), "{created}");
    for (field, end) in [("voice_url", "/voice"), ("status_url", "/status")] {
        assert!(text(&created, field).starts_with(&format!("{}/carriers/twilio/", world.stack.base_url)), "{created}");
        assert!(text(&created, field).ends_with(end));
    }
    let order = json!({"e164": number(), "provider": "twilio", "credentials_id": format!("prov_{}", text(&created, "id"))});
    let registered = world.client.post(&numbers, order.clone()).await.expect(201);
    assert!(registered.as_object().unwrap().values().all(Value::is_string), "{registered}");
    assert_eq!((&registered["credentials_id"], &registered["agent_id"]), (&created["id"], &json!("")));
    let again = world.client.post(&numbers, order).await;
    assert_eq!(again.told(), (400, "Invalid body or duplicate number: e164: is registered already"));

    let list = world.client.get(&providers).await.expect(200);
    assert_eq!((&list["total"], &list["providers"][0]["numbers_count"]), (&json!(1), &json!(1)));
    assert_eq!(list["providers"], list["data"]);
    let (one, number) = (format!("{providers}/{}", text(&created, "id")), format!("{numbers}/{}", text(&registered, "id")));
    assert_eq!(world.client.delete(&one).await.told(), (409, "Credential in use by phone numbers"));
    assert_eq!(world.client.patch(&number, json!({"agent_id": "agent-1"})).await.told(), (204, ""));
    assert_eq!(world.client.get(&format!("{numbers}?agent_id=agent-1")).await.expect(200)["total"], 1);
    let shown = world.client.get(&format!("{prefix}/phone-numbers/{}", text(&registered, "id"))).await.expect(200);
    assert_eq!((&shown["source"], &shown["agent_id"]), (&json!("byo"), &json!("agent-1")));
    assert_eq!(world.client.delete(&number).await.told(), (204, ""));
    assert_eq!(world.client.get(&format!("{prefix}/phone-numbers?envelope=true")).await.expect(200)["total"], 0);

    let rotated = world.client.post(&format!("{one}/rotate-callbacks"), json!({})).await.expect(200);
    assert_ne!(rotated["voice_url"], created["voice_url"]);
    let renewed = json!({"credentials": {"account_sid": SID, "auth_token": canary()}});
    assert_eq!(world.client.patch(&one, renewed).await.expect(200)["key_hint"], "AC…1234");
    assert_eq!(world.client.delete(&one).await.told(), (204, ""));
    assert_eq!(world.client.delete(&one).await.told(), (404, "Credential not found"));
}

#[tokio::test]
async fn problems_are_texts_unless_json_alone_is_asked_for() {
    let world = World::new().await;
    let ask = async |accept: &str| {
        world
            .client
            .send_with(Method::POST, "/api/v1/telephony/providers", Some(&json!({"provider": "twilio"})), &[("accept", accept)])
            .await
    };
    let told = "Invalid body or missing field: label: is required; credentials: is required";
    for accept in ["*/*", "text/plain", "application/json, text/plain", "application/json, */*;q=0.8"] {
        let answer = ask(accept).await;
        assert_eq!((answer.told(), &answer.headers["content-type"]), ((400, told), &"text/plain; charset=utf-8".parse().unwrap()));
    }
    let answer = ask("application/json").await;
    assert_eq!((answer.status.as_u16(), answer.code(), &answer.body["error"]), (400, "MISSING_FIELDS", &json!(told)));
    assert_eq!(world.client.send(Method::PUT, "/v1/telephony/numbers", None).await.told(), (405, "Method not allowed"));
    assert_eq!(world.client.get("/v1/telephony/numbers?limit=0").await.status.as_u16(), 400);
}

#[tokio::test]
async fn a_request_with_a_key_is_answered_again_in_its_form() {
    let world = World::new().await;
    let key = [("idempotency-key", "k")];
    let create = async |body: Value| world.client.send_with(Method::POST, "/v1/telephony/providers", Some(&body), &key).await;
    let order = twilio(&canary());
    let first = create(order.clone()).await.expect(201);
    let again = create(order).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.expect(201), first);
    assert_eq!(create(twilio(&canary())).await.told(), (422, "Idempotency key reused"));
    assert_eq!(world.client.get("/v1/telephony/providers").await.expect(200)["total"], 1);
    let token = text(&first, "voice_url").split('/').nth(5).unwrap();
    assert!(!world.stack.dump_table().await.contains(token), "the kept answer is sealed");
}

#[tokio::test]
async fn calls_ring_the_endpoint_that_the_agents_id_names_and_endpoint_id_goes_before_it() {
    let world = World::new().await;
    let (pinned, given) = (Receiver::start().await, Receiver::start().await);
    let endpoint = async |url: &str| {
        world.client.post("/v1/endpoints", json!({"name": "E", "type": "webhook", "url": url})).await.expect(201)["id"].clone()
    };
    let (by_agent, by_id) = (endpoint(&pinned.url).await, endpoint(&given.url).await);
    let credential = world.client.post("/v1/telephony/providers", twilio(&canary())).await.expect(201);
    let order = json!({"e164": number(), "provider": "twilio", "credentials_id": credential["id"], "agent_id": by_agent});
    let registered = world.client.post("/v1/telephony/numbers", order).await.expect(201);
    for (endpoint, receiver) in [(&by_agent, &pinned), (&by_id, &given)] {
        let (call, events) = world.events("missed-call.json", &registered["e164"]);
        world.stack.send("call-events", &events.iter().map(ToString::to_string).collect::<Vec<_>>()).await;
        let told = world.call(call, |call| call["status"] == "no_answer" && !call["endpoint_id"].is_null()).await;
        assert_eq!(&told["endpoint_id"], endpoint);
        receiver.wait_for(events.len(), LIMIT).await;
        let voice = format!("/v1/phone-numbers/{}", text(&registered, "id"));
        world.client.patch(&voice, json!({"endpoint_id": by_id})).await.expect(200);
    }
}

#[tokio::test]
async fn another_organization_and_the_test_data_see_nothing_of_it() {
    let world = World::new().await;
    let credential = world.client.post("/v1/telephony/providers", twilio(&canary())).await.expect(201);
    let order = json!({"e164": number(), "provider": "twilio", "credentials_id": credential["id"]});
    let registered = world.client.post("/v1/telephony/numbers", order.clone()).await.expect(201);
    let test_mode = Tenant::new(world.fixture.tenant.org(), Mode::Test);
    let test_key = fixture::key(&world.stack.table(), test_mode, domain::scope::Scope::ALL.iter().copied().collect()).await;
    let (one, number) =
        (format!("/v1/telephony/providers/{}", text(&credential, "id")), format!("/v1/telephony/numbers/{}", text(&registered, "id")));
    for other in [world.stranger().await, Client::new(&world.stack.base_url, test_key.reveal())] {
        for list in ["/v1/telephony/providers", "/v1/telephony/numbers"] {
            assert_eq!(other.get(list).await.expect(200)["total"], 0);
        }
        assert_eq!(other.patch(&one, json!({"label": "mine"})).await.told(), (404, "Credential not found"));
        assert_eq!(other.post(&format!("{one}/rotate-callbacks"), json!({})).await.told(), (404, "Credential not found"));
        assert_eq!(other.delete(&one).await.told(), (404, "Credential not found"));
        assert_eq!(other.patch(&number, json!({"agent_id": "a"})).await.told(), (404, "Phone number not found"));
        assert_eq!(other.delete(&number).await.told(), (404, "Phone number not found"));
        assert!(other.post("/v1/telephony/numbers", order.clone()).await.text.contains("credentials_id"));
    }
}

/// Where a text stands: in the table, in a dead-letter queue, in the logs, in an answer.
async fn found(stack: &Stack, answers: &[String], canary: &str) -> Vec<&'static str> {
    let places = [
        ("table", stack.dump_table().await),
        ("queues", stack.dump_dead_letters().await),
        ("logs", stack.logs().await),
        ("answers", answers.concat()),
    ];
    places.into_iter().filter(|(_, text)| text.contains(canary)).map(|(place, _)| place).collect()
}

#[tokio::test]
async fn a_token_stands_nowhere_and_the_search_finds_what_is_planted() {
    let world = World::new().await;
    let (token, renewed) = (canary(), canary());
    let headers = [("idempotency-key", "k")];
    let created = world.client.send_with(Method::POST, "/v1/telephony/providers", Some(&twilio(&token)), &headers).await;
    let one = format!("/v1/telephony/providers/{}", created.body["id"].as_str().unwrap());
    let credentials = json!({"account_sid": SID, "auth_token": renewed});
    let mut faulty = twilio(&token);
    faulty["credentials"]["extra"] = json!(token);
    let answers = [
        created,
        world.client.patch(&one, json!({"credentials": credentials})).await,
        world.client.post("/v1/telephony/providers", faulty).await,
        world.client.post("/v1/telephony/providers", json!({"provider": token, "label": {}, "credentials": [token]})).await,
        world.client.get("/v1/telephony/providers").await,
    ];
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [201, 200, 400, 400, 200]);
    let mut answers: Vec<String> = answers.into_iter().map(|answer| format!("{:?}{}", answer.headers, answer.text)).collect();
    // What is planted is found, so the search sees what was written before it too.
    let planted = format!("planted-{}", random_text());
    world.client.patch(&one, json!({"label": planted})).await.expect(200);
    world.client.send_with(Method::GET, "/v1/telephony/providers", None, &[("x-request-id", &planted)]).await.expect(200);
    answers.push(world.client.get("/v1/telephony/providers").await.text);
    world.stack.send("call-events-dead-letters", std::slice::from_ref(&planted)).await;
    let look = || async { Some(found(&world.stack, &answers, &planted).await).filter(|places| places.len() == 4) };
    assert_eq!(wait::until("the planted text in all four places", LIMIT, look).await, ["table", "queues", "logs", "answers"]);
    for secret in [&token, &renewed] {
        assert!(found(&world.stack, &answers, secret).await.is_empty(), "a token is in clear");
    }
}
