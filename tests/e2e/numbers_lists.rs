//! `GET /phone-numbers`: the organization's own numbers with each filter, and the inventory.

use domain::{
    EndpointId,
    inventory::{NumberType, Slot},
    number::NumberStatus,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    given::{assert_refused, fields, ids},
    setup::World,
};

/// An organization with two numbers: `plain`, an active Nigerian mobile number that rings nothing, and `odd`, an inactive local number
/// of Rwanda that rings an endpoint.
struct Two {
    world: World,
    plain: String,
    odd: String,
    endpoint: EndpointId,
}

impl Two {
    async fn new() -> Self {
        let world = World::new().await;
        let endpoint = world.has_endpoint().await.id;
        let plain = world.rings(None).await.id.to_string();
        let slot = world.offer_in("RW", "+25078", NumberType::Local).await;
        let odd = world.holds(&slot, Some(endpoint), NumberStatus::Inactive).await.id.to_string();
        Self { world, plain, odd, endpoint }
    }

    async fn listed(&self, query: &str) -> Value {
        let query = query.replace("{endpoint}", &self.endpoint.to_string());
        self.world.client.get(&format!("/v1/phone-numbers?{query}")).await.expect(200)
    }
}

#[rstest]
#[case::everything_without_a_filter("", &["odd", "plain"])]
#[case::everything_by_default_and_with_the_action_assigned("action=assigned", &["odd", "plain"])]
#[case::the_active_ones("status=active", &["plain"])]
#[case::the_inactive_ones("status=inactive", &["odd"])]
#[case::none_that_is_pending("status=pending", &[])]
#[case::none_that_is_suspended("status=suspended", &[])]
#[case::those_of_the_country("country=RW", &["odd"])]
#[case::none_of_another_country("country=SE", &[])]
#[case::those_of_the_type_local("type=local", &["odd"])]
#[case::those_of_the_type_mobile("type=mobile", &["plain"])]
#[case::none_of_the_type_toll_free("type=toll_free", &[])]
#[case::those_that_ring_the_endpoint("endpoint_id={endpoint}", &["odd"])]
#[case::those_that_ring_the_endpoint_in_camel_case("endpointId={endpoint}", &["odd"])]
#[case::those_that_ring_the_endpoint_with_its_prefix("endpoint_id=ep_{endpoint}", &["odd"])]
#[case::none_that_rings_an_unknown_endpoint("endpoint_id=0198c0de-0000-7000-8000-000000000001", &[])]
#[case::what_passes_all_filters_at_once("status=inactive&country=RW&type=local&endpoint_id={endpoint}", &["odd"])]
#[case::nothing_that_fails_one_of_the_filters("status=active&country=RW", &[])]
#[case::everything_with_an_unknown_parameter("colour=red", &["odd", "plain"])]
#[tokio::test]
async fn the_list_of_numbers_shows(#[case] query: &str, #[case] shown: &[&str]) {
    let two = Two::new().await;
    let expected: Vec<&str> = shown.iter().map(|name| if *name == "odd" { two.odd.as_str() } else { two.plain.as_str() }).collect();
    assert_eq!(ids(&two.listed(query).await), expected, "newest first");
}

#[rstest]
#[case::an_unknown_status("status=gone", "status")]
#[case::a_status_in_capitals("status=ACTIVE", "status")]
#[case::an_unknown_country("country=ZZ", "country")]
#[case::a_country_of_three_letters("country=NGA", "country")]
#[case::an_unknown_type("type=pigeon", "type")]
#[case::an_endpoint_id_that_is_none("endpoint_id=x", "endpoint_id")]
#[case::include_released_that_is_neither_true_nor_false("include_released=maybe", "include_released")]
#[case::an_unknown_action("action=owned", "action")]
#[case::an_empty_action("action=", "action")]
#[case::a_repeated_status("status=active&status=active", "status")]
#[case::an_unknown_type_of_the_inventory("action=available&country=NG&type=pigeon", "type")]
#[case::an_unknown_country_of_the_inventory("action=available&country=ZZ", "country")]
#[tokio::test]
async fn the_list_of_numbers_refuses(#[case] query: &str, #[case] field: &str) {
    let world = World::new().await;
    assert_refused(&world.client.get(&format!("/v1/phone-numbers?{query}")).await, 400, "VALIDATION_ERROR", &[field]);
}

#[tokio::test]
async fn the_list_of_numbers_names_every_wrong_parameter_at_once() {
    let world = World::new().await;
    let answer = world.client.get("/v1/phone-numbers?status=a&country=b&type=c&endpoint_id=d&limit=e&offset=f&envelope=g").await;
    assert_refused(&answer, 400, "VALIDATION_ERROR", &["country", "endpoint_id", "envelope", "limit", "offset", "status", "type"]);
}

#[rstest]
#[case::without_include_released("", false)]
#[case::with_include_released_false("include_released=false", false)]
#[case::with_include_released_true("include_released=true", true)]
#[case::with_include_released_true_in_camel_case("includeReleased=true", true)]
#[case::with_include_released_and_a_status_it_has("include_released=true&status=inactive", true)]
#[case::with_include_released_and_a_status_it_has_not("include_released=true&status=active", false)]
#[case::with_a_status_it_has_alone("status=inactive", false)]
#[tokio::test]
async fn a_released_number_is_listed_only_with_include_released(#[case] query: &str, #[case] listed: bool) {
    let world = World::new().await;
    let number = world.rings(None).await;
    world.client.delete(&format!("/v1/phone-numbers/{}?action=release", number.id)).await.expect(200);
    let list = world.client.get(&format!("/v1/phone-numbers?{query}")).await;
    assert_eq!(list.headers["x-total-count"], if listed { "1" } else { "0" });
    assert_eq!(ids(&list.body).len(), usize::from(listed));
}

