//! A queue with its dead-letter queue, and what Lambda's event source does with it: takes batches off, deletes what was
//! handled, and has what was not handled come again.
//!
//! The queues are the stack's: real receive counts, delays and redrive. Only the wait for the visibility time-out after a
//! failure is cut short.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_sqs::{
    Client,
    types::{
        ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
    },
};
use queue::{OutMessage, Sender};
use runtime::random;
use serde_json::{Value, json};

use crate::{Stack, lambda::Outcome};

/// The most messages of one batch, as in the template.
pub const MAX_BATCH: u32 = 10;

/// How often a message is received before the queue gives it up, as in the template.
pub const MAX_RECEIVES: u32 = 5;

/// A queue of a test's own.
#[derive(Debug)]
pub struct EventSource {
    sqs: Client,
    /// The queue's URL.
    pub url: String,
    /// The URL of the queue to which messages are moved that were received too often.
    pub dead_letters_url: String,
    most_receives: AtomicU32,
}

/// Messages that were received together.
#[derive(Debug)]
pub struct Batch(Vec<Message>);

impl EventSource {
    /// Creates both queues.
    pub async fn create(stack: &Stack) -> Self {
        let sqs = stack.sqs();
        let name = format!("source-{:032x}", u128::from_be_bytes(random::bytes()));
        let dead_letters_url = sqs.create_queue().queue_name(format!("{name}-dead")).send().await.unwrap().queue_url.unwrap();
        let asked = sqs.get_queue_attributes().queue_url(&dead_letters_url).attribute_names(QueueAttributeName::QueueArn).send().await;
        let arn = asked.unwrap().attributes.unwrap().remove(&QueueAttributeName::QueueArn).unwrap();
        let redrive = json!({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES}).to_string();
        let url = sqs
            .create_queue()
            .queue_name(name)
            .attributes(QueueAttributeName::VisibilityTimeout, "180")
            .attributes(QueueAttributeName::RedrivePolicy, redrive)
            .send()
            .await
            .unwrap()
            .queue_url
            .unwrap();
        Self { sqs, url, dead_letters_url, most_receives: AtomicU32::new(0) }
    }

    /// Sends messages.
    pub async fn send(&self, bodies: &[String]) {
        let messages: Vec<OutMessage> = bodies.iter().map(|body| OutMessage { body: body.clone(), ..OutMessage::default() }).collect();
        Sender::new(self.sqs.clone(), self.url.clone()).send_all(&messages).await.unwrap();
    }

    /// Takes up to so many messages off, `None` if there are none at this moment.
    pub async fn receive(&self, most: u32) -> Option<Batch> {
        let request = self.sqs.receive_message().queue_url(&self.url).max_number_of_messages(i32::try_from(most).unwrap());
        let answer = request.message_system_attribute_names(MessageSystemAttributeName::All).send().await.unwrap();
        let batch = Batch(answer.messages.filter(|messages| !messages.is_empty())?);
        self.most_receives.fetch_max(batch.receives(), Ordering::SeqCst);
        Some(batch)
    }

    /// Deletes what a function has handled; the rest comes again at once.
    pub async fn settle(&self, batch: Batch, outcome: &Outcome) {
        let (handled, failed): (Vec<Message>, Vec<Message>) = batch.0.into_iter().partition(|message| is_handled(message, outcome));
        if !handled.is_empty() {
            let entries = handled.iter().enumerate().map(|(at, message)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(at.to_string()).receipt_handle(message.receipt_handle().unwrap());
                entry.build().unwrap()
            });
            let sent = self.sqs.delete_message_batch().queue_url(&self.url).set_entries(Some(entries.collect())).send().await;
            assert!(sent.unwrap().failed.is_empty());
        }
        if !failed.is_empty() {
            let entries = failed.iter().enumerate().map(|(at, message)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(at.to_string()).visibility_timeout(0);
                entry.receipt_handle(message.receipt_handle().unwrap()).build().unwrap()
            });
            let sent = self.sqs.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries.collect())).send().await;
            assert!(sent.unwrap().failed.is_empty());
        }
    }

    /// How many messages the queue holds: visible, delayed and those that are being handled.
    pub async fn left(&self) -> u64 {
        let names =
            ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesNotVisible"].map(Into::into);
        let asked = self.sqs.get_queue_attributes().queue_url(&self.url).set_attribute_names(Some(names.to_vec())).send().await;
        let attributes = asked.unwrap().attributes.unwrap();
        names.iter().map(|name| attributes[name].parse::<u64>().unwrap()).sum()
    }

    /// Takes everything off for good.
    pub async fn drain(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        while let Some(batch) = self.receive(MAX_BATCH).await {
            bodies.extend(batch.0.iter().map(|message| message.body().unwrap().to_owned()));
            self.settle(batch, &Outcome::Answered(Value::Null)).await;
        }
        bodies
    }

    /// What lies in the dead-letter queue, up to ten messages.
    pub async fn dead_letters(&self) -> Vec<Message> {
        let request = self.sqs.receive_message().queue_url(&self.dead_letters_url).max_number_of_messages(10);
        request.message_attribute_names("All").send().await.unwrap().messages.unwrap_or_default()
    }

    /// How often any message was received at most.
    #[must_use]
    pub fn most_receives(&self) -> u32 {
        self.most_receives.load(Ordering::SeqCst)
    }
}

impl Batch {
    /// How many messages there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How often the message was received that was received most.
    #[must_use]
    pub fn receives(&self) -> u32 {
        self.0.iter().map(receives).max().unwrap_or(0)
    }

    /// The event that the function is invoked with.
    #[must_use]
    pub fn event(&self) -> Value {
        let record = |message: &Message| {
            json!({
                "messageId": message.message_id(),
                "receiptHandle": message.receipt_handle(),
                "body": message.body(),
                "attributes": {"ApproximateReceiveCount": receives(message).to_string()},
                "messageAttributes": {},
                "md5OfBody": message.md5_of_body(),
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:source",
                "awsRegion": "us-east-1",
            })
        };
        json!({"Records": self.0.iter().map(record).collect::<Vec<_>>()})
    }
}

fn receives(message: &Message) -> u32 {
    let attributes = message.attributes();
    attributes.and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount)).map_or(0, |count| count.parse().unwrap())
}

/// Whether a function's answer leaves a message out of those that failed. An empty id means all of them.
fn is_handled(message: &Message, outcome: &Outcome) -> bool {
    let Outcome::Answered(answer) = outcome else { return false };
    let failures = answer["batchItemFailures"].as_array().map_or(&[][..], Vec::as_slice);
    failures.iter().map(|failure| failure["itemIdentifier"].as_str()).all(|id| id != Some("") && id != message.message_id())
}
