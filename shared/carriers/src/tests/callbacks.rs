//! What carriers say, in the words of the API: each row of each table.

use domain::{
    Timestamp,
    call::{CallEvent, CallStatus, Direction, EventKind, HangupReason},
    carrier::Carrier::{self, Plivo, Twilio, Vobiz},
};
use rstest::rstest;

use super::Sent;
use crate::{StatusCallback, Unreadable};

const SID: &str = "CA00000000000000000000000000000001";
const UUID: &str = "11111111-2222-3333-4444-555555555555";
/// The sides and the call, as each carrier names them.
const TWILIO: &str = "CallSid=CA00000000000000000000000000000001&From=%2B14155550100&To=%2B12025550123&Direction=inbound";
const PLIVO: &str = "CallUUID=11111111-2222-3333-4444-555555555555&From=14155550100&To=12025550123&Direction=inbound";

fn now() -> Timestamp {
    "2026-01-02T03:04:05.678Z".parse().unwrap()
}

fn told(carrier: Carrier, body: &str) -> StatusCallback {
    let call = if carrier == Twilio { TWILIO } else { PLIVO };
    Sent::post("/status", format!("{call}&{body}")).status(carrier).unwrap().unwrap()
}

fn nothing_told(carrier: Carrier, body: &str) {
    let call = if carrier == Twilio { TWILIO } else { PLIVO };
    assert_eq!(Sent::post("/status", format!("{call}&{body}")).status(carrier), Ok(None), "{body}");
}

/// Event, status, duration, cause and reason on one line.
fn row(callback: &StatusCallback) -> String {
    let facts = &callback.facts;
    let end = facts.status.map(|status| {
        let reason = serde_json::to_value(facts.hangup_reason).unwrap();
        let cause = facts.hangup_cause.as_deref().unwrap_or("-");
        format!(" {} {:?} {cause} {}", status.as_str(), facts.duration, reason.as_str().unwrap())
    });
    format!("{}{}", callback.kind.as_str(), end.unwrap_or_default())
}

const COMPLETED: &str = "call.completed completed Some(42) NORMAL_CLEARING normal_clearing";
const BUSY: &str = "call.failed busy Some(0) USER_BUSY busy";
const NO_ANSWER: &str = "call.failed no_answer Some(0) NO_ANSWER no_answer";
const CANCELLED: &str = "call.failed failed Some(0) ORIGINATOR_CANCEL user_hangup";
const TIMEOUT: &str = "call.failed failed Some(0) RECOVERY_ON_TIMER_EXPIRE timeout";
const REJECTED: &str = "call.failed failed Some(0) CALL_REJECTED rejected";
const UNALLOCATED: &str = "call.failed failed Some(0) UNALLOCATED_NUMBER network_error";
const NETWORK: &str = "call.failed failed Some(0) NETWORK_OUT_OF_ORDER network_error";

#[rstest]
#[case("CallStatus=queued", "call.initiated")]
#[case("CallStatus=initiated", "call.initiated")]
#[case("CallStatus=ringing", "call.ringing")]
#[case("CallStatus=in-progress", "call.answered")]
#[case("CallStatus=answered", "call.answered")]
#[case("CallStatus=completed&CallDuration=42&SipResponseCode=200", COMPLETED)]
#[case("CallStatus=completed", "call.completed completed None NORMAL_CLEARING normal_clearing")]
#[case("CallStatus=completed&CallDuration=0", NO_ANSWER)]
#[case("CallStatus=completed&CallDuration=0&SipResponseCode=486", BUSY)]
#[case("CallStatus=busy", BUSY)]
#[case("CallStatus=no-answer", NO_ANSWER)]
#[case("CallStatus=no-answer&SipResponseCode=487", NO_ANSWER)]
#[case("CallStatus=canceled", CANCELLED)]
#[case("CallStatus=failed", NETWORK)]
#[case("CallStatus=failed&SipResponseCode=486", BUSY)]
#[case("CallStatus=failed&SipResponseCode=600", BUSY)]
#[case("CallStatus=failed&SipResponseCode=408", NO_ANSWER)]
#[case("CallStatus=failed&SipResponseCode=480", NO_ANSWER)]
#[case("CallStatus=failed&SipResponseCode=487", CANCELLED)]
#[case("CallStatus=failed&SipResponseCode=403", REJECTED)]
#[case("CallStatus=failed&SipResponseCode=603", REJECTED)]
#[case("CallStatus=failed&SipResponseCode=404", UNALLOCATED)]
#[case("CallStatus=failed&SipResponseCode=484", UNALLOCATED)]
#[case("CallStatus=failed&SipResponseCode=503", NETWORK)]
#[case("CallStatus=failed&SipResponseCode=0", NETWORK)]
#[case("CallStatus=in-progress&DialCallStatus=completed&DialCallDuration=42", COMPLETED)]
#[case("CallStatus=completed&DialCallStatus=answered&DialCallDuration=42", COMPLETED)]
#[case("CallStatus=in-progress&DialCallStatus=busy", BUSY)]
#[case("CallStatus=ringing&DialCallStatus=no-answer", NO_ANSWER)]
#[case("CallStatus=completed&CallDuration=9&DialCallStatus=canceled", CANCELLED)]
#[case("CallStatus=in-progress&DialCallStatus=failed&DialSipResponseCode=404", UNALLOCATED)]
#[case("CallStatus=paused", "twilio.paused")]
#[case("CallStatus=on%20hold%20%C3%A9", "twilio.on_hold__")]
fn twilios_words_mean(#[case] body: &str, #[case] meaning: &str) {
    assert_eq!(row(&told(Twilio, body)), meaning, "{body}");
}

