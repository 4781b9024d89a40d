//! What is read of an answer: its status, when it wants to be asked again, and the beginning of its body as it came.

use http::{
    HeaderMap, Response,
    header::{DATE, RETRY_AFTER},
};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::{ANSWER_HEAD_BYTES, Outcome};

/// What is kept of an answer.
pub(super) struct Answer {
    pub(super) outcome: Outcome,
    pub(super) head: String,
    pub(super) in_time: bool,
    pub(super) retry_after_seconds: Option<u64>,
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, head: String::new(), in_time: false, retry_after_seconds: None }
    }
}

impl Answer {
    pub(super) async fn read(response: Response<Incoming>, deadline: Instant) -> Self {
        let (parts, mut body) = response.into_parts();
        let mut head = Vec::new();
        // The receiver has spoken: a body that stalls or breaks, or is longer than is read, does not make it unsaid.
        let in_time = loop {
            match timeout_at(deadline, body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    head.extend(data.iter().take(ANSWER_HEAD_BYTES.saturating_sub(head.len())));
                }
                Ok(None | Some(Err(_))) => break true,
                Err(_) => break false,
            }
        };
        Self {
            outcome: Outcome::Answered { status: parts.status.as_u16() },
            head: String::from_utf8_lossy(&head).into_owned(),
            in_time,
            retry_after_seconds: retry_after_seconds(&parts.headers),
        }
    }
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date, which is measured from the answer's own `Date`.
pub(super) fn retry_after_seconds(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let sent = http_date(headers.get(DATE)?.to_str().ok()?)?;
    u64::try_from(http_date(text)? - sent).ok()
}

/// The Unix time in seconds of an HTTP date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<i64> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    parser.parse_timestamp(text.trim()).ok().map(jiff::Timestamp::as_second)
}
