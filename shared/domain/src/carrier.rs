//! Carriers that an organization brings along, and the credentials that each of them gives out.
//!
//! Nothing here speaks to a carrier. No fault repeats what was sent, be it a name or a value: it may be a secret.

use std::{collections::BTreeMap, fmt, str::FromStr};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Invalid, names::snake_case};

/// The name of the secret half of every carrier's credentials.
const TOKEN: &str = "auth_token";

/// The longest token, in characters.
const MAX_TOKEN_CHARS: usize = 128;

/// What is told of a token that has not its shape.
const TOKEN_SHAPE: &str = "must have 1 to 128 printable ASCII characters";

/// A carrier whose numbers an organization can bring along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// Twilio.
    Twilio,
    /// Plivo.
    Plivo,
    /// Vobiz.
    Vobiz,
}

impl Carrier {
    /// Every carrier there is.
    pub const ALL: [Self; 3] = [Self::Twilio, Self::Plivo, Self::Vobiz];

    /// The name on the wire, in the table and in callback URLs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Plivo => "plivo",
            Self::Vobiz => "vobiz",
        }
    }

    /// Under which name its credentials carry the account.
    #[must_use]
    pub const fn account_key(self) -> AccountKey {
        match self {
            Self::Twilio => AccountKey::AccountSid,
            Self::Plivo | Self::Vobiz => AccountKey::AuthId,
        }
    }

    /// Whether a text has the shape of the carrier's account ids.
    fn is_account(self, text: &str) -> bool {
        match self {
            Self::Twilio => text.strip_prefix("AC").is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit())),
            Self::Plivo => {
                let rest = text.strip_prefix("MA").or_else(|| text.strip_prefix("SA"));
                rest.is_some_and(|rest| rest.len() == 18 && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()))
            }
            Self::Vobiz => (4..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')),
        }
    }

    const fn account_shape(self) -> &'static str {
        match self {
            Self::Twilio => "must be AC and 32 hexadecimal digits",
            Self::Plivo => "must be MA or SA and 18 capital letters and digits",
            Self::Vobiz => "must have 4 to 64 letters, digits, hyphens and underscores",
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no carrier.
#[derive(Debug, thiserror::Error)]
#[error("must be twilio, plivo or vobiz")]
pub struct UnknownCarrier;

impl FromStr for Carrier {
    type Err = UnknownCarrier;

    fn from_str(text: &str) -> Result<Self, UnknownCarrier> {
        Self::ALL.into_iter().find(|carrier| carrier.as_str() == text).ok_or(UnknownCarrier)
    }
}

/// The name under which credentials carry the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKey {
    /// `account_sid`: Twilio's.
    AccountSid,
    /// `auth_id`: everybody else's.
    AuthId,
}

impl AccountKey {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountSid => "account_sid",
            Self::AuthId => "auth_id",
        }
    }
}

/// What a carrier knows an account by, and the secret that proves it.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Under which name the account was given.
    pub key: AccountKey,
    /// The account's id. Not secret.
    pub account: String,
    /// The token: the account's password, and the key of the carrier's signatures.
    pub token: SecretString,
}

impl Credentials {
    /// Reads a carrier's credentials. They have exactly two keys: one that is not known would be sealed unseen.
    ///
    /// # Errors
    /// Every fault, named `credentials` or `credentials.{key}`.
    pub fn read(carrier: Carrier, given: Map<String, Value>) -> Result<Self, Vec<Invalid>> {
        let read = Self::with_key(carrier.account_key(), given);
        let is_sound = |account: &str| carrier.is_account(account);
        match read {
            Ok(credentials) if is_sound(&credentials.account) => Ok(credentials),
            Ok(_) => Err(vec![account_fault(carrier)]),
            Err(Faults::Keys(key)) => Err(vec![expected(key)]),
            Err(Faults::Values { account, token }) => {
                let account_is_sound = account.as_deref().is_some_and(is_sound);
                let account = (!account_is_sound).then(|| account_fault(carrier));
                Err(account.into_iter().chain(token.then(token_fault)).collect())
            }
        }
    }

