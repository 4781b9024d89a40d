//! Who is calling. [`Caller`] is the only thing in HTTP code that knows an organization, and only the gate makes one.

mod chosen;
mod credentials;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::extract::FromRequestParts;
use domain::{
    KeyId, Mode, OrgId, Principal, UserId,
    api_key::{ApiKey, ApiKeyText, KeyHash, KeyRefusal},
    member::{Member, Role},
    scope::{Scope, Scopes},
};
use http::{Extensions, request::Parts};
use lambda_http::request::RequestContext;
use runtime::{Clock, Recent};
use store::{Table, Tenant};
use vault::Vault;

use crate::{
    beside::Beside,
    cors::Origins,
    jwt::Users,
    problem::{Code, Problem},
    rate::{Limiter, Stranger, Strangers, Told},
    settings::Settings,
    style::Style,
};
pub(crate) use chosen::ORGANIZATION;
use credentials::{Credential, Shown};

/// How long a process believes what it read of a key or of a user's memberships. A revoked key works at most so long where
/// it was used before.
const CACHE_MILLIS: i64 = 60_000;

/// The most keys, and the most users, that a process remembers.
const CACHE_ENTRIES: usize = 1_000;

/// How often a process notes that a key is used: once in so many milliseconds.
const USE_MILLIS: i64 = 60_000;

/// The longest that an answer waits for such a note.
const USE_LIMIT: Duration = Duration::from_secs(1);

/// The gate that every request passes: looks keys and users up, remembers them for a minute, notes that keys are used. Cheap
/// to clone.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inside>);

/// What all clones of a gate share: a router holds one for each of its routes.
#[derive(Debug, Clone)]
struct Inside {
    table: Table,
    clock: Clock,
    recent: Recent<KeyHash, ApiKey>,
    noted: Recent<KeyId, ()>,
    users: Users,
    memberships: Recent<UserId, Arc<[Member]>>,
    limiter: Option<Limiter>,
    audit_days: u32,
    origins: Option<Origins>,
}

/// An authenticated principal and the tenant it acts for.
#[derive(Clone)]
pub struct Caller {
    /// Whose data it reaches.
    pub tenant: Tenant,
    /// Who it is.
    pub principal: Principal,
    /// What a user is in the organization; a key is of no role.
    role: Option<Role>,
    scopes: Scopes,
    /// What only the holder of the key can know, without being the key; a user brings no such thing.
    pub(crate) pepper: Option<[u8; 32]>,
}

/// Who calls, where nothing depends on the organization: the organization of a key, or a user with all of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// The holder of a key of this organization.
    Organization(OrgId),
    /// This user.
    User(UserId),
}

impl Caller {
    /// Passes if the caller holds the scope.
    ///
    /// # Errors
    /// `INSUFFICIENT_SCOPE`, naming the scope.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.may(scope) { Ok(()) } else { Err(self.lacks("the scope", scope.as_str())) }
    }

    /// Passes if the caller holds all of these scopes: what it gives away.
    ///
    /// # Errors
    /// `INSUFFICIENT_SCOPE`, naming those it lacks.
    pub fn require_each(&self, scopes: &Scopes) -> Result<(), Problem> {
        let lacking: Vec<&str> = scopes.difference(&self.scopes).map(|scope| scope.as_str()).collect();
        if lacking.is_empty() { Ok(()) } else { Err(self.lacks("the scopes", &lacking.join(", "))) }
    }

    /// Passes if the caller is the operator of the deployment: its key is of no organization.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub(crate) fn require_operator(&self) -> Result<(), Problem> {
        let is_operator = self.tenant.org() == OrgId::PLATFORM && matches!(self.principal, Principal::Key(_));
        if is_operator { Ok(()) } else { Err(Problem::new(Code::Forbidden, "This needs a key of the operator")) }
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

    fn lacks(&self, what: &str, names: &str) -> Problem {
        let message = match self.role {
            None => format!("This needs a key with {what} {names}"),
            Some(role) => format!("This needs {what} {names}, which the role {role} does not have"),
        };
        Problem::new(Code::InsufficientScope, message)
    }

    #[expect(clippy::disallowed_methods, reason = "the gate has checked the key")]
    fn of_key(key: ApiKey, text: &ApiKeyText) -> Self {
        let tenant = Tenant::new(key.organization_id, key.mode);
        Self { tenant, principal: Principal::Key(key.id), role: None, scopes: key.scopes, pepper: Some(text.pepper()) }
    }

    #[expect(clippy::disallowed_methods, reason = "the gate has checked the user's token and read the membership")]
    fn of_member(member: &Member, mode: Mode) -> Self {
        let tenant = Tenant::new(member.organization_id, mode);
        let (principal, role) = (Principal::User(member.user_id), member.role);
        Self { tenant, principal, role: Some(role), scopes: role.scopes(), pepper: None }
    }
}

