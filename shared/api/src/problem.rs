//! Every way in which a request is refused, and how a refusal looks: one table, one rendering.

use axum::response::{IntoResponse, Response};
use domain::{Invalid, limits::Counted};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use store::StoreError;
use vault::VaultError;

use crate::style::Style;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident $status:literal $code:literal;)*) => {
        /// The machine-readable reason of a refusal. Closed: clients may match on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it stands in the body.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

codes! {
    /// A value is wrong.
    ValidationError 400 "VALIDATION_ERROR";
    /// A required field is missing, and nothing else is wrong.
    MissingFields 400 "MISSING_FIELDS";
    /// No credentials, or none that we issued.
    Unauthorized 401 "UNAUTHORIZED";
    /// The key's time is over.
    KeyExpired 401 "KEY_EXPIRED";
    /// The key was revoked.
    KeyRevoked 401 "KEY_REVOKED";
    /// The caller may not do this.
    Forbidden 403 "FORBIDDEN";
    /// The key lacks a scope.
    InsufficientScope 403 "INSUFFICIENT_SCOPE";
    /// The key may not be used from the caller's address.
    IpNotAllowed 403 "IP_NOT_ALLOWED";
    /// There is no such thing, or it is not the caller's.
    NotFound 404 "NOT_FOUND";
    /// The number cannot be bought.
    NumberNotAvailable 404 "NUMBER_NOT_AVAILABLE";
    /// The endpoint that was named does not exist.
    EndpointNotFound 404 "ENDPOINT_NOT_FOUND";
    /// The path exists, the method does not.
    MethodNotAllowed 405 "METHOD_NOT_ALLOWED";
    /// The thing is in a state that does not allow this.
    Conflict 409 "CONFLICT";
    /// A request with this idempotency key is still under way.
    IdempotencyInProgress 409 "IDEMPOTENCY_IN_PROGRESS";
    /// The caller's organization owns the number already.
    NumberAlreadyOwned 409 "NUMBER_ALREADY_OWNED";
    /// The body is too large.
    PayloadTooLarge 413 "PAYLOAD_TOO_LARGE";
    /// The body is not JSON by its content type.
    UnsupportedMediaType 415 "UNSUPPORTED_MEDIA_TYPE";
    /// The idempotency key was used for another request.
    IdempotencyKeyReused 422 "IDEMPOTENCY_KEY_REUSED";
    /// The caller, or its organization, asks too much.
    RateLimitExceeded 429 "RATE_LIMIT_EXCEEDED";
    /// A fault of ours.
    InternalError 500 "INTERNAL_ERROR";
    /// The table or a queue cannot be reached or is throttled.
    ServiceUnavailable 503 "SERVICE_UNAVAILABLE";
    /// Secrets cannot be sealed or opened now.
    EncryptionUnavailable 503 "ENCRYPTION_UNAVAILABLE";
}

/// Seconds after which a caller who met an outage may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// The most faults that an answer names, and the most characters of a field's name: a request may have thousands.
const MAX_FAULTS: usize = 100;
const MAX_FIELD_CHARS: usize = 200;

/// What a caller reads who met an outage of the table or a queue.
const BUSY: &str = "The service is busy or unreachable, try again";

/// A refusal on its way to the client.
///
/// `message` is for people, `faults` for forms; `cause` is logged and never sent.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    message: String,
    faults: Vec<(String, String)>,
    /// Whether the telephony routes tell the message as it is.
    fixed: bool,
    cause: Option<String>,
    retry_after: Option<i64>,
}

