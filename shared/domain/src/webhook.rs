//! Webhook events: their names, who wants which, and the ids that stay the same through every retry.

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CallId, DeliveryId, EndpointId, Mode, OrgId, OutboxId, SubscriptionId, invalid::Invalid};

/// The most entries of one filter.
pub const MAX_FILTER_ENTRIES: usize = 50;

/// Names of the other product's pages, and what they are called here.
const ALIASES: &[(&str, &str)] = &[
    ("call.started", "call.answered"),
    ("call.ended", "call.completed"),
    ("call.recording.completed", "recording.ready"),
    ("call.recording.ready", "recording.ready"),
    ("transcription.completed", "transcript.ready"),
];

/// Which events a receiver takes: names, aliases, `call.*`-style wildcards, or `*`. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventFilter(Vec<String>);

impl Default for EventFilter {
    /// Takes everything.
    fn default() -> Self {
        Self(vec!["*".to_owned()])
    }
}

impl EventFilter {
    /// Reads a filter: 1 to 50 entries of letters, digits, `.`, `_` and `-`; a wildcard ends in `.*` or is `*`.
    ///
    /// # Errors
    /// [`Invalid`] for each faulty entry, named `events.0` and so on.
    pub fn parse(entries: Vec<String>) -> Result<Self, Vec<Invalid>> {
        if entries.is_empty() || entries.len() > MAX_FILTER_ENTRIES {
            return Err(vec![Invalid::new("events", format!("must have 1 to {MAX_FILTER_ENTRIES} entries"))]);
        }
        let faults: Vec<Invalid> = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| !is_entry(entry))
            .map(|(at, _)| {
                Invalid::new(format!("events.{at}"), "must be an event name such as call.completed, a wildcard such as call.*, or *")
            })
            .collect();
        if faults.is_empty() { Ok(Self(entries)) } else { Err(faults) }
    }

    /// The entries as they were given.
    #[must_use]
    pub fn entries(&self) -> &[String] {
        &self.0
    }

    /// The name under which an event is delivered, `None` if it is not wanted. The first matching entry decides:
    /// an alias delivers under its own name, anything else under the canonical one.
    #[must_use]
    pub fn name_for<'a>(&'a self, event: &'a str) -> Option<&'a str> {
        self.0.iter().find_map(|entry| match ALIASES.iter().find(|(alias, _)| alias == entry) {
            Some((_, canonical)) => (*canonical == event).then_some(entry.as_str()),
            None => matches(entry, event).then_some(event),
        })
    }
}

fn is_entry(entry: &str) -> bool {
    let name = entry.strip_suffix(".*").unwrap_or(entry);
    entry == "*" || ((1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')))
}

fn matches(entry: &str, event: &str) -> bool {
    match entry.strip_suffix('*') {
        Some(prefix) => event.starts_with(prefix),
        None => entry == event,
    }
}

/// The id of an event as receivers see it: `evt_` and 32 hexadecimal digits, one per event of a call, the same
/// whoever computes it and however often.
#[must_use]
pub fn event_id(org: OrgId, mode: Mode, call: CallId, event: &str) -> String {
    let id = derived(&["event", &org.to_string(), mode.as_str(), &call.to_string(), event]);
    format!("evt_{}", id.simple())
}

/// What becomes of a resource, told to the subscriptions of its organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleEvent {
    /// A number was bought.
    NumberPurchased,
    /// A number's settings changed, or what it rings.
    NumberUpdated,
    /// A number was given back.
    NumberReleased,
    /// An endpoint was created.
    EndpointCreated,
    /// An endpoint's settings or secret changed.
    EndpointUpdated,
    /// An endpoint was deleted.
    EndpointDeleted,
    /// A webhook receiver does nothing but fail.
    WebhookFailing,
    /// A webhook receiver was switched off by the system.
    WebhookDisabled,
}

impl LifecycleEvent {
    /// The event's name, such as `phone_number.purchased`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NumberPurchased => "phone_number.purchased",
            Self::NumberUpdated => "phone_number.updated",
            Self::NumberReleased => "phone_number.released",
            Self::EndpointCreated => "endpoint.created",
            Self::EndpointUpdated => "endpoint.updated",
            Self::EndpointDeleted => "endpoint.deleted",
            Self::WebhookFailing => "webhook.failing",
            Self::WebhookDisabled => "webhook.disabled",
        }
    }
}

