//! What types do not tell of a field: lengths, ranges, patterns, closed sets of names. Bounds come from the domain.

use std::collections::BTreeMap;

use domain::{
    CallId, Country, CredentialId, EndpointId, InventoryId, NumberId, SubscriptionId,
    allowed_ip::MAX_ALLOWED_IPS,
    api_key, audit,
    call::{CallStatus, Direction},
    carrier::Carrier,
    credential::MAX_LABEL_CHARS,
    delivery::{DeliveryStatus, KEPT_ATTEMPTS},
    endpoint::{self, EndpointStatus, MAX_SIP_URI_LENGTH, Provider},
    inventory::NumberType,
    number::{MAX_AGENT_CHARS, NumberStatus},
    route::{Reason, Rule},
    schema::E164_PATTERN,
    scope::Scope,
    simulation::Script,
    webhook::MAX_FILTER_ENTRIES,
};
use serde_json::{Value, json};

use crate::schemas::each_object;

/// A field of a schema, and what holds of it. A key that the type tells too is replaced.
type FieldRule = (&'static str, &'static str, Value);

const UUID: &str = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";

/// Visible text without control characters: something other than space is in it.
const NAME: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";

/// One of a closed set of names.
pub(crate) fn one_of(names: impl IntoIterator<Item = &'static str>) -> Value {
    json!({"type": "string", "enum": names.into_iter().collect::<Vec<_>>()})
}

/// A UUID, with one of these prefixes or none.
pub(crate) fn ids(prefixes: &[&str]) -> Value {
    let prefixes = if prefixes.is_empty() { String::new() } else { format!("({})?", prefixes.join("|")) };
    json!({"type": "string", "pattern": format!("^{prefixes}{UUID}$")})
}

/// The same where null is allowed.
fn or_null(mut schema: Value) -> Value {
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

/// A number as clients may write it.
fn e164() -> Value {
    json!({"type": "string", "maxLength": 40, "pattern": r"^[ .()-]*\+[ .()-]*[1-9]([ .()-]*[0-9]){6,14}[ .()-]*$"})
}

fn named(max: usize) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": max, "pattern": NAME})
}

/// The countries of numbers.
pub(crate) fn countries() -> Value {
    json!({"type": "string", "enum": Country::all().map(|country| country.to_string()).collect::<Vec<_>>()})
}

/// Entries of a filter of events.
fn events() -> Value {
    json!({"minItems": 1, "maxItems": MAX_FILTER_ENTRIES, "items": {"type": "string", "pattern": r"^([A-Za-z0-9._-]{1,64}|[A-Za-z0-9._-]{1,64}\.\*|\*)$"}})
}

fn time() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// The types of endpoints.
pub(crate) fn types() -> Vec<&'static str> {
    let mut all = vec!["agent", "direct_sip"];
    all.extend(Provider::ALL.map(Provider::as_str));
    all
}

/// Addresses as far as a pattern tells.
const HTTPS_URL: &str = r"[Hh][Tt][Tt][Pp][Ss]://[^\s\u0000-\u001f\u007f-\u009f\\]+";
const SIP_URI: &str = r"[Ss][Ii][Pp][Ss]?:[!#-;=?-\[\]-~]+";

/// Where ElevenLabs keeps data, and how a SIP server is spoken to: as `domain::endpoint` reads them.
pub(crate) const REGIONS: [&str; 3] = ["eu", "in", "sg"];
pub(crate) const TRANSPORTS: [&str; 3] = ["udp", "tcp", "tls"];

/// How receivers know an event.
const EVENT_ID: &str = "^evt_[0-9a-f]{32}$";

/// Says what holds of fields.
///
/// A rule for a field that is not there is a mistake of this file: a test finds it.
pub(crate) fn apply(schemas: &mut BTreeMap<String, Value>) {
    for (schema, field, holds) in rules() {
        let Some(schema) = schemas.get_mut(schema) else { continue };
        each_object(schema, &mut |object| {
            if let Some(property) = object["properties"].get_mut(field).and_then(Value::as_object_mut) {
                for (key, value) in holds.as_object().into_iter().flatten() {
                    property.insert(key.clone(), value.clone());
                }
            }
        });
    }
    for (schema, holds) in wholes() {
        if let Some(Value::Object(schema)) = schemas.get_mut(schema) {
            schema.extend(holds.as_object().cloned().unwrap_or_default());
        }
    }
}

