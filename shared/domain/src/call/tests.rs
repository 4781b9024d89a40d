//! The rules of a call's life, one by one, and the law above them: order and repetition of arrival change nothing.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::{Timestamp, carrier::Carrier};

const BEGIN: &str = "2026-01-02T03:04:05Z";

fn at(after_ms: i64) -> Timestamp {
    BEGIN.parse::<Timestamp>().unwrap().plus_millis(after_ms)
}

fn event(id: &str, kind: EventKind, after_ms: i64) -> CallEvent {
    CallEvent {
        id: id.parse().unwrap(),
        kind,
        timestamp: at(after_ms),
        sequence: None,
        parties: Parties::default(),
        facts: Facts::default(),
    }
}

fn failed(after_ms: i64, status: Option<CallStatus>, cause: Option<&str>) -> CallEvent {
    let facts = Facts { status, hangup_cause: cause.map(str::to_owned), ..Facts::default() };
    CallEvent { facts, ..event("failed", EventKind::Failed, after_ms) }
}

fn record(events: impl IntoIterator<Item = CallEvent>) -> CallRecord {
    let mut record = CallRecord::new(CallId::new(at(0), [1; 10]));
    events.into_iter().for_each(|event| apply(&mut record, event));
    record
}

fn ignored(record: &CallRecord) -> Vec<(String, Option<IgnoreReason>)> {
    record.timeline().iter().map(|entry| (entry.event.id.to_string(), entry.ignored)).collect()
}

#[test]
fn an_answered_call_has_its_times_and_its_seconds() {
    let call = record([
        event("i", EventKind::Initiated, 0),
        event("r", EventKind::Ringing, 1_000),
        event("a", EventKind::Answered, 2_500),
        event("c", EventKind::Completed, 65_400),
    ])
    .call();
    assert_eq!(call.status, CallStatus::Completed);
    assert_eq!((call.created_at, call.answered_at, call.completed_at), (at(0), Some(at(2_500)), Some(at(65_400))));
    assert_eq!(call.duration, 62, "whole seconds from answer to end");
}

#[test]
fn the_sources_own_count_of_seconds_goes_before_ours() {
    let mut end = event("c", EventKind::Completed, 65_400);
    end.facts.duration = Some(61);
    assert_eq!(record([event("a", EventKind::Answered, 2_500), end.clone()]).call().duration, 61);
    // Told by a later word of the end, too: the first one knew none.
    let first = event("b", EventKind::Completed, 65_000);
    let both = record([event("a", EventKind::Answered, 2_500), end, first]).call();
    assert_eq!((both.duration, both.completed_at), (61, Some(at(65_000))));
}

#[test]
fn a_call_that_completed_without_an_answer_lasted_no_time() {
    assert_eq!(record([event("c", EventKind::Completed, 65_400)]).call().duration, 0);
}

#[rstest]
#[case(Some(CallStatus::Busy), None, CallStatus::Busy)]
#[case(Some(CallStatus::NoAnswer), Some("USER_BUSY"), CallStatus::NoAnswer)]
#[case(Some(CallStatus::Completed), Some("USER_BUSY"), CallStatus::Busy)]
#[case(None, Some("USER_BUSY"), CallStatus::Busy)]
#[case(None, Some("NO_ANSWER"), CallStatus::NoAnswer)]
#[case(None, Some("CALL_REJECTED"), CallStatus::Failed)]
#[case(None, None, CallStatus::Failed)]
fn a_failure_ends_as_it_says_else_as_its_cause_says(
    #[case] status: Option<CallStatus>,
    #[case] cause: Option<&str>,
    #[case] ends: CallStatus,
) {
    let call = record([event("a", EventKind::Answered, 0), failed(9_000, status, cause)]).call();
    assert_eq!((call.status, call.duration), (ends, 0));
}

#[test]
fn of_several_ends_the_first_in_order_wins_and_the_others_are_ignored() {
    let record =
        record([failed(2_000, None, Some("USER_BUSY")), event("c", EventKind::Completed, 1_000), event("r", EventKind::Ringing, 3_000)]);
    let call = record.call();
    assert_eq!((call.status, call.completed_at, call.hangup_cause), (CallStatus::Completed, Some(at(1_000)), None));
    let over = Some(IgnoreReason::CallWasOver);
    assert_eq!(ignored(&record), [("c".to_owned(), None), ("failed".to_owned(), over), ("r".to_owned(), over)]);
}

#[test]
fn events_of_one_instant_go_by_the_sources_count_and_then_by_id() {
    let mut first = event("z", EventKind::Completed, 1_000);
    first.sequence = Some(1);
    let mut second = failed(1_000, None, None);
    second.sequence = Some(2);
    assert_eq!(record([second.clone(), first.clone()]).call().status, CallStatus::Completed);
    first.sequence = Some(2);
    assert_eq!(record([second, first]).call().status, CallStatus::Failed, "«failed» comes before «z»");
}

