//! Webhook subscriptions and deliveries.

use api::Code::Conflict;
use domain::{CallId, EndpointId, SubscriptionId, delivery::DeliveryStatus, wire};
use serde_json::{Value, json};

use crate::{
    lists,
    operation::{Operation, operation},
    parameters::{choice, envelope, filter, id, paging, range, walking},
    requests::{ReplayOrder, WebhookChange, WebhookOrder},
};

pub(crate) const TAG: &str = "Webhooks";

pub(crate) fn operations() -> Vec<Operation> {
    let mut all = subscriptions();
    all.extend(deliveries());
    all
}

fn subscriptions() -> Vec<Operation> {
    vec![
        operation("GET", "/webhooks", "list_webhooks", TAG, "List subscriptions")
            .says("Secrets are masked.")
            .query(paging(Some(50)))
            .query([envelope()])
            .lists("The subscriptions.", lists::webhooks),
        operation("POST", "/webhooks", "create_webhook", TAG, "Subscribe to events")
            .says("The signing secret is made and shown. Aliases such as `call.started` are taken, and their events come under that name.")
            .body::<WebhookOrder>()
            .answers::<wire::Subscription>(201, "The subscription.")
            .refuses([Conflict]),
        operation("GET", "/webhooks/{id}", "get_webhook", TAG, "Get a subscription")
            .says("The signing secret is shown to those who hold `webhooks:write`, and masked for others.")
            .answers::<wire::Subscription>(200, "The subscription."),
        operation("PATCH", "/webhooks/{id}", "update_webhook", TAG, "Change a subscription")
            .body::<WebhookChange>()
            .answers::<wire::Subscription>(200, "The subscription as it is now."),
        operation("DELETE", "/webhooks/{id}", "delete_webhook", TAG, "End a subscription")
            .says("Nothing more is sent to it.")
            .answers_nothing(204, "It is gone."),
        operation("POST", "/webhooks/{id}/rotate-secret", "rotate_webhook_secret", TAG, "Give a subscription a new secret")
            .says("The secret before keeps signing beside the new one for 24 hours.")
            .answers::<wire::Subscription>(200, "The subscription with its new secret."),
        operation("POST", "/webhooks/{id}/test", "test_webhook", TAG, "Try a subscription out")
            .says("Sends a `webhook.test` event to it, whatever events it takes.")
            .answers::<wire::WebhookTest>(202, "The event is on its way.")
            .refuses([Conflict]),
    ]
}

/// What deliveries are narrowed by.
fn filters() -> Vec<Value> {
    let mut all = vec![
        id("endpoint_id", &[EndpointId::PREFIX], "Deliveries to this endpoint alone."),
        id("subscription_id", &[SubscriptionId::PREFIX], "Deliveries to this subscription alone."),
        id("receiver_id", &[EndpointId::PREFIX, SubscriptionId::PREFIX], "Deliveries to this endpoint or subscription alone."),
        id("call_id", &[CallId::PREFIX], "Deliveries about this call alone."),
        filter("event", json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}), "Deliveries of this event alone."),
        choice("status", DeliveryStatus::ALL.map(DeliveryStatus::as_str), "Deliveries of this status alone."),
    ];
    all.extend(range("Deliveries that were made"));
    all
}

fn deliveries() -> Vec<Operation> {
    vec![
        operation("GET", "/webhooks/deliveries", "list_deliveries", TAG, "List deliveries")
            .says("The deliveries of the last 30 days, to endpoints and subscriptions, newest first.")
            .query(filters())
            .query(walking(20))
            .walks("A page of deliveries.", lists::deliveries),
        operation("GET", "/webhooks/deliveries/{id}", "get_delivery", TAG, "Get a delivery")
            .says("The delivery with its attempts and the bytes that are sent.")
            .answers::<wire::DeliveryDetail>(200, "The delivery."),
        operation("POST", "/webhooks/deliveries/{id}/replay", "replay_delivery", TAG, "Send a delivery again")
            .says("The same bytes under the same `webhook-id`, whatever became of it.")
            .answers::<wire::Delivery>(202, "It is sent again.")
            .refuses([Conflict]),
        operation("POST", "/webhooks/replay", "replay_deliveries", TAG, "Send many deliveries again")
            .says("Those of a call, or of a receiver from a time on, oldest first and 50 a second. With `dry_run` they are counted alone.")
            .body::<ReplayOrder>()
            .answers::<wire::Replay>(200, "What would be sent: an answer to `dry_run`.")
            .answers::<wire::Replay>(202, "What is sent.")
            .refuses([Conflict]),
    ]
}
