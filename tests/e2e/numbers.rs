//! Numbers: found, bought once, attached.

use futures_util::future::join_all;
use serde_json::json;

use crate::setup::World;

#[tokio::test]
async fn a_number_is_found_bought_read_and_attached() {
    let world = World::new().await;
    let slot = world.offer().await;
    let available = world.client.get("/v1/phone-numbers?action=available&country=NG&type=mobile&limit=100&envelope=true").await.expect(200);
    assert!(available["total"].as_u64().unwrap() >= 1);
    let id = slot.address().id();
    let bought = world.client.post("/v1/phone-numbers", json!({"inventory_id": id, "totalCostCents": 600})).await.expect(201);
    assert_eq!((&bought["e164"], &bought["total_cost_cents"], &bought["endpoint_id"]), (&json!(slot.e164), &json!(600), &json!(null)));
    assert_eq!(bought["sip_uri"], format!("sip:{}@{}", slot.e164, bought["sip_uri"].as_str().unwrap().split_once('@').unwrap().1));
    let path = format!("/api/v1/phone-numbers/{}", bought["id"].as_str().unwrap());
    let detail = world.client.get(&path).await.expect(200);
    assert_eq!(detail["sip_credentials"]["username"], json!(slot.e164));
    assert_eq!(detail["sip_credentials"]["password"].as_str().unwrap().len(), 32);
    let endpoint =
        world.client.post("/v1/endpoints", json!({"name": "E", "type": "webhook", "url": "https://hooks.example.com/x"})).await.expect(201);
    let attached = world.client.patch(&path, json!({"endpointId": endpoint["id"], "allow_outbound": true})).await.expect(200);
    assert_eq!((&attached["endpoint_id"], &attached["allow_outbound"]), (&endpoint["id"], &json!(true)));
    let detail = world.client.get(&path).await.expect(200);
    assert_eq!(detail["endpoint"]["url"], "https://hooks.example.com/x");
    let counted = world.client.get(&format!("/v1/endpoints/{}", endpoint["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(counted["phone_numbers_count"], 1);
    let listed = world.client.get("/v1/phone-numbers").await;
    assert_eq!(listed.headers["x-total-count"], "1");
    assert_eq!(listed.expect(200)[0]["id"], bought["id"]);
    let detached = world.client.patch(&path, json!({"endpoint_id": null})).await.expect(200);
    assert_eq!(detached["endpoint_id"], json!(null));
}

#[tokio::test]
async fn of_fifty_concurrent_buyers_exactly_one_gets_201() {
    let world = World::new().await;
    let slot = world.offer().await;
    let buyers = join_all((0..50).map(|_| world.stranger())).await;
    let order = json!({"inventory_id": slot.address().id()});
    let answers = join_all(buyers.iter().map(|buyer| buyer.post("/v1/phone-numbers", order.clone()))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    let losers: Vec<_> = answers.iter().filter(|answer| answer.status.as_u16() != 201).collect();
    assert!(losers.iter().all(|answer| answer.code() == "NUMBER_NOT_AVAILABLE"), "{statuses:?}");
}

#[tokio::test]
async fn what_cannot_be_bought_is_refused_with_its_reason() {
    let world = World::new().await;
    let slot = world.offer().await;
    let by_number = |country: &str| json!({"e164": slot.e164, "country": country, "type": "mobile"});
    let refusals = [
        (json!({}), 400, "MISSING_FIELDS"),
        (json!({"e164": slot.e164, "country": "NG"}), 400, "MISSING_FIELDS"),
        (by_number("GH"), 400, "VALIDATION_ERROR"),
        (json!({"inventory_id": "nonsense"}), 400, "VALIDATION_ERROR"),
        (json!({"inventory_id": "0198c0de-0000-7000-8000-000000000001"}), 404, "NUMBER_NOT_AVAILABLE"),
        (json!({"inventory_id": slot.address().id(), "monthlyCostCents": 1}), 400, "VALIDATION_ERROR"),
        (json!({"inventory_id": slot.address().id(), "endpoint_id": "0198c0de-0000-7000-8000-000000000001"}), 404, "ENDPOINT_NOT_FOUND"),
        (json!({"inventory_id": slot.address().id(), "allowInbound": "yes"}), 400, "VALIDATION_ERROR"),
    ];
    for (order, status, code) in refusals {
        let answer = world.client.post("/v1/phone-numbers", order.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{order} {}", answer.body);
    }
    world.client.post("/v1/phone-numbers", by_number("NG")).await.expect(201);
    let again = world.client.post("/v1/phone-numbers", by_number("NG")).await;
    assert_eq!((again.status.as_u16(), again.code()), (409, "NUMBER_ALREADY_OWNED"));
}

#[tokio::test]
async fn a_number_is_released_for_audit_and_another_is_deleted() {
    let world = World::new().await;
    let slot = world.offer().await;
    let order = json!({"inventory_id": slot.address().id()});
    let first = world.client.post("/v1/phone-numbers", order.clone()).await.expect(201);
    let path = format!("/v1/phone-numbers/{}", first["id"].as_str().unwrap());
    let wrong = world.client.delete(&format!("{path}?action=burn")).await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (400, "VALIDATION_ERROR"));
    for _ in 0..2 {
        let released = world.client.delete(&format!("{path}?action=release")).await.expect(200);
        assert_eq!(released, json!({"success": true, "id": first["id"], "e164": slot.e164, "status": "inactive"}));
    }
    let kept = world.client.get(&path).await.expect(200);
    assert_eq!((&kept["status"], &kept["sip_credentials"]), (&json!("inactive"), &json!(null)));
    assert!(kept["released_at"].is_string());
    let conflict = world.client.patch(&path, json!({"allow_outbound": true})).await;
    assert_eq!((conflict.status.as_u16(), conflict.code()), (409, "CONFLICT"));
    assert_eq!(world.client.get("/v1/phone-numbers?envelope=true").await.expect(200)["total"], 0);
    assert_eq!(world.client.get("/v1/phone-numbers?envelope=true&include_released=true").await.expect(200)["total"], 1);
    let second = world.client.post("/v1/phone-numbers", order).await.expect(201);
    let path = format!("/v1/phone-numbers/{}", second["id"].as_str().unwrap());
    assert_eq!(world.client.delete(&path).await.expect(200)["success"], true);
    assert_eq!(world.client.get(&path).await.code(), "NOT_FOUND");
    assert_eq!(world.client.delete(&path).await.code(), "NOT_FOUND");
}
