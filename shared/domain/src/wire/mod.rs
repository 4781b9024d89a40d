//! Response shapes: what clients and webhook receivers see. Made from domain types and never stored.
//!
//! They stand here, and not in a function, because an API answer and a webhook show the same object.

mod api_key;
mod audit;
mod call;
mod call_list;
mod delivery;
mod endpoint;
mod envelope;
mod notice;
mod number;
mod organization;
mod route;
mod stats;
mod subscription;
mod telephony;

pub use api_key::{ApiKey, CreatedApiKey};
pub use audit::{AuditEntry, AuditPrincipal, AuditResource};
pub use call::{Call, CallDetail, EventData, TimelineEvent};
pub use call_list::{CallEventList, CallList, SimulatedCall, SimulatedEvent};
pub use delivery::{Attempt, Delivery, DeliveryDetail, Replay};
pub use endpoint::{Endpoint, EndpointSummary, MASKED_SECRET};
pub use envelope::{Envelope, MAX_BODY_BYTES};
pub use notice::ReceiverNotice;
pub use number::{AvailableNumber, Number, NumberDetail, PurchasedNumber, ReleasedNumber, SipCredentials, sip_uri};
pub use organization::Organization;
pub use route::{ResolvedRoute, RouteExplanation, RouteStep};
pub use stats::{CallStats, CallTrends, TrendDay};
pub use subscription::{Subscription, WebhookTest};
pub use telephony::{CallbackUrls, CarrierCredential, CarrierNumber, CreatedCredential, RegisteredNumber, RotatedCallbacks};
