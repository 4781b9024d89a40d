//! Schemas of what stands in wire types: texts of one shape, and names of which there is a closed set.
//!
//! Compiled for the API's description alone. Names come from the types' own lists, so that a new one is described at once.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::{
    AuditId, CallId, Country, CredentialId, Day, DeliveryId, E164, EndpointId, InventoryId, KeyId, Mode, NumberId, OrgId, SubscriptionId,
    Timestamp,
    allowed_ip::AllowedIp,
    call::{CallStatus, Direction, EventId, EventKind, HangupReason},
    carrier::Carrier,
    endpoint::{EndpointStatus, Provider},
    inventory::NumberType,
    member::Role,
    number::{NumberSource, NumberStatus},
    scope::Scope,
    secret::Revealed,
};

macro_rules! schemas {
    ($($name:ident => $schema:expr;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

/// What an E.164 number looks like on output.
pub const E164_PATTERN: &str = r"^\+[1-9][0-9]{6,14}$";

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

fn id(description: &str) -> ObjectBuilder {
    text(description).format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
}

fn shaped(description: &str, pattern: &str) -> ObjectBuilder {
    text(description).pattern(Some(pattern))
}

fn names(description: &str, names: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    text(description).enum_values(Some(names))
}

schemas! {
    OrgId => id("An organization.");
    KeyId => id("An API key: its public name, not the key itself.");
    NumberId => id("A phone number that an organization holds.");
    EndpointId => id("An endpoint.");
    InventoryId => id("A number that can be bought.");
    CredentialId => id("A carrier credential.");
    CallId => id("A call.");
    SubscriptionId => id("A webhook subscription.");
    DeliveryId => id("One event's way to one receiver.");
    AuditId => id("An entry of the audit trail.");
    E164 => shaped("A phone number as ITU-T E.164 writes it.", E164_PATTERN);
    Country => shaped("A country by its ISO 3166-1 alpha-2 code.", "^[A-Z]{2}$");
    Timestamp => text("An instant: RFC 3339, UTC, with milliseconds.").format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    Day => text("A day in UTC.").format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)));
    AllowedIp => text("An IPv4 or IPv6 address, or a network in CIDR notation.").max_length(Some(43));
    Revealed => text("A secret that this answer shows.");
    EventId => shaped("The id that a source gave an event.", "^[!-~]{1,128}$");
    EventKind => shaped("What happened, such as `call.completed`.", "^[A-Za-z0-9._-]{1,64}$");
    Mode => names("Which of an organization's two data sets is meant.", Mode::ALL.map(Mode::as_str));
    Role => names("What a user is in an organization.", Role::ALL.map(Role::as_str));
    Scope => names("One permission: a family of routes, read or write.", Scope::ALL.iter().map(|scope| scope.as_str()));
    Direction => names("Who called whom, seen from the organization.", Direction::ALL.map(Direction::as_str));
    CallStatus => names("How far a call has come.", CallStatus::ALL.map(CallStatus::as_str));
    HangupReason => names("Why a call ended.", HangupReason::ALL.map(HangupReason::as_str));
    Carrier => names("A carrier whose numbers an organization can bring along.", Carrier::ALL.map(Carrier::as_str));
    Provider => names("Who answers behind an endpoint.", Provider::ALL.map(Provider::as_str));
    EndpointStatus => names("Whether calls reach an endpoint; `error` where the system switched it off.", EndpointStatus::ALL.map(EndpointStatus::as_str));
    NumberType => names("What sort of subscriber number it is.", NumberType::ALL.map(NumberType::as_str));
    NumberStatus => names("Whether and how a number works.", NumberStatus::ALL.map(NumberStatus::as_str));
    NumberSource => names("Where a number came from: the operator's inventory, or the organization's own carrier.", NumberSource::ALL.map(NumberSource::as_str));
}
