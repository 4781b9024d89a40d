//! What becomes of a call to a number: one pure function, for the carrier's door, for the SIP edge and for whoever asks why.
//!
//! It is asked twice at most: with the number alone, and, if a rule cannot be judged without it, with the endpoint that
//! the number rings. Nothing here reads a table, speaks a carrier's XML or calls an endpoint.

mod answer;
mod reason;
#[cfg(test)]
mod tests;

pub use answer::{Answer, InvalidAnswer};
pub use reason::{Reason, Refusal, Rule, Treatment};

use crate::{
    CredentialId, EndpointId, Timestamp,
    endpoint::{Endpoint, EndpointStatus, Provider, SipUri},
    number::{NumberStatus, PhoneNumber},
    secret::Sealed,
};

/// How far the clocks of two processes may be apart, in milliseconds: a number that another one has just registered is
/// not of the future.
const CLOCK_LEEWAY_MILLIS: i64 = 60_000;

/// A call that wants to know its way, with what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The number that was dialled, if the organization that is asked about holds it.
    pub number: Option<&'a PhoneNumber>,
    /// The credential by which the carrier signed; `None` where no carrier asks.
    pub signed_by: Option<CredentialId>,
    /// The endpoints that the number names, as far as they were looked up.
    pub endpoints: Endpoints<'a>,
    /// When the call comes.
    pub at: Timestamp,
}

/// The endpoints that a number names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Endpoints<'a> {
    /// The one that it is attached to, if that exists.
    pub attached: Option<&'a Endpoint>,
    /// The one whose id is its agent's, if that exists. The attached one goes before.
    pub pinned: Option<&'a Endpoint>,
}

/// A rule, and whether the call passed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The rule.
    pub rule: Rule,
    /// Whether it was passed.
    pub passed: bool,
}

/// Where a call goes, and how that was found: every rule in order, up to the first that was not passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The rules that were looked at.
    pub steps: Vec<Step>,
    /// What becomes of the call.
    pub decision: Decision,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is put through to a SIP address.
    Dial(SipTarget),
    /// The endpoint is asked where it goes.
    Ask(Listener),
    /// It is not connected.
    Refuse(Refusal),
}

/// A SIP address, and how one speaks to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipTarget {
    /// The endpoint whose address it is.
    pub endpoint: EndpointId,
    /// The address, made for the number that was dialled.
    pub uri: String,
    /// The user to authenticate as.
    pub username: Option<String>,
    /// The sealed password.
    pub password: Option<Sealed>,
    /// `X-…` headers, by name.
    pub headers: Vec<(String, String)>,
}

/// A webhook endpoint that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Its URL.
    pub url: String,
}

impl SipTarget {
    /// An address that an endpoint named itself.
    #[must_use]
    pub fn named(endpoint: EndpointId, uri: &SipUri) -> Self {
        Self { endpoint, uri: uri.to_string(), username: None, password: None, headers: Vec::new() }
    }
}

impl Route {
    /// Whether the endpoints decide, which were not looked up yet: those that [`named`] tells.
    #[must_use]
    pub fn waits_for_endpoints(&self) -> bool {
        matches!(self.decision, Decision::Refuse(Refusal { reason: Reason::EndpointGone, .. }))
    }
}

/// The endpoints that a number names: the one that it is attached to, and the one that is its agent.
#[must_use]
pub fn named(number: &PhoneNumber) -> (Option<EndpointId>, Option<EndpointId>) {
    (number.endpoint_id, number.pinned_endpoint().filter(|pinned| number.endpoint_id != Some(*pinned)))
}

/// Decides where a call goes.
///
/// The rules are asked in the order of [`Rule::ALL`], and the first that is not passed decides.
#[must_use]
pub fn route(asked: &Asked<'_>) -> Route {
    let mut steps = Vec::with_capacity(Rule::ALL.len());
    let decision = decide(asked, &mut steps);
    Route { steps, decision: decision.unwrap_or_else(|reason| Decision::Refuse(reason.into())) }
}

fn decide(asked: &Asked<'_>, steps: &mut Vec<Step>) -> Result<Decision, Reason> {
    let number = asked.number.filter(|number| is_held(number, asked.at));
    let number = some(steps, Rule::NumberHeld, number, Reason::UnknownNumber)?;
    let signed = asked.signed_by.is_none_or(|by| number.line().is_some_and(|line| line.credential == by));
    pass(steps, Rule::CarrierIsTheNumbers, signed, Reason::OtherCarrier)?;
    pass(steps, Rule::NumberActive, number.status == NumberStatus::Active, Reason::NumberInactive)?;
    pass(steps, Rule::InboundAllowed, number.allow_inbound, Reason::InboundNotAllowed)?;
    let (attached, pinned) = named(number);
    pass(steps, Rule::EndpointNamed, attached.or(pinned).is_some(), Reason::NoEndpoint)?;
    let endpoint = asked.endpoints.attached.or(asked.endpoints.pinned);
    let endpoint = some(steps, Rule::EndpointExists, endpoint, Reason::EndpointGone)?;
    pass(steps, Rule::EndpointActive, endpoint.status == EndpointStatus::Active, Reason::EndpointInactive)?;
    let decision = destination(endpoint, number);
    some(steps, Rule::AddressKnown, decision, Reason::NoAddress)
}

/// Whether the organization holds a number at some time.
fn is_held(number: &PhoneNumber, at: Timestamp) -> bool {
    number.created_at <= at.plus_millis(CLOCK_LEEWAY_MILLIS) && number.released_at.is_none_or(|released_at| at < released_at)
}

fn destination(endpoint: &Endpoint, number: &PhoneNumber) -> Option<Decision> {
    let (url, config) = (endpoint.url(Some(&number.e164)), &endpoint.provider_config);
    if endpoint.provider == Provider::Webhook {
        return (!url.is_empty()).then_some(Decision::Ask(Listener { endpoint: endpoint.id, url }));
    }
    let uri: SipUri = url.parse().ok()?;
    let transport = config.text("transport").filter(|_| !uri.parameters().any(|(name, _)| name.eq_ignore_ascii_case("transport")));
    let uri = transport.map_or_else(|| uri.to_string(), |transport| format!("{uri};transport={transport}"));
    let headers = config.as_map().get("headers").and_then(|headers| headers.as_object());
    let headers = headers.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let is_custom = endpoint.provider == Provider::CustomSip;
    Some(Decision::Dial(SipTarget {
        endpoint: endpoint.id,
        uri,
        username: config.text("username").filter(|_| is_custom).map(str::to_owned),
        password: endpoint.password.clone().filter(|_| is_custom),
        headers: headers.filter(|_| is_custom).collect(),
    }))
}

fn pass(steps: &mut Vec<Step>, rule: Rule, passed: bool, reason: Reason) -> Result<(), Reason> {
    steps.push(Step { rule, passed });
    if passed { Ok(()) } else { Err(reason) }
}

fn some<T>(steps: &mut Vec<Step>, rule: Rule, value: Option<T>, reason: Reason) -> Result<T, Reason> {
    pass(steps, rule, value.is_some(), reason)?;
    value.ok_or(reason)
}
