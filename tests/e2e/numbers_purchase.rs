//! `POST /phone-numbers`: both flows, what they may settle at once, and every refusal.

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    given::{NOBODY, assert_refused, at_number},
    setup::World,
};

/// Buys with these fields beside the inventory id of a number on offer.
async fn buy_with(world: &World, more: Value) -> testkit::client::Answer {
    let mut order = json!({"inventory_id": world.offer().await.address().id()});
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.client.post("/v1/phone-numbers", order).await
}

#[rstest]
#[case::its_inventory_id_alone(json!({"inventory_id": "{id}"}))]
#[case::its_inventory_id_in_camel_case(json!({"inventoryId": "{id}"}))]
#[case::its_inventory_id_in_both_spellings_with_one_value(json!({"inventoryId": "{id}", "inventory_id": "{id}"}))]
#[case::its_inventory_id_with_the_prefix_inv(json!({"inventory_id": "inv_{id}"}))]
#[case::its_e164_number_country_and_type(json!({"e164": "{e164}", "country": "NG", "type": "mobile"}))]
#[case::a_number_with_spaces_dots_dashes_and_parentheses(json!({"e164": "{spaced}", "country": "NG", "type": "mobile"}))]
#[case::its_inventory_id_and_another_number_which_is_ignored(json!({"inventory_id": "{id}", "e164": "+14155550100", "country": "GH", "type": "local"}))]
#[case::its_number_and_a_null_inventory_id(json!({"inventory_id": null, "e164": "{e164}", "country": "NG", "type": "mobile"}))]
#[case::unknown_and_server_set_fields_which_are_ignored(json!({"inventory_id": "{id}", "id": 1, "status": "suspended", "organization_id": "x", "colour": []}))]
#[tokio::test]
async fn a_number_is_bought_by(#[case] order: Value) {
    let world = World::new().await;
    let slot = world.offer().await;
    let digits = slot.e164.as_str();
    let spaced = format!("{} ({}) {}.{}-{}", &digits[..4], &digits[4..7], &digits[7..9], &digits[9..11], &digits[11..]);
    let order = order.to_string().replace("{id}", &slot.address().id().to_string()).replace("{e164}", digits).replace("{spaced}", &spaced);
    let bought = world.client.post("/v1/phone-numbers", serde_json::from_str(&order).unwrap()).await.expect(201);
    assert_eq!((&bought["e164"], &bought["country"], &bought["type"]), (&json!(slot.e164), &json!("NG"), &json!("mobile")));
    assert_eq!((&bought["status"], &bought["organization_id"]), (&json!("active"), &json!(world.fixture.tenant.org())));
}

#[rstest]
#[case::neither_flow(json!({}), &["inventory_id"])]
#[case::a_number_without_its_country(json!({"e164": "+2348030000009", "type": "mobile"}), &["country"])]
#[case::a_number_without_its_type(json!({"e164": "+2348030000009", "country": "NG"}), &["type"])]
#[case::country_and_type_without_a_number(json!({"country": "NG", "type": "mobile"}), &["e164"])]
#[case::a_country_alone(json!({"country": "NG"}), &["e164", "type"])]
#[case::nulls(json!({"inventory_id": null, "e164": null, "country": "NG", "type": null}), &["e164", "type"])]
#[tokio::test]
async fn missing_fields_is_the_answer_to(#[case] order: Value, #[case] fields: &[&str]) {
    let world = World::new().await;
    assert_refused(&world.client.post("/v1/phone-numbers", order).await, 400, "MISSING_FIELDS", fields);
}

