//! Where the names of receivers lead when their URLs are saved: looked up by a name server of the test's own.

use axum::Router;
use domain::Mode;
use http::Method;
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{
    Fixture, LocalTable,
    client::{Answer, ask},
    costs::vault,
    fixture,
};
use webhooks::guard::Guard;

const GOOD: &str = "https://hooks.example.com/x";
const MOVED: &str = "https://moved.example.com/x";

struct Bench {
    local: LocalTable,
    fixture: Fixture,
}

impl Bench {
    async fn start() -> Self {
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        Self { local, fixture }
    }

    /// The functions where names lead to these addresses.
    fn apps(&self, addresses: &[&str]) -> [(Router, &'static str); 2] {
        let guard: Guard = fixture::guard(addresses);
        let (table, nowhere) = (self.local.table.clone(), fixture::nowhere());
        let webhooks = webhooks_api::State::new(table.clone(), vault(), nowhere.clone(), Clock::System, guard.clone());
        let endpoints = endpoints::State::new(table, vault(), nowhere, Clock::System, guard, "sip.example.com");
        [(webhooks_api::app(webhooks), "/v1/webhooks"), (endpoints::app(endpoints), "/v1/endpoints")]
    }

    async fn ask(&self, app: &Router, method: Method, path: &str, body: Value) -> Answer {
        ask(app, self.fixture.key.reveal(), method, path, Some(&body)).await
    }

    async fn create(&self, (app, path): &(Router, &'static str), url: &str) -> Answer {
        self.ask(app, Method::POST, path, json!({"name": "E", "type": "webhook", "url": url})).await
    }
}

/// Whether the url is what was refused, and nothing of where it leads is told.
fn is_refused(answer: &Answer) -> bool {
    let told = answer.text.contains("10.0.0.1") || answer.text.contains("169.254");
    let fault = &answer.body["details"]["errors"][0];
    let problem = "must be a name all of whose addresses are public";
    answer.status.as_u16() == 400 && fault == &json!({"field": "url", "problem": problem}) && !told
}

#[tokio::test]
async fn a_name_with_an_address_that_is_not_public_is_not_saved() {
    for (subscribed, inside) in [(false, &["10.0.0.1"][..]), (true, &["8.8.8.8", "169.254.169.254"])] {
        let bench = Bench::start().await;
        let [webhooks, endpoints] = bench.apps(&["8.8.8.8"]);
        if subscribed {
            // Somebody listens: a change of an endpoint is a look and a transaction.
            bench.create(&webhooks, GOOD).await.expect(201);
        }
        let known = [bench.create(&webhooks, GOOD).await.expect(201), bench.create(&endpoints, GOOD).await.expect(201)];
        let before = bench.local.dump_unused().await.len();
        for (function, known) in bench.apps(inside).iter().zip(&known) {
            let answer = bench.create(function, MOVED).await;
            assert!(is_refused(&answer), "{}", answer.text);
            let path = format!("{}/{}", function.1, known["id"].as_str().unwrap());
            let answer = bench.ask(&function.0, Method::PATCH, &path, json!({"url": MOVED})).await;
            assert!(is_refused(&answer), "{}", answer.text);
            assert_eq!(bench.ask(&function.0, Method::GET, &path, json!({})).await.expect(200)["url"], GOOD);
        }
        assert_eq!(bench.local.dump_unused().await.len(), before, "nothing was written");
    }
}

#[tokio::test]
async fn a_name_that_is_public_or_leads_nowhere_yet_is_saved() {
    for addresses in [&["8.8.8.8", "2606:4700::1111"][..], &[]] {
        let bench = Bench::start().await;
        for function in &bench.apps(addresses) {
            let created = bench.create(function, GOOD).await.expect(201);
            let path = format!("{}/{}", function.1, created["id"].as_str().unwrap());
            assert_eq!(bench.ask(&function.0, Method::PATCH, &path, json!({"url": MOVED})).await.expect(200)["url"], MOVED);
        }
    }
}

#[tokio::test]
async fn what_is_not_about_to_be_called_is_not_looked_up() {
    let bench = Bench::start().await;
    let [_, endpoints] = bench.apps(&["8.8.8.8"]);
    let created = bench.create(&endpoints, GOOD).await.expect(201);
    let path = format!("/v1/endpoints/{}", created["id"].as_str().unwrap());
    let [_, (app, _)] = bench.apps(&["10.0.0.1"]);
    assert_eq!(bench.ask(&app, Method::PATCH, &path, json!({"name": "F"})).await.expect(200)["name"], "F");
    let sip = json!({"name": "S", "type": "custom_sip", "url": "sip:pbx.example.com"});
    bench.ask(&app, Method::POST, "/v1/endpoints", sip).await.expect(201);
}
