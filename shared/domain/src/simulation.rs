//! Simulated calls: a script becomes the events that a source would tell of such a call.
//!
//! What comes of a script depends on its arguments alone. Nothing here is known of queues, and nothing that reads the
//! events treats them in another way than those of a source.

use std::str::FromStr;

use serde_json::{Map, json};

use crate::{
    CallId, E164,
    call::{CallEvent, CallRecord, CallStatus, Direction, EventKind, Facts, HangupReason, InvalidEventId, Parties, apply},
    idempotency::Birth,
};

/// The other side's number if none is told: one of those that North America keeps for fiction (555-0100 to 555-0199).
pub const STRANGER: &str = "+12025550142";

/// The carrier's name in every simulated call.
pub const CARRIER: &str = "simulation";

/// How much later than the rest a message is sent that has to come late, in seconds. Far more than the rest takes,
/// so that it is mostly late; nobody may rely on it.
pub const LATE_SECONDS: u16 = 1;

const TALK_SECONDS: u32 = 30;
const COST_MICRO_CENTS: u64 = 750_000;
const LATENCY_MS: u32 = 320;
const TRANSCRIPT: &str = "Agent: Hello, how can I help?\nCaller: I am only a simulation.\nAgent: Then everything works. Goodbye.";

/// Which call is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// It is answered, ends well, and has a recording and a transcript.
    Answered,
    /// It rings and nobody answers.
    Missed,
    /// The called side is busy.
    Busy,
    /// The network fails.
    Failed,
    /// As answered, and every event is told once more.
    Duplicate,
    /// As answered, told in another order: the end comes first.
    Shuffled,
    /// It rings, and nothing is heard of it any more.
    NoTerminal,
    /// As answered, but it is only told to have rung when it is over.
    LateRinging,
}

/// The text names no script.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be answered, missed, busy, failed, duplicate, shuffled, no_terminal or late_ringing")]
pub struct UnknownScript;

impl FromStr for Script {
    type Err = UnknownScript;

    fn from_str(text: &str) -> Result<Self, UnknownScript> {
        Self::ALL.into_iter().find(|script| script.as_str() == text).ok_or(UnknownScript)
    }
}

impl Script {
    /// Every script.
    pub const ALL: [Self; 8] =
        [Self::Answered, Self::Missed, Self::Busy, Self::Failed, Self::Duplicate, Self::Shuffled, Self::NoTerminal, Self::LateRinging];

