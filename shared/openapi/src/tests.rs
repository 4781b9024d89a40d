//! The document in itself: nothing without a word and an example, no rule for what is not there, and examples that are right.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{constraints, document};

fn each(value: &Value, path: &str, then: &mut impl FnMut(&str, &Value)) {
    then(path, value);
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| each(field, &format!("{path}/{name}"), then)),
        Value::Array(items) => (0..).zip(items).for_each(|(at, item): (usize, _)| each(item, &format!("{path}/{at}"), then)),
        _ => {}
    }
}

#[test]
fn every_schema_has_a_description_and_an_example_that_it_allows_and_every_field_a_description() {
    let document = document().unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        assert!(schema["description"].is_string(), "{name} has no description");
        let examples = schema["examples"].as_array().unwrap_or_else(|| panic!("{name} has no example"));
        let root = serde_json::json!({"$ref": format!("#/components/schemas/{name}"), "components": {"schemas": schemas}});
        let validator = jsonschema::options().should_validate_formats(true).build(&root).unwrap();
        for example in examples {
            let faults: Vec<String> = validator.iter_errors(example).map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(faults.is_empty(), "{name}: {faults:?}");
        }
        for part in std::iter::once(schema).chain(schema["allOf"].as_array().into_iter().flatten()) {
            for (field, property) in part["properties"].as_object().into_iter().flatten() {
                assert!(property["description"].is_string(), "{name}.{field} has no description");
            }
        }
    }
}

#[test]
fn every_constraint_is_on_a_field_that_there_is() {
    let document = document().unwrap();
    for (schema, field, _) in constraints::rules() {
        let schema_found = &document["components"]["schemas"][schema];
        let parts = std::iter::once(schema_found).chain(schema_found["allOf"].as_array().into_iter().flatten());
        let found = parts.filter_map(|part| part["properties"].get(field)).count();
        assert_eq!(found, 1, "{schema}.{field}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_no_link_of_the_code_is_left_in_a_text() {
    let document = document().unwrap();
    each(&document, "", &mut |path, value| {
        if let Some(target) = value["$ref"].as_str() {
            assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{path}: {target}");
        }
        if let Value::String(text) = value {
            assert!(!text.contains("[`") && !text.contains("crate::"), "{path}: {text}");
        }
    });
}

#[test]
fn operations_have_names_of_their_own_and_words() {
    let document = document().unwrap();
    let mut names = BTreeSet::new();
    let tags: BTreeSet<&str> = document["tags"].as_array().unwrap().iter().filter_map(|tag| tag["name"].as_str()).collect();
    for operation in document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values()) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "{name} twice");
        assert!(!operation["summary"].as_str().unwrap().is_empty() && !operation["description"].as_str().unwrap().is_empty(), "{name}");
        assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{name}");
    }
    assert_eq!(names.len(), crate::routes().len() + crate::operations::outside().len());
}
