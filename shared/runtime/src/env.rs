//! Configuration: read once, at start, from the environment; a function that lacks a setting does not start.

use std::{fmt::Display, str::FromStr};

/// A setting is missing or is not what it must be.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable {name} {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: String,
}

impl ConfigError {
    /// What is wrong with a variable, to be read after its name.
    pub(crate) const fn new(name: &'static str, problem: String) -> Self {
        Self { name, problem }
    }
}

/// Reads a setting that must be there and not empty.
///
/// # Errors
/// [`ConfigError`] if it is not.
pub fn required(name: &'static str) -> Result<String, ConfigError> {
    optional(name).ok_or(ConfigError { name, problem: "is required".to_owned() })
}

/// Reads a setting; an empty one counts as absent.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Reads a number of seconds, which must be there: 1 or more.
///
/// # Errors
/// [`ConfigError`] for anything else.
pub fn seconds(name: &'static str) -> Result<i64, ConfigError> {
    let seconds = required(name)?.parse().ok().filter(|seconds| (1..=u32::MAX.into()).contains(seconds));
    seconds.ok_or(ConfigError { name, problem: "must be a number of seconds".to_owned() })
}

/// Reads a setting that has a form of its own; `None` if it is absent.
///
/// # Errors
/// [`ConfigError`] with what the form says of a text that does not have it.
pub fn parsed<T: FromStr<Err: Display>>(name: &'static str) -> Result<Option<T>, ConfigError> {
    let text = optional(name);
    text.map(|text| text.parse()).transpose().map_err(|error: T::Err| ConfigError { name, problem: error.to_string() })
}

/// Reads a switch; absent means off.
///
/// # Errors
/// [`ConfigError`] for anything but `true` and `false`.
pub fn switch(name: &'static str) -> Result<bool, ConfigError> {
    match optional(name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ConfigError { name, problem: "must be true or false".to_owned() }),
    }
}
