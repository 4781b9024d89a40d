//! What is sent to receivers of webhooks: an event each, in one envelope.

use std::collections::BTreeMap;

use domain::{
    call::EventKind,
    webhook::LifecycleEvent,
    wire::{self, MAX_BODY_BYTES},
};
use serde_json::{Map, Value, json};

use crate::{
    schemas::{Schemas, reference},
    shapes::RouteAnswer,
};

/// Every event with the resource that it tells of.
pub(crate) fn webhooks(schemas: &mut Schemas) -> Value {
    let mut all = Map::new();
    let call = call_data(schemas);
    for (kind, summary) in CALLS {
        all.insert(kind.as_str().to_owned(), sent(schemas, kind.as_str(), summary, &call));
    }
    for (event, summary) in LIFECYCLE {
        let data = match event {
            LifecycleEvent::NumberPurchased | LifecycleEvent::NumberUpdated | LifecycleEvent::NumberReleased => {
                schemas.answer::<wire::Number>()
            }
            LifecycleEvent::EndpointCreated | LifecycleEvent::EndpointUpdated | LifecycleEvent::EndpointDeleted => {
                schemas.answer::<wire::Endpoint>()
            }
            LifecycleEvent::WebhookFailing | LifecycleEvent::WebhookDisabled => schemas.answer::<wire::ReceiverNotice>(),
        };
        all.insert(event.as_str().to_owned(), sent(schemas, event.as_str(), summary, &data));
    }
    let subscription = schemas.answer::<wire::Subscription>();
    let data = json!({"type": "object", "required": ["webhook"], "properties": {"webhook": subscription}});
    all.insert("webhook.test".to_owned(), sent(schemas, "webhook.test", "A subscription is tried out", &data));
    all.insert("call.incoming".to_owned(), asked(schemas, &call));
    json!(all)
}

const CALLS: [(EventKind, &str); 7] = [
    (EventKind::Initiated, "There is a call"),
    (EventKind::Ringing, "The called side rings"),
    (EventKind::Answered, "The called side answered"),
    (EventKind::Completed, "A call ended after it was connected"),
    (EventKind::Failed, "A call ended without being connected, or by a fault"),
    (EventKind::RecordingReady, "A recording can be fetched"),
    (EventKind::TranscriptReady, "A transcript is there"),
];

const LIFECYCLE: [(LifecycleEvent, &str); 8] = [
    (LifecycleEvent::NumberPurchased, "A number was bought or registered"),
    (LifecycleEvent::NumberUpdated, "A number was changed"),
    (LifecycleEvent::NumberReleased, "A number was given back"),
    (LifecycleEvent::EndpointCreated, "An endpoint was created"),
    (LifecycleEvent::EndpointUpdated, "An endpoint was changed"),
    (LifecycleEvent::EndpointDeleted, "An endpoint was deleted"),
    (LifecycleEvent::WebhookFailing, "A webhook receiver does nothing but fail"),
    (LifecycleEvent::WebhookDisabled, "A webhook receiver was switched off"),
];

/// A call as webhooks show it. It is completed once the call's own schema is.
fn call_data(schemas: &mut Schemas) -> Value {
    schemas.answer::<wire::Call>();
    schemas.named(CALL, Value::Null)
}

/// The name of the schema of a call in webhooks.
const CALL: &str = "CallWebhookData";

/// The call object, its id once more, and what is said where something was left out for its size.
pub(crate) fn complete(schemas: &mut BTreeMap<String, Value>) {
    let Some(mut call) = schemas.get("Call").cloned() else { return };
    call["description"] = json!("A call as webhooks show it.");
    let properties = &mut call["properties"];
    properties["call_id"] = json!({"type": "string", "format": "uuid", "description": "The call's id once more."});
    properties["truncated"] = json!({"type": "boolean", "description": "There and true where `transcript`, and if need be `metadata`, are null because the body would have been too large."});
    properties["metadata"]["type"] = json!(["object", "null"]);
    properties["transcript_url"]["description"] =
        json!("Where the transcript is, if it is not in here: at its source, or a path of this API.");
    if let Some(required) = call["required"].as_array_mut() {
        required.push(json!("call_id"));
    }
    schemas.insert(CALL.to_owned(), call);
}

fn payload(schemas: &mut Schemas, event: &str, data: &Value) -> Value {
    let envelope = schemas.answer::<wire::Envelope>();
    json!({"allOf": [envelope, {"type": "object", "properties": {"event": {"type": "string", "examples": [event]}, "data": data}}]})
}

fn headers() -> Value {
    let header = |name: &str, description: &str| json!({"name": name, "in": "header", "required": true, "description": description, "schema": {"type": "string"}});
    json!([
        header("webhook-id", "One for each event and receiver, the same at every try: `dlv_` and a UUID."),
        header("webhook-timestamp", "When this try was signed, in seconds since 1970."),
        header(
            "webhook-signature",
            "`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body` (Standard Webhooks 1.0); several with spaces between them while a secret is rotated."
        ),
        header("X-Webhook-Signature", "`sha256=` and the hexadecimal HMAC-SHA256 of the body, with the secret as it was issued."),
    ])
}

fn operation(event: &str, summary: &str, description: &str, schema: &Value, answer: Value) -> Value {
    json!({"post": {
        "operationId": format!("on_{}", event.replace(['.', '-'], "_")),
        "tags": ["Webhooks"],
        "summary": summary,
        "description": description,
        "security": [],
        "parameters": headers(),
        "requestBody": {"required": true, "content": {"application/json": {"schema": schema}}},
        "responses": answer,
    }})
}

fn sent(schemas: &mut Schemas, event: &str, summary: &str, data: &Value) -> Value {
    let schema = payload(schemas, event, data);
    let description = format!(
        "The body has at most {MAX_BODY_BYTES} bytes, and is the same at every try. A subscription by an alias gets the event under that name. \
         Check the signature before you read it."
    );
    let answers = json!({
        "2XX": {"description": "Taken. Answer within 10 seconds."},
        "410": {"description": "No more, ever: the receiver is switched off."},
        "4XX": {"description": "Not taken: tried again after 5 s, 1 min, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h."},
        "5XX": {"description": "The same; 502, 503 and 504 with `Retry-After` slow the tries down, as 429 does."},
    });
    operation(event, summary, &description, &schema, answers)
}

/// The one request whose answer is read.
fn asked(schemas: &mut Schemas, call: &Value) -> Value {
    let schema = payload(schemas, "call.incoming", call);
    schemas.sent_type::<RouteAnswer>();
    let answers = json!({
        "2XX": {"description": "Where the call goes.", "content": {"application/json": {"schema": reference("schemas", "RouteAnswer")}}},
        "4XX": {"description": "The caller hears a busy line, as after no answer in time."},
    });
    let description = "Sent to the webhook endpoint that a number rings, while the carrier waits: within 2.5 seconds, 1.5 at Vobiz.";
    operation("call.incoming", "A call comes in: where shall it go?", description, &schema, answers)
}
