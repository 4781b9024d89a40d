//! Sends to one queue: many messages in few requests, and the dead-letter queue with a reason.

use aws_sdk_sqs::{
    Client,
    error::{BuildError, SdkError},
    operation::{send_message::SendMessageError, send_message_batch::SendMessageBatchError},
    types::{BatchResultErrorEntry, MessageAttributeValue, SendMessageBatchRequestEntry},
};

use runtime::Lazily;

use crate::MAX_BODY_BYTES;

/// The most messages of one request. Source: `SendMessageBatch` of the SQS API reference.
pub const MAX_BATCH: usize = 10;

/// The longest delay of a message, in seconds. Source: `DelaySeconds` of the SQS API reference.
pub const MAX_DELAY_SECONDS: u16 = 900;

/// The message attribute that says why a message lies in the dead-letter queue.
pub const REASON: &str = "reason";

/// The longest reason, in characters.
pub const MAX_REASON_CHARS: usize = 256;

/// Sends to one queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sender {
    sqs: Lazily<Client>,
    queue_url: String,
}

/// A message to be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutMessage {
    /// The text: 1 byte to 256 KiB.
    pub body: String,
    /// Seconds until a consumer sees it; anything above 900 is sent as 900.
    pub delay_seconds: u16,
    /// Whose message it is, at most 128 letters, digits and punctuation: SQS serves the groups of a standard queue
    /// fairly, so that one organization's flood delays no other's.
    pub group: Option<String>,
}

/// Some or all messages may not have been sent. Sending all of them again is right: consumers expect repetitions.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A body is empty or longer than 256 KiB; nothing was sent.
    #[error("a message of {bytes} bytes cannot be sent")]
    Size {
        /// The body's length.
        bytes: usize,
    },
    /// SQS refused some messages of a batch, those it called retriable twice.
    #[error("the queue refused {count} messages, the first with {code}")]
    Refused {
        /// How many.
        count: usize,
        /// SQS's code for the first.
        code: String,
    },
    /// A batch was not answered, or with an error as a whole.
    #[error("the queue did not take a batch of messages")]
    Batch(#[source] Box<SdkError<SendMessageBatchError>>),
    /// A dead letter was not answered, or with an error.
    #[error("the dead-letter queue did not take a message")]
    Dead(#[source] Box<SdkError<SendMessageError>>),
}

impl Sender {
    /// Sends to the queue with this URL.
    #[must_use]
    pub fn new(sqs: impl Into<Lazily<Client>>, queue_url: String) -> Self {
        Self { sqs: sqs.into(), queue_url }
    }

    /// Sends all messages, up to ten and 256 KiB a request; those that SQS could not take are sent once more.
    ///
    /// # Errors
    /// [`SendError::Size`] before anything is sent; [`SendError::Refused`] and [`SendError::Batch`] at the first
    /// request that fails for good, with the requests before it sent and those after it not.
    pub async fn send_all(&self, messages: &[OutMessage]) -> Result<(), SendError> {
        if let Some(message) = messages.iter().find(|message| !(1..=MAX_BODY_BYTES).contains(&message.body.len())) {
            return Err(SendError::Size { bytes: message.body.len() });
        }
        for batch in batches(messages, |message| message.body.len()) {
            let lost = self.send_each(batch).await?;
            if let Some(first) = lost.first() {
                return Err(SendError::Refused { count: lost.len(), code: first.code.clone() });
            }
        }
        Ok(())
    }

    /// Sends messages that fit one request, those that SQS could not take once more, and answers which it did not take:
    /// an entry's id is its place in `batch`.
    pub(crate) async fn send_each(&self, batch: &[OutMessage]) -> Result<Vec<BatchResultErrorEntry>, SendError> {
        let failed = self.send_entries(batch, |_| true).await?;
        let (mut lost, retriable): (Vec<_>, Vec<_>) = failed.into_iter().partition(|failed| failed.sender_fault);
        if !retriable.is_empty() {
            lost.extend(self.send_entries(batch, |id| retriable.iter().any(|failed| failed.id == id)).await?);
        }
        Ok(lost)
    }

    /// Sends the messages of a batch whose entry ids are wanted and answers which of them failed.
    async fn send_entries(&self, batch: &[OutMessage], wanted: impl Fn(&str) -> bool) -> Result<Vec<BatchResultErrorEntry>, SendError> {
        let numbered = batch.iter().enumerate().map(|(index, message)| (index.to_string(), message));
        let entries = numbered.filter(|(id, _)| wanted(id)).map(|(id, message)| entry(id, message)).collect::<Result<_, _>>();
        let entries = entries.map_err(|error| SendError::Batch(Box::new(SdkError::construction_failure(error))))?;
        let request = self.sqs.send_message_batch().queue_url(&self.queue_url).set_entries(Some(entries));
        let answer = request.send().await.map_err(|error| SendError::Batch(Box::new(error)))?;
        let message_ids: Vec<&str> = answer.successful.iter().map(|sent| sent.message_id.as_str()).collect();
        if !message_ids.is_empty() {
            tracing::info!(?message_ids, "queued");
        }
        Ok(answer.failed)
    }

    /// Sends a message that can never succeed to this queue, a dead-letter queue, with the reason as an attribute.
    ///
    /// The reason is cut to 256 characters and what is not printable in it is replaced.
    ///
    /// # Errors
    /// [`SendError::Size`] for an empty body, [`SendError::Dead`] if the queue did not take it: the message is then
    /// still where it came from and must not be acknowledged.
    pub async fn send_dead(&self, body: &str, reason: &str) -> Result<(), SendError> {
        if body.is_empty() {
            return Err(SendError::Size { bytes: 0 });
        }
        let attribute = MessageAttributeValue::builder().data_type("String").string_value(printable(reason)).build();
        let attribute = attribute.map_err(|error| SendError::Dead(Box::new(SdkError::construction_failure(error))))?;
        let request = self.sqs.send_message().queue_url(&self.queue_url).message_body(body);
        let sent = request.message_attributes(REASON, attribute).send().await;
        sent.map(drop).map_err(|error| SendError::Dead(Box::new(error)))
    }
}

/// Cuts messages into runs that fit one request by number and by size; `length` is that of a message's body.
pub(crate) fn batches<T>(messages: &[T], length: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut rest = messages;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take(MAX_BATCH).take_while(|message| {
            bytes += length(message);
            bytes <= MAX_BODY_BYTES
        });
        let (batch, after) = rest.split_at(fits.count());
        rest = after;
        (!batch.is_empty()).then_some(batch)
    })
}

