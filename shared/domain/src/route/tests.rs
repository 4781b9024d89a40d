use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{NumberId, carrier::Carrier, endpoint::ProviderConfig, inventory::Trunk, number::Registration, webhook::EventFilter};

const NOW_MS: i64 = 1_767_323_045_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW_MS + millis).unwrap()
}

fn credential(n: u8) -> CredentialId {
    CredentialId::new(at(0), [n; 10])
}

fn number() -> PhoneNumber {
    let registration = Registration {
        e164: "+14155550100".parse().unwrap(),
        carrier: Carrier::Twilio,
        credentials_id: credential(1),
        agent_id: None,
        allow_inbound: true,
        allow_outbound: true,
    };
    PhoneNumber::registered(NumberId::new(at(0), [2; 10]), registration, at(-1000))
}

fn endpoint(n: u8, provider: Provider, url: Option<&str>, config: Value) -> Endpoint {
    let config: ProviderConfig = serde_json::from_value(config).unwrap();
    Endpoint {
        id: EndpointId::new(at(0), [n; 10]),
        name: "Agent".to_owned(),
        declared_type: provider.as_str().to_owned(),
        provider,
        given_url: url.map(str::to_owned),
        provider_config: config,
        password: None,
        status: EndpointStatus::Active,
        status_reason: None,
        phone_numbers_count: 1,
        secret: None,
        previous_secret: None,
        previous_until: None,
        rotated_by: None,
        events: EventFilter::default(),
        created_at: at(-1000),
        updated_at: at(-1000),
    }
}

fn asked(number: &PhoneNumber) -> Asked<'_> {
    Asked { number: Some(number), signed_by: Some(credential(1)), endpoints: Endpoints::default(), at: at(0) }
}

#[test]
fn an_agent_is_dialled_at_the_address_for_this_number() {
    let agent = endpoint(1, Provider::Retell, None, json!({"agent_id": "a"}));
    let number = PhoneNumber { endpoint_id: Some(agent.id), ..number() };
    let route = route(&Asked { endpoints: Endpoints { attached: Some(&agent), pinned: None }, ..asked(&number) });
    assert_eq!(route.steps.len(), Rule::ALL.len());
    assert!(route.steps.iter().zip(Rule::ALL).all(|(step, rule)| step.passed && step.rule == *rule));
    let Decision::Dial(target) = route.decision else { panic!("{:?}", route.decision) };
    assert_eq!(target.uri, "sip:+14155550100@sip.retellai.com;transport=tcp");
    assert_eq!((target.username, target.password, target.headers), (None, None, vec![]));
}

#[test]
fn a_custom_address_gets_its_transport_user_password_and_headers() {
    let config = json!({"transport": "tls", "username": "u", "headers": {"X-A": "1", "X-B": "2"}});
    let mut sip = endpoint(1, Provider::CustomSip, Some("sip:a@b.example"), config.clone());
    sip.password = Some(Sealed::from_encoded("sealed".to_owned()));
    let number = PhoneNumber { endpoint_id: Some(sip.id), ..number() };
    let dialled =
        |sip: &Endpoint| match route(&Asked { endpoints: Endpoints { attached: Some(sip), pinned: None }, ..asked(&number) }).decision {
            Decision::Dial(target) => target,
            other => panic!("{other:?}"),
        };
    let target = dialled(&sip);
    assert_eq!((target.uri.as_str(), target.username.as_deref()), ("sip:a@b.example;transport=tls", Some("u")));
    assert_eq!(target.headers, [("X-A".to_owned(), "1".to_owned()), ("X-B".to_owned(), "2".to_owned())]);
    assert!(target.password.is_some());
    let own = endpoint(1, Provider::CustomSip, Some("sip:a@b.example;Transport=tcp"), config);
    assert_eq!(dialled(&own).uri, "sip:a@b.example;Transport=tcp", "what the address says itself goes before");
}

#[test]
fn the_endpoints_are_asked_for_only_when_they_decide() {
    let agent = endpoint(1, Provider::Vogent, None, json!({"vogent_agent_id": "a"}));
    let attached = PhoneNumber { endpoint_id: Some(agent.id), ..number() };
    assert!(route(&asked(&attached)).waits_for_endpoints());
    for decided in
        [PhoneNumber { status: NumberStatus::Inactive, ..attached.clone() }, PhoneNumber { allow_inbound: false, ..attached }, number()]
    {
        assert!(!route(&asked(&decided)).waits_for_endpoints());
    }
}

