//! End-to-end tests: the deployed stack over HTTP and SQS, as customers, sources of call events and receivers see it.
//!
//! Each test has an organization and numbers of its own, so that all run side by side on one stack.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]
#![expect(clippy::disallowed_methods, reason = "tests are told by the environment what there is, and say whose data is meant")]

mod after;
mod api_keys;
mod call_life;
mod calls;
mod carriers;
mod crashes;
mod dead_letters;
mod deliveries;
mod docs;
mod endpoints;
mod endpoints_changes;
mod endpoints_contract;
mod endpoints_secrets;
mod endpoints_types;
mod endpoints_urls;
mod frame;
mod given;
mod idempotency;
mod ingestion;
mod isolation;
mod limits;
mod lists;
mod numbers;
mod numbers_changes;
mod numbers_contract;
mod numbers_lists;
mod numbers_purchase;
mod pages;
mod routes;
mod secrets;
mod setup;
mod simulation;
mod stopping;
mod subscriptions;
mod telephony;
mod users;
mod webhook_retries;
