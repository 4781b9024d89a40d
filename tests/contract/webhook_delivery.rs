//! The delivery function on a real table and real queues, with a receiver that misbehaves.

use std::sync::{Arc, atomic::AtomicI64};

use domain::{DeliveryId, Mode, endpoint::EndpointStatus};
use queue::{DeliveryMessage, Sender};
use runtime::{Clock, random};
use serde_json::Value;
use store::{Consistency, DeliveryStatus, Tenant};
use testkit::{Fixture, LocalTable, Receiver, Stack, costs::batch, fixture};
use vault::Vault;
use webhook_delivery::WebhookDelivery;
use webhooks::guard::Loopback;

struct Bench {
    local: LocalTable,
    tenant: Tenant,
    function: WebhookDelivery,
    sqs: aws_sdk_sqs::Client,
    retries: String,
    endpoint: domain::EndpointId,
    message: DeliveryMessage,
}

/// A delivery to this receiver, ready to be made.
async fn bench(receiver: &Receiver) -> Bench {
    let stack = Stack::load().unwrap();
    let (local, kms, sqs) = (LocalTable::start().await, stack.kms(), stack.sqs());
    let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
    let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    let vault = Vault::new(kms, key);
    let mut endpoint = fixture::endpoint();
    endpoint.given_url = Some(receiver.url.clone());
    let place = tenant.place(domain::secret::SecretKind::WebhookSecret, endpoint.id.as_uuid());
    let secret = webhooks::sign::SigningSecret::generate(&random::bytes());
    endpoint.secret = Some(vault.seal(&place, secret.reveal(), fixture::now()).await.unwrap());
    local.table.create_endpoint(tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
    let name = format!("retries-{}", DeliveryId::new(fixture::now(), random::bytes()));
    let retries = sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap();
    let sender = Sender::new(sqs.clone(), retries.clone());
    let clock = Clock::Manual(Arc::new(AtomicI64::new(fixture::now().as_millis())));
    let function = WebhookDelivery::new(local.table.clone(), vault, sender.clone(), sender, clock, Loopback::Allowed).unwrap();
    let message = DeliveryMessage {
        organization_id: tenant.org,
        mode: tenant.mode,
        delivery_id: DeliveryId::new(fixture::now(), random::bytes()),
        receiver: domain::webhook::ReceiverId::Endpoint(endpoint.id),
        call_id: Some(domain::CallId::new(fixture::now(), random::bytes())),
        event_id: "evt_1".to_owned(),
        event: "call.completed".to_owned(),
        attempt: 1,
        body: r#"{"id":"evt_1"}"#.to_owned(),
    };
    Bench { local, tenant, function, sqs, retries, endpoint: endpoint.id, message }
}

impl Bench {
    async fn deliver(&self, message: &DeliveryMessage) {
        let answer = self.function.handle(batch(&[message.to_json().unwrap()])).await;
        assert!(answer.batch_item_failures.is_empty());
    }

    async fn state(&self) -> store::DeliveryState {
        self.local.table.delivery_state(self.tenant, self.message.delivery_id).await.unwrap().unwrap()
    }

    /// How many messages wait in the retry queue, delayed ones included.
    async fn queued(&self) -> u64 {
        let request = self.sqs.get_queue_attributes().queue_url(&self.retries).attribute_names(aws_sdk_sqs::types::QueueAttributeName::All);
        let attributes = request.send().await.unwrap().attributes.unwrap();
        let count = |name: &str| {
            attributes.iter().find(|(key, _)| key.as_str() == name).and_then(|(_, value)| value.parse::<u64>().ok()).unwrap_or(0)
        };
        count("ApproximateNumberOfMessages") + count("ApproximateNumberOfMessagesDelayed")
    }
}

#[tokio::test]
async fn a_message_that_comes_twice_while_the_receiver_fails_is_one_attempt() {
    let receiver = Receiver::answering(&[500, 500, 500]).await;
    let bench = bench(&receiver).await;
    bench.deliver(&bench.message).await;
    bench.deliver(&bench.message).await;
    assert_eq!(receiver.arrivals().len(), 1, "it is not sent again before its time");
    assert_eq!((bench.state().await.status, bench.queued().await), (DeliveryStatus::Retrying, 2));
    let second = DeliveryMessage { attempt: 2, ..bench.message.clone() };
    bench.deliver(&second).await;
    bench.deliver(&second).await;
    assert_eq!(receiver.arrivals().len(), 2, "of two equal retries one is sent");
    bench.deliver(&bench.message).await;
    assert_eq!(receiver.arrivals().len(), 2, "an attempt that was overtaken starts nothing");
}

#[tokio::test]
async fn what_was_delivered_is_not_sent_again_and_other_bytes_are_not_sent_at_all() {
    let receiver = Receiver::answering(&[503]).await;
    let bench = bench(&receiver).await;
    bench.deliver(&bench.message).await;
    let computed_later = DeliveryMessage { body: "other bytes".to_owned(), attempt: 2, ..bench.message.clone() };
    bench.deliver(&DeliveryMessage { body: bench.message.body.clone(), ..computed_later }).await;
    assert_eq!(bench.state().await.status, DeliveryStatus::Delivered);
    bench.deliver(&DeliveryMessage { body: "other bytes".to_owned(), ..bench.message.clone() }).await;
    let bodies: Vec<Value> = receiver.arrivals().iter().map(|arrival| arrival.json()).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn a_wait_that_the_receiver_asks_for_is_kept_within_what_the_queue_carries() {
    let receiver = Receiver::answering(&[503]).await;
    receiver.retry_after(3_600);
    let bench = bench(&receiver).await;
    bench.deliver(&bench.message).await;
    assert_eq!((bench.state().await.status, bench.queued().await), (DeliveryStatus::Retrying, 1), "it is not given up");
}

#[tokio::test]
async fn what_would_be_due_later_than_the_queue_carries_is_dead_and_stays_so() {
    let receiver = Receiver::answering(&[500; 4]).await;
    let bench = bench(&receiver).await;
    for attempt in 1..=4 {
        bench.deliver(&DeliveryMessage { attempt, ..bench.message.clone() }).await;
    }
    assert_eq!((bench.state().await.status, bench.queued().await), (DeliveryStatus::Dead, 3));
    bench.deliver(&bench.message).await;
    assert_eq!((bench.state().await.status, receiver.arrivals().len()), (DeliveryStatus::Dead, 4));
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_nothing_more() {
    let receiver = Receiver::answering(&[410]).await;
    let bench = bench(&receiver).await;
    bench.deliver(&bench.message).await;
    let endpoint = bench.local.table.endpoint(bench.tenant, bench.endpoint, Consistency::Strong).await.unwrap().unwrap();
    assert_eq!((endpoint.status, endpoint.status_reason.as_deref()), (EndpointStatus::Error, Some("the receiver answered 410 Gone")));
    let another = DeliveryMessage { delivery_id: DeliveryId::new(fixture::now(), random::bytes()), ..bench.message.clone() };
    bench.deliver(&another).await;
    assert_eq!(receiver.arrivals().len(), 1);
}
