//! The event function on a real table and real queues: what a crash, a repetition or a stranger's number comes to.

use aws_lambda_events::sqs::SqsBatchResponse;
use call_events::CallEvents;
use domain::{DeliveryId, EndpointId, Mode, number::PhoneNumber, stats::CallFilter};
use queue::{DeliveryMessage, Sender};
use runtime::{Clock, random};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store::{Release, Tenant};
use testkit::{Fixture, LocalTable, Stack, call, costs::batch, fixture};

use crate::documented::check_webhook;

pub(crate) struct Bench {
    pub(crate) local: LocalTable,
    pub(crate) tenant: Tenant,
    number: PhoneNumber,
    pub(crate) sqs: aws_sdk_sqs::Client,
    work: String,
    dead: String,
}

impl Bench {
    /// An organization whose number rings a webhook endpoint.
    pub(crate) async fn start() -> Self {
        let sqs = Stack::load().unwrap().sqs();
        let local = LocalTable::start().await;
        let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
        let (endpoint, slot) = (fixture::endpoint(), fixture::slot(1));
        local.table.create_endpoint(tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
        let number = fixture::bought(&local.table, tenant, &slot, Some(endpoint.id)).await;
        let (work, dead) = (queue(&sqs).await, queue(&sqs).await);
        Self { local, tenant, number, sqs, work, dead }
    }

    pub(crate) fn function(&self, work: &str) -> CallEvents {
        let sender = |url: &str| Sender::new(self.sqs.clone(), url.to_owned());
        CallEvents::new(self.local.table.clone(), sender(work), sender(&self.dead), Clock::System)
    }

    /// The events of a call to the number.
    pub(crate) fn events(&self, file: &str) -> Vec<Value> {
        let file = call::events_folder().join("call-events").join(file);
        let org = self.tenant.org().to_string();
        call::messages(&file, &org, "live", self.number.e164.as_str(), fixture::now(), 300).unwrap().1
    }

    pub(crate) async fn handle(&self, events: &[Value]) -> SqsBatchResponse {
        let bodies: Vec<String> = events.iter().map(ToString::to_string).collect();
        self.function(&self.work).handle(batch(&bodies)).await
    }

    /// The newest calls and how many there are.
    async fn listed(&self) -> store::CallPage {
        self.local.table.call_list(self.tenant, &CallFilter::default(), store::Start::Offset(0), 10).await.unwrap()
    }

    /// Deletes an endpoint as a function does that dies before its sweep.
    async fn delete_row_of(&self, endpoint: EndpointId) {
        let key = [("pk", format!("ORG#{}#live", self.tenant.org())), ("sk", format!("ENDPOINT#{endpoint}"))];
        let key = key.map(|(name, value)| (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value)));
        self.local.client.delete_item().table_name("trunkline").set_key(Some(key.into())).send().await.unwrap();
    }

    /// The deliveries that are queued, each as the document tells of its event.
    pub(crate) async fn webhooks(&self) -> Vec<DeliveryMessage> {
        let all: Vec<DeliveryMessage> = drain(&self.sqs, &self.work).await.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
        all.iter().for_each(|message| check_webhook(&message.event, &serde_json::from_str(&message.body).unwrap()));
        all
    }

    /// Their ids.
    async fn deliveries(&self) -> BTreeSet<DeliveryId> {
        self.webhooks().await.iter().map(|message| message.delivery_id).collect()
    }
}

pub(crate) async fn queue(sqs: &aws_sdk_sqs::Client) -> String {
    let name = format!("call-events-{}", DeliveryId::new(fixture::now(), random::bytes()));
    sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
}

pub(crate) async fn drain(sqs: &aws_sdk_sqs::Client, url: &str) -> Vec<String> {
    let mut bodies = Vec::new();
    loop {
        let answer = sqs.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
        if answer.messages().is_empty() {
            return bodies;
        }
        bodies.extend(answer.messages().iter().map(|message| message.body().unwrap().to_owned()));
    }
}

#[tokio::test]
async fn a_crash_between_record_and_webhook_work_loses_and_doubles_nothing() {
    let bench = Bench::start().await;
    let events = bench.events("answered-call.json");
    let bodies: Vec<String> = events.iter().map(ToString::to_string).collect();
    let cut_off = bench.function("http://127.0.0.1:9/nowhere").handle(batch(&bodies)).await;
    assert_eq!(cut_off.batch_item_failures.len(), events.len(), "the records are written, the work is not queued");
    assert!(bench.handle(&events).await.batch_item_failures.is_empty());
    let first = bench.deliveries().await;
    assert_eq!(first.len(), events.len());
    assert!(bench.handle(&events).await.batch_item_failures.is_empty());
    assert_eq!(bench.deliveries().await, first, "the same work has the same ids");
}

#[tokio::test]
async fn the_event_that_found_the_route_speaks_for_earlier_ones_each_time_it_comes() {
    let bench = Bench::start().await;
    let mut events = bench.events("missed-call.json");
    events[1..].iter_mut().for_each(|event| event["data"] = json!({}));
    bench.handle(&events[1..]).await;
    assert!(bench.deliveries().await.is_empty());
    for _ in 0..2 {
        bench.handle(&events[..1]).await;
        assert_eq!(bench.deliveries().await.len(), 3);
    }
    bench.handle(&events[2..]).await;
    assert_eq!(bench.deliveries().await.len(), 1, "another event speaks for itself alone");
}

