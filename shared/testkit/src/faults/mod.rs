//! What lies between a function and whatever it talks to: each request passes here, is counted, and may meet a fault.
//!
//! A request is a step of a function's work. Who stops a function at its n-th request, before or after it was passed on,
//! stops it between any two steps, and no code of the product has to know. No local database throttles, is slow or
//! cancels for a conflict: here a share of the requests meets all of it. Nothing here knows what a request means.

mod answers;

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{
    StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING},
    request::Parts,
};
use tokio::{net::TcpListener, sync::Notify};

use crate::load::Dice;

/// The longest request, in bytes: more than DynamoDB or SQS takes.
const MAX_BODY_BYTES: usize = 16 << 20;

/// Before a request is passed on, or after it was and before its answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Nothing has happened yet.
    Before,
    /// It has happened and nobody was told.
    After,
}

/// A point at which to stop: the n-th request, from 1, since [`Wire::begin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Which request.
    pub number: u32,
    /// On which side of it.
    pub moment: Moment,
}

/// Which shares of the requests to a database meet a fault, each in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Refused because there were too many.
    pub throttled: u64,
    /// Never answered: half of them before they have had an effect, half after.
    pub unanswered: u64,
    /// Of the writes: refused because a transaction holds the item.
    pub conflicts: u64,
}

/// How many requests have met what, on the ways that have faults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Met {
    /// All of them.
    pub requests: u64,
    /// Refused because there were too many.
    pub throttled: u64,
    /// Never answered and without an effect.
    pub unanswered_before: u64,
    /// Never answered, although they had their effect.
    pub unanswered_after: u64,
    /// Refused because a transaction holds the item.
    pub conflicts: u64,
}

impl Met {
    /// What requests of two wires have met.
    #[must_use]
    pub const fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            throttled: self.throttled + other.throttled,
            unanswered_before: self.unanswered_before + other.unanswered_before,
            unanswered_after: self.unanswered_after + other.unanswered_after,
            conflicts: self.conflicts + other.conflicts,
        }
    }
}

/// What a function asks at its start to have a connection open: no step of its work, so neither counted nor met by faults.
const HELLO: &str = "GET /";

/// All the ways from one function to what it talks to. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Wire {
    client: reqwest::Client,
    state: Arc<Mutex<Counts>>,
    stopped: Arc<Notify>,
}

#[derive(Debug)]
struct Counts {
    dice: Dice,
    number: u32,
    stop: Option<Stop>,
    stopped_at: Option<String>,
    operations: BTreeMap<String, u64>,
    met: Met,
}

/// One way.
#[derive(Debug, Clone)]
struct Way {
    wire: Wire,
    target: String,
    faults: Faults,
}

/// What becomes of a request.
enum Fate {
    Passed,
    Throttled,
    Conflict,
    Unanswered(Moment),
}

impl Wire {
    /// Ways whose faults come as this seed has it.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let counts =
            Counts { dice: Dice::new(seed), number: 0, stop: None, stopped_at: None, operations: BTreeMap::new(), met: Met::default() };
        Self { client, state: Arc::new(Mutex::new(counts)), stopped: Arc::default() }
    }

    /// Opens a way to a server, such as `http://127.0.0.1:4566`; the answer is the URL to use in its place.
    pub async fn to(&self, target: &str, faults: Faults) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let way = Way { wire: self.clone(), target: target.trim_end_matches('/').to_owned(), faults };
        let app = Router::new().fallback(pass).with_state(way);
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    /// Counts requests from 1 again, and stops at one of them if told so: it is held for ever.
    pub fn begin(&self, stop: Option<Stop>) {
        let mut counts = self.counts();
        (counts.number, counts.stop, counts.stopped_at) = (0, stop, None);
    }

    /// Waits until the stop is reached; the name of the operation that is held there.
    pub async fn stopped(&self) -> String {
        loop {
            let reached = self.stopped.notified();
            if let Some(operation) = self.counts().stopped_at.clone() {
                return operation;
            }
            reached.await;
        }
    }

    /// How often each operation has come by so far.
    #[must_use]
    pub fn operations(&self) -> BTreeMap<String, u64> {
        self.counts().operations.clone()
    }

    /// What requests have met so far.
    #[must_use]
    pub fn met(&self) -> Met {
        self.counts().met
    }

    /// Counts a request; on which side of it to stop, if it is the one.
    fn count(&self, operation: &str) -> Option<Moment> {
        let mut counts = self.counts();
        counts.number += 1;
        *counts.operations.entry(operation.to_owned()).or_default() += 1;
        let number = counts.number;
        counts.stop.take_if(|stop| stop.number == number).map(|stop| stop.moment)
    }

    /// Holds a request until whoever sent it is gone.
    async fn hold(&self, operation: String) -> Response {
        self.counts().stopped_at = Some(operation);
        self.stopped.notify_one();
        pending().await
    }

    fn fate(&self, faults: Faults, operation: &str) -> Fate {
        if faults == Faults::default() {
            return Fate::Passed;
        }
        let mut counts = self.counts();
        let (roll, side, conflict) = (counts.dice.below(100), counts.dice.below(2), counts.dice.below(100) < faults.conflicts);
        let Counts { met, .. } = &mut *counts;
        met.requests += 1;
        if roll < faults.throttled {
            met.throttled += 1;
            return Fate::Throttled;
        }
        if roll < faults.throttled + faults.unanswered {
            let (moment, count) = match side {
                0 => (Moment::Before, &mut met.unanswered_before),
                _ => (Moment::After, &mut met.unanswered_after),
            };
            *count += 1;
            return Fate::Unanswered(moment);
        }
        if conflict && answers::may_conflict(operation) {
            met.conflicts += 1;
            return Fate::Conflict;
        }
        Fate::Passed
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pass(State(way): State<Way>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else { return StatusCode::BAD_REQUEST.into_response() };
    let operation = operation(&parts);
    if operation == HELLO {
        return way.forward(parts, body).await;
    }
    let stop = way.wire.count(&operation);
    if stop == Some(Moment::Before) {
        return way.wire.hold(operation).await;
    }
    match way.wire.fate(way.faults, &operation) {
        Fate::Passed => {}
        Fate::Throttled => return answers::throttled(&operation, &body),
        Fate::Conflict => return answers::conflict(&operation, &body),
        Fate::Unanswered(Moment::Before) => return pending().await,
        Fate::Unanswered(Moment::After) => {
            way.forward(parts, body).await;
            return pending().await;
        }
    }
    let answer = way.forward(parts, body).await;
    if stop == Some(Moment::After) {
        return way.wire.hold(operation).await;
    }
    answer
}

impl Way {
    async fn forward(&self, mut parts: Parts, body: Bytes) -> Response {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", self.target);
        own_headers(&mut parts.headers);
        let sent = self.wire.client.request(parts.method, url).headers(parts.headers).body(body).send().await;
        let Ok(answer) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        own_headers(&mut headers);
        let Ok(body) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
        (status, headers, Body::from(body)).into_response()
    }
}

/// Leaves out what each connection says for itself.
fn own_headers(headers: &mut HeaderMap) {
    for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}

/// What a request asks for: the operation of an AWS service, else method and path.
fn operation(parts: &Parts) -> String {
    match parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        Some(target) => target.to_owned(),
        None => format!("{} {}", parts.method, parts.uri.path()),
    }
}
