//! The published schema and the reader agree: what the schema allows is taken, and what is refused it does not allow.

use std::sync::LazyLock;

use domain::{CallId, Timestamp};
use jsonschema::Validator;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use super::CallEventMessage;

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(include_str!("../../../../events/call-event.v1.schema.json")).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
});

fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

fn is_taken(message: &Value) -> bool {
    CallEventMessage::from_json(&message.to_string(), now()).is_ok()
}

fn uuid() -> impl Strategy<Value = Value> {
    any::<[u8; 10]>().prop_map(|random| json!(CallId::new(now(), random)))
}

fn call() -> impl Strategy<Value = Value> {
    prop_oneof![uuid(), "[!-~]{1,128}".prop_map(Value::from), Just(json!("6fa459ea-ee8a-4ca4-894e-db77e160355e"))]
}

fn url() -> impl Strategy<Value = Value> {
    "https?://[a-z]{1,20}\\.example\\.com(:[1-9][0-9]{1,3})?(/[a-zA-Z0-9._~-]{0,20}){0,3}(\\?[a-z]=[0-9]{1,5})?".prop_map(Value::from)
}

fn optional(name: &'static str, value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Option<(String, Value)>> {
    proptest::option::of(value.prop_map(move |value| (name.to_owned(), value))).boxed()
}

/// Any data that the schema allows.
fn data() -> impl Strategy<Value = Value> {
    let one = |values: &[&str]| proptest::sample::select(values.iter().map(|value| json!(value)).collect::<Vec<Value>>());
    let count = || any::<u32>().prop_map(Value::from);
    let part = (1_u32..=16).prop_flat_map(|parts| (1..=parts, Just(parts)));
    let parts = proptest::option::of(part.prop_map(|(part, parts)| json!({"part": part, "parts": parts, "transcript": "Hello."})));
    let fields = vec![
        optional("from_number", "(\\+[1-9][0-9]{6,14}|[^\\p{Cc}]{1,64})".prop_map(Value::from)),
        optional("to_number", "[^\\p{Cc}]{1,64}".prop_map(Value::from)),
        optional("direction", one(&["inbound", "outbound"])),
        optional("phone_number_id", uuid()),
        optional("endpoint_id", uuid()),
        optional("status", one(&["failed", "busy", "no_answer", "no-answer", "answered"])),
        optional("duration", count()),
        optional("cost", (0.0..=1e9).prop_map(Value::from)),
        optional("latency_ms", count()),
        optional("hangup_cause", "[A-Za-z0-9_]{1,64}".prop_map(Value::from)),
        optional("hangup_reason", one(&["normal_clearing", "user_hangup", "rejected", "timeout"])),
        optional("recording_url", url()),
        optional("transcript", "\\PC{1,200}".prop_map(Value::from)),
        optional("transcript_url", url()),
        optional("carrier", "[^\\p{Cc}]{1,32}".prop_map(Value::from)),
        optional("carrier_call_id", "[^\\p{Cc}]{1,128}".prop_map(Value::from)),
        optional("metadata", proptest::collection::hash_map("[a-z]{1,8}", any::<i64>(), 0..5).prop_map(|map| json!(map))),
        optional("a_later_field", Just(json!([1, null]))),
    ];
    (fields, parts).prop_map(|(fields, parts)| {
        let mut data: Map<String, Value> = fields.into_iter().flatten().collect();
        data.extend(parts.and_then(|parts| parts.as_object().cloned()).unwrap_or_default());
        Value::Object(data)
    })
}

/// Any message that the schema allows.
fn message() -> impl Strategy<Value = Value> {
    let kinds = prop_oneof![Just("call.completed".to_owned()), Just("transcript.ready".to_owned()), "[A-Za-z0-9._-]{1,64}"];
    let time = (1_577_836_800_000_i64..1_767_300_000_000).prop_map(|millis| json!(Timestamp::from_millis(millis).unwrap()));
    let sequence = -9_007_199_254_740_991_i64..=9_007_199_254_740_991;
    ("[!-}][!-~]{0,127}", kinds, time, uuid(), call(), data(), sequence).prop_map(|(id, kind, time, organization, call, data, sequence)| {
        json!({
            "id": id, "type": kind, "timestamp": time, "organization_id": organization, "call_id": call, "data": data,
            "sequence": sequence, "mode": if sequence % 2 == 0 { "live" } else { "test" },
        })
    })
}

