//! End-to-end tests: the deployed stack over HTTP and SQS, as customers, sources of call events and receivers see it.
//!
//! Each test has an organization and numbers of its own, so that all run side by side on one stack.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]

mod call_life;
mod endpoints;
mod frame;
mod idempotency;
mod ingestion;
mod isolation;
mod numbers;
mod secrets;
mod setup;
mod telephony;
mod webhook_retries;
