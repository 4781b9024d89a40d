//! A walk through a dead-letter queue: every letter once, and what can be done with it on the way.

use std::collections::HashMap;

use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName,
};
use domain::Timestamp;

use super::{DeadLetter, DeadLetterError, DeadLetters};
use crate::{
    MAX_BODY_BYTES, OutMessage,
    send::{MAX_BATCH, batches},
};

/// How many answers in a row that bring nothing new are the end of the queue. One may be wrong.
const FRUITLESS: u8 = 2;

/// A walk that is going on.
#[derive(Debug)]
pub struct Walk<'a> {
    queue: &'a DeadLetters,
    started: Timestamp,
    /// Every message that was seen, with the receipt of one that is still held: a message that was hidden for so long that
    /// it came back is recognised.
    seen: HashMap<String, Option<String>>,
    fruitless: u8,
}

/// A letter with which it did not work. It lies where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// SQS's id of the message.
    pub message_id: String,
    /// What went wrong.
    pub why: String,
}

impl<'a> Walk<'a> {
    pub(super) fn new(queue: &'a DeadLetters, started: Timestamp) -> Self {
        Self { queue, started, seen: HashMap::new(), fruitless: 0 }
    }

    /// The next letters; `None` if all were shown.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<DeadLetter>>, DeadLetterError> {
        while self.fruitless < FRUITLESS {
            let messages = self.queue.receive().await?;
            let seen = self.seen.len();
            let letters: Vec<DeadLetter> = messages.into_iter().filter_map(|message| self.note(message)).collect();
            self.fruitless = if self.seen.len() > seen { 0 } else { self.fruitless + 1 };
            if !letters.is_empty() {
                return Ok(Some(letters));
            }
        }
        Ok(None)
    }

    /// Remembers a message; it is shown if it is neither known nor newer than the walk.
    fn note(&mut self, message: Message) -> Option<DeadLetter> {
        let letter = DeadLetter::read(message)?;
        let known = self.seen.insert(letter.message_id.clone(), Some(letter.receipt.clone())).is_some();
        let newer = letter.sent_at.is_some_and(|sent_at| sent_at > self.started);
        (!known && !newer).then_some(letter)
    }

    /// Sends letters to the queue they came from, and deletes those that it took: in this order, so that a crash in between
    /// doubles a message but loses none. Answers with which it did not work.
    ///
    /// # Errors
    /// [`DeadLetterError::Send`] and [`DeadLetterError::Delete`] if a request fails as a whole.
    pub async fn send_home(&mut self, letters: &[DeadLetter]) -> Result<Vec<Refused>, DeadLetterError> {
        let (fitting, long): (Vec<_>, Vec<_>) = letters.iter().partition(|letter| letter.body.len() <= MAX_BODY_BYTES);
        let too_long = || format!("longer than {MAX_BODY_BYTES} bytes: its function would refuse it once more");
        let mut refused: Vec<Refused> = long.into_iter().map(|letter| letter.refused(too_long())).collect();
        for batch in batches(&fitting, |letter| letter.body.len()) {
            let messages: Vec<OutMessage> = batch.iter().map(|letter| letter.as_sent()).collect();
            let lost = self.queue.home.send_each(&messages).await?;
            let mut sent = Vec::new();
            for (index, letter) in batch.iter().enumerate() {
                match failed(&lost, index) {
                    Some(failed) => refused.push(letter.refused(format!("not sent: {}", failed.code))),
                    None => sent.push(*letter),
                }
            }
            let kept = self.delete_all(&sent).await?;
            let doubled = |kept: Refused| Refused { why: format!("sent, but {}: the next replay sends it again", kept.why), ..kept };
            refused.extend(kept.into_iter().map(doubled));
        }
        Ok(refused)
    }

    /// Deletes letters for good. Answers with which it did not work.
    ///
    /// # Errors
    /// [`DeadLetterError::Delete`] if a request fails as a whole.
    pub async fn delete(&mut self, letters: &[DeadLetter]) -> Result<Vec<Refused>, DeadLetterError> {
        self.delete_all(&letters.iter().collect::<Vec<_>>()).await
    }

    async fn delete_all(&mut self, letters: &[&DeadLetter]) -> Result<Vec<Refused>, DeadLetterError> {
        let mut refused = Vec::new();
        for batch in letters.chunks(MAX_BATCH) {
            let kept = self.queue.delete(batch).await?;
            for (index, letter) in batch.iter().enumerate() {
                match failed(&kept, index) {
                    Some(failed) => refused.push(letter.refused(format!("not deleted: {}", failed.code))),
                    None => drop(self.seen.insert(letter.message_id.clone(), None)),
                }
            }
        }
        Ok(refused)
    }

    /// Hands back what is still held.
    pub(super) async fn end(self) -> Result<(), DeadLetterError> {
        let held: Vec<String> = self.seen.into_values().flatten().collect();
        for receipts in held.chunks(MAX_BATCH) {
            self.queue.hand_back(receipts).await?;
        }
        Ok(())
    }
}

