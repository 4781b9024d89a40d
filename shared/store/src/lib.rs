//! The single table: the only crate that knows a key, an index, an expression or the DynamoDB SDK.
//!
//! [`access_patterns`] is the design: each way in which the table is read is one line there. The other modules
//! hold the writes, one file per sort of item, each a conditional write or a transaction. Nothing here decides
//! what is right, only that two things which must agree change together.
#![expect(clippy::disallowed_methods, reason = "this is the crate that speaks to the table")]

pub mod access_patterns;
mod aliases;
mod api_keys;
mod bulk;
mod calls;
mod carrier_numbers;
mod counts;
mod credentials;
mod deletions;
mod deliveries;
mod delivery_log;
mod due;
mod endpoint_changes;
mod endpoint_deletions;
mod endpoints;
mod error;
mod expression;
mod health;
mod idempotency;
mod inventory;
mod item;
mod keys;
mod lists;
mod live;
mod members;
mod numbers;
mod organizations;
mod outbox;
mod packed;
mod releases;
mod resealing;
mod sealed;
mod settings;
mod subscriptions;
mod table;
mod transaction;
mod transcripts;
mod update;
mod usage;
mod verify;

pub use aliases::NamedCall;
pub use api_keys::{CreateApiKey, KeyCount};
pub use calls::{EventWrite, RecordedEvent};
pub use carrier_numbers::{CredentialFault, Registered};
pub use counts::{CountRow, CountWork, Dimension, Part, Settled, Spread, Watch, Year};
pub use credentials::{ChangedCredential, CreateCredential, CredentialChange, DeletedCredential, TokenRenewal};
pub use deletions::DeletedCall;
pub use deliveries::{Frozen, Recorded};
pub use delivery_log::{DeliveryPage, DeliveryWalk, Lane, LogPlace};
pub use due::{DueAttempt, DueShard};
pub use endpoint_changes::ChangedEndpoint;
pub use endpoint_deletions::Sweep;
pub use endpoints::{CreateEndpoint, TellOfEndpoint};
pub use error::StoreError;
pub use health::{Probe, ReceiverHealth};
pub use idempotency::{Claimed, KeptAnswer, KeptRequest};
pub use inventory::Imported;
pub use item::Item;
pub use keys::{Get, Gsi1, Gsi2, Gsi3, List, Primary, SECONDARY_INDEXES, Segment, Shard, Tenant};
pub use lists::{CallPage, ListedCall, Start};
pub use live::{BusyTenant, LiveCall};
pub use members::{LastOwner, MemberRemoved, MemberSet, Membership, OwnerCount};
pub use numbers::{Attach, Bought, Updated};
pub use organizations::Organization;
pub use outbox::{OutboxEvent, OutboxShard, Tell, tell};
pub use releases::Release;
pub use resealing::{Resealing, SealedPage, TableKey};
pub use sealed::{Replaced, SEALED_ATTRIBUTES, SealedAttribute, SealedValue};
pub use settings::{SecretSetting, SettingName};
pub use subscriptions::{CreateSubscription, SubscriptionCount};
pub use table::{Consistency, Table};
pub use transcripts::{PartName, TranscriptPart};
pub use usage::Usage;
pub use verify::Difference;
