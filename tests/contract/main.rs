//! Contract tests: the store on a real table, the vault on a real KMS, Lambda events through the real handlers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]
#![expect(clippy::disallowed_methods, reason = "tests break raw items")]

mod access_patterns;
mod api_keys;
mod call_counters;
mod call_events;
mod call_lists;
mod call_orders;
mod call_patterns;
mod call_reaper;
mod call_records;
mod carrier_credentials;
mod carrier_numbers;
mod costs;
mod cursors;
mod dead_letters;
mod deliveries;
mod delivery_log;
mod delivery_schedule;
mod delivery_world;
mod encryption_outages;
mod endpoint_deletions;
mod events;
mod every_route;
mod hostile_headers;
mod hostile_input;
mod hostile_queries;
mod idempotency;
mod key_gate;
mod kms;
mod lifecycle;
mod purchases;
mod races;
mod receiver_health;
mod releases;
mod replays;
mod sealed_values;
mod simulation;
mod subscriptions;
mod template;
mod vault;
mod webhook_delivery;
