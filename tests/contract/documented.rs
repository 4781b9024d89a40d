//! The API's description as a judge: whether an answer is one that the document knows, and whether a request is.
//!
//! `every_route` puts every answer before it, so that all tests which ask routes test the document too.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use testkit::{Receiver, receiver::Arrival};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| openapi::document().unwrap());

/// The components, in which answers may have no field that they do not name.
static STRICT: LazyLock<Value> = LazyLock::new(|| strict_components(&DOCUMENT["components"]["schemas"]));

static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// The document.
pub(crate) fn document() -> &'static Value {
    &DOCUMENT
}

/// The operation that describes a request; `None` if there is none.
pub(crate) fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap_or_default();
    let path = path.strip_suffix('/').unwrap_or(path);
    let below = path.strip_prefix("/api/v1").or_else(|| path.strip_prefix("/v1"));
    let path = below.map_or_else(|| path.to_owned(), openapi::canonical);
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let fits = |template: &&String| {
        let (a, b) = (template.split('/'), path.split('/'));
        a.clone().count() == b.clone().count() && a.zip(b).all(|(a, b)| a == b || (a.starts_with('{') && !b.is_empty()))
    };
    // A word of its own goes before a name in its place.
    let template = paths.keys().filter(fits).min_by_key(|template| template.matches('{').count())?;
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_ascii_lowercase() };
    paths[template].get(&method)
}

/// What a `$ref` leads to.
pub(crate) fn resolved(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(target) => resolved(DOCUMENT.pointer(target.trim_start_matches('#')).unwrap_or_else(|| panic!("{target} leads nowhere"))),
        None => value,
    }
}

/// An answer is one that the document knows: its status, its type, and every field of its body.
pub(crate) fn check_answer(method: &str, path: &str, status: u16, content_type: &str, body: &str) {
    let faults = faults_of_answer(method, path, status, content_type, body);
    assert!(faults.is_empty(), "{method} {path}: {status} {content_type}\n{}\n{body}", faults.join("\n"));
}

/// What stands against an answer, by the document. What is no route has no description either.
pub(crate) fn faults_of_answer(method: &str, path: &str, status: u16, content_type: &str, body: &str) -> Vec<String> {
    let Some(operation) = operation(method, path) else { return Vec::new() };
    let Some(response) = operation["responses"].get(status.to_string()).map(resolved) else { return vec!["no such status".to_owned()] };
    let Some(content) = response["content"].as_object() else {
        return if body.is_empty() { Vec::new() } else { vec!["a body where none is described".to_owned()] };
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let Some(schema) = content.get(essence).map(|media| &media["schema"]) else { return vec!["no such type".to_owned()] };
    if method == "HEAD" {
        return Vec::new();
    }
    let value = if essence == "application/json" { serde_json::from_str(body).unwrap() } else { json!(body) };
    faults(&format!("{} {status} {essence}", operation["operationId"]), &strict(schema, false), &STRICT, &value)
}

/// What stands against a request's body, by the document.
pub(crate) fn faults_of_body(operation: &'static Value, body: &Value) -> Vec<String> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let name = format!("{} body", operation["operationId"]);
    faults(&name, schema, &DOCUMENT["components"]["schemas"], body)
}

/// What a receiver got, each of it as the document tells of its event.
pub(crate) fn received(receiver: &Receiver) -> Vec<Value> {
    let bodies: Vec<Value> = receiver.arrivals().iter().map(Arrival::json).collect();
    bodies.iter().for_each(|body| check_webhook(body["event"].as_str().unwrap(), body));
    bodies
}

/// A webhook's body is one that the document knows.
pub(crate) fn check_webhook(event: &str, body: &Value) {
    let operation = &DOCUMENT["webhooks"][event]["post"];
    assert!(operation.is_object(), "{event} is not documented");
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let faults = faults(&format!("webhook {event}"), &strict(schema, false), &STRICT, body);
    assert!(faults.is_empty(), "{event}\n{}\n{body:#}", faults.join("\n"));
}

fn faults(name: &str, schema: &Value, components: &Value, value: &Value) -> Vec<String> {
    let known = VALIDATORS.lock().unwrap().get(name).cloned();
    let validator = known.unwrap_or_else(|| {
        let root = json!({"allOf": [schema], "components": {"schemas": components}});
        let built =
            Arc::new(jsonschema::options().should_validate_formats(true).build(&root).unwrap_or_else(|error| panic!("{name}: {error}")));
        VALIDATORS.lock().unwrap().insert(name.to_owned(), Arc::clone(&built));
        built
    });
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Every component twice: closed, and open as a part of another.
fn strict_components(components: &Value) -> Value {
    let mut all = Map::new();
    for (name, schema) in components.as_object().unwrap() {
        all.insert(name.clone(), strict(schema, false));
        all.insert(format!("{name}.part"), strict(schema, true));
    }
    Value::Object(all)
}

/// A schema in which objects have no field that it does not name. A part of another schema is open, since the whole knows more.
fn strict(schema: &Value, is_part: bool) -> Value {
    match schema {
        Value::Object(fields) => {
            let each = |(key, value): (&String, &Value)| (key.clone(), strict(value, key == "allOf"));
            let mut fields: Map<String, Value> = fields.iter().map(each).collect();
            if is_part && let Some(target) = fields.get("$ref").and_then(Value::as_str) {
                let part = json!(format!("{target}.part"));
                fields.insert("$ref".to_owned(), part);
            }
            let is_object = fields.get("properties").is_some_and(Value::is_object);
            if !is_part && (is_object || fields.get("allOf").is_some_and(Value::is_array)) {
                fields.insert("unevaluatedProperties".to_owned(), json!(false));
            }
            Value::Object(fields)
        }
        Value::Array(items) => items.iter().map(|item| strict(item, is_part)).collect(),
        other => other.clone(),
    }
}
