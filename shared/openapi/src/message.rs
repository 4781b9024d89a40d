//! The message on the queue of call events. Its schema is published as a file of its own, which the reader is tested against;
//! here it becomes a part of the document.

use serde_json::{Map, Value, json};

use crate::schemas::{Schemas, reference};

/// The published schema.
const SCHEMA: &str = include_str!("../../../events/call-event.v1.schema.json");

/// What stands before the names of its parts, since the document's components have one list of names.
const NAME: &str = "CallEventMessage";

/// Takes the schema in, and says of the queue what a message is. A document of OpenAPI knows no queues: hence the extension.
pub(crate) fn queue(schemas: &mut Schemas) -> Value {
    let Ok(Value::Object(mut schema)) = serde_json::from_str::<Value>(SCHEMA) else { return Value::Null };
    // Its title would be a second name.
    for keyword in ["$schema", "$id", "title"] {
        schema.remove(keyword);
    }
    let parts = schema.remove("$defs").and_then(|parts| parts.as_object().cloned()).unwrap_or_default();
    for (name, mut part) in parts {
        moved(&mut part);
        if let Some(part) = part.as_object_mut() {
            part.entry("description").or_insert_with(|| json!(format!("What call events write as a {name}.")));
        }
        schemas.sent(&component(&name), part);
    }
    let mut schema = Value::Object(schema);
    moved(&mut schema);
    schemas.sent(NAME, schema);
    json!({
        "call-events": {
            "summary": "Call events in",
            "description": "What a source of calls sends to the SQS queue that the stack calls `CallEventsQueueUrl`: one JSON message for each event, \
                in any order and any number of times. A message that can never succeed is moved to the dead-letter queue with a `reason`.",
            "message": reference("schemas", NAME),
        },
    })
}

fn component(part: &str) -> String {
    let mut letters = part.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("{NAME}{}", first.into_iter().chain(letters).collect::<String>())
}

/// Has references lead to where the parts are now.
fn moved(schema: &mut Value) {
    let part = schema["$ref"].as_str().and_then(|target| target.strip_prefix("#/$defs/")).map(str::to_owned);
    if let Some(part) = part {
        schema["$ref"] = json!(format!("#/components/schemas/{}", component(&part)));
    }
    let each = |fields: &mut Map<String, Value>| fields.values_mut().for_each(moved);
    match schema {
        Value::Object(fields) => each(fields),
        Value::Array(items) => items.iter_mut().for_each(moved),
        _ => {}
    }
}
