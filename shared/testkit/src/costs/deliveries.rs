//! What the delivery of webhooks costs, and the reading of their log.

use domain::Mode;
use http::Method;
use queue::RetryMessage;
use runtime::Clock;
use serde_json::{Value, json};
use webhooks::guard::Loopback;

use super::{Bench, batch};
use crate::{Receiver, fixture};

impl Bench {
    pub(super) async fn deliveries(&mut self) {
        let receiver = Receiver::start().await;
        let body = json!({"name": "Receiver", "type": "webhook", "url": receiver.url});
        let endpoint = self.ask(&self.endpoints, Method::POST, "/v1/endpoints", Some(body), 201).await["id"].clone();
        let [one, two, three] = [1, 2, 3].map(|n| self.delivery_message(n, &endpoint));
        let nowhere = fixture::nowhere();
        let function = webhook_delivery::WebhookDelivery::new(
            self.local.table.clone(),
            self.vault.clone(),
            nowhere.clone(),
            nowhere,
            Clock::System,
            Loopback::Allowed,
        )
        .unwrap();
        let (first, second) = (batch(&[one]), batch(&[two]));
        function.handle(first).await;
        self.row("deliver a webhook at the first attempt, receiver cached", (2, 0.0, 3.0), function.handle(second)).await;
        assert_eq!(receiver.arrivals().len(), 2);
        self.later_attempt(&receiver, &function, three).await;
        receiver.answer(200);
        let many: Vec<String> = (10..50).map(|n| self.delivery_message(n, &endpoint)).collect();
        for messages in many.chunks(10) {
            function.handle(batch(messages)).await;
        }
        self.log(&endpoint).await;
    }

    /// What reading the log costs, of an organization with one receiver.
    async fn log(&mut self, endpoint: &Value) {
        let path = |query: &str| format!("/v1/webhooks/deliveries{query}");
        // The key of cursors is read once by each process.
        let list = self.ask(&self.webhooks, Method::GET, &path(""), None, 200).await;
        let (id, call) = (list["data"][0]["id"].as_str().unwrap(), list["data"][0]["call_id"].as_str().unwrap());
        let of_receiver = format!("?endpoint_id={}", endpoint.as_str().unwrap());
        for (operation, budget, query) in [
            ("list 20 deliveries of an organization", (4, 8.0, 0.0), String::new()),
            ("list 20 deliveries of a receiver", (2, 4.0, 0.0), of_receiver),
            ("list the deliveries of a call", (2, 1.0, 0.0), format!("?call_id={call}")),
            ("get a delivery with its attempts", (2, 1.5, 0.0), format!("/{id}")),
        ] {
            let read = self.ask(&self.webhooks, Method::GET, &path(&query), None, 200);
            self.row(operation, budget, read).await;
        }
    }

    /// The first attempt of a message's delivery fails, and so does the second, which is asked for by a message of its own.
    async fn later_attempt(&mut self, receiver: &Receiver, function: &webhook_delivery::WebhookDelivery, first: String) {
        receiver.answer(500);
        // The queue is nowhere: what would come back from it is made here.
        function.handle(batch(&[first])).await;
        let status = Some(domain::delivery::DeliveryStatus::Retrying);
        let filter = domain::delivery::DeliveryFilter { status, ..Default::default() };
        let walk = store::DeliveryWalk { newest_first: true, after: None, limit: 1, reach: 100 };
        let failed = self.local.table.delivery_list(self.fixture.tenant, &filter, walk).await.unwrap().found.remove(0);
        let asked = Some("a replay begins a series, and its first wait is short".to_owned());
        let (org, mode) = (self.fixture.tenant.org(), self.fixture.tenant.mode());
        let retry = RetryMessage { replayed_by: asked, ..RetryMessage::new(org, mode, failed.place(), 5) };
        let second = function.handle(batch(&[retry.to_json().unwrap()]));
        self.row("deliver a webhook at a later attempt, receiver cached", (2, 1.5, 1.0), second).await;
    }

    /// A delivery of what is told of an ordinary call: about 1.3 KB.
    fn delivery_message(&self, n: u8, endpoint: &Value) -> String {
        let now = fixture::now();
        let call = domain::CallId::new(now, runtime::random::bytes());
        let number = domain::NumberId::new(now, runtime::random::bytes());
        let event = domain::webhook::event_id(self.fixture.tenant.org(), Mode::Live, call, &n.to_string());
        let delivery = domain::webhook::delivery_id(&event, call.as_uuid());
        let body = json!({
            "id": event, "event": "call.completed", "timestamp": now, "created_at": now, "organization_id": self.fixture.tenant.org(),
            "data": {
                "id": call, "from_number": "+14155550123", "to_number": "+2348030000001", "direction": "inbound", "status": "completed",
                "duration": 93, "cost": 3.125, "cost_cents": 3, "latency_ms": 412, "phone_number_id": number, "endpoint_id": endpoint,
                "recording_url": format!("https://recordings.example.com/2026/01/02/{call}.mp3"), "hangup_cause": "NORMAL_CLEARING",
                "hangup_reason": "user_hangup", "carrier": "twilio", "carrier_call_id": format!("CA{}", call.as_uuid().simple()),
                "metadata": {"campaign": "winter-appointments", "agent": "agent_77f0c1a9d2e34b58", "language": "en-NG"},
                "organization_id": self.fixture.tenant.org(), "created_at": now, "answered_at": now, "completed_at": now,
                "transcript": null, "has_transcript": false, "call_id": call,
            },
        });
        json!({
            "organization_id": self.fixture.tenant.org(), "mode": "live", "delivery_id": delivery, "endpoint_id": endpoint,
            "call_id": call, "event_id": event, "event": "call.completed", "attempt": 1, "body": body.to_string(),
        })
        .to_string()
    }
}
