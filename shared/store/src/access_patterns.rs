//! Every way in which the table is read, one line each. `ACCESS_PATTERNS.md` is rendered from here.
//!
//! A line is: id, what it finds, `Get` or `List`, function, item, index, partition key, sort key (or its beginning),
//! arguments, and of which argument the bucket is made. Each becomes a function that makes the key. Of what belongs to an
//! organization every partition can be told without a look: whoever erases it must find all of it (ADR 0027). The compiler refuses what is not meant; this reads a
//! number as a number:
//!
//! ```
//! # use {domain::{NumberId, OrgId, number::PhoneNumber}, store::{access_patterns, Get, Tenant}};
//! # fn example(tenant: Tenant, number: NumberId) {
//! let key: Get<PhoneNumber> = access_patterns::number(tenant.org(), tenant.mode(), number);
//! # }
//! ```
//!
//! Arguments in the wrong order are refused:
//!
//! ```compile_fail,E0308
//! # use {domain::{NumberId, OrgId, number::PhoneNumber}, store::{access_patterns, Get, Tenant}};
//! # fn example(tenant: Tenant, number: NumberId) {
//! let key: Get<PhoneNumber> = access_patterns::number(number, tenant.mode(), tenant.org());
//! # }
//! ```
//!
//! So is another kind of id:
//!
//! ```compile_fail,E0308
//! # use {domain::{EndpointId, OrgId, number::PhoneNumber}, store::{access_patterns, Get, Tenant}};
//! # fn example(tenant: Tenant, number: EndpointId) {
//! let key: Get<PhoneNumber> = access_patterns::number(tenant.org(), tenant.mode(), number);
//! # }
//! ```
//!
//! and reading the item as something else:
//!
//! ```compile_fail,E0308
//! # use {domain::{NumberId, OrgId, endpoint::Endpoint}, store::{access_patterns, Get, Tenant}};
//! # fn example(tenant: Tenant, number: NumberId) {
//! let key: Get<Endpoint> = access_patterns::number(tenant.org(), tenant.mode(), number);
//! # }
//! ```
//!
//! A list of the table is asked of the table:
//!
//! ```
//! # use {store::{access_patterns, Table, Tenant}};
//! # async fn example(table: Table, tenant: Tenant) {
//! let numbers = table.list(access_patterns::numbers(tenant.org(), tenant.mode())).await;
//! # }
//! ```
//!
//! and a list of an index is not:
//!
//! ```compile_fail,E0308
//! # use {store::{access_patterns, Table, Tenant}};
//! # async fn example(table: Table, tenant: Tenant) {
//! let gone = table.list(access_patterns::sweeps()).await;
//! # }
//! ```
//!
//! Free text is no part of a key:
//!
//! ```compile_fail,E0277
//! # use store::Segment;
//! fn key(part: impl Segment) {}
//! key("NUMBER#1");
//! ```

use domain::{
    AuditId, CallId, Country, CredentialId, Day, DeliveryId, E164, EndpointId, KeyId, Mode, NumberId, OrgId, OutboxId, SubscriptionId,
    Timestamp, UserId,
    api_key::{ApiKey, KeyHash, KeyRecord},
    audit::AuditEntry,
    call::{CallAlias, CallRecord},
    callback::{CallMark, NonceMark},
    credential::CarrierCredential,
    delivery::{Delivery, DeliveryState},
    endpoint::Endpoint,
    idempotency::RequestKey,
    inventory::{NumberType, Slot},
    member::Member,
    number::{Claim, PhoneNumber},
    subscription::Subscription,
    webhook::ReceiverId,
};

use crate::{
    EndpointCount, Erasure, IssuerId, IssuerSecret, KeyCount, NamedCall, NumberCount, Offer, Organization, OutboxEvent, OutboxShard,
    RateBucket, ReceiverHealth, ReceiverPace, Retention, SecretSetting, SettingName, SubscriptionCount, Sweep,
    carried::CarriedCall,
    counts::{CountRow, Dimension, Part, Spread, Watch, Year},
    delivery_log::{Lane, LogPlace},
    due::{DueAttempt, DueShard},
    idempotency::KeptRequest,
    keys::{Bucket, Get, Gsi1, Gsi2, Gsi3, List, Primary, Segment, Shard},
    lists::ListedCall,
    live::{BusyTenant, LiveCall},
    members::{Membership, OwnerCount},
    nonces::UsedNonce,
    resealing::Resealing,
    transcripts::{PartName, TranscriptPart},
};

