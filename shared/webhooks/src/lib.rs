//! Webhooks out: signatures, the address guard, an HTTP client for foreign URLs, the retry schedule.
//!
//! Knows nothing of the table, of queues or of who receives what: it signs, sends and judges one attempt.

pub mod client;
pub mod guard;
pub mod schedule;
pub mod sign;

pub use client::{Attempt, ClientError, ConnectionFault, Outcome, WebhookClient};
pub use guard::{Guard, Loopback, WebhookUrl};
pub use sign::{Signatures, SigningSecret};
