//! Lists of numbers and endpoints: a bare array or an envelope, pages, totals and links, and what is refused.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};
use testkit::client::Answer;

use crate::{
    given::{assert_refused, fields, ids},
    setup::World,
};

/// An organization with three items of a list, and their ids, newest first.
async fn three(list: &str) -> (World, Vec<String>) {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, item(&world, list).await);
    }
    (world, ids)
}

async fn item(world: &World, list: &str) -> String {
    match list {
        "phone-numbers" => world.rings(None).await.id.to_string(),
        _ => world.has_endpoint().await.id.to_string(),
    }
}

/// The address of the next page, if the answer names one.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.headers.get("link")?.to_str().unwrap();
    let (address, relation) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
    assert_eq!(relation, "; rel=\"next\"");
    Some(address.to_owned())
}

#[rstest]
#[case::without_the_parameter("")]
#[case::with_envelope_false("?envelope=false")]
#[tokio::test]
async fn a_list_is_a_bare_array_newest_first_with_its_total_in_a_header(
    #[values("phone-numbers", "endpoints")] list: &str,
    #[case] query: &str,
) {
    let (world, all) = three(list).await;
    let answer = world.client.get(&format!("/v1/{list}{query}")).await;
    assert_eq!(answer.headers["x-total-count"], "3");
    assert_eq!(next(&answer), None);
    assert_eq!(ids(&answer.expect(200)), all);
}

#[rstest]
#[tokio::test]
async fn an_envelope_has_the_items_the_total_and_the_page(#[values("phone-numbers", "endpoints")] list: &str) {
    let (world, all) = three(list).await;
    let answer = world.client.get(&format!("/v1/{list}?envelope=true&limit=2&offset=1")).await;
    let name = list.replace('-', "_");
    assert_eq!(fields(&answer.body), BTreeSet::from([name.as_str(), "total", "limit", "offset", "next_cursor"]));
    assert_eq!((&answer.body["total"], &answer.body["limit"], &answer.body["offset"]), (&json!(3), &json!(2), &json!(1)));
    assert_eq!(answer.headers["x-total-count"], "3");
    assert_eq!(ids(&answer.body[name.as_str()]), all[1..]);
}

#[rstest]
#[case::the_first_one_by_a_limit("limit=1", 0..1)]
#[case::everything_by_the_highest_limit("limit=100", 0..3)]
#[case::what_follows_an_offset("offset=1", 1..3)]
#[case::a_page_by_limit_and_offset("limit=1&offset=1", 1..2)]
#[case::nothing_at_the_end("offset=3", 3..3)]
#[case::nothing_far_beyond_the_end("offset=1000000", 3..3)]
#[case::the_first_page("page=1&limit=2", 0..2)]
#[case::the_second_page("page=2&limit=2", 2..3)]
#[case::nothing_on_a_page_beyond_the_end("page=9&limit=2", 3..3)]
#[case::the_first_page_of_the_default_limit("page=1", 0..3)]
#[tokio::test]
async fn a_page_shows(#[values("phone-numbers", "endpoints")] list: &str, #[case] query: &str, #[case] shown: std::ops::Range<usize>) {
    let (world, all) = three(list).await;
    let answer = world.client.get(&format!("/v1/{list}?{query}")).await;
    assert_eq!(answer.headers["x-total-count"], "3", "the total is of all that match");
    assert_eq!(next(&answer).is_some(), shown.end < 3);
    assert_eq!(ids(&answer.expect(200)), all[shown]);
}

#[rstest]
#[case::a_limit_of_0("limit=0", &["limit"])]
#[case::a_limit_of_101("limit=101", &["limit"])]
#[case::a_negative_limit("limit=-1", &["limit"])]
#[case::a_limit_that_is_no_number("limit=x", &["limit"])]
#[case::a_limit_that_is_not_whole("limit=1.5", &["limit"])]
#[case::an_empty_limit("limit=", &["limit"])]
#[case::a_limit_beyond_any_integer("limit=99999999999999999999", &["limit"])]
#[case::a_negative_offset("offset=-1", &["offset"])]
#[case::an_offset_that_is_no_number("offset=x", &["offset"])]
#[case::an_offset_beyond_any_integer("offset=99999999999999999999", &["offset"])]
#[case::a_page_of_0("page=0", &["page"])]
#[case::a_page_that_is_no_number("page=x", &["page"])]
#[case::offset_and_page_together("offset=0&page=1", &["page"])]
#[case::an_envelope_that_is_neither_true_nor_false("envelope=maybe", &["envelope"])]
#[case::a_limit_that_is_sent_twice("limit=1&limit=1", &["limit"])]
#[case::every_wrong_parameter_at_once("limit=0&offset=-1&envelope=1", &["envelope", "limit", "offset"])]
#[tokio::test]
async fn a_list_refuses(#[values("phone-numbers", "endpoints")] list: &str, #[case] query: &str, #[case] fields: &[&str]) {
    let world = World::new().await;
    assert_refused(&world.client.get(&format!("/v1/{list}?{query}")).await, 400, "VALIDATION_ERROR", fields);
}