/// One access pattern as data.
#[derive(Debug)]
pub struct Pattern {
    /// Its short name in tests and cost tables.
    pub id: &'static str,
    /// What it finds, in words.
    pub what: &'static str,
    /// `Get` or `List`.
    pub kind: &'static str,
    /// The function that makes its key.
    pub function: &'static str,
    /// The item it finds.
    pub item: &'static str,
    /// The table (`Primary`) or the index it asks.
    pub index: &'static str,
    /// The partition key's template.
    pub partition_key: &'static str,
    /// The sort key's template; a list's is the beginning.
    pub sort_key: &'static str,
}

macro_rules! access_patterns {
    ($($id:literal $what:literal $kind:ident $function:ident -> $item:ident in $index:ident [$pk:literal $sk:literal] ($($arg:ident: $type:ty),*) $($bucket:ident of $whole:ident)?;)*) => {
        /// Every access pattern, in the order of the document.
        pub const PATTERNS: &[Pattern] = &[$(Pattern {
            id: $id,
            what: $what,
            kind: stringify!($kind),
            function: stringify!($function),
            item: stringify!($item),
            index: stringify!($index),
            partition_key: $pk,
            sort_key: $sk,
        },)*];

        $(
            #[doc = concat!($id, ": ", $what, ".")]
            #[must_use]
            pub fn $function($($arg: $type),*) -> $kind<$item, $index> {
                $(let $bucket = Bucket::of(&$whole).segment();)?
                $(let $arg = $arg.segment();)*
                $kind::new(format!($pk), format!($sk))
            }
        )*
    };
}

