//! The messages to the function that delivers webhooks.
//!
//! They say what to deliver and to whom, never a secret or a URL: both are read when the attempt is made. Each travels in the
//! group of its receiver, so that a queue which favours quiet groups, as SQS does, has the messages of one wait less for those
//! of another; an event whose receivers are not known yet travels in the group of its organization.

use domain::{CallId, DeliveryId, Mode, OrgId, OutboxId, Timestamp, delivery::DeliveryPlace, webhook::ReceiverId};
use serde::{Deserialize, Serialize};

use crate::OutMessage;

/// A delivery to be begun: its body to be frozen, and the first attempt to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryMessage {
    /// Whose event it is.
    pub organization_id: OrgId,
    /// In which data set.
    pub mode: Mode,
    /// The delivery; its text is the `webhook-id` of every attempt.
    pub delivery_id: DeliveryId,
    /// The receiver.
    #[serde(flatten)]
    pub receiver: ReceiverId,
    /// The call that the event belongs to, if it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<CallId>,
    /// The event as receivers see it, `evt_…`.
    pub event_id: String,
    /// The event's name as this receiver subscribed to it.
    pub event: String,
    /// The JSON to be sent, frozen when the delivery was first queued.
    pub body: String,
}

/// A later attempt at a delivery. The body lies in the table since the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryMessage {
    /// Whose event it is.
    pub organization_id: OrgId,
    /// In which data set.
    pub mode: Mode,
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// The receiver.
    #[serde(flatten)]
    pub receiver: ReceiverId,
    /// When the body was frozen.
    pub frozen_at: Timestamp,
    /// Which attempt is to be made.
    pub retry: u32,
    /// The request that asked for a replay: the attempt begins a new series, whatever became of the ones before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed_by: Option<String>,
    /// How often the attempt was put off, because the receiver takes no more now.
    #[serde(default)]
    pub put_off: u32,
    /// Whether it comes at a time that was kept for it: it is made unless nothing but probes is sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_turn: bool,
}

impl RetryMessage {
    /// Asks for an attempt at a delivery that goes on with its series.
    #[must_use]
    pub const fn new(organization_id: OrgId, mode: Mode, place: DeliveryPlace, retry: u32) -> Self {
        let DeliveryPlace { id: delivery_id, receiver, created_at: frozen_at } = place;
        Self { organization_id, mode, delivery_id, receiver, frozen_at, retry, replayed_by: None, put_off: 0, has_turn: false }
    }

    /// Where the delivery's log lies.
    #[must_use]
    pub const fn place(&self) -> DeliveryPlace {
        DeliveryPlace { id: self.delivery_id, receiver: self.receiver, created_at: self.frozen_at }
    }

    /// The message as it travels.
    ///
    /// # Errors
    /// None in practice: every field is text or a number.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The message to be sent, seen after so many milliseconds, to the second above.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn out(&self, wait_millis: i64) -> Result<OutMessage, serde_json::Error> {
        let delay_seconds = u16::try_from((wait_millis.max(0) + 999) / 1_000).unwrap_or(u16::MAX);
        Ok(OutMessage { body: self.to_json()?, delay_seconds, group: Some(group_of(self.receiver)) })
    }
}

/// A lifecycle event that waits in the outbox for its webhooks to be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxMessage {
    /// The event.
    pub outbox_id: OutboxId,
}

/// What the function is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookWork {
    /// Begin a delivery.
    Deliver(Box<DeliveryMessage>),
    /// Make a later attempt at one.
    Retry(Box<RetryMessage>),
    /// Queue a lifecycle event's deliveries.
    FanOut(OutboxMessage),
}

impl WebhookWork {
    /// Reads a message from the queue.
    ///
    /// # Errors
    /// The cause if the text is no such message; it never will be, however often it is read.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        if let Ok(message) = serde_json::from_str(text) {
            return Ok(Self::FanOut(message));
        }
        match serde_json::from_str(text) {
            Ok(message) => Ok(Self::Retry(message)),
            Err(_) => serde_json::from_str(text).map(Self::Deliver),
        }
    }
}

impl OutboxMessage {
    /// The message as it travels.
    ///
    /// # Errors
    /// None in practice: the one field is text.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The message to be sent; `organization` is the one whose event it is.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn out(&self, organization: OrgId) -> Result<OutMessage, serde_json::Error> {
        Ok(OutMessage { body: self.to_json()?, delay_seconds: 0, group: Some(organization.to_string()) })
    }
}

