//! A webhook receiver: a real HTTP server that keeps what it was sent and answers as it is told.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    routing::post,
};
use domain::Timestamp;
use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use serde_json::Value;
use tokio::net::TcpListener;
use webhooks::sign::{Signatures, SigningSecret, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, X_WEBHOOK_SIGNATURE, verify_body};

/// One request that arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, byte for byte.
    pub body: Bytes,
}

impl Arrival {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks both signatures as a receiver does.
    ///
    /// # Errors
    /// What does not fit.
    pub fn verify(&self, secret: &str, now: Timestamp) -> Result<(), String> {
        self.verify_standard(secret, now)?;
        verify_body(secret, &self.body, self.header(X_WEBHOOK_SIGNATURE)).map_err(|error| format!("X-Webhook-Signature: {error}"))
    }

    /// Checks the signature of Standard Webhooks.
    ///
    /// # Errors
    /// What does not fit.
    pub fn verify_standard(&self, secret: &str, now: Timestamp) -> Result<(), String> {
        let signatures = Signatures {
            webhook_id: self.header(WEBHOOK_ID).to_owned(),
            webhook_timestamp: self.header(WEBHOOK_TIMESTAMP).to_owned(),
            webhook_signature: self.header(WEBHOOK_SIGNATURE).to_owned(),
            x_webhook_signature: self.header(X_WEBHOOK_SIGNATURE).to_owned(),
        };
        let key = SigningSecret::parse(secret).map_err(|error| error.to_string())?;
        signatures.verify(&self.body, &key, now).map_err(|error| format!("webhook-signature: {error}"))
    }
}

#[derive(Debug, Clone, Default)]
struct Shared {
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    answers: Arc<Mutex<Vec<StatusCode>>>,
    /// What follows them; 0 is 200.
    usual: Arc<AtomicU16>,
    body: Arc<Mutex<String>>,
    retry_after: Arc<AtomicU64>,
    /// How long an answer takes, in milliseconds.
    takes: Arc<AtomicU64>,
    /// How many requests wait for their answer, and the most that ever did.
    open: Arc<AtomicUsize>,
    most_open: Arc<AtomicUsize>,
    refused: Arc<Mutex<Refused>>,
}

/// Which ids were seen, so that some are refused when they come for the first time.
#[derive(Debug, Default)]
struct Refused {
    one_of: usize,
    seen: HashSet<String>,
}

impl Refused {
    fn refuses(&mut self, id: &str) -> bool {
        self.one_of > 0 && self.seen.insert(id.to_owned()) && self.seen.len().is_multiple_of(self.one_of)
    }
}

/// A receiver on a free loopback port; ends with the test.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens. Under it, `/410` and every other status answer as they say, whatever else was told.
    pub url: String,
    shared: Shared,
}

impl Receiver {
    /// Starts a receiver that answers 200.
    pub async fn start() -> Self {
        Self::answering(&[]).await
    }

    /// Starts a receiver that answers with these statuses in turn and with 200 after them.
    pub async fn answering(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let shared = Shared::default();
        shared.answers.lock().unwrap().extend(statuses.iter().rev().map(|status| StatusCode::from_u16(*status).unwrap()));
        let app = Router::new().route("/hook", post(take)).route("/hook/{status}", post(take_and_say)).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    /// Has every answer from now on be this status, after those that it was started with.
    pub fn answer(&self, status: u16) {
        self.shared.usual.store(status, Ordering::SeqCst);
    }

    /// Has every answer say this.
    pub fn say(&self, body: &str) {
        *self.shared.body.lock().unwrap() = body.to_owned();
    }

    /// Has every answer ask for so many seconds of patience.
    pub fn retry_after(&self, seconds: u64) {
        self.shared.retry_after.store(seconds, Ordering::SeqCst);
    }

    /// Has every answer take so long; [`Duration::MAX`] is for ever.
    pub fn take_time(&self, time: Duration) {
        self.shared.takes.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// The most requests that ever waited for their answer at the same time.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.shared.most_open.load(Ordering::SeqCst)
    }

    /// Fails at one of so many `webhook-id`s when it comes for the first time, with a status that slows nothing down.
    pub fn refuse_first_of_every(&self, one_of: usize) {
        self.shared.refused.lock().unwrap().one_of = one_of;
    }

    /// What has arrived so far.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.arrivals.lock().unwrap().clone()
    }

    /// Waits until so many requests have arrived.
    pub async fn wait_for(&self, count: usize, limit: Duration) -> Vec<Arrival> {
        crate::wait::until(&format!("{count} webhooks"), limit, || async {
            Some(self.arrivals()).filter(|arrivals| arrivals.len() >= count)
        })
        .await
    }
}

/// A request that waits for its answer, until it is dropped.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    /// Takes as long as it is told to.
    async fn take_time(&self) {
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        let _open = Open(Arc::clone(&self.open));
        self.most_open.fetch_max(open, Ordering::SeqCst);
        match self.takes.load(Ordering::SeqCst) {
            0 => {}
            u64::MAX => std::future::pending().await,
            millis => tokio::time::sleep(Duration::from_millis(millis)).await,
        }
    }
}

async fn take(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap, String) {
    let id = headers.get(WEBHOOK_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let refused = shared.refused.lock().unwrap().refuses(id);
    shared.arrivals.lock().unwrap().push(Arrival { headers, body });
    shared.take_time().await;
    if refused {
        return (StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), String::new());
    }
    let mut headers = HeaderMap::new();
    let seconds = shared.retry_after.load(Ordering::SeqCst);
    if seconds > 0 {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    let usual = || StatusCode::from_u16(shared.usual.load(Ordering::SeqCst)).unwrap_or(StatusCode::OK);
    (shared.answers.lock().unwrap().pop().unwrap_or_else(usual), headers, shared.body.lock().unwrap().clone())
}

async fn take_and_say(State(shared): State<Shared>, Path(status): Path<u16>, headers: HeaderMap, body: Bytes) -> StatusCode {
    shared.arrivals.lock().unwrap().push(Arrival { headers, body });
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
}
