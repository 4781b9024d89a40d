//! Who is calling. [`Caller`] is the only thing in HTTP code that knows an organization, and only the gate makes one.

use std::{net::IpAddr, time::Duration};

use axum::extract::FromRequestParts;
use domain::{
    KeyId, OrgId,
    api_key::{ApiKey, ApiKeyText, KeyHash, KeyRefusal, PREFIX},
    scope::{Scope, Scopes},
};
use http::{HeaderMap, request::Parts};
use lambda_http::request::RequestContext;
use runtime::{Clock, Recent};
use store::{Table, Tenant};

use crate::{
    beside::Beside,
    problem::{Code, Problem},
};

/// How long a process believes what it read of a key. A revoked key works at most so long where it was used before.
const CACHE_MILLIS: i64 = 60_000;

/// The most keys that a process remembers.
const CACHE_ENTRIES: usize = 1_000;

/// How often a process notes that a key is used: once in so many milliseconds.
const USE_MILLIS: i64 = 60_000;

/// The longest that an answer waits for such a note.
const USE_LIMIT: Duration = Duration::from_secs(1);

/// The gate that every request passes: looks keys up, remembers them for a minute, notes that they are used. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate {
    table: Table,
    clock: Clock,
    recent: Recent<KeyHash, ApiKey>,
    noted: Recent<KeyId, ()>,
}

/// An authenticated principal and the tenant it acts for.
#[derive(Clone)]
pub struct Caller {
    /// Whose data it reaches.
    pub tenant: Tenant,
    /// The key it came with.
    pub key: KeyId,
    scopes: Scopes,
    /// What only the holder of the key can know, without being the key.
    pub(crate) pepper: [u8; 32],
}

impl Caller {
    /// Passes if the caller holds the scope.
    ///
    /// # Errors
    /// `INSUFFICIENT_SCOPE`, naming the scope.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.may(scope) {
            Ok(())
        } else {
            Err(Problem::new(Code::InsufficientScope, format!("This needs a key with the scope {scope}")))
        }
    }

    /// Passes if the caller holds all of these scopes: what it gives away.
    ///
    /// # Errors
    /// `INSUFFICIENT_SCOPE`, naming those it lacks.
    pub fn require_each(&self, scopes: &Scopes) -> Result<(), Problem> {
        let lacking: Vec<&str> = scopes.difference(&self.scopes).map(|scope| scope.as_str()).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        Err(Problem::new(Code::InsufficientScope, format!("This needs a key with the scopes {}", lacking.join(", "))))
    }

    /// Whom the gate let pass.
    pub(crate) fn admitted(parts: &Parts) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::internal("no gate stands before this handler"))
    }

    /// Whether the caller holds the scope.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// Leaves the pepper out.
impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").field("tenant", &self.tenant).field("key", &self.key).finish_non_exhaustive()
    }
}

/// Whom the gate let pass to this route. A handler of an open route has no caller to ask for.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::admitted(parts)
    }
}

impl Gate {
    /// A gate in front of this table.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        let (recent, noted) = (Recent::new(CACHE_ENTRIES, CACHE_MILLIS), Recent::new(CACHE_ENTRIES, USE_MILLIS));
        Self { table, clock, recent, noted }
    }

    /// The time now.
    pub(crate) fn now(&self) -> domain::Timestamp {
        self.clock.now()
    }

    /// Reads a key anew at its next use: for who knows that it changed. Other processes go on believing what they read.
    pub fn forget(&self, hash: &KeyHash) {
        self.recent.forget(hash);
    }

    /// Who calls, if their credentials are sound and may be used now.
    ///
    /// # Errors
    /// 401 for credentials that are none, 403 for those that may not be used from here or for the organization that a
    /// header names, 400 for a header that names none, 503 if the table cannot be read.
    pub(crate) async fn admit(&self, parts: &Parts) -> Result<Caller, Problem> {
        let text = key_text(&parts.headers)?;
        let key = self.key(&text, source(parts)).await?;
        let organization = key.organization_id;
        if named_organization(&parts.headers)?.is_some_and(|named| named != organization) {
            return Err(Problem::new(Code::Forbidden, "The key belongs to another organization than the one named in the header"));
        }
        let span = tracing::Span::current();
        span.record("organization_id", tracing::field::display(organization));
        span.record("mode", key.mode.as_str());
        let tenant = Tenant { org: organization, mode: key.mode };
        self.note_use(&key, parts.extensions.get()).await;
        Ok(Caller { tenant, key: key.id, scopes: key.scopes, pepper: text.pepper() })
    }

    /// What is known of a key that may be used now, from this address.
    async fn key(&self, text: &ApiKeyText, from: Option<IpAddr>) -> Result<ApiKey, Problem> {
        let (hash, now) = (text.hash(), self.clock.now());
        let key = match self.recent.get(&hash, now) {
            Some(key) => key,
            None => {
                let key = self.table.api_key(hash).await?.ok_or_else(unauthorized)?;
                self.recent.put(hash, key.clone(), now);
                key
            }
        };
        match key.check(now, from) {
            Ok(()) => Ok(key),
            Err(KeyRefusal::Revoked) => Err(Problem::new(Code::KeyRevoked, "The API key was revoked")),
            Err(KeyRefusal::Expired) => Err(Problem::new(Code::KeyExpired, "The API key has expired")),
            Err(KeyRefusal::Address) => Err(Problem::new(Code::IpNotAllowed, "The API key may not be used from this address")),
        }
    }

    /// Notes that a key was used, at most once a minute, beside the request. A note that fails is made at the next use.
    async fn note_use(&self, key: &ApiKey, beside: Option<&Beside>) {
        let (org, id, now) = (key.organization_id, key.id, self.clock.now());
        if self.noted.get(&id, now).is_some() {
            return;
        }
        self.noted.put(id, (), now);
        let (table, noted) = (self.table.clone(), self.noted.clone());
        let note = async move {
            let fault = match tokio::time::timeout(USE_LIMIT, table.note_key_use(org, id, now)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the table did not answer in time".to_owned(),
            };
            noted.forget(&id);
            tracing::warn!(key = %id, fault, "the use of a key was not noted");
        };
        match beside {
            Some(beside) => beside.start(note),
            None => note.await,
        }
    }
}

