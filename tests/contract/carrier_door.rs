//! Who is let in at the carrier's door, and what it costs.

use std::sync::Arc;

use domain::{Mode, carrier::Carrier, credential::OVERLAP_MILLIS};
use http::{HeaderMap, Method};
use rstest::rstest;
use serde_json::json;
use store::Table;
use testkit::{
    carrier::{Account, account_id, encoded},
    fixture, local_table,
};

use crate::carrier_world::{BASE, Said, World, door, knock};

async fn line(carrier: Carrier) -> (World, Account, String) {
    let world = World::start().await;
    let account = world.account(carrier).await;
    let agent = world.agent().await;
    let (_, to) = world.number(&account, 1, Some(agent)).await;
    (world, account, to)
}

/// The one answer to everybody who is not let in.
fn forbidden() -> Said {
    Said { status: 403, content_type: "text/plain; charset=utf-8".to_owned(), text: "Forbidden".to_owned() }
}

fn changed(headers: &HeaderMap, carrier: Carrier, value: &str) -> HeaderMap {
    let name = match carrier {
        Carrier::Twilio => "x-twilio-signature",
        Carrier::Plivo => "x-plivo-signature-v3",
        Carrier::Vobiz => "x-vobiz-signature-v3",
    };
    let mut headers = headers.clone();
    headers.insert(name, value.parse().unwrap());
    headers
}

#[rstest]
#[tokio::test]
async fn missing_wrong_and_unknown_are_one_answer(#[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let (world, account, to) = line(carrier).await;
    let form = account.question(account.call(), &to);
    let (headers, body) = (account.signed(&account.voice, &form, "1"), encoded(&form));
    let others = [Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz].into_iter().find(|other| *other != carrier).unwrap();
    let token = account.voice.split('/').nth(5).unwrap();
    let unknown = format!("{}{}", if token.ends_with('A') { 'B' } else { 'A' }, "");
    let stranger = account.voice.replace(token, &format!("{}{unknown}", &token[..token.len() - 1]));
    let signed = |url: &str| Account { voice: url.to_owned(), ..account.clone() }.signed(url, &form, "2");
    let paths = [
        stranger,
        account.voice.replace(token, "x"),
        account.voice.replace(carrier.as_str(), others.as_str()),
        account.voice.replace(carrier.as_str(), "nobody"),
        account.voice.replace("/voice", "/voices"),
        format!("{}/", account.voice),
        format!("{BASE}/carriers/{carrier}"),
    ];
    let mut said = Vec::new();
    for url in &paths {
        let headers = signed(url);
        said.push((url.clone(), world.knock(Method::POST, url, headers, &body).await));
    }
    let wrong = changed(&headers, carrier, "d3Jvbmc=");
    let other_token = Account { token: "another".to_owned(), ..account.clone() }.signed(&account.voice, &form, "1");
    for (what, headers) in [
        ("none", HeaderMap::new()),
        ("empty", changed(&headers, carrier, "")),
        ("no base64", changed(&headers, carrier, "%%%")),
        ("wrong", wrong),
        ("another token's", other_token),
    ] {
        said.push((what.to_owned(), world.knock(Method::POST, &account.voice, headers, &body).await));
    }
    said.push(("a method".to_owned(), world.knock(Method::DELETE, &account.voice, headers.clone(), &body).await));
    let long = format!("{body}&x={}", "y".repeat(64 * 1024));
    said.push(("a long body".to_owned(), world.knock(Method::POST, &account.voice, headers.clone(), &long).await));
    for (what, said) in said {
        assert_eq!(said, forbidden(), "{what}");
    }
    assert!(world.sent.is_empty() && world.counted().is_empty());
    assert_eq!(world.knock(Method::POST, &account.voice, headers, &body).await.status, 200, "and the right one is let in");
}

#[rstest]
#[case(Carrier::Twilio)]
#[case(Carrier::Plivo)]
#[tokio::test]
async fn one_changed_byte_of_what_is_signed_is_forbidden(#[case] carrier: Carrier) {
    let (world, account, to) = line(carrier).await;
    let form = account.question(account.call(), &to);
    let headers = account.signed(&account.voice, &form, "1");
    let other: Vec<_> = form.iter().map(|(name, value)| (*name, if *name == "From" { "+14155550101" } else { value })).collect();
    assert_eq!(world.knock(Method::POST, &account.voice, headers.clone(), &encoded(&other)).await, forbidden());
    let url = format!("{}?a=1", account.voice);
    assert_eq!(world.knock(Method::POST, &url, headers.clone(), &encoded(&form)).await, forbidden());
    assert_eq!(world.knock(Method::POST, &account.status, headers, &encoded(&form)).await, forbidden());
}

