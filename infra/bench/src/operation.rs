//! What is measured of a warm function: five operations, each with the event that asks for it.

use anyhow::{Context as _, Result, ensure};
use domain::{CallId, webhook::delivery_id};
use runtime::random;
use serde_json::{Value, json};
use testkit::{call, fixture};

use crate::world::World;

/// How many messages one batch of call events has, as the template says.
pub(crate) const BATCH: usize = 10;

/// One thing that a function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// One number with its endpoint and its SIP credentials.
    GetNumber,
    /// The first page of calls.
    ListCalls,
    /// A number is bought.
    BuyNumber,
    /// Ten events of ten different calls.
    TakeEvents,
    /// One webhook is signed, sent and recorded.
    Deliver,
}

impl Operation {
    pub(crate) const ALL: [Self; 5] = [Self::GetNumber, Self::ListCalls, Self::BuyNumber, Self::TakeEvents, Self::Deliver];

    /// The function that does it.
    pub(crate) const fn function(self) -> &'static str {
        match self {
            Self::GetNumber | Self::BuyNumber => "phone-numbers",
            Self::ListCalls => "calls",
            Self::TakeEvents => "call-events",
            Self::Deliver => "webhook-delivery",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::GetNumber => "GET one number",
            Self::ListCalls => "GET a page of 20 calls",
            Self::BuyNumber => "POST a purchase",
            Self::TakeEvents => "one call event, ten a batch",
            Self::Deliver => "one webhook delivery",
        }
    }

    /// How many requests or messages one invocation is.
    pub(crate) const fn per_invocation(self) -> usize {
        match self {
            Self::TakeEvents => BATCH,
            Self::GetNumber | Self::ListCalls | Self::BuyNumber | Self::Deliver => 1,
        }
    }

    /// Events for so many invocations.
    pub(crate) async fn events(self, world: &World, count: usize) -> Result<Vec<Value>> {
        match self {
            Self::GetNumber => Ok(vec![get(world, &format!("/v1/phone-numbers/{}", world.number), ""); count]),
            Self::ListCalls => Ok(vec![get(world, "/v1/calls", "limit=20"); count]),
            Self::BuyNumber => {
                let mut events = Vec::with_capacity(count);
                for _ in 0..count {
                    let body = json!({"inventory_id": world.offer().await?.address().id()}).to_string();
                    events.push(http("POST", "/v1/phone-numbers", "", world.buyer.reveal(), Some(&body)));
                }
                Ok(events)
            }
            Self::TakeEvents => lives(world, count),
            Self::Deliver => Ok((0..count).map(|_| sqs(&[delivery(world)])).collect()),
        }
    }

    /// What was answered, if it is what success looks like.
    pub(crate) fn succeeded(self, answer: &Value) -> Result<()> {
        let status = match self {
            Self::GetNumber | Self::ListCalls => 200,
            Self::BuyNumber => 201,
            Self::TakeEvents | Self::Deliver => {
                ensure!(answer["batchItemFailures"] == json!([]), "{}: {answer}", self.name());
                return Ok(());
            }
        };
        ensure!(answer["statusCode"] == status, "{}: {answer}", self.name());
        Ok(())
    }
}

fn get(world: &World, path: &str, query: &str) -> Value {
    http("GET", path, query, world.reader.reveal(), None)
}

/// A request as API Gateway hands it to a function.
pub(crate) fn http(method: &str, path: &str, query: &str, key: &str, body: Option<&str>) -> Value {
    json!({
        "version": "2.0",
        "routeKey": format!("ANY {path}"),
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "accept": "application/json",
            "authorization": format!("Bearer {key}"),
            "content-type": "application/json",
            "host": "api.example.com",
            "user-agent": "curl/8.5.0",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "curl/8.5.0"},
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": format!("ANY {path}"),
            "stage": "$default",
            "time": "02/Jan/2026:03:04:05 +0000",
            "timeEpoch": 1_767_323_045_000_u64,
        },
        "queryStringParameters": query.split_once('=').map(|(name, value)| json!({name: value})),
        "body": body,
        "isBase64Encoded": false,
    })
}

/// A batch of messages as SQS brings it.
fn sqs(bodies: &[String]) -> Value {
    let record = |(at, body): (usize, &String)| {
        json!({
            "messageId": format!("message-{at}"),
            "receiptHandle": "handle",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1767323045000"},
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:source",
            "awsRegion": "us-east-1",
        })
    };
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}

/// Whole lives of answered calls, ten calls side by side: the first events of all ten, then their second, and so on. Ends with
/// a whole life, so there may be some more than asked for.
fn lives(world: &World, count: usize) -> Result<Vec<Value>> {
    let file = call::events_folder().join("call-events/answered-call.json");
    let (org, to) = (world.tenant.org().to_string(), world.called.e164.to_string());
    let mut batches = Vec::new();
    while batches.len() < count {
        let mut calls = Vec::with_capacity(BATCH);
        for _ in 0..BATCH {
            calls.push(call::messages(&file, &org, world.tenant.mode().as_str(), &to, fixture::now(), 130)?.1);
        }
        let events = calls.iter().map(Vec::len).min().context("there are calls")?;
        batches.extend((0..events).map(|at| {
            let bodies: Vec<String> = calls.iter().filter_map(|events| Some(events.get(at)?.to_string())).collect();
            sqs(&bodies)
        }));
    }
    Ok(batches)
}

/// The message of a delivery: a completed call, about as large as one with metadata.
fn delivery(world: &World) -> String {
    let call = CallId::new(fixture::now(), random::bytes());
    let event = format!("evt_{call}");
    let data = json!({"call_id": call, "caller": "Zoë ☎", "filling": "x".repeat(1_300)});
    json!({
        "organization_id": world.tenant.org(), "mode": world.tenant.mode(), "delivery_id": delivery_id(&event, call.as_uuid()),
        "endpoint_id": world.endpoint, "call_id": call, "event_id": event, "event": "call.completed", "attempt": 1,
        "body": json!({"id": event, "event": "call.completed", "data": data}).to_string(),
    })
    .to_string()
}
