//! A batch from SQS, each record handled alone: one that fails comes back alone, one that never can succeed leaves.
//!
//! Knows nothing of what the messages mean, and logs no body: bodies carry phone numbers and transcripts.

use std::{
    borrow::Cow,
    error::Error,
    fmt::Display,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tracing::Instrument as _;

use crate::Sender;

/// How many records are handled at once. SQS sends up to 10 unless a batching window is set.
const CONCURRENT: usize = 32;

/// One message as a handler sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// SQS's id of the message; empty if there was none.
    pub message_id: String,
    /// The text.
    pub body: String,
    /// How often it has been received, this time included; 0 if SQS did not say.
    pub receive_count: u32,
}

/// Why a record was not handled.
#[derive(Debug)]
pub enum Failure {
    /// It may succeed later: the queue brings it again and gives up after its `maxReceiveCount`.
    Retry(Box<dyn Error + Send + Sync>),
    /// It can never succeed: it goes to the dead-letter queue with this reason, which repeats no secret.
    Never {
        /// For people; 256 characters of it are kept.
        reason: String,
    },
}

impl Failure {
    /// A failure that may pass.
    pub fn retry(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Retry(cause.into())
    }

    /// A failure for good.
    pub fn never(reason: impl Into<String>) -> Self {
        Self::Never { reason: reason.into() }
    }
}

/// Handles every record of a batch and answers which of them the queue must bring again.
///
/// Records are handled at the same time, each as if it were alone: an error or a panic of one changes nothing for
/// the others. What can never succeed is sent to `dead_letters` and acknowledged; if that fails, it is brought
/// again. What is not done within `limit` is given up where it stands, as a crash would do, and brought again: an answer
/// that comes too late would bring all of them. A record without a body is brought again until the queue's own redrive moves it. A failed record without
/// a message id can only be brought again with its whole batch, which an empty id in the answer asks for.
///
/// The event source mapping needs `ReportBatchItemFailures`. One log line is written for each record.
pub async fn each<F, Fut>(event: SqsEvent, limit: Duration, dead_letters: &Sender, handle: F) -> SqsBatchResponse
where
    F: Fn(Arc<Record>) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    let (handle, begun) = (&handle, Instant::now());
    let left = || limit.saturating_sub(begun.elapsed());
    let failed: Vec<String> = stream::iter(event.records)
        .map(|message| async move { one(message, left(), dead_letters, handle).await })
        .buffer_unordered(CONCURRENT)
        .filter_map(|failed| async move { failed })
        .collect()
        .await;
    let mut answer = SqsBatchResponse::default();
    for message_id in failed {
        answer.add_failure(message_id);
    }
    answer
}

/// Says on the log lines of the record that is handled whose it is.
pub fn belongs_to(organization: impl Display) {
    tracing::Span::current().record("organization_id", tracing::field::display(organization));
}

/// Handles one record; its id if the queue must bring it again. What is logged meanwhile carries the message's id, which whoever
/// sent the message has logged too.
async fn one<F, Fut>(message: SqsMessage, limit: Duration, dead_letters: &Sender, handle: &F) -> Option<String>
where
    F: Fn(Arc<Record>) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    let message_id = message.message_id.clone().unwrap_or_default();
    // So that a line of any level is within it.
    let span = tracing::error_span!("message", message_id, organization_id = tracing::field::Empty);
    alone(message, message_id, limit, dead_letters, handle).instrument(span).await
}

