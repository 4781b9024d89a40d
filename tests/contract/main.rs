//! Contract tests: the store on a real table, the vault on a real KMS, Lambda events through the real handlers.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on panics")]

mod access_patterns;
mod costs;
mod deliveries;
mod events;
mod purchases;
mod call_records;
mod template;
mod vault;