#[rstest]
#[tokio::test]
async fn the_token_before_verifies_for_a_day_beside_the_new_one(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
) {
    let (world, account, to) = line(carrier).await;
    let key = if carrier == Carrier::Twilio { "account_sid" } else { "auth_id" };
    let change = json!({"credentials": {key: account_id(carrier), "auth_token": "canary-new"}});
    world.api(Method::PATCH, &format!("/v1/telephony/providers/{}", account.id), Some(change)).await.expect(200);
    let renewed = Account { token: "canary-new".to_owned(), ..account.clone() };
    let form = account.question(account.call(), &to);
    for account in [&account, &renewed] {
        assert_eq!(world.send(account, &account.voice, &form).await.status, 200);
    }
    world.pass(OVERLAP_MILLIS / 1_000);
    assert_eq!(world.send(&account, &account.voice, &form).await, forbidden());
    assert_eq!(world.send(&renewed, &account.voice, &form).await.status, 200);
}

#[tokio::test]
async fn a_key_with_which_twilio_signs_in_the_tokens_place_verifies_beside_it() {
    let (world, account, to) = line(Carrier::Twilio).await;
    let path = format!("/v1/telephony/providers/{}", account.id);
    let form = account.question(account.call(), &to);
    let by_key = Account { token: "canary-signing-key".to_owned(), ..account.clone() };
    let headers = by_key.signed_sha256(&account.voice, &form);
    let asks = async || world.knock(Method::POST, &account.voice, headers.clone(), &encoded(&form)).await.status;
    assert_eq!(asks().await, 403, "nobody knows the key yet");
    let told = world.api(Method::PATCH, &path, Some(json!({"signing_key": "canary-signing-key"}))).await.expect(200);
    assert!(!told.to_string().contains("canary"), "{told}");
    assert_eq!(asks().await, 200);
    assert_eq!(world.send(&account, &account.voice, &form).await.status, 200, "the token verifies too");
    assert!(!world.local.dump().await.iter().any(|item| format!("{item:?}").contains("canary-signing-key")), "it is sealed");
    world.api(Method::PATCH, &path, Some(json!({"signing_key": null}))).await.expect(200);
    assert_eq!(asks().await, 403);

    let faulty = world.api(Method::PATCH, &path, Some(json!({"signing_key": ""}))).await;
    assert!(faulty.status.as_u16() == 400 && faulty.text.contains("signing_key"), "{}", faulty.text);
    let plivo = world.account(Carrier::Plivo).await;
    let refused = world.api(Method::PATCH, &format!("/v1/telephony/providers/{}", plivo.id), Some(json!({"signing_key": "k"}))).await;
    assert!(refused.status.as_u16() == 400 && refused.text.contains("signing_key"), "{}", refused.text);
}

#[tokio::test]
async fn rotated_addresses_end_at_once() {
    let (world, account, to) = line(Carrier::Twilio).await;
    let form = account.question(account.call(), &to);
    assert_eq!(world.send(&account, &account.voice, &form).await.status, 200);
    let path = format!("/v1/telephony/providers/{}/rotate-callbacks", account.id);
    let rotated = world.api(Method::POST, &path, Some(json!({}))).await.expect(200);
    assert_eq!(world.send(&account, &account.voice, &form).await, forbidden());
    assert_eq!(world.send(&account, rotated["voice_url"].as_str().unwrap(), &form).await.status, 200);
}

#[rstest]
#[case(Carrier::Plivo)]
#[case(Carrier::Vobiz)]
#[tokio::test]
async fn a_nonce_with_the_same_body_has_one_effect_and_with_another_none(#[case] carrier: Carrier) {
    let (world, account, to) = line(carrier).await;
    let form = account.question(account.call(), &to);
    let headers = account.signed(&account.voice, &form, "12345678901234567890");
    let first = world.knock(Method::POST, &account.voice, headers.clone(), &encoded(&form)).await;
    let again = world.knock(Method::POST, &account.voice, headers.clone(), &encoded(&form)).await;
    assert_eq!((first.status, &first), (200, &again));
    world.handle(|count| (0..count).collect()).await;
    assert_eq!(world.call().await["events"].as_array().unwrap().len(), 1, "told twice, it is one event");
    assert!(world.counted().is_empty());

    // Another body under the same nonce: signed by Plivo's rules, as if the token were known; by Vobiz' rules nothing but
    // the nonce and the address is signed, so that the headers that were seen are enough.
    let other = account.question("22222222-2222-4333-8444-555555555555", &to);
    let seen = if carrier == Carrier::Vobiz { headers } else { account.signed(&account.voice, &other, "12345678901234567890") };
    let before = world.local.dump().await.len();
    assert_eq!(world.knock(Method::POST, &account.voice, seen, &encoded(&other)).await, forbidden());
    assert_eq!(world.counted(), ["NonceReplays"]);
    assert!(world.sent.is_empty(), "nothing was told");
    assert_eq!(world.local.dump().await.len(), before, "nothing was written");
}