/// Numbers of a country on offer, a local one and two mobile ones, in the order in which a list shows them.
async fn three_on_offer(world: &World, country: &str, prefix: &str) -> Vec<Slot> {
    let mut slots = vec![
        world.offer_in(country, prefix, NumberType::Mobile).await,
        world.offer_in(country, prefix, NumberType::Local).await,
        world.offer_in(country, prefix, NumberType::Mobile).await,
    ];
    slots.sort_by(|a, b| a.e164.cmp(&b.e164));
    slots
}

/// Those of a list of the inventory that this test put there.
fn own<'a>(list: &'a Value, slots: &[Slot]) -> Vec<&'a str> {
    let numbers = list.as_array().unwrap().iter().map(|item| item["e164"].as_str().unwrap());
    numbers.filter(|number| slots.iter().any(|slot| slot.e164.as_str() == *number)).collect()
}

#[tokio::test]
async fn an_available_number_has_exactly_its_fields() {
    let world = World::new().await;
    let slots = [world.offer_in("BW", "+2677", NumberType::TollFree).await];
    let list = world.client.get("/v1/phone-numbers?action=available&country=BW&limit=100").await.expect(200);
    let item = list.as_array().unwrap().iter().find(|item| item["e164"] == json!(slots[0].e164)).unwrap();
    let id = slots[0].address().id();
    let expected = json!({
        "id": id, "inventory_id": id, "e164": slots[0].e164, "number": slots[0].e164, "country": "BW", "type": "toll_free", "region": null,
        "capabilities": {"voice": true, "sms": true, "fax": false},
        "setup_cost_cents": 100, "monthly_cost_cents": 500, "total_cost_cents": 600,
    });
    assert_eq!(item, &expected);
    assert_eq!(fields(item), fields(&expected));
}

#[tokio::test]
async fn available_numbers_are_those_of_the_country_ordered_by_e164() {
    let world = World::new().await;
    let slots = three_on_offer(&world, "UG", "+25670").await;
    let elsewhere = [world.offer_in("ZM", "+26097", NumberType::Mobile).await];
    let list = world.client.get("/v1/phone-numbers?action=available&country=UG&limit=100").await.expect(200);
    assert_eq!(own(&list, &slots), slots.iter().map(|slot| slot.e164.as_str()).collect::<Vec<_>>());
    assert!(own(&list, &elsewhere).is_empty());
}

#[rstest]
#[case::those_of_the_type_mobile("mobile", 2)]
#[case::those_of_the_type_local("local", 1)]
#[case::none_of_the_type_toll_free("toll_free", 0)]
#[tokio::test]
async fn the_inventory_shows_with_a_type(#[case] number_type: &str, #[case] count: usize) {
    let world = World::new().await;
    let slots = three_on_offer(&world, "MU", "+2305").await;
    let list = world.client.get(&format!("/v1/phone-numbers?action=available&country=MU&type={number_type}&limit=100")).await.expect(200);
    assert_eq!(own(&list, &slots).len(), count);
    assert!(list.as_array().unwrap().iter().all(|item| item["type"] == number_type));
}

#[rstest]
#[case::by_action("?action=available")]
#[case::by_path("/available")]
#[tokio::test]
async fn the_inventory_needs_a_country(#[case] path: &str) {
    let world = World::new().await;
    assert_refused(&world.client.get(&format!("/v1/phone-numbers{path}")).await, 400, "MISSING_FIELDS", &["country"]);
}

#[tokio::test]
async fn the_inventory_has_a_path_of_its_own_that_shows_the_same_list() {
    let world = World::new().await;
    three_on_offer(&world, "CM", "+2376").await;
    for query in ["country=CM", "country=CM&type=mobile", "country=CM&limit=1&offset=1&envelope=true"] {
        let by_action = world.client.get(&format!("/v1/phone-numbers?action=available&{query}")).await;
        let by_path = world.client.get(&format!("/v1/phone-numbers/available?{query}")).await;
        assert_eq!(by_action.headers["x-total-count"], by_path.headers["x-total-count"]);
        assert_eq!(by_action.expect(200), by_path.expect(200), "{query}");
    }
}

#[tokio::test]
async fn a_number_is_on_offer_until_it_is_bought_and_again_after_it_is_given_back() {
    let world = World::new().await;
    let slots = [world.offer_in("SN", "+22177", NumberType::Mobile).await];
    let is_on_offer = async || {
        let list = world.client.get("/v1/phone-numbers/available?country=SN&limit=100").await.expect(200);
        !own(&list, &slots).is_empty()
    };
    assert!(is_on_offer().await);
    let order = json!({"inventory_id": slots[0].address().id()});
    let number = world.client.post("/v1/phone-numbers", order).await.expect(201);
    assert!(!is_on_offer().await);
    world.client.delete(&crate::given::at_number(&number)).await.expect(200);
    assert!(is_on_offer().await);
}
