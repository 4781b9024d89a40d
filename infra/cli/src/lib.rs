//! What the operator's command does in many steps, apart from speaking about it: tests run the same code.

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
