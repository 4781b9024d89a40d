//! A queue in memory, under a clock that a test moves: what is sent with a delay lies there until its time.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use aws_sdk_sqs::{
    Client,
    config::{BehaviorVersion, Builder, Credentials, Region, retry::RetryConfig},
    operation::{
        send_message::{SendMessageInput, SendMessageOutput},
        send_message_batch::{SendMessageBatchInput, SendMessageBatchOutput},
    },
    types::{SendMessageBatchRequestEntry, SendMessageBatchResultEntry},
};
use aws_smithy_mocks::{MockResponseInterceptor, RuleMode, create_mock_http_client, mock};
use queue::Sender;

use crate::Recorder;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// When it is seen: milliseconds since 1970.
    at: i64,
    /// The delay in seconds with which it was sent.
    pub delay_seconds: i32,
    /// Its group.
    pub group: String,
    /// Its text.
    pub body: String,
}

/// The queue. Cheap to clone; clones are one queue.
#[derive(Debug, Clone)]
pub struct Mailbox {
    letters: Arc<Mutex<Vec<Letter>>>,
    /// How many messages of each group were given fairly so far.
    given: Arc<Mutex<HashMap<String, usize>>>,
    clock: Arc<AtomicI64>,
}

impl Mailbox {
    /// An empty queue under this clock.
    #[must_use]
    pub fn new(clock: Arc<AtomicI64>) -> Self {
        Self { letters: Arc::default(), given: Arc::default(), clock }
    }

    /// Sends to it.
    #[must_use]
    pub fn sender(&self) -> Sender {
        Sender::new(Client::from_conf(self.config().build()), "https://mailbox".to_owned())
    }

    /// Sends to it under this name, with all that is sent written down.
    #[must_use]
    pub fn recorded_sender(&self, name: &str, recorder: &Recorder) -> Sender {
        Sender::new(Client::from_conf(self.config().interceptor(recorder.clone()).build()), name.to_owned())
    }

    fn config(&self) -> Builder {
        let mailbox = self.clone();
        let rule = mock!(Client::send_message_batch).then_compute_output(move |request: &SendMessageBatchInput| {
            for entry in request.entries() {
                let group = entry.message_group_id().unwrap_or_default().to_owned();
                mailbox.put(entry.delay_seconds(), group, entry.message_body().to_owned());
            }
            let taken = request.entries().iter().map(taken).collect();
            SendMessageBatchOutput::builder().set_successful(Some(taken)).set_failed(Some(vec![])).build().unwrap()
        });
        let mailbox = self.clone();
        let alone = mock!(Client::send_message).then_compute_output(move |request: &SendMessageInput| {
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            mailbox.put(request.delay_seconds(), text(request.message_group_id()), text(request.message_body()));
            SendMessageOutput::builder().build()
        });
        aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "tests"))
            .retry_config(RetryConfig::disabled())
            .http_client(create_mock_http_client())
            .interceptor(MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny).with_rule(&rule).with_rule(&alone))
    }

    fn put(&self, delay_seconds: Option<i32>, group: String, body: String) {
        let delay_seconds = delay_seconds.unwrap_or(0);
        let at = self.clock.load(Ordering::SeqCst) + i64::from(delay_seconds) * 1_000;
        self.letters.lock().unwrap().push(Letter { at, delay_seconds, group, body });
    }

    /// How many messages lie there, those included that are not seen yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.letters.lock().unwrap().len()
    }

    /// Whether nothing lies there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the next message is seen.
    #[must_use]
    pub fn next_at(&self) -> Option<i64> {
        self.letters.lock().unwrap().iter().map(|letter| letter.at).min()
    }

    /// Takes out what is seen now, at most `limit` messages.
    #[must_use]
    pub fn take(&self, limit: usize) -> Vec<String> {
        let now = self.clock.load(Ordering::SeqCst);
        let mut letters = self.letters.lock().unwrap();
        let taken: Vec<usize> = (0..letters.len()).filter(|at| letters[*at].at <= now).take(limit).collect();
        taken.into_iter().rev().map(|at| letters.swap_remove(at).body).collect()
    }

    /// Takes out what is seen now, at most `limit` messages: those of a group that had less go before those of one that had more.
    ///
    /// A model of the best that "fair queues" of SQS can do, which favour groups with few messages in flight and promise
    /// shorter waits, no order. [`take`](Self::take) is the worst: what a test proves with both does not rest on the queue.
    #[must_use]
    pub fn take_fairly(&self, limit: usize) -> Vec<String> {
        let now = self.clock.load(Ordering::SeqCst);
        let (mut letters, mut given) = (self.letters.lock().unwrap(), self.given.lock().unwrap());
        let mut taken = Vec::new();
        while taken.len() < limit {
            let had = |letter: &Letter| given.get(&letter.group).copied().unwrap_or(0);
            let seen = letters.iter().enumerate().filter(|(_, letter)| letter.at <= now);
            let Some((at, _)) = seen.min_by_key(|(_, letter)| had(letter)) else { break };
            let letter = letters.swap_remove(at);
            *given.entry(letter.group).or_default() += 1;
            taken.push(letter.body);
        }
        taken
    }

    /// Takes out everything in the order in which it was sent, seen or not, each with the delay in seconds it was sent with.
    #[must_use]
    pub fn take_all(&self) -> Vec<(String, i32)> {
        self.take_letters().into_iter().map(|letter| (letter.body, letter.delay_seconds)).collect()
    }

    /// The same with everything that is known of each.
    #[must_use]
    pub fn take_letters(&self) -> Vec<Letter> {
        std::mem::take(&mut *self.letters.lock().unwrap())
    }
}

/// What the queue says of a message that it took: a name for it, made of the text.
fn taken(entry: &SendMessageBatchRequestEntry) -> SendMessageBatchResultEntry {
    let named = entry.message_body().bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let result = SendMessageBatchResultEntry::builder().id(entry.id()).message_id(format!("message-{named:x}"));
    result.md5_of_message_body("").build().unwrap()
}
