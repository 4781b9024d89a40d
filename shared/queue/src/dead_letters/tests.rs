//! Walks when SQS fails in part, and letters as SQS tells them. Whole walks are tried on a real queue, in `tests/contract`.

use std::sync::{Arc, Mutex};

use aws_sdk_sqs::{
    operation::{
        change_message_visibility_batch::{ChangeMessageVisibilityBatchInput, ChangeMessageVisibilityBatchOutput},
        delete_message_batch::{DeleteMessageBatchInput, DeleteMessageBatchOutput},
        receive_message::{ReceiveMessageError, ReceiveMessageInput, ReceiveMessageOutput},
        send_message_batch::{SendMessageBatchInput, SendMessageBatchOutput},
    },
    types::{BatchResultErrorEntry, Message, MessageAttributeValue, MessageSystemAttributeName},
};
use aws_smithy_mocks::{Rule, mock};

use super::*;
use crate::{MAX_BODY_BYTES, testing::client};

const STARTED_MS: i64 = 1_800_000_000_000;

/// What the queue was asked, in order: `receive`, `send a,b`, `delete r-a`, `back r-b`.
type Log = Arc<Mutex<Vec<String>>>;

/// Failures of batches, one list for each request: entry id, whether it is the sender's fault.
type Failures = Vec<Vec<(&'static str, bool)>>;

fn message(id: &str, body: &str) -> Message {
    let sent = STARTED_MS.to_string();
    let message = Message::builder().message_id(id).body(body).receipt_handle(format!("r-{id}"));
    message.attributes(MessageSystemAttributeName::SentTimestamp, sent).build()
}

fn answers<T>(all: Vec<T>) -> impl Fn() -> Option<T> {
    let all = Mutex::new(all.into_iter());
    move || all.lock().unwrap().next()
}

fn failed(failures: Vec<(&'static str, bool)>) -> Vec<BatchResultErrorEntry> {
    let entry = |(id, fault)| BatchResultErrorEntry::builder().id(id).sender_fault(fault).code("Bad").build().unwrap();
    failures.into_iter().map(entry).collect()
}

/// A queue that hands out these messages, answer by answer, then nothing, and fails as told.
struct Queue {
    log: Log,
    rules: Vec<Rule>,
}

impl Queue {
    fn new(messages: Vec<Vec<Message>>, sends: Failures, deletes: Failures) -> Self {
        let log = Log::default();
        let (note, next) = (Arc::clone(&log), answers(messages));
        let receive = mock!(Client::receive_message).then_compute_output(move |_: &ReceiveMessageInput| {
            note.lock().unwrap().push("receive".to_owned());
            ReceiveMessageOutput::builder().set_messages(next()).build()
        });
        let (note, next) = (Arc::clone(&log), answers(sends));
        let send = mock!(Client::send_message_batch).then_compute_output(move |request: &SendMessageBatchInput| {
            let bodies: Vec<&str> = request.entries().iter().map(|entry| entry.message_body()).collect();
            note.lock().unwrap().push(format!("send {}", bodies.join(",")));
            let output = SendMessageBatchOutput::builder().set_successful(Some(vec![]));
            output.set_failed(Some(failed(next().unwrap_or_default()))).build().unwrap()
        });
        let (note, next) = (Arc::clone(&log), answers(deletes));
        let delete = mock!(Client::delete_message_batch).then_compute_output(move |request: &DeleteMessageBatchInput| {
            let receipts: Vec<&str> = request.entries().iter().map(|entry| entry.receipt_handle()).collect();
            note.lock().unwrap().push(format!("delete {}", receipts.join(",")));
            let output = DeleteMessageBatchOutput::builder().set_successful(Some(vec![]));
            output.set_failed(Some(failed(next().unwrap_or_default()))).build().unwrap()
        });
        Self { rules: vec![receive, send, delete, hand_back(&log)], log }
    }

    fn letters(&self) -> DeadLetters {
        let rules: Vec<&Rule> = self.rules.iter().collect();
        DeadLetters::new(client(&rules), "https://dead".to_owned(), "https://home".to_owned(), Pace::default())
    }

    /// Sends everything home; with which it did not work.
    async fn replay(&self) -> Result<Vec<Refused>, DeadLetterError> {
        let mut refused = Vec::new();
        let each = async |walk: &mut Walk<'_>, letters: Vec<DeadLetter>| {
            refused.extend(walk.send_home(&letters).await?);
            Ok(())
        };
        self.letters().walk(started(), each).await?;
        Ok(refused)
    }

    /// The ids of the letters that a walk shows, answer by answer.
    async fn shown(&self) -> Vec<Vec<String>> {
        let mut shown = Vec::new();
        let each = async |_: &mut Walk<'_>, letters: Vec<DeadLetter>| {
            shown.push(letters.into_iter().map(|letter| letter.message_id).collect());
            Ok(())
        };
        self.letters().walk(started(), each).await.unwrap();
        shown
    }

    fn asked(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

fn hand_back(log: &Log) -> Rule {
    let note = Arc::clone(log);
    mock!(Client::change_message_visibility_batch).then_compute_output(move |request: &ChangeMessageVisibilityBatchInput| {
        let mut receipts: Vec<&str> = request.entries().iter().map(|entry| entry.receipt_handle()).collect();
        receipts.sort_unstable();
        assert!(request.entries().iter().all(|entry| entry.visibility_timeout() == Some(0)));
        note.lock().unwrap().push(format!("back {}", receipts.join(",")));
        ChangeMessageVisibilityBatchOutput::builder().set_successful(Some(vec![])).set_failed(Some(vec![])).build().unwrap()
    })
}

fn started() -> Timestamp {
    Timestamp::from_millis(STARTED_MS).unwrap()
}

fn why(refused: &[Refused]) -> Vec<(&str, &str)> {
    refused.iter().map(|refused| (refused.message_id.as_str(), refused.why.as_str())).collect()
}

#[tokio::test]
async fn every_letter_is_shown_once_and_handed_back_with_its_last_receipt() {
    let mut again = message("a", "1");
    again.receipt_handle = Some("r-a2".to_owned());
    let queue = Queue::new(vec![vec![message("a", "1"), message("b", "2")], vec![], vec![again, message("c", "3")]], vec![], vec![]);
    assert_eq!(queue.shown().await, [vec!["a", "b"], vec!["c"]]);
    assert_eq!(queue.asked(), ["receive", "receive", "receive", "receive", "receive", "back r-a2,r-b,r-c"]);
}

#[tokio::test]
async fn a_walk_ends_when_it_meets_only_what_it_knows() {
    let round = || vec![message("a", "1")];
    let queue = Queue::new(vec![round(), round(), round(), round(), round()], vec![], vec![]);
    assert_eq!(queue.shown().await, [["a"]]);
    assert_eq!(queue.asked(), ["receive", "receive", "receive", "back r-a"]);
}

#[tokio::test]
async fn what_was_sent_after_the_walk_began_is_not_shown_and_handed_back() {
    let mut newer = message("new", "1");
    newer.attributes = Some([(MessageSystemAttributeName::SentTimestamp, (STARTED_MS + 1).to_string())].into());
    let queue = Queue::new(vec![vec![newer], vec![message("old", "2")]], vec![], vec![]);
    assert_eq!(queue.shown().await, [["old"]]);
    assert_eq!(queue.asked().last().unwrap(), "back r-new,r-old");
}

#[tokio::test]
async fn only_what_the_home_queue_took_is_deleted() {
    let messages = vec![vec![message("a", "1"), message("b", "2"), message("c", "3")]];
    let queue = Queue::new(messages, vec![vec![("1", true)]], vec![]);
    let refused = queue.replay().await.unwrap();
    assert_eq!(why(&refused), [("b", "not sent: Bad")]);
    assert_eq!(queue.asked(), ["receive", "send 1,2,3", "delete r-a,r-c", "receive", "receive", "back r-b"]);
}

#[tokio::test]
async fn what_sqs_could_not_do_is_tried_once_more_alone() {
    let messages = vec![vec![message("a", "1"), message("b", "2")]];
    let queue = Queue::new(messages, vec![vec![("1", false)]], vec![vec![("0", false)]]);
    assert_eq!(queue.replay().await.unwrap(), []);
    assert_eq!(queue.asked(), ["receive", "send 1,2", "send 2", "delete r-a,r-b", "delete r-a", "receive", "receive"]);
}

#[tokio::test]
async fn what_was_sent_but_not_deleted_is_named_and_handed_back() {
    let queue = Queue::new(vec![vec![message("a", "1"), message("b", "2")]], vec![], vec![vec![("0", false)], vec![("0", false)]]);
    let refused = queue.replay().await.unwrap();
    assert_eq!(why(&refused), [("a", "sent, but not deleted: Bad: the next replay sends it again")]);
    assert_eq!(queue.asked().last().unwrap(), "back r-a");
}

#[tokio::test]
async fn letters_too_long_for_one_request_go_in_several_and_those_too_long_for_any_stay() {
    let (half, too_long) = ("x".repeat(MAX_BODY_BYTES / 2 + 1), "y".repeat(MAX_BODY_BYTES + 1));
    let messages = vec![vec![message("a", &half), message("b", &half), message("c", &too_long)]];
    let queue = Queue::new(messages, vec![], vec![]);
    let refused = queue.replay().await.unwrap();
    assert_eq!(why(&refused), [("c", "longer than 262144 bytes: its function would refuse it once more")]);
    let asked = queue.asked();
    let deleted: Vec<&String> = asked.iter().filter(|asked| asked.starts_with("delete")).collect();
    assert_eq!(deleted, ["delete r-a", "delete r-b"]);
    assert_eq!(asked.last().unwrap(), "back r-c");
}

#[tokio::test]
async fn a_walk_that_fails_hands_back_what_it_holds() {
    let log = Log::default();
    let next = answers(vec![vec![message("a", "1")]]);
    let receive = mock!(Client::receive_message)
        .sequence()
        .output(move || ReceiveMessageOutput::builder().set_messages(next()).build())
        .error(|| ReceiveMessageError::generic(aws_sdk_sqs::error::ErrorMetadata::builder().code("AccessDenied").build()))
        .build();
    let queue = Queue { rules: vec![receive, hand_back(&log)], log };
    let walked = queue.letters().walk(started(), async |_: &mut Walk<'_>, _| Ok(())).await;
    assert!(matches!(walked, Err(DeadLetterError::Receive(_))), "{walked:?}");
    assert_eq!(queue.asked(), ["back r-a"]);
}

#[test]
fn a_letter_says_why_it_lies_there_and_whose_it_is() {
    let reason = |text: &str| MessageAttributeValue::builder().data_type("String").string_value(text).build().unwrap();
    let org = "0198c0de-0000-7000-8000-000000000001";
    let mut told = message("a", &format!(r#"{{"organization_id": "{org}", "call_id": 7}}"#));
    told.message_attributes = Some([("reason".to_owned(), reason("no such number"))].into());
    let told = DeadLetter::read(told).unwrap();
    assert_eq!(told.cause, Cause::Told("no such number".to_owned()));
    assert_eq!((told.organization_id().unwrap().to_string(), told.call_id()), (org.to_owned(), None));
    assert_eq!((told.sent_at, told.as_sent().group.as_deref()), (Some(started()), Some(org)));

    let mut moved = message("b", "no JSON");
    moved.message_attributes = Some([("reason".to_owned(), reason("its sender's own"))].into());
    let attributes = moved.attributes.as_mut().unwrap();
    attributes.insert(MessageSystemAttributeName::DeadLetterQueueSourceArn, "arn:aws:sqs:eu-west-1:1:q".to_owned());
    attributes.insert(MessageSystemAttributeName::MessageGroupId, "group".to_owned());
    let moved = DeadLetter::read(moved).unwrap();
    assert_eq!((&moved.cause, moved.organization_id()), (&Cause::ReceivedTooOften, None));
    assert_eq!(moved.as_sent(), crate::OutMessage { body: "no JSON".into(), delay_seconds: 0, group: Some("group".into()) });

    let bare = DeadLetter::read(message("c", "x")).unwrap();
    assert_eq!((bare.cause.clone(), bare.as_sent().group), (Cause::Unknown, None));
    assert!(!format!("{bare:?}").contains("body"), "a body is not logged");
}
