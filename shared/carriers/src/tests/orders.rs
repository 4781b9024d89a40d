//! Whatever order what a carrier tells comes in, and however often, it comes to the same call.

use domain::{
    CallId, Timestamp,
    call::{Call, CallEvent, CallRecord, CallStatus, apply},
    carrier::Carrier::{self, Plivo, Twilio, Vobiz},
};
use proptest::{prelude::*, test_runner::TestRunner};

use super::Sent;

fn at(seconds: i64) -> Timestamp {
    let begin: Timestamp = "2026-01-02T03:04:00Z".parse().unwrap();
    begin.plus_millis(seconds * 1_000)
}

/// A form, and the second in which it was received.
type Told = (i64, String);

/// A call whose legs both tell all of their progress, each at a time of its own.
fn twilio() -> Vec<Told> {
    let caller = "CallSid=CA1&From=%2B14155550100&To=%2B12025550123&Direction=inbound";
    let dialled = "CallSid=CA2&ParentCallSid=CA1&Direction=outbound-dial";
    let timed = |second: i64| format!("Timestamp=Fri%2C+02+Jan+2026+03%3A04%3A{second:02}+%2B0000");
    let mut told = vec![(45, format!("{caller}&CallStatus=in-progress&DialCallStatus=completed&DialCallDuration=30"))];
    for (leg, words) in [(caller, [("in-progress", 8), ("completed", 41)]), (dialled, [("in-progress", 10), ("completed", 40)])] {
        told.extend(words.map(|(word, second)| (second, format!("{leg}&CallStatus={word}&CallDuration=30&{}", timed(second)))));
    }
    for (word, second) in [("initiated", 5), ("ringing", 6)] {
        told.push((second, format!("{dialled}&CallStatus={word}&{}", timed(second))));
    }
    told
}

fn plivo() -> Vec<Told> {
    let caller = "CallUUID=A&From=14155550100&To=12025550123&Direction=inbound";
    let dialled = "DialALegUUID=A&DialBLegUUID=B";
    vec![
        (6, format!("{caller}&CallStatus=ringing&Event=Ring")),
        (8, format!("{caller}&CallStatus=in-progress")),
        (10, format!("{dialled}&DialAction=answer&DialBLegStatus=answer")),
        (40, format!("{dialled}&DialAction=hangup&DialBLegDuration=30&DialBLegHangupSource=Callee")),
        (41, format!("{caller}&CallStatus=in-progress&DialStatus=completed&DialALegUUID=A")),
        (42, format!("{caller}&CallStatus=completed&Event=Hangup&Duration=34&HangupCauseCode=4000&HangupSource=Callee")),
    ]
}

fn events(carrier: Carrier) -> Vec<CallEvent> {
    let (told, question) = match carrier {
        Twilio => (twilio(), "CallSid=CA1&From=%2B14155550100&To=%2B12025550123"),
        Plivo | Vobiz => (plivo(), "CallUUID=A&From=14155550100&To=12025550123"),
    };
    let asked = Sent::post("/voice", question).voice(carrier).unwrap().event(at(5));
    let told = told.into_iter().map(|(second, body)| Sent::post("/status", body).status(carrier).unwrap().unwrap().event(at(second)));
    std::iter::once(asked).chain(told).collect()
}

fn call(events: impl IntoIterator<Item = CallEvent>) -> Call {
    let mut record = CallRecord::new(CallId::new(at(5), [1; 10]));
    events.into_iter().for_each(|event| apply(&mut record, event));
    record.call()
}

#[test]
fn any_order_and_repetition_comes_to_the_same_call() {
    for carrier in [Twilio, Plivo, Vobiz] {
        let events = events(carrier);
        let expected = call(events.clone());
        assert_eq!((expected.status, expected.duration), (CallStatus::Completed, 30), "{carrier}");
        assert_eq!((expected.answered_at, expected.completed_at), (Some(at(8)), Some(at(40))), "{carrier}: the leg that was first decides");
        let told = prop::sample::subsequence(events.clone(), 0..=events.len())
            .prop_map(move |again| events.iter().cloned().chain(again).collect::<Vec<_>>())
            .prop_shuffle();
        let same = TestRunner::default().run(&told, |told| {
            prop_assert_eq!(call(told), expected.clone());
            Ok(())
        });
        assert_eq!(same, Ok(()), "{carrier}");
    }
}