/// The address that the request came from, as the gateway saw it. What a header says of it is the client's word.
fn source(parts: &Parts) -> Option<IpAddr> {
    match parts.extensions.get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref()?.parse().ok(),
        _ => None,
    }
}

/// The key that the headers carry: `Authorization: Bearer` or `x-api-key`; both only if they are the same.
fn key_text(headers: &HeaderMap) -> Result<ApiKeyText, Problem> {
    let bearer = single(headers, "authorization")?.map(|value| bearer(value).ok_or_else(unauthorized)).transpose()?;
    let header = single(headers, "x-api-key")?;
    let text = match (bearer, header) {
        (Some(a), Some(b)) if a != b => {
            return Err(Problem::new(Code::Unauthorized, "Authorization and x-api-key carry different credentials"));
        }
        (Some(text), _) | (None, Some(text)) => text,
        (None, None) => return Err(Problem::new(Code::Unauthorized, "Send an API key as Authorization: Bearer or x-api-key")),
    };
    if !text.starts_with(PREFIX) {
        return Err(unauthorized());
    }
    ApiKeyText::parse(text).map_err(|_| unauthorized())
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

/// The organization that the headers name, if they name one.
fn named_organization(headers: &HeaderMap) -> Result<Option<OrgId>, Problem> {
    let mut named = None;
    for name in ["x-organization-id", "x-account-id"] {
        for value in headers.get_all(name) {
            let id = value.to_str().ok().and_then(|text| text.trim().parse::<OrgId>().ok());
            let Some(id) = id else { return Err(malformed_organization(name, "must be one UUID")) };
            if named.is_some_and(|other| other != id) {
                return Err(malformed_organization(name, "names another organization than another header"));
            }
            named = Some(id);
        }
    }
    Ok(named)
}

fn malformed_organization(header: &str, problem: &str) -> Problem {
    Problem::invalid(vec![domain::Invalid::new(header, problem)])
}

fn unauthorized() -> Problem {
    Problem::new(Code::Unauthorized, "The credentials are not valid")
}

#[cfg(test)]
mod tests {
    use http::Request;
    use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;

    use super::*;

    #[test]
    fn the_address_is_the_gateways_word_and_never_a_headers() {
        let parts = |source_ip: Option<&str>| {
            let headers = ["x-forwarded-for", "forwarded", "x-real-ip"];
            let request = headers.into_iter().fold(Request::builder(), |request, name| request.header(name, "203.0.113.7"));
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            let mut context = ApiGatewayV2httpRequestContext::default();
            context.http.source_ip = source_ip.map(str::to_owned);
            parts.extensions.insert(RequestContext::ApiGatewayV2(context));
            parts
        };
        assert_eq!(source(&parts(Some("198.51.100.1"))), Some("198.51.100.1".parse().unwrap()));
        for unknown in [None, Some(""), Some("203.0.113.7, 198.51.100.1")] {
            assert_eq!(source(&parts(unknown)), None, "{unknown:?}");
        }
    }
}
