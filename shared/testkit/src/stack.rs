//! The running stack, as `cargo xtask up` describes it in `stack.json`.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context as _;
use aws_sdk_sqs::{
    config::{BehaviorVersion, Credentials, Region},
    types::Message,
};
use serde::Deserialize;
use store::Table;

/// Where everything is.
#[derive(Debug, Clone, Deserialize)]
pub struct Stack {
    /// The API, without a slash at the end.
    pub base_url: String,
    /// The demo organization.
    pub organization_id: String,
    /// Its live key.
    pub live_key: String,
    /// Its test key.
    pub test_key: String,
    /// The table's name.
    pub table: String,
    /// Queue URLs by name.
    pub queues: BTreeMap<String, String>,
    /// How users' tokens are signed.
    pub jwt: Jwt,
    /// How AWS is reached.
    pub aws: Aws,
}

/// How users' tokens are signed (HS256) that the stack believes.
#[derive(Debug, Clone, Deserialize)]
pub struct Jwt {
    /// The issuer that they name.
    pub issuer: String,
    /// The secret.
    pub secret: String,
}

/// What an AWS client needs.
#[derive(Debug, Clone, Deserialize)]
pub struct Aws {
    endpoint_url: String,
    region: String,
    access_key_id: String,
    secret_access_key: String,
}

/// A message that lies in a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message as it was sent.
    pub body: String,
    /// Why it lies here, if a function put it here.
    pub reason: Option<String>,
}

macro_rules! config {
    ($sdk:ident, $aws:expr) => {{
        let aws = $aws;
        $sdk::config::Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(aws.region.clone()))
            .credentials_provider(Credentials::new(&aws.access_key_id, &aws.secret_access_key, None, None, "stack"))
            .endpoint_url(&aws.endpoint_url)
            .build()
    }};
}

impl Stack {
    /// Reads the description that `TRUNKLINE_STACK` names.
    ///
    /// # Errors
    /// If there is none: no stack runs.
    pub fn load() -> anyhow::Result<Self> {
        let path =
            std::env::var_os("TRUNKLINE_STACK").map(PathBuf::from).context("TRUNKLINE_STACK names no stack: run cargo xtask up or test")?;
        let text = std::fs::read_to_string(&path).with_context(|| format!("no stack runs: {} cannot be read", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a stack", path.display()))
    }

    /// Where the stack's services answer.
    #[must_use]
    pub fn endpoint_url(&self) -> &str {
        &self.aws.endpoint_url
    }

    /// The variables that tell a function who it is: region and credentials.
    #[must_use]
    pub fn identity(&self) -> Vec<(String, String)> {
        let Aws { region, access_key_id, secret_access_key, .. } = &self.aws;
        [("AWS_REGION", region), ("AWS_ACCESS_KEY_ID", access_key_id), ("AWS_SECRET_ACCESS_KEY", secret_access_key)]
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .to_vec()
    }

    /// A client of the stack's SQS.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::from_conf(config!(aws_sdk_sqs, &self.aws))
    }

    /// A client of the stack's KMS.
    #[must_use]
    pub fn kms(&self) -> aws_sdk_kms::Client {
        aws_sdk_kms::Client::from_conf(config!(aws_sdk_kms, &self.aws))
    }

    /// A vault under a KMS key of its own.
    pub async fn vault(&self) -> vault::Vault {
        let kms = self.kms();
        let key = kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
        vault::Vault::new(kms, key)
    }

    /// The stack's table.
    #[must_use]
    pub fn table(&self) -> Table {
        Table::new(self.dynamodb(), self.table.as_str())
    }

    /// Every item of the table, as text to be searched.
    pub async fn dump_table(&self) -> String {
        let items: Vec<_> =
            self.dynamodb().scan().table_name(&self.table).into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
        format!("{items:?}")
    }

    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::from_conf(config!(aws_sdk_dynamodb, &self.aws))
    }

    /// What lies in the dead-letter queues now, as text to be searched. It stays there, for others unseen for a moment.
    pub async fn dump_dead_letters(&self) -> String {
        self.dump(|name| name.ends_with("-dead-letters")).await
    }

    /// What lies in all queues now. Looking counts as receiving: not while anything else works.
    pub async fn dump_queues(&self) -> String {
        self.dump(|_| true).await
    }

    async fn dump(&self, wanted: impl Fn(&str) -> bool) -> String {
        let mut text = String::new();
        for (_, url) in self.queues.iter().filter(|(name, _)| wanted(name)) {
            loop {
                let request = self.sqs().receive_message().queue_url(url).max_number_of_messages(10).visibility_timeout(2);
                let answer = request.message_attribute_names("All").send().await.unwrap();
                if answer.messages().is_empty() {
                    break;
                }
                text += &format!("{:?}", answer.messages());
            }
        }
        text
    }

    /// What all functions and the cloud itself have logged so far.
    pub async fn logs(&self) -> String {
        let client = aws_sdk_cloudwatchlogs::Client::from_conf(config!(aws_sdk_cloudwatchlogs, &self.aws));
        let groups: Vec<_> = client.describe_log_groups().into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
        let stack = std::env::var_os("TRUNKLINE_STACK").map(PathBuf::from).unwrap();
        let mut logs = String::from_utf8_lossy(&std::fs::read(stack.with_file_name("cloud.log")).unwrap()).into_owned();
        for name in groups.iter().filter_map(|group| group.log_group_name()) {
            let mut pages = client.filter_log_events().log_group_name(name).into_paginator().send();
            while let Some(page) = pages.next().await {
                page.unwrap().events().iter().filter_map(|event| event.message()).for_each(|line| logs.extend([line, "\n"]));
            }
        }
        logs
    }

    /// A queue's URL.
    #[must_use]
    pub fn queue(&self, name: &str) -> &str {
        self.queues.get(name).unwrap_or_else(|| panic!("the stack has no queue {name}"))
    }

    /// Sends messages to a queue, ten a request.
    pub async fn send(&self, queue: &str, bodies: &[String]) {
        let messages: Vec<_> = bodies.iter().map(|body| queue::OutMessage { body: body.clone(), ..Default::default() }).collect();
        queue::Sender::new(self.sqs(), self.queue(queue).to_owned()).send_all(&messages).await.unwrap();
    }

    /// What lies in a dead-letter queue now, as far as nobody else holds it. It stays there, for others unseen for a moment.
    pub async fn dead_letters(&self, queue: &str) -> Vec<DeadLetter> {
        let reason = |message: &Message| message.message_attributes()?.get("reason")?.string_value().map(str::to_owned);
        let read = |message: &Message| DeadLetter { body: message.body().unwrap_or_default().to_owned(), reason: reason(message) };
        let mut letters = Vec::new();
        loop {
            let request = self.sqs().receive_message().queue_url(self.queue(queue)).max_number_of_messages(10).visibility_timeout(2);
            let answer = request.message_attribute_names("All").send().await.unwrap();
            if answer.messages().is_empty() {
                return letters;
            }
            letters.extend(answer.messages().iter().map(read));
        }
    }
}
