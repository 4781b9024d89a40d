//! Every file of `events/` is a Lambda event that its function answers as the file beside it says.

use aws_lambda_events::sqs::SqsEvent;
use axum::Router;
use lambda_http::{RequestExt as _, http::Request};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{
    events::{self, Case, PUBLIC_BASE_URL, Queue, SIP_DOMAIN, World},
    fixture,
};
use tower::ServiceExt as _;
use webhooks::guard::Loopback;

#[tokio::test]
async fn phone_numbers_answers_its_events() {
    for (case, world) in worlds("phone-numbers").await {
        let state = phone_numbers::State::new(world.table(), world.vault(), world.sender(Queue::Webhooks), Clock::System, SIP_DOMAIN);
        check_http(&case, &world, phone_numbers::app(state)).await;
    }
}

#[tokio::test]
async fn endpoints_answers_its_events() {
    for (case, world) in worlds("endpoints").await {
        let (queue, names) = (world.sender(Queue::Webhooks), fixture::public_names());
        let state = endpoints::State::new(world.table(), world.vault(), queue, Clock::System, names, SIP_DOMAIN);
        check_http(&case, &world, endpoints::app(state)).await;
    }
}

#[tokio::test]
async fn calls_answers_its_events() {
    for (case, world) in worlds("calls").await {
        let state = calls::State::new(world.table(), world.vault(), world.sender(Queue::CallEvents), Clock::System);
        check_http(&case, &world, calls::app(state)).await;
    }
}

#[tokio::test]
async fn carrier_credentials_answers_its_events() {
    for (case, world) in worlds("carrier-credentials").await {
        let state = carrier_credentials::State::new(world.table(), world.vault(), Clock::System, PUBLIC_BASE_URL);
        check_http(&case, &world, carrier_credentials::app(state)).await;
    }
}

#[tokio::test]
async fn carrier_callbacks_answers_its_events() {
    let mut sent = 0;
    for (case, world) in worlds("carrier-callbacks").await {
        let state = carrier_callbacks::State::new(carrier_callbacks::Parts {
            table: world.table(),
            vault: world.vault(),
            call_events: world.sender(Queue::CallEvents),
            clock: Clock::System,
            metrics: runtime::Metrics::Log,
            policy: Loopback::Refused.into(),
            public_base_url: PUBLIC_BASE_URL.to_owned(),
        });
        check_http(&case, &world, carrier_callbacks::app(state)).await;
        sent += world.sent(Queue::CallEvents);
    }
    assert_eq!(sent, 3, "that there is a call and that it was not connected; what became of one");
}

#[tokio::test]
async fn call_events_answers_its_events() {
    for (case, world) in worlds("call-events").await {
        let (work, dead) = (world.sender(Queue::Webhooks), world.sender(Queue::DeadLetters));
        let function = call_events::CallEvents::new(world.table(), work, dead, Clock::System);
        check(&case, &world, &serde_json::to_value(function.handle(sqs_event(&case)).await).unwrap());
    }
}

#[tokio::test]
async fn webhook_delivery_answers_its_events() {
    for (case, world) in worlds("webhook-delivery").await {
        let (retries, dead) = (world.sender(Queue::Webhooks), world.sender(Queue::DeadLetters));
        let function =
            webhook_delivery::WebhookDelivery::new(world.table(), world.vault(), retries, dead, Clock::System, Loopback::Refused).unwrap();
        check(&case, &world, &serde_json::to_value(function.handle(sqs_event(&case)).await).unwrap());
    }
}

#[tokio::test]
async fn webhooks_answers_its_events() {
    for (case, world) in worlds("webhooks").await {
        let (queue, names) = (world.sender(Queue::Webhooks), fixture::public_names());
        let state = webhooks_api::State::new(world.table(), world.vault(), queue, Clock::System, names);
        check_http(&case, &world, webhooks_api::app(state)).await;
    }
}

#[tokio::test]
async fn api_keys_answers_its_events() {
    for (case, world) in worlds("api-keys").await {
        check_http(&case, &world, api_keys::app(api_keys::State::new(world.table(), world.vault(), Clock::System))).await;
    }
}

#[tokio::test]
async fn docs_answers_its_events() {
    for (case, world) in worlds("docs").await {
        check_http(&case, &world, docs::app(crate::every_route::strangers())).await;
    }
}

#[tokio::test]
async fn due_deliveries_answers_its_events() {
    for (case, world) in worlds("due-deliveries").await {
        // Whatever a schedule sends, the function does the same.
        assert!(case.json().is_object());
        let function = due_deliveries::DueDeliveries::new(world.table(), world.sender(Queue::Webhooks), Clock::System);
        check(&case, &world, &json!(function.run().await.unwrap()));
    }
}

#[tokio::test]
async fn call_reaper_answers_its_events() {
    let limits = || call_reaper::Limits { ringing_millis: 120_000, call_millis: 14_400_000 };
    for (case, world) in worlds("call-reaper").await {
        assert!(case.json().is_object());
        let function = call_reaper::CallReaper::new(world.table(), world.sender(Queue::CallEvents), Clock::System, limits());
        check(&case, &world, &json!(function.run().await.unwrap()));
    }
}

#[test]
fn every_function_has_events_and_every_event_a_function() {
    let functions = super::template::resources("AWS::Serverless::Function");
    let mut folders: Vec<_> = functions.iter().map(|(_, function)| super::template::folder(function)).collect();
    folders.sort();
    assert_eq!(events::functions(), folders);
    for function in folders {
        assert!(!Case::of(&function).is_empty(), "{function} has no events");
    }
}

/// The events of a function, each with a world of its own.
async fn worlds(function: &str) -> Vec<(Case, World)> {
    let mut found = Vec::new();
    for case in Case::of(function) {
        found.push((case, World::here(function).await));
    }
    found
}

fn sqs_event(case: &Case) -> SqsEvent {
    serde_json::from_str(&case.event).unwrap()
}

/// Sends the event as `lambda_http` does.
async fn check_http(case: &Case, world: &World, app: Router) {
    let request: Request<lambda_http::Body> = lambda_http::request::from_str(&case.event).unwrap();
    let path = request.raw_http_path().to_owned();
    assert!(["/v1/", "/api/v1/", "/carriers/", "/health"].iter().any(|prefix| path.starts_with(prefix)), "{}", case.name);
    let response = app.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    check(case, world, &json!({ "statusCode": status, "body": String::from_utf8_lossy(&body) }));
}

fn check(case: &Case, world: &World, answer: &Value) {
    if let Err(other) = case.compare(answer, world) {
        panic!("{}: {other}", case.file());
    }
}
