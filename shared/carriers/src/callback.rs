//! What a carrier's request says, in the words of the API.

use domain::{
    E164, Timestamp,
    call::{CallEvent, Direction, EventId, EventKind, Facts, Parties},
    carrier::Carrier,
};
use percent_encoding::percent_decode_str;

use crate::parameters::Parameters;

/// The longest text that is shown in the place of a number, in characters.
const MAX_SHOWN_CHARS: usize = 64;

/// What is shown for a caller who hides.
const ANONYMOUS: &str = "anonymous";

/// Words in the place of a caller who hides.
const HIDDEN: [&str; 6] = ["", ANONYMOUS, "restricted", "private", "blocked", "unavailable"];

/// The request cannot be read. No variant repeats what was sent.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum Unreadable {
    /// No form in UTF-8 and no JSON object.
    #[error("must be a form in UTF-8 or a JSON object")]
    Form,
    /// More parameters than any carrier sends.
    #[error("must have at most 512 parameters")]
    Size,
    /// No usable id of the call under the carrier's name for it.
    #[error("must name its call: CallSid or CallUUID, 1 to 128 printable ASCII characters without spaces")]
    Call,
    /// No called side.
    #[error("must name the called number or address: To")]
    To,
}

/// One side of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The number, if it is one; also that of a SIP address whose user is a number.
    pub number: Option<E164>,
    /// What calls show: the number, else what the network told, at most 64 printable characters; `anonymous` for a
    /// caller who hides.
    pub shown: String,
}

/// A carrier asks where a call shall go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceRequest {
    /// Who asks.
    pub carrier: Carrier,
    /// The carrier's id of the call: 1 to 128 printable ASCII characters without spaces.
    pub carrier_call_id: String,
    /// The caller.
    pub from: Party,
    /// The called side.
    pub to: Party,
    /// Inbound unless the carrier says that its account placed the call.
    pub direction: Direction,
    /// Whether the call waits for XML. A carrier that has one URL for everything tells of rings and ends here too:
    /// then it is [`status`](crate::status) that reads the request.
    pub awaits_route: bool,
}

/// A carrier tells of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCallback {
    /// Who tells.
    pub carrier: Carrier,
    /// The carrier's id of the call that the API knows: that of the caller's leg, also where another leg is told of.
    pub carrier_call_id: String,
    /// The event's id: the same for every repetition of the callback, and for every callback that tells the same
    /// progress of the same leg.
    pub event_id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// When, if the carrier's clock can be trusted.
    pub timestamp: Option<Timestamp>,
    /// The carrier's count of its callbacks, to order those of one second.
    pub sequence: Option<i64>,
    /// Whom the call connects; of another leg than the caller's only carrier and call.
    pub parties: Parties,
    /// Status, duration, cause, cost, recording: what the callback tells of them.
    pub facts: Facts,
}

impl VoiceRequest {
    /// The event that the call exists, received at this time; see [`StatusCallback::event`] for when it happened. Every
    /// repetition of the request gives the same id.
    #[must_use]
    pub fn event(&self, received: Timestamp) -> CallEvent {
        let parties = Parties {
            from_number: Some(self.from.shown.clone()),
            to_number: Some(self.to.shown.clone()),
            direction: Some(self.direction),
            ..parties(self.carrier, &self.carrier_call_id)
        };
        let kind = EventKind::Initiated;
        let id = EventId::of_carrier(self.carrier, &[&self.carrier_call_id, kind.as_str()]);
        let timestamp = happened(self.carrier, received);
        CallEvent { id, kind, timestamp, sequence: None, parties, facts: Facts::default() }
    }
}

impl StatusCallback {
    /// The event, received at this time.
    ///
    /// It happened when the carrier says; where nothing trustworthy is said, when it was received. Twilio tells whole
    /// seconds: what it gives no time to is taken to begin its second, so that it does not seem to come after what
    /// followed it.
    #[must_use]
    pub fn event(self, received: Timestamp) -> CallEvent {
        CallEvent {
            id: self.event_id,
            kind: self.kind,
            timestamp: self.timestamp.unwrap_or_else(|| happened(self.carrier, received)),
            sequence: self.sequence,
            parties: self.parties,
            facts: self.facts,
        }
    }
}

impl Party {
    /// Reads what a carrier calls a party: `+` and digits, bare digits, a SIP address, or words.
    pub(crate) fn read(text: &str) -> Self {
        let text = text.trim();
        let number = number(text);
        let is_shown = !text.is_empty() && text.chars().count() <= MAX_SHOWN_CHARS && !text.chars().any(char::is_control);
        let shown = match &number {
            Some(number) => number.to_string(),
            None if is_shown => text.to_owned(),
            None => "unknown".to_owned(),
        };
        Self { number, shown }
    }

    /// Reads a caller, who may hide: then there is no text, or a word that says so.
    pub(crate) fn caller(text: Option<&str>) -> Self {
        let text = text.map(str::trim).filter(|text| !HIDDEN.iter().any(|word| word.eq_ignore_ascii_case(text)));
        text.map_or_else(Self::anonymous, Self::read)
    }

    /// A caller who hides.
    pub(crate) fn anonymous() -> Self {
        Self { number: None, shown: ANONYMOUS.to_owned() }
    }
}

/// When something happened of which only the receipt is known, in the grain of what the carrier times itself.
fn happened(carrier: Carrier, received: Timestamp) -> Timestamp {
    match carrier {
        Carrier::Twilio => received.plus_millis(-received.as_millis().rem_euclid(1000)),
        Carrier::Plivo | Carrier::Vobiz => received,
    }
}

/// The number in a text: with or without its `+`, alone or as the user of a SIP address.
fn number(text: &str) -> Option<E164> {
    let text = match text.split_once(':') {
        Some((scheme, rest)) if ["sip", "sips", "tel"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            percent_decode_str(rest.split(['@', ';']).next().unwrap_or_default()).decode_utf8_lossy()
        }
        _ => text.into(),
    };
    text.parse().or_else(|_| format!("+{text}").parse()).ok()
}

/// What is known of a call whose sides are not told.
pub(crate) fn parties(carrier: Carrier, carrier_call_id: &str) -> Parties {
    Parties { carrier: Some(carrier.as_str().to_owned()), carrier_call_id: Some(carrier_call_id.to_owned()), ..Parties::default() }
}

/// A carrier's id of a call under the first of these names that has one.
pub(crate) fn call_id(parameters: &Parameters, names: &[&str]) -> Result<String, Unreadable> {
    let id = names.iter().find_map(|name| parameters.get(name)).ok_or(Unreadable::Call)?;
    let fits = id.len() <= 128 && id.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(id.to_owned()) } else { Err(Unreadable::Call) }
}
