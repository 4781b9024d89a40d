//! AWS at one address, as far as functions ask of it: the local table behind DynamoDB's operations, queues that keep what
//! is sent, and a key that is always the same. No function waits for more than these.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderName, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HOST},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use vault::Vault;

/// Where DynamoDB, SQS and KMS answer.
#[derive(Debug)]
pub(super) struct Aws {
    /// As this process reaches it.
    own_url: String,
    /// As the function reaches it.
    endpoint_url: String,
    state: Arc<Behind>,
    task: JoinHandle<()>,
}

/// What stands behind the address.
#[derive(Debug)]
struct Behind {
    table_url: String,
    client: reqwest::Client,
    sent: Mutex<HashMap<String, usize>>,
}

macro_rules! client {
    ($sdk:ident, $url:expr) => {
        $sdk::Client::from_conf(
            $sdk::config::Builder::new()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .credentials_provider(Credentials::new("test", "test", None, None, "events"))
                .endpoint_url($url)
                .build(),
        )
    };
}

impl Aws {
    pub(super) async fn start(table_url: &str, listen: IpAddr, host: &str) -> Self {
        let listener = TcpListener::bind((listen, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let state = Arc::new(Behind { table_url: table_url.to_owned(), client, sent: Mutex::default() });
        let app = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let endpoint_url = format!("http://{host}:{}", address.port());
        Self { own_url: format!("http://{address}"), endpoint_url, state, task }
    }

    pub(super) fn endpoint_url(&self) -> &str {
        &self.endpoint_url
    }

    pub(super) fn vault(&self) -> Vault {
        Vault::new(client!(aws_sdk_kms, &self.own_url), "alias/vault".to_owned())
    }

    pub(super) fn sender(&self, queue_url: &str) -> queue::Sender {
        queue::Sender::new(client!(aws_sdk_sqs, &self.own_url), queue_url.to_owned())
    }

    pub(super) fn sent(&self, queue_url: &str) -> usize {
        self.state.sent.lock().unwrap().get(queue_url).copied().unwrap_or(0)
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(behind): State<Arc<Behind>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default().to_owned();
    let request = || serde_json::from_slice::<Value>(&body).unwrap();
    match target.split_once('.') {
        Some(("DynamoDB_20120810", _)) => behind.ask_the_table(headers, body).await,
        Some(("AmazonSQS", "SendMessageBatch")) => Json(behind.keep(&request())).into_response(),
        Some(("AmazonSQS", "SendMessage")) => Json(behind.keep_one(&request())).into_response(),
        Some(("TrentService", operation @ ("GenerateDataKey" | "Decrypt"))) => Json(data_key(operation)).into_response(),
        _ => (StatusCode::BAD_REQUEST, Json(json!({ "__type": "UnknownOperationException", "message": target }))).into_response(),
    }
}

impl Behind {
    async fn ask_the_table(&self, mut headers: HeaderMap, body: Bytes) -> Response {
        headers.remove(HOST);
        headers.remove(CONTENT_LENGTH);
        let answer = self.client.post(&self.table_url).headers(headers).body(body).send().await.unwrap();
        let status = answer.status();
        let headers: HeaderMap = answer.headers().iter().filter(|(name, _)| told_on(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
        (status, headers, answer.bytes().await.unwrap()).into_response()
    }

    fn keep(&self, request: &Value) -> Value {
        let entries = request["Entries"].as_array().unwrap();
        let kept = entries.iter().map(|entry| json!({ "Id": entry["Id"], "MessageId": self.count(request), "MD5OfMessageBody": "" }));
        json!({ "Successful": kept.collect::<Vec<_>>(), "Failed": [] })
    }

    fn keep_one(&self, request: &Value) -> Value {
        json!({ "MessageId": self.count(request), "MD5OfMessageBody": "" })
    }

    /// Counts a message of its queue and names it.
    fn count(&self, request: &Value) -> String {
        let mut sent = self.sent.lock().unwrap();
        let number = sent.entry(request["QueueUrl"].as_str().unwrap().to_owned()).or_default();
        *number += 1;
        format!("message-{number}")
    }
}

/// Not what belongs to one connection.
fn told_on(header: &HeaderName) -> bool {
    *header == CONTENT_TYPE || header.as_str().starts_with("x-amz")
}

/// One key for everything that is sealed and opened.
fn data_key(operation: &str) -> Value {
    let key = BASE64_STANDARD.encode([7; 32]);
    if operation == "Decrypt" {
        return json!({ "Plaintext": key, "KeyId": "alias/vault", "EncryptionAlgorithm": "SYMMETRIC_DEFAULT" });
    }
    json!({ "Plaintext": key, "CiphertextBlob": BASE64_STANDARD.encode([9; 184]), "KeyId": "alias/vault" })
}
