//! A provider's settings: read from a creator's JSON, kept under canonical names, shown with `provider` and `agent_id`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    EndpointType, Provider, kept,
    keys::{self, Key},
    spec::{IS_REQUIRED, PasswordChange},
};
use crate::{Invalid, names::snake_case};

/// A provider's checked settings as they are stored: canonical names, unknown keys as given; no `provider`, no
/// password, no second name for an agent's id.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderConfig(Map<String, Value>);

impl ProviderConfig {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The settings as stored; what reads them again for the same provider gets the same.
    #[must_use]
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The text under a canonical name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Bool(true))
    }

    /// The agent that answers, as its provider calls it: what answers carry as `agent_id`.
    #[must_use]
    pub fn agent_id(&self, provider: Provider) -> Option<&str> {
        keys::agent_key(provider).and_then(|name| self.text(name))
    }

    /// The settings as answers carry them: an AI provider's with `provider` and `agent_id` (null if unknown),
    /// `custom_sip` with `provider`, a webhook's as they are.
    #[must_use]
    pub fn canonical(&self, provider: Provider) -> Map<String, Value> {
        let mut shown = self.0.clone();
        if provider != Provider::Webhook {
            shown.insert("provider".to_owned(), provider.as_str().into());
        }
        if provider.is_agent() {
            shown.insert("agent_id".to_owned(), self.agent_id(provider).into());
        }
        shown
    }

    /// Reads a provider's settings; the password of `custom_sip` comes apart. With a url given, nothing is required.
    pub(super) fn read(
        provider: Provider,
        given: &Map<String, Value>,
        url_given: bool,
        faults: &mut Vec<Invalid>,
    ) -> (Self, PasswordChange) {
        let mut given: Vec<Given<'_>> = given.iter().map(|(name, value)| Given::new(name, value)).collect();
        // What is found does not depend on the order in which the names stood.
        given.sort_by_key(|given| given.name);
        check_provider(provider, &mut given, faults);
        let password = if provider == Provider::CustomSip { read_password(&mut given, faults) } else { PasswordChange::Absent };
        let mut config = Map::new();
        for key in keys::keys(provider) {
            let spellings = take(&mut given, |name| name == key.name || key.aliases.contains(&name));
            if let Some(value) = read_key(key, &spellings, url_given, faults) {
                config.insert(key.name.to_owned(), value);
            }
        }
        let unknown: Map<String, Value> = given.into_iter().map(|field| (field.name.to_owned(), field.value.clone())).collect();
        kept::check(&unknown, faults);
        config.extend(unknown);
        (Self(config), password)
    }
}

/// Names the keys and no values: headers and what other products call settings may be secrets.
impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderConfig")?;
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// One field as its creator wrote it.
struct Given<'a> {
    name: &'a str,
    snake: String,
    value: &'a Value,
}

impl<'a> Given<'a> {
    fn new(name: &'a str, value: &'a Value) -> Self {
        Self { name, snake: snake_case(name), value }
    }

    fn path(&self) -> String {
        format!("provider_config.{}", self.name)
    }
}

/// The provider that the settings name, in whichever spelling of a type: `None` if they name none.
pub(super) fn named_provider(given: &Map<String, Value>) -> Option<&Value> {
    given.get("provider").filter(|value| !value.is_null())
}

/// Takes `provider` out; it must say what the type says.
fn check_provider(provider: Provider, given: &mut Vec<Given<'_>>, faults: &mut Vec<Invalid>) {
    for field in take(given, |name| name == "provider") {
        let named = field.value.as_str().and_then(|text| text.parse::<EndpointType>().ok());
        if !field.value.is_null() && named != Some(EndpointType::Of(provider)) {
            faults.push(Invalid::new(field.path(), format!("must be {}", provider.as_str())));
        }
    }
}

fn read_password(given: &mut Vec<Given<'_>>, faults: &mut Vec<Invalid>) -> PasswordChange {
    match take(given, |name| name == "password").first().map(|field| field.value) {
        None => PasswordChange::Absent,
        Some(Value::Null) => PasswordChange::Remove,
        Some(Value::String(text)) if keys::is_password(text) => PasswordChange::Set(text.as_str().into()),
        Some(_) => {
            faults.push(Invalid::new("provider_config.password", "must be a string of 1 to 128 characters, no control characters"));
            PasswordChange::Absent
        }
    }
}

/// Reads one key from all its spellings. Null counts as absent; two spellings must agree.
fn read_key(key: &Key, spellings: &[Given<'_>], url_given: bool, faults: &mut Vec<Invalid>) -> Option<Value> {
    let mut present = spellings.iter().filter(|field| !field.value.is_null());
    let Some(first) = present.next() else {
        if key.required && !url_given {
            faults.push(Invalid::new(format!("provider_config.{}", key.name), IS_REQUIRED));
        }
        return None;
    };
    if let Some(other) = present.find(|field| field.value != first.value) {
        faults.push(Invalid::new(other.path(), format!("must equal {}: both name {}", first.name, key.name)));
        return None;
    }
    key.shape.read(&first.path(), first.value, faults)
}

fn take<'a>(given: &mut Vec<Given<'a>>, wanted: impl Fn(&str) -> bool) -> Vec<Given<'a>> {
    let (taken, rest) = std::mem::take(given).into_iter().partition(|field| wanted(&field.snake));
    *given = rest;
    taken
}
