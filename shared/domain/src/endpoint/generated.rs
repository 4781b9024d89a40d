//! Where a provider takes calls: the SIP URI that follows from its settings and the attached number.

use super::{Provider, ProviderConfig, SipUri, sip_uri::escaped_user};
use crate::E164;

/// Where calls to an endpoint go: the given url, else the generated one. Empty only for stored settings that
/// [`super::EndpointSpec::read`] would refuse.
#[must_use]
pub fn url_for(provider: Provider, given: Option<&str>, config: &ProviderConfig, attached: Option<&E164>) -> String {
    given.map(str::to_owned).or_else(|| generated_url(provider, config, attached)).unwrap_or_default()
}

/// The SIP URI that a provider's settings make.
///
/// `attached` is the number that rings the endpoint: the number itself when its own route is shown or taken, and
/// the only one when the endpoint is shown; `None` leaves the user part out where it is a number. `None` is
/// returned when there is nothing to make it from: a provider with a url of its own, or a required key missing.
#[must_use]
pub fn generated_url(provider: Provider, config: &ProviderConfig, attached: Option<&E164>) -> Option<String> {
    let number = attached.map(E164::as_str);
    match provider {
        Provider::Vapi => vapi(config, number),
        Provider::Retell => Some(uri(number, "sip.retellai.com;transport=tcp")),
        Provider::ElevenLabs => Some(uri(number, &elevenlabs_address(config))),
        Provider::LiveKit => {
            let project: SipUri = config.text("livekit_sip_uri")?.parse().ok()?;
            Some(project.with_user(number).to_string())
        }
        Provider::Vogent => {
            let user = config.text("sip_username").or_else(|| config.text("vogent_agent_id"))?;
            Some(uri(Some(user), "sip.vogent.ai"))
        }
        Provider::CustomSip | Provider::Webhook => None,
    }
}

/// A credential has a host of its own, where numbers are known; without one the assistant is the user.
fn vapi(config: &ProviderConfig, number: Option<&str>) -> Option<String> {
    match config.text("credential_id") {
        Some(credential) => Some(uri(number, &format!("{credential}.sip.vapi.ai"))),
        None => config.text("assistant_id").map(|assistant| uri(Some(assistant), "sip.vapi.ai")),
    }
}

fn elevenlabs_address(config: &ProviderConfig) -> String {
    let host = match config.text("region") {
        Some(region) => format!("sip.rtc.{region}.residency.elevenlabs.io"),
        None => "sip.rtc.elevenlabs.io".to_owned(),
    };
    let (port, transport) = if config.is_on("tls") { (5061, "tls") } else { (5060, "tcp") };
    format!("{host}:{port};transport={transport}")
}

fn uri(user: Option<&str>, address: &str) -> String {
    match user {
        Some(user) => format!("sip:{}@{address}", escaped_user(user)),
        None => format!("sip:{address}"),
    }
}
