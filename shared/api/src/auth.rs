//! Who is calling. [`Caller`] is the only thing in HTTP code that knows an organization.

use axum::extract::{FromRef, FromRequestParts};
use domain::{
    KeyId, OrgId,
    api_key::{ApiKey, ApiKeyText, KeyHash, KeyRefusal, PREFIX},
    scope::{Scope, Scopes},
};
use http::{HeaderMap, request::Parts};
use runtime::{Clock, Recent};
use store::{Table, Tenant};

use crate::problem::{Code, Problem};

/// How long a process believes what it read of a key. A revoked key works at most so long where it was used before.
const CACHE_MILLIS: i64 = 60_000;

/// The most keys that a process remembers.
const CACHE_ENTRIES: usize = 1_000;

/// The gate that every request passes: looks keys up, remembers them for a minute. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate {
    table: Table,
    clock: Clock,
    recent: Recent<KeyHash, ApiKey>,
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

impl<S> FromRequestParts<S> for Caller
where
    Gate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let gate = Gate::from_ref(state);
        let text = key_text(&parts.headers)?;
        let key = gate.key(&text).await?;
        let organization = key.organization_id;
        if named_organization(&parts.headers)?.is_some_and(|named| named != organization) {
            return Err(Problem::new(Code::Forbidden, "The key belongs to another organization than the one named in the header"));
        }
        let span = tracing::Span::current();
        span.record("organization_id", tracing::field::display(organization));
        span.record("mode", key.mode.as_str());
        let tenant = Tenant { org: organization, mode: key.mode };
        Ok(Self { tenant, key: key.id, scopes: key.scopes, pepper: text.pepper() })
    }
}

impl Gate {
    /// A gate in front of this table.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        Self { table, clock, recent: Recent::new(CACHE_ENTRIES, CACHE_MILLIS) }
    }

    /// The time now.
    pub(crate) fn now(&self) -> domain::Timestamp {
        self.clock.now()
    }

    /// What is known of a key that may be used now.
    async fn key(&self, text: &ApiKeyText) -> Result<ApiKey, Problem> {
        let (hash, now) = (text.hash(), self.clock.now());
        let key = match self.recent.get(&hash, now) {
            Some(key) => key,
            None => {
                let key = self.table.api_key(hash).await?.ok_or_else(unauthorized)?;
                self.recent.put(hash, key.clone(), now);
                key
            }
        };
        match key.check(now) {
            Ok(()) => Ok(key),
            Err(KeyRefusal::Revoked) => Err(Problem::new(Code::KeyRevoked, "The API key was revoked")),
            Err(KeyRefusal::Expired) => Err(Problem::new(Code::KeyExpired, "The API key has expired")),
        }
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
