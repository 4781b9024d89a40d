//! The log of deliveries over HTTP: lists with their filters and cursors, and one delivery with all its attempts.

use domain::{CallId, scope::Scope};
use http::Method;
use queue::DeliveryMessage;
use serde_json::{Value, json};
use testkit::{Fixture, Receiver, client::ask, fixture};

use crate::delivery_world::World;

const LIST: &str = "/v1/webhooks/deliveries";
const DAY: i64 = 24 * 3_600_000;

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|delivery| delivery["id"].as_str().unwrap()).collect()
}

async fn list(world: &World, query: &str) -> Value {
    world.ask(Method::GET, &format!("{LIST}{query}"), None).await.expect(200)
}

/// Events for a receiver, a second apart.
async fn events(world: &World, receiver: &Receiver, call: CallId, count: usize) -> Vec<DeliveryMessage> {
    let subscription = world.subscribe(receiver).await;
    let mut events = Vec::new();
    for _ in 0..count {
        events.push(world.event(subscription, call));
        world.deliver(&events[events.len() - 1..]).await;
        world.pass(1_000);
    }
    events
}

#[tokio::test]
async fn a_delivery_is_shown_with_everything_that_became_of_it() {
    let (world, receiver) = (World::start().await, Receiver::answering(&[503, 302]).await);
    receiver.say("thanks");
    let [event] = <[_; 1]>::try_from(events(&world, &receiver, world.call(), 1).await).unwrap();
    world.live(10_000).await;
    let path = format!("{LIST}/dlv_{}", event.delivery_id);
    let detail = world.ask(Method::GET, &path, None).await.expect(200);
    let fields: Vec<&str> = detail.as_object().unwrap().keys().map(String::as_str).collect();
    let listed = [
        "id",
        "webhook_id",
        "event",
        "status",
        "status_reason",
        "endpoint_id",
        "subscription_id",
        "call_id",
        "attempts_count",
        "last_attempt",
        "next_attempt_at",
        "organization_id",
        "created_at",
        "expires_at",
    ];
    assert_eq!(fields, [&listed[..], &["attempts", "body"]].concat());
    assert_eq!((&detail["status"], &detail["attempts_count"]), (&json!("retrying"), &json!(2)));
    assert_eq!(detail["webhook_id"], receiver.arrivals()[0].header("webhook-id"));
    assert_eq!((&detail["subscription_id"], &detail["call_id"]), (&json!(event.receiver.as_uuid()), &json!(event.call_id)));
    assert_eq!((&detail["endpoint_id"], &detail["body"]), (&Value::Null, &json!(event.body)));
    assert!(detail["next_attempt_at"].as_str().unwrap() > detail["last_attempt"]["timestamp"].as_str().unwrap());
    let attempts = detail["attempts"].as_array().unwrap();
    assert_eq!(attempts[1], detail["last_attempt"]);
    for (attempt, (status, error)) in attempts.iter().zip([(503, "server_error"), (302, "redirect")]) {
        assert_eq!((&attempt["status"], &attempt["error"], &attempt["answer"]), (&json!(status), &json!(error), &json!("thanks")));
        assert!(attempt["duration_ms"].is_u64() && attempt["timestamp"].is_string());
    }
    world.live(DAY).await;
    let taken = world.ask(Method::GET, &path, None).await.expect(200);
    assert_eq!(
        (&taken["status"], &taken["next_attempt_at"], &taken["last_attempt"]["error"]),
        (&json!("delivered"), &Value::Null, &Value::Null)
    );
    let row = &list(&world, "").await["data"][0];
    assert!(listed.iter().all(|field| row[field] == taken[field]), "{row}");
    assert_eq!(row.as_object().unwrap().len(), listed.len());
}

#[tokio::test]
async fn lists_are_newest_first_and_go_on_by_cursor() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let sent = events(&world, &receiver, world.call(), 5).await;
    let newest_first: Vec<String> = sent.iter().rev().map(|event| event.delivery_id.to_string()).collect();
    assert_eq!(ids(&list(&world, "").await), newest_first);
    let answer = world.ask(Method::GET, &format!("{LIST}?limit=2&status=delivered"), None).await;
    let link = answer.headers["link"].to_str().unwrap().to_owned();
    let first = answer.expect(200);
    assert_eq!((ids(&first), &first["limit"]), (newest_first[..2].iter().map(String::as_str).collect(), &json!(2)));
    // What comes meanwhile stands in front and does not shift the walk.
    events(&world, &receiver, world.call(), 1).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = list(&world, &format!("?limit=2&status=delivered&cursor={cursor}")).await;
    assert_eq!(ids(&second), newest_first[2..4]);
    let linked = link.strip_prefix('<').and_then(|link| link.split_once(">; rel=\"next\"")).unwrap().0;
    assert_eq!(world.ask(Method::GET, linked, None).await.expect(200), second);
    let third = list(&world, &format!("?limit=2&status=delivered&cursor={}", second["next_cursor"].as_str().unwrap())).await;
    assert_eq!((ids(&third), &third["next_cursor"]), (vec![newest_first[4].as_str()], &Value::Null));
    for foreign in [format!("?status=dead&cursor={cursor}"), "?cursor=x".to_owned()] {
        assert_eq!(world.ask(Method::GET, &format!("{LIST}{foreign}"), None).await.code(), "VALIDATION_ERROR", "{foreign}");
    }
}