#[test]
fn a_call_that_was_given_up_ends_so_until_its_end_is_told() {
    let rings = [event("i", EventKind::Initiated, 0), event("r", EventKind::Ringing, 1_000)];
    let mut record = record(rings);
    let timeout = CallEvent::timeout(record.call().status, at(130_000));
    apply(&mut record, timeout);
    let call = record.call();
    let reason = Some(HangupReason::Timeout);
    assert_eq!((call.status, call.hangup_reason, call.completed_at), (CallStatus::NoAnswer, reason, Some(at(130_000))));
    assert_eq!(ignored(&record).last(), Some(&(EventId::TIMEOUT.to_owned(), None)));
    // What happened before and after it, told late.
    apply(&mut record, event("a", EventKind::Answered, 5_000));
    assert_eq!(record.call().status, CallStatus::NoAnswer, "it is over until another end is told");
    apply(&mut record, event("c", EventKind::Completed, 200_000));
    let call = record.call();
    assert_eq!((call.status, call.answered_at, call.duration), (CallStatus::Completed, Some(at(5_000)), 195));
    assert_eq!(call.hangup_reason, None);
    assert!(ignored(&record).contains(&(EventId::TIMEOUT.to_owned(), Some(IgnoreReason::EndWasTold))));
    assert_eq!(record.end().map(|end| end.id.to_string()).as_deref(), Some("c"));
}

#[test]
fn a_transcript_in_parts_is_there_when_its_last_part_is_whatever_their_order() {
    let part = |id: &str, part: (u16, u16), text: &str, after_ms: i64| {
        let facts = Facts { transcript: Some(text.to_owned()), transcript_part: Some(part), ..Facts::default() };
        CallEvent { facts, ..event(id, EventKind::TranscriptReady, after_ms) }
    };
    let parts = [part("1", (1, 3), "a", 1), part("2", (2, 3), "b", 2), part("3", (3, 3), "c", 3)];
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let mut told = record([]);
        for (at, index) in order.into_iter().enumerate() {
            assert!(!told.call().has_transcript, "{at} parts are not all");
            apply(&mut told, parts[index].clone());
        }
        assert_eq!(told.call().transcript.as_deref(), Some("abc"));
    }
    // A part that comes again before the others replaces itself; one of another number of parts has nothing to do with them.
    let again = record([part("0", (2, 3), "x", 0), part("5", (1, 2), "y", 5)].into_iter().chain(parts.clone()));
    assert_eq!(again.call().transcript.as_deref(), Some("abc"));
    let facts = Facts { transcript_url: Some("https://t.example.com/1".to_owned()), ..Facts::default() };
    let linked = record(parts.into_iter().chain([CallEvent { facts, ..event("6", EventKind::TranscriptReady, 6) }]));
    let call = linked.call();
    assert_eq!((call.has_transcript, call.transcript, call.transcript_url.is_some()), (true, None, true));
}

#[test]
fn parts_of_a_corrected_transcript_never_mix_with_those_of_the_one_before() {
    let part = |id: &str, part: u16, text: &str, after_ms: i64| {
        let facts = Facts { transcript: Some(text.to_owned()), transcript_part: Some((part, 3)), ..Facts::default() };
        CallEvent { facts, ..event(id, EventKind::TranscriptReady, after_ms) }
    };
    let first = [part("1", 1, "a", 1), part("2", 2, "b", 2), part("3", 3, "c", 3)];
    let second = [part("4", 1, "A", 4), part("5", 2, "B", 5), part("6", 3, "C", 6)];
    // Whichever of them have come, in whatever order they came.
    for come in 0..8_usize {
        let here = second.iter().enumerate().filter(|(at, _)| come & (1 << at) != 0).map(|(_, part)| part.clone());
        let told = record(here.chain(first.clone()));
        let expected = if come == 7 { "ABC" } else { "abc" };
        assert_eq!(told.call().transcript.as_deref(), Some(expected), "{come:03b}");
    }
}

#[test]
fn what_was_answered_fails_when_it_is_given_up() {
    for status in [CallStatus::Initiated, CallStatus::InProgress] {
        assert_eq!(CallEvent::timeout(status, at(0)).terminal_status(), Some(CallStatus::Failed));
    }
}

#[test]
fn an_answer_after_the_end_is_no_answer() {
    let record = record([failed(1_000, None, Some("NO_ANSWER")), event("a", EventKind::Answered, 2_000)]);
    let call = record.call();
    assert_eq!((call.status, call.answered_at), (CallStatus::NoAnswer, None));
}

#[test]
fn a_status_never_moves_backwards() {
    let late_ringing = record([event("a", EventKind::Answered, 1_000), event("r", EventKind::Ringing, 2_000)]);
    assert_eq!(late_ringing.call().status, CallStatus::InProgress);
}

