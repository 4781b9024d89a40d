//! What routes of numbers and endpoints allow and show, by the real routers: filters, prices, and the number that a generated URL
//! carries.

use domain::endpoint::{Endpoint, EndpointStatus, Provider};
use http::Method;
use serde_json::{Value, json};
use store::TellOfEndpoint;
use testkit::fixture;

use crate::every_route::EveryRoute;

impl EveryRoute {
    async fn ask_for(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(&method, path).header("content-type", "application/json");
        self.send(request, if body.is_null() { String::new() } else { body.to_string() }).await
    }

    /// The names in a list, sorted.
    async fn names(&self, path: &str) -> Vec<String> {
        let (status, list) = self.ask_for(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{list}");
        let mut names: Vec<String> = list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
        names.sort_unstable();
        names
    }
}

async fn endpoint(bench: &EveryRoute, name: &str, provider: Provider, status: EndpointStatus) {
    let url = if provider == Provider::Webhook { "https://hooks.example.com/x" } else { "sip:a@sip.example.com" };
    let (name, declared_type) = (name.to_owned(), provider.as_str().to_owned());
    let endpoint = Endpoint { name, declared_type, provider, status, given_url: Some(url.to_owned()), ..fixture::endpoint() };
    bench.local.table.create_endpoint(bench.own.tenant, &endpoint, None, TellOfEndpoint::default()).await.unwrap();
}

#[tokio::test]
async fn an_endpoint_is_listed_if_it_passes_every_filter() {
    let bench = EveryRoute::start().await;
    endpoint(&bench, "agent on", Provider::Vapi, EndpointStatus::Active).await;
    endpoint(&bench, "agent off", Provider::Vapi, EndpointStatus::Inactive).await;
    for (query, shown) in [
        ("?type=agent", &["agent off", "agent on"][..]),
        ("?status=inactive", &["agent off"]),
        ("?status=active", &["Receiver", "agent on"]),
        ("?type=agent&status=active", &["agent on"]),
        ("?type=webhook&status=inactive", &[]),
        ("", &["Receiver", "agent off", "agent on"]),
    ] {
        assert_eq!(bench.names(&format!("/v1/endpoints{query}")).await, shown, "{query}");
    }
}

#[tokio::test]
async fn all_endpoints_are_listed_for_who_asks_for_no_page() {
    let bench = EveryRoute::start().await;
    for n in 0..50 {
        endpoint(&bench, &format!("{n:02}"), Provider::CustomSip, EndpointStatus::Active).await;
    }
    assert_eq!(bench.names("/v1/endpoints").await.len(), 51);
    assert_eq!(bench.names("/v1/endpoints?page=1").await.len(), 50);
    assert_eq!(bench.names("/v1/endpoints?page=2").await.len(), 1);
}

#[tokio::test]
async fn a_generated_url_carries_the_one_number_that_rings_it() {
    let bench = EveryRoute::start().await;
    let agent = json!({"name": "Agent", "type": "elevenlabs", "provider_config": {"elevenlabs_agent_id": "el_1"}});
    let (status, created) = bench.ask_for(Method::POST, "/v1/endpoints", agent).await;
    assert_eq!(status, 201, "{created}");
    let id = created["id"].as_str().unwrap();
    let number = format!("/v1/phone-numbers/{}", bench.own.number);
    assert_eq!(bench.ask_for(Method::PATCH, &number, json!({"endpoint_id": id})).await.0, 200);
    let url = format!("sip:{}@sip.rtc.elevenlabs.io:5060;transport=tcp", bench.own.e164);
    let (_, shown) = bench.ask_for(Method::GET, &format!("/v1/endpoints/{id}"), Value::Null).await;
    assert_eq!(shown["url"], url);
    let (_, list) = bench.ask_for(Method::GET, "/v1/endpoints", Value::Null).await;
    assert_eq!(list.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap()["url"], url);
}

#[tokio::test]
async fn a_number_is_made_active_or_inactive_and_nothing_else() {
    let bench = EveryRoute::start().await;
    let path = format!("/v1/phone-numbers/{}", bench.own.number);
    for (status, answer) in [("inactive", 200), ("active", 200), ("released", 400), ("pending", 400)] {
        let (told, body) = bench.ask_for(Method::PATCH, &path, json!({"status": status})).await;
        assert_eq!(told, answer, "{status}: {body}");
        assert_eq!(body["status"] == status, answer == 200, "{body}");
    }
}

#[tokio::test]
async fn nobody_buys_at_another_price_than_the_one_believed_in() {
    let bench = EveryRoute::start().await;
    let slot = fixture::slot(2);
    let (setup, monthly) = (u64::from(slot.setup_cost_cents), u64::from(slot.monthly_cost_cents));
    let buy = async |prices: Value| {
        let mut body = prices;
        body["inventory_id"] = json!(slot.address().id());
        bench.ask_for(Method::POST, "/v1/phone-numbers", body).await
    };
    let total = slot.total_cost_cents();
    for (field, price) in [("total_cost_cents", total), ("setup_cost_cents", setup), ("monthly_cost_cents", monthly)] {
        let (status, body) = buy(json!({field: price + 1})).await;
        assert_eq!((status, &body["details"]["errors"][0]["field"]), (400, &json!(field)), "{body}");
    }
    let (status, body) = buy(json!({"total_cost_cents": total, "setup_cost_cents": setup, "monthly_cost_cents": monthly})).await;
    assert_eq!(status, 201, "{body}");
}
