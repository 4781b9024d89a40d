//! What becomes of a carrier's question when one of the reads or writes that it needs fails: a busy line in any case, and the
//! reason is kept wherever it is certain that the carrier asked and whose call it is.

use std::sync::Arc;

use axum::Router;
use domain::carrier::Carrier;
use http::Method;
use rstest::rstest;
use serde_json::Value;
use store::Table;
use testkit::{
    Asked,
    carrier::{Account, encoded},
    fixture,
};

use crate::{
    carrier_platform::bought,
    carrier_world::{World, door, knock},
};

/// Where reads and writes fail: in partitions and of items whose keys begin like this.
#[derive(Debug, Clone, Copy)]
struct Fails(&'static str, &'static str);

impl Fails {
    fn table(self, world: &World) -> Table {
        world.local.failing(move |asked| match asked {
            Asked::Get(pk, sk) | Asked::Update(pk, sk) => pk.starts_with(self.0) && sk.starts_with(self.1),
            Asked::Other => false,
        })
    }
}

/// What is told to the queue of a call: `call.initiated` and the reason why it was not connected.
async fn told_without(world: &World, account: &Account, to: &str, fails: Fails) -> Vec<String> {
    let door = door(fails.table(world), &world.vault, world.sent.sender(), &world.clock, &Arc::default());
    let form = account.question(account.call(), to);
    let said = knock(&door, Method::POST, &account.voice, account.signed(&account.voice, &form, "1"), &encoded(&form)).await;
    assert_eq!((said.status, said.content_type.as_str()), (200, "application/xml; charset=utf-8"));
    assert!(said.text.contains(r#"reason="busy""#), "{}", said.text);
    let event = |body: &str| {
        let event: Value = serde_json::from_str(body).unwrap();
        event["data"]["metadata"]["route_reason"].as_str().or(event["type"].as_str()).unwrap().to_owned()
    };
    world.sent.take_all().iter().map(|(body, _)| event(body)).collect()
}

const KEPT: &[&str] = &["call.initiated", "unavailable"];

#[rstest]
#[case::credential(Fails("ORG#", "CREDENTIAL#"), &[])]
#[case::claim(Fails("E164#", "CLAIM"), KEPT)]
#[case::number(Fails("ORG#", "NUMBER#"), KEPT)]
#[case::endpoint(Fails("ORG#", "ENDPOINT#"), KEPT)]
// Nobody knows whether it was asked before, by somebody else.
#[case::nonce(Fails("NONCES#", ""), &[])]
#[tokio::test]
async fn the_reason_is_kept_wherever_the_carrier_is_known(#[case] fails: Fails, #[case] kept: &[&str]) {
    let world = World::start().await;
    let account = world.account(Carrier::Plivo).await;
    let agent = world.agent().await;
    let (_, to) = world.number(&account, 1, Some(agent)).await;
    assert_eq!(told_without(&world, &account, &to, fails).await, kept);
}

/// A door whose queue is away.
fn shut(world: &World) -> Router {
    door(world.local.table.clone(), &world.vault, fixture::nowhere(), &world.clock, &Arc::default())
}

/// Nobody else may tell of it: what is no question and cannot be queued is sent again, also where it came to the address for questions.
#[rstest]
#[tokio::test]
async fn what_becomes_of_a_call_is_sent_again_while_the_queue_is_away(
    #[values(Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
    #[values("voice", "status")] at: &str,
) {
    let world = World::start().await;
    let account = world.account(carrier).await;
    let (_, to) = world.number(&account, 1, None).await;
    let url = if at == "voice" { &account.voice } else { &account.status };
    let form = [("CallUUID", account.call()), ("CallStatus", "completed"), ("Event", "Hangup"), ("From", "14155550100"), ("To", &to)];
    let ask =
        async |door: &Router, nonce: &str| knock(door, Method::POST, url, account.signed(url, &form, nonce), &encoded(&form)).await.status;
    assert_eq!(ask(&shut(&world), "1").await, 503);
    assert_eq!(ask(&world.door, "1").await, 200, "the same again");
    assert_eq!(world.sent.take_all().len(), 1);
}

/// A caller may still be there, and would hear that something failed. The leg's end is told to its status URL too.
#[rstest]
#[case(Carrier::Twilio, "DialCallStatus", "CallSid")]
#[case(Carrier::Plivo, "DialStatus", "CallUUID")]
#[case(Carrier::Vobiz, "DialStatus", "CallUUID")]
#[tokio::test]
async fn who_asks_what_comes_after_a_leg_gets_xml_also_while_the_queue_is_away(
    #[case] carrier: Carrier,
    #[case] ended: &str,
    #[case] call: &str,
) {
    let world = World::start().await;
    let account = world.account(carrier).await;
    let (_, to) = world.number(&account, 1, None).await;
    let form = [(call, account.call()), (ended, "completed"), ("From", "14155550100"), ("To", to.as_str())];
    let said = knock(&shut(&world), Method::POST, &account.status, account.signed(&account.status, &form, "1"), &encoded(&form)).await;
    assert_eq!((said.status, said.content_type.as_str()), (200, "application/xml; charset=utf-8"));
    assert!(said.text.ends_with("<Response><Hangup/></Response>"), "{}", said.text);
}

#[rstest]
#[tokio::test]
async fn who_has_not_signed_learns_nothing_from_an_outage(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
    #[values("voice", "status")] at: &str,
) {
    let world = World::start().await;
    let account = world.account(carrier).await;
    let url = if at == "voice" { &account.voice } else { &account.status };
    let form = account.question(account.call(), "+12025550123");
    let door = door(Fails("ORG#", "").table(&world), &world.vault, world.sent.sender(), &world.clock, &Arc::default());
    let ask = async |headers| knock(&door, Method::POST, url, headers, &encoded(&form)).await.status;
    let mut unsigned = account.signed(url, &form, "1");
    let names: Vec<_> = unsigned.keys().filter(|name| name.as_str().contains("signature")).cloned().collect();
    for name in names {
        unsigned.remove(name);
    }
    assert_eq!(ask(unsigned).await, 403);
    assert_ne!(ask(account.signed(url, &form, "1")).await, 403, "who has may be the carrier");
}

#[tokio::test]
async fn the_record_of_a_call_whose_way_is_not_found_has_the_reason() {
    let world = World::start().await;
    let account = world.account(Carrier::Twilio).await;
    let agent = world.agent().await;
    let (number, to) = world.number(&account, 1, Some(agent)).await;
    let door = door(Fails("E164#", "CLAIM").table(&world), &world.vault, world.sent.sender(), &world.clock, &Arc::default());
    let form = account.question(account.call(), &to);
    knock(&door, Method::POST, &account.voice, account.signed(&account.voice, &form, ""), &encoded(&form)).await;
    world.handle(|count| (0..count).rev().collect()).await;
    let call = world.call().await;
    assert_eq!((&call["status"], &call["metadata"]["route_reason"]), (&"busy".into(), &"unavailable".into()));
    assert_eq!(call["phone_number_id"], number.to_string());
}

#[tokio::test]
async fn of_a_call_to_one_of_the_operators_numbers_nobody_knows_whose_it_is() {
    let (world, account, number) = bought(Carrier::Plivo).await;
    let to = number.e164.as_str();
    assert!(told_without(&world, &account, to, Fails("E164#", "CLAIM")).await.is_empty());
}