/// The id of a lifecycle event as receivers see it: `evt_` and 32 hexadecimal digits.
#[must_use]
pub fn lifecycle_event_id(id: OutboxId) -> String {
    format!("evt_{}", id.as_uuid().simple())
}

/// Who gets a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReceiverId {
    /// The webhook endpoint that a call is routed to.
    #[serde(rename = "endpoint_id")]
    Endpoint(EndpointId),
    /// A subscription.
    #[serde(rename = "subscription_id")]
    Subscription(SubscriptionId),
}

impl ReceiverId {
    /// The id without its kind.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        match self {
            Self::Endpoint(id) => id.as_uuid(),
            Self::Subscription(id) => id.as_uuid(),
        }
    }
}

/// The id of one event's way to one receiver. Derived, so that work done twice is recognised as one delivery.
#[must_use]
pub fn delivery_id(event_id: &str, receiver: Uuid) -> DeliveryId {
    DeliveryId::from_uuid(derived(&["delivery", event_id, &receiver.to_string()]))
}

/// A UUID of version 8 from the SHA-256 of the parts, each closed by a byte that none of them contains.
fn derived(parts: &[&str]) -> Uuid {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part.as_bytes());
        context.update(&[0xFF]);
    }
    let mut bytes = [0; 16];
    let hash = context.finish();
    bytes.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn filter(entries: &[&str]) -> EventFilter {
        EventFilter::parse(entries.iter().map(ToString::to_string).collect()).unwrap()
    }

    #[rstest]
    #[case(&["*"], "recording.ready", Some("recording.ready"))]
    #[case(&["call.*"], "call.ringing", Some("call.ringing"))]
    #[case(&["call.*"], "recording.ready", None)]
    #[case(&["call.ended"], "call.completed", Some("call.ended"))]
    #[case(&["call.*", "call.ended"], "call.completed", Some("call.completed"))]
    #[case(&["call.ended", "call.*"], "call.completed", Some("call.ended"))]
    #[case(&["call.recording.ready"], "recording.ready", Some("call.recording.ready"))]
    #[case(&["call.completed"], "call.failed", None)]
    fn the_first_matching_entry_names_the_delivery(#[case] entries: &[&str], #[case] event: &str, #[case] name: Option<&str>) {
        assert_eq!(filter(entries).name_for(event), name);
    }

    #[test]
    fn faulty_entries_are_all_named() {
        let faults = EventFilter::parse(vec!["call.*".into(), String::new(), "a b".into(), ".*".into()]).unwrap_err();
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["events.1", "events.2", "events.3"]);
        assert!(EventFilter::parse(vec![]).is_err());
    }

    #[test]
    fn ids_differ_by_event_and_receiver_and_repeat_exactly() {
        let org: OrgId = "0198c0de-0000-7000-8000-000000000001".parse().unwrap();
        let call: CallId = "0198c0de-0000-7000-8000-000000000002".parse().unwrap();
        let id = event_id(org, Mode::Live, call, "e1");
        assert_eq!(id, event_id(org, Mode::Live, call, "e1"));
        assert_ne!(id, event_id(org, Mode::Live, call, "e2"));
        assert_ne!(id, event_id(org, Mode::Test, call, "e1"));
        assert_ne!(delivery_id(&id, org.as_uuid()), delivery_id(&id, call.as_uuid()));
        assert_eq!(delivery_id(&id, org.as_uuid()).as_uuid().get_version_num(), 8);
    }
}
