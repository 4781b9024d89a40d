//! Webhook deliveries: each id reaches its receiver, with the same bytes each time, and no other does.

use std::{collections::BTreeMap, time::Duration};

use domain::{
    CallId, DeliveryId, EndpointId, Mode,
    delivery::DeliveryStatus,
    secret::{Sealed, SecretKind},
    webhook::ReceiverId,
};
use queue::DeliveryMessage;
use runtime::random;
use store::Tenant;
use testkit::{
    Fixture, LocalTable, Receiver, Stack,
    event_source::EventSource,
    faults::{Faults, Wire},
    fixture,
    load::Dice,
};
use uuid::Uuid;
use vault::Vault;
use webhooks::sign::SigningSecret;

use super::{KILLS, function, worker::Worker};

/// The time-out of the template.
const TIMEOUT: Duration = Duration::from_secs(30);

const DELIVERIES: usize = 2_000;

/// An organization whose receiver is reached over the same wire as everything else.
pub(super) struct Bench {
    pub(super) stack: Stack,
    pub(super) local: LocalTable,
    pub(super) tenant: Tenant,
    pub(super) queue: EventSource,
    pub(super) receiver: Receiver,
    /// The receiver's URL.
    pub(super) url: String,
    pub(super) wire: Wire,
    vault: Vault,
    key: String,
}

impl Bench {
    pub(super) async fn start(seed: u64) -> Self {
        let (stack, local, receiver) = (Stack::load().unwrap(), LocalTable::start().await, Receiver::start().await);
        let tenant = Fixture::create(&local.table, Mode::Live).await.tenant;
        let queue = EventSource::create(&stack).await;
        let kms = stack.kms();
        let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
        let wire = Wire::new(seed);
        let url = format!("{}/hook", wire.to(receiver.url.trim_end_matches("/hook"), Faults::default()).await);
        Self { stack, local, tenant, queue, receiver, url, wire, vault: Vault::new(kms, key.clone()), key }
    }

    /// A signing secret for this receiver.
    pub(super) async fn secret(&self, receiver: Uuid) -> Sealed {
        let place = self.tenant.place(SecretKind::WebhookSecret, receiver);
        self.vault.seal(&place, SigningSecret::generate(&random::bytes()).reveal(), fixture::now()).await.unwrap()
    }

    pub(super) async fn worker(&self, seed: u64) -> Worker {
        let own = [("VAULT_KEY_ID", &self.key), ("ALLOW_LOOPBACK_WEBHOOKS", &"true".to_owned()), ("WEBHOOK_QUEUE_URL", &self.queue.url)];
        let own = own.map(|(name, value)| (name.to_owned(), value.clone())).to_vec();
        let made = (&self.stack, &self.local, &self.queue);
        let function = function("webhook-delivery", TIMEOUT, made, (&self.wire, Faults::default()), own).await;
        Worker::new(function, self.wire.clone(), seed)
    }

    /// The bodies that reached the receiver, by the delivery's id.
    pub(super) fn arrived(&self) -> BTreeMap<String, Vec<String>> {
        let mut arrived: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for arrival in self.receiver.arrivals() {
            let id = arrival.header("webhook-id").trim_start_matches(DeliveryId::PREFIX).to_owned();
            arrived.entry(id).or_default().push(String::from_utf8(arrival.body.to_vec()).unwrap());
        }
        arrived
    }

    /// Creates an endpoint that receives at this URL.
    pub(super) async fn endpoint(&self, url: &str) -> EndpointId {
        let mut endpoint = fixture::endpoint();
        endpoint.given_url = Some(url.to_owned());
        endpoint.secret = Some(self.secret(endpoint.id.as_uuid()).await);
        self.local.table.create_endpoint(self.tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
        endpoint.id
    }

    fn messages(&self, endpoint: EndpointId) -> Vec<DeliveryMessage> {
        let message = |n: usize| DeliveryMessage {
            organization_id: self.tenant.org(),
            mode: self.tenant.mode(),
            delivery_id: DeliveryId::new(fixture::now(), random::bytes()),
            receiver: ReceiverId::Endpoint(endpoint),
            call_id: Some(CallId::new(fixture::now(), random::bytes())),
            event_id: format!("evt_{n}"),
            event: "call.completed".to_owned(),
            body: format!(r#"{{"id":"evt_{n}"}}"#),
        };
        (0..DELIVERIES).map(message).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhook_delivery_that_is_killed_at_every_step_delivers_every_id_and_no_other() {
    let bench = Bench::start(301).await;
    bench.receiver.refuse_first_of_every(40);
    let messages = bench.messages(bench.endpoint(&bench.url).await);
    let mut dice = Dice::new(302);
    // A tenth of them comes twice.
    let twice: Vec<_> = messages.iter().filter(|_| dice.below(10) == 0).cloned().collect();
    let bodies = messages.iter().chain(&twice).map(|message| message.to_json().unwrap()).collect();
    bench.queue.send(&dice.shuffled(bodies)).await;
    let mut worker = bench.worker(303).await.killed(7, 2);
    worker.work(&bench.queue).await;
    assert_eq!(bench.queue.dead_letters().await, vec![]);
    let arrived = bench.arrived();
    assert_eq!(arrived.len(), DELIVERIES, "no other id");
    let mut retried = 0;
    for message in &messages {
        let bodies = &arrived[&message.delivery_id.to_string()];
        assert!(bodies.iter().all(|body| *body == message.body), "{bodies:?}");
        let delivery = bench.local.table.delivery(bench.tenant, message.delivery_id).await.unwrap().unwrap();
        let state = bench.local.table.delivery_state(bench.tenant, delivery.place()).await.unwrap().unwrap();
        let (number, last) = state.attempts.last_key_value().unwrap();
        assert_eq!((state.status, last.status), (DeliveryStatus::Delivered, Some(200)));
        assert!(*number <= 2 && bodies.len() >= *number as usize, "a receiver that refuses once is asked twice");
        retried += u32::from(*number == 2);
    }
    assert!(retried > 0, "some deliveries took two attempts");
    println!("{} kills at requests, {} by the clock", worker.deaths.at_requests, worker.deaths.by_the_clock);
    worker.deaths.are_everywhere(&bench.wire.operations(), KILLS);
}
