//! Every file of `events/` is a Lambda event that its function answers as the file beside it says.

use std::{fs, path::Path, sync::Arc};

use aws_lambda_events::sqs::SqsEvent;
use axum::Router;
use domain::{
    CredentialId, Mode, OrgId,
    api_key::{ApiKey, ApiKeyText, KeyRecord},
    callback::CallbackToken,
    carrier::Carrier,
    credential::CarrierCredential,
    id::KeyId,
    secret::SecretKind,
};
use lambda_http::{RequestExt as _, http::Request};
use runtime::Clock;
use serde_json::Value;
use store::{Organization, Table, Tenant};
use testkit::{LocalTable, Mailbox, Stack, call::events_folder, fixture};
use tower::ServiceExt as _;
use webhooks::guard::Loopback;

/// The organization and the keys that stand in the files.
const ORGANIZATION: &str = "0198c0de-0000-7000-8000-0000000000a1";
const KEYS: [(Mode, &str); 2] =
    [(Mode::Live, "kros_live_EXAMPLEKEYFOREVENTFILESONLY0001bPIwK"), (Mode::Test, "kros_test_EXAMPLEKEYFOREVENTFILESONLY0003Ujo3n")];

/// A table with what the files speak of: the organization, its keys, the number on offer.
async fn table() -> LocalTable {
    let local = LocalTable::start().await;
    let org: OrgId = ORGANIZATION.parse().unwrap();
    let now = fixture::now();
    local.table.create_organization(&Organization { id: org, name: "Events".to_owned(), created_at: now }).await.unwrap();
    for (n, (mode, text)) in (1..).zip(KEYS) {
        let key = ApiKey { id: KeyId::new(now, [n; 10]), ..fixture::api_key(Tenant::new(org, mode)) };
        local.table.create_api_key(&KeyRecord::new(key, &ApiKeyText::parse(text).unwrap())).await.unwrap();
    }
    local.table.import_slot(Mode::Live, &fixture::slot(1)).await.unwrap();
    local
}

/// A queue of this test's own, to send to and to count.
async fn queue(sqs: &aws_sdk_sqs::Client, name: &str) -> (queue::Sender, String) {
    let name = format!("{name}-{}", hex(runtime::random::bytes::<8>()));
    let url = sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
    (queue::Sender::new(sqs.clone(), url.clone()), url)
}

