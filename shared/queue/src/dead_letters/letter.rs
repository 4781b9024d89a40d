//! One dead letter: what it says, since when it lies there, and why.

use std::{collections::BTreeMap, fmt};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use domain::{CallId, OrgId, Timestamp};
use serde_json::Value;

use crate::{OutMessage, send::REASON};

/// A message in a dead-letter queue.
#[derive(Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// SQS's id of the message.
    pub message_id: String,
    /// The text as it was sent.
    pub body: String,
    /// When it was sent: to the dead-letter queue by a function, or, if SQS moved it, to its first queue.
    pub sent_at: Option<Timestamp>,
    /// Why it lies here.
    pub cause: Cause,
    /// The message group that it was sent with.
    pub group: Option<String>,
    /// Its message attributes; of one that is no text only its length.
    pub attributes: BTreeMap<String, String>,
    /// What SQS wants to see when the message is deleted or handed back; another one each time that it is handed out.
    pub receipt: String,
}

/// Why a message lies in a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A function put it there and said why.
    Told(String),
    /// SQS moved it there.
    ReceivedTooOften,
    /// Nobody said.
    Unknown,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(reason) => f.write_str(reason),
            Self::ReceivedTooOften => f.write_str("received too often: the function failed, timed out or crashed each time"),
            Self::Unknown => f.write_str("no reason given: no function of this stack put it here"),
        }
    }
}

impl fmt::Debug for DeadLetter {
    /// Without the body: it carries phone numbers and transcripts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetter").field("message_id", &self.message_id).field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl DeadLetter {
    /// `None` without id, body or receipt, which SQS always tells.
    pub(super) fn read(message: Message) -> Option<Self> {
        let system = |name: MessageSystemAttributeName| message.attributes()?.get(&name).cloned();
        let millis = system(MessageSystemAttributeName::SentTimestamp).and_then(|millis| millis.parse().ok());
        let attributes: BTreeMap<String, String> = message
            .message_attributes()
            .into_iter()
            .flatten()
            .map(|(name, value)| match (value.string_value(), value.binary_value()) {
                (None, Some(bytes)) => (name.clone(), format!("({} bytes)", bytes.as_ref().len())),
                (text, _) => (name.clone(), text.unwrap_or_default().to_owned()),
            })
            .collect();
        // A message that SQS moved keeps its sender's attributes, whatever these say.
        let moved = system(MessageSystemAttributeName::DeadLetterQueueSourceArn).is_some();
        let cause = match attributes.get(REASON) {
            _ if moved => Cause::ReceivedTooOften,
            Some(reason) => Cause::Told(reason.clone()),
            None => Cause::Unknown,
        };
        let (sent_at, group) =
            (millis.and_then(|millis| Timestamp::from_millis(millis).ok()), system(MessageSystemAttributeName::MessageGroupId));
        let (message_id, body, receipt) = (message.message_id?, message.body?, message.receipt_handle?);
        Some(Self { message_id, body, sent_at, cause, group, attributes, receipt })
    }

    /// Whose message it is, if its body says so.
    #[must_use]
    pub fn organization_id(&self) -> Option<OrgId> {
        self.field("organization_id")?.parse().ok()
    }

    /// Of which call it tells, if its body says so.
    #[must_use]
    pub fn call_id(&self) -> Option<CallId> {
        self.field("call_id")?.parse().ok()
    }

    fn field(&self, name: &str) -> Option<String> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        body.get(name)?.as_str().map(str::to_owned)
    }

    /// The message for its first queue. Functions do not take a message's group to its dead letter: without one it is its
    /// organization's, so that a replay delays nobody else.
    pub(super) fn as_sent(&self) -> OutMessage {
        let group = self.group.clone().or_else(|| Some(self.organization_id()?.to_string()));
        OutMessage { body: self.body.clone(), delay_seconds: 0, group }
    }
}
