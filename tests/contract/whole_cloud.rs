//! All functions in process under one clock, as they hang together on AWS. Each has parts of its own, and what it asks of
//! AWS through them is written down under its name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::body::Body;
use call_events::CallEvents;
use call_reaper::{CallReaper, Limits};
use domain::Timestamp;
use due_deliveries::DueDeliveries;
use http::Method;
use queue::Sender;
use runtime::Clock;
use serde_json::Value;
use testkit::{
    LocalTable, Mailbox, Recorder,
    carrier::{Account, encoded},
    costs::{batch, recorded_vault},
    fixture,
    recorder::Deed,
};
use webhook_delivery::WebhookDelivery;
use webhooks::guard::Loopback;

use crate::every_route::{BASE_URL, Function, Parts, Told, anonymous, functions, told};

/// The queues, by the names that the template gives them.
pub(crate) const EVENTS: &str = "CallEventsQueue";
pub(crate) const DELIVERIES: &str = "WebhookDeliveriesQueue";
const DEAD_EVENTS: &str = "CallEventsDeadLettersQueue";
const DEAD_DELIVERIES: &str = "WebhookDeliveriesDeadLettersQueue";

const LIMITS: Limits = Limits { ringing_millis: 120_000, call_millis: 4 * 3_600_000 };

/// The table, the queues, the clock.
pub(crate) struct Cloud {
    pub(crate) local: LocalTable,
    clock: Arc<AtomicI64>,
    events: Mailbox,
    deliveries: Mailbox,
    dead_letters: Mailbox,
    recorders: Mutex<BTreeMap<&'static str, Recorder>>,
    shown: Arc<Mutex<BTreeSet<String>>>,
}

/// A process of every function. Fresh ones remember nothing.
pub(crate) struct Processes {
    http: Vec<Function>,
    events: CallEvents,
    deliveries: WebhookDelivery,
    due: DueDeliveries,
    reaper: CallReaper,
    shown: Arc<Mutex<BTreeSet<String>>>,
}

/// The fields of answers that hold a secret, or a URL that only its receiver may know.
const SECRETS: [&str; 6] = ["key", "secret", "password", "voice_url", "status_url", "sip_password"];