    /// The script's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Missed => "missed",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::Duplicate => "duplicate",
            Self::Shuffled => "shuffled",
            Self::NoTerminal => "no_terminal",
            Self::LateRinging => "late_ringing",
        }
    }

    /// What happens, in order, and how long after the call began, in milliseconds.
    fn story(self) -> Vec<(EventKind, i64)> {
        use EventKind::{Answered, Completed, Failed, Initiated, RecordingReady, Ringing, TranscriptReady};
        let begin = [(Initiated, 0), (Ringing, 1_200)];
        let talk = [(Answered, 4_500), (Completed, 34_500)];
        let after = [(RecordingReady, 36_000), (TranscriptReady, 38_000)];
        match self {
            Self::Answered | Self::Duplicate | Self::Shuffled => begin.into_iter().chain(talk).chain(after).collect(),
            Self::LateRinging => [(Initiated, 0)].into_iter().chain(talk).chain([(Ringing, 35_000)]).chain(after).collect(),
            Self::Missed => begin.into_iter().chain([(Failed, 26_200)]).collect(),
            Self::Busy => vec![(Initiated, 0), (Failed, 1_800)],
            Self::Failed => begin.into_iter().chain([(Failed, 3_000)]).collect(),
            Self::NoTerminal => begin.into(),
        }
    }

    /// What an event of this kind tells.
    fn facts(self, kind: &EventKind, call: CallId) -> Facts {
        let none = Facts::default();
        match kind {
            EventKind::Initiated => {
                let told = [("simulated", json!(true)), ("script", json!(self.as_str()))];
                Facts { metadata: Some(Map::from_iter(told.map(|(name, value)| (name.to_owned(), value)))), ..none }
            }
            EventKind::Answered => Facts { latency_ms: Some(LATENCY_MS), ..none },
            EventKind::Completed => Facts {
                duration: Some(TALK_SECONDS),
                cost_micro_cents: Some(COST_MICRO_CENTS),
                hangup_cause: Some("NORMAL_CLEARING".to_owned()),
                hangup_reason: Some(HangupReason::UserHangup),
                ..none
            },
            EventKind::Failed => {
                let (status, cause) = self.failure();
                Facts { status: Some(status), hangup_cause: Some(cause.to_owned()), ..none }
            }
            EventKind::RecordingReady => {
                Facts { recording_url: Some(format!("https://recordings.example.com/simulated/{call}.mp3")), ..none }
            }
            EventKind::TranscriptReady => Facts { transcript: Some(TRANSCRIPT.to_owned()), ..none },
            EventKind::Ringing | EventKind::Other(_) => none,
        }
    }

    /// How a call fails that fails: the status and the Q.850 cause.
    const fn failure(self) -> (CallStatus, &'static str) {
        match self {
            Self::Missed => (CallStatus::NoAnswer, "NO_ANSWER"),
            Self::Busy => (CallStatus::Busy, "USER_BUSY"),
            _ => (CallStatus::Failed, "NETWORK_OUT_OF_ORDER"),
        }
    }

    /// Which events are sent at once, and which late: each in the order of sending.
    fn sent(self, mut events: Vec<CallEvent>) -> (Vec<CallEvent>, Vec<CallEvent>) {
        match self {
            Self::Answered | Self::Missed | Self::Busy | Self::Failed | Self::NoTerminal => (events, Vec::new()),
            Self::Duplicate => (events.clone(), events),
            Self::Shuffled => {
                events.sort_by_key(|event| shuffled_place(&event.kind));
                events.into_iter().partition(|event| event.kind.is_terminal())
            }
            Self::LateRinging => events.into_iter().partition(|event| event.kind != EventKind::Ringing),
        }
    }
}

/// An order in which no source would tell a call.
const fn shuffled_place(kind: &EventKind) -> u8 {
    match kind {
        EventKind::Completed | EventKind::Failed => 0,
        EventKind::TranscriptReady => 1,
        EventKind::Ringing => 2,
        EventKind::RecordingReady => 3,
        EventKind::Initiated => 4,
        EventKind::Answered | EventKind::Other(_) => 5,
    }
}

/// A call that is to be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Play {
    /// What happens.
    pub script: Script,
    /// Who calls whom.
    pub direction: Direction,
    /// The organization's number: the called one of an inbound call, the calling one of an outbound call.
    pub own: E164,
    /// The other side's number; [`STRANGER`] if none is told.
    pub other: Option<E164>,
}

/// A sending of an event; an event may be sent more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The event.
    pub event: CallEvent,
    /// Seconds after which it is to be sent.
    pub delay_seconds: u16,
}

/// A call as it is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// The call; its id carries the time at which it began.
    pub call_id: CallId,
    /// What is sent, in order.
    pub sendings: Vec<Sending>,
}

impl Play {
    /// Plays the call. It is over already: its last event happened when the request was born, so that no time lies ahead.
    /// Every id follows from the birth, which makes a play that is sent twice one call.
    ///
    /// # Errors
    /// None in practice: what ids are made of is printable and short.
    pub fn simulate(&self, birth: Birth) -> Result<Simulation, InvalidEventId> {
        let story = self.script.story();
        let length = story.last().map_or(0, |(_, after)| *after);
        let begin = birth.at.plus_millis(-length);
        let call_id = CallId::new(begin, birth.bytes);
        let events = (1..).zip(story).map(|(sequence, (kind, after))| {
            Ok(CallEvent {
                id: format!("{call_id}:{}", kind.as_str()).parse()?,
                timestamp: begin.plus_millis(after),
                sequence: Some(sequence),
                parties: self.parties(),
                facts: self.script.facts(&kind, call_id),
                kind,
            })
        });
        let (at_once, late) = self.script.sent(events.collect::<Result<_, _>>()?);
        let sending = |delay_seconds| move |event| Sending { event, delay_seconds };
        let sendings = at_once.into_iter().map(sending(0)).chain(late.into_iter().map(sending(LATE_SECONDS))).collect();
        Ok(Simulation { call_id, sendings })
    }

