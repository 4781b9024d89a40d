//! Parameters and headers.

use domain::idempotency::MAX_KEY_CHARS;
use serde_json::{Value, json};

use crate::constraints::{ids, one_of};

/// A parameter of the query.
pub(crate) fn filter(name: &str, schema: Value, description: &str) -> Value {
    json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema})
}

/// A parameter that must be there.
pub(crate) fn required(name: &str, schema: Value, description: &str) -> Value {
    json!({"name": name, "in": "query", "required": true, "description": description, "schema": schema})
}

/// A parameter that is one of a closed set of names.
pub(crate) fn choice(name: &str, names: impl IntoIterator<Item = &'static str>, description: &str) -> Value {
    filter(name, one_of(names), description)
}

/// True or false; false if it is absent.
pub(crate) fn switch(name: &str, description: &str) -> Value {
    filter(name, json!({"type": "boolean", "default": false}), description)
}

/// An id with one of these prefixes, or none.
pub(crate) fn id(name: &str, prefixes: &[&str], description: &str) -> Value {
    filter(name, ids(prefixes), description)
}

/// Which part of a list: its size, and one of three ways to say where it begins.
pub(crate) fn paging(default_limit: Option<u64>) -> Vec<Value> {
    let mut limit = json!({"type": "integer", "minimum": 1, "maximum": 100});
    let mut described = "The most items of the answer.".to_owned();
    match default_limit {
        Some(default) => limit["default"] = json!(default),
        None => described += " Without `limit` and `cursor` everything is shown.",
    }
    vec![
        filter("limit", limit, &described),
        filter(
            "offset",
            json!({"type": "integer", "minimum": 0, "maximum": 100_000_000}),
            "How many items come before. Not together with `page` or `cursor`.",
        ),
        filter(
            "page",
            json!({"type": "integer", "minimum": 1, "maximum": 1_000_000}),
            "Which page, from 1. Not together with `offset` or `cursor`.",
        ),
        filter(
            "cursor",
            cursor(),
            "`next_cursor` of the page before, or what its `Link` header carries. Only a walk by cursor is stable while the list changes.",
        ),
    ]
}

/// A part of a list that goes on by cursor alone.
pub(crate) fn walking(default_limit: u64) -> Vec<Value> {
    vec![
        filter(
            "limit",
            json!({"type": "integer", "minimum": 1, "maximum": 100, "default": default_limit}),
            "The most items of the answer.",
        ),
        filter("cursor", cursor(), "`next_cursor` of the page before. A page may have fewer items than `limit` and yet have a next one."),
    ]
}

/// A list's form.
pub(crate) fn envelope() -> Value {
    switch("envelope", "An object with the list, `total`, `limit`, `offset` and `next_cursor`, in place of a bare array.")
}

/// Both ends of a range of time.
pub(crate) fn range(of: &str) -> Vec<Value> {
    let end = |name: &str, description: String| filter(name, day_or_time(), &description);
    vec![
        end("start_date", format!("{of} from this day (UTC) or instant on. `from_date` is the same.")),
        end("end_date", format!("{of} up to this day (UTC) or instant, itself included. `to_date` is the same.")),
    ]
}

/// A day of some month, and perhaps a time of day with its offset.
const DAY_OR_TIME: &str = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?))?$";

/// A date, or an RFC 3339 time.
pub(crate) fn day_or_time() -> Value {
    json!({"type": "string", "pattern": DAY_OR_TIME, "maxLength": 64, "examples": ["2026-01-02", "2026-01-02T03:04:05Z"]})
}

fn cursor() -> Value {
    json!({"type": "string", "maxLength": 1024})
}

/// The parameters in a path.
pub(crate) fn in_path(path: &str) -> Vec<Value> {
    let parameter = |name: &str, schema: Value, description: &str| json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema});
    let mut all = Vec::new();
    if path.contains("{id}") {
        let (schema, description) = if path.starts_with("/calls/") {
            (json!({"type": "string", "minLength": 1, "maxLength": 128}), "The call's id, or what its source calls it.")
        } else {
            (json!({"type": "string"}), "Its id: a UUID, with or without its prefix. What is no id names nothing: 404.")
        };
        all.push(parameter("id", schema, description));
    }
    if path.contains("{carrier}") {
        all.push(parameter("carrier", one_of(domain::carrier::Carrier::ALL.map(domain::carrier::Carrier::as_str)), "The carrier."));
        all.push(parameter("token", json!({"type": "string"}), "What names the credential, and nobody can guess."));
    }
    all
}

/// Parameters that many operations share.
pub(crate) fn components() -> Value {
    let header = |name: &str, schema: Value, description: &str| json!({"name": name, "in": "header", "required": false, "description": description, "schema": schema});
    let organization = json!({"type": "string", "format": "uuid"});
    json!({
        "OrganizationId": header("x-organization-id", organization.clone(),
            "For users' tokens: which organization is meant; the user's first one if it is absent. A key acts for its own. \
             `X-Account-ID` and the parameter `organization_id` say the same."),
        "AccountId": header("X-Account-ID", organization,
            "For users' tokens: which organization is meant; required here. A key acts for its own. `x-organization-id` and the \
             parameter `organization_id` say the same."),
        "Mode": header("x-mode", json!({"type": "string", "enum": ["live", "test"], "default": "live"}),
            "For users' tokens: whether live or test data is meant. A key tells by itself."),
        "IdempotencyKey": header("Idempotency-Key", json!({"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS, "pattern": "^[ -~]+$"}),
            "Makes the request safe to send again: within 24 hours the same key and body get the first answer, and nothing is done twice."),
        "RequestId": header("x-request-id", json!({"type": "string"}),
            "An id of your own for the request; the answer and the logs carry it. One that is no 1 to 128 letters, digits, dots, \
             underscores or hyphens is passed over."),
    })
}

/// The headers that tell what may still be asked.
pub(crate) const RATE_LIMITS: [&str; 3] = ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];

/// Headers of answers.
pub(crate) fn headers() -> Value {
    let header = |schema: Value, description: &str| json!({"description": description, "schema": schema});
    let count = json!({"type": "integer", "minimum": 0});
    json!({
        "X-Request-Id": header(json!({"type": "string", "maxLength": 128}), "The request's id: yours if you sent a sound one."),
        "X-Total-Count": header(count.clone(), "How many items the whole list has."),
        "Link": header(json!({"type": "string"}), "The next page as `<…>; rel=\"next\"`; absent on the last one."),
        "Retry-After": header(json!({"type": "integer", "minimum": 1}), "Seconds after which to try again."),
        "Idempotent-Replayed": header(json!({"type": "string", "enum": ["true"]}), "There if an earlier request with this `Idempotency-Key` was answered so."),
        "X-RateLimit-Limit": header(count.clone(), "How many requests may come at once. There if the operator limits them."),
        "X-RateLimit-Remaining": header(count.clone(), "How many of them are left."),
        "X-RateLimit-Reset": header(count, "When all of them are there again, in seconds since 1970."),
        "ETag": header(json!({"type": "string"}), "The version of what is served."),
    })
}
