//! The schemas of the document: collected from types, then made as strict as the code is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{constraints, examples, webhooks};

/// Fields of answers that are absent when they say nothing, by schema; `*` for all. Every other field is always there, null
/// when unset.
const ABSENT_WHEN_UNSET: [(&str, &[&str]); 6] = [
    ("Call", &["transcript_url"]),
    ("CallEventData", &["*"]),
    ("Endpoint", &["secret"]),
    ("Parties", &["*"]),
    ("ProblemDetails", &["*"]),
    ("TimelineEvent", &["ignored_reason"]),
];

/// Schemas by name, and which of them are of request bodies.
#[derive(Default)]
pub(crate) struct Schemas {
    found: BTreeMap<String, Value>,
    requests: BTreeSet<String>,
    bodies: BTreeSet<String>,
}

/// A reference to a component.
pub(crate) fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

impl Schemas {
    /// Takes an answer's type, with all that it is made of; answers with the reference to it.
    pub(crate) fn answer<T: ToSchema>(&mut self) -> Value {
        self.add::<T>();
        reference("schemas", &T::name())
    }

    /// Takes a request body's type.
    pub(crate) fn request<T: ToSchema>(&mut self) -> Value {
        let names = self.add::<T>();
        self.requests.extend(names);
        self.bodies.insert(T::name().into_owned());
        reference("schemas", &T::name())
    }

    /// Takes the type of something of which fields that say nothing may be absent.
    pub(crate) fn sent_type<T: ToSchema>(&mut self) -> Value {
        self.request::<T>()
    }

    /// Takes a schema that no type tells.
    pub(crate) fn named(&mut self, name: &str, schema: Value) -> Value {
        self.found.insert(name.to_owned(), schema);
        reference("schemas", name)
    }

    /// Takes the schema of something that is sent to us, which no type tells.
    pub(crate) fn sent(&mut self, name: &str, schema: Value) -> Value {
        self.requests.insert(name.to_owned());
        self.named(name, schema)
    }

    fn add<T: ToSchema>(&mut self) -> Vec<String> {
        let mut types = Vec::new();
        T::schemas(&mut types);
        types.push((T::name().into_owned(), T::schema()));
        let mut names = Vec::new();
        for (name, schema) in types {
            names.push(name.clone());
            self.found.entry(name).or_insert_with(|| json!(schema));
        }
        names
    }

    /// All of them as they stand in the document.
    pub(crate) fn finished(mut self) -> Value {
        for (name, schema) in &mut self.found {
            if !self.requests.contains(name) {
                always_there(name, schema);
            }
        }
        for name in &self.bodies {
            // Unknown names are passed over, but not this one.
            self.found.entry(name.clone()).and_modify(|schema| schema["propertyNames"] = json!({"pattern": r"^[^\u0000]*$"}));
        }
        constraints::apply(&mut self.found);
        webhooks::complete(&mut self.found);
        let texts = self.texts();
        for (name, schema) in &mut self.found {
            inlined(schema, &texts);
            if let Some(example) = examples::of(name) {
                schema["examples"] = json!([example]);
            }
        }
        self.found.retain(|name, _| !texts.contains_key(name));
        json!(self.found)
    }

    /// Those that are texts of one shape: they stand where they are used. Closed sets of names keep their own.
    fn texts(&self) -> BTreeMap<String, Value> {
        let is_text = |schema: &&Value| schema["type"] == "string" && schema["enum"].is_null();
        self.found.iter().filter(|(_, schema)| is_text(schema)).map(|(name, schema)| (name.clone(), schema.clone())).collect()
    }
}

/// Calls a function with every object that has properties: the schema itself, or a part of it.
pub(crate) fn each_object(schema: &mut Value, then: &mut impl FnMut(&mut Value)) {
    if schema["properties"].is_object() {
        then(schema);
    }
    for part in schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        each_object(part, then);
    }
}

/// Demands every field that an answer always has, and takes null from those that are absent instead.
fn always_there(name: &str, schema: &mut Value) {
    let absent = ABSENT_WHEN_UNSET.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, fields)| *fields);
    each_object(schema, &mut |object| {
        let mut required = Vec::new();
        for (field, property) in object["properties"].as_object_mut().into_iter().flatten() {
            if absent.contains(&"*") || absent.contains(&field.as_str()) {
                without_null(property);
            } else {
                required.push(field.clone());
            }
        }
        required.sort();
        if required.is_empty() {
            object.as_object_mut().map(|object| object.remove("required"));
        } else {
            object["required"] = json!(required);
        }
    });
}

fn without_null(property: &mut Value) {
    if let Some(types) = property["type"].as_array().cloned() {
        property["type"] = types.into_iter().find(|name| name != "null").unwrap_or_default();
    }
    if let Some(either) = property["oneOf"].as_array().cloned() {
        let kept = either.into_iter().find(|schema| schema["type"] != "null").unwrap_or_default();
        if let Some(object) = property.as_object_mut() {
            object.remove("oneOf");
            object.extend(kept.as_object().cloned().unwrap_or_default());
        }
    }
}

/// Puts texts where they are referred to, and what is said of a field where null is allowed beside the whole. What is said at
/// the place itself holds.
fn inlined(schema: &mut Value, texts: &BTreeMap<String, Value>) {
    let text_of = |value: &Value| {
        let name = value["$ref"].as_str()?.rsplit('/').next()?;
        texts.get(name).and_then(Value::as_object).cloned()
    };
    lift_description(schema);
    if let Some(text) = text_of(schema) {
        fill(schema, "$ref", text);
    }
    let text = either_null(schema).and_then(text_of);
    if let Some(text) = text {
        fill(schema, "oneOf", text);
        schema["type"] = json!(["string", "null"]);
    }
    match schema {
        Value::Object(fields) => fields.values_mut().for_each(|field| inlined(field, texts)),
        Value::Array(items) => items.iter_mut().for_each(|item| inlined(item, texts)),
        _ => {}
    }
}

/// The other one of a choice between null and something.
fn either_null(schema: &Value) -> Option<&Value> {
    let either = schema["oneOf"].as_array().filter(|either| either.len() == 2 && either.iter().any(|one| one["type"] == "null"))?;
    either.iter().find(|one| one["type"] != "null")
}

fn lift_description(schema: &mut Value) {
    let Some(description) = either_null(schema).and_then(|other| other.get("description").cloned()) else { return };
    for one in schema["oneOf"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        one.remove("description");
    }
    schema["description"] = description;
}

/// Takes a keyword out and puts others in, where they are not there.
fn fill(schema: &mut Value, keyword: &str, others: serde_json::Map<String, Value>) {
    let Some(schema) = schema.as_object_mut() else { return };
    schema.remove(keyword);
    for (key, value) in others {
        schema.entry(key).or_insert(value);
    }
}
