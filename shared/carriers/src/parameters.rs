//! Names and values of a query, a form or a JSON object, decoded strictly: what is not UTF-8 is refused and not
//! repaired, so that two different requests never read the same.

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use crate::{callback::Unreadable, request::MAX_PARAMETERS};

/// Decoded names and values in the order in which they came; a name may stand more than once.
#[derive(Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `application/x-www-form-urlencoded`, the form of queries too. A name without `=` has an empty value.
    pub(crate) fn from_form(text: &[u8]) -> Result<Self, Unreadable> {
        let mut parameters = Vec::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if parameters.len() == MAX_PARAMETERS {
                return Err(Unreadable::Size);
            }
            let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
                Some(at) => {
                    pair.split_at_checked(at).map_or((pair, [].as_slice()), |(name, value)| (name, value.get(1..).unwrap_or_default()))
                }
                None => (pair, [].as_slice()),
            };
            parameters.push((decoded(name)?, decoded(value)?));
        }
        Ok(Self(parameters))
    }

    /// Reads a JSON object whose values are texts, numbers or booleans; others say nothing.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, Unreadable> {
        let object: Map<String, Value> = serde_json::from_slice(body).map_err(|_| Unreadable::Form)?;
        if object.len() > MAX_PARAMETERS {
            return Err(Unreadable::Size);
        }
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        Ok(Self(object.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()))
    }

    /// The first value under a name that is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Names and values sorted by name, then value, by code points.
    pub(crate) fn sorted(&self) -> Vec<(&str, &str)> {
        let mut pairs: Vec<(&str, &str)> = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        // The order of UTF-8 bytes is the order of code points.
        pairs.sort_unstable();
        pairs
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A `+` is a space, `%` and two digits a byte; a `%` with anything else after it stands for itself.
fn decoded(text: &[u8]) -> Result<String, Unreadable> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8(bytes).map_err(|_| Unreadable::Form)
}
