//! What an answer leads to: the id of what was made is what operations on one thing ask for.

use serde_json::{Map, Value, json};

/// Where a thing is made under another path than it is found.
const ELSEWHERE: [(&str, &str); 1] = [("/v1/test/calls", "/v1/calls")];

/// Adds to each answer that tells of something new where it can be asked for: every operation below `…/{id}`.
pub(crate) fn add(paths: &mut Value) {
    let known = paths.clone();
    for (path, item) in paths.as_object_mut().into_iter().flatten() {
        let found_under = ELSEWHERE.iter().find(|(made, _)| made == path).map_or(path.as_str(), |(_, found)| found);
        let links = on_one(&known, &format!("{found_under}/{{id}}"));
        let answers = item.pointer_mut("/post/responses").and_then(Value::as_object_mut).into_iter().flatten();
        for (_, answer) in answers.filter(|(status, _)| ["201", "202"].contains(&status.as_str())) {
            if !links.is_empty() {
                answer["links"] = json!(links);
            }
        }
    }
}

/// The operations on one thing, by their names.
fn on_one(paths: &Value, template: &str) -> Map<String, Value> {
    let below = |path: &str| path.strip_prefix(template).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let items = paths.as_object().into_iter().flatten().filter(|(path, _)| below(path));
    let operations = items.flat_map(|(_, item)| item.as_object().into_iter().flatten()).map(|(_, operation)| operation);
    operations.filter_map(|operation| operation["operationId"].as_str()).map(|name| (name.to_owned(), link(name))).collect()
}

fn link(operation: &str) -> Value {
    json!({"operationId": operation, "description": "On what was made.", "parameters": {"id": "$response.body#/id"}})
}
