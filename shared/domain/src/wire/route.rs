//! Where a call goes, as it is explained to an organization and told to the operator's SIP edge.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Serialize;

use crate::{
    E164, EndpointId, NumberId, OrgId,
    carrier::Carrier,
    number::PhoneNumber,
    route::{self, Decision, Route, SipTarget},
    secret::Revealed,
};

/// Where a call would go, and why. Every field is always present, null when it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RouteExplanation {
    /// The organization's number.
    pub phone_number_id: Option<NumberId>,
    /// The endpoint that the call would go to.
    pub endpoint_id: Option<EndpointId>,
    /// The carrier through which the number's calls come.
    pub provider: Option<Carrier>,
    /// `dial`, `ask` (the webhook endpoint decides), `busy` or `reject`.
    pub action: &'static str,
    /// Why the call would not be connected.
    pub reason: Option<&'static str>,
    /// The address that would be dialled.
    pub sip_uri: Option<String>,
    /// The webhook endpoint that would be asked.
    pub url: Option<String>,
    /// Every rule that was looked at, in order; the first that is not passed is the last.
    pub steps: Vec<RouteStep>,
    /// What the carrier would be answered, with `{token}` for the token of its URLs and without passwords; null for a
    /// number of no carrier. Of an endpoint that is asked: what follows if it says nothing.
    pub xml: Option<String>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RouteStep {
    /// Its name.
    pub rule: &'static str,
    /// The rule in a sentence.
    pub description: &'static str,
    /// Whether it was passed.
    pub passed: bool,
}

impl From<route::Step> for RouteStep {
    fn from(step: route::Step) -> Self {
        Self { rule: step.rule.as_str(), description: step.rule.sentence(), passed: step.passed }
    }
}

impl RouteExplanation {
    /// What is told of a route.
    #[must_use]
    pub fn new(number: Option<&PhoneNumber>, route: &Route, xml: Option<String>) -> Self {
        let told = Self {
            phone_number_id: number.map(|number| number.id),
            endpoint_id: None,
            provider: number.and_then(PhoneNumber::line).map(|line| line.carrier),
            action: "dial",
            reason: None,
            sip_uri: None,
            url: None,
            steps: route.steps.iter().copied().map(RouteStep::from).collect(),
            xml,
        };
        match &route.decision {
            Decision::Dial(target) => Self { endpoint_id: Some(target.endpoint), sip_uri: Some(target.uri.clone()), ..told },
            Decision::Ask(listener) => {
                Self { endpoint_id: Some(listener.endpoint), url: Some(listener.url.clone()), action: "ask", ..told }
            }
            Decision::Refuse(refusal) => Self { action: refusal.treatment.as_str(), reason: Some(refusal.reason.as_str()), ..told },
        }
    }
}

/// What the operator's SIP edge does with a call. Fields that say nothing are null.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResolvedRoute {
    /// `dial`, `busy` or `reject`.
    pub action: &'static str,
    /// Why the call is not connected.
    pub reason: Option<&'static str>,
    /// What the endpoint said of it.
    pub note: Option<String>,
    /// The address to dial.
    pub sip_uri: Option<String>,
    /// The number to dial.
    pub number: Option<E164>,
    /// The user to authenticate as.
    pub username: Option<String>,
    /// The password of that user.
    pub password: Option<Revealed>,
    /// SIP headers to send along.
    pub headers: BTreeMap<String, String>,
    /// Whose call it is.
    pub organization_id: Option<OrgId>,
    /// The organization's number.
    pub phone_number_id: Option<NumberId>,
    /// The endpoint that the number rings.
    pub endpoint_id: Option<EndpointId>,
}

impl ResolvedRoute {
    /// The part of the answer that says how an address is dialled.
    #[must_use]
    pub fn sip(target: SipTarget, password: Option<SecretString>) -> Self {
        Self {
            sip_uri: Some(target.uri),
            username: target.username,
            password: password.map(Revealed::from),
            headers: target.headers.into_iter().collect(),
            ..Self::default()
        }
    }
}
