//! Every route that any function declares, in process on a table of its own, with requests that can be spoilt in one place.
//!
//! Nothing here lists routes: [`Function`]s do, and `route_samples` knows how each one is asked rightly.

use std::{net::IpAddr, sync::Arc};

use api::{Access, Route, Strangers};
use axum::{Router, body::Body};
use domain::Mode;
use http::{Method, Request, request::Builder};
use lambda_http::{aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use queue::Sender;
use runtime::Clock;
use serde_json::Value;
use store::Table;
use testkit::{Fixture, LocalTable, Mailbox, costs, fixture, tokens};
use tower::ServiceExt as _;
use vault::Vault;
use webhooks::guard::Guard;

use crate::{
    documented,
    route_samples::{SAMPLES, Sample},
    things::Things,
};

/// A function that answers HTTP, under the name of its folder.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) routes: Vec<Route>,
    app: Router,
}

/// What a function is made of.
pub(crate) struct Parts {
    pub(crate) table: Table,
    pub(crate) vault: Vault,
    /// The queue that it sends to, if it sends anything.
    pub(crate) queue: Sender,
    pub(crate) clock: Clock,
    pub(crate) guard: Guard,
}

/// Every function that answers HTTP, made of its own parts; all believe the tokens of one issuer. A test compares the names with the template.
pub(crate) fn functions(parts: impl Fn(&'static str) -> Parts) -> Vec<Function> {
    macro_rules! function {
        ($name:literal, $function:ident, |$parts:ident| $state:expr) => {{
            let $parts = parts($name);
            Function {
                name: $name,
                routes: $function::routes().declared().cloned().collect(),
                app: $function::app($state.under(tokens::issuers())),
            }
        }};
    }
    // It is made of nothing, and yet it is one of those that live.
    drop(parts("docs"));
    vec![
        Function { name: "docs", routes: Vec::new(), app: docs::app(strangers()) },
        function!("phone-numbers", phone_numbers, |p| phone_numbers::State::new(p.table, p.vault, p.queue, p.clock, SIP_DOMAIN)),
        function!("endpoints", endpoints, |p| endpoints::State::new(p.table, p.vault, p.queue, p.clock, p.guard, SIP_DOMAIN)),
        function!("calls", calls, |p| calls::State::new(p.table, p.vault, p.queue, p.clock)),
        function!("webhooks", webhooks_api, |p| webhooks_api::State::new(p.table, p.vault, p.queue, p.clock, p.guard)),
        function!("carrier-credentials", carrier_credentials, |p| carrier_credentials::State::new(p.table, p.vault, p.clock, BASE_URL)),
        function!("api-keys", api_keys, |p| api_keys::State::new(p.table, p.vault, p.clock)),
        function!("carrier-callbacks", carrier_callbacks, |p| door(p)),
    ]
}

/// More than any test asks for, where all are strangers.
pub(crate) fn strangers() -> Strangers {
    Strangers::new("100000/1000000".parse().unwrap(), Clock::System)
}

const SIP_DOMAIN: &str = "sip.example.com";
pub(crate) const BASE_URL: &str = "https://api.example.com";

fn door(Parts { table, vault, queue, clock, guard }: Parts) -> carrier_callbacks::State {
    let (metrics, policy, public_base_url) = (runtime::Metrics::Log, guard.policy(), BASE_URL.to_owned());
    carrier_callbacks::State::new(carrier_callbacks::Parts { table, vault, call_events: queue, clock, metrics, policy, public_base_url })
}

/// Sends a request to the function that answers its path.
pub(crate) async fn told(functions: &[Function], request: Request<Body>) -> Told {
    let base = base(below_prefix(request.uri().path()));
    // What lies outside of the API's prefixes is declared to nobody.
    let is_door = |function: &Function| base == "/carriers" && function.name == "carrier-callbacks";
    let is_docs = |function: &Function| function.name == "docs" && docs::paths().any(|path| path == base);
    let answers =
        |function: &&Function| is_door(function) || is_docs(function) || function.routes.iter().any(|route| self::base(route.path) == base);
    let function = functions.iter().find(answers).unwrap_or_else(|| panic!("no function answers {}", request.uri()));
    told_by(function, request).await
}

/// Sends a request to this function.
pub(crate) async fn told_by(function: &Function, request: Request<Body>) -> Told {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = function.app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let content_type =
        response.headers().get(http::header::CONTENT_TYPE).map_or_else(String::new, |value| value.to_str().unwrap().to_owned());
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    documented::check_answer(method.as_str(), &path, status, &content_type, &text);
    Told { status, body: serde_json::from_str(&text).unwrap_or_default(), text }
}

/// The functions, and an organization that has one of everything.
pub(crate) struct EveryRoute {
    pub(crate) local: LocalTable,
    pub(crate) functions: Vec<Function>,
    pub(crate) fixture: Fixture,
    pub(crate) own: Things,
    /// What the functions sent.
    pub(crate) queue: Mailbox,
}

/// An answer: status, body, and the body as it came.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Told {
    /// The body, if the status is the expected one.
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl EveryRoute {
    /// Starts the table and the routers, and fills the organization's live data. Loopback receivers are refused, as in
    /// production; numbers are on offer in both modes.
    pub(crate) async fn start() -> Self {
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        tokens::keep_secret(&local.table, &costs::vault(), tokens::ISSUER, tokens::SECRET).await;
        for mode in Mode::ALL {
            local.table.import_slot(mode, &fixture::slot(2)).await.unwrap();
        }
        let queue = Mailbox::new(Arc::default());
        let functions = functions(|_| Parts {
            table: local.table.clone(),
            vault: costs::vault(),
            queue: queue.sender(),
            clock: Clock::System,
            guard: fixture::public_names(),
        });
        let own = Things::create(&local, fixture.tenant, 10).await;
        Self { local, functions, fixture, own, queue }
    }

    /// Every route with a right request to it: its declaration, how it is asked.
    pub(crate) fn samples(&self) -> Vec<(&Route, &'static Sample)> {
        let declared = self.functions.iter().flat_map(|function| &function.routes);
        declared.flat_map(|route| SAMPLES.iter().filter(|sample| sample.is_of(route)).map(move |sample| (route, sample))).collect()
    }

    /// Every route of organizations once: method and path, with the organization's own ids.
    pub(crate) fn routes(&self) -> Vec<(Method, String)> {
        let samples = self.samples().into_iter().filter(|(route, _)| route.access != Access::Operator);
        let routes = samples.map(|(route, sample)| (route.method.clone(), sample.path(&self.own)));
        let mut seen = Vec::new();
        routes
            .filter(|route| {
                !seen.contains(route) && {
                    seen.push(route.clone());
                    true
                }
            })
            .collect()
    }

    /// Those that change something if nothing is wrong.
    pub(crate) fn writes(&self) -> Vec<(Method, String)> {
        self.routes().into_iter().filter(|(method, _)| *method != Method::GET).collect()
    }

    /// A request with the key.
    pub(crate) fn request(&self, method: &Method, path: &str) -> Builder {
        anonymous(method, path).header("x-api-key", self.fixture.key.reveal())
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn send(&self, request: Builder, body: impl Into<Body>) -> (u16, Value) {
        let told = self.told(request.body(body.into()).unwrap()).await;
        (told.status, told.body)
    }

    /// Sends a request and reads the answer as it came.
    pub(crate) async fn told(&self, request: Request<Body>) -> Told {
        told(&self.functions, request).await
    }

    /// Reads.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.request(&Method::GET, path), Body::empty()).await
    }

    /// Everything that is stored, in an order of its own.
    pub(crate) async fn stored(&self) -> Vec<String> {
        self.local.stored().await
    }
}

fn below_prefix(path: &str) -> &str {
    path.strip_prefix("/api/v1").or_else(|| path.strip_prefix("/v1")).unwrap_or(path)
}

/// The part of a path that decides who answers it: its first word, or two where the first one is shared.
fn base(path: &str) -> String {
    let words = if path.starts_with("/telephony/") || path.starts_with("/test/") { 3 } else { 2 };
    path.split('/').take(words).collect::<Vec<_>>().join("/")
}

/// Whether a write reads a body.
pub(crate) fn reads_body(method: &Method, path: &str) -> bool {
    let reads_none =
        ["/rotate-secret", "/rotate-callbacks", "/test"].iter().any(|end| path.ends_with(end)) || path.contains("/deliveries/");
    *method != Method::DELETE && !reads_none
}

/// A request without a key. Telephony routes tell their problems in JSON only if they are asked to.
pub(crate) fn anonymous(method: &Method, path: &str) -> Builder {
    Request::builder().method(method.clone()).uri(path).header("content-type", "application/json").header("accept", "application/json")
}

/// The request as it comes from an address, by the gateway's word.
pub(crate) fn from(address: IpAddr, mut request: Request<Body>) -> Request<Body> {
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.http.source_ip = Some(address.to_string());
    request.extensions_mut().insert(RequestContext::ApiGatewayV2(context));
    request
}

/// Whether an answer is a validation error that names the field.
pub(crate) fn names(answer: &Value, field: &str) -> bool {
    let mut errors = answer["details"]["errors"].as_array().into_iter().flatten();
    answer["code"] == "VALIDATION_ERROR" && errors.any(|error| error["field"] == field)
}