#[rstest]
#[case("CallStatus=queued", "call.initiated")]
#[case("CallStatus=ringing", "call.ringing")]
#[case("CallStatus=ringing&Event=Ring", "call.ringing")]
#[case("CallStatus=in-progress", "call.answered")]
#[case("CallStatus=answered", "call.answered")]
#[case("CallStatus=in-progress&Event=StartApp", "call.answered")]
#[case("CallStatus=completed&Event=Hangup&Duration=42&HangupCauseCode=4000&HangupCauseName=Normal+Hangup", COMPLETED)]
#[case("CallStatus=completed&Duration=42&HangupCauseCode=4010&HangupSource=Answer+XML", COMPLETED)]
#[case("CallStatus=completed&Duration=42&HangupSource=Caller", "call.completed completed Some(42) NORMAL_CLEARING user_hangup")]
#[case("CallStatus=completed&Duration=42&HangupSource=Callee", "call.completed completed Some(42) NORMAL_CLEARING agent_hangup")]
#[case("CallStatus=completed&Duration=0&BillDuration=0&HangupCauseCode=4000&HangupCauseName=Normal+Hangup", NO_ANSWER)]
#[case("CallStatus=completed&Duration=0&HangupCause=NORMAL_CLEARING&AnswerTime=", NO_ANSWER)]
#[case("CallStatus=completed&Duration=0&HangupCauseName=Busy+Line&HangupCauseCode=3010", BUSY)]
#[case("CallStatus=completed&Duration=0&HangupCauseName=No+Answer&HangupCauseCode=3020", NO_ANSWER)]
#[case("CallStatus=completed&Duration=0&HangupCauseCode=1000", CANCELLED)]
#[case("CallStatus=completed&Duration=42&HangupCauseName=No+Answer", COMPLETED)]
#[case("Event=Hangup&Duration=42", COMPLETED)]
#[case("CallStatus=busy", BUSY)]
#[case("CallStatus=no-answer", NO_ANSWER)]
#[case("CallStatus=cancel", CANCELLED)]
#[case("CallStatus=timeout", TIMEOUT)]
#[case("CallStatus=rejected", REJECTED)]
#[case("CallStatus=failed", NETWORK)]
#[case("CallStatus=failed&HangupCauseCode=0&HangupCauseName=Unknown", NETWORK)]
#[case("CallStatus=failed&HangupCauseCode=1000&HangupCauseName=Cancelled", CANCELLED)]
#[case("CallStatus=failed&HangupCauseCode=2000", UNALLOCATED)]
#[case("CallStatus=failed&HangupCauseCode=2010", NETWORK)]
#[case("CallStatus=failed&HangupCauseCode=2020", NETWORK)]
#[case("CallStatus=failed&HangupCauseCode=2060", NETWORK)]
#[case("CallStatus=failed&HangupCauseName=busy+line", BUSY)]
#[case("CallStatus=failed&HangupCause=USER_BUSY", BUSY)]
#[case("CallStatus=failed&HangupCause=NO_ANSWER", NO_ANSWER)]
#[case("CallStatus=failed&HangupCause=CALL_REJECTED", REJECTED)]
#[case(
    "CallStatus=in-progress&DialStatus=completed&DialHangupCause=NORMAL_CLEARING",
    "call.completed completed None NORMAL_CLEARING normal_clearing"
)]
#[case("CallStatus=in-progress&DialStatus=busy", BUSY)]
#[case("CallStatus=in-progress&DialStatus=no-answer", NO_ANSWER)]
#[case("CallStatus=in-progress&DialStatus=timeout", TIMEOUT)]
#[case("CallStatus=in-progress&DialStatus=failed&DialHangupCause=CALL_REJECTED", REJECTED)]
#[case("CallStatus=in-progress&Event=DialAnswer&DialAction=answer&DialBLegStatus=answer", "call.answered")]
#[case("CallStatus=in-progress&Event=DialHangup&DialAction=hangup&DialBLegDuration=42&DialBLegHangupCauseCode=4000", COMPLETED)]
#[case("CallStatus=in-progress&DialAction=hangup&DialBLegDuration=0&DialBLegHangupCauseName=Busy+Line", BUSY)]
#[case("CallStatus=in-progress&DialAction=hangup&DialBLegDuration=0&DialBLegHangupCause=NORMAL_CLEARING", NO_ANSWER)]
#[case("CallStatus=in-progress&DialAction=hangup&DialBLegDuration=0&DialBLegHangupCauseCode=2020", NETWORK)]
#[case("CallStatus=paused", "{carrier}.paused")]
#[case("CallStatus=in-progress&DialAction=whisper", "{carrier}.whisper")]
fn plivos_and_vobizs_words_mean(#[values(Plivo, Vobiz)] carrier: Carrier, #[case] body: &str, #[case] meaning: &str) {
    assert_eq!(row(&told(carrier, body)), meaning.replace("{carrier}", carrier.as_str()), "{body}");
}