access_patterns! {
    "O1" "an organization"                              Get  organization   -> Organization  in Primary ["ORG#{org}" "ORG"] (org: OrgId);
    "O2" "the organizations, oldest first" List organizations -> Organization in Gsi1 ["ORGANIZATIONS" "ORG#"] ();
    "O3" "whether an organization is being erased or was" Get erasure       -> Erasure       in Primary ["ORG#{org}" "ERASURE"] (org: OrgId);
    "O4" "how long an organization keeps its calls"     Get  retention      -> Retention     in Primary ["RETENTION" "ORG#{org}"] (org: OrgId);
    "O5" "the organizations that do not keep their calls for ever" List retentions -> Retention in Primary ["RETENTION" "ORG#"] ();
    "O6" "the organizations whose erasure has not ended" List erasures      -> Erasure       in Gsi1    ["ERASURES" "ORG#"] ();
    "K1" "an API key by its hash"                       Get  api_key        -> ApiKey        in Primary ["KEY#{hash}" "KEY"] (hash: KeyHash);
    "K2" "the API keys of an organization, oldest first" List api_keys      -> KeyRecord     in Primary ["ORG#{org}" "KEY#"] (org: OrgId);
    "K3" "one API key of an organization"               Get  key_record     -> KeyRecord     in Primary ["ORG#{org}" "KEY#{key}"] (org: OrgId, key: KeyId);
    "K4" "how many API keys of an organization are not revoked" Get key_count -> KeyCount    in Primary ["ORG#{org}" "COUNT#KEY"] (org: OrgId);
    "M1" "what a user is in an organization"            Get  membership     -> Membership    in Primary ["USER#{user}" "MEMBER#{org}"] (user: UserId, org: OrgId);
    "M2" "the organizations of a user"                  List memberships    -> Membership    in Primary ["USER#{user}" "MEMBER#"] (user: UserId);
    "M3" "one member of an organization"                Get  member         -> Member        in Primary ["ORG#{org}" "MEMBER#{user}"] (org: OrgId, user: UserId);
    "M4" "the members of an organization"               List members        -> Member        in Primary ["ORG#{org}" "MEMBER#"] (org: OrgId);
    "M5" "how many owners an organization has"          Get  owner_count    -> OwnerCount    in Primary ["ORG#{org}" "COUNT#OWNER"] (org: OrgId);
    "L1" "how much of their rates an organization and its callers have used up" Get rates -> RateBucket in Primary ["ORG#{org}" "RATE"] (org: OrgId);
    "L2" "how many numbers an organization holds"       Get  number_count   -> NumberCount   in Primary ["ORG#{org}#{mode}" "COUNT#NUMBER"] (org: OrgId, mode: Mode);
    "L3" "how many endpoints an organization has"       Get  endpoint_count -> EndpointCount in Primary ["ORG#{org}#{mode}" "COUNT#ENDPOINT"] (org: OrgId, mode: Mode);
    "H1" "one entry of an audit trail"                  Get  audit_entry    -> AuditEntry    in Primary ["AUDIT#{org}#{mode}" "ENTRY#{entry}"] (org: OrgId, mode: Mode, entry: AuditId);
    "H2" "the audit trail of an organization, oldest first" List audit_trail -> AuditEntry   in Primary ["AUDIT#{org}#{mode}" "ENTRY#"] (org: OrgId, mode: Mode);
    "I1" "a number that can be bought"                  Get  slot           -> Slot          in Primary ["INVENTORY#{mode}#{country}#{kind}" "SLOT#{e164}"] (mode: Mode, country: Country, kind: NumberType, e164: &E164);
    "I2" "the numbers of a country and type that can be bought, by number" List slots -> Slot in Primary ["INVENTORY#{mode}#{country}#{kind}" "SLOT#"] (mode: Mode, country: Country, kind: NumberType);
    "I3" "where a number is on offer, or was before it was bought" Get offer -> Offer        in Primary ["E164#{mode}#{e164}" "OFFER"] (mode: Mode, e164: &E164);
    "I4" "the numbers of a country and type that were ever on offer, by number" List offers -> Offer in Gsi1 ["OFFERS#{mode}#{country}#{kind}" "NUMBER#"] (mode: Mode, country: Country, kind: NumberType);
    "N1" "one number of an organization"                Get  number         -> PhoneNumber   in Primary ["ORG#{org}#{mode}" "NUMBER#{number}"] (org: OrgId, mode: Mode, number: NumberId);
    "N2" "the numbers of an organization, oldest first" List numbers        -> PhoneNumber   in Primary ["ORG#{org}#{mode}" "NUMBER#"] (org: OrgId, mode: Mode);
    "N3" "who owns an E.164 number"                     Get  claim          -> Claim         in Primary ["E164#{mode}#{e164}" "CLAIM"] (mode: Mode, e164: &E164);
    "N4" "a deleted endpoint that numbers may still name" Get sweep         -> Sweep         in Primary ["ORG#{org}#{mode}" "NUMBER#GONE#{endpoint}"] (org: OrgId, mode: Mode, endpoint: EndpointId);
    "N5" "the deleted endpoints that numbers may still name" List sweeps    -> Sweep         in Gsi2    ["SWEEP" "ENDPOINT#"] ();
    "E1" "one endpoint of an organization"              Get  endpoint       -> Endpoint      in Primary ["ORG#{org}#{mode}" "ENDPOINT#{endpoint}"] (org: OrgId, mode: Mode, endpoint: EndpointId);
    "C1" "one call of an organization"                  Get  call           -> CallRecord    in Primary ["CALLS#{org}#{mode}#{shard}" "CALL#{call}"] (org: OrgId, mode: Mode, shard: Shard, call: CallId);
    "C2" "the calls of one shard of an organization, oldest first" List calls -> CallRecord  in Primary ["CALLS#{org}#{mode}#{shard}" "CALL#"] (org: OrgId, mode: Mode, shard: Shard);
    "C3" "the entry of an ended call in the list of its organization" Get listed_call -> ListedCall in Primary ["LIST#{org}#{mode}" "CALL#{call}"] (org: OrgId, mode: Mode, call: CallId);
    "C4" "the ended calls of an organization, oldest first" List listed_calls -> ListedCall  in Primary ["LIST#{org}#{mode}" "CALL#"] (org: OrgId, mode: Mode);
    "C5" "whether a call goes on"                       Get  live_call      -> LiveCall      in Primary ["LIVE#{org}#{mode}" "CALL#{call}"] (org: OrgId, mode: Mode, call: CallId);
    "C6" "the calls of an organization that go on, oldest first" List live_calls -> LiveCall in Primary ["LIVE#{org}#{mode}" "CALL#"] (org: OrgId, mode: Mode);
    "C7" "whether an organization may have calls that go on" Get busy_tenant -> BusyTenant   in Primary ["BUSY" "TENANT#{org}#{mode}"] (org: OrgId, mode: Mode);
    "C8" "the organizations that may have calls that go on" List busy_tenants -> BusyTenant  in Primary ["BUSY" "TENANT#"] ();
    "C9" "where the name leads that a source gave a call" Get named_call    -> NamedCall     in Primary ["NAMES#{org}#{mode}#{bucket}" "NAME#{alias}"] (org: OrgId, mode: Mode, alias: &CallAlias) bucket of alias;
    "C10" "whose a call is that came by a credential of the operator's" Get carried_call -> CarriedCall in Primary ["NAMES#{org}#{mode}#{bucket}" "CARRIED#{credential}#{call}"] (org: OrgId, mode: Mode, credential: CredentialId, call: &CallMark) bucket of call;
    "T1" "one part of a call's transcript"              Get  transcript_part -> TranscriptPart in Primary ["TRANSCRIPTS#{org}#{mode}#{bucket}" "PART#{call}#{part}"] (org: OrgId, mode: Mode, call: CallId, part: PartName) bucket of call;
    "T2" "the parts of a call's transcripts"            List transcript_parts -> TranscriptPart in Primary ["TRANSCRIPTS#{org}#{mode}#{bucket}" "PART#{call}#"] (org: OrgId, mode: Mode, call: CallId) bucket of call;
    "A1" "how calls of a year ended, by month"          Get  year_counts    -> CountRow      in Primary ["YEARS#{org}#{mode}#{bucket}" "{dimension}#YEAR#{year}#{part}#{spread}"] (org: OrgId, mode: Mode, dimension: Dimension, year: Year, part: Part, spread: Spread) bucket of dimension;
    "A2" "how calls ended, by year and month"           List counts_by_year -> CountRow      in Primary ["YEARS#{org}#{mode}#{bucket}" "{dimension}#YEAR#"] (org: OrgId, mode: Mode, dimension: Dimension) bucket of dimension;
    "A3" "how calls of a day ended"                     Get  day_counts     -> CountRow      in Primary ["DAYS#{org}#{mode}#{bucket}" "{dimension}#DAY#{day}#{part}#{spread}"] (org: OrgId, mode: Mode, dimension: Dimension, day: Day, part: Part, spread: Spread) bucket of dimension;
    "A4" "how calls ended, by day"                      List counts_by_day  -> CountRow      in Primary ["DAYS#{org}#{mode}#{bucket}" "{dimension}#DAY#"] (org: OrgId, mode: Mode, dimension: Dimension) bucket of dimension;
    "A5" "how calls of four hours ended, by hour and five minutes" Get watch_counts -> CountRow in Primary ["WATCHES#{org}#{mode}#{bucket}" "{dimension}#WATCH#{day}#{watch}#{part}#{spread}"] (org: OrgId, mode: Mode, dimension: Dimension, day: Day, watch: Watch, part: Part, spread: Spread) bucket of dimension;
    "A6" "how calls of a day ended, by hour and five minutes" List counts_by_watch -> CountRow in Primary ["WATCHES#{org}#{mode}#{bucket}" "{dimension}#WATCH#{day}#"] (org: OrgId, mode: Mode, dimension: Dimension, day: Day) bucket of dimension;
    "R1" "what became of a request with an idempotency key" Get request     -> KeptRequest   in Primary ["REQUESTS#{org}#{mode}#{bucket}" "REQUEST#{request}"] (org: OrgId, mode: Mode, request: RequestKey) bucket of request;
    "E2" "the endpoints of an organization, oldest first" List endpoints    -> Endpoint      in Primary ["ORG#{org}#{mode}" "ENDPOINT#"] (org: OrgId, mode: Mode);
    "X1" "a sealed secret of the deployment"            Get  setting        -> SecretSetting in Primary ["SETTING" "SETTING#{name}"] (name: SettingName);
    "X2" "the sealed secret of an issuer of users' tokens" Get issuer_secret -> IssuerSecret in Primary ["ISSUER" "ISSUER#{issuer}"] (issuer: IssuerId);
    "S1" "one webhook subscription of an organization"  Get  subscription   -> Subscription  in Primary ["ORG#{org}#{mode}" "SUBSCRIPTION#{subscription}"] (org: OrgId, mode: Mode, subscription: SubscriptionId);
    "S2" "the webhook subscriptions of an organization, oldest first" List subscriptions -> Subscription in Primary ["ORG#{org}#{mode}" "SUBSCRIPTION#"] (org: OrgId, mode: Mode);
    "S3" "how many webhook subscriptions an organization has" Get subscription_count -> SubscriptionCount in Primary ["ORG#{org}#{mode}" "COUNT#SUBSCRIPTION"] (org: OrgId, mode: Mode);
    "B1" "a lifecycle event that waits for its webhooks" Get outbox_event   -> OutboxEvent   in Primary ["OUTBOX#{shard}" "EVENT#{event}"] (shard: OutboxShard, event: OutboxId);
    "B2" "the lifecycle events of one shard that wait, oldest first" List outbox -> OutboxEvent in Primary ["OUTBOX#{shard}" "EVENT#"] (shard: OutboxShard);
    "W1" "the frozen body of a webhook delivery"        Get  delivery       -> Delivery      in Primary ["BODIES#{org}#{mode}#{bucket}" "BODY#{delivery}"] (org: OrgId, mode: Mode, delivery: DeliveryId) bucket of delivery;
    "W2" "the state of a webhook delivery"              Get  delivery_state -> DeliveryState in Primary ["DELIVERIES#{org}#{mode}#{lane}" "AT#{place}"] (org: OrgId, mode: Mode, lane: Lane, place: LogPlace);
    "W3" "the deliveries of one lane of an organization, oldest first" List deliveries -> DeliveryState in Primary ["DELIVERIES#{org}#{mode}#{lane}" "AT#"] (org: OrgId, mode: Mode, lane: Lane);
    "W4" "the deliveries of a call, oldest first"       List deliveries_of  -> DeliveryState in Gsi3    ["DELIVERIES#{org}#{mode}#CALL#{call}" "AT#"] (org: OrgId, mode: Mode, call: CallId);
    "W5" "what is known of a webhook receiver that fails" Get receiver_health -> ReceiverHealth in Primary ["HEALTH#{org}#{mode}#{bucket}" "RECEIVER#{receiver}"] (org: OrgId, mode: Mode, receiver: ReceiverId) bucket of receiver;
    "W6" "the pace of a webhook receiver that is slow"  Get  receiver_pace  -> ReceiverPace  in Primary ["HEALTH#{org}#{mode}#{bucket}" "PACE#{receiver}"] (org: OrgId, mode: Mode, receiver: ReceiverId) bucket of receiver;
    "D1" "an attempt that waits for its time"           Get  due_attempt    -> DueAttempt    in Primary ["DUE#{shard}" "AT#{at}#{delivery}#{attempt}"] (shard: DueShard, at: Timestamp, delivery: DeliveryId, attempt: u32);
    "D2" "the attempts of one shard that wait, by their time" List due_attempts -> DueAttempt in Primary ["DUE#{shard}" "AT#"] (shard: DueShard);
    "P1" "one carrier credential of an organization"    Get  credential     -> CarrierCredential in Primary ["ORG#{org}#{mode}" "CREDENTIAL#{credential}"] (org: OrgId, mode: Mode, credential: CredentialId);
    "P2" "the carrier credentials of an organization, oldest first" List credentials -> CarrierCredential in Primary ["ORG#{org}#{mode}" "CREDENTIAL#"] (org: OrgId, mode: Mode);
    "P3" "a carrier's nonce that was used"              Get  used_nonce     -> UsedNonce     in Primary ["NONCES#{org}#{mode}#{bucket}" "NONCE#{credential}#{nonce}"] (org: OrgId, mode: Mode, credential: CredentialId, nonce: &NonceMark) bucket of nonce;
    "V1" "how far the re-sealing of all secrets came"   Get  resealing      -> Resealing     in Primary ["OPERATION" "RESEALING"] ();
}

/// The document: every access pattern as a table.
#[must_use]
pub fn render() -> String {
    let mut text = String::from(
        "# Access patterns\n\n\
         Rendered from `src/access_patterns.rs`; a test keeps the two equal, and one test per row proves it on a real table.\n\n\
         | id | finds | how | item | where | partition key | sort key |\n|---|---|---|---|---|---|---|\n",
    );
    for Pattern { id, what, kind, function, item, index, partition_key, sort_key } in PATTERNS {
        let kind = kind.to_lowercase();
        let end = if kind == "list" { "…" } else { "" };
        text += &format!("| {id} | {what} | {kind} `{function}` | `{item}` | {index} | `{partition_key}` | `{sort_key}{end}` |\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_equals_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/ACCESS_PATTERNS.md");
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == render(), "{path} is out of date: write this into it\n{}", render());
    }

    #[test]
    fn ids_and_functions_are_unique() {
        for (at, pattern) in PATTERNS.iter().enumerate() {
            assert!(!PATTERNS[..at].iter().any(|other| other.id == pattern.id || other.function == pattern.function), "{}", pattern.id);
        }
    }
}