fn hex(bytes: [u8; 8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn phone_numbers_answers_its_events() {
    let vault = Stack::load().unwrap().vault().await;
    for case in cases("phone-numbers") {
        let local = table().await;
        let state = phone_numbers::State::new(local.table.clone(), vault.clone(), fixture::nowhere(), Clock::System, "sip.example.com");
        check_http(&case, phone_numbers::app(state)).await;
    }
}

#[tokio::test]
async fn endpoints_answers_its_events() {
    let (local, stack) = (table().await, Stack::load().unwrap());
    let state = endpoints::State::new(
        local.table.clone(),
        stack.vault().await,
        fixture::nowhere(),
        Clock::System,
        fixture::public_names(),
        "sip.example.com",
    );
    for case in cases("endpoints") {
        check_http(&case, endpoints::app(state.clone())).await;
    }
}

#[tokio::test]
async fn calls_answers_its_events() {
    let (local, stack) = (table().await, Stack::load().unwrap());
    local.table.import_slot(Mode::Test, &fixture::slot(1)).await.unwrap();
    own_number(&local.table, Mode::Test).await;
    let (events, _) = queue(&stack.sqs(), "events").await;
    let state = calls::State::new(local.table.clone(), stack.vault().await, events, Clock::System);
    for case in cases("calls") {
        check_http(&case, calls::app(state.clone())).await;
    }
}

#[tokio::test]
async fn carrier_credentials_answers_its_events() {
    let vault = Stack::load().unwrap().vault().await;
    for case in cases("carrier-credentials") {
        let local = table().await;
        let state = carrier_credentials::State::new(local.table.clone(), vault.clone(), Clock::System, "https://api.example.com");
        check_http(&case, carrier_credentials::app(state)).await;
    }
}

#[tokio::test]
async fn carrier_callbacks_answers_its_events() {
    let (vault, sent) = (testkit::costs::vault(), Mailbox::new(Arc::default()));
    for case in cases("carrier-callbacks") {
        let local = table().await;
        carrier_number(&local.table, &vault).await;
        let state = carrier_callbacks::State::new(carrier_callbacks::Parts {
            table: local.table.clone(),
            vault: vault.clone(),
            call_events: sent.sender(),
            clock: Clock::System,
            metrics: runtime::Metrics::Log,
            policy: Loopback::Refused.into(),
            public_base_url: "https://api.example.com".to_owned(),
        });
        check_http(&case, carrier_callbacks::app(state.unwrap())).await;
    }
    assert_eq!(sent.len(), 3, "that there is a call and that it was not connected; what became of one");
}

#[tokio::test]
async fn call_events_answers_its_events() {
    let sqs = Stack::load().unwrap().sqs();
    for case in cases("call-events") {
        let local = table().await;
        own_number(&local.table, Mode::Live).await;
        let ((work, work_url), (dead, dead_url)) = (queue(&sqs, "work").await, queue(&sqs, "dead").await);
        let function = call_events::CallEvents::new(local.table.clone(), work, dead, Clock::System);
        let answer = function.handle(sqs_event(&case)).await;
        check_sqs(&case, serde_json::to_value(answer).unwrap(), waiting(&sqs, &dead_url).await);
        assert_eq!(Some(waiting(&sqs, &work_url).await as u64), case.answer["webhooks"].as_u64(), "{}", case.name);
    }
}

#[tokio::test]
async fn webhook_delivery_answers_its_events() {
    let stack = Stack::load().unwrap();
    let sqs = stack.sqs();
    let vault = stack.vault().await;
    for case in cases("webhook-delivery") {
        let ((retries, _), (dead, dead_url)) = (queue(&sqs, "retries").await, queue(&sqs, "dead").await);
        let local = table().await;
        let function =
            webhook_delivery::WebhookDelivery::new(local.table.clone(), vault.clone(), retries, dead, Clock::System, Loopback::Refused)
                .unwrap();
        let answer = function.handle(sqs_event(&case)).await;
        check_sqs(&case, serde_json::to_value(answer).unwrap(), waiting(&sqs, &dead_url).await);
    }
}

#[tokio::test]
async fn webhooks_answers_its_events() {
    let (local, vault) = (table().await, Stack::load().unwrap().vault().await);
    let state = webhooks_api::State::new(local.table.clone(), vault, fixture::nowhere(), Clock::System, fixture::public_names());
    for case in cases("webhooks") {
        check_http(&case, webhooks_api::app(state.clone())).await;
    }
}

#[tokio::test]
async fn api_keys_answers_its_events() {
    let vault = Stack::load().unwrap().vault().await;
    for case in cases("api-keys") {
        let local = table().await;
        check_http(&case, api_keys::app(api_keys::State::new(local.table.clone(), vault.clone(), Clock::System))).await;
    }
}

#[tokio::test]
async fn docs_answers_its_events() {
    for case in cases("docs") {
        check_http(&case, docs::app()).await;
    }
}

#[tokio::test]
async fn due_deliveries_answers_its_events() {
    let local = table().await;
    let function = due_deliveries::DueDeliveries::new(local.table.clone(), fixture::nowhere(), Clock::System);
    for case in cases("due-deliveries") {
        // Whatever a schedule sends, the function does the same.
        serde_json::from_str::<Value>(&case.event).unwrap();
        assert_eq!(Some(function.run().await.unwrap() as u64), case.answer.as_u64(), "{}", case.name);
    }
}

#[tokio::test]
async fn call_reaper_answers_its_events() {
    let limits = call_reaper::Limits { ringing_millis: 120_000, call_millis: 14_400_000 };
    let local = table().await;
    let function = call_reaper::CallReaper::new(local.table.clone(), fixture::nowhere(), Clock::System, limits);
    for case in cases("call-reaper") {
        serde_json::from_str::<Value>(&case.event).unwrap();
        assert_eq!(Some(function.run().await.unwrap() as u64), case.answer.as_u64(), "{}", case.name);
    }
}

#[test]
fn every_event_belongs_to_a_function_and_has_its_answer() {
    let functions = [
        "phone-numbers",
        "endpoints",
        "calls",
        "carrier-callbacks",
        "carrier-credentials",
        "api-keys",
        "docs",
        "webhooks",
        "call-events",
        "webhook-delivery",
        "due-deliveries",
        "call-reaper",
    ];
    for folder in fs::read_dir(events_folder()).unwrap().map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir()) {
        assert!(functions.contains(&folder.file_name().to_str().unwrap()), "{}", folder.path().display());
    }
    for function in functions {
        assert!(!cases(function).is_empty(), "{function} has no events");
    }
}

/// An event, its name, and its answer.
struct Case {
    name: String,
    event: String,
    answer: Value,
}

fn cases(function: &str) -> Vec<Case> {
    let mut paths: Vec<_> = fs::read_dir(events_folder().join(function)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.to_str().unwrap().ends_with(".answer.json"));
    paths.sort();
    paths.iter().map(|path| case(path)).collect()
}

fn case(path: &Path) -> Case {
    let answer = path.with_extension("answer.json");
    let answer = fs::read_to_string(&answer).unwrap_or_else(|_| panic!("{} has no answer beside it", path.display()));
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    Case { name, event: fs::read_to_string(path).unwrap(), answer: serde_json::from_str(&answer).unwrap() }
}

fn sqs_event(case: &Case) -> SqsEvent {
    serde_json::from_str(&case.event).unwrap()
}

async fn own_number(table: &Table, mode: Mode) {
    let tenant = store::Tenant::new(ORGANIZATION.parse().unwrap(), mode);
    let endpoint = fixture::endpoint();
    table.create_endpoint(tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
    let (number, claim) = fixture::purchase(tenant, &fixture::slot(1), Some(endpoint.id));
    table.buy_number(tenant, &fixture::slot(1), &number, &claim, None).await.unwrap();
}

/// The carrier credential whose callback token stands in the files, and a number that hangs on it and rings nothing.
async fn carrier_number(table: &Table, vault: &vault::Vault) {
    let tenant = Tenant::new(ORGANIZATION.parse().unwrap(), Mode::Live);
    let id: CredentialId = "0198c0de-0000-7000-8000-0000000000c1".parse().unwrap();
    let place = tenant.place(SecretKind::CarrierToken, id.as_uuid());
    let token = vault.seal(&place, &"an-example-and-no-secret".into(), fixture::now()).await.unwrap();
    let callback = CallbackToken::new(tenant.org(), tenant.mode(), id, [7; 16]).hash();
    let credential = CarrierCredential { id, token, callback, ..fixture::credential(Carrier::Twilio, 1) };
    table.create_credential(tenant, &credential).await.unwrap();
    table.register_number(tenant, &fixture::carrier_number(&credential, 1), None).await.unwrap();
}

/// How many messages lie in a queue, up to ten.
async fn waiting(sqs: &aws_sdk_sqs::Client, url: &str) -> usize {
    sqs.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap().messages().len()
}

/// Sends the event as `lambda_http` does and compares status and the fields that the answer names.
async fn check_http(case: &Case, app: Router) {
    let request: Request<lambda_http::Body> = lambda_http::request::from_str(&case.event).unwrap();
    let path = request.raw_http_path().to_owned();
    assert!(["/v1/", "/api/v1/", "/carriers/", "/health"].iter().any(|prefix| path.starts_with(prefix)), "{}", case.name);
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(u64::from(response.status().as_u16()), case.answer["statusCode"].as_u64().unwrap(), "{}", case.name);
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    // A body that is no JSON is compared as the text that it is.
    let body: Value = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
    assert!(contains(&body, &case.answer["body"]), "{}: {body:#} lacks {:#}", case.name, case.answer["body"]);
}

fn check_sqs(case: &Case, answer: Value, dead_letters: usize) {
    assert_eq!(answer["batchItemFailures"], case.answer["batchItemFailures"], "{}", case.name);
    assert_eq!(Some(dead_letters as u64), case.answer["deadLetters"].as_u64(), "{}", case.name);
}

/// Whether everything that `part` names stands in `whole`.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|whole| contains(whole, value)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        _ => whole == part,
    }
}
