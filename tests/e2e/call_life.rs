//! A call's events in any order, each three times, become one exact record and verified webhooks.

use std::{collections::BTreeSet, process::Stdio};

use serde_json::{Value, json};
use testkit::{Receiver, call::shuffled, fixture, receiver::Arrival, wait};
use tokio::io::AsyncWriteExt as _;

use crate::setup::{LIMIT, World};

#[tokio::test]
async fn two_calls_shuffled_and_repeated_become_two_exact_records_with_verified_webhooks() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let line = world.line(&receiver).await;
    let (answered, first) = world.events("answered-call.json", &line.number["e164"]);
    let (missed, second) = world.events("missed-call.json", &line.number["e164"]);
    let all: Vec<&Value> = first.iter().chain(&second).collect();
    let thrice = all.iter().cycle().take(3 * all.len()).map(ToString::to_string).collect();
    world.stack.send("call-events", &shuffled(thrice)).await;

    let call = world.call(answered, |call| call["events"].as_array().is_some_and(|events| events.len() == first.len())).await;
    assert_eq!(
        (&call["status"], &call["duration"], &call["cost"], &call["cost_cents"]),
        (&json!("completed"), &json!(93), &json!(2.4), &json!(2))
    );
    assert_eq!((&call["answered_at"], &call["completed_at"]), (&first[2]["timestamp"], &first[3]["timestamp"]));
    assert_eq!((&call["phone_number_id"], &call["endpoint_id"]), (&line.number["id"], &line.endpoint["id"]));
    assert_eq!((&call["hangup_cause"], &call["hangup_reason"]), (&json!("NORMAL_CLEARING"), &json!("user_hangup")));
    assert_eq!((&call["latency_ms"], &call["has_transcript"]), (&json!(145), &json!(true)));
    let told: Vec<&Value> = call["events"].as_array().unwrap().iter().map(|event| &event["id"]).collect();
    assert_eq!(told, first.iter().map(|event| &event["id"]).collect::<Vec<_>>(), "in time order, each once");

    let call = world.call(missed, |call| call["events"].as_array().is_some_and(|events| events.len() == second.len())).await;
    assert_eq!((&call["status"], &call["duration"], &call["answered_at"]), (&json!("no_answer"), &json!(0), &json!(null)));
    assert_eq!(call["completed_at"], second[2]["timestamp"]);

    let list = world.client.get("/v1/calls").await.expect(200);
    assert_eq!((&list["total"], &list["total_pages"], list["data"].as_array().unwrap().len()), (&json!(2), &json!(1), 2));

    // At least once: two workers may make one attempt at the same moment, under one id.
    let arrivals = wait::until("a webhook for each distinct event", LIMIT, || async {
        Some(receiver.arrivals()).filter(|arrivals| ids(arrivals).len() >= all.len())
    })
    .await;
    assert_eq!(ids(&arrivals).len(), all.len(), "one webhook id for each distinct event");
    let events: Vec<Value> = arrivals.iter().map(Arrival::json).collect();
    let mut names: Vec<(&str, &str)> =
        events.iter().map(|event| (event["data"]["call_id"].as_str().unwrap(), event["event"].as_str().unwrap())).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len(), "each event of each call: {names:?}");
    verify(&arrivals, line.endpoint["secret"].as_str().unwrap()).await;
}

fn ids(arrivals: &[Arrival]) -> BTreeSet<&str> {
    arrivals.iter().map(|arrival| arrival.header("webhook-id")).collect()
}

/// Checks both signatures, and has the reference libraries check them too.
async fn verify(arrivals: &[Arrival], secret: &str) {
    for arrival in arrivals {
        arrival.verify(secret, fixture::now()).unwrap();
    }
    let deliveries: Vec<Value> = arrivals
        .iter()
        .map(|arrival| {
            let headers: serde_json::Map<String, Value> = ["webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-signature"]
                .iter()
                .map(|name| ((*name).to_owned(), json!(arrival.header(name))))
                .collect();
            json!({"body": String::from_utf8(arrival.body.to_vec()).unwrap(), "headers": headers, "secrets": [secret]})
        })
        .collect();
    let python = std::env::var("TRUNKLINE_TEST_PYTHON")
        .expect("TRUNKLINE_TEST_PYTHON names a Python that has the reference libraries: run cargo xtask test");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/verify.py");
    let mut command = tokio::process::Command::new(python);
    let mut child = command.args([script, "/dev/stdin"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(json!(deliveries).to_string().as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "a reference library refused a delivery");
    let verdict = format!("{} verified by standardwebhooks and svix.webhooks, 2 forgeries refused", deliveries.len());
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), verdict);
}
