//! The reading of call events: what is taken, what is normalised, what is refused and how it is named.

use domain::call::{CallStatus, Direction, EventKind, HangupReason};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

/// 2026-01-01T00:00:00Z.
const NOW_MS: i64 = 1_767_225_600_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW_MS).unwrap()
}

fn call_id(millis: i64) -> String {
    CallId::new(Timestamp::from_millis(millis).unwrap(), [1; 10]).to_string()
}

fn minimal() -> Value {
    json!({
        "id": "e1", "type": "call.ringing", "timestamp": "2026-01-01T00:00:00Z",
        "organization_id": "0198c0de-0000-7000-8000-000000000001", "call_id": call_id(NOW_MS), "data": {},
    })
}

fn with_data(field: &str, value: Value) -> String {
    let mut message = minimal();
    message["data"][field] = value;
    message.to_string()
}

fn with(field: &str, value: Value) -> String {
    let mut message = minimal();
    message[field] = value;
    message.to_string()
}

fn read(body: &str) -> CallEventMessage {
    CallEventMessage::from_json(body, now()).unwrap_or_else(|invalid| panic!("{invalid}"))
}

fn faulty_fields(body: &str) -> Vec<String> {
    let invalid = CallEventMessage::from_json(body, now()).unwrap_err();
    invalid.faults.into_iter().map(|fault| fault.field).collect()
}

fn problem(body: &str) -> String {
    CallEventMessage::from_json(body, now()).unwrap_err().to_string()
}

#[test]
fn a_full_message_is_read() {
    let mut body = minimal();
    body["type"] = "call.completed".into();
    body["mode"] = "test".into();
    body["sequence"] = 4.into();
    body["data"] = json!({
        "from_number": "+1 (415) 555-0100", "to_number": "anonymous", "direction": "inbound",
        "phone_number_id": "pn_0198c0de-0000-7000-8000-000000000002", "endpoint_id": "0198c0de-0000-7000-8000-000000000003",
        "status": "no-answer", "duration": 12, "cost": 1.25, "latency_ms": 340, "hangup_cause": "normal_clearing",
        "hangup_reason": "user_hangup", "recording_url": "https://example.com/r.wav", "transcript": "Hallo, wie geht's?",
        "carrier": "twilio", "carrier_call_id": "CA1", "metadata": {"a": [1, null]}, "later_field": true,
    });
    let message = read(&body.to_string());
    assert_eq!((message.mode, &message.event.kind), (Mode::Test, &EventKind::Completed));
    assert_eq!(message.event.sequence, Some(4));
    let parties = &message.event.parties;
    assert_eq!(parties.from_number.as_deref(), Some("+14155550100"));
    assert_eq!(parties.to_number.as_deref(), Some("anonymous"));
    assert_eq!(parties.direction, Some(Direction::Inbound));
    assert_eq!((parties.carrier.as_deref(), parties.carrier_call_id.as_deref()), (Some("twilio"), Some("CA1")));
    assert!(parties.phone_number_id.is_some() && parties.endpoint_id.is_some());
    let facts = &message.event.facts;
    assert_eq!(facts.status, Some(CallStatus::NoAnswer));
    assert_eq!((facts.duration, facts.latency_ms, facts.cost_micro_cents), (Some(12), Some(340), Some(1_250_000)));
    assert_eq!(facts.hangup_cause.as_deref(), Some("NORMAL_CLEARING"));
    assert_eq!(facts.hangup_reason, Some(HangupReason::UserHangup));
    assert_eq!(facts.metadata.as_ref().unwrap()["a"], json!([1, null]));
    assert_eq!(read(&message.to_json().unwrap()), message);
}

#[test]
fn null_empty_and_missing_are_one() {
    let bare = read(&minimal().to_string());
    assert_eq!(bare.mode, Mode::Live);
    for value in [Value::Null, "".into()] {
        for field in ["from_number", "direction", "status", "cost", "recording_url", "metadata", "phone_number_id"] {
            assert_eq!(read(&with_data(field, value.clone())), bare, "{field}");
        }
        assert_eq!(read(&with("mode", value.clone())), bare);
    }
    assert_eq!(read(&with("sequence", Value::Null)), bare);
    assert_eq!(read(&with("data", Value::Null)), bare);
}

