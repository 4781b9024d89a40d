//! Every write over HTTP that succeeds leaves one entry in the audit trail: the routes that functions declare, each asked by its
//! sample. A route that writes and is not argued for below fails here.

use std::collections::BTreeSet;

use domain::{
    AuditId, Mode,
    audit::{Action, Actor, AuditEntry, AuditFilter},
    member::Role,
};
use http::Method;
use serde_json::Value;
use store::Tenant;
use testkit::{fixture, tokens};

use crate::{
    every_route::{EveryRoute, anonymous},
    route_samples::{SAMPLES, Sample},
    things::{Kind, Things, kind_in},
};

/// Routes with `POST` that are no acts, and why.
const NO_ACTS: [(&str, &str); 6] = [
    ("POST /webhooks/{id}/test", "nothing is changed; the log of deliveries has what was sent"),
    ("POST /webhooks/deliveries/{id}/replay", "nothing is changed; the log of deliveries has what was sent again"),
    ("POST /webhooks/replay", "nothing is changed; the log of deliveries has what was sent again"),
    ("POST /route/explain", "it reads"),
    ("POST /route/resolve", "it reads"),
    ("POST /test/calls", "a made-up call comes as a real one does, from whom no act is told either"),
];

fn is_no_act(sample: &Sample) -> bool {
    NO_ACTS.iter().any(|(shown, _)| *shown == sample.shown())
}

/// Who asks for one tenant's things: the headers, and as whom the trail names them.
struct Caller<'a> {
    things: &'a Things,
    headers: Vec<(&'static str, String)>,
    actor: Actor,
}

/// What the sample's route does, by its method and its path.
fn action_of(sample: &Sample) -> Action {
    let shown = sample.shown();
    let (method, path) = shown.split_once(' ').unwrap();
    let resource = match kind_in(path) {
        Kind::Number | Kind::CarrierNumber | Kind::E164 => "phone_number",
        Kind::Endpoint => "endpoint",
        Kind::Credential => "credential",
        Kind::Webhook | Kind::Delivery => "webhook",
        Kind::Call => "call",
        Kind::ApiKey => "api_key",
    };
    let done = match (method, path.rsplit('/').next().unwrap()) {
        ("POST", "rotate-secret") => "secret_rotated",
        ("POST", "rotate-callbacks") => "callbacks_rotated",
        ("POST", _) if path == "/phone-numbers" => "purchased",
        ("POST", _) if path == "/telephony/numbers" => "registered",
        ("POST", _) => "created",
        ("DELETE", _) if resource == "api_key" => "revoked",
        ("DELETE", _) => "deleted",
        _ => "updated",
    };
    format!("{resource}.{done}").parse().unwrap()
}

impl Caller<'_> {
    /// Asks; the answer, and which entries are new in any trail.
    async fn asks(&self, bench: &EveryRoute, method: &Method, path: &str, body: String) -> (u16, Value, Vec<AuditEntry>) {
        let (before, known) = (of_all(bench).await, self.trail(bench).await);
        let request = self.headers.iter().fold(anonymous(method, path), |request, (name, value)| request.header(*name, value));
        let (status, answer) = bench.send(request, body).await;
        let mut own = self.trail(bench).await;
        own.retain(|entry| !known.contains(entry));
        assert_eq!(of_all(bench).await - before, own.len(), "{method} {path}: what is new stands in the caller's own trail");
        (status, answer, own)
    }

    async fn trail(&self, bench: &EveryRoute) -> Vec<AuditEntry> {
        let page = bench.local.table.audit_trail(self.things.tenant, &AuditFilter::default(), None, 1_000, 1_000).await.unwrap();
        assert_eq!(page.next, None);
        page.found
    }

    /// Asks as the sample does, with success, and has left what it has to.
    async fn leaves_its_entry(&self, bench: &EveryRoute, sample: &Sample) -> (Option<AuditId>, Value) {
        let (things, shown) = (self.things, sample.shown());
        let (status, answer, new) = self.asks(bench, &sample.method(), &sample.path(things), sample.body_of(things)).await;
        assert!((200..300).contains(&status), "{shown} in {} data: {status} {answer}", things.tenant.mode());
        if is_no_act(sample) {
            assert_eq!(new, [], "{shown} is no act");
            return (None, answer);
        }
        let [entry] = new.as_slice() else { panic!("{shown} left {new:?}") };
        let path = shown.split(' ').nth(1).unwrap();
        let resource = if path.contains("{id}") { things.name(kind_in(path)) } else { answer["id"].as_str().unwrap().to_owned() };
        assert_eq!((entry.action, entry.resource.to_string(), &entry.actor), (action_of(sample), resource, &self.actor), "{shown}");
        (Some(entry.id), answer)
    }
}

