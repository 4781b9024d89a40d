//! A table of one's own: DynamoDB's semantics and exact capacity figures, in process, reached over loopback.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    config::{
        BehaviorVersion, Builder, ConfigBag, Credentials, Intercept, Region, RuntimeComponents,
        interceptors::BeforeDeserializationInterceptorContextRef, retry::RetryConfig, timeout::TimeoutConfig,
    },
    error::BoxError,
    types::{
        AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType,
    },
};
use dynoxide::{Database, server};
use store::{SECONDARY_INDEXES, Table};
use tokio::{net::TcpListener, sync::oneshot};

use crate::{
    Recorder,
    faults::{Faults, Wire},
    outage::{Asked, Outage},
};

/// The table's name.
pub const NAME: &str = "trunkline";

/// A fresh table. It and its server end when this is dropped.
#[derive(Debug)]
pub struct LocalTable {
    /// The table.
    pub table: Table,
    /// The client behind it, to look at raw items.
    pub client: Client,
    /// Where the server listens.
    pub endpoint_url: String,
    bytes: Answers,
    _stop: oneshot::Sender<()>,
}

impl LocalTable {
    /// Starts a server on a free port and creates the table with the indexes that the store names.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let database = Database::memory().unwrap();
        tokio::spawn(server::serve_with_shutdown(listener, database, async { drop(stopped.await) }));
        let bytes = Answers::default();
        let client = Client::from_conf(config(&endpoint).interceptor(bytes.clone()).build());
        create(&client).await;
        Self { table: Table::new(client.clone(), NAME), client, endpoint_url: endpoint, bytes, _stop: stop }
    }

    /// How many bytes the table has answered so far.
    #[must_use]
    pub fn bytes_answered(&self) -> u64 {
        self.bytes.0.load(Ordering::Relaxed)
    }

    /// The table as it is reached over a wire on which requests meet faults: with the retries of a function, in less time.
    pub async fn over(&self, wire: &Wire, faults: Faults) -> Table {
        let retries = RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(20));
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(500)).build();
        let config = config(&wire.to(&self.endpoint_url, faults).await).retry_config(retries).timeout_config(timeouts);
        Table::new(Client::from_conf(config.build()), NAME)
    }

    /// The table, with all that is asked of it written down.
    #[must_use]
    pub fn recorded(&self, recorder: &Recorder) -> Table {
        let config = self.client.config().to_builder().interceptor(recorder.clone()).build();
        Table::new(Client::from_conf(config), NAME)
    }

    /// The table as it is where requests fail of which this is true.
    #[must_use]
    pub fn failing(&self, fails: impl Fn(Asked<'_>) -> bool + Send + Sync + 'static) -> Table {
        let config = self.client.config().to_builder().interceptor(Outage::new(fails)).build();
        Table::new(Client::from_conf(config), NAME)
    }

    /// Every item of the table, as the SDK carries it.
    pub async fn dump(&self) -> Vec<std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>> {
        self.client.scan().table_name(NAME).into_paginator().items().send().collect::<Result<_, _>>().await.unwrap()
    }

    /// Everything that is stored, each item as a text of its own, in an order of its own: equal as long as nothing was written
    /// but the use of keys.
    pub async fn stored(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.dump_unused().await.into_iter().map(|item| ordered(&AttributeValue::M(item))).collect();
        texts.sort();
        texts
    }

    /// Every item as it would be if nobody had used a key: what a request leaves behind that is refused.
    pub async fn dump_unused(&self) -> Vec<std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>> {
        let mut items = self.dump().await;
        items.iter_mut().for_each(|item| drop(item.remove("last_used_at")));
        items
    }
}

/// A client of a local DynamoDB.
#[must_use]
pub fn client(endpoint: &str) -> Client {
    Client::from_conf(config(endpoint).build())
}

fn config(endpoint: &str) -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
}

/// Counts the bytes of answers' bodies.
#[derive(Debug, Clone, Default)]
struct Answers(Arc<AtomicU64>);

impl Intercept for Answers {
    fn name(&self) -> &'static str {
        "Answers"
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let length = context.response().headers().get("content-length").and_then(|length| length.parse().ok());
        self.0.fetch_add(length.unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }
}

/// A value as text, the same for equal values.
fn ordered(value: &AttributeValue) -> String {
    match value {
        AttributeValue::M(map) => {
            let mut parts: Vec<String> = map.iter().map(|(name, value)| format!("{name}: {}", ordered(value))).collect();
            parts.sort();
            format!("{{{}}}", parts.join(", "))
        }
        AttributeValue::L(list) => format!("[{}]", list.iter().map(ordered).collect::<Vec<_>>().join(", ")),
        other => format!("{other:?}"),
    }
}

async fn create(client: &Client) {
    let mut request = client.create_table().table_name(NAME).billing_mode(BillingMode::PayPerRequest);
    for name in ["pk", "sk"].into_iter().chain(SECONDARY_INDEXES.iter().flat_map(|(_, pk, sk)| [*pk, *sk])) {
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        request = request.attribute_definitions(definition.build().unwrap());
    }
    for (index, pk, sk) in SECONDARY_INDEXES {
        let projection = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let index = GlobalSecondaryIndex::builder().index_name(index).projection(projection).set_key_schema(Some(key(pk, sk)));
        request = request.global_secondary_indexes(index.build().unwrap());
    }
    request.set_key_schema(Some(key("pk", "sk"))).send().await.expect("the table is created");
}

fn key(pk: &str, sk: &str) -> Vec<KeySchemaElement> {
    [(pk, KeyType::Hash), (sk, KeyType::Range)]
        .into_iter()
        .map(|(name, kind)| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap())
        .collect()
}