#[tokio::test]
async fn a_call_is_one_under_its_sources_name_in_any_order_and_both_its_ids_find_it() {
    for name in ["6fa459ea-ee8a-4ca4-894e-db77e160355e", "CA0123456789abcdef0123456789abcdef"] {
        let bench = Bench::start().await;
        let mut events = bench.events("answered-call.json");
        events.iter_mut().for_each(|event| event["call_id"] = name.into());
        let began = events[0]["timestamp"].as_str().unwrap().to_owned();
        events.reverse();
        // Each by a process of its own, as if none remembered where the name leads.
        for event in events.iter().chain(&events) {
            assert!(bench.handle(std::slice::from_ref(event)).await.batch_item_failures.is_empty());
        }
        let page = bench.listed().await;
        assert_eq!((page.calls.len(), page.total), (1, 1));
        let call = &page.calls[0];
        assert_eq!(call.created_at.to_string(), began, "the earliest event's time");
        let shown = domain::wire::Call::of(call.clone(), bench.tenant.org()).id.to_string();
        assert_eq!(shown == name, name.contains('-'), "a UUID stays the call's id");
        let table = &bench.local.table;
        assert_eq!(table.named_call(bench.tenant, &name.parse().unwrap()).await.unwrap(), Some(call.id));
        assert_eq!(table.call(bench.tenant, call.id).await.unwrap().unwrap().events.len(), events.len());
        let told: BTreeSet<_> = bench.webhooks().await.iter().map(|message| (message.event_id.clone(), message.call_id)).collect();
        assert_eq!(told.len(), events.len());
        assert!(told.iter().all(|(_, call)| call.unwrap().to_string() == shown));
        let differences = table.verify_calls(bench.tenant, false, |_| {}).await.unwrap();
        assert!(differences.is_empty(), "{differences:#?}");
    }
}

#[tokio::test]
async fn without_a_direction_the_organizations_number_is_found_on_either_side() {
    for (own, other) in [("to_number", "from_number"), ("from_number", "to_number")] {
        let bench = Bench::start().await;
        let mut event = bench.events("missed-call.json").remove(0);
        event["data"] = json!({own: bench.number.e164, other: "+2348099999999"});
        bench.handle(&[event]).await;
        assert_eq!(bench.deliveries().await.len(), 1, "{own}");
    }
}

#[tokio::test]
async fn what_is_not_the_organizations_makes_a_dead_letter_and_no_record() {
    let bench = Bench::start().await;
    let unknown = "0198c0de-0000-7000-8000-000000000001";
    for data in [
        json!({"to_number": "+2348099999999", "direction": "inbound"}),
        json!({"phone_number_id": unknown}),
        json!({"phone_number_id": bench.number.id, "endpoint_id": unknown}),
        json!({"to_number": bench.number.e164, "from_number": "+2348099999999", "direction": "outbound"}),
    ] {
        let mut event = bench.events("missed-call.json").remove(0);
        event["data"] = data.clone();
        assert!(bench.handle(&[event]).await.batch_item_failures.is_empty());
        assert_eq!(drain(&bench.sqs, &bench.dead).await.len(), 1, "{data}");
    }
    assert_eq!(bench.listed().await.total, 0);
}

#[tokio::test]
async fn a_number_whose_row_still_names_a_deleted_endpoint_rings_nothing() {
    let bench = Bench::start().await;
    let endpoint = bench.number.endpoint_id.unwrap();
    bench.delete_row_of(endpoint).await;
    let events = bench.events("missed-call.json");
    bench.handle(&events).await;
    let calls = bench.listed().await.calls;
    assert_eq!((calls[0].endpoint_id, bench.deliveries().await.len()), (None, 0));
    assert!(!bench.local.table.delete_endpoint(bench.tenant, endpoint, fixture::now(), None).await.unwrap(), "it is gone");
}

#[tokio::test]
async fn a_number_that_is_switched_off_or_takes_no_callers_rings_nothing_and_its_own_calls_go_on() {
    let bench = Bench::start().await;
    let change = async |change| {
        bench.local.table.update_number(bench.tenant, bench.number.id, change, fixture::now(), None).await.unwrap();
    };
    let settings = |status, allow_inbound| domain::number::NumberChange {
        status: Some(status),
        allow_inbound: Some(allow_inbound),
        ..domain::number::NumberChange::default()
    };
    let routed = async |direction: &str| {
        let mut event = bench.events("missed-call.json").remove(0);
        event["data"]["direction"] = json!(direction);
        if direction == "outbound" {
            event["data"]["from_number"] = event["data"]["to_number"].clone();
        }
        bench.handle(std::slice::from_ref(&event)).await;
        let call = event["call_id"].as_str().unwrap().parse().unwrap();
        bench.local.table.call(bench.tenant, call).await.unwrap().unwrap().call().endpoint_id.is_some()
    };
    for (status, allow_inbound, rings) in [
        (domain::number::NumberStatus::Active, true, true),
        (domain::number::NumberStatus::Inactive, true, false),
        (domain::number::NumberStatus::Active, false, false),
    ] {
        change(settings(status, allow_inbound)).await;
        assert_eq!((routed("inbound").await, routed("outbound").await), (rings, true), "{status:?} {allow_inbound}");
    }
}

#[tokio::test]
async fn a_released_number_routes_no_new_call_and_calls_that_have_their_route_go_on() {
    let bench = Bench::start().await;
    let (known, new) = (bench.events("missed-call.json"), bench.events("missed-call.json"));
    bench.handle(&known[..1]).await;
    bench.local.table.release_number(bench.tenant, bench.number.id, Release::Keep, fixture::now(), None).await.unwrap();
    bench.handle(&known).await;
    assert_eq!(drain(&bench.sqs, &bench.dead).await.len(), 0);
    let mut by_id = new[0].clone();
    by_id["data"] = json!({"phone_number_id": bench.number.id});
    bench.handle(&[by_id, new[1].clone()]).await;
    assert_eq!(drain(&bench.sqs, &bench.dead).await.len(), 2);
    assert_eq!(bench.listed().await.total, 1);
}
