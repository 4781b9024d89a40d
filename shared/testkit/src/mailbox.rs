//! A queue in memory, under a clock that a test moves: what is sent with a delay lies there until its time.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use aws_sdk_sqs::{
    Client,
    config::{BehaviorVersion, Builder, Credentials, Region, retry::RetryConfig},
    operation::{
        send_message::{SendMessageInput, SendMessageOutput},
        send_message_batch::{SendMessageBatchInput, SendMessageBatchOutput},
    },
};
use aws_smithy_mocks::{MockResponseInterceptor, RuleMode, create_mock_http_client, mock};
use queue::Sender;

use crate::Recorder;

/// A message, when it is seen (milliseconds since 1970), and the delay in seconds with which it was sent.
type Letter = (i64, i32, String);

/// The queue. Cheap to clone; clones are one queue.
#[derive(Debug, Clone)]
pub struct Mailbox {
    letters: Arc<Mutex<Vec<Letter>>>,
    clock: Arc<AtomicI64>,
}

impl Mailbox {
    /// An empty queue under this clock.
    #[must_use]
    pub fn new(clock: Arc<AtomicI64>) -> Self {
        Self { letters: Arc::default(), clock }
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
            let now = mailbox.clock.load(Ordering::SeqCst);
            let letters = request.entries().iter().map(|entry| {
                let delay_seconds = entry.delay_seconds().unwrap_or(0);
                (now + i64::from(delay_seconds) * 1_000, delay_seconds, entry.message_body().to_owned())
            });
            mailbox.letters.lock().unwrap().extend(letters);
            SendMessageBatchOutput::builder().set_successful(Some(vec![])).set_failed(Some(vec![])).build().unwrap()
        });
        let mailbox = self.clone();
        let alone = mock!(Client::send_message).then_compute_output(move |request: &SendMessageInput| {
            let (now, delay_seconds) = (mailbox.clock.load(Ordering::SeqCst), request.delay_seconds().unwrap_or(0));
            let letter = (now + i64::from(delay_seconds) * 1_000, delay_seconds, request.message_body().unwrap_or_default().to_owned());
            mailbox.letters.lock().unwrap().push(letter);
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
        self.letters.lock().unwrap().iter().map(|(at, ..)| *at).min()
    }

    /// Takes out what is seen now, at most `limit` messages.
    #[must_use]
    pub fn take(&self, limit: usize) -> Vec<String> {
        let now = self.clock.load(Ordering::SeqCst);
        let mut letters = self.letters.lock().unwrap();
        let taken: Vec<usize> = (0..letters.len()).filter(|at| letters[*at].0 <= now).take(limit).collect();
        taken.into_iter().rev().map(|at| letters.swap_remove(at).2).collect()
    }

    /// Takes out everything in the order in which it was sent, seen or not, each with the delay in seconds it was sent with.
    #[must_use]
    pub fn take_all(&self) -> Vec<(String, i32)> {
        std::mem::take(&mut *self.letters.lock().unwrap()).into_iter().map(|(_, delay_seconds, body)| (body, delay_seconds)).collect()
    }
}
