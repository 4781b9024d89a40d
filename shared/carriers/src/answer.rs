//! What a carrier is told to do with a call.

use domain::{E164, carrier::Carrier};
use secrecy::SecretString;

use crate::{plivo, twilio};

/// The content type of every answer.
pub const CONTENT_TYPE: &str = "application/xml; charset=utf-8";

/// What a carrier shall do with a call.
#[derive(Debug, Clone)]
pub enum Answer<'a> {
    /// Connect it.
    Dial(Dial<'a>),
    /// Refuse it before it is answered.
    Reject(RejectReason),
    /// End it: what is left to say when the dialled leg has ended. Right for every callback that asks for nothing,
    /// too: carriers read no XML in answers to those.
    HangUp,
}

/// What the caller of a refused call hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    /// Busy.
    Busy,
    /// Not in service.
    Rejected,
}

/// Whom to connect a call with, and where to tell of it.
#[derive(Debug, Clone)]
pub struct Dial<'a> {
    /// Whom.
    pub target: DialTarget<'a>,
    /// Where the carrier tells of the dialled leg, and asks for what to do after it has ended.
    pub status_url: &'a str,
}

/// Whom a call is connected with.
#[derive(Debug, Clone)]
pub enum DialTarget<'a> {
    /// A SIP address.
    Sip {
        /// A URI that [`SipUri`](domain::endpoint::SipUri) reads: without password and headers.
        uri: &'a str,
        /// What the called side asks for. Only Twilio's XML can carry it.
        credentials: Option<Credentials<'a>>,
        /// `X-…` headers and their values. Twilio carries them up to 1,024 characters in all. Plivo and Vobiz carry
        /// names without their hyphens, under prefixes of their own; of values that are not letters and digits alone
        /// Plivo carries the `%` escapes, up to 120 characters, and Vobiz nothing. What a carrier's XML cannot carry
        /// is left out.
        headers: Vec<(&'a str, &'a str)>,
    },
    /// A phone number.
    Number(&'a E164),
}

/// A name and a password of SIP. Prints no password.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// The name.
    pub username: &'a str,
    /// The password.
    pub password: &'a SecretString,
}

/// The XML that tells a carrier.
#[must_use]
pub fn answer(carrier: Carrier, answer: &Answer<'_>) -> String {
    match carrier {
        Carrier::Twilio => twilio::answer(answer),
        Carrier::Plivo | Carrier::Vobiz => plivo::answer(carrier, answer),
    }
}