/// Leaves the pepper out.
impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller").field("tenant", &self.tenant).field("principal", &self.principal).finish_non_exhaustive()
    }
}

/// Whom the gate let pass to this route. A handler of an open route has no caller to ask for.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::admitted(parts)
    }
}

/// Whom the gate let pass to a route that chooses no organization.
impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().copied().ok_or_else(|| Problem::internal("no gate stands before this handler"))
    }
}

/// Whose credential is good.
enum Known {
    Key(Box<ApiKey>, ApiKeyText),
    User(UserId),
}

impl Gate {
    /// A gate in front of this table. It knows keys, and no users before it is told whose tokens to believe.
    #[must_use]
    pub fn new(table: Table, clock: Clock) -> Self {
        let (recent, noted) = (Recent::new(CACHE_ENTRIES, CACHE_MILLIS), Recent::new(CACHE_ENTRIES, USE_MILLIS));
        Self(Arc::new(Inside {
            table,
            clock,
            recent,
            noted,
            users: Users::default(),
            memberships: Recent::new(CACHE_ENTRIES, CACHE_MILLIS),
            limiter: None,
            audit_days: Settings::default().audit_days,
            origins: None,
        }))
    }

    /// The same gate, under these settings; `vault` opens the secret of an issuer that signs with a secret.
    #[must_use]
    pub fn under(self, settings: impl Into<Settings>, vault: &Vault) -> Self {
        let Settings { issuers, rates, audit_days, origins } = settings.into();
        let inside = Arc::unwrap_or_clone(self.0);
        let users = Users::new(issuers, &inside.table, vault, &inside.clock);
        let limiter = rates.map(|rates| Limiter::new(inside.table.clone(), inside.clock.clone(), rates));
        Self(Arc::new(Inside { users, limiter, audit_days, origins, ..inside }))
    }

    /// The web pages that may read answers.
    pub(crate) fn origins(&self) -> Option<&Origins> {
        self.0.origins.as_ref()
    }

    /// Who counts requests that are no organization's; `None` if nothing is limited.
    pub(crate) fn strangers(&self) -> Option<&Strangers> {
        self.0.limiter.as_ref().map(Limiter::strangers)
    }

    /// How long an entry of the audit trail is kept, in days.
    pub(crate) fn audit_days(&self) -> u32 {
        self.0.audit_days
    }

    /// The table of the whole process.
    pub(crate) fn table(&self) -> Table {
        self.0.table.clone()
    }

    /// The time now.
    pub(crate) fn now(&self) -> domain::Timestamp {
        self.0.clock.now()
    }

    /// Reads a key anew at its next use: for who knows that it changed. Other processes go on believing what they read.
    pub fn forget(&self, hash: &KeyHash) {
        self.0.recent.forget(hash);
    }

    /// Who calls, if their credentials are sound and may be used now.
    ///
    /// # Errors
    /// 401 for credentials that are none, 403 for those that may not be used from here or for the organization that is
    /// named, 400 for what names none, 503 if the table or an issuer's keys cannot be read.
    pub(crate) async fn admit(&self, parts: &Parts) -> Result<Caller, Problem> {
        let caller = match self.known(parts).await? {
            Known::Key(key, text) => Caller::of_key(*key, &text),
            Known::User(user) => {
                let (named, mode) = (chosen::organization(parts)?, chosen::mode(&parts.headers)?);
                Caller::of_member(&self.chosen(user, named, parts).await?, mode)
            }
        };
        self.count(caller.tenant.org(), caller.principal, &parts.extensions).await?;
        let span = tracing::Span::current();
        span.record("organization_id", tracing::field::display(caller.tenant.org()));
        span.record("mode", caller.tenant.mode().as_str());
        Ok(caller)
    }

    /// Who calls, without an organization of theirs being chosen.
    ///
    /// # Errors
    /// As [`admit`](Self::admit), but a user may be a member of none, whatever is named.
    pub(crate) async fn identify(&self, parts: &Parts) -> Result<Identity, Problem> {
        match self.known(parts).await? {
            Known::Key(key, _) => {
                self.count(key.organization_id, Principal::Key(key.id), &parts.extensions).await?;
                Ok(Identity::Organization(key.organization_id))
            }
            Known::User(user) => {
                chosen::organization(parts)?;
                chosen::mode(&parts.headers)?;
                if let Some(strangers) = self.strangers() {
                    strangers.pass(Stranger::user(user), &Told::of(&parts.extensions))?;
                }
                Ok(Identity::User(user))
            }
        }
    }