#[rstest]
#[case::an_inventory_id_that_is_none(json!({"inventory_id": "x"}), &["inventory_id"])]
#[case::an_inventory_id_with_the_prefix_of_another_kind(json!({"inventory_id": format!("pn_{NOBODY}")}), &["inventory_id"])]
#[case::two_inventory_ids(json!({"inventory_id": NOBODY, "inventoryId": "0198c0de-0000-7000-8000-000000000002"}), &["inventory_id"])]
#[case::a_number_without_a_plus(json!({"e164": "2348030000009", "country": "NG", "type": "mobile"}), &["e164"])]
#[case::a_number_whose_first_digit_is_0(json!({"e164": "+0348030000009", "country": "NG", "type": "mobile"}), &["e164"])]
#[case::a_number_of_6_digits(json!({"e164": "+234803", "country": "NG", "type": "mobile"}), &["e164"])]
#[case::a_number_of_16_digits(json!({"e164": "+2348030000000000", "country": "NG", "type": "mobile"}), &["e164"])]
#[case::a_country_that_is_none(json!({"e164": "+2348030000009", "country": "ZZ", "type": "mobile"}), &["country"])]
#[case::a_country_that_is_not_the_numbers_own(json!({"e164": "+2348030000009", "country": "GH", "type": "mobile"}), &["country"])]
#[case::a_type_that_is_none(json!({"e164": "+2348030000009", "country": "NG", "type": "fax"}), &["type"])]
#[case::an_endpoint_id_that_is_none(json!({"inventory_id": NOBODY, "endpointId": "x"}), &["endpoint_id"])]
#[case::two_endpoint_ids(json!({"inventory_id": NOBODY, "endpointId": NOBODY, "endpoint_id": null}), &["endpoint_id"])]
#[case::allow_inbound_that_is_a_text(json!({"inventory_id": NOBODY, "allow_inbound": "true"}), &["allow_inbound"])]
#[case::two_values_of_allow_inbound(json!({"inventory_id": NOBODY, "allow_inbound": true, "allowInbound": false}), &["allow_inbound"])]
#[case::allow_outbound_that_is_a_number(json!({"inventory_id": NOBODY, "allowOutbound": 1}), &["allow_outbound"])]
#[case::two_values_of_allow_outbound(json!({"inventory_id": NOBODY, "allow_outbound": true, "allowOutbound": false}), &["allow_outbound"])]
#[case::a_price_that_is_a_text(json!({"inventory_id": NOBODY, "totalCostCents": "600"}), &["total_cost_cents"])]
#[case::two_total_prices(json!({"inventory_id": NOBODY, "totalCostCents": 600, "total_cost_cents": 601}), &["total_cost_cents"])]
#[case::two_setup_prices(json!({"inventory_id": NOBODY, "setupCostCents": 600, "setup_cost_cents": 601}), &["setup_cost_cents"])]
#[case::two_monthly_prices(json!({"inventory_id": NOBODY, "monthlyCostCents": 600, "monthly_cost_cents": 601}), &["monthly_cost_cents"])]
#[case::something_missing_beside_something_wrong(json!({"e164": "x", "country": "NG"}), &["e164", "type"])]
#[case::every_field_wrong(
    json!({"e164": "x", "country": "y", "type": "z", "endpointId": 1, "allowInbound": 2, "allow_outbound": 3, "totalCostCents": "a", "setup_cost_cents": -1, "monthlyCostCents": 1.5}),
    &["allow_inbound", "allow_outbound", "country", "e164", "endpoint_id", "monthly_cost_cents", "setup_cost_cents", "total_cost_cents", "type"]
)]
#[tokio::test]
async fn a_validation_error_that_names_each_field_is_the_answer_to(#[case] order: Value, #[case] fields: &[&str]) {
    let world = World::new().await;
    assert_refused(&world.client.post("/v1/phone-numbers", order).await, 400, "VALIDATION_ERROR", fields);
}

#[rstest]
#[case::by_default(json!({}), true, false)]
#[case::as_asked_for(json!({"allow_inbound": false, "allow_outbound": true}), false, true)]
#[case::as_asked_for_in_camel_case(json!({"allowInbound": false, "allowOutbound": true}), false, true)]
#[case::by_default_where_null(json!({"allow_inbound": null, "allowOutbound": null}), true, false)]
#[tokio::test]
async fn a_new_number_allows_calls(#[case] settings: Value, #[case] inbound: bool, #[case] outbound: bool) {
    let world = World::new().await;
    let number = buy_with(&world, settings).await.expect(201);
    assert_eq!((&number["allow_inbound"], &number["allow_outbound"]), (&json!(inbound), &json!(outbound)));
}

#[rstest]
#[case::in_camel_case("endpointId", "")]
#[case::in_snake_case("endpoint_id", "")]
#[case::with_the_prefix_ep("endpointId", "ep_")]
#[tokio::test]
async fn an_endpoint_is_attached_by_the_purchase(#[case] field: &str, #[case] prefix: &str) {
    let world = World::new().await;
    let endpoint = world.webhook().await;
    let id = endpoint["id"].as_str().unwrap();
    let number = buy_with(&world, json!({field: format!("{prefix}{id}")})).await.expect(201);
    assert_eq!(number["endpoint_id"], id);
    assert_eq!(world.client.get(&at_number(&number)).await.expect(200)["endpoint"]["id"], id);
    assert_eq!(world.count(&endpoint).await, 1);
}