#[tokio::test]
async fn every_filter_narrows_the_list() {
    let (world, good, bad) = (World::start().await, Receiver::start().await, Receiver::start().await);
    bad.answer(500);
    let (one, two) = (world.call(), world.call());
    let begun = world.now();
    let taken = events(&world, &good, one, 2).await;
    let failed = events(&world, &bad, two, 3).await;
    let receiver = failed[0].receiver.as_uuid();
    let third = begun.plus_millis(3_000);
    for (query, count) in [
        (format!("?subscription_id={receiver}"), 3),
        (format!("?receiverId=wh_{receiver}"), 3),
        (format!("?endpoint_id={receiver}"), 3),
        (format!("?call_id={one}"), 2),
        (format!("?call_id=call_{two}&receiver_id={receiver}"), 3),
        (format!("?call_id={one}&receiver_id={receiver}"), 0),
        ("?status=retrying".to_owned(), 3),
        ("?status=dead".to_owned(), 0),
        ("?event=call.completed&status=delivered".to_owned(), 2),
        ("?event=call.ended".to_owned(), 0),
        (format!("?from={third}"), 2),
        (format!("?to={third}"), 4),
        (format!("?from={third}&to={third}"), 1),
    ] {
        assert_eq!(ids(&list(&world, &query).await).len(), count, "{query}");
    }
    assert!(taken.iter().all(|event| event.call_id == Some(one)));
    for wrong in ["?status=done", "?offset=1", "?page=2", "?limit=101", "?limit=0", "?event=*", "?from=x", "?receiver_id=1", "?call_id=1"] {
        assert_eq!(world.ask(Method::GET, &format!("{LIST}{wrong}"), None).await.code(), "VALIDATION_ERROR", "{wrong}");
    }
}

#[tokio::test]
async fn what_is_older_than_thirty_days_is_never_shown_though_the_table_still_has_it() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let call = world.call();
    let [event] = <[_; 1]>::try_from(events(&world, &receiver, call, 1).await).unwrap();
    let path = format!("{LIST}/{}", event.delivery_id);
    world.pass(30 * DAY - 2_000);
    assert_eq!(list(&world, "").await["data"].as_array().unwrap().len(), 1);
    world.ask(Method::GET, &path, None).await.expect(200);
    world.pass(2_000);
    for query in ["", &format!("?call_id={call}"), &format!("?receiver_id={}&from=2020-01-01", event.receiver.as_uuid())] {
        assert_eq!(list(&world, query).await["data"], json!([]), "{query}");
    }
    assert_eq!(world.ask(Method::GET, &path, None).await.code(), "NOT_FOUND");
    assert_eq!(world.ask(Method::POST, &format!("{path}/replay"), None).await.code(), "NOT_FOUND");
    assert!(world.local.table.delivery(world.tenant(), event.delivery_id).await.unwrap().is_some());
}

#[tokio::test]
async fn nobody_sees_the_deliveries_of_others_and_reading_needs_its_scope() {
    let (world, receiver) = (World::start().await, Receiver::start().await);
    let [event] = <[_; 1]>::try_from(events(&world, &receiver, world.call(), 1).await).unwrap();
    let (path, call) = (format!("{LIST}/{}", event.delivery_id), event.call_id.unwrap());
    let other = Fixture::create(&world.local.table, domain::Mode::Live).await;
    let test_mode = store::Tenant::new(world.tenant().org(), domain::Mode::Test);
    let test_key = fixture::key(&world.local.table, test_mode, Scope::ALL.iter().copied().collect()).await;
    for key in [&other.key, &test_key] {
        let told = async |method, path: &str, body: Option<Value>| ask(&world.app, key.reveal(), method, path, body.as_ref()).await;
        assert_eq!(told(Method::GET, &path, None).await.code(), "NOT_FOUND");
        assert_eq!(told(Method::POST, &format!("{path}/replay"), None).await.code(), "NOT_FOUND");
        assert_eq!(told(Method::GET, &format!("{LIST}?call_id={call}"), None).await.expect(200)["data"], json!([]));
        assert_eq!(told(Method::POST, "/v1/webhooks/replay", Some(json!({"call_id": call}))).await.expect(202)["count"], 0);
    }
    let reader = fixture::key(&world.local.table, world.tenant(), [Scope::WebhooksRead].into()).await;
    let stranger = fixture::key(&world.local.table, world.tenant(), [Scope::EndpointsWrite].into()).await;
    assert_eq!(ask(&world.app, reader.reveal(), Method::GET, &path, None).await.status.as_u16(), 200);
    for (key, method, path) in [
        (&stranger, Method::GET, LIST.to_owned()),
        (&stranger, Method::GET, path.clone()),
        (&reader, Method::POST, format!("{path}/replay")),
        (&reader, Method::POST, "/v1/webhooks/replay".to_owned()),
    ] {
        let body = json!({"call_id": call});
        assert_eq!(ask(&world.app, key.reveal(), method, &path, Some(&body)).await.code(), "INSUFFICIENT_SCOPE", "{path}");
    }
    assert_eq!(receiver.arrivals().len(), 1);
}