    /// Reads the credentials that shall replace others, whose carrier is not known yet. That the account is the one
    /// which is there is left to be compared, and with that its shape.
    ///
    /// # Errors
    /// Every fault, named `credentials` or `credentials.{key}`.
    pub fn read_renewed(given: Map<String, Value>) -> Result<Self, Vec<Invalid>> {
        let has_sid = given.keys().any(|key| snake_case(key) == AccountKey::AccountSid.as_str());
        let key = if has_sid { AccountKey::AccountSid } else { AccountKey::AuthId };
        Self::with_key(key, given).map_err(|faults| match faults {
            Faults::Keys(_) => {
                vec![Invalid::new("credentials", "must have exactly account_sid (twilio) or auth_id (plivo, vobiz), and auth_token")]
            }
            Faults::Values { account, token } => {
                let field = format!("credentials.{}", key.as_str());
                let account = account.is_none().then(|| Invalid::new(field, "must be a string"));
                account.into_iter().chain(token.then(token_fault)).collect()
            }
        })
    }

    fn with_key(key: AccountKey, given: Map<String, Value>) -> Result<Self, Faults> {
        let mut values = canonical(given).ok_or(Faults::Keys(key))?;
        let (account, token) = (values.remove(key.as_str()), values.remove(TOKEN));
        let (Some(account), Some(token), true) = (account, token, values.is_empty()) else { return Err(Faults::Keys(key)) };
        let account = if let Value::String(account) = account { Some(account) } else { None };
        let token = if let Value::String(token) = token { Some(token).filter(|token| is_token(token)) } else { None };
        match (account, token) {
            (Some(account), Some(token)) => Ok(Self { key, account, token: token.into() }),
            (account, token) => Err(Faults::Values { account, token: token.is_none() }),
        }
    }
}

/// Reads a key with which Twilio signs in the token's place, where an account was given one for its webhooks.
///
/// # Errors
/// The fault, named `signing_key`.
pub fn read_signing_key(text: String) -> Result<SecretString, Invalid> {
    if is_token(&text) { Ok(text.into()) } else { Err(Invalid::new("signing_key", TOKEN_SHAPE)) }
}

/// What is wrong with credentials, before the carrier is looked at.
enum Faults {
    /// A key is missing, or there is one too many.
    Keys(AccountKey),
    /// The account, `None` if it is no text, and whether the token is wrong.
    Values { account: Option<String>, token: bool },
}

/// The values under names in `snake_case`; `None` if a name stands twice with different values.
fn canonical(given: Map<String, Value>) -> Option<BTreeMap<String, Value>> {
    let mut values = BTreeMap::new();
    for (name, value) in given {
        let name = snake_case(&name);
        if values.get(&name).is_some_and(|before| *before != value) {
            return None;
        }
        values.insert(name, value);
    }
    Some(values)
}

fn is_token(text: &str) -> bool {
    (1..=MAX_TOKEN_CHARS).contains(&text.len()) && text.bytes().all(|b| (0x20..0x7F).contains(&b))
}

fn expected(key: AccountKey) -> Invalid {
    Invalid::new("credentials", format!("must have exactly {} and {TOKEN}", key.as_str()))
}

fn account_fault(carrier: Carrier) -> Invalid {
    Invalid::new(format!("credentials.{}", carrier.account_key().as_str()), carrier.account_shape())
}