impl DeadLetter {
    fn refused(&self, why: String) -> Refused {
        Refused { message_id: self.message_id.clone(), why }
    }
}

/// The failure of the message at this place of a batch.
fn failed(failures: &[BatchResultErrorEntry], index: usize) -> Option<&BatchResultErrorEntry> {
    failures.iter().find(|failure| failure.id == index.to_string())
}

impl DeadLetters {
    async fn receive(&self) -> Result<Vec<Message>, DeadLetterError> {
        let request = self.sqs.receive_message().queue_url(&self.url).max_number_of_messages(10);
        let request = request.visibility_timeout(self.pace.hidden_seconds).wait_time_seconds(self.pace.wait_seconds);
        let request = request.message_attribute_names("All").message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = request.send().await.map_err(|error| DeadLetterError::Receive(Box::new(error)))?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// Deletes up to ten letters, those that SQS could not delete once more, and answers which are left.
    async fn delete(&self, letters: &[&DeadLetter]) -> Result<Vec<BatchResultErrorEntry>, DeadLetterError> {
        let failed = self.delete_entries(letters, |_| true).await?;
        let (mut left, retriable): (Vec<_>, Vec<_>) = failed.into_iter().partition(|failed| failed.sender_fault);
        if !retriable.is_empty() {
            left.extend(self.delete_entries(letters, |id| retriable.iter().any(|failed| failed.id == id)).await?);
        }
        Ok(left)
    }

    async fn delete_entries(
        &self,
        letters: &[&DeadLetter],
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<BatchResultErrorEntry>, DeadLetterError> {
        let numbered = letters.iter().enumerate().map(|(index, letter)| (index.to_string(), letter));
        let entries = numbered.filter(|(id, _)| wanted(id)).map(|(id, letter)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(&letter.receipt);
            entry.build().map_err(|error| DeadLetterError::Delete(Box::new(SdkError::construction_failure(error))))
        });
        let request = self.sqs.delete_message_batch().queue_url(&self.url).set_entries(Some(entries.collect::<Result<_, _>>()?));
        let answer = request.send().await.map_err(|error| DeadLetterError::Delete(Box::new(error)))?;
        Ok(answer.failed)
    }

    /// Shows up to ten messages to everybody again. One that SQS does not take back shows up by itself, a little later.
    async fn hand_back(&self, receipts: &[String]) -> Result<(), DeadLetterError> {
        let entries = receipts.iter().enumerate().map(|(index, receipt)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string()).receipt_handle(receipt);
            let entry = entry.visibility_timeout(0).build();
            entry.map_err(|error| DeadLetterError::HandBack(Box::new(SdkError::construction_failure(error))))
        });
        let entries = entries.collect::<Result<_, _>>()?;
        let request = self.sqs.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
        request.send().await.map(drop).map_err(|error| DeadLetterError::HandBack(Box::new(error)))
    }
}
