//! Simulated calls: what is refused before anything is sent, what is sent, and what the true function makes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::{Router, body::Body};
use call_events::CallEvents;
use domain::{Mode, Timestamp, endpoint::Endpoint, number::PhoneNumber, scope::Scope, simulation::STRANGER};
use http::{Method, Request};
use queue::{CallEventMessage, DeliveryMessage, Sender};
use rstest::rstest;
use runtime::Clock;
use serde_json::{Value, json};
use store::{CreateEndpoint, TellOfEndpoint, Tenant};
use testkit::{
    Fixture, LocalTable,
    client::{Answer, ask},
    costs::batch,
    fixture,
    mailbox::Mailbox,
};
use tower::ServiceExt as _;

use crate::{
    every_route::names,
    kms::{self, NEW_KEY},
};

const PATH: &str = "/v1/test/calls";

/// 2026-01-02T03:04:05.678Z.
const NOW_MS: i64 = 1_767_323_045_678;

/// An organization that holds a number in test data, which rings a webhook endpoint.
struct Bench {
    local: LocalTable,
    fixture: Fixture,
    number: PhoneNumber,
    endpoint: Endpoint,
    app: Router,
    sent: Mailbox,
    clock: Arc<AtomicI64>,
}

impl Bench {
    async fn start() -> Self {
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Test).await;
        let endpoint = fixture::endpoint();
        let created = local.table.create_endpoint(fixture.tenant, &endpoint, None, TellOfEndpoint::default()).await.unwrap();
        assert!(matches!(created, CreateEndpoint::Done(_)));
        let slot = fixture::slot(1);
        let number = fixture::bought(&local.table, fixture.tenant, &slot, Some(endpoint.id)).await;
        let clock = Arc::new(AtomicI64::new(NOW_MS));
        let sent = Mailbox::new(Arc::clone(&clock));
        let app = app(&local, sent.sender(), &clock);
        Self { local, fixture, number, endpoint, app, sent, clock }
    }

    async fn post(&self, body: Value) -> Answer {
        ask(&self.app, self.fixture.key.reveal(), Method::POST, PATH, Some(&body)).await
    }

    async fn play(&self, script: &str) -> Value {
        self.post(json!({"script": script, "to": self.number.e164})).await.expect(202)
    }

    /// Takes out what was sent.
    fn sent(&self) -> Vec<(CallEventMessage, i32)> {
        let now = Timestamp::from_millis(self.clock.load(Ordering::SeqCst)).unwrap();
        self.sent.take_all().into_iter().map(|(body, delay)| (CallEventMessage::from_json(&body, now).unwrap(), delay)).collect()
    }

    async fn call(&self, id: &Value) -> Answer {
        ask(&self.app, self.fixture.key.reveal(), Method::GET, &format!("/v1/calls/{}", id.as_str().unwrap()), None).await
    }

    /// Has the true function handle what was sent, message by message in the order of delays, and answers the webhooks.
    async fn handled(&self, messages: &[(CallEventMessage, i32)]) -> Vec<DeliveryMessage> {
        let (deliveries, dead_letters) = (Mailbox::new(Arc::clone(&self.clock)), Mailbox::new(Arc::clone(&self.clock)));
        let (table, queues) = (self.local.table.clone(), (deliveries.sender(), dead_letters.sender()));
        let function = CallEvents::new(table, queues.0, queues.1, Clock::Manual(Arc::clone(&self.clock)));
        for (message, _) in messages {
            let answer = function.handle(batch(&[message.to_json().unwrap()])).await;
            assert!(answer.batch_item_failures.is_empty());
        }
        assert!(dead_letters.is_empty());
        deliveries.take_all().iter().map(|(body, _)| serde_json::from_str(body).unwrap()).collect()
    }
}

fn app(local: &LocalTable, call_events: Sender, clock: &Arc<AtomicI64>) -> Router {
    let vault = kms::vault(&[&kms::makes(NEW_KEY), &kms::unwraps()]);
    calls::app(calls::State::new(local.table.clone(), vault, call_events, Clock::Manual(Arc::clone(clock))))
}

/// Asks under an idempotency key.
async fn ask_once(app: &Router, key: &str, body: &Value) -> (u16, bool, Value) {
    let request = Request::builder().method(Method::POST).uri(PATH).header("x-api-key", key).header("idempotency-key", "play-1");
    let request = request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let (status, replayed) = (response.status().as_u16(), response.headers().contains_key("idempotent-replayed"));
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, replayed, serde_json::from_slice(&bytes).unwrap())
}