#[test]
fn what_a_number_is_attached_to_goes_before_its_agent() {
    let (one, other) =
        (endpoint(1, Provider::Vogent, None, json!({"vogent_agent_id": "a"})), endpoint(2, Provider::Retell, None, json!({})));
    let number = PhoneNumber { endpoint_id: Some(one.id), agent_id: Some(other.id.to_string()), ..number() };
    assert_eq!(named(&number), (Some(one.id), Some(other.id)));
    let dialled = |attached, pinned| match route(&Asked { endpoints: Endpoints { attached, pinned }, ..asked(&number) }).decision {
        Decision::Dial(target) => target.endpoint,
        other => panic!("{other:?}"),
    };
    assert_eq!(dialled(Some(&one), Some(&other)), one.id);
    assert_eq!(dialled(None, Some(&other)), other.id, "of an endpoint that was deleted nothing is left");
    let same = PhoneNumber { agent_id: Some(one.id.to_string()), ..number.clone() };
    assert_eq!(named(&same), (Some(one.id), None), "one endpoint is looked up once");
}

#[test]
fn only_a_number_that_may_place_calls_is_put_through_to_another_number() {
    let (may, may_not) = (number(), PhoneNumber { allow_outbound: false, ..number() });
    let (other, sip) = (Answer::Number("+12025550170".parse().unwrap()), Answer::Sip("sip:a@b.example".parse().unwrap()));
    assert_eq!(other.clone().of_call_to(&may), other);
    assert_eq!(other.of_call_to(&may_not), Answer::Refuse(Reason::OutboundNotAllowed.into()));
    assert_eq!(sip.clone().of_call_to(&may_not), sip, "a SIP address is nobody's account");
    let refused = Answer::Refuse(Reason::EndpointPassed.into());
    assert_eq!(refused.clone().of_call_to(&may_not), refused);
}

#[test]
fn the_reason_of_a_refusal_stands_in_the_calls_metadata() {
    let told = Refusal { note: Some("closed".to_owned()), ..Reason::EndpointRejected.into() }.facts();
    assert_eq!(told.metadata, json!({"route_reason": "endpoint_rejected", "route_note": "closed"}).as_object().cloned());
    assert_eq!(told.hangup_cause.as_deref(), Some("CALL_REJECTED"));
    assert_eq!(Refusal::from(Reason::NumberInactive).facts().hangup_cause.as_deref(), Some("USER_BUSY"));
}

/// One configuration: what is known, drawn at random.
#[derive(Debug, Clone)]
struct Drawn {
    held: bool,
    age_ms: i64,
    released_ms: Option<i64>,
    signer: Option<u8>,
    own: bool,
    trunk: bool,
    status: NumberStatus,
    allow_inbound: bool,
    attached: Option<Kind>,
    pinned: Option<Kind>,
}

/// An endpoint that a number names.
#[derive(Debug, Clone, Copy)]
struct Kind {
    exists: bool,
    status: EndpointStatus,
    webhook: bool,
    address: bool,
}

fn kind() -> impl Strategy<Value = Option<Kind>> {
    let status = prop_oneof![3 => Just(EndpointStatus::Active), 1 => Just(EndpointStatus::Inactive), 1 => Just(EndpointStatus::Error)];
    let kind = (prop::bool::weighted(0.8), status, any::<bool>(), prop::bool::weighted(0.8))
        .prop_map(|(exists, status, webhook, address)| Kind { exists, status, webhook, address });
    prop::option::weighted(0.7, kind)
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let mostly = || prop::bool::weighted(0.85);
    let status = prop_oneof![
        6 => Just(NumberStatus::Active),
        1 => Just(NumberStatus::Inactive),
        1 => Just(NumberStatus::Pending),
        1 => Just(NumberStatus::Suspended)
    ];
    let times = (-200_000_i64..200_000, prop::option::weighted(0.2, -50_000_i64..50_000));
    let signer = prop::option::weighted(0.8, prop_oneof![5 => Just(1_u8), 1 => Just(2_u8)]);
    ((mostly(), times, signer, mostly(), any::<bool>()), (status, mostly(), kind(), kind())).prop_map(
        |((held, (age_ms, released_ms), signer, own, trunk), (status, allow_inbound, attached, pinned))| Drawn {
            held,
            age_ms,
            released_ms,
            signer,
            own,
            trunk,
            status,
            allow_inbound,
            attached,
            pinned,
        },
    )
}

