//! Dead letters, as an operator works on them: looked through, sent home, deleted.
//!
//! SQS shows a message only by handing it out, hidden from everybody else for a while. So a walk takes all messages one
//! after the other, and at its end hands back those that are still there. Decides nothing about a message.

mod letter;
#[cfg(test)]
mod tests;
mod walk;

use aws_sdk_sqs::{
    Client,
    error::SdkError,
    operation::{
        change_message_visibility_batch::ChangeMessageVisibilityBatchError, delete_message_batch::DeleteMessageBatchError,
        get_queue_attributes::GetQueueAttributesError, get_queue_url::GetQueueUrlError, receive_message::ReceiveMessageError,
    },
    types::QueueAttributeName,
};
use domain::Timestamp;

pub use letter::{Cause, DeadLetter};
pub use walk::{Refused, Walk};

use crate::{SendError, Sender, WorkQueue};

/// A queue's dead letters, and the way home.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    sqs: Client,
    url: String,
    home: Sender,
    pace: Pace,
}

/// How a walk takes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// For how many seconds a message is hidden from others, unless it is handed back before: up to 43,200. What a walk
    /// that was cut off has taken comes back after this time.
    pub hidden_seconds: i32,
    /// How many seconds SQS looks for messages before it says that there are none: up to 20. With 0 it looks into a part
    /// of its servers only, and may say so although there are some.
    pub wait_seconds: i32,
}

impl Default for Pace {
    /// For a queue on AWS.
    fn default() -> Self {
        Self { hidden_seconds: 120, wait_seconds: 1 }
    }
}

/// About how many messages a queue holds; SQS's figures lag by up to a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Those that can be taken.
    pub waiting: u64,
    /// Those that are in somebody's hands, and those in nobody's that a walk which was cut off has taken.
    pub hidden: u64,
}

/// What was done before stays done, and doing it once more is right.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// A queue was not found.
    #[error("there is no queue {name} in this account and region, or it may not be looked for")]
    NotFound {
        /// The queue's full name.
        name: String,
        /// What SQS said.
        #[source]
        cause: Box<SdkError<GetQueueUrlError>>,
    },
    /// The number of messages was not told.
    #[error("the dead-letter queue did not say how many messages it holds")]
    Count(#[source] Box<SdkError<GetQueueAttributesError>>),
    /// No messages were handed out.
    #[error("the dead-letter queue handed out no messages")]
    Receive(#[source] Box<SdkError<ReceiveMessageError>>),
    /// A request to delete was not answered, or with an error as a whole.
    #[error("the dead-letter queue deleted no messages")]
    Delete(#[source] Box<SdkError<DeleteMessageBatchError>>),
    /// Messages were not taken back: they come back by themselves when their time is over.
    #[error("the dead-letter queue did not take messages back; they stay hidden for a while")]
    HandBack(#[source] Box<SdkError<ChangeMessageVisibilityBatchError>>),
    /// Messages were not sent home.
    #[error("the messages could not be sent home")]
    Send(#[from] SendError),
}

impl DeadLetters {
    /// The dead letters in the queue with the URL `url`, whose home is the queue with the URL `home_url`.
    #[must_use]
    pub fn new(sqs: Client, url: String, home_url: String, pace: Pace) -> Self {
        Self { home: Sender::new(sqs.clone(), home_url), sqs, url, pace }
    }

    /// The dead letters of a queue of this stack.
    ///
    /// # Errors
    /// [`DeadLetterError::NotFound`] if the stack has no such queue.
    pub async fn find(sqs: Client, stack: &str, queue: WorkQueue, pace: Pace) -> Result<Self, DeadLetterError> {
        let url = url_of(&sqs, queue.dead_letters_name(stack)).await?;
        let home_url = url_of(&sqs, queue.name(stack)).await?;
        Ok(Self::new(sqs, url, home_url, pace))
    }

    /// About how many there are.
    ///
    /// # Errors
    /// [`DeadLetterError::Count`] if SQS does not say.
    pub async fn held(&self) -> Result<Held, DeadLetterError> {
        let (waiting, hidden) =
            (QueueAttributeName::ApproximateNumberOfMessages, QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
        let request = self.sqs.get_queue_attributes().queue_url(&self.url);
        let request = request.attribute_names(waiting.clone()).attribute_names(hidden.clone());
        let answer = request.send().await.map_err(|error| DeadLetterError::Count(Box::new(error)))?;
        let number = |name| answer.attributes().and_then(|all| all.get(name)?.parse().ok()).unwrap_or(0);
        Ok(Held { waiting: number(&waiting), hidden: number(&hidden) })
    }

    /// Goes through all letters that were sent up to `started`, up to ten at a time and each once, and hands those that are
    /// not deleted back at the end, also after an error.
    ///
    /// What comes while the walk goes on is not shown: a message that was sent home and failed once more would go round
    /// for ever. Letters that somebody else holds are not shown either, and of more than 120,000 only so many.
    ///
    /// # Errors
    /// Those of `each`; [`DeadLetterError::Receive`] and [`DeadLetterError::HandBack`] if SQS fails.
    pub async fn walk<F>(&self, started: Timestamp, mut each: F) -> Result<(), DeadLetterError>
    where
        F: AsyncFnMut(&mut Walk<'_>, Vec<DeadLetter>) -> Result<(), DeadLetterError>,
    {
        let mut walk = Walk::new(self, started);
        let walked = async {
            while let Some(letters) = walk.next().await? {
                each(&mut walk, letters).await?;
            }
            Ok(())
        };
        let walked = walked.await;
        walked.and(walk.end().await)
    }
}

async fn url_of(sqs: &Client, name: String) -> Result<String, DeadLetterError> {
    match sqs.get_queue_url().queue_name(&name).send().await {
        Ok(answer) => Ok(answer.queue_url.unwrap_or_default()),
        Err(error) => Err(DeadLetterError::NotFound { name, cause: Box::new(error) }),
    }
}