#[rstest]
#[case::answered("answered", "completed", 6, 6)]
#[case::missed("missed", "no_answer", 3, 3)]
#[case::busy("busy", "busy", 2, 2)]
#[case::failed("failed", "failed", 3, 3)]
#[case::duplicate("duplicate", "completed", 12, 6)]
#[case::shuffled("shuffled", "completed", 6, 6)]
#[case::no_terminal("no_terminal", "ringing", 2, 2)]
#[case::late_ringing("late_ringing", "completed", 6, 6)]
#[tokio::test]
async fn the_true_function_makes_of_a_script_what_the_answer_says(
    #[case] script: &str,
    #[case] status: &str,
    #[case] sent: usize,
    #[case] distinct: usize,
) {
    let bench = Bench::start().await;
    let answer = bench.play(script).await;
    assert_eq!((&answer["script"], &answer["status"], &answer["id"]), (&json!(script), &json!(status), &answer["call_id"]));
    let messages = bench.sent();
    let told: Vec<Value> = messages
        .iter()
        .map(|(message, _)| json!({"id": message.event.id, "type": message.event.kind, "timestamp": message.event.timestamp}))
        .collect();
    assert_eq!((answer["events"].as_array(), told.len()), (Some(&told), sent));
    assert_eq!(bench.call(&answer["call_id"]).await.code(), "NOT_FOUND", "the queue alone makes the record");

    let webhooks = bench.handled(&messages).await;
    let call = bench.call(&answer["call_id"]).await.expect(200);
    assert_eq!((&call["status"], call["events"].as_array().unwrap().len()), (&json!(status), distinct));
    assert_eq!((&call["phone_number_id"], &call["endpoint_id"]), (&json!(bench.number.id), &json!(bench.endpoint.id)));
    assert_eq!((&call["from_number"], &call["to_number"]), (&json!(STRANGER), &json!(bench.number.e164)));
    // A repeated event queues its webhooks again, under the same ids.
    assert_eq!(webhooks.iter().map(|webhook| webhook.delivery_id).collect::<BTreeSet<_>>().len(), distinct);
    let names: BTreeSet<&str> = webhooks.iter().map(|webhook| webhook.event.as_str()).collect();
    assert_eq!(names, messages.iter().map(|(message, _)| message.event.kind.as_str()).collect());
    assert!(webhooks.iter().all(|webhook| webhook.mode == Mode::Test));
}

#[tokio::test]
async fn no_event_lies_ahead_and_the_call_began_when_its_id_says() {
    let bench = Bench::start().await;
    for script in ["answered", "no_terminal", "late_ringing"] {
        bench.play(script).await;
        let messages = bench.sent();
        let times: Vec<i64> = messages.iter().map(|(message, _)| message.event.timestamp.as_millis()).collect();
        assert_eq!(times.iter().max(), Some(&NOW_MS), "{script}");
        let began = messages[0].0.call_id.time().map(Timestamp::as_millis);
        assert_eq!(times.iter().min().copied(), began, "{script}");
    }
}

#[tokio::test]
async fn what_has_to_come_late_is_sent_with_a_delay() {
    let bench = Bench::start().await;
    let mut late = BTreeMap::new();
    for script in ["answered", "missed", "busy", "failed", "duplicate", "shuffled", "no_terminal", "late_ringing"] {
        bench.play(script).await;
        let sent = bench.sent();
        late.insert(script, sent.iter().filter(|(_, delay)| *delay == 1).count());
        assert!(sent.iter().all(|(_, delay)| (0..=1).contains(delay)));
    }
    late.retain(|_, count| *count > 0);
    assert_eq!(late, BTreeMap::from([("duplicate", 6), ("late_ringing", 1), ("shuffled", 5)]));
}

#[tokio::test]
async fn an_outbound_call_is_placed_with_the_organizations_number() {
    let bench = Bench::start().await;
    let body = json!({"script": "busy", "direction": "outbound", "from": "+234 803 000 0001", "to": "+233241000001"});
    let answer = bench.post(body).await.expect(202);
    bench.handled(&bench.sent()).await;
    let call = bench.call(&answer["id"]).await.expect(200);
    assert_eq!((&call["direction"], &call["phone_number_id"]), (&json!("outbound"), &json!(bench.number.id)));
    assert_eq!((&call["from_number"], &call["to_number"]), (&json!("+2348030000001"), &json!("+233241000001")));
}

#[tokio::test]
async fn a_live_key_and_one_without_the_scope_are_refused() {
    let bench = Bench::start().await;
    let body = json!({"script": "answered", "to": bench.number.e164});
    let asked = async |tenant: Tenant, scopes: &[Scope]| {
        let key = fixture::key(&bench.local.table, tenant, scopes.iter().copied().collect()).await;
        let answer = ask(&bench.app, key.reveal(), Method::POST, PATH, Some(&body)).await;
        (answer.status.as_u16(), answer.code().to_owned())
    };
    let test = bench.fixture.tenant;
    let live = Tenant::new(test.org(), Mode::Live);
    assert_eq!(asked(live, &[Scope::CallsWrite]).await, (403, "FORBIDDEN".to_owned()));
    assert_eq!(asked(test, &[Scope::CallsRead, Scope::NumbersWrite]).await, (403, "INSUFFICIENT_SCOPE".to_owned()));
    assert!(bench.sent().is_empty());
}