fn entry(id: String, message: &OutMessage) -> Result<SendMessageBatchRequestEntry, BuildError> {
    SendMessageBatchRequestEntry::builder()
        .id(id)
        .message_body(&message.body)
        .set_message_group_id(message.group.clone())
        .delay_seconds(message.delay_seconds.min(MAX_DELAY_SECONDS).into())
        .build()
}

/// A reason that SQS takes as an attribute: 1 to 256 printable characters.
fn printable(reason: &str) -> String {
    let clean = |c: char| {
        if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c }
    };
    let text: String = reason.trim().chars().map(clean).take(MAX_REASON_CHARS).collect();
    if text.is_empty() { "no reason given".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_sqs::operation::{
        send_message::{SendMessageInput, SendMessageOutput},
        send_message_batch::{SendMessageBatchInput, SendMessageBatchOutput},
    };
    use aws_smithy_mocks::{Rule, mock};
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{client, sender};

    fn message(body: &str) -> OutMessage {
        OutMessage { body: body.to_owned(), ..OutMessage::default() }
    }

    /// A queue that answers each batch with the next list of failures (id, sender's fault), and what it was sent.
    fn queue(failures: Vec<Vec<(&'static str, bool)>>) -> (Rule, Arc<Mutex<Vec<SendMessageBatchInput>>>) {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let failures = Mutex::new(failures.into_iter());
        let log = Arc::clone(&sent);
        let rule = mock!(Client::send_message_batch).then_compute_output(move |request: &SendMessageBatchInput| {
            log.lock().unwrap().push(request.clone());
            let failed = failures.lock().unwrap().next().unwrap_or_default();
            let failed = failed
                .into_iter()
                .map(|(id, fault)| BatchResultErrorEntry::builder().id(id).sender_fault(fault).code("InternalError").build().unwrap());
            SendMessageBatchOutput::builder().set_successful(Some(vec![])).set_failed(Some(failed.collect())).build().unwrap()
        });
        (rule, sent)
    }

    fn ids(request: &SendMessageBatchInput) -> Vec<&str> {
        request.entries().iter().map(SendMessageBatchRequestEntry::id).collect()
    }

    #[tokio::test]
    async fn messages_go_out_by_tens_with_their_delay_and_group() {
        let (rule, sent) = queue(vec![]);
        let mut messages: Vec<OutMessage> = (0..23).map(|index| message(&index.to_string())).collect();
        messages[22] = OutMessage { body: "last".into(), delay_seconds: 1000, group: Some("org".into()) };
        sender(&[&rule]).send_all(&messages).await.unwrap();
        let sent = sent.lock().unwrap();
        assert_eq!(sent.iter().map(|request| request.entries().len()).collect::<Vec<_>>(), [10, 10, 3]);
        let last = &sent[2].entries()[2];
        assert_eq!((last.message_body(), last.delay_seconds(), last.message_group_id()), ("last", Some(900), Some("org")));
        assert_eq!(sent[0].entries()[0].message_group_id(), None);
        assert_eq!(sent[0].queue_url(), Some("https://queue"));
    }

    #[tokio::test]
    async fn nothing_to_send_costs_nothing() {
        sender(&[]).send_all(&[]).await.unwrap();
    }

    #[tokio::test]
    async fn what_the_queue_could_not_take_is_sent_once_more_alone() {
        let (rule, sent) = queue(vec![vec![("1", false)], vec![]]);
        sender(&[&rule]).send_all(&[message("a"), message("b"), message("c")]).await.unwrap();
        let sent = sent.lock().unwrap();
        assert_eq!(ids(&sent[0]), ["0", "1", "2"]);
        assert_eq!(ids(&sent[1]), ["1"]);
        assert_eq!(sent[1].entries()[0].message_body(), "b");
    }

    #[tokio::test]
    async fn what_fails_twice_is_an_error() {
        let (rule, sent) = queue(vec![vec![("0", false), ("2", false)], vec![("2", false)]]);
        let error = sender(&[&rule]).send_all(&[message("a"), message("b"), message("c")]).await.unwrap_err();
        assert!(matches!(error, SendError::Refused { count: 1, ref code } if code == "InternalError"), "{error:?}");
        assert_eq!(sent.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn the_senders_own_fault_is_not_repeated_and_does_not_hold_up_the_others() {
        let (rule, sent) = queue(vec![vec![("0", true), ("1", false)], vec![]]);
        let error = sender(&[&rule]).send_all(&[message("a"), message("b")]).await.unwrap_err();
        assert!(matches!(error, SendError::Refused { count: 1, .. }));
        assert_eq!(ids(&sent.lock().unwrap()[1]), ["1"]);
    }

    #[tokio::test]
    async fn an_error_of_the_whole_batch_is_an_error() {
        let rule = mock!(Client::send_message_batch)
            .then_error(|| SendMessageBatchError::generic(aws_sdk_sqs::error::ErrorMetadata::builder().code("AccessDenied").build()));
        let sender = Sender::new(client(&[&rule]), "https://queue".to_owned());
        assert!(matches!(sender.send_all(&[message("a")]).await, Err(SendError::Batch(_))));
    }

    #[tokio::test]
    async fn a_message_of_an_impossible_size_stops_all_before_anything_is_sent() {
        let too_long = "x".repeat(MAX_BODY_BYTES + 1);
        for body in ["", &too_long] {
            let sent = sender(&[]).send_all(&[message("a"), message(body)]).await;
            assert!(matches!(sent, Err(SendError::Size { bytes }) if bytes == body.len()));
        }
    }

    #[tokio::test]
    async fn a_dead_letter_carries_its_reason() {
        let rule = mock!(Client::send_message)
            .match_requests(|request: &SendMessageInput| {
                let reason = request.message_attributes().and_then(|attributes| attributes.get("reason"));
                request.message_body() == Some("{}")
                    && reason.is_some_and(|reason| reason.data_type() == "String" && reason.string_value() == Some("a b"))
            })
            .then_output(|| SendMessageOutput::builder().build());
        sender(&[&rule]).send_dead("{}", "a\nb").await.unwrap();
        assert_eq!(rule.num_calls(), 1);
    }

    proptest! {
        #[test]
        fn batches_keep_the_order_and_stay_within_both_limits(lengths in proptest::collection::vec(1_usize..=MAX_BODY_BYTES, 0..30)) {
            let messages: Vec<OutMessage> = lengths.iter().map(|length| message(&"x".repeat(*length))).collect();
            let cut: Vec<&[OutMessage]> = batches(&messages, |message| message.body.len()).collect();
            prop_assert!(cut.iter().all(|batch| (1..=MAX_BATCH).contains(&batch.len())));
            prop_assert!(cut.iter().all(|batch| batch.iter().map(|message| message.body.len()).sum::<usize>() <= MAX_BODY_BYTES));
            prop_assert_eq!(cut.concat(), messages);
        }

        #[test]
        fn every_reason_can_be_an_attribute(reason in any::<String>()) {
            let text = printable(&reason);
            prop_assert!((1..=MAX_REASON_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control));
        }
    }
}
