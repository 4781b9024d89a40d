//! The query, read parameter by parameter. Both spellings of a name count; a repeated parameter is a fault.

use std::{collections::BTreeMap, convert::Infallible, fmt::Display, str::FromStr};

use axum::extract::FromRequestParts;
use domain::Invalid;
use http::request::Parts;

use crate::problem::Problem;

/// A request's query parameters; faults are collected until [`Query::finish`].
#[derive(Debug, Default)]
pub struct Query {
    values: BTreeMap<String, String>,
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
            if query.values.insert(name.to_string(), value.into_owned()).is_some() {
                query.fault(&name, "must not be repeated");
            }
        }
        query
    }

    /// Notes a fault.
    pub fn fault(&mut self, parameter: &str, problem: impl Display) {
        self.faults.push(Invalid::new(parameter, problem.to_string()));
    }

    /// Whether the parameter is there.
    #[must_use]
    pub fn has(&self, parameter: &str) -> bool {
        self.values.contains_key(parameter)
    }

    /// The parameter's text.
    #[must_use]
    pub fn text(&self, parameter: &str) -> Option<&str> {
        self.values.get(parameter).map(String::as_str)
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
    /// `VALIDATION_ERROR` with all faults.
    pub fn finish(&mut self) -> Result<(), Problem> {
        let faults = std::mem::take(&mut self.faults);
        if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
    }
}
