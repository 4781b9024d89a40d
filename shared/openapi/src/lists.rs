//! The shapes of lists: an array or an envelope, an envelope that carries its items twice, a page of a walk.

use domain::wire;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::schemas::Schemas;

fn total() -> Value {
    json!({"type": "integer", "minimum": 0, "description": "How many items the whole list has."})
}

fn next_cursor() -> Value {
    json!({"type": ["string", "null"], "description": "Where the list goes on; null on the last page."})
}

fn limit() -> Value {
    json!({"type": "integer", "minimum": 1, "description": "How many items the answer has at most."})
}

fn items(item: &Value, description: &str) -> Value {
    json!({"type": "array", "items": item, "description": description})
}

fn object(schemas: &mut Schemas, name: &str, description: &str, properties: &Value) -> Value {
    let mut required: Vec<&String> = properties.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    required.sort();
    let schema = json!({"type": "object", "description": description, "required": required, "properties": properties});
    schemas.named(name, schema)
}

/// An envelope of this name, with the items under this field.
fn envelope<T: ToSchema>(schemas: &mut Schemas, name: &str, field: &str) -> Value {
    let item = schemas.answer::<T>();
    let offset = json!({"type": "integer", "minimum": 0, "description": "How many items come before."});
    let mut properties = json!({"total": total(), "limit": limit(), "offset": offset, "next_cursor": next_cursor()});
    properties[field] = items(&item, "The items.");
    object(schemas, name, "A page of a list, as `envelope=true` asks for it.", &properties)
}

fn array_or_envelope<T: ToSchema>(schemas: &mut Schemas, name: &str, field: &str) -> Value {
    let (envelope, item) = (envelope::<T>(schemas, name, field), schemas.answer::<T>());
    json!({"oneOf": [{"type": "array", "items": item}, envelope]})
}

/// The items under their own name and once more as `data`.
fn twice<T: ToSchema>(schemas: &mut Schemas, name: &str, field: &str) -> Value {
    let item = schemas.answer::<T>();
    let mut properties = json!({"data": items(&item, "The items once more."), "total": total(), "next_cursor": next_cursor()});
    properties[field] = items(&item, "The items.");
    object(schemas, name, "A list.", &properties)
}

fn walked<T: ToSchema>(schemas: &mut Schemas, name: &str) -> Value {
    let item = schemas.answer::<T>();
    let properties = json!({"data": items(&item, "The items of the page."), "limit": limit(), "next_cursor": next_cursor()});
    object(schemas, name, "A page of a list that goes on by cursor.", &properties)
}

/// Numbers that the organization holds, or with `action=available` those that it can buy.
pub(crate) fn numbers(schemas: &mut Schemas) -> Value {
    let (held, on_offer) = (schemas.answer::<wire::Number>(), schemas.answer::<wire::AvailableNumber>());
    let envelopes = [
        envelope::<wire::Number>(schemas, "NumberList", "phone_numbers"),
        envelope::<wire::AvailableNumber>(schemas, "AvailableNumberList", "phone_numbers"),
    ];
    // An empty list is both.
    json!({"anyOf": [{"type": "array", "items": held}, {"type": "array", "items": on_offer}, envelopes[0], envelopes[1]]})
}

pub(crate) fn available_numbers(schemas: &mut Schemas) -> Value {
    array_or_envelope::<wire::AvailableNumber>(schemas, "AvailableNumberList", "phone_numbers")
}

pub(crate) fn endpoints(schemas: &mut Schemas) -> Value {
    array_or_envelope::<wire::Endpoint>(schemas, "EndpointList", "endpoints")
}

pub(crate) fn webhooks(schemas: &mut Schemas) -> Value {
    array_or_envelope::<wire::Subscription>(schemas, "WebhookList", "webhooks")
}

pub(crate) fn api_keys(schemas: &mut Schemas) -> Value {
    array_or_envelope::<wire::ApiKey>(schemas, "ApiKeyList", "api_keys")
}

pub(crate) fn organizations(schemas: &mut Schemas) -> Value {
    json!({"type": "array", "items": schemas.answer::<wire::Organization>()})
}

pub(crate) fn carrier_numbers(schemas: &mut Schemas) -> Value {
    twice::<wire::CarrierNumber>(schemas, "CarrierNumberList", "numbers")
}

pub(crate) fn carrier_credentials(schemas: &mut Schemas) -> Value {
    twice::<wire::CarrierCredential>(schemas, "CarrierCredentialList", "providers")
}

pub(crate) fn deliveries(schemas: &mut Schemas) -> Value {
    walked::<wire::Delivery>(schemas, "DeliveryList")
}

pub(crate) fn audit(schemas: &mut Schemas) -> Value {
    walked::<wire::AuditEntry>(schemas, "AuditList")
}

/// What `GET /calls` answers: the list, or what `action` asks for.
pub(crate) fn calls(schemas: &mut Schemas) -> Value {
    let all = [schemas.answer::<wire::CallList>(), schemas.answer::<wire::CallStats>(), schemas.answer::<wire::CallTrends>()];
    json!({"oneOf": all})
}
