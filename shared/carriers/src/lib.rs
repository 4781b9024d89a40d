//! What carriers send and what they expect, carrier by carrier: who signed a request, what a callback says in the
//! words of the API, and the XML that routes a call.
//!
//! Pure: no AWS, no I/O, no clock. The four functions here are the same for every carrier; what is a carrier's own
//! stands in its file: `twilio`, `plivo`, and `vobiz`, which speaks Plivo's language under its own signature.
//! Which number or endpoint a call belongs to is not decided here.

mod answer;
mod callback;
mod money;
mod outcome;
mod parameters;
mod plivo;
mod request;
mod signature;
mod told;
mod twilio;
mod vobiz;
mod xml;

#[cfg(test)]
mod tests;

pub use answer::{Answer, CONTENT_TYPE, Credentials, Dial, DialTarget, RejectReason, answer};
pub use callback::{Party, StatusCallback, Unreadable, VoiceRequest};
pub use request::{MAX_BODY_BYTES, MAX_PARAMETERS, Request};
pub use signature::{Refused, Verified};

use domain::carrier::Carrier;
use secrecy::SecretString;

/// Checks that a carrier signed a request with one of an account's tokens, exactly as that carrier computes it.
///
/// `tokens` are the account's token and, while they keep verifying, the ones before; every one is tried and compared
/// in constant time. Nonces are returned and not remembered: see [`Verified::nonces`].
///
/// # Errors
/// [`Refused`], one and the same for a missing, malformed and wrong signature and for a request that no carrier makes:
/// a body of more than [`MAX_BODY_BYTES`], more than [`MAX_PARAMETERS`], text that is not UTF-8.
pub fn verify(carrier: Carrier, request: &Request<'_>, tokens: &[SecretString]) -> Result<Verified, Refused> {
    if request.body.len() > MAX_BODY_BYTES {
        return Err(Refused);
    }
    match carrier {
        Carrier::Twilio => twilio::verify(request, tokens),
        Carrier::Plivo => plivo::verify(request, tokens),
        Carrier::Vobiz => vobiz::verify(request, tokens),
    }
}

/// Whether a request offers what its carrier signs with, right or wrong. Without that [`verify`] refuses it under any token.
#[must_use]
pub fn is_signed(carrier: Carrier, request: &Request<'_>) -> bool {
    match carrier {
        Carrier::Twilio => twilio::is_signed(request),
        Carrier::Plivo => plivo::is_signed(request),
        Carrier::Vobiz => vobiz::is_signed(request),
    }
}

/// The nonces that a request offers, of which nothing is known: a signature stands for each that [`verify`] returns, and for
/// no other. None for Twilio.
#[must_use]
pub fn nonces(carrier: Carrier, request: &Request<'_>) -> Vec<String> {
    match carrier {
        Carrier::Twilio => Vec::new(),
        Carrier::Plivo => plivo::nonces(request),
        Carrier::Vobiz => vobiz::nonces(request),
    }
}

/// Reads a carrier's question where a call shall go.
///
/// # Errors
/// [`Unreadable`] if it names no call or no called side, or is no form (or JSON object) at all.
pub fn voice(carrier: Carrier, request: &Request<'_>) -> Result<VoiceRequest, Unreadable> {
    let parameters = request.parameters(carrier)?;
    match carrier {
        Carrier::Twilio => twilio::voice(&parameters),
        Carrier::Plivo | Carrier::Vobiz => plivo::voice(carrier, &parameters),
    }
}

/// Whether a carrier that tells of a call waits for XML too.
///
/// It says how the leg ended that an XML answer dialled, and asks what comes next. The same end is told to the leg's status URL,
/// which waits for none.
#[must_use]
pub fn awaits_xml(carrier: Carrier, request: &Request<'_>) -> bool {
    let name = match carrier {
        Carrier::Twilio => "DialCallStatus",
        Carrier::Plivo | Carrier::Vobiz => "DialStatus",
    };
    request.parameters(carrier).is_ok_and(|parameters| parameters.get(name).is_some())
}

/// Reads what a carrier tells of a call: its status, the end of the leg that an XML answer dialled, or a recording.
///
/// A word that is not known becomes an event under its own name, which changes nothing. `None`: there is nothing to
/// tell, as with a recording that has only begun.
///
/// # Errors
/// [`Unreadable`] if it names no call, or is no form (or JSON object) at all.
pub fn status(carrier: Carrier, request: &Request<'_>) -> Result<Option<StatusCallback>, Unreadable> {
    let parameters = request.parameters(carrier)?;
    match carrier {
        Carrier::Twilio => twilio::status(&parameters),
        Carrier::Plivo | Carrier::Vobiz => plivo::status(carrier, &parameters),
    }
}
