//! The document and the functions say the same: what is declared is described, what is described is answered, and what the
//! document forbids is refused. Whether answers are as they are described, `documented` looks at in every test of routes.

use std::{collections::BTreeSet, fs};

use api::{Access, Route};
use axum::body::Body;
use domain::{Mode, Timestamp, scope::Scopes, webhook::LifecycleEvent, wire};
use http::Method;
use serde_json::{Map, Value, json};
use store::Tenant;
use testkit::fixture;

use crate::{
    documented::{check_webhook, document, faults_of_answer, faults_of_body, operation, resolved},
    every_route::{EveryRoute, Told, anonymous},
    route_samples::{SAMPLES, Sample},
    things::Things,
};

#[test]
fn the_document_in_the_repository_is_the_one_that_the_code_makes() {
    let kept = fs::read_to_string(openapi::file()).unwrap_or_default();
    assert!(kept == openapi::text().unwrap(), "run `cargo xtask openapi`, which writes infra/openapi.json");
}

/// The judge of answers notices what is not described. Each line breaks one thing of a right answer.
#[tokio::test]
async fn an_answer_that_is_not_described_in_every_field_is_noticed() {
    let bench = EveryRoute::start().await;
    let path = format!("/v1/calls/{}", bench.own.call);
    let call = bench.get(&path).await.1;
    let faults = |status, content_type, body: &Value| faults_of_answer("GET", &path, status, content_type, &body.to_string());
    assert!(faults(200, "application/json", &call).is_empty());
    assert!(!faults(201, "application/json", &call).is_empty() && !faults(200, "text/plain", &call).is_empty());
    let (mut more, mut deeper, mut less, mut other) = (call.clone(), call.clone(), call.clone(), call);
    more["secret"] = json!(1);
    deeper["events"][0]["data"]["secret"] = json!(1);
    less.as_object_mut().unwrap().remove("hangup_cause");
    other["status"] = json!("over");
    for wrong in [more, deeper, less, other] {
        assert!(!faults(200, "application/json", &wrong).is_empty(), "{wrong}");
    }
    let problem = |code: &str| json!({"error": "no", "code": code, "details": {}, "request_id": "1"});
    assert!(faults(404, "application/json", &problem("NOT_FOUND")).is_empty());
    assert!(!faults(404, "application/json", &problem("CONFLICT")).is_empty());
}

/// Every described method and path.
fn described() -> BTreeSet<(String, String)> {
    let paths = document()["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, &Value)| -> Vec<(String, String)> {
        item.as_object().unwrap().keys().map(|method| (method.to_ascii_uppercase(), path.clone())).collect()
    };
    paths.iter().flat_map(methods).collect()
}

#[tokio::test]
async fn every_declared_route_is_described_and_everything_that_is_described_is_answered() {
    let bench = EveryRoute::start().await;
    let declared: BTreeSet<_> = bench
        .functions
        .iter()
        .flat_map(|function| &function.routes)
        .map(|route| (route.method.to_string(), openapi::canonical(route.path)))
        .collect();
    let (inside, outside): (BTreeSet<_>, BTreeSet<_>) = described().into_iter().partition(|(_, path)| path.contains("/v1/"));
    assert_eq!(inside, declared);
    for (method, path) in inside.iter().chain(&outside) {
        let path = path.replace("{id}", "x").replace("{carrier}", "twilio").replace("{token}", "x");
        let told = bench.told(anonymous(&method.parse().unwrap(), &path).body(Body::empty()).unwrap()).await;
        assert!(!matches!(told.status, 404 | 405), "{method} {path}: {told:?}");
    }
}

/// Whoever may ask each route, and has one of everything.
struct Askers {
    bench: EveryRoute,
    test: Things,
    operator: String,
}

impl Askers {
    async fn start() -> Self {
        let bench = EveryRoute::start().await;
        let test = Things::create(&bench.local, Tenant::new(bench.own.tenant.org(), Mode::Test), 11).await;
        let operator = fixture::key(&bench.local.table, trunkline::platform::tenant(Mode::Live), Scopes::new()).await;
        Self { bench, test, operator: operator.reveal().to_owned() }
    }