    /// Counts a request for its organization.
    ///
    /// # Errors
    /// `RATE_LIMIT_EXCEEDED` for one too many.
    async fn count(&self, org: OrgId, principal: Principal, request: &Extensions) -> Result<(), Problem> {
        match &self.0.limiter {
            // The operator's SIP edge asks once for each call of everybody: no customer's rate is its own.
            _ if org == OrgId::PLATFORM => Told::of(request).free(),
            Some(limiter) => limiter.pass(org.into(), principal.as_uuid(), request).await?,
            None => {}
        }
        Ok(())
    }

    /// Whose credential a request brings, if it is good and the organization that a key names is its own.
    async fn known(&self, parts: &Parts) -> Result<Known, Problem> {
        let text = match credentials::shown(&parts.headers)? {
            Shown::One(Credential::Key(text)) => text,
            Shown::One(Credential::Token(token)) => return Ok(Known::User(self.0.users.user(token, self.now()).await?)),
            Shown::TwoTokens(one, other) => {
                let user = self.0.users.user(one, self.now()).await?;
                let same = self.0.users.user(other, self.now()).await? == user;
                return if same { Ok(Known::User(user)) } else { Err(credentials::different()) };
            }
        };
        let key = self.key(&text, source(&parts.extensions)).await?;
        if chosen::organization(parts)?.is_some_and(|named| named != key.organization_id) {
            return Err(Problem::new(Code::Forbidden, "The key belongs to another organization than the one that is named"));
        }
        // A key tells its mode by itself; what is no mode is a mistake all the same.
        chosen::mode(&parts.headers)?;
        self.note_use(&key, parts.extensions.get()).await;
        Ok(Known::Key(Box::new(key), text))
    }

    /// A user's membership in the organization that is named, or in the first one where the route allows to name none.
    async fn chosen(&self, user: UserId, named: Option<OrgId>, parts: &Parts) -> Result<Member, Problem> {
        if named.is_none() && matches!(parts.extensions.get(), Some(Style::Telephony { .. })) {
            return Err(Problem::missing_account());
        }
        let refusal = if named.is_some() { "You are no member of this organization" } else { "You are a member of no organization" };
        self.member(user, named).await?.ok_or_else(|| Problem::new(Code::Forbidden, refusal))
    }

    /// What seems absent is looked for once more strongly, also where a process remembers the user: a new membership counts
    /// at once, a changed or ended one within a minute.
    async fn member(&self, user: UserId, named: Option<OrgId>) -> Result<Option<Member>, Problem> {
        let now = self.now();
        let chosen = |all: &[Member]| all.iter().find(|member| named.is_none_or(|org| member.organization_id == org)).cloned();
        let remembered = self.0.memberships.get(&user, now);
        if let Some(member) = remembered.as_deref().and_then(chosen) {
            return Ok(Some(member));
        }
        let mut all = if remembered.is_some() { Vec::new() } else { self.0.table.memberships(user).await? };
        if chosen(&all).is_none() {
            all = self.0.table.memberships_now(user).await?;
        }
        if !all.is_empty() {
            self.0.memberships.put(user, all.clone().into(), now);
        }
        Ok(chosen(&all))
    }

    /// What is known of a key that may be used now, from this address.
    async fn key(&self, text: &ApiKeyText, from: Option<IpAddr>) -> Result<ApiKey, Problem> {
        let (hash, now) = (text.hash(), self.0.clock.now());
        let key = match self.0.recent.get(&hash, now) {
            Some(key) => key,
            None => {
                let key = self.0.table.api_key(hash).await?.ok_or_else(unauthorized)?;
                self.0.recent.put(hash, key.clone(), now);
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
        let (org, id, now) = (key.organization_id, key.id, self.0.clock.now());
        if self.0.noted.get(&id, now).is_some() {
            return;
        }
        self.0.noted.put(id, (), now);
        let (table, noted) = (self.0.table.clone(), self.0.noted.clone());
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
pub(crate) fn source(request: &Extensions) -> Option<IpAddr> {
    match request.get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref()?.parse().ok(),
        _ => None,
    }
}

pub(crate) fn unauthorized() -> Problem {
    Problem::new(Code::Unauthorized, "The credentials are not valid")
}

#[cfg(test)]
mod tests;
