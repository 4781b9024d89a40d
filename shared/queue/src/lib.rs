//! SQS: batches handled record by record, the messages that travel between functions, sends.
//!
//! Standard queues: every message may come twice and in any order, and every consumer can live with it. Nothing here
//! knows the table or decides what a message means.

pub mod batch;
pub mod call_event;
pub mod dead_letters;
pub mod delivery;
pub mod name;
pub mod send;
#[cfg(test)]
mod testing;

pub use batch::{Failure, Record, each};
pub use call_event::{CallEventMessage, InvalidMessage};
pub use dead_letters::{DeadLetter, DeadLetterError, DeadLetters};
pub use delivery::{DeliveryMessage, OutboxMessage, RetryMessage, WebhookWork};
pub use name::WorkQueue;
pub use send::{OutMessage, SendError, Sender};

/// The longest body that is read or sent, in bytes: 256 KiB.
///
/// SQS itself has taken up to 1 MiB since August 2025; messages stay within what every queue, tool and local stand-in
/// takes.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