impl Cloud {
    pub(crate) async fn start() -> Self {
        let clock = Arc::new(AtomicI64::new(fixture::now().as_millis()));
        let mailbox = || Mailbox::new(Arc::clone(&clock));
        let (events, deliveries, dead_letters) = (mailbox(), mailbox(), mailbox());
        Self {
            local: LocalTable::start().await,
            clock,
            events,
            deliveries,
            dead_letters,
            recorders: Mutex::default(),
            shown: Arc::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    /// What each function has asked of AWS.
    pub(crate) fn deeds(&self) -> BTreeMap<&'static str, BTreeSet<Deed>> {
        self.recorders.lock().unwrap().iter().map(|(name, recorder)| (*name, recorder.deeds())).collect()
    }

    /// Every secret that an answer has shown.
    pub(crate) fn secrets_shown(&self) -> BTreeSet<String> {
        self.shown.lock().unwrap().clone()
    }

    fn recorder(&self, function: &'static str) -> Recorder {
        self.recorders.lock().unwrap().entry(function).or_default().clone()
    }

    fn sender(&self, function: &'static str, queue: &'static str) -> Sender {
        let mailbox = match queue {
            EVENTS => &self.events,
            DELIVERIES => &self.deliveries,
            _ => &self.dead_letters,
        };
        mailbox.recorded_sender(queue, &self.recorder(function))
    }

    fn parts(&self, function: &'static str) -> Parts {
        let recorder = self.recorder(function);
        Parts {
            table: self.local.recorded(&recorder),
            vault: recorded_vault(&recorder),
            queue: self.sender(function, if matches!(function, "calls" | "carrier-callbacks") { EVENTS } else { DELIVERIES }),
            clock: Clock::Manual(Arc::clone(&self.clock)),
            guard: Loopback::Allowed.into(),
        }
    }

    pub(crate) fn processes(&self) -> Processes {
        let Parts { table, queue, clock, .. } = self.parts("call-events");
        let events = CallEvents::new(table, queue, self.sender("call-events", DEAD_EVENTS), clock);
        let Parts { table, vault, queue, clock, guard } = self.parts("webhook-delivery");
        let dead_letters = self.sender("webhook-delivery", DEAD_DELIVERIES);
        let deliveries = WebhookDelivery::new(table, vault, queue, dead_letters, clock, guard.policy()).unwrap();
        let Parts { table, queue, clock, .. } = self.parts("due-deliveries");
        let due = DueDeliveries::new(table, queue, clock);
        let Parts { table, clock, .. } = self.parts("call-reaper");
        let reaper = CallReaper::new(table, self.sender("call-reaper", EVENTS), clock, LIMITS);
        Processes { http: functions(|name| self.parts(name)), events, deliveries, due, reaper, shown: Arc::clone(&self.shown) }
    }

    /// Puts messages on the queue of call events.
    pub(crate) async fn tell(&self, bodies: &[String]) {
        let messages: Vec<_> = bodies.iter().map(|body| queue::OutMessage { body: body.clone(), ..Default::default() }).collect();
        self.events.sender().send_all(&messages).await.unwrap();
    }

    /// Puts messages on the queue of deliveries.
    pub(crate) async fn tell_deliveries(&self, bodies: &[String]) {
        let messages: Vec<_> = bodies.iter().map(|body| queue::OutMessage { body: body.clone(), ..Default::default() }).collect();
        self.deliveries.sender().send_all(&messages).await.unwrap();
    }

    /// Empties the queue of deliveries, as if whoever sent them had died before.
    pub(crate) fn lose_deliveries(&self) {
        drop(self.deliveries.take_all());
    }

    /// Works off what the queues show now, until they show nothing.
    pub(crate) async fn work(&self, processes: &Processes) {
        loop {
            let (events, deliveries) = (self.events.take(10), self.deliveries.take(10));
            if events.is_empty() && deliveries.is_empty() {
                return;
            }
            let answer = processes.events.handle(batch(&events)).await;
            assert!(answer.batch_item_failures.is_empty(), "{events:?}");
            let answer = processes.deliveries.handle(batch(&deliveries)).await;
            assert!(answer.batch_item_failures.is_empty(), "{deliveries:?}");
        }
    }

    /// Lets so many steps of time go by, with the scheduled functions at each.
    pub(crate) async fn live(&self, processes: &Processes, steps: u32, step_millis: i64) {
        for _ in 0..steps {
            self.pass(step_millis);
            processes.due.run().await.unwrap();
            processes.reaper.run().await.unwrap();
            processes.reaper.sweep().await.unwrap();
            self.work(processes).await;
        }
    }

    pub(crate) fn dead_letters(&self) -> usize {
        self.dead_letters.len()
    }
}

impl Processes {
    /// Asks a function, as a client with this key would.
    pub(crate) async fn ask(&self, key: &str, method: Method, path: &str, body: &str) -> Told {
        self.ask_with(key, method, path, body, &[]).await
    }

    /// The same with further headers.
    pub(crate) async fn ask_with(&self, key: &str, method: Method, path: &str, body: &str, headers: &[(&str, &str)]) -> Told {
        let mut request = anonymous(&method, path).header("x-api-key", key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let told = told(&self.http, request.body(Body::from(body.to_owned())).unwrap()).await;
        collect(&told.body, &mut self.shown.lock().unwrap());
        told
    }

    /// Posts a carrier's form, signed under this nonce: the answer's text.
    pub(crate) async fn knock(&self, account: &Account, url: &str, form: &[(&str, &str)], nonce: &str) -> String {
        let mut request = http::Request::post(url.strip_prefix(BASE_URL).unwrap()).body(Body::from(encoded(form))).unwrap();
        *request.headers_mut() = account.signed(url, form, nonce);
        let told = told(&self.http, request).await;
        assert_eq!(told.status, 200, "{told:?}");
        told.text
    }

    /// The body of an answer that is as expected.
    pub(crate) async fn done(&self, key: &str, method: Method, path: &str, body: &Value) -> Value {
        let told = self.ask(key, method, path, &body.to_string()).await;
        assert!((200..300).contains(&told.status), "{path}: {told:?}");
        told.body
    }
}

/// Adds the secrets of an answer to those that were shown.
fn collect(body: &Value, shown: &mut BTreeSet<String>) {
    match body {
        Value::Array(items) => items.iter().for_each(|item| collect(item, shown)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if SECRETS.contains(&name.as_str()) && text != domain::wire::MASKED_SECRET => {
                        // Of a callback's URL the token is the secret: the part before the last.
                        let token = text.strip_prefix("https://").and_then(|url| url.rsplit('/').nth(1));
                        shown.insert(token.unwrap_or(text).to_owned());
                    }
                    _ => collect(value, shown),
                }
            }
        }
        _ => {}
    }
}
