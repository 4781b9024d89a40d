//! Settings that no provider here knows: kept as given, within what one item of the table can carry.

use serde_json::{Map, Number, Value};

use crate::Invalid;

/// The most unknown keys of one endpoint's settings.
pub const MAX_UNKNOWN_KEYS: usize = 20;

/// The most bytes that the unknown keys take together, as JSON.
pub const MAX_UNKNOWN_BYTES: usize = 4096;

/// The longest name of an unknown key, in characters.
const MAX_NAME_CHARS: usize = 128;

/// The most levels of one value. The table takes 32 for the whole item.
const MAX_DEPTH: usize = 16;

/// What the table's numbers reach (DynamoDB, "Limits": Number).
const NUMBER_RANGE: std::ops::Range<f64> = 1e-130..1e126;

/// Notes what makes unknown keys too many, too large or impossible to store.
pub(super) fn check(unknown: &Map<String, Value>, faults: &mut Vec<Invalid>) {
    if unknown.len() > MAX_UNKNOWN_KEYS {
        faults.push(Invalid::new("provider_config", format!("must have at most {MAX_UNKNOWN_KEYS} keys besides the provider's own")));
        return; // thousands of faults would help nobody
    }
    let bytes = serde_json::to_vec(unknown).map_or(usize::MAX, |json| json.len());
    if bytes > MAX_UNKNOWN_BYTES {
        let problem = format!("must have at most {MAX_UNKNOWN_BYTES} bytes of JSON besides the provider's own keys");
        faults.push(Invalid::new("provider_config", problem));
    }
    for (name, value) in unknown {
        if !is_key(name) {
            let problem = format!("must have keys of 1 to {MAX_NAME_CHARS} characters, no control characters");
            faults.push(Invalid::new("provider_config", problem));
        } else if let Some(problem) = problem_of(value, MAX_DEPTH) {
            faults.push(Invalid::new(format!("provider_config.{name}"), problem));
        }
    }
}

fn is_key(name: &str) -> bool {
    (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

fn problem_of(value: &Value, depth: usize) -> Option<&'static str> {
    let Some(deeper) = depth.checked_sub(1) else { return Some("must not be nested deeper than 16 levels") };
    match value {
        Value::Null | Value::Bool(_) => None,
        Value::Number(number) => (!is_storable(number)).then_some("must not have numbers beyond 1e125 or below 1e-130"),
        Value::String(text) => text.contains('\0').then_some("must not contain NUL"),
        Value::Array(items) => items.iter().find_map(|item| problem_of(item, deeper)),
        Value::Object(fields) if !fields.keys().all(|name| is_key(name)) => {
            Some("must have keys of 1 to 128 characters, no control characters")
        }
        Value::Object(fields) => fields.values().find_map(|field| problem_of(field, deeper)),
    }
}

fn is_storable(number: &Number) -> bool {
    number.as_f64().is_some_and(|number| number == 0.0 || NUMBER_RANGE.contains(&number.abs()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!(1), |inner, _| json!({ "in": inner }))
    }

    #[rstest]
    #[case(json!("text"))]
    #[case(json!(""))]
    #[case(json!(null))]
    #[case(json!(true))]
    #[case(json!([1, "a", {"b": [null]}]))]
    #[case(json!(u64::MAX))]
    #[case(json!(i64::MIN))]
    #[case(json!(0.0))]
    #[case(json!(-1.5e125))]
    #[case(nested(16))]
    fn json_of_every_sort_is_kept(#[case] value: Value) {
        let mut faults = Vec::new();
        check(&Map::from_iter([("note".to_owned(), value)]), &mut faults);
        assert_eq!(faults, []);
    }

    #[rstest]
    #[case("note", json!(1e200), "provider_config.note")]
    #[case("note", json!(-1e126), "provider_config.note")]
    #[case("note", json!(1e-200), "provider_config.note")]
    #[case("note", json!("a\0b"), "provider_config.note")]
    #[case("note", json!({"": 1}), "provider_config.note")]
    #[case("note", json!([{"a\nb": 1}]), "provider_config.note")]
    #[case("note", nested(17), "provider_config.note")]
    #[case("note", json!("x".repeat(4096)), "provider_config")]
    #[case("", json!(1), "provider_config")]
    #[case("a\0b", json!(1), "provider_config")]
    fn what_the_table_cannot_hold_is_refused(#[case] name: &str, #[case] value: Value, #[case] field: &str) {
        let mut faults = Vec::new();
        check(&Map::from_iter([(name.to_owned(), value)]), &mut faults);
        assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), [field]);
    }

    #[rstest]
    #[case(20, 0)]
    #[case(21, 1)]
    fn twenty_unknown_keys_are_kept_and_no_more(#[case] keys: usize, #[case] count: usize) {
        let mut faults = Vec::new();
        check(&(0..keys).map(|key| (key.to_string(), json!(key))).collect(), &mut faults);
        assert_eq!(faults.len(), count);
    }

    #[test]
    fn four_kilobytes_are_kept_and_not_a_byte_more() {
        let of_bytes = |bytes: usize| Map::from_iter([("k".to_owned(), json!("x".repeat(bytes - r#"{"k":""}"#.len())))]);
        for (bytes, count) in [(4096, 0), (4097, 1)] {
            let mut faults = Vec::new();
            check(&of_bytes(bytes), &mut faults);
            assert_eq!(faults.len(), count, "{bytes}");
        }
    }
}
