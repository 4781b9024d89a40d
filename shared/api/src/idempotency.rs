//! `Idempotency-Key`: a request that is sent again is answered again and done once.
//!
//! The request is claimed before the handler runs and completed with its answer after it. If a try dies in between,
//! the next one finds what it made, because what a request creates has the same ids at every try ([`Born`]).

use aws_lc_rs::hmac;
use axum::{
    body::{Body, to_bytes},
    extract::{FromRef, FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use domain::{
    Timestamp,
    idempotency::{Birth, MAX_KEY_CHARS, RequestKey, fingerprint},
    secret::{SecretKind, SecretPlace},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use runtime::{Clock, random};
use secrecy::ExposeSecret as _;
use store::{Claimed, KeptAnswer, SettingName, Table, Tenant};
use vault::Vault;

use crate::{
    app::MAX_BODY_BYTES,
    auth::{Caller, Gate},
    deployment_key::DeploymentKey,
    problem::{Code, Problem},
    request_id,
    style::Style,
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The content type of most answers: it is not kept.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Seconds after which a caller whose request is still under way may ask again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Keeps requests with an idempotency key. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Idempotency {
    table: Table,
    vault: Vault,
    clock: Clock,
    peppers: DeploymentKey,
    posts_show_secrets: bool,
}

impl Idempotency {
    /// Keeps them in this table; answers that show a secret are sealed by this vault.
    #[must_use]
    pub fn new(table: Table, vault: Vault, clock: Clock) -> Self {
        let peppers = DeploymentKey::new(SettingName::PepperKey, table.clone(), vault.clone(), clock.clone());
        Self { table, vault, clock, peppers, posts_show_secrets: false }
    }

    /// For a function whose answers to `POST` show secrets: a request does not begin while its answer could not be
    /// sealed, since its effect would be there and its answer lost.
    #[must_use]
    pub fn posts_show_secrets(self) -> Self {
        Self { posts_show_secrets: true, ..self }
    }
}

/// Says of an answer that it shows a secret: put into its extensions, it has the kept copy sealed.
#[derive(Debug, Clone, Copy)]
pub struct ShowsSecret;

/// The body that is kept for replays in the place of an answer's own, which must not be given again: put into the answer's
/// extensions.
#[derive(Debug, Clone)]
pub struct KeptInstead(pub String);

/// The time and the random bytes from which the ids of what a request creates are made.
#[derive(Debug, Clone, Copy)]
pub struct Born(pub Birth);

impl<S> FromRequestParts<S> for Born
where
    Gate: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let kept = parts.extensions.get::<Birth>().copied();
        Ok(Self(kept.unwrap_or_else(|| Birth { at: Gate::from_ref(state).now(), bytes: random::bytes() })))
    }
}

/// The layer behind the gate. A request without the header, or one that only reads, passes at no cost.
pub(crate) async fn once(State(idempotency): State<Idempotency>, request: Request, next: Next) -> Response {
    let writes = matches!(*request.method(), Method::POST | Method::PATCH | Method::DELETE);
    if !writes || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    idempotency.kept(request, next).await.unwrap_or_else(IntoResponse::into_response)
}

impl Idempotency {
    async fn kept(&self, request: Request, next: Next) -> Result<Response, Problem> {
        let id = request_id::of(&request);
        let style = request.extensions().get::<Style>().copied().unwrap_or_default();
        let (mut parts, body) = request.into_parts();
        let key = key(&parts.headers)?;
        let caller = Caller::admitted(&parts)?;
        let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Problem::too_large())?;
        let request = RequestKey::new(caller.principal, parts.method.as_str(), canonical(parts.uri.path()), &key);
        let fingerprint = fingerprint(&self.pepper(&caller).await?, parts.uri.query().unwrap_or_default(), &body);
        let claimed_at = self.clock.now();
        match self.table.claim_request(caller.tenant, request, &fingerprint, claimed_at).await? {
            Claimed::Mine { first_at } => parts.extensions.insert(Birth { at: first_at, bytes: request.id_bytes() }),
            Claimed::Answered { answer } => return self.replay(caller.tenant, request, answer).await,
            Claimed::InProgress => return Ok(in_progress(&id, style)),
            Claimed::Reused => {
                return Err(Problem::new(
                    Code::IdempotencyKeyReused,
                    "The idempotency key was used for a request with another body or query",
                ));
            }
        };
        let mut response = match self.ready(&parts.method).await {
            Ok(()) => next.run(Request::from_parts(parts, Body::from(body))).await,
            Err(problem) => problem.into_response(),
        };
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            response = problem.render(&id, style);
        }
        self.finish(caller.tenant, request, claimed_at, response).await
    }

    /// What keeps the digest of the caller's body from being guessed by who reads the table. A key brings it. A user's tokens
    /// change while a request is tried again, so a user's is made of the id and a key of the deployment.
    async fn pepper(&self, caller: &Caller) -> Result<[u8; 32], Problem> {
        if let Some(pepper) = caller.pepper {
            return Ok(pepper);
        }
        let tag = hmac::sign(self.peppers.get().await?, &caller.principal.to_bytes());
        let mut pepper = [0; 32];
        pepper.copy_from_slice(tag.as_ref());
        Ok(pepper)
    }

    /// Whether the answer could be kept.
    async fn ready(&self, method: &Method) -> Result<(), Problem> {
        if self.posts_show_secrets && *method == Method::POST {
            self.vault.prepare(SecretKind::IdempotentAnswer, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Keeps the answer, or gives the claim up if the answer is none that may be replayed.
    async fn finish(&self, tenant: Tenant, request: RequestKey, claimed_at: Timestamp, response: Response) -> Result<Response, Problem> {
        let status = response.status();
        if status.is_server_error() || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS) {
            // The lease ends by itself if this fails; the answer matters more.
            if let Err(error) = self.table.abandon_request(tenant, request, claimed_at).await {
                tracing::warn!(%error, "a claimed request was not given up");
            }
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.map_err(Problem::internal)?;
        let answer = self.answer(tenant, request, &parts, &body).await?;
        self.table.complete_request(tenant, request, &answer).await?;
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    async fn answer(
        &self,
        tenant: Tenant,
        request: RequestKey,
        parts: &http::response::Parts,
        body: &Bytes,
    ) -> Result<KeptAnswer, Problem> {
        let text = String::from_utf8(body.to_vec()).map_err(Problem::internal)?;
        let content_type = parts.headers.get(header::CONTENT_TYPE).filter(|value| **value != JSON);
        let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut answer = KeptAnswer { status: parts.status.as_u16(), body: None, sealed_body: None, content_type };
        if let Some(KeptInstead(instead)) = parts.extensions.get() {
            answer.body = Some(instead.clone());
        } else if parts.extensions.get::<ShowsSecret>().is_some() {
            let place = place(tenant, request);
            answer.sealed_body = Some(self.vault.seal(&place, &text.into(), self.clock.now()).await?);
        } else {
            answer.body = Some(text);
        }
        Ok(answer)
    }

    async fn replay(&self, tenant: Tenant, request: RequestKey, answer: KeptAnswer) -> Result<Response, Problem> {
        let body = match (answer.body, answer.sealed_body) {
            (Some(body), _) => body,
            (None, Some(sealed)) => self.vault.open(&place(tenant, request), &sealed, self.clock.now()).await?.expose_secret().to_owned(),
            (None, None) => String::new(),
        };
        let status = StatusCode::from_u16(answer.status).map_err(Problem::internal)?;
        let content_type = answer.content_type.as_deref().map_or(Ok(JSON), HeaderValue::from_str).map_err(Problem::internal)?;
        let mut response = (status, body).into_response();
        if status == StatusCode::NO_CONTENT {
            response.headers_mut().remove(header::CONTENT_TYPE);
        } else {
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

fn place(tenant: Tenant, request: RequestKey) -> SecretPlace {
    tenant.place(SecretKind::IdempotentAnswer, request.as_uuid())
}

fn in_progress(id: &str, style: Style) -> Response {
    let problem = Problem::new(Code::IdempotencyInProgress, "A request with this idempotency key is still under way");
    let mut response = problem.render(id, style);
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    response
}

/// The header's one value: 1 to 255 printable ASCII characters.
fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all(KEY).iter();
    let text = values.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let sound = (1..=MAX_KEY_CHARS).contains(&text.len()) && text.bytes().all(|byte| (0x20..0x7F).contains(&byte));
    if sound && values.next().is_none() {
        return Ok(text.to_owned());
    }
    let problem = format!("must be one value of 1 to {MAX_KEY_CHARS} printable ASCII characters");
    Err(Problem::invalid(vec![domain::Invalid::new("Idempotency-Key", problem)]))
}

/// The path as one route has it. The family's prefix is gone already: the layer lies inside it.
fn canonical(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_printable_value() {
        let headers = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(KEY, HeaderValue::from_str(value).unwrap());
            }
            headers
        };
        assert_eq!(key(&headers(&["order 1"])).unwrap(), "order 1");
        for wrong in [&[""][..], &["a", "b"], &["\t"], &[&"x".repeat(256)]] {
            assert!(key(&headers(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_path_with_a_slash_at_its_end_is_the_one_without() {
        assert_eq!(["/endpoints", "/endpoints/"].map(canonical), ["/endpoints"; 2]);
    }
}