/// How many entries lie in the table, in whosever trail.
async fn of_all(bench: &EveryRoute) -> usize {
    bench.local.dump().await.iter().filter(|item| item["kind"].as_s().unwrap() == "audit_entry").count()
}

/// Asks every route that is no `GET`, in the order of the samples.
async fn every_write(bench: &EveryRoute, caller: &Caller<'_>, operator: &Caller<'_>) {
    let (mut ids, mut registered) = (BTreeSet::new(), String::new());
    for sample in SAMPLES.iter().filter(|sample| sample.method() != Method::GET) {
        let shown = sample.shown();
        if shown == "POST /test/calls" && caller.things.tenant.mode() == Mode::Live {
            let (things, method) = (caller.things, sample.method());
            let (status, _, new) = caller.asks(bench, &method, &sample.path(things), sample.body_of(things)).await;
            assert_eq!((status, new), (403, vec![]), "no call is made up in live data");
            continue;
        }
        if shown == "DELETE /telephony/providers/{id}" {
            // What was registered by the credential goes first.
            let path = sample.path(caller.things);
            let (status, _, new) = caller.asks(bench, &Method::DELETE, &path, String::new()).await;
            assert_eq!((status, new), (409, vec![]), "what is refused leaves none");
            let (status, _, new) = caller.asks(bench, &Method::DELETE, &format!("/v1/telephony/numbers/{registered}"), String::new()).await;
            assert_eq!((status, new.len()), (204, 1));
        }
        let asks = if shown == "POST /route/resolve" { operator } else { caller };
        let (id, answer) = asks.leaves_its_entry(bench, sample).await;
        assert!(id.is_none_or(|id| ids.insert(id)), "{shown}: an entry of its own");
        if shown == "POST /telephony/numbers" {
            registered = answer["id"].as_str().unwrap().to_owned();
        }
    }
}

#[tokio::test]
async fn every_write_by_http_leaves_one_entry_that_names_the_caller_and_the_thing() {
    let bench = EveryRoute::start().await;
    let (table, live) = (&bench.local.table, bench.own.tenant);
    let test = Things::create(&bench.local, Tenant::new(live.org(), Mode::Test), 11).await;
    let operators = fixture::key(table, trunkline::platform::tenant(Mode::Live), Default::default()).await;
    let user = fixture::member(table, live.org(), Role::Owner).await;
    let token = ("authorization", format!("Bearer {}", tokens::good(user)));
    let key = table.api_key(bench.own.key.hash()).await.unwrap().unwrap().id;
    let by_key =
        Caller { things: &bench.own, headers: vec![("x-api-key", bench.own.key.reveal().to_owned())], actor: Actor::Key(key.as_uuid()) };
    let by_user = Caller {
        things: &test,
        headers: vec![token, ("x-account-id", live.org().to_string()), ("x-mode", "test".to_owned())],
        actor: Actor::User(user.as_uuid()),
    };
    for caller in [by_key, by_user] {
        // What lies at the place that the operator asks for is the caller's.
        let headers = vec![("x-api-key", operators.reveal().to_owned())];
        let operator = Caller { things: caller.things, headers, actor: caller.actor.clone() };
        every_write(&bench, &caller, &operator).await;
    }
}

#[test]
fn what_is_no_act_is_a_route_that_is_there() {
    for (shown, why) in NO_ACTS {
        assert!(SAMPLES.iter().any(|sample| sample.shown() == shown) && !why.is_empty(), "nobody declares {shown}");
    }
}
