//! Whole calls of each carrier, from its question to the webhooks: callbacks in wrong order and more than once.

use domain::carrier::Carrier;
use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use testkit::carrier::{Account, encoded};

use crate::carrier_world::World;

/// A world with a subscription and a number that rings an agent.
async fn line(carrier: Carrier) -> (World, Account, String) {
    let world = World::start().await;
    let account = world.account(carrier).await;
    let agent = world.agent().await;
    let (_, to) = world.number(&account, 1, Some(agent)).await;
    let hook = json!({"url": "https://hooks.example.com/x", "events": ["*"]});
    world.api(Method::POST, "/v1/webhooks", Some(hook)).await.expect(201);
    (world, account, to)
}

#[rstest]
#[case::as_they_happened(|count: usize| (0..count).collect())]
#[case::backwards(|count: usize| (0..count).rev().collect())]
#[case::the_end_first_and_everything_twice(|count: usize| (1..count).chain(0..count).chain([0]).map(|at| (at + count - 1) % count).collect())]
#[tokio::test]
async fn an_answered_call_comes_out_the_same_in_any_order(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
    #[case] order: fn(usize) -> Vec<usize>,
) {
    let (world, account, to) = line(carrier).await;
    let question = account.question(account.call(), &to);
    let said = world.send(&account, &account.voice, &question).await;
    assert_eq!((said.status, said.content_type.as_str()), (200, "application/xml; charset=utf-8"), "{}", said.text);
    assert!(said.text.contains(">sip:agent-7@sip.vogent.ai</"), "{}", said.text);
    assert!(said.text.contains(&account.status), "the carrier tells us what becomes of it: {}", said.text);
    for callback in account.answered(account.call(), &to) {
        world.pass(6);
        let said = world.send(&account, &account.status, &callback).await;
        assert_eq!((said.status, said.content_type.as_str()), (200, "application/xml; charset=utf-8"), "{callback:?}: {}", said.text);
    }
    world.handle(order).await;
    assert!(world.dead.is_empty());

    let call = world.call().await;
    let told = |name: &str| call[name].clone();
    assert_eq!(
        (told("status"), told("duration"), told("hangup_cause")),
        (json!("completed"), json!(30), json!("NORMAL_CLEARING")),
        "{call:#}"
    );
    assert_eq!((told("from_number"), told("to_number"), told("direction")), (json!("+14155550100"), json!(to), json!("inbound")));
    assert_eq!((told("carrier"), told("carrier_call_id")), (json!(carrier), json!(account.call())));
    assert!(call["answered_at"].is_string() && call["phone_number_id"].is_string() && call["endpoint_id"].is_string());
    let by_name = world.api(Method::GET, &format!("/v1/calls/{}", account.call()), None).await.expect(200);
    assert_eq!(by_name["id"], call["id"], "the carrier's id finds it too");

    let stats = world.api(Method::GET, "/v1/calls/stats", None).await.expect(200);
    assert_eq!(
        (&stats["total"], &stats["by_status"]["completed"], &stats["total_duration"]),
        (&json!(1), &json!(1), &json!(30)),
        "{stats:#}"
    );
    let webhooks = world.webhooks();
    let names: std::collections::BTreeSet<&str> = webhooks.iter().map(|webhook| webhook.event.as_str()).collect();
    assert!(["call.initiated", "call.answered", "call.completed"].iter().all(|name| names.contains(name)), "{names:?}");
    assert!(webhooks.iter().all(|webhook| webhook.call_id.map(|id| json!(id)) == Some(call["id"].clone())));
}

