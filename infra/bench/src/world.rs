//! What all contenders work on: a table with an organization that has numbers, a year of calls and a receiver of webhooks.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::Result;
use domain::{
    Day, EndpointId, Mode, NumberId,
    api_key::ApiKeyText,
    inventory::Slot,
    limits::Counted,
    scope::{Scope, Scopes},
    secret::SecretKind,
};
use runtime::random;
use store::{TellOfEndpoint, Tenant};
use testkit::{Fixture, LocalTable, Receiver, costs::vault, fixture, load::Plan, local_table};
use webhooks::SigningSecret;

use crate::{contender::Transport, services, tls::Door};

/// Calls of the organization before anything is measured.
const CALLS: usize = 2_000;

/// The slot of the number that is read, and of that to which the calls come.
const READ: u32 = 0;
const CALLED: u32 = 1;

pub(crate) struct World {
    pub(crate) local: LocalTable,
    pub(crate) tenant: Tenant,
    /// May read numbers and calls.
    pub(crate) reader: ApiKeyText,
    /// May buy numbers.
    pub(crate) buyer: ApiKeyText,
    /// May do everything.
    pub(crate) whole: ApiKeyText,
    /// Rings the endpoint.
    pub(crate) number: NumberId,
    /// The number to which calls come; it rings nothing.
    pub(crate) called: Slot,
    pub(crate) endpoint: EndpointId,
    pub(crate) secret: SigningSecret,
    pub(crate) receiver: Receiver,
    services: String,
    door: Door,
    slots: AtomicU32,
}

impl World {
    pub(crate) async fn start() -> Result<Self> {
        let local = LocalTable::start().await;
        let Fixture { tenant, key: whole } = Fixture::create(&local.table, Mode::Live).await;
        // More than are bought here.
        local.table.set_most(tenant, Counted::Numbers, Some(10_000)).await?;
        let key = async |scopes: &[Scope]| fixture::key(&local.table, tenant, scopes.iter().copied().collect::<Scopes>()).await;
        let (reader, buyer) = (key(&[Scope::NumbersRead, Scope::CallsRead]).await, key(&[Scope::NumbersWrite]).await);
        let (receiver, secret) = (Receiver::start().await, SigningSecret::generate(&random::bytes()));
        let endpoint = endpoint(&local, tenant, &receiver, &secret).await?;
        let number = fixture::bought(&local.table, tenant, &fixture::slot(READ), Some(endpoint)).await.id;
        let called = fixture::slot(CALLED);
        fixture::bought(&local.table, tenant, &called, None).await;
        Plan::of_a_year(CALLS, Day::of(fixture::now()), 7).load(&local.table, tenant, |_| {}).await?;
        let door = Door::to(local.endpoint_url.trim_start_matches("http://")).await?;
        let (services, slots) = (services::start().await?, AtomicU32::new(CALLED + 1));
        Ok(Self { local, tenant, reader, buyer, whole, number, called, endpoint, secret, receiver, services, door, slots })
    }

    /// Puts a number on offer that nobody bought yet.
    pub(crate) async fn offer(&self) -> Result<Slot> {
        let slot = fixture::slot(self.slots.fetch_add(1, Ordering::Relaxed));
        self.local.table.import_slot(self.tenant.mode(), &slot).await?;
        Ok(slot)
    }

    /// What every function finds in its environment, under the template's names and with its defaults; only the rate limit is
    /// higher, so that no request is refused.
    pub(crate) fn environment(&self, transport: Transport) -> Vec<(String, String)> {
        let nowhere = "http://127.0.0.1:9/nowhere";
        let [issuer, amazon, system] = [&self.door.issuer, &self.door.amazon, &self.door.system].map(|path| path.display().to_string());
        let table = match transport {
            Transport::Plain => &self.local.endpoint_url,
            Transport::Tls => &self.door.url,
        };
        let variables = [
            ("AWS_REGION", "us-east-1"),
            // boto3 reads this one; Lambda sets both.
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", &self.services),
            ("AWS_ENDPOINT_URL_DYNAMODB", table),
            // The issuer of the table's certificate, among those whom each trusts otherwise: clients of AWS, ours for webhooks, Node.
            ("AWS_CA_BUNDLE", &amazon),
            ("SSL_CERT_FILE", &system),
            ("NODE_EXTRA_CA_CERTS", &issuer),
            ("TABLE_NAME", local_table::NAME),
            ("VAULT_KEY_ID", "alias/vault"),
            ("SIP_DOMAIN", "sip.example.com"),
            ("PUBLIC_BASE_URL", "https://api.example.com"),
            ("RATE_LIMIT", "100000/1000000"),
            ("CALL_LIMIT_SECONDS", "14400"),
            ("RINGING_LIMIT_SECONDS", "120"),
            ("ALLOW_LOOPBACK_WEBHOOKS", "true"),
            ("CALL_EVENTS_QUEUE_URL", nowhere),
            ("WEBHOOK_QUEUE_URL", nowhere),
            ("DEAD_LETTER_QUEUE_URL", nowhere),
            ("LOG_LEVEL", "info"),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// Where functions log to.
    pub(crate) fn log(&self) -> PathBuf {
        self.door.issuer.with_file_name("bench.log")
    }
}

/// A webhook endpoint at the receiver.
async fn endpoint(local: &LocalTable, tenant: Tenant, receiver: &Receiver, secret: &SigningSecret) -> Result<EndpointId> {
    let mut endpoint = fixture::endpoint();
    endpoint.given_url = Some(receiver.url.clone());
    let place = tenant.place(SecretKind::WebhookSecret, endpoint.id.as_uuid());
    endpoint.secret = Some(vault().seal(&place, secret.reveal(), fixture::now()).await?);
    local.table.create_endpoint(tenant, &endpoint, None, TellOfEndpoint::default()).await?;
    Ok(endpoint.id)
}