#[rstest]
#[case("id", json!(7))]
#[case("id", json!("a b"))]
#[case("id", json!("x".repeat(129)))]
#[case("id", json!(""))]
#[case("id", Value::Null)]
#[case("type", json!("call ringing"))]
#[case("timestamp", json!(1_767_225_600))]
#[case("timestamp", json!("yesterday"))]
#[case("organization_id", json!("acme"))]
#[case("mode", json!("prod"))]
#[case("call_id", json!("CA 123"))]
#[case("call_id", json!("x".repeat(129)))]
#[case("call_id", json!(call_id(1_577_836_799_999)))]
#[case("call_id", json!(call_id(NOW_MS + 86_400_001)))]
#[case("sequence", json!("1"))]
#[case("sequence", json!(1.5))]
fn a_faulty_field_is_named(#[case] field: &str, #[case] value: Value) {
    assert_eq!(faulty_fields(&with(field, value)), [field]);
}

#[rstest]
#[case("from_number", json!(14_155_550_100_u64))]
#[case("from_number", json!("x".repeat(65)))]
#[case("to_number", json!("a\nb"))]
#[case("direction", json!("sideways"))]
#[case("phone_number_id", json!("ep_0198c0de-0000-7000-8000-000000000002"))]
#[case("endpoint_id", json!(5))]
#[case("part", json!(0))]
#[case("part", json!("1"))]
#[case("part", json!(17))]
#[case("part", json!(1))]
#[case("transcript_url", json!("ftp://t.example.com/1"))]
#[case("duration", json!(-1))]
#[case("duration", json!(1.5))]
#[case("duration", json!("12"))]
#[case("duration", json!(4_294_967_296_u64))]
#[case("cost", json!(-0.01))]
#[case("cost", json!("1.25"))]
#[case("cost", json!(1e12))]
#[case("latency_ms", json!(-5))]
#[case("hangup_cause", json!("what?"))]
#[case("hangup_cause", json!("X".repeat(65)))]
#[case("hangup_reason", json!("bored"))]
#[case("recording_url", json!("javascript:alert(1)"))]
#[case("recording_url", json!("ftp://example.com/a"))]
#[case("recording_url", json!(format!("https://example.com/{}", "a".repeat(2048))))]
#[case("transcript", json!([]))]
#[case("carrier", json!("x".repeat(33)))]
#[case("carrier_call_id", json!("x".repeat(129)))]
#[case("metadata", json!([1]))]
#[case("metadata", json!({"a": "x".repeat(4096)}))]
fn a_faulty_field_of_the_data_is_named(#[case] field: &str, #[case] value: Value) {
    assert_eq!(faulty_fields(&with_data(field, value)), [format!("data.{field}")]);
}

#[rstest]
#[case("duration", json!(0))]
#[case("duration", json!(12.0))]
#[case("duration", json!(4_294_967_295_u64))]
#[case("cost", json!(0))]
#[case("cost", json!(1e9))]
#[case("from_number", json!("sip:anna@example.com"))]
#[case("to_number", json!("ü".repeat(64)))]
#[case("status", json!("answered"))]
#[case("status", json!("answered_elsewhere"))]
#[case("status", json!("in-progress"))]
#[case("metadata", json!({"a": "x".repeat(4088)}))]
fn what_is_just_allowed_is_taken(#[case] field: &str, #[case] value: Value) {
    read(&with_data(field, value));
}

#[test]
fn a_call_without_a_time_in_its_id_gets_its_events_time() {
    for name in ["6fa459ea-ee8a-4ca4-894e-db77e160355e", "CA0123456789abcdef0123456789abcdef"] {
        let message = read(&with("call_id", name.into()));
        assert_eq!(message.alias.as_ref().map(CallAlias::as_str), Some(name));
        assert_eq!(message.call_id.time(), Some(message.event.timestamp));
        assert_eq!(read(&message.to_json().unwrap()), message);
        let mut old = minimal();
        (old["call_id"], old["timestamp"]) = (name.into(), "2019-12-31T23:59:59Z".into());
        assert_eq!(faulty_fields(&old.to_string()), ["timestamp"]);
    }
    assert_eq!(read(&minimal().to_string()).alias, None);
}