#[test]
fn who_hangs_up_is_seen_from_the_organization() {
    let reason = |body: &str| {
        let body = format!("CallUUID={UUID}&To=12025550123&{body}&CallStatus=completed&Duration=5");
        Sent::post("/status", body).status(Plivo).unwrap().unwrap().facts.hangup_reason
    };
    assert_eq!(reason("Direction=outbound&HangupSource=Callee"), Some(HangupReason::UserHangup));
    assert_eq!(reason("Direction=outbound&HangupSource=Caller"), Some(HangupReason::AgentHangup));
    assert_eq!(reason("Direction=inbound&HangupSource=Call+recipient"), Some(HangupReason::AgentHangup));
    assert_eq!(reason("Direction=inbound&HangupSource=Plivo"), Some(HangupReason::NormalClearing));
}

#[test]
fn what_says_nothing_of_the_call_tells_nothing() {
    nothing_told(Twilio, "");
    nothing_told(Twilio, "RecordingSid=RE1&RecordingStatus=in-progress&RecordingUrl=https%3A%2F%2Fapi.twilio.com%2FRE1");
    nothing_told(Twilio, "RecordingSid=RE1&RecordingStatus=completed&RecordingUrl=javascript:alert(1)");
    nothing_told(Plivo, "");
    nothing_told(Plivo, "DialAction=digits&DialDigitsMatch=1");
    nothing_told(Vobiz, "Event=Record&RecordingDuration=-1&RecordUrl=https%3A%2F%2Fmedia.vobiz.ai%2F1.mp3");
}

#[rstest]
#[case(Twilio, "RecordingSid=RE1&RecordingStatus=completed&RecordingDuration=9&RecordingUrl=https%3A%2F%2Fr.example%2F1")]
#[case(Plivo, "CallStatus=completed&RecordingID=1&RecordingDuration=9&RecordUrl=https%3A%2F%2Fr.example%2F1")]
#[case(Vobiz, "Event=Record&CallStatus=in-progress&RecordUrl=https%3A%2F%2Fr.example%2F1")]
fn a_recording_that_can_be_fetched_is_an_event(#[case] carrier: Carrier, #[case] body: &str) {
    let callback = told(carrier, body);
    assert_eq!((&callback.kind, callback.facts.recording_url.as_deref()), (&EventKind::RecordingReady, Some("https://r.example/1")));
    assert_eq!(callback.facts.status, None);
}

