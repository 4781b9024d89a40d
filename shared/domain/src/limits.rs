//! How many of something an organization may have, unless the operator says otherwise.

use crate::{api_key::MAX_KEYS, subscription::MAX_SUBSCRIPTIONS};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Numbers that are held, bought and registered ones together, in each mode.
    Numbers,
    /// Endpoints, in each mode.
    Endpoints,
    /// API keys that are not revoked, both modes together.
    Keys,
    /// Webhook subscriptions, in each mode.
    Webhooks,
}

impl Counted {
    /// Everything that is counted.
    pub const ALL: [Self; 4] = [Self::Numbers, Self::Endpoints, Self::Keys, Self::Webhooks];

    /// How many an organization may have.
    #[must_use]
    pub const fn usual(self) -> usize {
        match self {
            Self::Numbers | Self::Endpoints => 1_000,
            Self::Keys => MAX_KEYS,
            Self::Webhooks => MAX_SUBSCRIPTIONS,
        }
    }

    /// How many the operator may allow at most: their lists are read whole.
    #[must_use]
    pub const fn utmost(self) -> u32 {
        match self {
            Self::Numbers | Self::Endpoints => 10_000,
            Self::Keys | Self::Webhooks => 1_000,
        }
    }

    /// What they are called.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Numbers => "phone numbers",
            Self::Endpoints => "endpoints",
            Self::Keys => "keys that are not revoked",
            Self::Webhooks => "webhooks",
        }
    }
}
