//! What a page shows, beside what is: an answer, a schema, a file.

use std::{fs, path::Path};

use serde_json::{Deserializer, Value};

/// Stands in a text for anything.
const ANYTHING: char = '…';

/// Compares an answer that a page shows with what was printed: the last JSON in it.
pub(super) fn answer(shown: &str, printed: &str) -> Result<(), String> {
    let shown: Value = serde_json::from_str(shown).map_err(|error| format!("is no JSON: {error}"))?;
    let came = last_json(printed).ok_or("no JSON was printed")?;
    compare("", &shown, &came).map_err(|difference| format!("{difference}\nthis came: {came:#}"))
}

/// Compares lines that a page shows with what was printed: each is there, in this order.
pub(super) fn output(shown: &str, printed: &str) -> Result<(), String> {
    let mut lines = printed.lines();
    let missing = shown.lines().find(|line| !lines.any(|came| fits(line.trim_end(), came.trim_end())));
    missing.map_or(Ok(()), |line| Err(format!("{line:?} is not in\n{printed}")))
}

/// Looks whether JSON is what a schema asks for: one of `infra/openapi.json`, or `call-event`, that of the queue's messages.
pub(super) fn schema(name: &str, text: &str) -> Result<(), String> {
    let read = |path: &str| -> Value { serde_json::from_str(&fs::read_to_string(root().join(path)).unwrap()).unwrap() };
    let schema = if name == "call-event" {
        read("events/call-event.v1.schema.json")
    } else {
        let mut document = read("infra/openapi.json");
        if document["components"]["schemas"][name].is_null() {
            return Err(format!("the API has no schema {name}"));
        }
        document["$ref"] = format!("#/components/schemas/{name}").into();
        document
    };
    let validator = jsonschema::options().build(&schema).map_err(|error| error.to_string())?;
    for value in Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|error| format!("is no JSON: {error}"))?;
        let faults: Vec<String> = validator.iter_errors(&value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        if !faults.is_empty() {
            return Err(faults.join("\n"));
        }
    }
    Ok(())
}

/// Looks whether a file has these lines: each paragraph one line after the other, and the paragraphs in this order. They may be
/// indented otherwise.
pub(super) fn quotation(path: &str, text: &str) -> Result<(), String> {
    let file = fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}"))?;
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let file = lines(&file);
    let mut rest = file.as_slice();
    for paragraph in text.split("\n\n").map(|part| lines(part.trim_matches('\n'))).filter(|lines| !lines.is_empty()) {
        let at = rest.windows(paragraph.len()).position(|part| part == paragraph).ok_or_else(|| format!("{path} has no {paragraph:?}"))?;
        rest = &rest[at + paragraph.len()..];
    }
    Ok(())
}

/// The folder of the repository.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The last object or list in a text.
fn last_json(text: &str) -> Option<Value> {
    let (mut rest, mut last) = (text, None);
    while let Some(start) = rest.find(['{', '[']) {
        let mut values = Deserializer::from_str(&rest[start..]).into_iter::<Value>();
        let read = values.next();
        let length = if let Some(Ok(value)) = read {
            last = Some(value);
            values.byte_offset()
        } else {
            1
        };
        rest = &rest[start + length..];
    }
    last
}

/// Every field that is shown is there as it is shown; there may be more. A list begins with the items that are shown.
fn compare(path: &str, shown: &Value, came: &Value) -> Result<(), String> {
    match (shown, came) {
        (Value::Object(shown), Value::Object(came)) => shown.iter().try_for_each(|(name, value)| {
            let path = format!("{path}.{name}");
            came.get(name).ok_or_else(|| format!("{path} is not there")).and_then(|came| compare(&path, value, came))
        }),
        (Value::Array(shown), Value::Array(came)) if shown.len() <= came.len() => {
            shown.iter().zip(came).enumerate().try_for_each(|(n, (shown, came))| compare(&format!("{path}[{n}]"), shown, came))
        }
        (Value::String(shown), Value::String(came)) if fits(shown, came) => Ok(()),
        _ if shown == came => Ok(()),
        _ => Err(format!("{path} is {came} and is shown as {shown}")),
    }
}

/// Whether a text is as it is shown, with something in place of each `…`.
fn fits(shown: &str, came: &str) -> bool {
    let mut parts = shown.split(ANYTHING);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = came.strip_prefix(first) else { return false };
    let Some(last) = shown.contains(ANYTHING).then(|| parts.next_back().unwrap_or_default()) else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn an_answer_is_held_to_what_is_shown_and_may_say_more() {
    let came = r#"HTTP/1.1 200 [x] {"id": 1}{"id": "0198-a", "list": [{"n": 1, "m": null}, {"n": 2}]}"#;
    for good in [r#"{"id": "0198…"}"#, r#"{"id": "…-…", "list": [{"m": null}]}"#, r#"{"list": []}"#, r#"{"list": [{"n": 1}, {}]}"#] {
        assert_eq!(answer(good, came), Ok(()), "{good}");
    }
    for bad in [r#"{"id": "0198"}"#, r#"{"id": 1}"#, r#"{"no": 1}"#, r#"{"list": [{"n": 2}]}"#, r#"{"list": [{}, {}, {}]}"#, "{"] {
        assert!(answer(bad, came).is_err(), "{bad}");
    }
    assert!(output("a\nb …", "a\nx\nb 1\n").is_ok() && output("b …\na", "a\nb 1\n").is_err());
}
