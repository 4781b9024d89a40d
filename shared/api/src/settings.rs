//! What a deployment says of all callers and organizations, read in one place for every HTTP function.

use domain::audit::KEPT_DAYS;
use runtime::env::{ConfigError, parsed};

use crate::{Issuers, Origins, Rates};

/// Settings of the gate and of the frame around it; what they say of an organization holds wherever the operator said nothing
/// else of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whose users' tokens are believed.
    pub issuers: Issuers,
    /// How much callers may ask; `None` for as much as they like.
    pub rates: Option<Rates>,
    /// How long an entry of the audit trail is kept, in days.
    pub audit_days: u32,
    /// Which web pages may read answers; `None` for none.
    pub origins: Option<Origins>,
}

impl Default for Settings {
    /// Nobody's tokens, no rates, a year of the audit trail, no web pages.
    fn default() -> Self {
        Self { issuers: Issuers::default(), rates: None, audit_days: KEPT_DAYS, origins: None }
    }
}

impl From<Issuers> for Settings {
    fn from(issuers: Issuers) -> Self {
        Self { issuers, ..Self::default() }
    }
}

impl Settings {
    /// Reads them from the environment: `JWT_ISSUERS`, the rates, `AUDIT_DAYS`, `CORS_ORIGINS`.
    ///
    /// # Errors
    /// [`ConfigError`] for a setting that is not what it must be.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            issuers: parsed("JWT_ISSUERS")?.unwrap_or_default(),
            rates: Some(Rates::from_env()?),
            audit_days: parsed("AUDIT_DAYS")?.unwrap_or(KEPT_DAYS),
            origins: parsed("CORS_ORIGINS")?,
        })
    }
}
