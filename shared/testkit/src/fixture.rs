//! Ready-made things: an organization with keys, numbers on offer, endpoints.

use std::{future::ready, io, net::IpAddr, sync::Arc};

use domain::{
    Mode, OrgId, Timestamp, UserId,
    api_key::{ApiKey, ApiKeyText, KeyRecord},
    carrier::Carrier,
    credential::CarrierCredential,
    endpoint::{Endpoint, EndpointStatus, Provider},
    id::{CredentialId, EndpointId, KeyId, NumberId},
    inventory::{Capabilities, NumberType, Slot},
    member::Role,
    number::{Claim, PhoneNumber, PurchaseSettings, Registration},
    scope::{Scope, Scopes},
    secret::Sealed,
};
use runtime::random;
use store::{Bought, CreateApiKey, LastOwner, MemberSet, Organization, Table, Tenant};
use webhooks::guard::{Guard, Loopback, Pending, Resolver};

/// An organization in a table, with a live key that may do everything.
#[derive(Debug, Clone)]
pub struct Fixture {
    /// Its live data.
    pub tenant: Tenant,
    /// The key.
    pub key: ApiKeyText,
}

/// A name server that needs no network: every name leads to these addresses.
#[derive(Debug)]
struct Answering(Vec<IpAddr>);

impl Resolver for Answering {
    fn lookup<'a>(&'a self, _: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(ready(Ok(self.0.clone())))
    }
}

/// What judges the URLs of receivers in production, under a name server for which every name leads to these addresses.
#[must_use]
pub fn guard(addresses: &[&str]) -> Guard {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Guard::with_resolver(Loopback::Refused, Arc::new(Answering(addresses)))
}

/// What judges the URLs of receivers in production, where every name leads to a public address.
#[must_use]
pub fn public_names() -> Guard {
    guard(&["8.8.8.8"])
}

/// The time at which fixtures were made.
#[must_use]
pub fn now() -> Timestamp {
    runtime::Clock::System.now()
}

impl Fixture {
    /// Creates an organization and a key of this mode.
    pub async fn create(table: &Table, mode: Mode) -> Self {
        let org = OrgId::new(now(), random::bytes());
        table.create_organization(&Organization { id: org, name: "Fixture".to_owned(), created_at: now() }).await.unwrap();
        let tenant = Tenant::new(org, mode);
        let key = key(table, tenant, Scope::ALL.iter().copied().collect()).await;
        Self { tenant, key }
    }
}

/// Mints a key.
pub async fn key(table: &Table, tenant: Tenant, scopes: Scopes) -> ApiKeyText {
    key_as(table, ApiKey { scopes, ..api_key(tenant) }).await
}

/// Mints a key as it shall be.
pub async fn key_as(table: &Table, key: ApiKey) -> ApiKeyText {
    let text = ApiKeyText::mint(key.mode, random::bytes());
    let created = table.create_api_key(&KeyRecord::new(key, &text)).await.unwrap();
    assert_eq!(created, CreateApiKey::Done);
    text
}

/// A user nobody knows.
#[must_use]
pub fn user() -> UserId {
    UserId::new(now(), random::bytes())
}

/// A user who has this role in the organization.
pub async fn member(table: &Table, org: OrgId, role: Role) -> UserId {
    let user = user();
    let set = table.set_member(org, user, role, now(), LastOwner::Stays).await.unwrap();
    assert!(matches!(set, MemberSet::Done(_)), "{set:?}");
    user
}

/// A key that may do everything from everywhere for ever.
#[must_use]
pub fn api_key(tenant: Tenant) -> ApiKey {
    ApiKey {
        id: KeyId::new(now(), random::bytes()),
        organization_id: tenant.org(),
        mode: tenant.mode(),
        name: "fixture".to_owned(),
        scopes: Scope::ALL.iter().copied().collect(),
        created_at: now(),
        updated_at: now(),
        allowed_ips: Vec::new(),
        valid_until: None,
        revoked_at: None,
    }
}