#[test]
fn a_part_of_a_transcript_comes_with_its_text_and_their_number() {
    let data = |data: Value| {
        let mut message = minimal();
        message["data"] = data;
        message.to_string()
    };
    let message = read(&data(json!({"transcript": "b", "part": 2, "parts": 16})));
    assert_eq!(message.event.facts.transcript_part, Some((2, 16)));
    assert_eq!(read(&message.to_json().unwrap()), message);
    for faulty in
        [json!({"part": 1, "parts": 2}), json!({"transcript": "a", "part": 3, "parts": 2}), json!({"transcript": "a", "parts": 2})]
    {
        assert_eq!(faulty_fields(&data(faulty)), ["data.part"]);
    }
    let linked = read(&data(json!({"transcript_url": "https://t.example.com/1"})));
    assert_eq!(linked.event.facts.transcript_url.as_deref(), Some("https://t.example.com/1"));
}

#[test]
fn call_ids_from_2020_to_a_day_ahead_are_taken() {
    for millis in [1_577_836_800_000, NOW_MS - 1, NOW_MS + 86_400_000] {
        read(&with("call_id", call_id(millis).into()));
    }
    read(&with("call_id", format!("call_{}", call_id(NOW_MS)).into()));
}

#[test]
fn costs_are_kept_as_micro_cents_rounded() {
    for (cents, micro_cents) in [(0.1, 100_000), (0.000_000_4, 0), (0.000_000_6, 1), (12.345_678_9, 12_345_679)] {
        assert_eq!(read(&with_data("cost", cents.into())).event.facts.cost_micro_cents, Some(micro_cents), "{cents}");
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let body = r#"{"id": 1, "mode": "x", "data": {"duration": -1, "cost": "a"}}"#;
    let all = ["organization_id", "mode", "call_id", "id", "type", "timestamp", "data.duration", "data.cost"];
    assert_eq!(faulty_fields(body), all);
    assert!(problem(body).starts_with("organization_id: is required; mode: must be live or test; "));
}

#[rstest]
#[case("")]
#[case("{")]
#[case("hello")]
#[case("\"+14155550100\"")]
#[case("7")]
#[case("null")]
#[case(r#"{"id": "a", "id": "b"}"#)]
#[case(r#"{"data": {"cost": 1, "cost": 2}}"#)]
#[case(r#"{"data": "+14155550100"}"#)]
fn what_is_no_such_object_is_faulty_as_a_whole(#[case] body: &str) {
    assert_eq!(faulty_fields(body), ["body"]);
    assert!(!problem(body).contains("415"), "{}", problem(body));
}

#[test]
fn a_body_may_have_256_kib() {
    let fill = |length: usize| with_data("transcript", "x".repeat(length).into());
    let rest = fill(1).len() - 1;
    read(&fill(crate::MAX_BODY_BYTES - rest));
    assert_eq!(faulty_fields(&fill(crate::MAX_BODY_BYTES - rest + 1)), ["body"]);
}

#[test]
fn no_problem_repeats_a_value() {
    let secret = "hunter2 hunter2";
    let mut body = minimal();
    for field in ["id", "type", "timestamp", "organization_id", "mode", "call_id", "sequence"] {
        body[field] = secret.into();
    }
    for field in [
        "direction",
        "phone_number_id",
        "endpoint_id",
        "status",
        "duration",
        "cost",
        "latency_ms",
        "hangup_cause",
        "recording_url",
        "metadata",
    ] {
        body["data"][field] = secret.into();
    }
    assert!(!problem(&body.to_string()).contains("hunter2"));
}

#[test]
fn a_faulty_message_never_succeeds() {
    let failure = crate::Failure::from(CallEventMessage::from_json("{}", now()).unwrap_err());
    assert!(matches!(failure, crate::Failure::Never { reason } if reason.contains("call_id: is required")));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_a_panic(body in ".*") {
        let _ = CallEventMessage::from_json(&body, now());
    }

    #[test]
    fn what_is_written_reads_back_as_itself(
        id in "[!-}][!-~]{0,127}", sequence: Option<i64>, duration: Option<u32>, transcript in proptest::option::of(".+"),
        cost in proptest::option::of(0_u64..=1_000_000_000_000_000), kind in "[a-z]{1,20}\\.[a-z]{1,20}", from in "\\+[1-9][0-9]{6,14}",
    ) {
        let mut message = read(&minimal().to_string());
        message.event.id = id.parse().unwrap();
        message.event.kind = kind.parse().unwrap();
        message.event.sequence = sequence;
        message.event.parties.from_number = Some(from);
        message.event.facts.duration = duration;
        message.event.facts.cost_micro_cents = cost;
        message.event.facts.transcript = transcript;
        prop_assert_eq!(read(&message.to_json().unwrap()), message);
    }
}
