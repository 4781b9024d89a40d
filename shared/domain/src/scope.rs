//! What an API key may do.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! scopes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// One permission of an API key: a family of routes, read or write.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Scope {
            $($(#[doc = $doc])* #[serde(rename = $text)] $name,)*
        }

        impl Scope {
            /// Every scope there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The scope's name, such as `numbers:read`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it allows, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

scopes! {
    /// Read phone numbers and the inventory.
    NumbersRead = "numbers:read",
    /// Buy, change and release phone numbers.
    NumbersWrite = "numbers:write",
    /// Read endpoints.
    EndpointsRead = "endpoints:read",
    /// Create, change and delete endpoints, and see their secrets.
    EndpointsWrite = "endpoints:write",
    /// Read calls and statistics.
    CallsRead = "calls:read",
    /// Delete calls, simulate calls.
    CallsWrite = "calls:write",
    /// Read webhook subscriptions and deliveries.
    WebhooksRead = "webhooks:read",
    /// Change subscriptions and replay deliveries.
    WebhooksWrite = "webhooks:write",
    /// Read carrier credentials and carrier numbers.
    TelephonyRead = "telephony:read",
    /// Change carrier credentials and carrier numbers.
    TelephonyWrite = "telephony:write",
    /// Read the organization's API keys.
    ApiKeysRead = "api-keys:read",
    /// Mint and revoke API keys.
    ApiKeysWrite = "api-keys:write",
    /// Read the audit trail.
    AuditRead = "audit:read",
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no scope.
#[derive(Debug, thiserror::Error)]
#[error("unknown scope: see the list of scopes, such as numbers:read")]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Self::ALL.iter().copied().find(|scope| scope.as_str() == text).ok_or(UnknownScope)
    }
}

/// The scopes of one principal.
pub type Scopes = BTreeSet<Scope>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_read_back_from_its_name_and_nothing_else_is_one() {
        for scope in Scope::ALL {
            assert_eq!(scope.to_string(), scope.as_str());
            assert_eq!(scope.to_string().parse::<Scope>().unwrap(), *scope);
        }
        for wrong in ["", "*", "numbers", "numbers:", "Numbers:read", "numbers:read "] {
            assert!(wrong.parse::<Scope>().is_err(), "{wrong}");
        }
    }
}