#[test]
fn what_comes_after_the_end_fills_in_and_unknown_types_change_nothing() {
    let mut recording = event("rec", EventKind::RecordingReady, 9_000);
    recording.facts.recording_url = Some("https://r.example.com/1".to_owned());
    let note = event("n", EventKind::Other("agent.note".into()), 500);
    let record = record([event("c", EventKind::Completed, 1_000), recording, note]);
    assert_eq!(record.call().recording_url.as_deref(), Some("https://r.example.com/1"));
    let unknown = Some(IgnoreReason::UnknownType);
    assert_eq!(ignored(&record), [("n".to_owned(), unknown), ("c".to_owned(), None), ("rec".to_owned(), None)]);
}

#[test]
fn the_first_party_told_stays_and_the_last_cost_counts() {
    let told = |id: &str, after_ms, from: &str, cost| {
        let mut event = event(id, EventKind::Ringing, after_ms);
        event.parties.from_number = Some(from.to_owned());
        event.facts.cost_micro_cents = Some(cost);
        event
    };
    let call = record([told("b", 2, "+2", 20), told("a", 1, "+1", 10)]).call();
    assert_eq!((call.from_number.as_deref(), call.cost_micro_cents), (Some("+1"), 20));
}

#[test]
fn without_a_time_in_its_id_a_call_began_with_its_earliest_event() {
    let mut record = CallRecord::new("6fa459ea-ee8a-4ca4-894e-db77e160355e".parse().unwrap());
    apply(&mut record, event("b", EventKind::Ringing, 2_000));
    apply(&mut record, event("a", EventKind::Initiated, 1_000));
    assert_eq!(record.call().created_at, at(1_000));
}

#[test]
fn a_known_event_id_with_another_content_changes_nothing() {
    let record = record([event("e", EventKind::Ringing, 0), failed(1, None, None), event("e", EventKind::Completed, 0)]);
    assert_eq!(record.events.len(), 2);
    assert_eq!(record.call().status, CallStatus::Failed);
}

/// Any event: every kind, few instants and ids, so that ties and contradictions are common.
fn any_event() -> impl Strategy<Value = CallEvent> {
    let kinds = prop_oneof![
        Just(EventKind::Initiated),
        Just(EventKind::Ringing),
        Just(EventKind::Answered),
        Just(EventKind::Completed),
        Just(EventKind::Failed),
        Just(EventKind::RecordingReady),
        Just(EventKind::TranscriptReady),
        Just(EventKind::Other("agent.note".into())),
    ];
    let words = (proptest::option::of(0_u32..90), proptest::option::of("[A-C]"), proptest::option::of(0_u64..9));
    (kinds, 0_i64..5, proptest::option::of(0_i64..3), words).prop_map(|(kind, after, sequence, (duration, from, cost))| CallEvent {
        sequence,
        parties: Parties { from_number: from.clone(), ..Parties::default() },
        facts: Facts { duration, cost_micro_cents: cost, recording_url: from, ..Facts::default() },
        ..event("e", kind, after * 1_000)
    })
}

/// Events with ids of their own, and the order in which they arrive: each at least once, some several times.
fn arrivals() -> impl Strategy<Value = (Vec<CallEvent>, Vec<usize>)> {
    proptest::collection::vec(any_event(), 1..10).prop_flat_map(|mut events| {
        for (at, event) in events.iter_mut().enumerate() {
            event.id = format!("e{at}").parse().unwrap();
        }
        let repeated = proptest::collection::vec(0..events.len(), 0..15);
        let all = events.len();
        let order = repeated.prop_flat_map(move |extra| Just((0..all).chain(extra).collect::<Vec<_>>()).prop_shuffle());
        (Just(events), order)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_order_and_any_repetition_gives_the_same_call((events, order) in arrivals()) {
        let expected = record(events.clone());
        let arrived = record(order.iter().map(|at| events[*at].clone()));
        prop_assert_eq!(&arrived, &expected);
        prop_assert_eq!(arrived.call(), expected.call());
        prop_assert_eq!(ignored(&arrived), ignored(&expected));
    }

    #[test]
    fn a_status_only_ever_advances_unless_an_earlier_end_comes_to_light((events, _) in arrivals()) {
        let mut record = CallRecord::new(CallId::new(at(0), [1; 10]));
        let mut before = record.call();
        for event in events {
            apply(&mut record, event);
            let call = record.call();
            prop_assert!(call.status >= before.status || (before.status.is_terminal() && call.status.is_terminal()));
            prop_assert_eq!(call.status.is_terminal(), call.completed_at.is_some());
            if let (Some(was), Some(is)) = (before.completed_at, call.completed_at) {
                prop_assert!(is <= was, "an end is only replaced by an earlier one");
            }
            before = call;
        }
    }
}

#[test]
fn a_carriers_word_is_known_by_its_id() {
    for carrier in Carrier::ALL {
        assert!(EventId::of_carrier(carrier, &["CA1", "refused"]).is_of_carrier());
    }
    for other in ["~timeout", "evt_1", "twilio_", "nobody_0123456789abcdef0123456789abcdef", "twilio_0123456789ABCDEF0123456789abcdef"] {
        assert!(!other.parse::<EventId>().unwrap().is_of_carrier(), "{other}");
    }
}
