//! What a creator asks for, read from the request's own words; every fault at once.

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::{EndpointType, Provider, ProviderConfig, SipUri, config::named_provider, url_for};
use crate::{E164, Invalid};

/// How a missing field is told.
pub(super) const IS_REQUIRED: &str = "is required";

/// Whether a fault of [`EndpointSpec::read`] says that a required field is missing, not that one is wrong.
#[must_use]
pub fn is_missing(fault: &Invalid) -> bool {
    fault.problem.starts_with(IS_REQUIRED)
}

/// What becomes of the sealed password of a `custom_sip` endpoint.
#[derive(Debug, Clone, Default)]
pub enum PasswordChange {
    /// None was given: a sealed one stays.
    #[default]
    Absent,
    /// Null was given: a sealed one goes.
    Remove,
    /// This one replaces it; 1 to 128 characters, no control characters.
    Set(SecretString),
}

/// Who answers an endpoint, and where.
#[derive(Debug, Clone)]
pub struct EndpointSpec {
    /// Who answers.
    pub provider: Provider,
    /// The url that was given, `None` if calls go to the generated one. A SIP URI in normal form; a webhook's as it
    /// was given, unchecked.
    pub url: Option<String>,
    /// The provider's settings.
    pub config: ProviderConfig,
    /// The password of `custom_sip`, [`PasswordChange::Absent`] for every other provider.
    pub password: PasswordChange,
}

impl EndpointSpec {
    /// Reads a new endpoint. A null url or configuration is `None`.
    ///
    /// Whether a webhook's url may be called is not decided here.
    ///
    /// # Errors
    /// Every fault, named `type`, `url`, `provider_config` or `provider_config.{key}` as the creator spelled the key.
    pub fn read(declared_type: &str, url: Option<&str>, provider_config: Option<&Map<String, Value>>) -> Result<Self, Vec<Invalid>> {
        let provider = match declared_type.parse() {
            Ok(EndpointType::Of(provider)) => Ok(provider),
            Ok(EndpointType::Agent) => agent(url, provider_config).map_err(|fault| {
                let url = url.and_then(|url| url.parse::<SipUri>().err()).map(|error| Invalid::new("url", error.to_string()));
                [fault].into_iter().chain(url).collect()
            }),
            Err(error) => Err(vec![Invalid::new("type", error.to_string())]),
        };
        Self::read_as(provider?, url, provider_config)
    }

    /// Reads the settings of an endpoint whose provider is known: a change to one that exists. `url` and
    /// `provider_config` are the ones it will have, the stored ([`ProviderConfig::as_map`]) where none was sent.
    ///
    /// # Errors
    /// As [`EndpointSpec::read`]; another `provider_config.provider` is a fault.
    pub fn read_as(provider: Provider, url: Option<&str>, provider_config: Option<&Map<String, Value>>) -> Result<Self, Vec<Invalid>> {
        let mut faults = Vec::new();
        let given_url = match (provider, url) {
            (Provider::Webhook | Provider::CustomSip, None) => {
                faults.push(Invalid::new("url", IS_REQUIRED));
                None
            }
            (Provider::Webhook, Some(url)) => Some(url.to_owned()),
            (_, url) => url.and_then(|url| match url.parse::<SipUri>() {
                Ok(uri) => Some(uri.to_string()),
                Err(error) => {
                    faults.push(Invalid::new("url", error.to_string()));
                    None
                }
            }),
        };
        let nothing = Map::new();
        let (config, password) = ProviderConfig::read(provider, provider_config.unwrap_or(&nothing), url.is_some(), &mut faults);
        if faults.is_empty() { Ok(Self { provider, url: given_url, config, password }) } else { Err(faults) }
    }

    /// Where calls go: see [`url_for`].
    #[must_use]
    pub fn url_for(&self, attached: Option<&E164>) -> String {
        url_for(self.provider, self.url.as_deref(), &self.config, attached)
    }
}

/// The AI provider of the type `agent`: the one that the settings name, else the one at the url's host.
fn agent(url: Option<&str>, provider_config: Option<&Map<String, Value>>) -> Result<Provider, Invalid> {
    const ALLOWED: &str = "one of vapi, retell, elevenlabs, livekit, vogent";
    let inferred = || url.and_then(|url| url.parse().ok()).and_then(|uri: SipUri| Provider::at(&uri));
    match provider_config.and_then(named_provider) {
        Some(named) => {
            let named = named.as_str().and_then(|text| text.parse().ok()).filter(|provider: &Provider| provider.is_agent());
            named.ok_or_else(|| Invalid::new("provider_config.provider", format!("must be {ALLOWED}")))
        }
        None => inferred().ok_or_else(|| {
            Invalid::new("provider_config.provider", format!("{IS_REQUIRED}, {ALLOWED}, where the url's host does not tell it"))
        }),
    }
}
