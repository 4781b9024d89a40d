//! The query, read parameter by parameter. Both spellings of a name count; a repeated parameter is a fault.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fmt::Display,
    str::FromStr,
};

use axum::extract::FromRequestParts;
use domain::{Invalid, names::snake_case};
use http::request::Parts;

use crate::problem::{Code, Problem};

/// A request's query parameters; faults are collected until [`Query::finish`]. Parameters that nobody asks for are passed
/// over.
#[derive(Debug, Default)]
pub struct Query {
    values: BTreeMap<String, String>,
    repeated: BTreeSet<String>,
    asked: RefCell<BTreeSet<String>>,
    missing: Vec<Invalid>,
    faults: Vec<Invalid>,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    /// Reads `a=1&b=2`, percent-decoded.
    #[must_use]
    pub fn parse(raw: &str) -> Self {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(raw.as_bytes()) {
            let name = snake_case(&name);
            if query.values.insert(name.clone(), value.into_owned()).is_some() {
                query.repeated.insert(name);
            }
        }
        query
    }

    /// Notes a fault.
    pub fn fault(&mut self, parameter: &str, problem: impl Display) {
        self.faults.push(Invalid::new(parameter, problem.to_string()));
    }

    /// Notes that a required parameter is missing.
    pub fn missing(&mut self, parameter: &str) {
        self.missing.push(Invalid::new(parameter, "is required"));
    }

    /// Whether the parameter is there.
    #[must_use]
    pub fn has(&self, parameter: &str) -> bool {
        self.asked.borrow_mut().insert(parameter.to_owned());
        self.values.contains_key(parameter)
    }

    /// The parameter's text.
    #[must_use]
    pub fn text(&self, parameter: &str) -> Option<&str> {
        self.asked.borrow_mut().insert(parameter.to_owned());
        self.values.get(parameter).map(String::as_str)
    }

    /// All parameters but these, sorted, as one text: equal for queries that ask for the same.
    #[must_use]
    pub fn without(&self, left_out: &[&str]) -> String {
        let kept = self.values.iter().filter(|(name, _)| !left_out.contains(&name.as_str()));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
    }

    /// A parameter of some type.
    pub fn parsed<T: FromStr>(&mut self, parameter: &str) -> Option<T>
    where
        T::Err: Display,
    {
        let parsed = self.text(parameter)?.parse();
        parsed.map_err(|error: T::Err| self.fault(parameter, error)).ok()
    }

    /// `true` or `false`; absent means false.
    pub fn switch(&mut self, parameter: &str) -> bool {
        match self.text(parameter) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.fault(parameter, "must be true or false");
                false
            }
        }
    }

    /// A whole number within a range.
    pub fn number(&mut self, parameter: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let text = self.text(parameter)?;
        let number = text.parse().ok().filter(|number| text.bytes().all(|b| b.is_ascii_digit()) && range.contains(number));
        if number.is_none() {
            self.fault(parameter, format!("must be a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// All faults at once: `MISSING_FIELDS` if parameters are missing and nothing else is wrong, else `VALIDATION_ERROR`.
    pub fn finish(&mut self) -> Result<(), Problem> {
        let repeated: Vec<String> = self.repeated.intersection(&self.asked.borrow()).cloned().collect();
        repeated.iter().for_each(|parameter| self.fault(parameter, "must not be repeated"));
        let code = if self.faults.is_empty() { Code::MissingFields } else { Code::ValidationError };
        let faults: Vec<Invalid> = self.missing.drain(..).chain(self.faults.drain(..)).collect();
        if faults.is_empty() { Ok(()) } else { Err(Problem::faulty(code, faults)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_parameter() {
        assert_eq!(Query::parse("endpointId=a").text("endpoint_id"), Some("a"));
        let mut twice = Query::parse("endpointId=a&endpoint_id=a&other=1&other=2");
        assert_eq!(twice.text("endpoint_id"), Some("a"));
        assert_eq!(twice.finish().unwrap_err().code(), Code::ValidationError, "it stands twice");
        assert!(Query::parse("other=1&other=2").finish().is_ok(), "nobody asked for it");
    }

    #[test]
    fn numbers_have_their_range_and_nothing_but_digits() {
        for wrong in ["0", "101", "-1", "+5", "1.0", "", "99999999999999999999"] {
            let mut query = Query::parse(&format!("limit={}", wrong.replace('+', "%2B")));
            assert_eq!(query.number("limit", 1..=100), None, "{wrong}");
            assert_eq!(query.finish().unwrap_err().code(), Code::ValidationError);
        }
        assert_eq!(Query::parse("limit=007").number("limit", 1..=100), Some(7));
    }
}