/// Every rule.
pub(crate) fn rules() -> Vec<FieldRule> {
    let mut all = of_answers();
    all.extend(of_calls());
    all.extend(of_orders());
    all.extend(of_carriers());
    all.extend(of_config());
    all
}

fn of_answers() -> Vec<FieldRule> {
    let count = || json!({"minimum": 0});
    vec![
        ("ApiKey", "name", json!({"minLength": 1, "maxLength": api_key::MAX_NAME_CHARS})),
        ("ApiKey", "status", one_of(["active", "expired", "revoked"])),
        ("ApiKey", "scopes", json!({"uniqueItems": true})),
        ("ApiKey", "allowed_ips", json!({"maxItems": MAX_ALLOWED_IPS})),
        ("ApiKey", "hint", json!({"maxLength": 8})),
        ("CreatedApiKey", "key", json!({"pattern": "^kros_(live|test)_[0-9A-Za-z]{36}$"})),
        ("AuditEntry", "action", one_of(audit::Action::ALL.iter().map(|action| action.as_str()))),
        ("AuditEntry", "ip", json!({"maxLength": 45})),
        ("AuditResource", "type", one_of(resource_types())),
        ("AuditPrincipal", "type", one_of(["key", "user", "operator"])),
        ("Delivery", "status", one_of(DeliveryStatus::ALL.map(DeliveryStatus::as_str))),
        ("Delivery", "webhook_id", json!({"pattern": format!("^dlv_{UUID}$")})),
        ("Attempt", "number", json!({"minimum": 1})),
        ("Attempt", "status", json!({"minimum": 100, "maximum": 999})),
        ("Attempt", "answer", json!({"maxLength": 1_024})),
        ("DeliveryDetail", "attempts", json!({"maxItems": KEPT_ATTEMPTS})),
        ("DeliveryDetail", "body", json!({"maxLength": domain::wire::MAX_BODY_BYTES})),
        ("Endpoint", "name", json!({"minLength": 1, "maxLength": endpoint::MAX_NAME_CHARS})),
        ("Endpoint", "type", one_of(types())),
        ("Endpoint", "kind", one_of(["agent", "sip", "webhook"])),
        ("Endpoint", "events", events()),
        ("EndpointSummary", "name", json!({"minLength": 1, "maxLength": endpoint::MAX_NAME_CHARS})),
        ("EndpointSummary", "type", one_of(types())),
        ("ReceiverNotice", "status", one_of(["active", "error"])),
        ("ReceiverNotice", "percent", json!({"maximum": 100})),
        ("Number", "sip_uri", json!({"pattern": "^sip:\\+[0-9]+@"})),
        ("SipCredentials", "transport", one_of(["tls"])),
        ("SipCredentials", "port", json!({"minimum": 1, "maximum": 65_535})),
        ("RouteExplanation", "action", one_of(["dial", "ask", "busy", "reject"])),
        ("RouteExplanation", "reason", or_null(one_of(Reason::ALL.iter().map(|reason| reason.as_str())))),
        ("RouteStep", "rule", one_of(Rule::ALL.iter().map(|rule| rule.as_str()))),
        ("ResolvedRoute", "action", one_of(["dial", "busy", "reject"])),
        ("ResolvedRoute", "reason", or_null(one_of(Reason::ALL.iter().map(|reason| reason.as_str())))),
        ("Subscription", "status", one_of(["active", "inactive", "error"])),
        ("Subscription", "events", events()),
        ("WebhookTest", "event", one_of(["webhook.test"])),
        ("WebhookTest", "event_id", json!({"pattern": EVENT_ID})),
        ("Envelope", "id", json!({"pattern": EVENT_ID})),
        ("CarrierCredential", "label", json!({"minLength": 1, "maxLength": MAX_LABEL_CHARS})),
        ("CarrierNumber", "agent_id", json!({"maxLength": MAX_AGENT_CHARS})),
        ("RegisteredNumber", "agent_id", json!({"maxLength": MAX_AGENT_CHARS})),
        ("Number", "setup_cost_cents", count()),
        ("Problem", "code", one_of(api::Code::ALL.iter().map(|code| code.as_str()))),
        ("ProblemDetails", "errors", json!({"minItems": 1, "maxItems": 100})),
    ]
}

