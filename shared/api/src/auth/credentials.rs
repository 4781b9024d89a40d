//! What a request brings to say who calls: an API key or a user's token, in one of two headers or in both.

use domain::api_key::{ApiKeyText, PREFIX};
use http::HeaderMap;

use super::unauthorized;
use crate::{
    jwt,
    problem::{Code, Problem},
};

/// What a caller shows.
pub(super) enum Credential<'a> {
    Key(ApiKeyText),
    Token(&'a str),
}

/// What the headers carry: one credential, or two tokens that may be of the same user.
pub(super) enum Shown<'a> {
    One(Credential<'a>),
    TwoTokens(&'a str, &'a str),
}

/// Reads `Authorization: Bearer` and `x-api-key`.
///
/// # Errors
/// `UNAUTHORIZED` for none, for what is no credential, and for two that cannot be of the same principal.
pub(super) fn shown(headers: &HeaderMap) -> Result<Shown<'_>, Problem> {
    let bearer = single(headers, "authorization")?.map(|value| bearer(value).ok_or_else(unauthorized)).transpose()?;
    let header = single(headers, "x-api-key")?;
    match (bearer, header) {
        (Some(a), Some(b)) if a != b => match (credential(a)?, credential(b)?) {
            // A token that was just renewed, beside the one before.
            (Credential::Token(a), Credential::Token(b)) => Ok(Shown::TwoTokens(a, b)),
            _ => Err(different()),
        },
        (Some(text), _) | (None, Some(text)) => credential(text).map(Shown::One),
        (None, None) => {
            Err(Problem::new(Code::Unauthorized, "Send an API key or a user's token as Authorization: Bearer, or as x-api-key"))
        }
    }
}

/// Two headers name two principals.
pub(super) fn different() -> Problem {
    Problem::new(Code::Unauthorized, "Authorization and x-api-key carry different credentials")
}

fn credential(text: &str) -> Result<Credential<'_>, Problem> {
    if text.starts_with(PREFIX) {
        return ApiKeyText::parse(text).map(Credential::Key).map_err(|_| unauthorized());
    }
    if jwt::looks_like_one(text) { Ok(Credential::Token(text)) } else { Err(unauthorized()) }
}

/// The token of a `Bearer` header; the scheme's case is free (RFC 9110, §11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A credential header's one value. API Gateway joins repeated headers with commas, and no credential has a comma.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| unauthorized())?;
    if values.next().is_some() || text.contains(',') { Err(unauthorized()) } else { Ok(Some(text.trim())) }
}
