//! What the files of `events/` speak of: an organization with its keys, a number, a carrier's credential, in a table of
//! one's own, with the queues and the key that the functions use beside it.

use std::{collections::BTreeMap, net::IpAddr};

use domain::{
    CredentialId, Mode, OrgId,
    api_key::{ApiKey, ApiKeyText, KeyRecord},
    callback::CallbackToken,
    carrier::Carrier,
    credential::CarrierCredential,
    id::KeyId,
    secret::SecretKind,
};
use store::{Organization, Table, TellOfEndpoint, Tenant};
use vault::Vault;

use super::aws::Aws;
use crate::{LocalTable, fixture, local_table};

/// The organization and the keys that stand in the files.
const ORGANIZATION: &str = "0198c0de-0000-7000-8000-0000000000a1";
const KEYS: [(Mode, &str); 2] =
    [(Mode::Live, "kros_live_EXAMPLEKEYFOREVENTFILESONLY0001bPIwK"), (Mode::Test, "kros_test_EXAMPLEKEYFOREVENTFILESONLY0003Ujo3n")];
/// The credential whose callback token stands in the files.
const CREDENTIAL: &str = "0198c0de-0000-7000-8000-0000000000c1";

/// The domain of SIP addresses in the answers.
pub const SIP_DOMAIN: &str = "sip.example.com";
/// Where the carriers of the files reach the API: their signatures are of this address.
pub const PUBLIC_BASE_URL: &str = "https://api.example.com";

/// A queue that functions send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Call events.
    CallEvents,
    /// Webhook deliveries.
    Webhooks,
    /// What can never succeed.
    DeadLetters,
}

impl Queue {
    const ALL: [(Self, &str); 3] =
        [(Self::CallEvents, "CALL_EVENTS_QUEUE_URL"), (Self::Webhooks, "WEBHOOK_QUEUE_URL"), (Self::DeadLetters, "DEAD_LETTER_QUEUE_URL")];
}

/// A world for one function: nothing that another does is seen in it. It ends when this is dropped.
#[derive(Debug)]
pub struct World {
    local: LocalTable,
    aws: Aws,
}

impl World {
    /// What a function finds that runs in this process.
    pub async fn here(function: &str) -> Self {
        Self::start(function, [127, 0, 0, 1].into(), "127.0.0.1").await
    }

    /// What the function of this folder finds: AWS answers at a free port of `listen`, which the function calls `host`.
    pub async fn start(function: &str, listen: IpAddr, host: &str) -> Self {
        let local = LocalTable::start().await;
        let aws = Aws::start(&local.endpoint_url, listen, host).await;
        let world = Self { local, aws };
        world.furnish(function).await;
        world
    }

    /// Its table.
    #[must_use]
    pub fn table(&self) -> Table {
        self.local.table.clone()
    }

    /// A vault under its key.
    #[must_use]
    pub fn vault(&self) -> Vault {
        self.aws.vault()
    }

    /// Sends to one of its queues.
    #[must_use]
    pub fn sender(&self, queue: Queue) -> queue::Sender {
        self.aws.sender(&self.url(queue))
    }

    /// How many messages were sent to a queue.
    #[must_use]
    pub fn sent(&self, queue: Queue) -> usize {
        self.aws.sent(&self.url(queue))
    }

    /// The variables that lead a function here, instead of what the template refers to.
    #[must_use]
    pub fn settings(&self) -> BTreeMap<&'static str, String> {
        let queues = Queue::ALL.map(|(queue, variable)| (variable, self.url(queue)));
        let others = [
            ("AWS_ENDPOINT_URL", self.aws.endpoint_url().to_owned()),
            ("TABLE_NAME", local_table::NAME.to_owned()),
            ("VAULT_KEY_ID", "alias/vault".to_owned()),
            ("SIP_DOMAIN", SIP_DOMAIN.to_owned()),
            ("PUBLIC_BASE_URL", PUBLIC_BASE_URL.to_owned()),
            ("RINGING_LIMIT_SECONDS", "120".to_owned()),
            ("CALL_LIMIT_SECONDS", "14400".to_owned()),
        ];
        queues.into_iter().chain(others).collect()
    }

    /// All that a function needs that has nothing else in its environment.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let identity = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|variable| (variable, "test".to_owned()));
        let all = self.settings().into_iter().chain(identity).chain([("AWS_REGION", "us-east-1".to_owned())]);
        all.map(|(variable, value)| (variable.to_owned(), value)).collect()
    }

    fn url(&self, queue: Queue) -> String {
        format!("{}/000000000000/{queue:?}", self.aws.endpoint_url())
    }

    async fn furnish(&self, function: &str) {
        let (table, now) = (&self.local.table, fixture::now());
        let org: OrgId = ORGANIZATION.parse().unwrap();
        table.create_organization(&Organization { id: org, name: "Events".to_owned(), created_at: now }).await.unwrap();
        for (n, (mode, text)) in (1..).zip(KEYS) {
            let key = ApiKey { id: KeyId::new(now, [n; 10]), ..fixture::api_key(Tenant::new(org, mode)) };
            table.create_api_key(&KeyRecord::new(key, &ApiKeyText::parse(text).unwrap())).await.unwrap();
        }
        table.import_slot(Mode::Live, &fixture::slot(1)).await.unwrap();
        match function {
            "call-events" => own_number(table, Mode::Live).await,
            "calls" => own_number(table, Mode::Test).await,
            "carrier-callbacks" => carrier_number(table, &self.vault()).await,
            _ => {}
        }
    }
}

/// The number on offer, owned and ringing a webhook endpoint.
async fn own_number(table: &Table, mode: Mode) {
    let tenant = Tenant::new(ORGANIZATION.parse().unwrap(), mode);
    let endpoint = fixture::endpoint();
    table.create_endpoint(tenant, &endpoint, None, TellOfEndpoint::default()).await.unwrap();
    fixture::bought(table, tenant, &fixture::slot(1), Some(endpoint.id)).await;
}

/// A credential with its token, and a number that hangs on it and rings nothing.
async fn carrier_number(table: &Table, vault: &Vault) {
    let tenant = Tenant::new(ORGANIZATION.parse().unwrap(), Mode::Live);
    let id: CredentialId = CREDENTIAL.parse().unwrap();
    let place = tenant.place(SecretKind::CarrierToken, id.as_uuid());
    let token = vault.seal(&place, &"an-example-and-no-secret".into(), fixture::now()).await.unwrap();
    let callback = CallbackToken::new(tenant.org(), tenant.mode(), id, [7; 16]).hash();
    let credential = CarrierCredential { id, token, callback, ..fixture::credential(Carrier::Twilio, 1) };
    table.create_credential(tenant, &credential).await.unwrap();
    table.register_number(tenant, &fixture::carrier_number(&credential, 1), None).await.unwrap();
}
