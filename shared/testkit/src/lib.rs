//! For tests and automation only: local tables, the running stack, a webhook receiver, functions that are killed and
//! databases that fail, what operations cost.
//!
//! Nothing here stands in for the product: tables are real DynamoDB semantics in process, the stack is the deployed
//! one, requests go over HTTP.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on panics")]
#![expect(clippy::disallowed_methods, reason = "raw items are looked at here, and the environment names the stack")]

pub mod budget;
pub mod call;
pub mod call_costs;
pub mod carrier;
pub mod client;
pub mod costs;
pub mod event_source;
pub mod events;
pub mod faults;
pub mod fixture;
pub mod lambda;
pub mod load;
pub mod local_table;
pub mod mailbox;
pub mod outage;
pub mod prices;
pub mod receiver;
pub mod recorder;
pub mod stack;
pub mod tokens;
pub mod trips;
pub mod wait;

pub use client::Client;
pub use fixture::Fixture;
pub use local_table::LocalTable;
pub use mailbox::Mailbox;
pub use outage::Asked;
pub use receiver::Receiver;
pub use recorder::Recorder;
pub use stack::Stack;
pub use trips::Trips;
