//! A JSON body, read field by field, so that every fault is reported at once.
//!
//! Names are accepted in `snake_case` and camelCase; unknown ones are passed over. The same field twice, under
//! either name, with different values is a fault.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use domain::Invalid;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::{
    object::Object,
    problem::{Code, Problem},
};

/// A request's JSON object. `application/json` or a type that ends in `+json`; at most 64 KiB.
#[derive(Debug)]
pub struct JsonBody(pub Fields);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(&request) {
            return Err(Problem::new(Code::UnsupportedMediaType, "The content type must be application/json"));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|_| Problem::too_large())?;
        Fields::parse(&bytes).map(Self)
    }
}

fn is_json(request: &Request) -> bool {
    let Some(value) = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The fields of an object, taken one by one; faults are collected until [`Fields::finish`].
#[derive(Default)]
pub struct Fields {
    values: BTreeMap<String, Value>,
    missing: Vec<Invalid>,
    wrong: Vec<Invalid>,
}

/// Shows the names alone: a value may be a secret.
impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Fields {
    /// Reads an object.
    ///
    /// # Errors
    /// A [`Problem`] if the bytes are not one JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let object = Object::parse(bytes)
            .map_err(|error| Problem::invalid(vec![Invalid::new("body", format!("must be a JSON object: {}", position(&error)))]))?;
        let wrong = object
            .repeated
            .into_iter()
            .map(|name| Invalid::new(name, "stands twice, or has a name in it that does, with different values"))
            .collect();
        Ok(Self { values: object.values, missing: Vec::new(), wrong })
    }

    /// Notes a fault.
    pub fn fault(&mut self, field: &str, problem: impl Display) {
        self.wrong.push(Invalid::new(field, problem.to_string()));
    }

    /// Notes that a required field is missing.
    pub fn missing(&mut self, field: &str) {
        self.missing.push(Invalid::new(field, "is required"));
    }

    /// Whether a field is there and not null.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        self.values.get(field).is_some_and(|value| !value.is_null())
    }

    /// Whether a field is not there at all; one that is null is there.
    #[must_use]
    pub fn lacks(&self, field: &str) -> bool {
        !self.values.contains_key(field)
    }

    /// Those of these fields that are there, null or not.
    #[must_use]
    pub fn present(&self, names: &[&'static str]) -> Vec<&'static str> {
        names.iter().copied().filter(|name| !self.lacks(name)).collect()
    }

    /// Takes a field out: `None` if it is absent, `Some(None)` if it is null.
    fn take(&mut self, field: &str) -> Option<Option<Value>> {
        self.values.remove(field).map(|value| if value.is_null() { None } else { Some(value) })
    }

    /// A text that may be absent; null counts as absent. NUL is refused.
    pub fn text(&mut self, field: &str) -> Option<String> {
        match self.take(field).flatten()? {
            Value::String(text) if !text.contains('\0') => Some(text),
            _ => {
                self.fault(field, "must be a string");
                None
            }
        }
    }

    /// A text that must be there.
    pub fn required_text(&mut self, field: &str) -> Option<String> {
        if !self.has(field) {
            self.missing(field);
        }
        self.text(field)
    }

    /// A value that is written as text, such as an id.
    pub fn parsed<T: FromStr>(&mut self, field: &str) -> Option<T>
    where
        T::Err: Display,
    {
        let text = self.text(field)?;
        text.parse().map_err(|error| self.fault(field, error)).ok()
    }

    /// Like [`Fields::parsed`], but tells null (`Some(None)`) from absent (`None`).
    pub fn parsed_or_null<T: FromStr>(&mut self, field: &str) -> Option<Option<T>>
    where
        T::Err: Display,
    {
        if self.values.get(field) == Some(&Value::Null) {
            self.values.remove(field);
            return Some(None);
        }
        self.parsed(field).map(Some)
    }

    /// Like [`Fields::text`], but tells null (`Some(None)`) from absent (`None`).
    pub fn text_or_null(&mut self, field: &str) -> Option<Option<String>> {
        if self.values.get(field) == Some(&Value::Null) {
            self.values.remove(field);
            return Some(None);
        }
        self.text(field).map(Some)
    }

    /// An object; null counts as absent.
    pub fn object(&mut self, field: &str) -> Option<serde_json::Map<String, Value>> {
        match self.take(field).flatten()? {
            Value::Object(object) => Some(object),
            _ => {
                self.fault(field, "must be an object");
                None
            }
        }
    }

    /// True or false; null counts as absent.
    pub fn boolean(&mut self, field: &str) -> Option<bool> {
        match self.take(field).flatten()? {
            Value::Bool(value) => Some(value),
            _ => {
                self.fault(field, "must be true or false");
                None
            }
        }
    }

    /// A whole number of at least 0, also as `1.0`; null counts as absent.
    pub fn whole_number(&mut self, field: &str) -> Option<u64> {
        let value = self.take(field).flatten()?;
        let number = value.as_u64().or_else(|| whole(value.as_f64()?));
        if number.is_none() {
            self.fault(field, "must be a whole number of at least 0");
        }
        number
    }

    /// A list of texts; null counts as absent.
    pub fn texts(&mut self, field: &str) -> Option<Vec<String>> {
        let value = self.take(field).flatten()?;
        let texts = value.as_array().and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        if texts.is_none() {
            self.fault(field, "must be a list of strings");
        }
        texts
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// All faults at once: `MISSING_FIELDS` if fields are missing and nothing else is wrong, else `VALIDATION_ERROR`.
    pub fn finish(&mut self) -> Result<(), Problem> {
        let code = if self.wrong.is_empty() { Code::MissingFields } else { Code::ValidationError };
        let faults: Vec<Invalid> = self.missing.drain(..).chain(self.wrong.drain(..)).collect();
        if faults.is_empty() { Ok(()) } else { Err(Problem::faulty(code, faults)) }
    }
}

/// Where the JSON goes wrong, without a word of its content.
fn position(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

/// What JSON calls an integer is a matter of value, not of spelling (JSON Schema 2020-12, §4.2.3).
fn whole(number: f64) -> Option<u64> {
    Some(number).filter(|number| number.fract() == 0.0).and_then(|number| format!("{:.0}", number + 0.0).parse().ok())
}

#[cfg(test)]
mod tests {
    use domain::EndpointId;

    use super::*;

    fn fields(json: &str) -> Fields {
        Fields::parse(json.as_bytes()).unwrap()
    }

    #[test]
    fn both_spellings_are_one_field() {
        assert_eq!(fields(r#"{"allowInbound": true}"#).boolean("allow_inbound"), Some(true));
        assert_eq!(fields(r#"{"allow_inbound": true, "allowInbound": true}"#).boolean("allow_inbound"), Some(true));
        let problem = fields(r#"{"allow_inbound": true, "allowInbound": false}"#).finish().unwrap_err();
        assert_eq!(problem.code(), Code::ValidationError);
    }

    #[test]
    fn null_detaches_and_absent_leaves_alone() {
        assert_eq!(fields(r#"{"endpoint_id": null}"#).parsed_or_null::<EndpointId>("endpoint_id"), Some(None));
        assert_eq!(fields("{}").parsed_or_null::<EndpointId>("endpoint_id"), None);
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_spelt() {
        for (text, number) in
            [("3", Some(3)), ("3.0", Some(3)), ("3e2", Some(300)), ("-0.0", Some(0)), ("3.5", None), ("-1.0", None), ("1e300", None)]
        {
            let mut fields = fields(&format!(r#"{{"limit": {text}}}"#));
            assert_eq!(fields.whole_number("limit"), number, "{text}");
            assert_eq!(fields.finish().is_ok(), number.is_some(), "{text}");
        }
    }

    #[test]
    fn missing_alone_is_missing_fields_and_with_a_wrong_one_a_validation_error() {
        let mut only_missing = fields("{}");
        only_missing.required_text("name");
        assert_eq!(only_missing.finish().unwrap_err().code(), Code::MissingFields);
        let mut both = fields(r#"{"allow_inbound": "yes"}"#);
        both.required_text("name");
        both.boolean("allow_inbound");
        let problem = both.finish().unwrap_err();
        assert_eq!(problem.code(), Code::ValidationError);
        insta::assert_snapshot!(format!("{problem:?}"), @r#"Problem { code: ValidationError, message: "name: is required; allow_inbound: must be true or false", faults: [("name", "is required"), ("allow_inbound", "must be true or false")], fixed: false, cause: None, retry_after: None }"#);
    }

    #[test]
    fn no_value_is_printed() {
        let fields = fields(r#"{"credentials": {"auth_token": "hunter2"}}"#);
        assert!(!fields.lacks("credentials") && fields.lacks("label"));
        assert_eq!(format!("{fields:?}"), r#"{"credentials"}"#);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["{\"a\": {\"b\": 1, \"b\": 2}}", "{\"a\": [{\"b\": {\"c\": 1, \"c\": 2}}]}"] {
            assert_eq!(fields(text).finish().unwrap_err().code(), Code::ValidationError, "{text}");
        }
        assert!(fields("{\"a\": {\"b\": 1, \"b\": 1}}").finish().is_ok());
        for text in ["", "[]", "1", "null", "{", "{\"a\":1}}", "\"x\"", "{\"a\\u0000\":1}"] {
            assert!(Fields::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
