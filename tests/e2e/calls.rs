//! Lists, statistics, trends, detail and deletion of calls, over HTTP, from events that came by SQS.

use http::Method;
use serde_json::{Value, json};
use testkit::{Receiver, wait};

use crate::setup::{LIMIT, World};

/// An organization with three answered and two missed calls, told in full.
struct Calls {
    world: World,
    number: Value,
    endpoint: Value,
    answered: Vec<String>,
    missed: Vec<String>,
}

impl Calls {
    async fn new() -> Self {
        let world = World::new().await;
        let receiver = Receiver::start().await;
        let line = world.line(&receiver).await;
        let (mut answered, mut missed, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..5 {
            let (file, calls) = if n < 3 { ("answered-call.json", &mut answered) } else { ("missed-call.json", &mut missed) };
            let (id, events) = world.events(file, &line.number["e164"]);
            calls.push(id.to_string());
            bodies.extend(events.iter().map(ToString::to_string));
        }
        world.stack.send("call-events", &bodies).await;
        let calls = Self { world, number: line.number["id"].clone(), endpoint: line.endpoint["id"].clone(), answered, missed };
        wait::until("every call to be counted", LIMIT, || async {
            let stats = calls.get("/v1/calls/stats").await;
            // Until its first event is handled the call is a 404.
            let last = calls.world.client.get(&format!("/v1/calls/{}", calls.answered[2])).await;
            let told = last.body["events"].as_array().map_or(0, Vec::len);
            (stats["by_status"]["completed"] == 3 && stats["by_status"]["no_answer"] == 2 && told == 6).then_some(())
        })
        .await;
        calls
    }

    async fn get(&self, path: &str) -> Value {
        self.world.client.get(path).await.expect(200)
    }

    async fn refused(&self, path: &str) -> (u16, String) {
        let answer = self.world.client.get(path).await;
        (answer.status.as_u16(), answer.code().to_owned())
    }
}

#[tokio::test]
async fn a_list_takes_every_filter_and_tells_the_exact_total() {
    let calls = Calls::new().await;
    let total = async |query: &str| calls.get(&format!("/v1/calls?{query}")).await["total"].as_u64().unwrap();
    let (number, endpoint) = (calls.number.as_str().unwrap(), calls.endpoint.as_str().unwrap());
    for (query, expected) in [
        (String::new(), 5),
        ("status=completed".to_owned(), 3),
        ("status=no-answer&direction=inbound".to_owned(), 2),
        ("status=answered".to_owned(), 0),
        ("direction=outbound".to_owned(), 0),
        (format!("phone_number_id={number}&status=completed"), 3),
        (format!("phoneNumberId=pn_{number}&endpointId={endpoint}"), 5),
        ("endpoint_id=0198c0de-0000-7000-8000-000000000001".to_owned(), 0),
        ("end_date=2020-01-01".to_owned(), 0),
        ("start_date=2020-01-01&status=completed".to_owned(), 3),
    ] {
        assert_eq!(total(&query).await, expected, "{query}");
    }
    for wrong in [
        "status=over",
        "direction=in",
        "start_date=2026-01-02&end_date=2026-01-01",
        "page=0",
        "limit=101",
        "action=count",
        "page=1&offset=0",
    ] {
        assert_eq!(calls.refused(&format!("/v1/calls?{wrong}")).await, (400, "VALIDATION_ERROR".to_owned()), "{wrong}");
    }
}

#[tokio::test]
async fn a_list_is_walked_by_page_and_by_cursor() {
    let calls = Calls::new().await;
    let mut newest: Vec<&String> = calls.answered.iter().chain(&calls.missed).collect();
    newest.sort();
    newest.reverse();
    let shown =
        |page: &Value| page["data"].as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let first = calls.get("/v1/calls?limit=2").await;
    assert_eq!((&first["total"], &first["page"], &first["limit"], &first["total_pages"]), (&json!(5), &json!(1), &json!(2), &json!(3)));
    assert_eq!(shown(&first).iter().collect::<Vec<_>>(), newest[..2]);
    assert_eq!(shown(&calls.get("/v1/calls?limit=2&page=3").await).iter().collect::<Vec<_>>(), newest[4..]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = calls.get(&format!("/v1/calls?limit=2&cursor={cursor}")).await;
    assert_eq!((shown(&second).iter().collect::<Vec<_>>(), &second["page"]), (newest[2..4].to_vec(), &json!(2)));
    assert_eq!(calls.refused(&format!("/v1/calls?limit=2&status=failed&cursor={cursor}")).await.0, 400, "of another list");
    let call = &first["data"][0];
    assert_eq!((&call["transcript"], &call["organization_id"]), (&Value::Null, &json!(calls.world.fixture.tenant.org())));
}

#[tokio::test]
async fn statistics_and_trends_are_the_same_under_both_their_names() {
    let calls = Calls::new().await;
    let stats = calls.get("/v1/calls/stats").await;
    assert_eq!(stats, calls.get("/v1/calls?action=stats").await);
    assert_eq!((&stats["total"], &stats["by_direction"]), (&json!(5), &json!({"inbound": 5, "outbound": 0})));
    assert_eq!((&stats["total_duration"], &stats["average_duration"], &stats["answer_rate"]), (&json!(279), &json!(93.0), &json!(0.6)));
    assert_eq!((&stats["total_cost"], &stats["total_cost_micro_cents"]), (&json!(7.2), &json!(7_200_000)));
    let trends = calls.get("/api/v1/calls/trends").await;
    assert_eq!(trends, calls.get("/v1/calls?action=trends").await);
    let days = trends["data"].as_array().unwrap();
    let sum = |field: &str| days.iter().map(|day| day[field].as_i64().unwrap()).sum::<i64>();
    assert_eq!((days.len(), sum("total"), sum("completed"), sum("no_answer"), sum("total_duration")), (30, 5, 3, 2, 279));
    assert_eq!(calls.get("/v1/calls/stats?status=busy").await["total"], 0);
    assert_eq!(calls.refused("/v1/calls/trends?start_date=2024-01-01&end_date=2025-01-01").await.0, 400, "367 days");
}

#[tokio::test]
async fn a_deleted_call_is_gone_with_its_events_and_does_not_come_back() {
    let calls = Calls::new().await;
    let client = &calls.world.client;
    let path = format!("/v1/calls/{}", calls.answered[0]);
    assert_eq!(calls.get(&format!("{path}/events")).await["total"], 6);
    let delete = || client.send_with(Method::DELETE, &path, None, &[("idempotency-key", "delete-1")]);
    delete().await.expect(204);
    let again = delete().await;
    assert_eq!((again.status.as_u16(), &again.headers["idempotent-replayed"]), (204, &http::HeaderValue::from_static("true")));
    for gone in [path.clone(), format!("{path}/events")] {
        assert_eq!(calls.refused(&gone).await, (404, "NOT_FOUND".to_owned()));
    }
    assert_eq!(client.delete(&path).await.status.as_u16(), 404);
    let stats = calls.get("/v1/calls/stats").await;
    assert_eq!((&stats["total"], &stats["by_status"]["completed"], &stats["total_duration"]), (&json!(4), &json!(2), &json!(186)));
    let late = json!({"id": "late", "type": "recording.ready", "timestamp": "2026-01-02T03:04:05Z", "call_id": calls.answered[0],
        "organization_id": calls.world.fixture.tenant.org(), "data": {"recording_url": "https://recordings.example.com/late.mp3"}});
    let (marker, events) = calls.world.events("missed-call.json", &json!("+0"));
    let mut told: Vec<String> = vec![late.to_string()];
    told.extend(events.iter().map(|event| {
        let mut event = event.clone();
        event["data"] = json!({"phone_number_id": calls.number});
        event.to_string()
    }));
    calls.world.stack.send("call-events", &told).await;
    calls.world.call(marker, |call| call["status"] == "failed").await;
    wait::until("the call after it to be counted", LIMIT, || async { (calls.get("/v1/calls?limit=1").await["total"] == 5).then_some(()) })
        .await;
    assert_eq!(calls.refused(&path).await.0, 404);
}

#[tokio::test]
async fn a_call_that_goes_on_cannot_be_deleted() {
    let calls = Calls::new().await;
    let (id, events) = calls.world.events("missed-call.json", &json!("+0"));
    let mut event = events[0].clone();
    event["data"] = json!({"phone_number_id": calls.number});
    calls.world.stack.send("call-events", &[event.to_string()]).await;
    calls.world.call(id, |call| call["status"] == "initiated").await;
    let answer = calls.world.client.delete(&format!("/v1/calls/{id}")).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (409, "CONFLICT"));
    let stats = calls.get("/v1/calls/stats?status=initiated").await;
    assert_eq!((&stats["total"], &stats["by_status"]["initiated"]), (&json!(1), &json!(1)));
}