fn token_fault() -> Invalid {
    Invalid::new(format!("credentials.{TOKEN}"), TOKEN_SHAPE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    const SID: &str = "AC0123456789abcdef0123456789ABCDEF";

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("{value}") };
        object
    }

    #[test]
    fn a_signing_key_has_a_tokens_shape() {
        assert_eq!(read_signing_key("k".repeat(MAX_TOKEN_CHARS)).unwrap().expose_secret().len(), MAX_TOKEN_CHARS);
        for wrong in [String::new(), "k".repeat(MAX_TOKEN_CHARS + 1), "a\nb".to_owned(), "ä".to_owned()] {
            assert_eq!(read_signing_key(wrong).unwrap_err().to_string(), format!("signing_key: {TOKEN_SHAPE}"));
        }
        assert!(TOKEN_SHAPE.contains(&MAX_TOKEN_CHARS.to_string()));
    }

    fn faults(read: Result<Credentials, Vec<Invalid>>) -> Vec<String> {
        read.unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[rstest]
    #[case(Carrier::Twilio, json!({"account_sid": SID, "auth_token": "t"}), SID)]
    #[case(Carrier::Twilio, json!({"accountSid": SID, "authToken": "t", "account_sid": SID}), SID)]
    #[case(Carrier::Plivo, json!({"auth_id": "MA0123456789ABCDEFGH", "auth_token": "t"}), "MA0123456789ABCDEFGH")]
    #[case(Carrier::Plivo, json!({"authId": "SA0123456789ABCDEFGH", "auth_token": "t"}), "SA0123456789ABCDEFGH")]
    #[case(Carrier::Vobiz, json!({"auth_id": "a_-9", "auth_token": "t"}), "a_-9")]
    fn each_carrier_has_its_two_keys(#[case] carrier: Carrier, #[case] given: Value, #[case] account: &str) {
        let credentials = Credentials::read(carrier, object(given.clone())).unwrap();
        assert_eq!((credentials.account.as_str(), credentials.token.expose_secret()), (account, "t"));
        assert_eq!(Credentials::read_renewed(object(given)).unwrap().account, account);
    }

    #[rstest]
    #[case(Carrier::Twilio, json!({}), &["credentials: must have exactly account_sid and auth_token"])]
    #[case(Carrier::Twilio, json!({"auth_id": SID, "auth_token": "t"}), &["credentials: must have exactly account_sid and auth_token"])]
    #[case(Carrier::Plivo, json!({"auth_id": "MA0123456789ABCDEFGH"}), &["credentials: must have exactly auth_id and auth_token"])]
    #[case(Carrier::Vobiz, json!({"auth_id": "abcd", "auth_token": "t", "hunter2": "x"}), &["credentials: must have exactly auth_id and auth_token"])]
    #[case(Carrier::Vobiz, json!({"auth_id": "abcd", "auth_token": "t", "authToken": "hunter2"}), &["credentials: must have exactly auth_id and auth_token"])]
    #[case(Carrier::Twilio, json!({"account_sid": "AC1", "auth_token": "t"}), &["credentials.account_sid: must be AC and 32 hexadecimal digits"])]
    #[case(Carrier::Plivo, json!({"auth_id": "MA0123456789abcdefgh", "auth_token": "t"}), &["credentials.auth_id: must be MA or SA and 18 capital letters and digits"])]
    #[case(Carrier::Vobiz, json!({"auth_id": "abc", "auth_token": "hunter2\n"}), &[
        "credentials.auth_id: must have 4 to 64 letters, digits, hyphens and underscores",
        "credentials.auth_token: must have 1 to 128 printable ASCII characters",
    ])]
    #[case(Carrier::Vobiz, json!({"auth_id": 7, "auth_token": ["hunter2"]}), &[
        "credentials.auth_id: must have 4 to 64 letters, digits, hyphens and underscores",
        "credentials.auth_token: must have 1 to 128 printable ASCII characters",
    ])]
    fn every_fault_is_told_and_no_value(#[case] carrier: Carrier, #[case] given: Value, #[case] told: &[&str]) {
        let faults = faults(Credentials::read(carrier, object(given)));
        assert_eq!(faults, told);
        assert!(!faults.concat().contains("hunter2"));
    }

    #[test]
    fn renewed_credentials_name_their_account_under_either_key() {
        let both = "credentials: must have exactly account_sid (twilio) or auth_id (plivo, vobiz), and auth_token";
        assert_eq!(faults(Credentials::read_renewed(Map::new())), [both]);
        let two = json!({"account_sid": SID, "auth_id": "abcd", "auth_token": "t"});
        assert_eq!(faults(Credentials::read_renewed(object(two))), [both]);
        let wrong = json!({"auth_id": 7, "auth_token": ""});
        assert_eq!(
            faults(Credentials::read_renewed(object(wrong))),
            ["credentials.auth_id: must be a string", "credentials.auth_token: must have 1 to 128 printable ASCII characters"]
        );
    }

    #[test]
    fn the_token_is_not_printed() {
        let given = object(json!({"auth_id": "abcd", "auth_token": "hunter2"}));
        assert!(!format!("{:?}", Credentials::read(Carrier::Vobiz, given).unwrap()).contains("hunter2"));
    }

    #[test]
    fn a_carrier_is_read_by_its_name() {
        for carrier in Carrier::ALL {
            assert_eq!(carrier.as_str().parse::<Carrier>().unwrap(), carrier);
            assert_eq!(serde_json::to_value(carrier).unwrap(), carrier.as_str());
        }
        assert!("Twilio".parse::<Carrier>().is_err());
    }

    proptest! {
        #[test]
        fn any_object_is_read_or_refused_without_a_panic(account in ".{0,40}", token in ".{0,140}", extra in prop::option::of(".{0,8}")) {
            let mut given = object(json!({"auth_id": account, "auth_token": token}));
            if let Some(extra) = extra {
                given.insert(extra, Value::Null);
            }
            for carrier in Carrier::ALL {
                if let Ok(credentials) = Credentials::read(carrier, given.clone()) {
                    prop_assert!(carrier.is_account(&credentials.account) && is_token(credentials.token.expose_secret()));
                }
            }
        }
    }
}