impl Drawn {
    fn endpoint(n: u8, kind: Option<Kind>) -> (Option<EndpointId>, Option<Endpoint>) {
        let Some(kind) = kind else { return (None, None) };
        let built = match (kind.webhook, kind.address) {
            (true, true) => endpoint(n, Provider::Webhook, Some("https://hooks.example.com/x"), json!({})),
            (true, false) => endpoint(n, Provider::Webhook, None, json!({})),
            (false, true) => endpoint(n, Provider::Vogent, None, json!({"vogent_agent_id": "a"})),
            (false, false) => endpoint(n, Provider::Vogent, None, json!({})),
        };
        (Some(built.id), kind.exists.then_some(Endpoint { status: kind.status, ..built }))
    }

    fn number(&self, attached: Option<EndpointId>, pinned: Option<EndpointId>) -> PhoneNumber {
        PhoneNumber {
            created_at: at(-self.age_ms),
            released_at: self.released_ms.map(at),
            carrier: self.own.then_some(Carrier::Twilio),
            credentials_id: self.own.then(|| credential(1)),
            trunk: self.trunk.then(|| Trunk { carrier: Carrier::Plivo, credential: credential(2) }),
            status: self.status,
            allow_inbound: self.allow_inbound,
            endpoint_id: attached,
            agent_id: pinned.map(|pinned| pinned.to_string()),
            ..number()
        }
    }

    /// What must become of the call, worked out anew: the reason, or whether it is put through (`Some(false)`: asked).
    fn expected(&self) -> Result<bool, Reason> {
        let released = self.released_ms.is_some_and(|released| released <= 0);
        if !self.held || released || self.age_ms < -60_000 {
            return Err(Reason::UnknownNumber);
        }
        let line = if self.own { Some(1) } else { self.trunk.then_some(2) };
        if self.signer.is_some() && self.signer != line {
            return Err(Reason::OtherCarrier);
        }
        match (self.status, self.allow_inbound) {
            (NumberStatus::Active, true) => {}
            (NumberStatus::Active, false) => return Err(Reason::InboundNotAllowed),
            _ => return Err(Reason::NumberInactive),
        }
        if self.attached.is_none() && self.pinned.is_none() {
            return Err(Reason::NoEndpoint);
        }
        let there = [self.attached, self.pinned].into_iter().flatten().find(|kind| kind.exists);
        match there {
            None => Err(Reason::EndpointGone),
            Some(kind) if kind.status != EndpointStatus::Active => Err(Reason::EndpointInactive),
            Some(kind) if !kind.address => Err(Reason::NoAddress),
            Some(kind) => Ok(!kind.webhook),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn every_configuration_is_decided_by_the_rules_in_their_order(drawn in drawn()) {
        let ((attached_id, attached), (pinned_id, pinned)) = (Drawn::endpoint(1, drawn.attached), Drawn::endpoint(2, drawn.pinned));
        let number = drawn.number(attached_id, pinned_id);
        let mut asked = Asked {
            number: drawn.held.then_some(&number),
            signed_by: drawn.signer.map(credential),
            endpoints: Endpoints::default(),
            at: at(0),
        };
        let blind = route(&asked);
        asked.endpoints = Endpoints { attached: attached.as_ref(), pinned: pinned.as_ref() };
        let seen = route(&asked);
        // Looking the endpoints up where nobody waits for them changes nothing.
        prop_assert!(blind.waits_for_endpoints() || blind == seen);
        match (&seen.decision, drawn.expected()) {
            (Decision::Dial(_), expected) => prop_assert_eq!(expected, Ok(true)),
            (Decision::Ask(_), expected) => prop_assert_eq!(expected, Ok(false)),
            (Decision::Refuse(refusal), expected) => {
                prop_assert_eq!(expected, Err(refusal.reason));
                prop_assert_eq!(refusal.treatment, refusal.reason.treatment());
            }
        }
        // The rules come in their order; all are passed but the last one of a call that is refused.
        let rules: Vec<Rule> = seen.steps.iter().map(|step| step.rule).collect();
        prop_assert_eq!(&rules[..], &Rule::ALL[..rules.len()]);
        let failed = seen.steps.iter().filter(|step| !step.passed).count();
        let refused = matches!(seen.decision, Decision::Refuse(_));
        prop_assert_eq!(failed, usize::from(refused));
        prop_assert_eq!(seen.steps.last().is_some_and(|last| !last.passed), refused);
    }
}