#[test]
fn a_recording_told_with_the_end_comes_with_it() {
    let callback = told(Twilio, "DialCallStatus=completed&DialCallDuration=42&RecordingUrl=https%3A%2F%2Fr.example%2F1");
    assert_eq!((row(&callback).as_str(), callback.facts.recording_url.as_deref()), (COMPLETED, Some("https://r.example/1")));
}

#[test]
fn costs_count_in_dollars_alone() {
    let cost = |carrier, body: &str| told(carrier, &format!("CallStatus=completed&Duration=1&{body}")).facts.cost_micro_cents;
    assert_eq!(cost(Plivo, "TotalCost=0.00850"), Some(850_000));
    assert_eq!(cost(Plivo, "TotalCost=much"), None);
    assert_eq!(cost(Vobiz, "TotalCost=0.65"), None);
    assert_eq!(cost(Vobiz, "TotalCost=0.65&Currency=INR"), None);
    assert_eq!(cost(Vobiz, "TotalCost=0.65&Currency=USD"), Some(65_000_000));
}

#[test]
fn twilio_tells_the_time_and_its_count_and_the_others_neither() {
    let callback = told(Twilio, "CallStatus=ringing&Timestamp=Fri%2C+02+Jan+2026+03%3A04%3A05+%2B0000&SequenceNumber=1");
    assert_eq!((callback.timestamp, callback.sequence), (Some("2026-01-02T03:04:05Z".parse().unwrap()), Some(1)));
    let faulty = told(Twilio, "CallStatus=ringing&Timestamp=yesterday&SequenceNumber=many");
    assert_eq!((faulty.timestamp, faulty.sequence), (None, None));
    for carrier in [Plivo, Vobiz] {
        let callback = told(carrier, "CallStatus=completed&EndTime=2026-01-02+09%3A04%3A05&AnswerTime=2026-01-02+09%3A04%3A00&Duration=5");
        assert_eq!((callback.timestamp, callback.event(now()).timestamp), (None, now()));
    }
}

/// The dialled leg's end comes without a time just before the caller's with one, which has whole seconds.
#[test]
fn an_action_of_twilio_does_not_come_after_the_end_that_follows_it() {
    let asked = Sent::post("/voice", TWILIO).voice(Twilio).unwrap().event(now());
    let action = told(Twilio, "DialCallStatus=busy").event(now());
    let end =
        told(Twilio, "CallStatus=completed&CallDuration=3&SequenceNumber=2&Timestamp=Fri%2C+02+Jan+2026+03%3A04%3A05+%2B0000").event(now());
    assert!(action.order() < end.order() && asked.order() < end.order());
}

#[test]
fn what_is_told_again_is_the_same_event_and_anything_else_another() {
    let id = |carrier, body: &str| told(carrier, body).event_id;
    assert_eq!(id(Twilio, "CallStatus=in-progress&SequenceNumber=2"), id(Twilio, "CallStatus=answered&SequenceNumber=3"));
    assert_eq!(id(Plivo, "CallStatus=in-progress"), id(Plivo, "Event=StartApp"));
    assert_eq!(id(Plivo, "DialAction=answer"), id(Plivo, "DialBLegStatus=connected"));
    assert_ne!(id(Plivo, "CallStatus=in-progress"), id(Plivo, "DialAction=answer"), "each leg has its own");
    for progress in ["initiated", "ringing", "in-progress"] {
        let dialled = format!("CallSid=CA2&ParentCallSid={SID}&CallStatus={progress}");
        let dialled = Sent::post("/status", dialled).status(Twilio).unwrap().unwrap();
        assert_ne!(dialled.event_id, id(Twilio, &format!("CallStatus={progress}")), "each leg has its own");
    }
    assert_eq!(id(Vobiz, "CallStatus=busy&Duration=0"), id(Vobiz, "Duration=0&CallStatus=busy"));
    let bodies = [
        "CallStatus=ringing",
        "CallStatus=in-progress",
        "CallStatus=completed&CallDuration=1",
        "CallStatus=busy",
        "DialCallStatus=completed",
        "DialCallStatus=busy",
        "CallStatus=paused&SequenceNumber=1",
        "CallStatus=paused&SequenceNumber=2",
        "CallStatus=resumed&SequenceNumber=1",
        "RecordingStatus=completed&RecordingSid=RE1&RecordingUrl=https%3A%2F%2Fr.example%2F1",
        "RecordingStatus=completed&RecordingSid=RE2&RecordingUrl=https%3A%2F%2Fr.example%2F2",
    ];
    let mut ids: Vec<_> = bodies.iter().map(|body| id(Twilio, body)).collect();
    ids.push(id(Plivo, "CallStatus=ringing"));
    ids.push(id(Vobiz, "CallStatus=ringing"));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), bodies.len() + 2);
    assert_eq!(id(Twilio, "CallStatus=ringing").as_str(), "twilio_bc2391000eb45ef2e6a5ed127812b86a");
}