impl Problem {
    /// A refusal with this code and message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), faults: Vec::new(), fixed: false, cause: None, retry_after: None }
    }

    /// One or more faulty fields. `MISSING_FIELDS` is for requests that only lack something: see [`Fields`](crate::Fields).
    #[must_use]
    pub fn invalid(faults: Vec<Invalid>) -> Self {
        Self::faulty(Code::ValidationError, faults)
    }

    pub(crate) fn faulty(code: Code, mut faults: Vec<Invalid>) -> Self {
        faults.truncate(MAX_FAULTS);
        for fault in &mut faults {
            if let Some((end, _)) = fault.field.char_indices().nth(MAX_FIELD_CHARS) {
                fault.field.truncate(end);
            }
        }
        let message = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let faults = faults.into_iter().map(|fault| (fault.field, fault.problem)).collect();
        Self { faults, ..Self::new(code, message) }
    }

    /// There is no such thing for this caller.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("{what} not found"))
    }

    /// The body is larger than is read.
    pub(crate) fn too_large() -> Self {
        Self::new(Code::PayloadTooLarge, "The body must not be larger than 64 KiB")
    }

    /// A user did not say for which organization, on a route that wants it said.
    pub(crate) fn missing_account() -> Self {
        Self { fixed: true, ..Self::new(Code::MissingFields, "Missing X-Account-ID header") }
    }

    /// A fault of ours; the cause is logged.
    pub fn internal(cause: impl ToString) -> Self {
        Self { cause: Some(cause.to_string()), ..Self::new(Code::InternalError, "Internal error") }
    }

    /// A queue did not take what has to be queued before the answer.
    pub fn queue_unavailable(cause: impl ToString) -> Self {
        Self::unavailable(cause)
    }

    /// What the answer depends on cannot be reached now.
    pub(crate) fn unavailable(cause: impl ToString) -> Self {
        Self { cause: Some(cause.to_string()), ..Self::new(Code::ServiceUnavailable, BUSY) }
    }

    /// The organization has as many of something as it may.
    #[must_use]
    pub fn too_many(counted: Counted, most: u32) -> Self {
        Self::new(Code::Conflict, format!("An organization has at most {most} {}", counted.as_str()))
    }

    /// One request too many; the next may pass after so many microseconds.
    pub(crate) fn rate_limited(micros: i64) -> Self {
        let seconds = micros.saturating_add(999_999).div_euclid(1_000_000).max(1);
        Self { retry_after: Some(seconds), ..Self::new(Code::RateLimitExceeded, "Rate limit exceeded") }
    }

    /// The refusal's code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The answer in the request's style, with its id where it is JSON. Logs the cause of what is not the client's fault.
    pub(crate) fn render(&self, request_id: &str, style: Style) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(code = self.code.as_str(), cause, "request failed");
        }
        let mut response = match style {
            Style::Json => self.json(self.code, &self.message, request_id),
            Style::Telephony { faulty, plain } => {
                // These routes know no «later» but that of the encryption.
                let code = if self.code == Code::ServiceUnavailable { Code::InternalError } else { self.code };
                let text = self.telephony_text(faulty);
                if plain { (status(code), text).into_response() } else { self.json(code, &text, request_id) }
            }
        };
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    /// The refusal as the telephony routes tell it: one fixed text per case, for a faulty request with what is wrong.
    fn telephony_text(&self, faulty: &str) -> String {
        let fixed = match (self.code, self.code.status()) {
            (Code::ServiceUnavailable, _) => "Database error",
            (_, 400) if !self.fixed => return format!("{faulty}: {}", self.message),
            (_, 401) => "Unauthorized",
            (_, 403) => "Forbidden",
            (_, 405) => "Method not allowed",
            (_, 413) => "Payload too large",
            (_, 415) => "Unsupported media type",
            (_, 422) => "Idempotency key reused",
            (_, 429) => "Rate limit exceeded",
            _ => self.message.as_str(),
        };
        fixed.to_owned()
    }

    fn json(&self, code: Code, error: &str, request_id: &str) -> Response {
        #[derive(Serialize)]
        struct Fault<'a> {
            field: &'a str,
            problem: &'a str,
        }
        #[derive(Serialize)]
        struct Details<'a> {
            #[serde(skip_serializing_if = "Vec::is_empty")]
            errors: Vec<Fault<'a>>,
        }
        #[derive(Serialize)]
        struct Body<'a> {
            error: &'a str,
            code: &'static str,
            details: Details<'a>,
            request_id: &'a str,
        }
        let errors = self.faults.iter().map(|(field, problem)| Fault { field, problem }).collect();
        let body = Body { error, code: code.as_str(), details: Details { errors }, request_id };
        (status(code), axum::Json(body)).into_response()
    }
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Leaves the rendering to [`app`](crate::app()), which knows the request's id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = status(self.code).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let cause = Some(error.to_string());
        match error {
            StoreError::Unavailable(_) => Self { cause, ..Self::new(Code::ServiceUnavailable, BUSY) },
            StoreError::Refused(_) | StoreError::TooLarge | StoreError::Corrupt { .. } => {
                Self { cause, ..Self::new(Code::InternalError, "Internal error") }
            }
        }
    }
}

