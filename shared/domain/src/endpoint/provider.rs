//! Who answers behind an endpoint, and how creators and filters name it.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::sip_uri::SipUri;

/// Who answers behind an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// A Vapi assistant.
    Vapi,
    /// A Retell agent.
    Retell,
    /// An ElevenLabs agent.
    #[serde(rename = "elevenlabs")]
    ElevenLabs,
    /// A LiveKit SIP trunk and, if named, one agent behind it.
    #[serde(rename = "livekit")]
    LiveKit,
    /// A Vogent agent.
    Vogent,
    /// A SIP server of the organization.
    CustomSip,
    /// An HTTPS server of the organization that takes signed webhooks.
    Webhook,
}

impl Provider {
    /// Every provider, AI providers first.
    pub const ALL: [Self; 7] = [Self::Vapi, Self::Retell, Self::ElevenLabs, Self::LiveKit, Self::Vogent, Self::CustomSip, Self::Webhook];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vapi => "vapi",
            Self::Retell => "retell",
            Self::ElevenLabs => "elevenlabs",
            Self::LiveKit => "livekit",
            Self::Vogent => "vogent",
            Self::CustomSip => "custom_sip",
            Self::Webhook => "webhook",
        }
    }

    /// The family of providers it belongs to: `agent`, `sip` or `webhook`.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Vapi | Self::Retell | Self::ElevenLabs | Self::LiveKit | Self::Vogent => "agent",
            Self::CustomSip => "sip",
            Self::Webhook => "webhook",
        }
    }

    /// Whether it is one of the AI providers that the type `agent` stands for.
    #[must_use]
    pub const fn is_agent(self) -> bool {
        !matches!(self, Self::CustomSip | Self::Webhook)
    }

    /// The AI provider that answers at a host, `None` if the host is none of theirs.
    #[must_use]
    pub fn at(uri: &SipUri) -> Option<Self> {
        let host = uri.host();
        let residency = || host.strip_suffix(".residency.elevenlabs.io").and_then(|rest| rest.split_once(".rtc."));
        match host {
            "sip.vapi.ai" => Some(Self::Vapi),
            "sip.retellai.com" => Some(Self::Retell),
            "sip.vogent.ai" => Some(Self::Vogent),
            // The second has fixed addresses; both are documented for every region too.
            "sip.rtc.elevenlabs.io" | "sip-static.rtc.elevenlabs.io" => Some(Self::ElevenLabs),
            _ if host.ends_with(".sip.vapi.ai") => Some(Self::Vapi),
            _ if host.ends_with(".sip.livekit.cloud") => Some(Self::LiveKit),
            _ => residency()
                .filter(|(service, region)| matches!(*service, "sip" | "sip-static") && !region.contains('.'))
                .map(|_| Self::ElevenLabs),
        }
    }
}

/// The text names no provider.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be one of vapi, retell, elevenlabs, livekit, vogent, custom_sip, webhook")]
pub struct UnknownProvider;

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == text).ok_or(UnknownProvider)
    }
}

/// A type as creators and list filters write it: a provider's name, `direct_sip` for `custom_sip`, or `agent` for
/// any of the AI providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointType {
    /// One of the AI providers.
    Agent,
    /// This provider.
    Of(Provider),
}

/// The text names no type of endpoint.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be one of agent, vapi, retell, elevenlabs, livekit, vogent, custom_sip, direct_sip, webhook")]
pub struct UnknownEndpointType;

impl EndpointType {
    /// Whether an endpoint of this provider is of the type, however it was created: what a list filter keeps.
    #[must_use]
    pub fn matches(self, provider: Provider) -> bool {
        match self {
            Self::Agent => provider.is_agent(),
            Self::Of(wanted) => wanted == provider,
        }
    }
}

impl FromStr for EndpointType {
    type Err = UnknownEndpointType;

