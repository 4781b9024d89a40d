//! An organization that has something of everything, made by the functions themselves: for what has to reach all of it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::body::Body;
use call_events::CallEvents;
use call_reaper::{CallReaper, Limits};
use domain::{
    CredentialId, Mode, OrgId, Timestamp, UserId,
    api_key::ApiKeyText,
    callback::{NonceMark, RequestMark},
    member::Role,
    pace::{Pace, SLOW_MILLIS},
    rate::Rate,
    webhook::ReceiverId,
};
use due_deliveries::DueDeliveries;
use http::Method;
use queue::Sender;
use runtime::{Clock, random};
use serde_json::{Value, json};
use store::{LastOwner, MemberSet, RateBucket, Table, TakenLot, Tenant, access_patterns::PATTERNS};
use testkit::{
    Fixture, LocalTable, Mailbox, Receiver, call,
    costs::{batch, vault},
    fixture, tokens,
};
use webhook_delivery::WebhookDelivery;
use webhooks::guard::Loopback;

use crate::every_route::{Function, Parts, Told, anonymous, functions, told};

/// All functions on one table, under one clock, with queues in memory.
pub(crate) struct World {
    pub(crate) local: LocalTable,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) webhooks: Mailbox,
    pub(crate) dead: Mailbox,
    pub(crate) call_events: CallEvents,
    pub(crate) deliveries: WebhookDelivery,
    pub(crate) due: DueDeliveries,
    pub(crate) reaper: CallReaper,
    pub(crate) takes: Receiver,
    pub(crate) fails: Receiver,
    http: Vec<Function>,
    /// The same, but what changes is never handed on: as if the functions died before.
    cut_off: Vec<Function>,
}

