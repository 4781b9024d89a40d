//! The phone number as clients see it: its fields in a list, after a purchase, after a change and in detail; and who sees what.

use std::collections::BTreeSet;

use domain::{Mode, scope::Scope};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    given::{NOBODY, assert_refused, assert_time, at_number, fields, ids},
    setup::World,
};

const OBJECT: [&str; 20] = [
    "id",
    "e164",
    "number",
    "country",
    "type",
    "status",
    "endpoint_id",
    "agent_id",
    "allow_inbound",
    "allow_outbound",
    "sip_uri",
    "source",
    "provider",
    "credentials_id",
    "setup_cost_cents",
    "monthly_cost_cents",
    "organization_id",
    "created_at",
    "updated_at",
    "released_at",
];

fn object_and(more: &[&'static str]) -> BTreeSet<&'static str> {
    OBJECT.into_iter().chain(more.iter().copied()).collect()
}

#[tokio::test]
async fn a_purchase_shows_the_object_and_its_total_cost() {
    let world = World::new().await;
    let slot = world.offer().await;
    let bought = world.client.post("/v1/phone-numbers", json!({"inventory_id": slot.address().id()})).await.expect(201);
    assert_eq!(fields(&bought), object_and(&["total_cost_cents"]));
    let unset = ["endpoint_id", "agent_id", "provider", "credentials_id", "released_at"];
    assert!(unset.iter().all(|field| bought[field].is_null()), "null when unset: {bought}");
    assert_eq!((&bought["e164"], &bought["number"]), (&json!(slot.e164), &json!(slot.e164)));
    assert_eq!((&bought["country"], &bought["type"], &bought["status"]), (&json!("NG"), &json!("mobile"), &json!("active")));
    assert_eq!((&bought["allow_inbound"], &bought["allow_outbound"]), (&json!(true), &json!(false)));
    assert_eq!((&bought["source"], &bought["organization_id"]), (&json!("inventory"), &json!(world.fixture.tenant.org())));
    assert_eq!((&bought["setup_cost_cents"], &bought["monthly_cost_cents"]), (&json!(100), &json!(500)));
    assert_eq!(bought["total_cost_cents"], 600);
    assert!(bought["sip_uri"].as_str().unwrap().starts_with(&format!("sip:{}@", slot.e164)));
    assert_time(&bought["created_at"]);
    assert_time(&bought["updated_at"]);
}

#[tokio::test]
async fn a_list_a_change_and_the_detail_show_the_same_object() {
    let world = World::new().await;
    let bought = world.number().await;
    let list = world.client.get("/v1/phone-numbers").await.expect(200);
    let changed = world.client.patch(&at_number(&bought), json!({})).await.expect(200);
    let detail = world.client.get(&at_number(&bought)).await.expect(200);
    assert_eq!(fields(&list[0]), object_and(&[]));
    assert_eq!(fields(&changed), object_and(&[]));
    assert_eq!(fields(&detail), object_and(&["endpoint", "sip_credentials"]));
    let same = |shown: &Value, but: &str| OBJECT.iter().filter(|field| **field != but).all(|field| shown[field] == bought[field]);
    assert!(same(&list[0], ""));
    assert!(same(&changed, "updated_at") && same(&detail, "updated_at"));
}

#[tokio::test]
async fn the_detail_has_the_endpoint_with_six_fields_or_null() {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    let number = world.number().await;
    assert_eq!(world.client.get(&at_number(&number)).await.expect(200)["endpoint"], json!(null));
    world.client.patch(&at_number(&number), json!({"endpoint_id": endpoint["id"]})).await.expect(200);
    let detail = world.client.get(&at_number(&number)).await.expect(200);
    assert_eq!(fields(&detail["endpoint"]), BTreeSet::from(["id", "name", "type", "provider", "url", "status"]));
    for field in ["id", "name", "type", "provider", "url", "status"] {
        assert_eq!(detail["endpoint"][field], endpoint[field], "{field}");
    }
}

#[tokio::test]
async fn the_detail_has_sip_credentials_at_the_sip_uris_domain() {
    let world = World::new().await;
    let number = world.number().await;
    let credentials = world.client.get(&at_number(&number)).await.expect(200)["sip_credentials"].clone();
    assert_eq!(fields(&credentials), BTreeSet::from(["domain", "transport", "port", "username", "password"]));
    let domain = number["sip_uri"].as_str().unwrap().split_once('@').unwrap().1;
    assert_eq!(credentials["domain"], domain);
    assert!(credentials["port"].is_u64() && credentials["transport"].is_string() && credentials["username"].is_string());
    let again = world.client.get(&at_number(&number)).await.expect(200);
    assert_eq!(again["sip_credentials"], credentials, "the password was generated at the purchase");
}

#[rstest]
#[case::with_numbers_read_alone(&[Scope::NumbersRead], false)]
#[case::with_the_right_to_write_other_things(&[Scope::NumbersRead, Scope::EndpointsWrite, Scope::TelephonyWrite], false)]
#[case::with_numbers_read_and_write(&[Scope::NumbersRead, Scope::NumbersWrite], true)]
#[tokio::test]
async fn the_sip_password_is_shown_only_to_keys_that_may_write_numbers(#[case] scopes: &[Scope], #[case] shown: bool) {
    let world = World::new().await;
    let number = world.number().await;
    let credentials = world.with_scopes(scopes).await.get(&at_number(&number)).await.expect(200)["sip_credentials"].clone();
    assert_eq!(fields(&credentials), BTreeSet::from(["domain", "transport", "port", "username", "password"]));
    assert_eq!(credentials["password"].is_string(), shown);
}

#[tokio::test]
async fn the_sip_password_is_never_in_lists_purchases_or_changes() {
    let world = World::new().await;
    let bought = world.number().await;
    let password = world.client.get(&at_number(&bought)).await.expect(200)["sip_credentials"]["password"].clone();
    let list = world.client.get("/v1/phone-numbers?envelope=true").await.expect(200);
    let changed = world.client.patch(&at_number(&bought), json!({"allow_outbound": true})).await.expect(200);
    assert!(!format!("{bought}{list}{changed}").contains(password.as_str().unwrap()));
}

#[rstest]
#[case::without_the_prefix("")]
#[case::with_the_prefix_pn("pn_")]
#[tokio::test]
async fn a_number_is_found_by_its_id(#[case] prefix: &str) {
    let world = World::new().await;
    let number = world.rings(None).await;
    let read = world.client.get(&format!("/v1/phone-numbers/{prefix}{}", number.id)).await.expect(200);
    assert_eq!(read["id"], json!(number.id), "answers carry no prefix");
}

#[rstest]
#[case::that_is_no_uuid("x")]
#[case::with_the_prefix_of_another_kind("ep_0198c0de-0000-7000-8000-000000000001")]
#[case::that_is_a_prefix_alone("pn_")]
#[case::without_hyphens("0198c0de000070008000000000000001")]
#[case::that_is_nobodys(NOBODY)]
#[case::that_is_an_e164_number("%2B2348030000001")]
#[tokio::test]
async fn an_id_in_the_path_is_404(#[case] id: &str) {
    let world = World::new().await;
    let path = format!("/v1/phone-numbers/{id}");
    assert_refused(&world.client.get(&path).await, 404, "NOT_FOUND", &[]);
    assert_refused(&world.client.patch(&path, json!({"allow_inbound": true})).await, 404, "NOT_FOUND", &[]);
    assert_refused(&world.client.delete(&path).await, 404, "NOT_FOUND", &[]);
}

#[tokio::test]
async fn test_data_is_apart_from_live_data() {
    let world = World::new().await;
    let test = world.in_test_mode().await;
    let live_number = world.number().await;
    let slot = world.offer().await;
    let order = json!({"inventory_id": slot.address().id()});
    assert_refused(&test.post("/v1/phone-numbers", order.clone()).await, 404, "NUMBER_NOT_AVAILABLE", &[]);
    world.stack.table().import_slot(Mode::Test, &slot).await.unwrap();
    let test_number = test.post("/v1/phone-numbers", order.clone()).await.expect(201);
    assert_eq!(ids(&test.get("/v1/phone-numbers").await.expect(200)), [test_number["id"].as_str().unwrap()]);
    assert_eq!(ids(&world.client.get("/v1/phone-numbers").await.expect(200)), [live_number["id"].as_str().unwrap()]);
    assert_refused(&test.get(&at_number(&live_number)).await, 404, "NOT_FOUND", &[]);
    assert_refused(&world.client.get(&at_number(&test_number)).await, 404, "NOT_FOUND", &[]);
    world.client.post("/v1/phone-numbers", order).await.expect(201);
    let live_endpoint = world.webhook().await;
    let attach = json!({"endpoint_id": live_endpoint["id"]});
    assert_refused(&test.patch(&at_number(&test_number), attach).await, 404, "ENDPOINT_NOT_FOUND", &[]);
}

#[rstest]
#[case::reading_the_list_needs_numbers_read("GET", "", "numbers:read")]
#[case::reading_the_inventory_needs_numbers_read("GET", "/available?country=NG", "numbers:read")]
#[case::reading_one_needs_numbers_read("GET", "/{id}", "numbers:read")]
#[case::buying_needs_numbers_write("POST", "", "numbers:write")]
#[case::changing_needs_numbers_write("PATCH", "/{id}", "numbers:write")]
#[case::deleting_needs_numbers_write("DELETE", "/{id}", "numbers:write")]
#[tokio::test]
async fn each_operation_needs_its_scope(#[case] method: &str, #[case] path: &str, #[case] scope: &str) {
    let world = World::new().await;
    let number = world.rings(None).await;
    let path = format!("/v1/phone-numbers{}", path.replace("{id}", &number.id.to_string()));
    let method: http::Method = method.parse().unwrap();
    let all_but: Vec<Scope> = Scope::ALL.iter().copied().filter(|held| held.as_str() != scope).collect();
    let body = (method != http::Method::GET).then(|| json!({}));
    let answer = world.with_scopes(&all_but).await.send(method, &path, body.as_ref()).await;
    assert_refused(&answer, 403, "INSUFFICIENT_SCOPE", &[]);
    assert!(answer.body["error"].as_str().unwrap().contains(scope));
}
