//! What fails: receivers of webhooks, and functions that die on the way.

use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use queue::call_event::CallEventMessage;
use serde_json::json;
use store::EventWrite;
use testkit::Receiver;

use super::{HOUR, Life, MINUTE, texts};
use crate::endpoint_deletions::put_back;

impl Life {
    /// Receivers that fail now and then, say that they are gone, or fail for so long that they are switched off.
    pub(super) async fn receivers(&self) {
        let (cloud, key, processes) = (&self.cloud, self.key(), self.cloud.processes());
        let dead = Receiver::start().await;
        dead.answer(500);
        let subscription = processes.done(key, Method::POST, "/v1/webhooks", &json!({"url": dead.url, "events": ["*"]})).await;
        let endpoint = processes.done(key, Method::POST, "/v1/endpoints", &json!({"name": "R", "type": "webhook", "url": dead.url})).await;
        let [hook, endpoint] = [("webhooks", &subscription), ("endpoints", &endpoint)]
            .map(|(family, made)| format!("/v1/{family}/{}", made["id"].as_str().unwrap()));
        let number = format!("/v1/phone-numbers/{}", self.live.number);
        processes.done(key, Method::PATCH, &number, &json!({"endpoint_id": endpoint.rsplit('/').next()})).await;
        for day in 0..6 {
            let (_, events) = self.events("missed-call.json");
            cloud.tell(&texts(&events)).await;
            processes.done(key, Method::POST, &format!("{hook}/test"), &json!({})).await;
            cloud.work(&processes).await;
            let (steps, step) = if day == 0 { (6, 10 * MINUTE) } else { (6, 4 * HOUR) };
            cloud.live(&processes, steps, step).await;
        }
        let shown = processes.ask(key, Method::GET, &hook, "").await.body;
        assert_eq!(shown["active"], false, "{shown}");
        let gone = Receiver::start().await;
        gone.answer(410);
        let again = json!({"status": "active", "url": gone.url});
        processes.done(key, Method::PATCH, &endpoint, &again).await;
        processes.done(key, Method::PATCH, &hook, &json!({"active": true, "url": gone.url})).await;
        let (_, events) = self.events("missed-call.json");
        cloud.tell(&texts(&events)).await;
        cloud.pass(HOUR);
        cloud.work(&cloud.processes()).await;
        cloud.live(&processes, 4, HOUR / 2).await;
    }

    /// What functions leave behind that die: events in the outbox, a deletion that was not swept, a call that was not
    /// counted.
    pub(super) async fn crashes(&self) {
        let (cloud, key, processes, things) = (&self.cloud, self.key(), self.cloud.processes(), &self.live);
        let endpoint = json!({"name": "C", "type": "webhook", "url": self.receiver.url, "phone_number_id": things.number});
        let endpoint = processes.done(key, Method::POST, "/v1/endpoints", &endpoint).await;
        let path = format!("/v1/endpoints/{}", endpoint["id"].as_str().unwrap());
        assert_eq!(processes.ask(key, Method::DELETE, &path, "").await.status, 204);
        put_back(&cloud.local, things.tenant, things.number, endpoint["id"].as_str().unwrap().parse().unwrap()).await;
        cloud.lose_deliveries();
        let (id, events) = self.events("answered-call.json");
        for event in texts(&events) {
            let CallEventMessage { event, .. } = CallEventMessage::from_json(&event, cloud.now()).unwrap();
            cloud.local.table.record_events(things.tenant, (id, None), &[&event], None, EventWrite::Always).await.unwrap();
        }
        cloud.local.table.mark_live(things.tenant, id, cloud.now()).await.unwrap();
        cloud.local.table.note_busy(things.tenant, cloud.now()).await.unwrap();
        cloud.live(&cloud.processes(), 3, 10 * MINUTE).await;
    }

    /// A key is minted, and the function dies before it has answered.
    pub(super) async fn lost_answers(&self) {
        let body = json!({"name": "K", "scopes": ["calls:read"]}).to_string();
        for _ in 0..2 {
            let headers = [("idempotency-key", "lost")];
            let told = self.cloud.processes().ask_with(self.key(), Method::POST, "/v1/api-keys", &body, &headers).await;
            assert_eq!(told.status, 201, "{told:?}");
            for request in self.cloud.local.dump().await.into_iter().filter(|item| item["kind"].as_s().unwrap() == "request") {
                let forget = self.cloud.local.client.update_item().table_name("trunkline");
                let forget = forget.key("pk", request["pk"].clone()).key("sk", request["sk"].clone());
                let forget = forget.update_expression("REMOVE answer SET lease_until = :none");
                forget.expression_attribute_values(":none", AttributeValue::N("0".to_owned())).send().await.unwrap();
            }
        }
    }
}