    fn parties(&self) -> Parties {
        let own = self.own.to_string();
        let other = self.other.as_ref().map_or_else(|| STRANGER.to_owned(), E164::to_string);
        let (from, to) = match self.direction {
            Direction::Inbound => (other, own),
            Direction::Outbound => (own, other),
        };
        Parties {
            from_number: Some(from),
            to_number: Some(to),
            direction: Some(self.direction),
            carrier: Some(CARRIER.to_owned()),
            ..Parties::default()
        }
    }
}

impl Simulation {
    /// The status that the call has when all is told.
    #[must_use]
    pub fn status(&self) -> CallStatus {
        let mut record = CallRecord::new(self.call_id);
        self.sendings.iter().for_each(|sending| apply(&mut record, sending.event.clone()));
        record.call().status
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{Timestamp, call::IgnoreReason};

    fn birth() -> Birth {
        Birth { at: "2026-01-02T03:04:05.678Z".parse().unwrap(), bytes: [7; 10] }
    }

    fn play(script: Script) -> Play {
        Play { script, direction: Direction::Inbound, own: "+2348030000001".parse().unwrap(), other: None }
    }

    fn simulated(script: Script) -> Simulation {
        play(script).simulate(birth()).unwrap()
    }

    /// What comes of the first sendings.
    fn record(simulation: &Simulation, sendings: usize) -> CallRecord {
        let mut record = CallRecord::new(simulation.call_id);
        simulation.sendings.iter().take(sendings).for_each(|sending| apply(&mut record, sending.event.clone()));
        record
    }

    fn kinds(simulation: &Simulation) -> Vec<&str> {
        simulation.sendings.iter().map(|sending| sending.event.kind.as_str()).collect()
    }

    fn orders(simulation: &Simulation) -> Vec<Option<i64>> {
        simulation.sendings.iter().map(|sending| sending.event.sequence).collect()
    }

    #[rstest]
    #[case(Script::Answered, CallStatus::Completed, 6)]
    #[case(Script::Missed, CallStatus::NoAnswer, 3)]
    #[case(Script::Busy, CallStatus::Busy, 2)]
    #[case(Script::Failed, CallStatus::Failed, 3)]
    #[case(Script::Duplicate, CallStatus::Completed, 6)]
    #[case(Script::Shuffled, CallStatus::Completed, 6)]
    #[case(Script::NoTerminal, CallStatus::Ringing, 2)]
    #[case(Script::LateRinging, CallStatus::Completed, 6)]
    fn a_script_ends_as_it_says_however_it_is_told(#[case] script: Script, #[case] status: CallStatus, #[case] events: usize) {
        let mut simulation = simulated(script);
        assert_eq!((simulation.status(), record(&simulation, usize::MAX).events.len()), (status, events));
        simulation.sendings.sort_by(|a, b| a.event.order().cmp(&b.event.order()));
        assert_eq!(simulation.status(), status, "in the order of time");
        simulation.sendings.reverse();
        assert_eq!(simulation.status(), status, "backwards");
    }

    #[test]
    fn an_answered_call_has_all_that_a_call_can_have() {
        for script in [Script::Answered, Script::Duplicate, Script::Shuffled, Script::LateRinging] {
            let call = record(&simulated(script), usize::MAX).call();
            assert_eq!((call.duration, call.cost_micro_cents, call.latency_ms), (TALK_SECONDS, COST_MICRO_CENTS, LATENCY_MS));
            let talk = call.completed_at.unwrap().millis_since(call.answered_at.unwrap());
            assert_eq!(talk, i64::from(call.duration) * 1000, "the times and the seconds agree");
            assert!(call.recording_url.is_some() && call.transcript.is_some());
            assert_eq!((call.hangup_reason, call.carrier.as_deref()), (Some(HangupReason::UserHangup), Some(CARRIER)));
            assert_eq!(call.metadata, Map::from_iter([("simulated".into(), json!(true)), ("script".into(), json!(script.as_str()))]));
        }
    }

    #[test]
    fn a_call_begins_at_the_time_in_its_id_and_ends_when_it_is_asked_for() {
        for script in Script::ALL {
            let simulation = simulated(script);
            let times: Vec<Timestamp> = simulation.sendings.iter().map(|sending| sending.event.timestamp).collect();
            assert_eq!(times.iter().min().copied(), simulation.call_id.time(), "{script:?}");
            assert_eq!(times.iter().max().copied(), Some(birth().at), "{script:?}");
        }
    }

    #[test]
    fn a_plain_script_is_told_in_order_and_at_once() {
        for script in [Script::Answered, Script::Missed, Script::Busy, Script::Failed, Script::NoTerminal] {
            let simulation = simulated(script);
            assert!(orders(&simulation).is_sorted() && simulation.sendings.iter().all(|sending| sending.delay_seconds == 0), "{script:?}");
        }
    }

    #[test]
    fn a_duplicate_tells_every_event_once_more_and_later() {
        let simulation = simulated(Script::Duplicate);
        let (first, again) = simulation.sendings.split_at(6);
        assert_eq!(
            first.iter().map(|sending| &sending.event).collect::<Vec<_>>(),
            again.iter().map(|sending| &sending.event).collect::<Vec<_>>()
        );
        assert!(
            first.iter().all(|sending| sending.delay_seconds == 0) && again.iter().all(|sending| sending.delay_seconds == LATE_SECONDS)
        );
    }

    #[test]
    fn a_shuffled_call_is_told_from_its_end() {
        let simulation = simulated(Script::Shuffled);
        let told = ["call.completed", "transcript.ready", "call.ringing", "recording.ready", "call.initiated", "call.answered"];
        assert_eq!(kinds(&simulation), told);
        assert!(!orders(&simulation).is_sorted());
        let first = record(&simulation, 1).call();
        assert_eq!((first.status, first.answered_at), (CallStatus::Completed, None), "it is over before anybody rang");
        assert!(simulation.sendings.iter().skip(1).all(|sending| sending.delay_seconds == LATE_SECONDS));
    }

    #[test]
    fn late_ringing_comes_last_and_changes_nothing() {
        let simulation = simulated(Script::LateRinging);
        assert_eq!(kinds(&simulation).last(), Some(&"call.ringing"));
        assert_eq!(simulation.sendings.iter().filter(|sending| sending.delay_seconds == LATE_SECONDS).count(), 1);
        let record = record(&simulation, usize::MAX);
        let ignored: Vec<_> = record.timeline().into_iter().filter_map(|entry| Some((entry.event.kind.as_str(), entry.ignored?))).collect();
        assert_eq!(ignored, [("call.ringing", IgnoreReason::CallWasOver)]);
    }

    #[test]
    fn one_birth_makes_one_call_and_another_birth_another() {
        for script in Script::ALL {
            assert_eq!(simulated(script), simulated(script));
        }
        let other = play(Script::Answered).simulate(Birth { bytes: [8; 10], ..birth() }).unwrap();
        let one = simulated(Script::Answered);
        assert_ne!(one.call_id, other.call_id);
        assert!(one.sendings.iter().zip(&other.sendings).all(|(a, b)| a.event.id != b.event.id));
    }

    #[test]
    fn the_organizations_number_is_on_its_side_and_a_stranger_on_the_other() {
        let sides = |play: &Play| (play.parties().from_number.unwrap(), play.parties().to_number.unwrap());
        let inbound = play(Script::Missed);
        let outbound = Play { direction: Direction::Outbound, other: "+233241000001".parse().ok(), ..inbound.clone() };
        assert_eq!(sides(&inbound), (STRANGER.to_owned(), "+2348030000001".to_owned()));
        assert_eq!(sides(&outbound), ("+2348030000001".to_owned(), "+233241000001".to_owned()));
        assert_eq!(STRANGER.parse::<E164>().unwrap().as_str(), STRANGER);
    }

    #[test]
    fn a_script_reads_back_from_its_name_and_a_wrong_name_is_told_them_all() {
        for script in Script::ALL {
            assert_eq!(script.as_str().parse(), Ok(script));
            assert!(UnknownScript.to_string().contains(script.as_str()));
        }
        for wrong in ["", "Answered", "answered ", "no-terminal", "hangup"] {
            assert_eq!(wrong.parse::<Script>(), Err(UnknownScript), "{wrong}");
        }
    }
}