/// What acts are done to.
pub(crate) fn resource_types() -> Vec<&'static str> {
    let mut all: Vec<&str> = audit::Action::ALL.iter().map(|action| action.resource_type()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn of_calls() -> Vec<FieldRule> {
    let count = json!({"type": "integer", "minimum": 0});
    let by = |names: Vec<&str>| {
        let properties: serde_json::Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), count.clone())).collect();
        json!({"properties": properties, "required": names})
    };
    let mut all = vec![
        ("Call", "cost", json!({"minimum": 0})),
        ("Call", "hangup_cause", json!({"pattern": "^[A-Za-z0-9_]{1,64}$"})),
        ("Call", "recording_url", json!({"maxLength": 2_048})),
        ("Call", "from_number", json!({"maxLength": 64})),
        ("Call", "to_number", json!({"maxLength": 64})),
        ("TimelineEvent", "id", json!({"pattern": "^[!-~]{1,128}$"})),
        ("TimelineEvent", "type", json!({"pattern": "^[A-Za-z0-9._-]{1,64}$"})),
        ("TimelineEvent", "ignored_reason", one_of(["call_was_over", "end_was_told", "unknown_type"])),
        ("CallList", "page", json!({"minimum": 1})),
        ("CallList", "limit", json!({"minimum": 1, "maximum": 100})),
        ("SimulatedCall", "script", one_of(Script::ALL.map(Script::as_str))),
        ("CallStats", "by_status", by(CallStatus::ALL.map(CallStatus::as_str).into())),
        ("CallStats", "by_direction", by(Direction::ALL.map(Direction::as_str).into())),
        ("CallStats", "answer_rate", json!({"minimum": 0, "maximum": 1})),
        ("CallTrends", "data", json!({"minItems": 1, "maxItems": 366})),
    ];
    for field in ["total", "total_duration", "average_duration", "total_cost", "total_cost_micro_cents"] {
        all.push(("CallStats", field, json!({"minimum": 0})));
    }
    for field in ["total", "inbound", "outbound", "completed", "failed", "busy", "no_answer", "total_duration", "total_cost"] {
        all.push(("TrendDay", field, json!({"minimum": 0})));
    }
    all
}

fn of_orders() -> Vec<FieldRule> {
    let switched = || one_of([EndpointStatus::Active.as_str(), EndpointStatus::Inactive.as_str()]);
    let webhook = || json!({"type": "string", "pattern": format!("^{HTTPS_URL}$"), "maxLength": 2_048});
    let scopes = || json!({"minItems": 1, "items": one_of(Scope::ALL.iter().map(|scope| scope.as_str()))});
    let addresses = || json!({"maxItems": MAX_ALLOWED_IPS, "items": {"type": "string", "maxLength": 49, "pattern": "^[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?$"}});
    let url = || json!({"maxLength": 2_048, "pattern": format!("^({HTTPS_URL}|{SIP_URI})$")});
    let config = || json!({"maxProperties": 40});
    let number = NumberId::PREFIX;
    vec![
        ("NumberOrder", "inventory_id", or_null(ids(&[InventoryId::PREFIX]))),
        ("NumberOrder", "e164", or_null(e164())),
        ("NumberOrder", "country", or_null(countries())),
        ("NumberOrder", "type", or_null(one_of(NumberType::ALL.map(NumberType::as_str)))),
        ("NumberOrder", "endpoint_id", or_null(ids(&[EndpointId::PREFIX]))),
        ("NumberChange", "endpoint_id", or_null(ids(&[EndpointId::PREFIX]))),
        ("NumberChange", "status", or_null(one_of([NumberStatus::Active.as_str(), NumberStatus::Inactive.as_str()]))),
        ("EndpointOrder", "name", named(endpoint::MAX_NAME_CHARS)),
        ("EndpointOrder", "type", one_of(types())),
        ("EndpointOrder", "url", url()),
        ("EndpointOrder", "events", events()),
        ("EndpointOrder", "provider_config", config()),
        ("EndpointOrder", "phone_number_id", or_null(ids(&[number, "num_"]))),
        ("EndpointChange", "name", or_null(named(endpoint::MAX_NAME_CHARS))),
        ("EndpointChange", "type", or_null(one_of(types()))),
        ("EndpointChange", "url", url()),
        ("EndpointChange", "status", or_null(switched())),
        ("EndpointChange", "events", events()),
        ("EndpointChange", "provider_config", config()),
        ("WebhookOrder", "url", webhook()),
        ("WebhookOrder", "events", events()),
        ("WebhookChange", "url", or_null(webhook())),
        ("WebhookChange", "events", events()),
        ("ReplayOrder", "call_id", or_null(ids(&[CallId::PREFIX]))),
        ("ReplayOrder", "endpoint_id", or_null(ids(&[EndpointId::PREFIX]))),
        ("ReplayOrder", "subscription_id", or_null(ids(&[SubscriptionId::PREFIX]))),
        ("ReplayOrder", "receiver_id", or_null(ids(&[EndpointId::PREFIX, SubscriptionId::PREFIX]))),
        ("ReplayOrder", "event", json!({"pattern": "^[A-Za-z0-9._-]{1,64}$"})),
        ("ReplayOrder", "status", or_null(one_of(DeliveryStatus::ALL.map(DeliveryStatus::as_str)))),
        ("ReplayOrder", "start_date", or_null(crate::parameters::day_or_time())),
        ("ReplayOrder", "end_date", or_null(crate::parameters::day_or_time())),
        ("ReplayOrder", "limit", json!({"minimum": 1, "maximum": 1_000})),
        ("RouteQuestion", "to", e164()),
        ("RouteQuestion", "from", or_null(e164())),
        ("RouteQuestion", "at", or_null(time())),
        ("ResolveQuestion", "to", e164()),
        ("ResolveQuestion", "from", or_null(e164())),
        ("ResolveQuestion", "at", or_null(time())),
        ("ResolveQuestion", "call_id", json!({"pattern": "^[!-~]{1,128}$"})),
        ("Simulation", "script", one_of(Script::ALL.map(Script::as_str))),
        ("Simulation", "to", or_null(e164())),
        ("Simulation", "from", or_null(e164())),
        ("Simulation", "direction", or_null(one_of(Direction::ALL.map(Direction::as_str)))),
        ("ApiKeyOrder", "name", named(api_key::MAX_NAME_CHARS)),
        ("ApiKeyOrder", "scopes", scopes()),
        ("ApiKeyOrder", "mode", or_null(one_of(domain::Mode::ALL.map(domain::Mode::as_str)))),
        ("ApiKeyOrder", "allowed_ips", addresses()),
        ("ApiKeyOrder", "expires_at", or_null(time())),
        ("ApiKeyChange", "name", or_null(named(api_key::MAX_NAME_CHARS))),
        ("ApiKeyChange", "scopes", scopes()),
        ("ApiKeyChange", "allowed_ips", addresses()),
        ("ApiKeyChange", "expires_at", or_null(time())),
    ]
}

