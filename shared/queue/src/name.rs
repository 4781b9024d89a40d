//! The queues of a stack, by name: each has a dead-letter queue beside it.

use std::{fmt, str::FromStr};

/// A queue whose messages a function works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkQueue {
    /// What happened to calls.
    CallEvents,
    /// Webhooks that are to be sent.
    WebhookDeliveries,
}

impl WorkQueue {
    /// Both, for work that concerns each of them.
    pub const ALL: [Self; 2] = [Self::CallEvents, Self::WebhookDeliveries];

    /// `call-events` or `webhook-deliveries`, as in the template after the stack's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CallEvents => "call-events",
            Self::WebhookDeliveries => "webhook-deliveries",
        }
    }

    /// The queue's full name in this stack.
    #[must_use]
    pub fn name(self, stack: &str) -> String {
        format!("{stack}-{self}")
    }

    /// The full name of its dead-letter queue in this stack.
    #[must_use]
    pub fn dead_letters_name(self, stack: &str) -> String {
        format!("{stack}-{self}-dead-letters")
    }
}

impl fmt::Display for WorkQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no queue: `call-events` and `webhook-deliveries` are allowed.
#[derive(Debug, thiserror::Error)]
#[error("must be call-events or webhook-deliveries")]
pub struct UnknownQueue;

impl FromStr for WorkQueue {
    type Err = UnknownQueue;

    fn from_str(text: &str) -> Result<Self, UnknownQueue> {
        Self::ALL.into_iter().find(|queue| queue.as_str() == text).ok_or(UnknownQueue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_are_named_after_their_stack_and_read_back() {
        for queue in WorkQueue::ALL {
            assert_eq!(queue.to_string().parse::<WorkQueue>().unwrap(), queue);
        }
        assert_eq!(WorkQueue::CallEvents.name("prod"), "prod-call-events");
        assert_eq!(WorkQueue::WebhookDeliveries.dead_letters_name("prod"), "prod-webhook-deliveries-dead-letters");
        assert!("call-events-dead-letters".parse::<WorkQueue>().is_err());
    }
}