#[rstest]
#[case::under_v1("/v1")]
#[case::under_api_v1("/api/v1")]
#[tokio::test]
async fn the_link_header_leads_through_the_whole_filtered_list(#[values("phone-numbers", "endpoints")] list: &str, #[case] prefix: &str) {
    let (world, all) = three(list).await;
    let mut seen = Vec::new();
    let mut address = Some(format!("{prefix}/{list}?status=active&limit=1"));
    while let Some(path) = address {
        let answer = world.client.get(&path).await;
        address = next(&answer);
        assert!(address.iter().all(|next| next.starts_with(&format!("{prefix}/{list}?")) && next.contains("status=active")));
        seen.extend(ids(&answer.expect(200)).into_iter().map(str::to_owned));
        assert!(seen.len() <= 3, "it ends");
    }
    assert_eq!(seen, all);
}

#[tokio::test]
async fn the_list_of_numbers_shows_20_by_default() {
    let world = World::new().await;
    join_all((0..21).map(|_| item(&world, "phone-numbers"))).await;
    for query in ["", "?status=active", "?offset=0"] {
        let answer = world.client.get(&format!("/v1/phone-numbers{query}")).await;
        assert_eq!(answer.headers["x-total-count"], "21");
        assert!(next(&answer).is_some());
        assert_eq!(ids(&answer.expect(200)).len(), 20, "{query}");
    }
}

#[tokio::test]
async fn the_list_of_endpoints_shows_everything_without_parameters_and_50_with_one() {
    let world = World::new().await;
    join_all((0..51).map(|_| item(&world, "endpoints"))).await;
    for (query, count) in [
        ("", 51),
        ("?envelope=false", 51),
        ("?status=active", 50),
        ("?type=webhook", 50),
        ("?offset=0", 50),
        ("?page=1", 50),
        ("?limit=100", 51),
    ] {
        let answer = world.client.get(&format!("/v1/endpoints{query}")).await;
        assert_eq!(answer.headers["x-total-count"], "51");
        assert_eq!(ids(&answer.expect(200)).len(), count, "{query}");
    }
}

#[tokio::test]
async fn the_inventory_pages_like_the_other_lists() {
    let world = World::new().await;
    let mut slots = Vec::new();
    for _ in 0..3 {
        slots.push(world.offer_in("NA", "+26481", domain::inventory::NumberType::Mobile).await.e164.to_string());
    }
    slots.sort();
    let numbers =
        |list: &Value| -> Vec<String> { list.as_array().unwrap().iter().map(|item| item["e164"].as_str().unwrap().to_owned()).collect() };
    let all = numbers(&world.client.get("/v1/phone-numbers?action=available&country=NA&limit=100").await.expect(200));
    assert!(slots.iter().all(|slot| all.contains(slot)));
    let second = world.client.get("/v1/phone-numbers?action=available&country=NA&limit=2&page=2").await;
    assert_eq!(second.headers["x-total-count"], all.len().to_string().as_str());
    assert_eq!(numbers(&second.expect(200)), all[2..all.len().min(4)]);
    let first = world.client.get("/v1/phone-numbers?action=available&country=NA&limit=2").await;
    let rest = world.client.get(&next(&first).unwrap()).await.expect(200);
    assert_eq!(numbers(&rest), all[2..all.len().min(4)]);
    let envelope = world.client.get("/v1/phone-numbers?action=available&country=NA&envelope=true").await.expect(200);
    assert_eq!((&envelope["total"], &envelope["limit"]), (&json!(all.len()), &json!(20)));
    assert!(envelope["phone_numbers"].is_array());
}
