//! Live and test data: two data sets of one organization that never meet.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Which of an organization's two data sets is meant. Part of every key of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Real numbers, real carriers, real money.
    Live,
    /// Nothing done here reaches a carrier.
    Test,
}

impl Mode {
    /// Both modes, for work that concerns each of them.
    pub const ALL: [Self; 2] = [Self::Live, Self::Test];

    /// `live` or `test`, as in API keys, queue messages and keys of the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no mode: `live` and `test` are allowed.
#[derive(Debug, thiserror::Error)]
#[error("must be live or test")]
pub struct UnknownMode;

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "live" => Ok(Self::Live),
            "test" => Ok(Self::Test),
            _ => Err(UnknownMode),
        }
    }
}
