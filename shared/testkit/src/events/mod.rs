//! The events of `events/` and their answers: read, compared, and the world that they speak of.
//!
//! The contract tests put each event to its function in process, `cargo xtask sam` to the binary in a container. World and
//! comparison are these for both, so that one answer is meant.

mod aws;
mod world;

use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::call::events_folder;
pub use world::{PUBLIC_BASE_URL, Queue, SIP_DOMAIN, World};

/// An event and its answer.
#[derive(Debug, Clone)]
pub struct Case {
    /// The folder of the function that it is for.
    pub function: String,
    /// What it is, without `.json`.
    pub name: String,
    /// The event as it stands in its file.
    pub event: String,
    /// What its answer must be.
    pub answer: Value,
}

impl Case {
    /// Every event, in the order of their files' names.
    #[must_use]
    pub fn all() -> Vec<Self> {
        functions().iter().flat_map(|function| Self::of(function)).collect()
    }

    /// The events of one function.
    #[must_use]
    pub fn of(function: &str) -> Vec<Self> {
        let mut paths: Vec<_> = fs::read_dir(events_folder().join(function)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| !path.to_str().unwrap().ends_with(".answer.json"));
        paths.sort();
        paths.iter().map(|path| Self::read(function, path)).collect()
    }

    fn read(function: &str, path: &Path) -> Self {
        let answer = path.with_extension("answer.json");
        let answer = fs::read_to_string(&answer).unwrap_or_else(|_| panic!("{} has no answer beside it", path.display()));
        Self {
            function: function.to_owned(),
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            event: fs::read_to_string(path).unwrap(),
            answer: serde_json::from_str(&answer).unwrap(),
        }
    }

    /// The file, seen from the repository's root.
    #[must_use]
    pub fn file(&self) -> String {
        format!("events/{}/{}.json", self.function, self.name)
    }

    /// The event as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.event).unwrap()
    }

    /// Compares what the function answered, and what it sent in this world, with the answer beside the event.
    ///
    /// # Errors
    /// What is other than it must be.
    pub fn compare(&self, answer: &Value, world: &World) -> Result<(), String> {
        let wanted = &self.answer;
        if wanted.get("statusCode").is_some() {
            return same("statusCode", &answer["statusCode"], &wanted["statusCode"]).and_then(|()| body(answer, &wanted["body"]));
        }
        if wanted.get("batchItemFailures").is_none() {
            return same("the answer", answer, wanted);
        }
        same("batchItemFailures", &answer["batchItemFailures"], &wanted["batchItemFailures"])?;
        same("deadLetters", &world.sent(Queue::DeadLetters).into(), &wanted["deadLetters"])?;
        wanted.get("webhooks").map_or(Ok(()), |wanted| same("webhooks", &world.sent(Queue::Webhooks).into(), wanted))
    }
}

/// The functions that have events, by their folders' names.
#[must_use]
pub fn functions() -> Vec<String> {
    let folders = fs::read_dir(events_folder()).unwrap().map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders.map(|folder| folder.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The template's name of the function in a folder: `phone-numbers` is `PhoneNumbersFunction`.
#[must_use]
pub fn logical_id(folder: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    folder.split('-').map(capital).collect::<String>() + "Function"
}

fn same(what: &str, is: &Value, wanted: &Value) -> Result<(), String> {
    if is == wanted { Ok(()) } else { Err(format!("{what} is {is} and should be {wanted}")) }
}

/// A body that is no JSON is compared as the text that it is.
fn body(answer: &Value, wanted: &Value) -> Result<(), String> {
    let text = answer["body"].as_str().unwrap_or_default();
    let text = if answer["isBase64Encoded"] == true {
        String::from_utf8_lossy(&BASE64_STANDARD.decode(text).map_err(|error| error.to_string())?).into_owned()
    } else {
        text.to_owned()
    };
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    if contains(&body, wanted) { Ok(()) } else { Err(format!("{body:#} lacks {wanted:#}")) }
}

/// Whether everything that `part` names stands in `whole`.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|whole| contains(whole, value)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        _ => whole == part,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_may_have_more_fields_than_are_named_and_no_other_values() {
        let wanted = json!({ "total": 1, "data": [{ "id": "a" }] });
        let answer = |body: &str| json!({ "statusCode": 200, "body": body });
        assert_eq!(body(&answer(r#"{"total":1,"data":[{"id":"a","name":"b"}],"page":1}"#), &wanted), Ok(()));
        for other in [r#"{"total":2,"data":[{"id":"a"}]}"#, r#"{"total":1,"data":[{"id":"a"},{"id":"b"}]}"#, "Forbidden", ""] {
            assert!(body(&answer(other), &wanted).is_err(), "{other}");
        }
        assert_eq!(body(&json!({ "body": "Rm9yYmlkZGVu", "isBase64Encoded": true }), &json!("Forbidden")), Ok(()));
    }

    #[test]
    fn every_folder_of_events_is_a_function_of_the_template() {
        let template = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml")).unwrap();
        for function in functions() {
            assert!(template.contains(&format!("\n  {}:\n", logical_id(&function))), "{function}");
        }
    }
}
