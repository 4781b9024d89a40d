//! One id per request: the client's if it sent a sound one, else Lambda's.

use http::Request;
use lambda_http::request::RequestContext;

/// The header in both directions.
pub(crate) const HEADER: &str = "x-request-id";

/// The request's id, for whoever comes after the frame.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// The request's id.
pub(crate) fn of<B>(request: &Request<B>) -> String {
    let sent = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
    if let Some(id) = sent.filter(|id| is_sound(id)) {
        return id.to_owned();
    }
    if let Some(context) = request.extensions().get::<lambda_http::Context>() {
        return context.request_id.clone();
    }
    match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone().unwrap_or_default(),
        _ => String::new(),
    }
}

/// Ids that may stand in a log line and an answer: up to 128 letters, digits, dots, dashes and underscores.
fn is_sound(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}