proptest! {
    #[test]
    fn what_the_schema_allows_is_taken(message in message()) {
        let faults: Vec<String> = SCHEMA.iter_errors(&message).map(|error| error.to_string()).collect();
        prop_assert!(faults.is_empty(), "{:?}", faults);
        prop_assert!(is_taken(&message), "{:?}", CallEventMessage::from_json(&message.to_string(), now()));
    }
}

#[rstest]
#[case("id", json!("a b"))]
#[case("id", json!("x".repeat(129)))]
#[case("id", json!("~timeout"))]
#[case("id", json!("~"))]
#[case("type", json!("call ringing"))]
#[case("timestamp", json!("yesterday"))]
#[case("timestamp", json!(1_767_225_600))]
#[case("organization_id", json!("acme"))]
#[case("mode", json!("prod"))]
#[case("call_id", json!("CA 123"))]
#[case("call_id", json!("x".repeat(129)))]
#[case("sequence", json!(1.5))]
#[case("sequence", json!("1"))]
#[case("data", json!([]))]
#[case("data", json!({"direction": "sideways"}))]
#[case("data", json!({"to_number": "a\nb"}))]
#[case("data", json!({"from_number": "x".repeat(65)}))]
#[case("data", json!({"phone_number_id": "1"}))]
#[case("data", json!({"duration": -1}))]
#[case("data", json!({"duration": 1.5}))]
#[case("data", json!({"latency_ms": 4_294_967_296_u64}))]
#[case("data", json!({"cost": -0.01}))]
#[case("data", json!({"cost": 1e10}))]
#[case("data", json!({"hangup_cause": "what?"}))]
#[case("data", json!({"hangup_reason": "bored"}))]
#[case("data", json!({"recording_url": "javascript:alert(1)"}))]
#[case("data", json!({"transcript_url": "ftp://example.com/a"}))]
#[case("data", json!({"transcript": []}))]
#[case("data", json!({"transcript": "a", "part": 17, "parts": 17}))]
#[case("data", json!({"transcript": "a", "part": 1}))]
#[case("data", json!({"part": 1, "parts": 2}))]
#[case("data", json!({"carrier": "x".repeat(33)}))]
#[case("data", json!({"metadata": [1]}))]
fn what_is_refused_the_schema_does_not_allow(#[case] field: &str, #[case] value: Value) {
    let mut message = json!({
        "id": "e1", "type": "call.ringing", "timestamp": "2026-01-01T00:00:00Z", "sequence": 1.0, "mode": "live",
        "organization_id": "0198c0de-0000-7000-8000-000000000001", "call_id": CallId::new(now(), [1; 10]), "data": {"duration": 12.0},
    });
    assert!(SCHEMA.is_valid(&message) && is_taken(&message));
    message[field] = value;
    assert_eq!((SCHEMA.is_valid(&message), is_taken(&message)), (false, false));
}

#[test]
fn what_must_be_there_must_be_there() {
    for field in ["id", "type", "timestamp", "organization_id", "call_id"] {
        let mut message = json!({
            "id": "e1", "type": "call.ringing", "timestamp": "2026-01-01T00:00:00Z",
            "organization_id": "0198c0de-0000-7000-8000-000000000001", "call_id": CallId::new(now(), [1; 10]),
        });
        assert!(SCHEMA.is_valid(&message) && is_taken(&message));
        message.as_object_mut().unwrap().remove(field);
        assert_eq!((SCHEMA.is_valid(&message), is_taken(&message)), (false, false), "{field}");
    }
}
