//! What a webhook endpoint may answer when it is asked where a call goes.

use serde_json::{Map, Value};

use super::{Reason, Refusal, Treatment};
use crate::{E164, endpoint::SipUri, number::PhoneNumber};

/// The most characters that are kept of the reason with which an endpoint rejects a call.
const MAX_NOTE_CHARS: usize = 200;

/// Where an endpoint wants a call to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To a SIP address.
    Sip(SipUri),
    /// To another number.
    Number(E164),
    /// Nowhere.
    Refuse(Refusal),
}

/// The text is no answer that can be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be empty, or a JSON object with action dial (and sip_uri or number) or reject")]
pub struct InvalidAnswer;

impl Answer {
    /// Reads the body of an endpoint's answer: `{"action":"dial","sip_uri"|"number"}`, `{"action":"reject","reason"}`, or
    /// nothing (no text, `{}`, no `action`), which means busy.
    ///
    /// A reason of `busy` is told as that; any other is kept as a note, cut to 200 characters.
    ///
    /// # Errors
    /// [`InvalidAnswer`] for everything else; it repeats nothing of the text.
    pub fn read(body: &str) -> Result<Self, InvalidAnswer> {
        let passed = || Self::Refuse(Reason::EndpointPassed.into());
        if body.trim().is_empty() {
            return Ok(passed());
        }
        let answer: Map<String, Value> = serde_json::from_str(body).map_err(|_| InvalidAnswer)?;
        match answer.get("action").filter(|action| !action.is_null()) {
            None => Ok(passed()),
            Some(action) => match action.as_str() {
                Some("dial") => dial(&answer),
                Some("reject") => reject(&answer),
                _ => Err(InvalidAnswer),
            },
        }
    }
}

impl Answer {
    /// What becomes of it for a call to this number. Another number is dialled on the account of whoever pays for this one's
    /// calls, so only a number that may place calls (`allow_outbound`) is put through to another.
    #[must_use]
    pub fn of_call_to(self, number: &PhoneNumber) -> Self {
        match self {
            Self::Number(_) if !number.allow_outbound => Self::Refuse(Reason::OutboundNotAllowed.into()),
            answer => answer,
        }
    }
}

/// Exactly one of the two says where.
fn dial(answer: &Map<String, Value>) -> Result<Answer, InvalidAnswer> {
    let field = |snake: &str, camel: &str| answer.get(snake).or_else(|| answer.get(camel)).filter(|value| !value.is_null());
    match (field("sip_uri", "sipUri"), answer.get("number").filter(|value| !value.is_null())) {
        (Some(Value::String(uri)), None) => uri.parse().map(Answer::Sip).map_err(|_| InvalidAnswer),
        (None, Some(Value::String(number))) => number.parse().map(Answer::Number).map_err(|_| InvalidAnswer),
        _ => Err(InvalidAnswer),
    }
}

fn reject(answer: &Map<String, Value>) -> Result<Answer, InvalidAnswer> {
    let note = match answer.get("reason") {
        None | Some(Value::Null) => None,
        Some(Value::String(reason)) => Some(reason),
        Some(_) => return Err(InvalidAnswer),
    };
    let treatment = if note.is_some_and(|note| note == "busy") { Treatment::Busy } else { Treatment::Reject };
    let note = note.map(|note| note.chars().filter(|c| !c.is_control()).take(MAX_NOTE_CHARS).collect());
    Ok(Answer::Refuse(Refusal { reason: Reason::EndpointRejected, treatment, note }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", Answer::Refuse(Reason::EndpointPassed.into()))]
    #[case(" \n", Answer::Refuse(Reason::EndpointPassed.into()))]
    #[case("{}", Answer::Refuse(Reason::EndpointPassed.into()))]
    #[case(r#"{"action": null, "sip_uri": "sip:a@b.example"}"#, Answer::Refuse(Reason::EndpointPassed.into()))]
    #[case(r#"{"action": "dial", "sip_uri": "SIP:a@B.example"}"#, Answer::Sip("sip:a@b.example".parse().unwrap()))]
    #[case(r#"{"action": "dial", "sipUri": "sip:a@b.example", "number": null}"#, Answer::Sip("sip:a@b.example".parse().unwrap()))]
    #[case(r#"{"action": "dial", "number": "+1 (415) 555-0100"}"#, Answer::Number("+14155550100".parse().unwrap()))]
    fn an_endpoint_says_where_a_call_goes(#[case] body: &str, #[case] answer: Answer) {
        assert_eq!(Answer::read(body), Ok(answer));
    }

    #[rstest]
    #[case(r#"{"action": "reject"}"#, Treatment::Reject, None)]
    #[case(r#"{"action": "reject", "reason": "busy"}"#, Treatment::Busy, Some("busy"))]
    #[case(r#"{"action": "reject", "reason": "after\u0000 hours"}"#, Treatment::Reject, Some("after hours"))]
    fn an_endpoint_may_reject_a_call(#[case] body: &str, #[case] treatment: Treatment, #[case] note: Option<&str>) {
        let refusal = Refusal { reason: Reason::EndpointRejected, treatment, note: note.map(str::to_owned) };
        assert_eq!(Answer::read(body), Ok(Answer::Refuse(refusal)));
    }

    #[rstest]
    #[case("busy")]
    #[case("[]")]
    #[case(r#"{"action": "hangup"}"#)]
    #[case(r#"{"action": 1}"#)]
    #[case(r#"{"action": "dial"}"#)]
    #[case(r#"{"action": "dial", "sip_uri": "https://b.example"}"#)]
    #[case(r#"{"action": "dial", "number": "0800"}"#)]
    #[case(r#"{"action": "dial", "sip_uri": "sip:a@b.example", "number": "+14155550100"}"#)]
    #[case(r#"{"action": "reject", "reason": 486}"#)]
    fn what_cannot_be_understood_is_no_answer(#[case] body: &str) {
        assert_eq!(Answer::read(body), Err(InvalidAnswer));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in ".*") {
            let _ = Answer::read(&text);
        }
    }
}