    /// The things that a sample names, and the key that may.
    fn of(&self, route: &Route) -> (&Things, &str) {
        match (route.access, route.path) {
            (Access::Operator, _) => (&self.bench.own, &self.operator),
            (_, "/test/calls") => (&self.test, self.test.key.reveal()),
            _ => (&self.bench.own, self.bench.own.key.reveal()),
        }
    }

    async fn ask(&self, route: &Route, path: &str, body: String) -> Told {
        let (_, key) = self.of(route);
        self.bench.told(anonymous(&route.method, path).header("x-api-key", key).body(body.into()).unwrap()).await
    }

    fn samples(&self) -> Vec<(Route, &'static Sample)> {
        let declared: Vec<&Route> = self.bench.functions.iter().flat_map(|function| &function.routes).collect();
        let of = |sample: &'static Sample| declared.iter().find(|route| sample.is_of(route)).map(|route| ((*route).clone(), sample));
        SAMPLES.iter().filter_map(of).collect()
    }
}

#[tokio::test]
async fn every_right_request_is_one_that_the_document_allows_and_succeeds_as_it_says() {
    let askers = Askers::start().await;
    for (route, sample) in askers.samples() {
        let (things, _) = askers.of(&route);
        let (path, body) = (sample.path(things), sample.body_of(things));
        let described = operation(route.method.as_str(), &path).unwrap();
        let known: Vec<&str> = parameters(described).iter().filter_map(|parameter| parameter["name"].as_str()).collect();
        let sent = path.split_once('?').map_or("", |(_, query)| query);
        let names = form_urlencoded::parse(sent.as_bytes()).map(|(name, _)| name.into_owned());
        for name in names.chain(sample.query_names.iter().map(|(name, _)| (*name).to_owned())) {
            assert!(known.contains(&name.as_str()), "{}: {name} is not documented", sample.shown());
        }
        assert_eq!(body.is_empty(), described["requestBody"].is_null(), "{}: whether there is a body", sample.shown());
        if !body.is_empty() {
            let faults = faults_of_body(described, &serde_json::from_str(&body).unwrap());
            assert!(faults.is_empty(), "{}: {faults:?}", sample.shown());
        }
        let told = askers.ask(&route, &path, body).await;
        let in_use = told.code() == "CONFLICT" && sample.shown() == "DELETE /telephony/providers/{id}";
        assert!((200..300).contains(&told.status) || in_use, "{}: {told:?}", sample.shown());
    }
}

