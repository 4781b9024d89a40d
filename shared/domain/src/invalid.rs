//! What is wrong with one field of an input. Collected, never thrown: a caller learns every fault at once.

use std::fmt;

/// One faulty field and what is allowed there.
///
/// `field` is the name the client used, with dots into nested objects; `problem` is a sentence for people
/// that never repeats a secret value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The field's path as the client wrote it.
    pub field: String,
    /// What was wrong and what is allowed.
    pub problem: String,
}

impl Invalid {
    /// Names a field and what is wrong with it.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl std::error::Error for Invalid {}