fn of_carriers() -> Vec<FieldRule> {
    let agent = || json!({"maxLength": MAX_AGENT_CHARS, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"});
    vec![
        ("CarrierCredentialOrder", "provider", one_of(Carrier::ALL.map(Carrier::as_str))),
        ("CarrierCredentialOrder", "label", named(MAX_LABEL_CHARS)),
        ("CarrierCredentialChange", "label", or_null(named(MAX_LABEL_CHARS))),
        ("CarrierCredentialChange", "signing_key", json!({"pattern": "^[ -~]{1,128}$", "writeOnly": true})),
        ("CarrierAccount", "account_sid", json!({"type": "string", "pattern": "^AC[0-9a-fA-F]{32}$"})),
        ("CarrierAccount", "auth_id", json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{4,64}$"})),
        ("CarrierAccount", "auth_token", json!({"pattern": "^[ -~]{1,128}$", "writeOnly": true})),
        ("CarrierNumberOrder", "e164", e164()),
        ("CarrierNumberOrder", "provider", one_of(Carrier::ALL.map(Carrier::as_str))),
        ("CarrierNumberOrder", "credentials_id", ids(&[CredentialId::PREFIX])),
        ("CarrierNumberOrder", "agent_id", agent()),
        ("CarrierNumberPin", "agent_id", agent()),
        ("CarrierNumber", "e164", json!({"pattern": E164_PATTERN})),
    ]
}

/// Settings of providers, with the shapes that `domain::endpoint` reads.
fn of_config() -> Vec<FieldRule> {
    let id = || json!({"pattern": r#"^[!#-:=?A-\[\]-~]{1,128}$"#});
    let mut all: Vec<FieldRule> =
        ["assistant_id", "agent_id", "elevenlabs_agent_id", "livekit_sip_trunk_id", "vogent_agent_id", "sip_username", "username"]
            .into_iter()
            .map(|field| ("ProviderConfig", field, id()))
            .collect();
    all.extend([
        ("ProviderConfig", "provider", json!({"maxLength": 32})),
        ("ProviderConfig", "credential_id", json!({"pattern": "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"})),
        ("ProviderConfig", "region", or_null(one_of(REGIONS))),
        ("ProviderConfig", "livekit_sip_uri", json!({"maxLength": MAX_SIP_URI_LENGTH, "pattern": "^[Ss][Ii][Pp][Ss]?:"})),
        ("ProviderConfig", "livekit_agent_name", json!({"pattern": "^[!-~]([ -~]{0,126}[!-~])?$"})),
        ("ProviderConfig", "transport", or_null(one_of(TRANSPORTS))),
        ("ProviderConfig", "password", json!({"minLength": 1, "maxLength": 128, "writeOnly": true})),
        ("ProviderConfig", "headers", json!({"maxProperties": 10, "additionalProperties": {"type": "string", "maxLength": 256}})),
    ]);
    all
}

/// The one, or else the other. Not as a choice (`anyOf`): of one, generators of clients make a type for each branch, with the fields
/// of that branch alone.
fn or_else(one: Value, other: Value) -> Value {
    json!({"if": {"not": one}, "then": other})
}

/// What an object holds if a field of it has one of these values, and what if not. Both are lists of at least two, because linters take
/// the fields of a bare condition for all that there are.
fn by(field: &str, values: &[&str], then: &[Value], otherwise: &[Value]) -> Value {
    let mut choice = json!({"if": {"required": [field], "properties": {field: {"enum": values}}}, "then": {"allOf": then}});
    if !otherwise.is_empty() {
        choice["else"] = json!({"allOf": otherwise});
    }
    choice
}

fn there(field: &str) -> Value {
    json!({"required": [field], "properties": {field: {}}})
}

/// A field that is there and a text.
fn text(field: &str) -> [Value; 2] {
    [there(field), json!({"properties": {field: {"type": "string"}}})]
}

/// The number that is the organization's own.
fn own_number() -> Value {
    by("direction", &[Direction::Outbound.as_str()], &text("from"), &text("to"))
}

/// Where an endpoint of a type may be: a webhook at a web address, every other one at a SIP address.
fn by_type_of_endpoint() -> Value {
    let at = |pattern: &str| json!({"properties": {"url": {"pattern": pattern}}});
    let [url, is_text] = text("url");
    let custom = by("type", &["custom_sip", "direct_sip"], &[url.clone(), is_text.clone()], &[]);
    by("type", &[Provider::Webhook.as_str()], &[url, is_text, at("^[Hh][Tt][Tt][Pp][Ss]:")], &[at("^[Ss][Ii][Pp][Ss]?:"), custom])
}

/// What an account with a carrier is told by.
fn by_carrier() -> Value {
    let account = |id: &str| json!({"properties": {"credentials": {"allOf": [there(id), there("auth_token")]}}});
    let pattern = json!({"properties": {"credentials": {"properties": {"auth_id": {"pattern": "^[MS]A[A-Z0-9]{18}$"}}}}});
    let plivo = by("provider", &[Carrier::Plivo.as_str()], &[there("credentials"), pattern], &[]);
    let twilio = [there("credentials"), account("account_sid")];
    by("provider", &[Carrier::Twilio.as_str()], &twilio, &[account("auth_id"), plivo])
}

/// What holds of whole schemas: fields that go together, and keys that are closed.
fn wholes() -> Vec<(&'static str, Value)> {
    let text = |field: &str| json!({"required": [field], "properties": {field: {"type": "string"}}});
    let starts = ["start_date", "from_date", "from"]
        .map(|field| json!({"required": [field], "properties": {field: crate::parameters::day_or_time()}}));
    let receiver = |field: &str| json!({"allOf": [text(field), {"anyOf": starts}]});
    let receivers = ["endpoint_id", "subscription_id", "receiver_id"].map(receiver);
    let by_number = ["e164", "country", "type"].map(text);
    vec![
        ("NumberOrder", or_else(text("inventory_id"), json!({"allOf": by_number}))),
        ("ReplayOrder", or_else(text("call_id"), json!({"anyOf": receivers}))),
        ("Simulation", own_number()),
        ("EndpointOrder", by_type_of_endpoint()),
        ("CarrierCredentialOrder", by_carrier()),
        ("CarrierAccount", json!({"additionalProperties": false, "minProperties": 2, "maxProperties": 2})),
        (
            "CarrierCredentialChange",
            or_else(
                text("label"),
                json!({"anyOf": [
                    {"required": ["credentials"], "properties": {"credentials": {"type": "object"}}},
                    {"required": ["signing_key"], "properties": {"signing_key": {"type": ["string", "null"]}}},
                ]}),
            ),
        ),
    ]
}
