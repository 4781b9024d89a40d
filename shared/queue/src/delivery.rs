//! The message from the function that folds call events to the one that delivers webhooks.
//!
//! Says what to deliver and to whom, never a secret or a URL: both are read when the attempt is made.

use domain::{CallId, DeliveryId, EndpointId, Mode, OrgId};
use serde::{Deserialize, Serialize};

/// One attempt to be made at one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryMessage {
    /// Whose event it is.
    pub organization_id: OrgId,
    /// In which data set.
    pub mode: Mode,
    /// The delivery; its text is the `webhook-id` of every attempt.
    pub delivery_id: DeliveryId,
    /// The receiver.
    pub endpoint_id: EndpointId,
    /// The call that the event belongs to.
    pub call_id: CallId,
    /// The event as receivers see it, `evt_…`.
    pub event_id: String,
    /// The event's name as this receiver subscribed to it.
    pub event: String,
    /// Which attempt is to be made, from 1.
    pub attempt: u32,
    /// The JSON to be sent, frozen when the delivery was first queued.
    pub body: String,
}

impl DeliveryMessage {
    /// Reads a message from the queue.
    ///
    /// # Errors
    /// The cause if the text is no such message; it never will be, however often it is read.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The message as it travels.
    ///
    /// # Errors
    /// None in practice: every field is text or a number.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> DeliveryMessage {
        let id = "0198c0de-0000-7000-8000-000000000001";
        DeliveryMessage {
            organization_id: id.parse().unwrap(),
            mode: Mode::Test,
            delivery_id: id.parse().unwrap(),
            endpoint_id: id.parse().unwrap(),
            call_id: id.parse().unwrap(),
            event_id: "evt_1".into(),
            event: "call.completed".into(),
            attempt: 3,
            body: "{\"a\":\"ü\\u0000\"}".into(),
        }
    }

    #[test]
    fn a_message_reads_back_as_itself_and_its_body_stays_the_same_bytes() {
        let message = message();
        assert_eq!(DeliveryMessage::from_json(&message.to_json().unwrap()).unwrap(), message);
    }

    #[test]
    fn fields_of_a_later_version_are_ignored_and_missing_ones_refused() {
        let mut json: serde_json::Value = serde_json::from_str(&message().to_json().unwrap()).unwrap();
        json["priority"] = 7.into();
        assert_eq!(DeliveryMessage::from_json(&json.to_string()).unwrap(), message());
        json.as_object_mut().unwrap().remove("body");
        assert!(DeliveryMessage::from_json(&json.to_string()).is_err());
    }
}
