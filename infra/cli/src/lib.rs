//! `trunkline`, the operator's command, all but its `main`: organizations, their members, API keys, the inventory, carriers,
//! statistics, sealed secrets, configuration, dead letters. Tests run the same code.
//!
//! It works with the AWS credentials of whoever calls it and decides nothing that the functions do not decide too.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks")]
#![expect(clippy::disallowed_methods, reason = "an operator says whose data is meant")]

pub mod audit;
mod carrier;
pub mod carrier_api;
mod command;
mod config;
pub mod dead_letters;
mod dlq;
pub mod erase;
pub mod export;
pub mod import;
mod inventory;
mod key;
pub mod keys;
mod limits;
mod member;
mod organization;
pub mod patience;
pub mod platform;
mod platform_credential;
pub mod pointing;
pub mod rewrap;
mod secrets;
mod stats;
pub mod summary;
mod trail;

pub use command::{Arguments, Clients};

/// Prints a result: one JSON object for programs, or lines for people.
fn show(as_json: bool, values: &[(&str, String)]) {
    if as_json {
        let object: serde_json::Map<String, serde_json::Value> =
            values.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
        println!("{}", serde_json::Value::Object(object));
    } else {
        values.iter().for_each(|(name, value)| println!("{name}: {value}"));
    }
}
