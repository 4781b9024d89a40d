//! Who knocks, and with what: one path for all carriers, and one answer for all who are not let in.

use axum::{
    body::{Bytes, to_bytes},
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use carriers::{CONTENT_TYPE, MAX_BODY_BYTES};
use domain::{
    callback::{CallbackToken, RequestMark},
    carrier::Carrier,
};
use http::{HeaderMap, Method, StatusCode, header};
use store::{StoreError, Tenant};
use vault::VaultError;

use crate::{status, voice, whose};

/// The parameter in the URLs of an answer's XML that tells whose call it is, where the token does not.
const ORGANIZATION: &str = "organization_id";

/// What a carrier comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// To ask where a call goes.
    Voice,
    /// To tell what became of a call.
    Status,
}

impl Errand {
    const ALL: [Self; 2] = [Self::Voice, Self::Status];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Status => "status",
        }
    }
}

/// A request at the door, of which nothing is known to be true.
#[derive(Debug)]
pub(crate) struct Knock {
    pub(crate) carrier: Carrier,
    pub(crate) token: CallbackToken,
    errand: Errand,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Why a request gets no answer of its own.
#[derive(Debug)]
pub(crate) enum Shut {
    /// It is not known to come from the carrier.
    Forbidden,
    /// Something that is needed cannot be reached: what it was.
    Outage(String),
}

impl From<StoreError> for Shut {
    fn from(error: StoreError) -> Self {
        Self::Outage(error.to_string())
    }
}

impl From<VaultError> for Shut {
    fn from(error: VaultError) -> Self {
        Self::Outage(error.to_string())
    }
}

/// `POST|GET /carriers/{carrier}/{token}/voice` and `/status`. Whatever else is asked for here is forbidden like a request
/// without a signature: no answer tells what exists.
pub(crate) async fn knock(State(state): State<crate::State>, request: Request) -> Response {
    // Without a signature nobody is asked for anything, so that no outage tells what exists.
    let knock = Knock::read(&state.base_url, request).await.filter(|knock| carriers::is_signed(knock.carrier, &knock.request()));
    match knock {
        Some(knock) if knock.errand == Errand::Voice => voice::answer(&state, &knock).await,
        Some(knock) => status::take(&state, &knock).await,
        None => forbidden(),
    }
}

impl Knock {
    /// Reads a request; `None` if no carrier makes such a one.
    async fn read(base_url: &str, request: Request) -> Option<Self> {
        let (parts, body) = request.into_parts();
        if !matches!(parts.method, Method::GET | Method::POST) {
            return None;
        }
        let path = parts.uri.path();
        let mut segments = path.strip_prefix("/carriers/")?.split('/');
        let carrier = segments.next()?.parse().ok()?;
        let token = segments.next()?.parse().ok()?;
        let named = segments.next()?;
        let errand = Errand::ALL.into_iter().find(|errand| errand.as_str() == named)?;
        if segments.next().is_some() {
            return None;
        }
        let url = match parts.uri.query() {
            Some(query) => format!("{base_url}{path}?{query}"),
            None => format!("{base_url}{path}"),
        };
        let body = to_bytes(body, MAX_BODY_BYTES).await.ok()?;
        Some(Self { carrier, token, errand, method: parts.method, url, headers: parts.headers, body })
    }

    /// The request as its signature sees it.
    pub(crate) fn request(&self) -> carriers::Request<'_> {
        carriers::Request { method: &self.method, url: &self.url, headers: &self.headers, body: &self.body }
    }

    /// By what its repetition is known.
    pub(crate) fn mark(&self) -> RequestMark {
        RequestMark::of(self.method.as_str(), self.errand.as_str(), self.query(), &self.body)
    }

    /// Whose credential the token names.
    pub(crate) const fn holder(&self) -> Tenant {
        whose::holder(&self.token)
    }

    /// Whose call it is, if the URL says so.
    pub(crate) fn named(&self) -> Option<Tenant> {
        let mut pairs = form_urlencoded::parse(self.query().as_bytes());
        pairs.find(|(name, _)| name == ORGANIZATION).and_then(|(_, value)| whose::named(self.holder(), &value))
    }

    /// Where the carrier tells what becomes of a call of this tenant.
    pub(crate) fn status_url(&self, base_url: &str, of: Tenant) -> String {
        let named = whose::is_platform(self.holder()).then_some(of);
        status_url(base_url, self.carrier, &self.token.reveal(), named)
    }

    fn query(&self) -> &str {
        self.url.split_once('?').map_or("", |(_, query)| query)
    }
}

/// The paths that are answered, with the token in braces.
pub(crate) fn paths() -> impl Iterator<Item = String> {
    let carriers = Carrier::ALL.into_iter();
    carriers.flat_map(|carrier| Errand::ALL.map(|errand| format!("/carriers/{carrier}/{{token}}/{}", errand.as_str())))
}

/// Where a carrier tells what becomes of a call; of whose call, if the token does not say.
pub(crate) fn status_url(base_url: &str, carrier: Carrier, token: &str, of: Option<Tenant>) -> String {
    let url = format!("{base_url}/carriers/{carrier}/{token}/{}", Errand::Status.as_str());
    match of {
        Some(tenant) => format!("{url}?{ORGANIZATION}={}", tenant.org()),
        None => url,
    }
}

/// The one answer to everything that is not known to come from its carrier.
pub(crate) fn forbidden() -> Response {
    (StatusCode::FORBIDDEN, "Forbidden").into_response()
}

/// XML for the carrier.
pub(crate) fn xml(document: String) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], document).into_response()
}