/// A filled organization.
pub(crate) struct Filled {
    pub(crate) org: OrgId,
    pub(crate) key: ApiKeyText,
    /// Every event of calls that was told, and every webhook that was queued.
    pub(crate) told: Vec<String>,
    pub(crate) queued: Vec<String>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let local = LocalTable::start().await;
        let clock = Arc::new(AtomicI64::new(fixture::now().as_millis()));
        let (events, webhooks, dead) =
            (Mailbox::new(Arc::clone(&clock)), Mailbox::new(Arc::clone(&clock)), Mailbox::new(Arc::clone(&clock)));
        let (table, manual) = (local.table.clone(), Clock::Manual(Arc::clone(&clock)));
        tokens::keep_secret(&table, &vault(), tokens::ISSUER, tokens::SECRET).await;
        let limits = Limits { ringing_millis: 120_000, call_millis: 4 * 3_600_000 };
        for mode in Mode::ALL {
            for n in 0..8 {
                table.import_slot(mode, &fixture::slot(n)).await.unwrap();
            }
        }
        Self {
            call_events: CallEvents::new(table.clone(), webhooks.sender(), dead.sender(), manual.clone()),
            deliveries: WebhookDelivery::new(table.clone(), vault(), webhooks.sender(), dead.sender(), manual.clone(), Loopback::Allowed)
                .unwrap(),
            due: DueDeliveries::new(table.clone(), webhooks.sender(), manual.clone()),
            reaper: CallReaper::new(table.clone(), events.sender(), manual, limits),
            takes: Receiver::start().await,
            fails: Receiver::start().await,
            http: http(&table, [&webhooks.sender(), &events.sender()], &clock),
            cut_off: http(&table, [&fixture::nowhere(), &fixture::nowhere()], &clock),
            local,
            clock,
            webhooks,
            dead,
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock::Manual(Arc::clone(&self.clock))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock().now()
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    /// Asks with a key; each request has a key of idempotency of its own.
    pub(crate) async fn ask(&self, key: &ApiKeyText, method: Method, path: &str, body: Option<Value>) -> Told {
        asked(&self.http, key, method, path, body, self.clock.fetch_add(7, Ordering::SeqCst)).await
    }

    /// The key of every item.
    pub(crate) async fn keys(&self) -> BTreeSet<(String, String)> {
        let items = self.local.dump().await;
        items.iter().map(|item| (item["pk"].as_s().unwrap().clone(), item["sk"].as_s().unwrap().clone())).collect()
    }

    /// Hands bodies to the function that takes call events; how many it does not take.
    pub(crate) async fn tell(&self, bodies: &[String]) -> usize {
        self.call_events.handle(batch(bodies)).await.batch_item_failures.len()
    }

    /// Delivers webhooks, those that were queued and those that follow, until some attempts wait in the table.
    async fn deliver(&self) -> Vec<String> {
        let (mut queued, end) = (Vec::new(), self.now().plus_millis(12 * 60_000));
        loop {
            while let bodies @ [_, ..] = self.webhooks.take(10).as_slice() {
                queued.extend_from_slice(bodies);
                assert!(self.deliveries.handle(batch(bodies)).await.batch_item_failures.is_empty());
            }
            match self.webhooks.next_at().filter(|next| *next <= end.as_millis()) {
                Some(next) => self.clock.fetch_max(next, Ordering::SeqCst),
                None => return queued,
            };
        }
    }

    /// An organization with something of everything in both modes. The clock goes on by some minutes.
    pub(crate) async fn fill(&self) -> Filled {
        self.fails.answer(500);
        let table = &self.local.table;
        let live = Fixture::create(table, Mode::Live).await;
        let org = live.tenant.org();
        table.set_retention(org, Some(3_000), self.now()).await.unwrap();
        let taken = table.take_lot(org.into(), &RateBucket::default(), Rate::DEFAULT, None, self.now()).await.unwrap();
        assert!(matches!(taken, TakenLot::Done(_)), "{taken:?}");
        for role in [Role::Owner, Role::Member] {
            let user = random_user();
            let set = table.set_member(org, user, role, self.now(), LastOwner::Stays).await.unwrap();
            assert!(matches!(set, MemberSet::Done(_)), "{set:?}");
        }
        let (mut told, mut queued) = (Vec::new(), Vec::new());
        for mode in Mode::ALL {
            let tenant = Tenant::new(org, mode);
            let key = fixture::key_as(table, fixture::api_key(tenant)).await;
            let number = self.set_up(&key).await;
            told.extend(self.calls(tenant, &key, &number).await);
            queued.extend(self.deliver().await);
            // None of its receivers is slow enough to be noted.
            let slow = Pace::new(ReceiverId::Endpoint(fixture::endpoint().id), SLOW_MILLIS, self.now());
            table.note_slow(tenant, &slow, self.now()).await.unwrap();
            // No carrier speaks to the door here.
            let (credential, nonce) = (CredentialId::new(self.now(), random::bytes()), NonceMark::of("12345678901234567890"));
            table.use_nonce(tenant, credential, &nonce, &RequestMark::of("POST", "/voice", "", b""), self.now()).await.unwrap();
        }
        // What follows later is nobody's any more: the next organization is filled alone.
        queued.extend(self.webhooks.take_all().into_iter().map(|(body, _)| body));
        Filled { org, key: live.key, told, queued }
    }

    /// Everything that an organization sets up; the number that rings its endpoint.
    async fn set_up(&self, key: &ApiKeyText) -> String {
        // One that fails a few times, so that nothing is put off and its attempts come to wait in the table.
        for (receiver, events) in [(&self.takes, "*"), (&self.fails, "call.completed")] {
            self.ask(key, Method::POST, "/v1/webhooks", Some(json!({"url": receiver.url, "events": [events]}))).await.is(201);
        }
        let endpoint = json!({"name": "Reception", "type": "webhook", "url": self.takes.url});
        let endpoint = self.ask(key, Method::POST, "/v1/endpoints", Some(endpoint)).await.is(201);
        let offers = self.ask(key, Method::GET, "/v1/phone-numbers?action=available&country=NG", None).await.is(200);
        let offers: Vec<Value> = offers.as_array().unwrap().clone();
        for offer in &offers[..2] {
            let wanted = json!({"inventory_id": offer["id"], "endpoint_id": endpoint["id"]});
            self.ask(key, Method::POST, "/v1/phone-numbers", Some(wanted)).await.is(201);
        }
        let kept = self.ask(key, Method::POST, "/v1/phone-numbers", Some(json!({"inventory_id": offers[2]["id"]}))).await.is(201);
        let path = format!("/v1/phone-numbers/{}?action=release", kept["id"].as_str().unwrap());
        self.ask(key, Method::DELETE, &path, None).await.is(200);
        let credentials = json!({"account_sid": "AC0123456789abcdef0123456789ab1234", "auth_token": "token"});
        let credential = json!({"provider": "twilio", "label": "Own", "credentials": credentials});
        let credential = self.ask(key, Method::POST, "/v1/telephony/providers", Some(credential)).await.is(201);
        let own = json!({"e164": own_number(key), "provider": "twilio", "credentials_id": credential["id"]});
        self.ask(key, Method::POST, "/v1/telephony/numbers", Some(own)).await.is(201);
        let minted = self.ask(key, Method::POST, "/v1/api-keys", Some(json!({"name": "Reports", "scopes": ["calls:read"]}))).await.is(201);
        self.ask(key, Method::DELETE, &format!("/v1/api-keys/{}", minted["id"].as_str().unwrap()), None).await.is(204);
        // Whoever told of this died before it was handed on.
        let told = json!({"name": "Untold", "type": "webhook", "url": self.takes.url});
        asked(&self.cut_off, key, Method::POST, "/v1/endpoints", Some(told), self.clock.fetch_add(7, Ordering::SeqCst)).await.is(201);
        offers[0]["e164"].as_str().unwrap().to_owned()
    }

    /// Calls of every sort: ended, deleted, going on, known by a name, and one that never became a call.
    async fn calls(&self, tenant: Tenant, key: &ApiKeyText, number: &str) -> Vec<String> {
        let events = |file: &str, to: &str, ago: i64| {
            let file = call::events_folder().join("call-events").join(file);
            call::messages(&file, &tenant.org().to_string(), tenant.mode().as_str(), to, self.now(), ago).unwrap()
        };
        let (_, mut ended) = events("answered-call.json", number, 300);
        // Long enough to lie beside the call.
        ended.iter_mut().filter(|event| event["type"] == "transcript.ready").for_each(|event| {
            event["data"]["transcript"] = (0..400).map(|n| format!("word {n} ")).collect::<String>().into();
        });
        ended.iter_mut().for_each(|event| event["call_id"] = format!("CA-{}-{}", tenant.org(), tenant.mode()).into());
        let (deleted, gone) = events("missed-call.json", number, 200);
        let (_, goes_on) = events("missed-call.json", number, 60);
        let (_, mut unknown) = events("missed-call.json", "+2348099999999", 100);
        unknown[0]["call_id"] = format!("CA-unknown-{}-{}", tenant.org(), tenant.mode()).into();
        let all: Vec<Value> = [&ended[..], &gone[..], &goes_on[..1], &unknown[..1]].concat();
        let bodies: Vec<String> = all.iter().map(ToString::to_string).collect();
        for bodies in bodies.chunks(10) {
            assert_eq!(self.tell(bodies).await, 0);
        }
        self.ask(key, Method::DELETE, &format!("/v1/calls/{deleted}"), None).await.is(204);
        let page = self.ask(key, Method::GET, "/v1/calls?limit=1", None).await.is(200);
        assert!(page["next_cursor"].is_string(), "{page}");
        bodies
    }
}

fn random_user() -> UserId {
    uuid::Uuid::from_bytes(runtime::random::bytes()).to_string().parse().unwrap()
}

/// A number of an own carrier that no other key registers.
fn own_number(key: &ApiKeyText) -> String {
    let digits: u64 = key.hash().to_string().bytes().take(12).fold(0, |sum, byte| (sum * 31 + u64::from(byte)) % 10_000_000);
    format!("+234805{digits:07}")
}

/// The functions that answer HTTP.
fn http(table: &Table, queues: [&Sender; 2], clock: &Arc<AtomicI64>) -> Vec<Function> {
    let [webhooks, events] = queues;
    functions(|name| Parts {
        table: table.clone(),
        vault: vault(),
        queue: if name == "calls" { events.clone() } else { webhooks.clone() },
        clock: Clock::Manual(Arc::clone(clock)),
        guard: Loopback::Allowed.into(),
    })
}

async fn asked(functions: &[Function], key: &ApiKeyText, method: Method, path: &str, body: Option<Value>, once: i64) -> Told {
    let request = anonymous(&method, path).header("x-api-key", key.reveal());
    let request = if method == Method::GET { request } else { request.header("idempotency-key", format!("once-{once}")) };
    told(functions, request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap()).await
}

/// What is in one of two tables and not in the other.
pub(crate) fn difference(one: &BTreeSet<(String, String)>, other: &BTreeSet<(String, String)>) -> Vec<(String, String)> {
    one.symmetric_difference(other).cloned().collect()
}

/// The access patterns of which no item lies in the table, and which are no exception.
pub(crate) fn unfilled(keys: &BTreeSet<(String, String)>) -> Vec<&'static str> {
    // Marks of what is being deleted or erased, the note of a walk over the table by another command, and what lies with the operator and
    // names nobody.
    const EXCEPTIONS: [&str; 4] = ["N4", "O3", "V1", "C10"];
    let fits = |template: &str, text: &str| {
        let (parts, words) = (template.split('#'), text.split('#'));
        parts.clone().count() == words.clone().count() && parts.zip(words).all(|(part, word)| part.starts_with('{') || part == word)
    };
    let gets = PATTERNS.iter().filter(|pattern| pattern.kind == "Get" && pattern.index == "Primary" && !EXCEPTIONS.contains(&pattern.id));
    let missing = gets.filter(|pattern| !keys.iter().any(|(pk, sk)| fits(pattern.partition_key, pk) && fits(pattern.sort_key, sk)));
    missing.map(|pattern| pattern.id).collect()
}