async fn alone<F, Fut>(message: SqsMessage, message_id: String, limit: Duration, dead_letters: &Sender, handle: &F) -> Option<String>
where
    F: Fn(Arc<Record>) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    let start = Instant::now();
    let (outcome, reason) = match Record::read(message) {
        Some(record) => tokio::time::timeout(limit, settle(Arc::new(record), dead_letters, handle))
            .await
            .unwrap_or((Settled::Again, Cow::Borrowed("the function's time ran out"))),
        None => (Settled::Again, Cow::Borrowed("the record has no body")),
    };
    let duration_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    match outcome {
        Settled::Done => tracing::info!(outcome = "done", duration_ms, "message"),
        Settled::Buried => tracing::warn!(outcome = "dead", %reason, duration_ms, "message"),
        Settled::Again => tracing::warn!(outcome = "retry", %reason, duration_ms, "message"),
    }
    matches!(outcome, Settled::Again).then_some(message_id)
}

/// What became of a record.
enum Settled {
    Done,
    Buried,
    Again,
}

async fn settle<F, Fut>(record: Arc<Record>, dead_letters: &Sender, handle: &F) -> (Settled, Cow<'static, str>)
where
    F: Fn(Arc<Record>) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    // Making the future may panic as well as running it.
    let handled = AssertUnwindSafe(async { handle(Arc::clone(&record)).await }).catch_unwind().await;
    match handled {
        Ok(Ok(())) => (Settled::Done, Cow::Borrowed("")),
        Ok(Err(Failure::Retry(cause))) => (Settled::Again, chain(&*cause).into()),
        Ok(Err(Failure::Never { reason })) => match dead_letters.send_dead(&record.body, &reason).await {
            Ok(()) => (Settled::Buried, reason.into()),
            Err(error) => (Settled::Again, format!("{reason}; and no dead letter: {}", chain(&error)).into()),
        },
        Err(_) => (Settled::Again, Cow::Borrowed("the handler panicked")),
    }
}

impl Record {
    fn read(message: SqsMessage) -> Option<Self> {
        let body = message.body.filter(|body| !body.is_empty())?;
        let receive_count = message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        Some(Self { message_id: message.message_id.unwrap_or_default(), body, receive_count: receive_count.unwrap_or(0) })
    }
}