impl DeliveryMessage {
    /// The message as it travels.
    ///
    /// # Errors
    /// None in practice: every field is text or a number.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The message to be sent.
    ///
    /// # Errors
    /// As [`to_json`](Self::to_json).
    pub fn out(&self) -> Result<OutMessage, serde_json::Error> {
        Ok(OutMessage { body: self.to_json()?, delay_seconds: 0, group: Some(group_of(self.receiver)) })
    }
}

/// The group in which everything travels that is for one receiver.
fn group_of(receiver: ReceiverId) -> String {
    receiver.as_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0198c0de-0000-7000-8000-000000000001";

    fn message(receiver: ReceiverId) -> DeliveryMessage {
        DeliveryMessage {
            organization_id: ID.parse().unwrap(),
            mode: Mode::Test,
            delivery_id: ID.parse().unwrap(),
            receiver,
            call_id: ID.parse().ok(),
            event_id: "evt_1".into(),
            event: "call.completed".into(),
            body: "{\"a\":\"ü\\u0000\"}".into(),
        }
    }

    fn receivers() -> [ReceiverId; 2] {
        [ReceiverId::Endpoint(ID.parse().unwrap()), ReceiverId::Subscription(ID.parse().unwrap())]
    }

    fn retry() -> RetryMessage {
        let created_at = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let place = DeliveryPlace { id: ID.parse().unwrap(), receiver: receivers()[1], created_at };
        RetryMessage::new(ID.parse().unwrap(), Mode::Live, place, 9)
    }

    #[test]
    fn what_is_for_one_receiver_travels_in_its_group_and_an_event_in_that_of_its_organization() {
        let organization = "0198c0de-0000-7000-8000-000000000002".parse().unwrap();
        let outbox = OutboxMessage { outbox_id: ID.parse().unwrap() }.out(organization).unwrap();
        assert_eq!(outbox.group, Some(organization.to_string()));
        let begun = DeliveryMessage { organization_id: organization, ..message(receivers()[0]) }.out().unwrap();
        let goes_on = RetryMessage { organization_id: organization, ..retry() };
        assert_eq!((begun.group.as_deref(), begun.delay_seconds), (Some(ID), 0));
        for (wait_millis, delay_seconds) in [(-5, 0), (0, 0), (1, 1), (1_000, 1), (900_001, 901), (i64::MAX - 999, u16::MAX)] {
            let out = goes_on.out(wait_millis).unwrap();
            assert_eq!((out.group.as_deref(), out.delay_seconds), (Some(ID), delay_seconds), "{wait_millis}");
        }
    }

    fn read(text: &str) -> DeliveryMessage {
        match WebhookWork::from_json(text).unwrap() {
            WebhookWork::Deliver(message) => *message,
            other => panic!("this is a delivery and not {other:?}"),
        }
    }

    #[test]
    fn a_message_reads_back_as_itself_and_its_body_stays_the_same_bytes() {
        for receiver in receivers() {
            assert_eq!(read(&message(receiver).to_json().unwrap()), message(receiver));
        }
        let outbox = OutboxMessage { outbox_id: ID.parse().unwrap() };
        assert_eq!(WebhookWork::from_json(&outbox.to_json().unwrap()).unwrap(), WebhookWork::FanOut(outbox));
        for (replayed_by, has_turn) in [(None, true), (Some("request".to_owned()), false)] {
            let retry = RetryMessage { replayed_by, put_off: 1, has_turn, ..retry() };
            assert_eq!(retry.to_json().unwrap().contains("has_turn"), has_turn);
            assert_eq!(WebhookWork::from_json(&retry.to_json().unwrap()).unwrap(), WebhookWork::Retry(Box::new(retry)));
        }
    }

    #[test]
    fn a_message_without_a_call_is_read() {
        let message = DeliveryMessage { call_id: None, ..message(receivers()[1]) };
        let text = message.to_json().unwrap();
        assert!(!text.contains("call_id"), "{text}");
        assert_eq!(read(&text), message);
    }

    #[test]
    fn fields_of_a_later_version_are_ignored_and_missing_ones_refused() {
        let [endpoint, _] = receivers();
        let mut json: serde_json::Value = serde_json::from_str(&message(endpoint).to_json().unwrap()).unwrap();
        json["priority"] = 7.into();
        assert_eq!(read(&json.to_string()), message(endpoint));
        json.as_object_mut().unwrap().remove("body");
        assert!(WebhookWork::from_json(&json.to_string()).is_err());
    }
}