#[tokio::test]
async fn an_unknown_endpoint_is_404_and_nothing_is_bought() {
    let world = World::new().await;
    let slot = world.offer().await;
    let order = |endpoint: Value| json!({"inventory_id": slot.address().id(), "endpointId": endpoint});
    assert_refused(&world.client.post("/v1/phone-numbers", order(json!(NOBODY))).await, 404, "ENDPOINT_NOT_FOUND", &[]);
    assert_eq!(world.client.get("/v1/phone-numbers").await.headers["x-total-count"], "0");
    world.client.post("/v1/phone-numbers", order(Value::Null)).await.expect(201);
}

#[rstest]
#[case::all_three_in_camel_case(json!({"totalCostCents": 600, "setupCostCents": 100, "monthlyCostCents": 500}))]
#[case::all_three_in_snake_case(json!({"total_cost_cents": 600, "setup_cost_cents": 100, "monthly_cost_cents": 500}))]
#[case::the_monthly_price_alone(json!({"monthlyCostCents": 500}))]
#[tokio::test]
async fn prices_that_are_the_inventorys_pass(#[case] prices: Value) {
    let world = World::new().await;
    let number = buy_with(&world, prices).await.expect(201);
    let prices = (&number["setup_cost_cents"], &number["monthly_cost_cents"], &number["total_cost_cents"]);
    assert_eq!(prices, (&json!(100), &json!(500), &json!(600)));
}

#[rstest]
#[case::in_total(json!({"totalCostCents": 599}), &["total_cost_cents"])]
#[case::for_the_setup(json!({"setupCostCents": 0}), &["setup_cost_cents"])]
#[case::for_each_month(json!({"monthlyCostCents": 501}), &["monthly_cost_cents"])]
#[case::beyond_any_price(json!({"totalCostCents": u64::MAX}), &["total_cost_cents"])]
#[case::in_all_three(json!({"totalCostCents": 1, "setupCostCents": 1, "monthlyCostCents": 1}), &["monthly_cost_cents", "setup_cost_cents", "total_cost_cents"])]
#[tokio::test]
async fn a_stale_price_buys_nothing(#[case] prices: Value, #[case] fields: &[&str]) {
    let world = World::new().await;
    assert_refused(&buy_with(&world, prices).await, 400, "VALIDATION_ERROR", fields);
    assert_eq!(world.client.get("/v1/phone-numbers").await.headers["x-total-count"], "0");
}

#[tokio::test]
async fn a_number_that_the_own_organization_has_is_409_by_either_flow() {
    let world = World::new().await;
    let slot = world.offer().await;
    let by_id = json!({"inventory_id": slot.address().id()});
    let by_number = json!({"e164": slot.e164, "country": "NG", "type": "mobile"});
    world.client.post("/v1/phone-numbers", by_id.clone()).await.expect(201);
    for order in [by_id, by_number] {
        assert_refused(&world.client.post("/v1/phone-numbers", order).await, 409, "NUMBER_ALREADY_OWNED", &[]);
    }
}

#[tokio::test]
async fn what_others_own_looks_like_what_was_never_on_offer() {
    let world = World::new().await;
    let slot = world.offer().await;
    world.stranger().await.post("/v1/phone-numbers", json!({"inventory_id": slot.address().id()})).await.expect(201);
    let taken = world.client.post("/v1/phone-numbers", json!({"inventory_id": slot.address().id()})).await;
    assert_refused(&taken, 404, "NUMBER_NOT_AVAILABLE", &[]);
    let by_number = json!({"e164": slot.e164, "country": "NG", "type": "mobile"});
    assert_eq!(world.client.post("/v1/phone-numbers", by_number).await.body["error"], taken.body["error"]);
    let never = world.client.post("/v1/phone-numbers", json!({"inventory_id": NOBODY})).await;
    assert_eq!(
        (&never.body["error"], &never.body["code"], &never.body["details"]),
        (&taken.body["error"], &taken.body["code"], &json!({}))
    );
}

#[tokio::test]
async fn a_number_under_another_type_is_not_available() {
    let world = World::new().await;
    let slot = world.offer().await;
    let order = json!({"e164": slot.e164, "country": "NG", "type": "local"});
    assert_refused(&world.client.post("/v1/phone-numbers", order).await, 404, "NUMBER_NOT_AVAILABLE", &[]);
}