/// An error and its causes on one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_sdk_sqs::{
        Client,
        operation::send_message::{SendMessageError, SendMessageInput, SendMessageOutput},
    };
    use aws_smithy_mocks::{Rule, mock};
    use serde_json::json;

    use super::*;
    use crate::testing::sender;

    fn event(records: &serde_json::Value) -> SqsEvent {
        serde_json::from_value(json!({ "Records": records })).unwrap()
    }

    fn record(id: &str, body: &str) -> serde_json::Value {
        json!({ "messageId": id, "body": body, "attributes": { "ApproximateReceiveCount": "3" } })
    }

    fn takes_dead_letters() -> (Rule, Arc<Mutex<Vec<String>>>) {
        let letters = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&letters);
        let rule = mock!(Client::send_message).then_compute_output(move |request: &SendMessageInput| {
            let reason = request.message_attributes().and_then(|attributes| attributes["reason"].string_value());
            log.lock().unwrap().push(format!("{}: {}", request.message_body().unwrap_or_default(), reason.unwrap_or_default()));
            SendMessageOutput::builder().build()
        });
        (rule, letters)
    }

    fn failed(answer: &SqsBatchResponse) -> Vec<&str> {
        let mut ids: Vec<&str> = answer.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        ids.sort_unstable();
        ids
    }

    /// Does what the body says.
    async fn obey(record: Arc<Record>) -> Result<(), Failure> {
        assert_ne!(record.body, "panic");
        match record.body.as_str() {
            "retry" => Err(Failure::retry("the table is throttled")),
            "never" => Err(Failure::never("no such thing")),
            _ => Ok(()),
        }
    }

    #[tokio::test]
    async fn each_record_stands_and_falls_alone() {
        let (takes, letters) = takes_dead_letters();
        let records = json!([record("a", "ok"), record("b", "retry"), record("c", "never"), record("d", "panic"), record("e", "ok")]);
        let answer = each(event(&records), Duration::MAX, &sender(&[&takes]), obey).await;
        assert_eq!(failed(&answer), ["b", "d"]);
        assert_eq!(*letters.lock().unwrap(), ["never: no such thing"]);
    }

    #[tokio::test]
    async fn what_cannot_be_buried_is_not_acknowledged() {
        let full = mock!(Client::send_message)
            .then_error(|| SendMessageError::generic(aws_sdk_sqs::error::ErrorMetadata::builder().code("AccessDenied").build()));
        let answer = each(event(&json!([record("a", "never"), record("b", "ok")])), Duration::MAX, &sender(&[&full]), obey).await;
        assert_eq!(failed(&answer), ["a"]);
    }

    #[tokio::test]
    async fn a_record_without_a_body_is_left_to_the_queues_redrive() {
        let records =
            json!([{ "messageId": "a" }, { "messageId": "b", "body": "" }, { "messageId": "c", "body": null }, record("d", "ok")]);
        let answer = each(event(&records), Duration::MAX, &sender(&[]), obey).await;
        assert_eq!(failed(&answer), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn a_record_without_an_id_is_handled_and_brings_the_batch_back_if_it_fails() {
        let done = each(event(&json!([{ "body": "ok" }])), Duration::MAX, &sender(&[]), obey).await;
        assert!(failed(&done).is_empty());
        let answer = each(event(&json!([{ "body": "retry" }, record("b", "ok")])), Duration::MAX, &sender(&[]), obey).await;
        assert_eq!(failed(&answer), [""], "Lambda takes an empty id as the failure of the whole batch");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_done_in_time_is_brought_again_and_the_rest_is_not() {
        let records = json!([record("a", "ok"), record("b", "hang"), record("c", "slow"), record("d", "ok")]);
        let handle = async |record: Arc<Record>| {
            let wait_seconds = match record.body.as_str() {
                "hang" => 3_600,
                "slow" => 9,
                _ => 0,
            };
            tokio::time::sleep(Duration::from_secs(wait_seconds)).await;
            Ok(())
        };
        let answer = each(event(&records), Duration::from_secs(10), &sender(&[]), handle).await;
        assert_eq!(failed(&answer), ["b"]);
    }

    #[tokio::test]
    async fn an_empty_batch_is_done() {
        assert!(failed(&each(event(&json!([])), Duration::MAX, &sender(&[]), obey).await).is_empty());
    }

    #[tokio::test]
    async fn the_handler_is_told_how_often_a_message_came() {
        let seen = Mutex::new(Vec::new());
        let records = json!([record("a", "x"), { "messageId": "b", "body": "y" }]);
        let note = |record: Arc<Record>| {
            seen.lock().unwrap().push((record.message_id.clone(), record.receive_count));
            async { Ok(()) }
        };
        each(event(&records), Duration::MAX, &sender(&[]), note).await;
        assert_eq!(*seen.lock().unwrap(), [("a".to_owned(), 3), ("b".to_owned(), 0)]);
    }

    #[tokio::test]
    async fn records_are_handled_at_the_same_time() {
        let records: Vec<_> = (0..10).map(|index| record(&index.to_string(), "x")).collect();
        let all_here = tokio::sync::Barrier::new(10);
        let meet = |_| async {
            all_here.wait().await;
            Ok(())
        };
        let answer = each(event(&json!(records)), Duration::MAX, &sender(&[]), meet).await;
        assert!(failed(&answer).is_empty());
    }

    #[test]
    fn a_batch_can_be_handled_on_any_thread() {
        fn is_send(_: impl Send) {}
        is_send(each(SqsEvent::default(), Duration::MAX, &sender(&[]), obey));
    }

    #[tokio::test]
    async fn the_answer_has_the_shape_that_lambda_reads() {
        let answer = each(event(&json!([record("a", "retry")])), Duration::MAX, &sender(&[]), obey).await;
        assert_eq!(serde_json::to_value(answer).unwrap(), json!({ "batchItemFailures": [{ "itemIdentifier": "a" }] }));
    }
}
