//! From a call event's sending to the arrival of its webhook, through the whole product on the local cloud.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use axum::{Json, Router, extract::State, routing::post};
use domain::{Mode, number::PhoneNumber};
use serde_json::{Value, json};
use testkit::{Client, Fixture, Stack, call, fixture};
use tokio::{net::TcpListener, time::sleep};

use crate::{measure::Effort, spread::Spread};

/// Events a second.
const RATES: [u64; 3] = [1, 50, 500];

/// The most messages of one request to the queue.
const TOGETHER: usize = 10;

/// How long after the last event webhooks are waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What became of the events that were sent at one rate.
pub(crate) struct Delay {
    pub(crate) rate: u64,
    pub(crate) sent: usize,
    pub(crate) arrived: usize,
    /// How long the sending took, in seconds: longer than asked for if the queue does not take so many.
    pub(crate) sending_seconds: f64,
    pub(crate) ms: Option<Spread>,
    pub(crate) slowest_ms: f64,
}

/// When each event's webhook arrived.
type Arrivals = Arc<Mutex<HashMap<String, Instant>>>;

/// Measures every rate on the running stack; `None` if there is none.
pub(crate) async fn measure(effort: &Effort) -> Result<Option<Vec<Delay>>> {
    let Ok(stack) = Stack::load() else { return Ok(None) };
    let mut delays = Vec::new();
    for rate in RATES {
        delays.push(at(&stack, rate, effort.seconds).await?);
    }
    Ok(Some(delays))
}

async fn at(stack: &Stack, rate: u64, seconds: u64) -> Result<Delay> {
    let table = stack.table();
    let fixture = Fixture::create(&table, Mode::Live).await;
    let arrivals = Arrivals::default();
    let webhook = json!({"name": "Bench", "type": "webhook", "url": receiver(Arc::clone(&arrivals)).await?});
    let client = Client::new(&stack.base_url, fixture.key.reveal());
    let endpoint = client.post("/v1/endpoints", webhook).await.expect(201)["id"].as_str().and_then(|id| id.parse().ok());
    let slot = fixture::slot(u32::try_from(fixture::now().as_millis() % 9_000_000)?);
    let number = fixture::bought(&table, fixture.tenant, &slot, endpoint).await;
    let events = (0..rate * seconds).map(|_| event(&fixture, &number)).collect::<Result<Vec<_>>>()?;
    let begun = Instant::now();
    let sent = send(stack, events, rate).await?;
    let sending_seconds = begun.elapsed().as_secs_f64();
    let last = Instant::now();
    while last.elapsed() < PATIENCE && lock(&arrivals).len() < sent.len() {
        sleep(Duration::from_millis(20)).await;
    }
    let arrivals = lock(&arrivals);
    let taken = sent.iter().filter_map(|(call, at)| Some(arrivals.get(call)?.duration_since(*at).as_secs_f64() * 1e3));
    let taken: Vec<f64> = taken.collect();
    let slowest_ms = taken.iter().copied().fold(0.0, f64::max);
    Ok(Delay { rate, sent: sent.len(), arrived: taken.len(), sending_seconds, ms: Spread::of(taken), slowest_ms })
}

/// The beginning of a call, and the call's id.
fn event(fixture: &Fixture, number: &PhoneNumber) -> Result<(String, String)> {
    let file = call::events_folder().join("call-events/answered-call.json");
    let (org, mode) = (fixture.tenant.org().to_string(), fixture.tenant.mode().as_str());
    let (id, messages) = call::messages(&file, &org, mode, &number.e164.to_string(), fixture::now(), 0)?;
    Ok((id.to_string(), messages.first().context("a call has events")?.to_string()))
}

/// Sends each event when it is due, those together that are; when each was sent, by its call.
async fn send(stack: &Stack, events: Vec<(String, String)>, rate: u64) -> Result<Vec<(String, Instant)>> {
    let begun = Instant::now();
    let (mut sent, mut waiting) = (Vec::new(), events.into_iter().peekable());
    while waiting.peek().is_some() {
        let due = usize::try_from(begun.elapsed().as_millis())? * usize::try_from(rate)? / 1_000 + 1;
        let some: Vec<(String, String)> = waiting.by_ref().take(due.saturating_sub(sent.len()).min(TOGETHER)).collect();
        if some.is_empty() {
            sleep(Duration::from_millis(1)).await;
            continue;
        }
        let (calls, bodies): (Vec<String>, Vec<String>) = some.into_iter().unzip();
        let now = Instant::now();
        stack.send("call-events", &bodies).await;
        sent.extend(calls.into_iter().map(|call| (call, now)));
    }
    Ok(sent)
}

/// Starts a receiver that notes when each call's webhook arrives for the first time; gives its URL.
async fn receiver(arrivals: Arrivals) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let app = Router::new().route("/", post(take)).with_state(arrivals);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

async fn take(State(arrivals): State<Arrivals>, Json(body): Json<Value>) {
    if let Some(call) = body["data"]["call_id"].as_str() {
        lock(&arrivals).entry(call.to_owned()).or_insert_with(Instant::now);
    }
}

fn lock(arrivals: &Arrivals) -> MutexGuard<'_, HashMap<String, Instant>> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}