fn parameters(operation: &'static Value) -> Vec<&'static Value> {
    operation["parameters"].as_array().into_iter().flatten().map(resolved).collect()
}

/// Values of which a schema may forbid some: of every type, too long, too many, of no shape, and no name of any set.
fn suspects(schema: &Value) -> Vec<Value> {
    let long = schema["maxLength"].as_u64().map(|max| json!("x".repeat(usize::try_from(max).unwrap() + 1)));
    let many = schema["maxItems"].as_u64().map(|max| json!(vec!["call.*"; usize::try_from(max).unwrap() + 1]));
    let large = schema["maximum"].as_u64().map(|max| json!(max + 1));
    let any = [
        json!(null),
        json!(true),
        json!(7),
        json!(-1),
        json!(1.5),
        json!([]),
        json!([7]),
        json!({"x": 1}),
        json!(""),
        json!("\u{1}"),
        json!("no such"),
    ];
    any.into_iter().chain(long).chain(many).chain(large).collect()
}

#[tokio::test]
async fn a_body_that_the_document_forbids_is_refused() {
    let askers = Askers::start().await;
    let mut tried = 0;
    for (route, sample) in askers.samples() {
        let (things, _) = askers.of(&route);
        let (path, body) = (sample.path(things), sample.body_of(things));
        let Ok(Value::Object(right)) = serde_json::from_str::<Value>(&body) else { continue };
        for wrong in spoilt(operation(route.method.as_str(), &path).unwrap(), &right) {
            let told = askers.ask(&route, &path, wrong.to_string()).await;
            assert_eq!(told.status, 400, "{}: {wrong}: {told:?}", sample.shown());
            tried += 1;
        }
    }
    assert!(tried > 400, "{tried}");
}

/// Bodies that differ from a right one in one field, and that the document forbids.
fn spoilt(operation: &'static Value, right: &Map<String, Value>) -> Vec<Value> {
    let schema = resolved(&operation["requestBody"]["content"]["application/json"]["schema"]);
    let mut all = vec![json!([]), json!("text")];
    for (name, property) in schema["properties"].as_object().unwrap() {
        for suspect in suspects(property) {
            let mut body = right.clone();
            body.insert(name.clone(), suspect);
            all.push(Value::Object(body));
        }
        let mut without = right.clone();
        without.remove(name);
        all.push(Value::Object(without));
    }
    all.retain(|body| !faults_of_body(operation, body).is_empty());
    all
}

#[tokio::test]
async fn a_query_that_the_document_forbids_is_refused() {
    let askers = Askers::start().await;
    let mut tried = 0;
    for (route, sample) in askers.samples().into_iter().filter(|(route, _)| route.method == Method::GET) {
        let (things, _) = askers.of(&route);
        let path = sample.path(things);
        for parameter in parameters(operation("GET", &path).unwrap()).into_iter().filter(|parameter| parameter["in"] == "query") {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            for wrong in wrong_texts(schema) {
                let glue = if path.contains('?') { '&' } else { '?' };
                let wrong: String = form_urlencoded::byte_serialize(wrong.as_bytes()).collect();
                let path = match path.split_once(&format!("{name}=")) {
                    Some((before, _)) => format!("{before}{name}={wrong}"),
                    None => format!("{path}{glue}{name}={wrong}"),
                };
                let told = askers.ask(&route, &path, String::new()).await;
                assert_eq!(told.status, 400, "{path}: {told:?}");
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
}

/// Texts that are no values of a parameter.
fn wrong_texts(schema: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    if schema["type"] != "string" || !schema["enum"].is_null() || !schema["pattern"].is_null() || !schema["format"].is_null() {
        wrong.extend(["no such".to_owned(), String::new()]);
    }
    wrong.extend(schema["minimum"].as_u64().and_then(|min| min.checked_sub(1)).map(|below| below.to_string()));
    wrong.extend(schema["maximum"].as_u64().map(|max| (max + 1).to_string()));
    wrong
}

#[tokio::test]
async fn what_webhooks_carry_is_described_by_event() {
    let bench = EveryRoute::start().await;
    let (org, now) = (bench.own.tenant.org(), fixture::now());
    let record = bench.local.table.call(bench.own.tenant, bench.own.call).await.unwrap().unwrap();
    let mut call = wire::Call::new(&record, org);
    for (filler, event) in [(0, "call.completed"), (30_000, "transcript.ready"), (0, "call.incoming")] {
        call.transcript = Some("x".repeat(filler)).filter(|text| !text.is_empty());
        let body = wire::Envelope::of_call(evt(), event.to_owned(), now, &call).into_body();
        check_webhook(event, &serde_json::from_str(&body).unwrap());
    }
    call.metadata.insert("large".to_owned(), json!("x".repeat(30_000)));
    let body = wire::Envelope::of_call(evt(), "call.failed".to_owned(), now, &call).into_body();
    check_webhook("call.failed", &serde_json::from_str(&body).unwrap());
    let number = bench.get(&format!("/v1/phone-numbers/{}", bench.own.number)).await.1;
    let number = Value::Object(number.as_object().unwrap().clone().into_iter().filter(|(name, _)| !is_of_detail(name)).collect());
    check_webhook(LifecycleEvent::NumberPurchased.as_str(), &resource(LifecycleEvent::NumberPurchased, now, org, number));
    let mut endpoint = bench.get(&format!("/v1/endpoints/{}", bench.own.endpoint)).await.1;
    endpoint.as_object_mut().unwrap().remove("secret");
    check_webhook(LifecycleEvent::EndpointUpdated.as_str(), &resource(LifecycleEvent::EndpointUpdated, now, org, endpoint));
}

fn evt() -> String {
    format!("evt_{:032x}", 1)
}

fn is_of_detail(name: &str) -> bool {
    matches!(name, "endpoint" | "sip_credentials")
}

fn resource(event: LifecycleEvent, now: Timestamp, org: domain::OrgId, data: Value) -> Value {
    let body = wire::Envelope::of_resource(evt(), event.as_str().to_owned(), now, org, data).into_body();
    serde_json::from_str(&body).unwrap()
}