#[test]
fn a_dialled_leg_belongs_to_the_callers_call_and_does_not_tell_its_sides() {
    let leg = "CallSid=CA2&ParentCallSid=CA1&From=%2B12025550123&To=sip%3Aa%40b.example&Direction=outbound-dial&CallStatus=ringing";
    let callback = Sent::post("/status", leg).status(Twilio).unwrap().unwrap();
    assert_eq!(callback.carrier_call_id, "CA1");
    let parties = &callback.parties;
    assert_eq!((parties.carrier_call_id.as_deref(), parties.carrier.as_deref()), (Some("CA1"), Some("twilio")));
    assert_eq!((&parties.from_number, &parties.to_number, parties.direction), (&None, &None, None));
    let leg = "CallUUID=B&DialALegUUID=A&DialBLegUUID=B&From=1&To=sip%3Aa%40b.example&DialAction=answer";
    let callback = Sent::post("/status", leg).status(Plivo).unwrap().unwrap();
    assert_eq!((callback.carrier_call_id.as_str(), &callback.parties.to_number), ("A", &None));
}

#[rstest]
#[case(Twilio, TWILIO, SID)]
#[case(Plivo, PLIVO, UUID)]
#[case(Vobiz, PLIVO, UUID)]
fn question_and_callback_meet_in_one_call(#[case] carrier: Carrier, #[case] body: &str, #[case] call: &str) {
    let asked = Sent::post("/voice", format!("{body}&CallStatus=ringing")).voice(carrier).unwrap();
    assert_eq!((asked.carrier_call_id.as_str(), asked.direction, asked.awaits_route), (call, Direction::Inbound, true));
    assert_eq!(asked.from.number.as_ref().unwrap().as_str(), "+14155550100");
    assert_eq!(asked.to.number.as_ref().unwrap().as_str(), "+12025550123");
    let begun: CallEvent = asked.event(now());
    let told = told(carrier, "CallStatus=initiated").event(now());
    assert_eq!((&begun.id, &begun.parties), (&told.id, &told.parties));
    assert_eq!((&begun.kind, begun.parties.carrier_call_id.as_deref()), (&EventKind::Initiated, Some(call)));
    assert_eq!(begun.order(), told.order());
}

#[rstest]
#[case::get(Sent::get(&format!("/voice?{TWILIO}")), Twilio)]
#[case::get_of_plivo(Sent::get(&format!("/voice?{PLIVO}")), Plivo)]
#[case::json(Sent::post("/voice", format!(r#"{{"CallUUID": "{UUID}", "From": "14155550100", "To": 12025550123}}"#)), Vobiz)]
fn a_question_may_come_as_a_query_or_as_json(#[case] sent: Sent, #[case] carrier: Carrier) {
    let asked = sent.voice(carrier).unwrap();
    assert_eq!((asked.from.shown.as_str(), asked.to.shown.as_str()), ("+14155550100", "+12025550123"));
}

