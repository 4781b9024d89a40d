//! What a deployment says of all its organizations.

use domain::audit::KEPT_DAYS;
use runtime::env::{ConfigError, parsed};

use crate::Rates;

/// Rules that hold wherever the operator said nothing else of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How much callers may ask; `None` for as much as they like.
    pub rates: Option<Rates>,
    /// How long an entry of the audit trail is kept, in days.
    pub audit_days: u32,
}

impl Default for Rules {
    /// No rates, and a year of the audit trail.
    fn default() -> Self {
        Self { rates: None, audit_days: KEPT_DAYS }
    }
}

impl Rules {
    /// Reads them from the environment: the rates, and `AUDIT_DAYS`.
    ///
    /// # Errors
    /// [`ConfigError`] for a setting that is not what it must be.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self { rates: Some(Rates::from_env()?), audit_days: parsed("AUDIT_DAYS")?.unwrap_or(KEPT_DAYS) })
    }
}
