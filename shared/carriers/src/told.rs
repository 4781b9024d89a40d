//! What one callback tells of its call, before it gets the call's name.

use domain::{
    Timestamp,
    call::{Direction, EventId, EventKind, Facts, Parties},
    carrier::Carrier,
};

use crate::{
    callback::StatusCallback,
    outcome::{End, HungUp},
};

/// The longest recording's URL that is kept, as in events.
const MAX_URL_LENGTH: usize = 2048;

/// How much of an unknown word is kept; with the carrier's name it must fit into an event's.
const MAX_WORD_CHARS: usize = 48;

/// What happened, and by what it is known again within its call.
#[derive(Debug)]
pub(crate) struct Told {
    kind: EventKind,
    facts: Facts,
    identity: Vec<String>,
}

impl Told {
    /// A leg of the call came this far; `None` for the caller's leg, whose progress the question where the call goes may
    /// tell too. However often and in whichever words a leg tells it, it is one event. Each leg has its own: their times
    /// differ, and of two events under one id the one that is heard first would decide.
    pub(crate) fn progress(leg: Option<&str>, kind: EventKind) -> Self {
        let identity = leg.into_iter().chain([kind.as_str()]).map(str::to_owned).collect();
        Self { kind, facts: Facts::default(), identity }
    }

    /// A conversation ended: one event for each leg that tells it.
    pub(crate) fn completed(leg: &str, duration: Option<u32>, by: HungUp, direction: Direction) -> Self {
        let (kind, facts) = crate::outcome::completed(duration, by, direction);
        Self { identity: vec![leg.to_owned(), kind.as_str().to_owned()], kind, facts }
    }

    /// A call ended without a conversation: one event for each leg that tells it.
    pub(crate) fn ended(leg: &str, end: End) -> Self {
        let (kind, facts) = end.event();
        Self { identity: vec![leg.to_owned(), kind.as_str().to_owned()], kind, facts }
    }

    /// A recording can be fetched; nothing if its URL is none.
    pub(crate) fn recording(id: &str, url: &str) -> Option<Self> {
        let facts = Facts { recording_url: Some(recording_url(url)?), ..Facts::default() };
        Some(Self { kind: EventKind::RecordingReady, facts, identity: vec!["recording".to_owned(), id.to_owned()] })
    }

    /// A word that is in no table: kept as the name of an event that changes nothing, `twilio.paused` for `paused`.
    pub(crate) fn unknown(carrier: Carrier, word: &str, leg: &str, count: Option<&str>) -> Option<Self> {
        let name = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
        let word: String = word.chars().map(name).take(MAX_WORD_CHARS).collect();
        let kind: EventKind = format!("{carrier}.{word}").parse().ok()?;
        let identity = vec![leg.to_owned(), kind.as_str().to_owned(), count.unwrap_or_default().to_owned()];
        Some(Self { kind, facts: Facts::default(), identity })
    }

    /// The same with more facts.
    pub(crate) fn with(mut self, add: impl FnOnce(&mut Facts)) -> Self {
        add(&mut self.facts);
        self
    }

    /// The callback that told it.
    pub(crate) fn of_call(
        self,
        carrier: Carrier,
        carrier_call_id: String,
        parties: Parties,
        timestamp: Option<Timestamp>,
        sequence: Option<i64>,
    ) -> StatusCallback {
        let identity: Vec<&str> = std::iter::once(&carrier_call_id).chain(&self.identity).map(String::as_str).collect();
        StatusCallback {
            carrier,
            event_id: EventId::of_carrier(carrier, &identity),
            kind: self.kind,
            timestamp,
            sequence,
            parties,
            facts: self.facts,
            carrier_call_id,
        }
    }
}

/// A recording's URL as events carry it.
pub(crate) fn recording_url(text: &str) -> Option<String> {
    let is_web = |url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let fits = text.len() <= MAX_URL_LENGTH && url::Url::parse(text).is_ok_and(|url| is_web(&url));
    fits.then(|| text.to_owned())
}