#[test]
fn json_that_calls_itself_json_is_read_as_json() {
    let body = format!(r#" {{"CallUUID": "{UUID}", "To": "12025550123", "CallStatus": "completed", "Duration": 42, "Extra": {{}}}}"#);
    let sent = Sent::post("/status", body).with("content-type", "application/json; charset=utf-8");
    assert_eq!(row(&sent.status(Vobiz).unwrap().unwrap()), COMPLETED);
    assert_eq!(sent.status(Plivo), Err(Unreadable::Call));
}

#[rstest]
#[case(Twilio, "%2B14155550100", "+14155550100", true)]
#[case(Twilio, "%2B266696687", "anonymous", false)]
#[case(Twilio, "%2B7378742833", "anonymous", false)]
#[case(Twilio, "Anonymous", "anonymous", false)]
#[case(Twilio, "", "anonymous", false)]
#[case(Twilio, "sip%3Aalice%40b.example", "sip:alice@b.example", false)]
#[case(Twilio, "sip%3A%2B14155550100%40b.example%3Buser%3Dphone", "+14155550100", true)]
#[case(Twilio, "sips%3A%252b14155550100%40b.example", "+14155550100", true)]
#[case(Twilio, "client%3Aalice", "client:alice", false)]
#[case(Plivo, "14155550100", "+14155550100", true)]
#[case(Plivo, "%2B1+415+555+0100", "+14155550100", true)]
#[case(Plivo, "266696687", "+266696687", true)]
#[case(Plivo, "anonymous", "anonymous", false)]
#[case(Vobiz, "918012345678", "+918012345678", true)]
#[case(Vobiz, "08012345678", "08012345678", false)]
#[case(Vobiz, "1001", "1001", false)]
#[case(Vobiz, "a%0Ab", "unknown", false)]
fn callers_are_shown_as_numbers_or_as_what_the_network_tells(
    #[case] carrier: Carrier,
    #[case] from: &str,
    #[case] shown: &str,
    #[case] is_number: bool,
) {
    let call = if carrier == Twilio { "CallSid=1" } else { "CallUUID=1" };
    let asked = Sent::post("/voice", format!("{call}&To=%2B12025550123&From={from}")).voice(carrier).unwrap();
    assert_eq!((asked.from.shown.as_str(), asked.from.number.is_some()), (shown, is_number));
}

#[rstest]
#[case("CallStatus=ringing&Event=StartApp", true)]
#[case("CallStatus=in-progress&Event=StartApp", true)]
#[case("CallStatus=ringing&Event=Ring", false)]
#[case("CallStatus=completed&Event=Hangup", false)]
#[case("CallStatus=no-answer", false)]
fn what_only_tells_of_a_call_waits_for_no_route(#[case] body: &str, #[case] awaits_route: bool) {
    assert_eq!(Sent::post("/voice", format!("{PLIVO}&{body}")).voice(Vobiz).unwrap().awaits_route, awaits_route);
}

#[test]
fn a_call_that_the_account_placed_is_outbound() {
    for (carrier, call, direction) in [(Twilio, "CallSid=1", "outbound-api"), (Plivo, "CallUUID=1", "outbound")] {
        let asked = Sent::post("/voice", format!("{call}&To=%2B12025550123&Direction={direction}")).voice(carrier).unwrap();
        assert_eq!(asked.direction, Direction::Outbound);
    }
}

#[rstest]
#[case("To=%2B12025550123", Unreadable::Call)]
#[case("CallSid=&CallUUID=&To=%2B12025550123", Unreadable::Call)]
#[case("CallSid=a+b&CallUUID=a+b&To=%2B12025550123", Unreadable::Call)]
#[case("CallSid=1&CallUUID=1", Unreadable::To)]
#[case("CallSid=%FF", Unreadable::Form)]
fn what_names_no_call_or_no_called_side_cannot_be_read(#[case] body: &str, #[case] fault: Unreadable) {
    for carrier in Carrier::ALL {
        assert_eq!(Sent::post("/voice", body).voice(carrier).err(), Some(fault), "{carrier}");
    }
    let status = Sent::post("/status", body).status(Twilio);
    assert_eq!(status.err(), Some(fault).filter(|fault| *fault != Unreadable::To));
}

#[test]
fn a_status_that_fails_is_the_calls_status() {
    assert_eq!(told(Plivo, "CallStatus=timeout").event(now()).terminal_status(), Some(CallStatus::Failed));
    assert_eq!(told(Twilio, "CallStatus=busy").event(now()).terminal_status(), Some(CallStatus::Busy));
    assert_eq!(told(Vobiz, "CallStatus=no-answer").event(now()).terminal_status(), Some(CallStatus::NoAnswer));
}