/// A number on offer: Nigerian mobile numbers, told apart by `n`.
#[must_use]
pub fn slot(n: u32) -> Slot {
    Slot {
        e164: format!("+234803{n:07}").parse().unwrap(),
        country: "NG".parse().unwrap(),
        number_type: NumberType::Mobile,
        region: None,
        capabilities: Capabilities { voice: true, sms: true, fax: false },
        setup_cost_cents: 100,
        monthly_cost_cents: 500,
        trunk: None,
    }
}

/// What a purchase of a slot writes, without a SIP password.
#[must_use]
pub fn purchase(tenant: Tenant, slot: &Slot, endpoint_id: Option<EndpointId>) -> (PhoneNumber, Claim) {
    let settings = PurchaseSettings { endpoint_id, allow_inbound: true, allow_outbound: false };
    let number = PhoneNumber::purchased(NumberId::new(now(), random::bytes()), slot, settings, now());
    let claim = Claim::of(tenant.org(), &number);
    (number, claim)
}

/// Puts a number on offer and has a tenant buy it.
pub async fn bought(table: &Table, tenant: Tenant, slot: &Slot, endpoint_id: Option<EndpointId>) -> PhoneNumber {
    table.import_slot(tenant.mode(), slot).await.unwrap();
    let (number, claim) = purchase(tenant, slot, endpoint_id);
    assert_eq!(table.buy_number(tenant, slot, &number, &claim, None).await.unwrap(), Bought::Done);
    number
}

/// A credential of a carrier, told apart by `n`. Its token is no sealed one: nothing opens it.
#[must_use]
pub fn credential(carrier: Carrier, n: u32) -> CarrierCredential {
    CarrierCredential {
        id: CredentialId::new(now(), random::bytes()),
        carrier,
        label: format!("Account {n}"),
        account: format!("account-{n:08}"),
        // As long as a sealed token of 32 characters.
        token: Sealed::from_encoded("x".repeat(430)),
        previous_token: None,
        previous_until: None,
        older_token: None,
        older_until: None,
        signing_key: None,
        rotated_by: None,
        callback: "0".repeat(64),
        numbers_count: 0,
        created_at: now(),
        updated_at: now(),
    }
}

/// What the registration of a number at a credential writes; numbers are told apart by `n`.
#[must_use]
pub fn carrier_number(credential: &CarrierCredential, n: u32) -> PhoneNumber {
    let registration = Registration {
        e164: format!("+234805{n:07}").parse().unwrap(),
        carrier: credential.carrier,
        credentials_id: credential.id,
        agent_id: None,
        allow_inbound: true,
        allow_outbound: true,
    };
    PhoneNumber::registered(NumberId::new(now(), random::bytes()), registration, now())
}

/// A webhook endpoint without a secret.
#[must_use]
pub fn endpoint() -> Endpoint {
    Endpoint {
        id: EndpointId::new(now(), random::bytes()),
        name: "Receiver".to_owned(),
        declared_type: "webhook".to_owned(),
        provider: Provider::Webhook,
        given_url: Some("https://hooks.example.com/trunkline".to_owned()),
        provider_config: domain::endpoint::ProviderConfig::default(),
        password: None,
        status: EndpointStatus::Active,
        status_reason: None,
        phone_numbers_count: 0,
        secret: None,
        previous_secret: None,
        previous_until: None,
        rotated_by: None,
        events: domain::webhook::EventFilter::default(),
        created_at: now(),
        updated_at: now(),
    }
}

/// A queue that is never reached: for what sends nothing.
#[must_use]
pub fn nowhere() -> queue::Sender {
    let config = aws_sdk_sqs::config::Builder::new()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(aws_sdk_sqs::config::Region::new("us-east-1"))
        .build();
    queue::Sender::new(aws_sdk_sqs::Client::from_conf(config), "http://127.0.0.1:9/nowhere".to_owned())
}