    fn from_str(text: &str) -> Result<Self, UnknownEndpointType> {
        match text {
            "agent" => Ok(Self::Agent),
            "direct_sip" => Ok(Self::Of(Provider::CustomSip)),
            _ => text.parse().map(Self::Of).map_err(|UnknownProvider| UnknownEndpointType),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("vapi", "agent")]
    #[case("retell", "agent")]
    #[case("elevenlabs", "agent")]
    #[case("livekit", "agent")]
    #[case("vogent", "agent")]
    #[case("custom_sip", "sip")]
    #[case("webhook", "webhook")]
    fn a_provider_has_one_name_everywhere_and_a_kind(#[case] name: &str, #[case] kind: &str) {
        let provider: Provider = name.parse().unwrap();
        assert_eq!(provider.as_str(), name);
        assert_eq!(serde_json::to_value(provider).unwrap(), name);
        assert_eq!(serde_json::from_value::<Provider>(name.into()).unwrap(), provider);
        assert_eq!(provider.kind(), kind);
        assert_eq!(provider.is_agent(), kind == "agent");
    }

    #[rstest]
    #[case("agent", &["vapi", "retell", "elevenlabs", "livekit", "vogent"])]
    #[case("vapi", &["vapi"])]
    #[case("retell", &["retell"])]
    #[case("elevenlabs", &["elevenlabs"])]
    #[case("livekit", &["livekit"])]
    #[case("vogent", &["vogent"])]
    #[case("custom_sip", &["custom_sip"])]
    #[case("direct_sip", &["custom_sip"])]
    #[case("webhook", &["webhook"])]
    fn a_filter_keeps_exactly_its_providers(#[case] filter: &str, #[case] kept: &[&str]) {
        let filter: EndpointType = filter.parse().unwrap();
        let matching: Vec<&str> = Provider::ALL.into_iter().filter(|provider| filter.matches(*provider)).map(Provider::as_str).collect();
        assert_eq!(matching, kept);
    }

    #[rstest]
    #[case("")]
    #[case("Vapi")]
    #[case("sip")]
    #[case("agents")]
    #[case("eleven_labs")]
    #[case(" webhook")]
    fn other_types_are_refused(#[case] text: &str) {
        assert_eq!(text.parse::<EndpointType>(), Err(UnknownEndpointType));
        assert_eq!(text.parse::<Provider>(), Err(UnknownProvider));
    }

    #[rstest]
    #[case("sip:a@sip.vapi.ai", Some("vapi"))]
    #[case("sips:SIP.VAPI.AI:5061", Some("vapi"))]
    #[case("sip:+14155550100@4c6a.sip.vapi.ai", Some("vapi"))]
    #[case("sip:sip.retellai.com;transport=tcp", Some("retell"))]
    #[case("sip:sip.rtc.elevenlabs.io:5060;transport=tcp", Some("elevenlabs"))]
    #[case("sip:sip.rtc.eu.residency.elevenlabs.io", Some("elevenlabs"))]
    #[case("sip:sip.rtc.in.residency.elevenlabs.io", Some("elevenlabs"))]
    #[case("sip:sip-static.rtc.sg.residency.elevenlabs.io", Some("elevenlabs"))]
    #[case("sip:sip-static.rtc.elevenlabs.io", Some("elevenlabs"))]
    #[case("sip:a@sip.vogent.ai", Some("vogent"))]
    #[case("sip:vjnxecm0tjk.sip.livekit.cloud", Some("livekit"))]
    #[case("sip:vjnxecm0tjk.eu.sip.livekit.cloud", Some("livekit"))]
    #[case("sip:sip.livekit.cloud", None)]
    #[case("sip:evilsip.vapi.ai", None)]
    #[case("sip:sip.vapi.ai@example.com", None)]
    #[case("sip:sip.retellai.com.example.com", None)]
    #[case("sip:x.sip.retellai.com", None)]
    #[case("sip:sip.rtc.a.b.residency.elevenlabs.io", None)]
    #[case("sip:api.rtc.eu.residency.elevenlabs.io", None)]
    #[case("sip:vapi.ai", None)]
    #[case("sip:192.0.2.7", None)]
    fn the_host_tells_the_ai_provider(#[case] uri: &str, #[case] provider: Option<&str>) {
        assert_eq!(Provider::at(&uri.parse().unwrap()).map(Provider::as_str), provider);
    }
}
