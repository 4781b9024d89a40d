//! What lists and statistics of calls cost at several sizes: the same at each, or they grow with history.

use axum::{Router, body::Body};
use domain::{Day, Mode};
use http::{Method, Request};
use runtime::Clock;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::{
    Fixture, LocalTable,
    budget::{Budget, Leaf, Reading, Row},
    costs::vault,
    fixture,
    load::Plan,
};

/// What the table in which calls are counted holds, and who asks.
struct Bench {
    local: LocalTable,
    fixture: Fixture,
    calls: Router,
    size: String,
    rows: Vec<Row>,
}

/// Measures every read of calls on a year of so many calls. `progress` is told how many of them are written.
pub async fn measure(count: usize, progress: impl FnMut(u64)) -> Vec<Row> {
    let local = LocalTable::start().await;
    let fixture = Fixture::create(&local.table, Mode::Live).await;
    let plan = Plan::of_a_year(count, Day::of(fixture::now()), 7);
    plan.load(&local.table, fixture.tenant, progress).await.unwrap();
    let calls = calls::app(calls::State::new(local.table.clone(), vault(), fixture::nowhere(), Clock::System));
    let mut bench = Bench { local, fixture, calls, size: format!("{count} calls"), rows: Vec::new() };
    bench.lists(&plan).await;
    bench.sums(&plan).await;
    bench.one().await;
    bench.rows
}

/// What costs more with a larger history than with a smaller one, in words: nothing, but for what lies in the smallest
/// stretch of time that is read.
#[must_use]
pub fn growth(small: &[Row], large: &[Row]) -> Vec<String> {
    small.iter().zip(large).filter_map(|(small, large)| large.has_grown(small, &leaf(&large.operation))).collect()
}

/// Rows of days on which nobody called are missing, so a small history may be cheaper; and a filter's page reads what lies
/// between the calls that it takes, up to the hours that hold a page of them.
fn leaf(operation: &str) -> Leaf {
    let has = |words: &[&str]| words.iter().any(|word| operation.contains(word));
    let (requests, read_units, bytes) = if has(&["a year"]) {
        (0, 3.0, 80_000)
    } else if has(&["page 5,000", "dates"]) {
        (1, 1.5, 25_000)
    } else if has(&["the middle"]) {
        (1, 8.0, 150_000)
    } else {
        (0, 0.5, 5_000)
    };
    Leaf { requests, read_units, bytes }
}

impl Bench {
    async fn lists(&mut self, plan: &Plan) {
        // The key is cached, and so is the one that signs cursors.
        let first = self.ask(Method::GET, "/v1/calls", 200).await;
        self.row("list calls, page 1", (1, 2.5), Method::GET, "/v1/calls", 200).await;
        let next = format!("/v1/calls?cursor={}", first["next_cursor"].as_str().unwrap());
        self.row("list calls, the page after a cursor", (1, 2.5), Method::GET, &next, 200).await;
        let deep = |taken: usize| (taken / 40).clamp(1, 5_000);
        let path = format!("/v1/calls?page={}", deep(plan.count));
        self.row("list calls, page 5,000 or the middle", (5, 4.0), Method::GET, &path, 200).await;
        let range = format!("start_date={}&end_date={}", plan.end.plus(-100), plan.end.plus(-20));
        let path = format!("/v1/calls?{range}&page={}", deep(plan.count / 5));
        // Half a unit above the aim, with a million calls: both ends of the range cost one request more (ADR 0015).
        self.row("list calls of a range of dates, the middle", (5, 4.5), Method::GET, &path, 200).await;
        let filters = [
            ("list calls by status, the middle", "status=busy".to_owned(), 12),
            ("list calls by direction, the middle", "direction=outbound".to_owned(), 3),
            ("list calls by number, the middle", format!("phone_number_id={}", plan.numbers[0]), 8),
            ("list calls by endpoint, the middle", format!("endpoint_id={}", plan.endpoints[0]), 4),
        ];
        for (operation, filter, share) in filters {
            let path = format!("/v1/calls?{filter}&page={}", deep(plan.count / share));
            self.row(operation, (7, 25.0), Method::GET, &path, 200).await;
        }
    }

    async fn sums(&mut self, plan: &Plan) {
        self.row("stats of calls, all time", (1, 1.5), Method::GET, "/v1/calls/stats", 200).await;
        self.row("trends of calls, 30 days", (1, 1.5), Method::GET, "/v1/calls/trends", 200).await;
        let year = format!("/v1/calls/trends?start_date={}", plan.first);
        self.row("trends of calls, a year", (1, 11.0), Method::GET, &year, 200).await;
        let number = format!("/v1/calls/stats?phone_number_id={}", plan.numbers[0]);
        self.row("stats of calls of a number, all time", (1, 1.5), Method::GET, &number, 200).await;
    }

    async fn one(&mut self) {
        let list = self.ask(Method::GET, "/v1/calls?limit=1&status=completed", 200).await;
        let path = format!("/v1/calls/{}", list["data"][0]["id"].as_str().unwrap());
        self.row("get a call", (1, 1.0), Method::GET, &path, 200).await;
        let reading = Reading::begin(&self.local);
        self.ask(Method::DELETE, &path, 204).await;
        let budget = Budget { round_trips: 4, read_units: 3.0, write_units: 24.0 };
        self.rows.push(reading.row(format!("delete a call, {}", self.size), budget));
    }

    async fn row(&mut self, operation: &str, (round_trips, read_units): (u64, f64), method: Method, path: &str, status: u16) {
        let reading = Reading::begin(&self.local);
        self.ask(method, path, status).await;
        let budget = Budget { round_trips, read_units, write_units: 0.0 };
        self.rows.push(reading.row(format!("{operation}, {}", self.size), budget));
    }

    async fn ask(&self, method: Method, path: &str, status: u16) -> Value {
        let request = Request::builder().method(method).uri(path).header("x-api-key", self.fixture.key.reveal());
        let response = self.calls.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let got = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        assert_eq!(got, status, "{path}: {body}");
        body
    }
}
