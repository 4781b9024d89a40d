//! Types and rules of telephony, pure: no AWS, no HTTP, no clock, no randomness, no I/O.
//!
//! Whatever a rule needs from the world (the time, random bytes, a record) is an argument. What is
//! here decides; other crates carry decisions out.

pub mod allowed_ip;
pub mod api_key;
pub mod audit;
pub mod call;
pub mod callback;
pub mod carrier;
pub mod country;
pub mod credential;
pub mod day;
pub mod delivery;
pub mod e164;
pub mod endpoint;
pub mod health;
pub mod id;
pub mod idempotency;
pub mod invalid;
pub mod inventory;
pub mod limits;
pub mod member;
pub mod mode;
pub mod names;
pub mod number;
pub mod pace;
pub mod principal;
pub mod rate;
pub mod route;
#[cfg(feature = "openapi")]
pub mod schema;
pub mod scope;
pub mod secret;
pub mod simulation;
pub mod stats;
pub mod subscription;
pub mod time;
pub mod webhook;
pub mod wire;

pub use country::Country;
pub use day::{Day, InvalidRangeEnd, RangeEnd};
pub use e164::E164;
pub use id::{
    AuditId, CallId, CredentialId, DeliveryId, EndpointId, InventoryId, KeyId, NumberId, OrgId, OutboxId, SubscriptionId, UserId,
};
pub use invalid::Invalid;
pub use mode::Mode;
pub use principal::Principal;
pub use time::Timestamp;