#[rstest]
#[case::twilio(Carrier::Twilio, &[("CallStatus", "no-answer")], "no_answer")]
#[case::twilio_busy(Carrier::Twilio, &[("CallStatus", "busy")], "busy")]
#[case::plivo(Carrier::Plivo, &[("CallStatus", "no-answer"), ("Event", "Hangup"), ("HangupCauseName", "No Answer")], "no_answer")]
#[case::vobiz(Carrier::Vobiz, &[("CallStatus", "busy"), ("Event", "Hangup"), ("HangupCauseName", "Busy Line")], "busy")]
#[tokio::test]
async fn a_call_that_nobody_takes_ends_as_its_carrier_says(
    #[case] carrier: Carrier,
    #[case] end: &[(&'static str, &'static str)],
    #[case] status: &str,
) {
    let (world, account, to) = line(carrier).await;
    let question = account.question(account.call(), &to);
    world.send(&account, &account.voice, &question).await;
    let kept = question.iter().filter(|(name, _)| !end.iter().any(|(other, _)| other == name)).copied();
    let callback: Vec<_> = kept.chain(end.iter().copied()).collect();
    world.pass(20);
    world.send(&account, &account.status, &callback).await;
    world.handle(|count| (0..count).rev().collect()).await;
    assert_eq!(world.call().await["status"], status);
    let stats = world.api(Method::GET, "/v1/calls/stats", None).await.expect(200);
    assert_eq!((&stats["total"], &stats["by_status"][status], &stats["total_duration"]), (&json!(1), &json!(1), &json!(0)));
}

/// Twilio counts what it tells of a call; its times are whole seconds.
#[rstest]
#[case::busy("busy", "completed", "busy")]
#[case::completed("completed", "busy", "completed")]
#[tokio::test]
async fn of_two_ends_in_one_second_twilios_count_decides(
    #[case] second: &str,
    #[case] third: &str,
    #[case] status: &str,
    #[values(false, true)] backwards: bool,
) {
    let (world, account, to) = line(Carrier::Twilio).await;
    let told = |word, count| {
        let at = [("CallStatus", word), ("SequenceNumber", count), ("Timestamp", "Fri, 02 Jan 2026 03:04:40 +0000")];
        let known = account.question(account.call(), &to).into_iter().filter(|(name, _)| *name != "CallStatus");
        known.chain(at).collect::<Vec<_>>()
    };
    for callback in [told(second, "2"), told(third, "3")] {
        assert_eq!(world.send(&account, &account.status, &callback).await.status, 200);
    }
    world.handle(|count| if backwards { (0..count).rev().collect() } else { (0..count).collect() }).await;
    assert_eq!(world.call().await["status"], status);
}

#[tokio::test]
async fn what_is_not_known_is_kept_and_thanked_for() {
    let (world, account, to) = line(Carrier::Twilio).await;
    let question = account.question(account.call(), &to);
    world.send(&account, &account.voice, &question).await;
    let strange: Vec<_> = question.iter().map(|(name, value)| (*name, if *name == "CallStatus" { "levitating" } else { value })).collect();
    assert_eq!(world.send(&account, &account.status, &strange).await.status, 200);
    assert_eq!(world.send(&account, &account.status, &[("CallStatus", "ringing")]).await.status, 200, "which call is not told");
    world.handle(|count| (0..count).collect()).await;
    let call = world.call().await;
    assert_eq!(call["status"], "initiated");
    let kinds: Vec<&Value> = call["events"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert!(kinds.iter().any(|kind| kind.as_str().unwrap().contains("levitating")), "{kinds:?}");
}

#[tokio::test]
async fn what_comes_by_get_is_read_from_the_query() {
    let (world, account, to) = line(Carrier::Twilio).await;
    let query = encoded(&account.question(account.call(), &to));
    let url = format!("{}?{query}", account.voice);
    let headers = account.signed(&url, &[], "");
    let said = world.knock(Method::GET, &url, headers, "").await;
    assert!(said.text.contains("sip:agent-7@sip.vogent.ai"), "{said:?}");
}

#[tokio::test]
async fn one_address_for_everything_is_enough_for_plivo() {
    let (world, account, to) = line(Carrier::Plivo).await;
    let question = account.question(account.call(), &to);
    world.send(&account, &account.voice, &question).await;
    let end: Vec<_> = question
        .iter()
        .map(|(name, value)| match *name {
            "Event" => ("Event", "Hangup"),
            "CallStatus" => ("CallStatus", "busy"),
            _ => (*name, *value),
        })
        .collect();
    let said = world.send(&account, &account.voice, &end).await;
    assert!(said.status == 200 && !said.text.contains("<Dial"), "{said:?}");
    world.handle(|count| (0..count).collect()).await;
    assert_eq!(world.call().await["status"], "busy");
}