/// An error with everything that led to it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        let cause = Some(chain(&error));
        match error {
            VaultError::Unavailable(_) | VaultError::KeyRefused(_) => {
                Self { cause, ..Self::new(Code::EncryptionUnavailable, "Encryption service unavailable") }
            }
            VaultError::Corrupt { .. } => Self { cause, ..Self::new(Code::InternalError, "Internal error") },
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use rstest::rstest;

    use super::*;

    const FAULTY: &str = "Invalid body or missing field";

    async fn told(problem: &Problem, plain: bool) -> (u16, String, String) {
        let response = problem.render("r-1", Style::Telephony { faulty: FAULTY, plain });
        let content_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, content_type, String::from_utf8(body.to_vec()).unwrap())
    }

    #[rstest]
    #[case(Problem::invalid(vec![Invalid::new("label", "is too long")]), 400, "Invalid body or missing field: label: is too long")]
    #[case(Problem::missing_account(), 400, "Missing X-Account-ID header")]
    #[case(Problem::new(Code::KeyRevoked, "The API key was revoked"), 401, "Unauthorized")]
    #[case(Problem::new(Code::InsufficientScope, "This needs a scope"), 403, "Forbidden")]
    #[case(Problem::new(Code::IpNotAllowed, "Not from there"), 403, "Forbidden")]
    #[case(Problem::not_found("Credential"), 404, "Credential not found")]
    #[case(Problem::new(Code::MethodNotAllowed, "x"), 405, "Method not allowed")]
    #[case(Problem::new(Code::Conflict, "Credential in use by phone numbers"), 409, "Credential in use by phone numbers")]
    #[case(Problem::too_large(), 413, "Payload too large")]
    #[case(Problem::new(Code::UnsupportedMediaType, "x"), 415, "Unsupported media type")]
    #[case(Problem::new(Code::IdempotencyKeyReused, "x"), 422, "Idempotency key reused")]
    #[case(Problem::rate_limited(1_500_000), 429, "Rate limit exceeded")]
    #[case(Problem::internal("the cause"), 500, "Internal error")]
    #[case(StoreError::Unavailable("the cause".to_owned()).into(), 500, "Database error")]
    #[case(Problem::new(Code::EncryptionUnavailable, "Encryption service unavailable"), 503, "Encryption service unavailable")]
    #[tokio::test]
    async fn telephony_routes_tell_a_fixed_text(#[case] problem: Problem, #[case] status: u16, #[case] text: &str) {
        assert_eq!(told(&problem, true).await, (status, "text/plain; charset=utf-8".to_owned(), text.to_owned()));
        let (in_json, content_type, body) = told(&problem, false).await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((in_json, content_type.as_str(), body["error"].as_str()), (status, "application/json", Some(text)));
        let code = Code::ALL.iter().find(|code| body["code"] == code.as_str()).unwrap();
        assert_eq!(code.status(), status, "code and status agree");
    }

    #[test]
    fn only_an_outage_of_the_encryption_is_to_be_tried_again() {
        let waits = |code| problem_waits(&Problem::new(code, "x"));
        assert_eq!((waits(Code::EncryptionUnavailable), waits(Code::ServiceUnavailable)), (true, false));
        assert!(Problem::new(Code::ServiceUnavailable, "x").render("r-1", Style::Json).headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn who_asks_too_much_is_told_whole_seconds_to_wait() {
        for (micros, seconds) in [(1, "1"), (0, "1"), (1_000_000, "1"), (1_000_001, "2")] {
            for style in [Style::Json, Style::Telephony { faulty: FAULTY, plain: true }] {
                assert_eq!(Problem::rate_limited(micros).render("r-1", style).headers()[header::RETRY_AFTER], seconds);
            }
        }
    }

    fn problem_waits(problem: &Problem) -> bool {
        problem.render("r-1", Style::Telephony { faulty: FAULTY, plain: true }).headers().contains_key(header::RETRY_AFTER)
    }
}
