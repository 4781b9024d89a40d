//! What a process needs to start: configuration, AWS clients, the clock, randomness, logs.
//!
//! The only crate that asks the environment, the clock or the source of randomness. It knows nothing of telephony.

pub mod aws;
pub mod clock;
mod connections;
pub mod env;
mod lazily;
mod metrics;
pub mod random;
mod recent;
pub mod telemetry;

pub use clock::Clock;
pub use lazily::Lazily;
pub use metrics::Metrics;
pub use recent::Recent;