#[tokio::test]
async fn a_wrong_value_in_any_field_is_refused_with_the_field_named_and_nothing_sent() {
    let bench = Bench::start().await;
    let texts = ["", " ", "\u{0}", "a\u{0}b", "answered\n", "ANSWERED", "<script>", "' OR 1=1 --", "+0", "+1234567890123456"];
    let wrong: Vec<Value> =
        [json!(7), json!(true), json!([]), json!({}), json!("x".repeat(5_000))].into_iter().chain(texts.map(|text| json!(text))).collect();
    for field in ["script", "to", "from", "direction"] {
        for value in &wrong {
            let mut body = json!({"script": "answered", "to": bench.number.e164});
            body[field] = value.clone();
            let answer = bench.post(body).await;
            assert!(answer.status == 400 && names(&answer.body, field), "{field}={value}: {}", answer.text);
        }
    }
    let missing = bench.post(json!({"script": null})).await;
    assert_eq!((missing.status.as_u16(), missing.code()), (400, "MISSING_FIELDS"));
    let several = bench.post(json!({"script": "hangup", "to": "08030000001", "direction": "up"})).await;
    assert!(["script", "to", "direction"].iter().all(|field| names(&several.body, field)), "{}", several.text);
    assert!(several.text.contains("no_terminal or late_ringing"), "what is allowed is told");
    assert!(bench.sent().is_empty());
}

#[tokio::test]
async fn a_number_that_is_not_the_organizations_in_test_data_is_refused_and_nothing_sent() {
    let bench = Bench::start().await;
    let table = &bench.local.table;
    // Nobody's, another organization's, the same organization's in live data, and one that was released.
    let other = Fixture::create(table, Mode::Test).await.tenant;
    let live = Tenant::new(bench.fixture.tenant.org(), Mode::Live);
    for (tenant, n) in [(other, 2), (live, 3), (bench.fixture.tenant, 4)] {
        let slot = fixture::slot(n);
        let number = fixture::bought(table, tenant, &slot, None).await;
        if n == 4 {
            table.release_number(tenant, number.id, store::Release::Keep, fixture::now(), None).await.unwrap();
        }
    }
    for n in [9, 2, 3, 4] {
        let number = fixture::slot(n).e164;
        let inbound = bench.post(json!({"script": "answered", "to": number})).await;
        assert!(inbound.status == 400 && names(&inbound.body, "to"), "{number}: {}", inbound.text);
        let outbound = json!({"script": "answered", "direction": "outbound", "from": number, "to": bench.number.e164});
        let outbound = bench.post(outbound).await;
        assert!(outbound.status == 400 && names(&outbound.body, "from"), "{number}: {}", outbound.text);
    }
    assert!(bench.sent().is_empty());
}

#[tokio::test]
async fn a_play_that_is_sent_again_with_its_idempotency_key_is_one_call() {
    let bench = Bench::start().await;
    let (key, body) = (bench.fixture.key.reveal(), json!({"script": "missed", "to": bench.number.e164}));
    // The first try does not reach the queue.
    let cut_off = app(&bench.local, fixture::nowhere(), &bench.clock);
    let (status, _, problem) = ask_once(&cut_off, key, &body).await;
    assert_eq!((status, problem["code"].as_str()), (503, Some("SERVICE_UNAVAILABLE")));
    bench.clock.fetch_add(2_000, Ordering::SeqCst);
    let (status, replayed, second) = ask_once(&bench.app, key, &body).await;
    assert_eq!((status, replayed), (202, false));
    let sent = bench.sent();
    let last = sent.iter().map(|(message, _)| message.event.timestamp.as_millis()).max();
    assert_eq!((sent.len(), last), (3, Some(NOW_MS)), "the call is that of the first try");
    bench.clock.fetch_add(2_000, Ordering::SeqCst);
    let (status, replayed, third) = ask_once(&bench.app, key, &body).await;
    assert_eq!((status, replayed, third), (202, true, second));
    assert!(bench.sent().is_empty(), "nothing is sent again");
    let (status, _, other) = ask_once(&bench.app, key, &json!({"script": "busy", "to": bench.number.e164})).await;
    assert_eq!((status, other["code"].as_str()), (422, Some("IDEMPOTENCY_KEY_REUSED")));
    assert_ne!(bench.play("missed").await["id"], bench.play("missed").await["id"], "without a key each is a call of its own");
}
