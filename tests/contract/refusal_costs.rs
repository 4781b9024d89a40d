//! What it costs to refuse: as little as can be, whatever comes and however often.

use api::Access;
use domain::{Mode, api_key::ApiKeyText};
use http::Method;
use runtime::random;
use store::Usage;

use crate::every_route::{EveryRoute, anonymous};

/// More keys than a process remembers.
const MANY: usize = 1_500;

impl EveryRoute {
    async fn cost_of_key(&self, method: &Method, path: &str, key: &str) -> (u16, Usage) {
        let usage = self.local.table.usage();
        let (status, _) = self.send(anonymous(method, path).header("x-api-key", key), "{}").await;
        (status, self.local.table.usage() - usage)
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_one_costs_no_read_on_any_route() {
    let bench = EveryRoute::start().await;
    let sound = bench.fixture.key.reveal();
    let spoilt: Vec<String> = (10..sound.len()).map(|at| changed(sound, at)).collect();
    for (method, path) in bench.routes() {
        for key in ["", "kros_live_", "secret", "aaa.bbb.ccc"].into_iter().chain(spoilt.iter().map(String::as_str)) {
            assert_eq!(bench.cost_of_key(&method, &path, key).await, (401, Usage::default()), "{method} {path} {key}");
        }
    }
}

/// The key with one character that is another one.
fn changed(key: &str, at: usize) -> String {
    let other = if key.as_bytes()[at] == b'x' { "y" } else { "x" };
    format!("{}{other}{}", &key[..at], &key[at + 1..])
}

#[tokio::test]
async fn a_key_that_was_never_issued_costs_one_look_up_on_any_route_each_time_and_nothing_else() {
    let bench = EveryRoute::start().await;
    let one_look_up = Usage { requests: 1, round_trips: 1, read_units: 1.0, write_units: 0.0 };
    for (method, path) in bench.routes() {
        let key = ApiKeyText::mint(Mode::Live, random::bytes());
        for _ in 0..2 {
            assert_eq!(bench.cost_of_key(&method, &path, key.reveal()).await, (401, one_look_up), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn keys_that_were_never_issued_push_no_issued_one_out_of_memory() {
    let bench = EveryRoute::start().await;
    let path = "/v1/endpoints/no-id";
    let known = async || bench.cost_of_key(&Method::GET, path, bench.fixture.key.reveal()).await;
    known().await;
    assert_eq!(known().await, (404, Usage::default()), "the key is remembered");
    for _ in 0..MANY {
        let key = ApiKeyText::mint(Mode::Live, random::bytes());
        assert_eq!(bench.cost_of_key(&Method::GET, path, key.reveal()).await.0, 401);
    }
    assert_eq!(known().await, (404, Usage::default()), "and still is");
}

#[tokio::test]
async fn a_caller_without_the_scope_costs_nothing_beyond_its_key_on_any_route() {
    let bench = EveryRoute::start().await;
    let nothing = testkit::fixture::key(&bench.local.table, bench.own.tenant, domain::scope::Scopes::new()).await;
    let scoped = |route: &api::Route| matches!(route.access, Access::Scope(_));
    for (route, sample) in bench.samples().into_iter().filter(|(route, _)| scoped(route)) {
        let path = sample.path(&bench.own);
        // Each function has a gate of its own: it reads the key once and notes its use.
        bench.cost_of_key(&route.method, &path, nothing.reveal()).await;
        assert_eq!(bench.cost_of_key(&route.method, &path, nothing.reveal()).await, (403, Usage::default()), "{}", sample.shown());
    }
}
