//! What the operator's command does in many steps, apart from speaking about it: tests run the same code.
#![expect(clippy::disallowed_methods, reason = "an operator says whose data is meant")]

pub mod carrier_api;
pub mod dead_letters;
pub mod erase;
pub mod export;
pub mod import;
pub mod keys;
pub mod patience;
pub mod platform;
pub mod pointing;
pub mod rewrap;
pub mod summary;