#[rstest]
#[case(Carrier::Plivo)]
#[case(Carrier::Vobiz)]
#[tokio::test]
async fn a_callbacks_nonce_is_used_up_too(#[case] carrier: Carrier) {
    let (world, account, to) = line(carrier).await;
    let end = account.answered(account.call(), &to).pop().unwrap();
    let headers = account.signed(&account.status, &end, "12345678901234567890");
    for _ in 0..2 {
        assert_eq!(world.knock(Method::POST, &account.status, headers.clone(), &encoded(&end)).await.status, 200);
    }
    world.handle(|count| (0..count).collect()).await;
    assert_eq!(world.call().await["events"].as_array().unwrap().len(), 1, "told twice, it is one event");
    let other = account.answered("22222222-2222-4333-8444-555555555555", &to).pop().unwrap();
    let seen = if carrier == Carrier::Vobiz { headers } else { account.signed(&account.status, &other, "12345678901234567890") };
    assert_eq!(world.knock(Method::POST, &account.status, seen, &encoded(&other)).await, forbidden());
    assert_eq!((world.counted(), world.sent.len()), (vec!["NonceReplays".to_owned()], 0));
}

#[tokio::test]
async fn vobiz_nonces_of_both_schemes_are_used_up() {
    let (world, account, to) = line(Carrier::Vobiz).await;
    let form = account.question(account.call(), &to);
    let mut both = account.signed(&account.voice, &form, "111");
    let second = account.signed_v2(&account.voice, "222");
    both.extend(second.clone());
    assert_eq!(world.knock(Method::POST, &account.voice, both, &encoded(&form)).await.status, 200);
    let other = account.question("22222222-2222-4333-8444-555555555555", &to);
    assert_eq!(world.knock(Method::POST, &account.voice, second, &encoded(&other)).await, forbidden());
    assert_eq!(world.counted(), ["NonceReplays"]);
}

#[rstest]
#[tokio::test]
async fn the_answer_takes_three_round_trips(#[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let (world, account, to) = line(carrier).await;
    let form = account.question(account.call(), &to);
    for sent in 1..=2 {
        let before = world.local.table.usage();
        assert!(world.send(&account, &account.voice, &form).await.text.contains("<Dial"));
        let cost = world.local.table.usage() - before;
        // The third is the queue's. A nonce is written, or the call's name, which is no UUID.
        assert_eq!((cost.round_trips, cost.read_units, cost.write_units), (2, 4.0, 1.0), "{cost:?}");
        assert_eq!(world.sent.len(), sent);
    }

    let nonces = if carrier == Carrier::Twilio { 0.0 } else { 1.0 };
    let before = world.local.table.usage();
    let mut status = form.clone();
    status.retain(|(name, _)| *name != "Event");
    assert_eq!(world.send(&account, &account.status, &status).await.status, 200);
    let cost = world.local.table.usage() - before;
    assert_eq!((cost.round_trips, cost.read_units, cost.write_units), (1 + nonces as u64, 1.0, nonces), "{cost:?}");
}

#[rstest]
#[tokio::test]
async fn a_carrier_never_gets_an_error_when_the_table_is_away(#[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let (world, account, to) = line(carrier).await;
    let away = Table::new(local_table::client("http://127.0.0.1:9"), local_table::NAME);
    let closed = door(away, &world.vault, world.sent.sender(), &world.clock, &Arc::default());
    let form = account.question(account.call(), &to);
    let voice = knock(&closed, Method::POST, &account.voice, account.signed(&account.voice, &form, "1"), &encoded(&form)).await;
    assert_eq!((voice.status, voice.content_type.as_str()), (200, "application/xml; charset=utf-8"));
    assert!(voice.text.contains(r#"reason="busy""#), "{}", voice.text);
    let status = knock(&closed, Method::POST, &account.status, account.signed(&account.status, &form, "2"), &encoded(&form)).await;
    assert_eq!((status.status, status.text.as_str()), (503, ""), "the carrier may tell it again");
    assert!(world.sent.is_empty());
}

#[tokio::test]
async fn without_the_queue_a_call_is_connected_and_a_callback_is_asked_for_again() {
    let (world, account, to) = line(Carrier::Twilio).await;
    let mute = door(world.local.table.clone(), &world.vault, fixture::nowhere(), &world.clock, &Arc::default());
    let form = account.question(account.call(), &to);
    let voice = knock(&mute, Method::POST, &account.voice, account.signed(&account.voice, &form, ""), &encoded(&form)).await;
    assert!(voice.text.contains("sip:agent-7@sip.vogent.ai"), "{voice:?}");
    let status = knock(&mute, Method::POST, &account.status, account.signed(&account.status, &form, ""), &encoded(&form)).await;
    assert_eq!((status.status, status.text.as_str()), (503, ""));
}

#[tokio::test]
async fn test_data_have_a_door_of_their_own() {
    let (world, account, to) = line(Carrier::Twilio).await;
    let other = World::start().await;
    let test = testkit::Fixture::create(&other.local.table, Mode::Test).await;
    assert_ne!(test.tenant, other.fixture.tenant);
    // A token of live data names a live number only; of another deployment's table it names nothing.
    let form = account.question(account.call(), &to);
    let headers = account.signed(&account.voice, &form, "");
    assert_eq!(other.knock(Method::POST, &account.voice, headers, &encoded(&form)).await, forbidden());
    assert!(world.sent.is_empty());
}
