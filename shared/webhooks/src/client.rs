//! The HTTP client for foreign URLs: one POST, bounded in time and size, to public addresses only.
//!
//! An answer is never followed, decompressed, parsed or trusted. What to do about an outcome is
//! [`schedule`](crate::schedule)'s to say.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use reqwest::{
    Client, ClientBuilder, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use tokio::time::{Instant, timeout_at};
use url::Host;

use crate::guard::{Loopback, WebhookUrl, is_public};

/// What the client calls itself.
pub const USER_AGENT: &str = "Trunkline-Webhooks/1.0";

/// The limit of a whole attempt: name, connection, request and answer.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(10);

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How much of an answer is read before it is dropped, in bytes.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// How much of an answer is kept, in bytes.
pub const ANSWER_HEAD_BYTES: usize = 1024;

/// Sends webhooks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WebhookClient {
    http: Client,
    loopback: Loopback,
    limit: Duration,
}

/// The client could not be made: no trusted root certificates on this machine, for one.
#[derive(Debug, thiserror::Error)]
#[error("the webhook client could not be made")]
pub struct ClientError(#[source] reqwest::Error);

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds, the reading of the answer included.
    pub duration_ms: u64,
    /// The first 1,024 bytes of the answer; what is not UTF-8 is replaced. Written by a stranger: show it as text.
    pub answer_head: String,
    /// How many seconds the receiver asked to wait, if it asked.
    pub retry_after_seconds: Option<u64>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered; the status decides, whatever became of the answer's body.
    Answered {
        /// The HTTP status; a redirect is a status like any other.
        status: u16,
    },
    /// Nothing was sent: the host is, or its name resolves to, an address that webhooks may not reach.
    Refused {
        /// The first such address. Not for the receiver's owner: it may tell of a private network.
        address: IpAddr,
    },
    /// No answer within the limit.
    Timeout,
    /// The connection failed.
    Connection(ConnectionFault),
}

/// Where a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionFault {
    /// The name does not resolve.
    Dns,
    /// No connection could be made: refused, unreachable, closed during the handshake.
    Connect,
    /// The server's certificate or handshake is at fault.
    Tls,
    /// The connection broke, or what came back, or should have gone out, is not HTTP.
    Protocol,
}

impl ConnectionFault {
    /// The fault's name in logs and in the record of an attempt.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
        }
    }
}

impl WebhookClient {
    /// Makes a client with the limit of [`ATTEMPT_LIMIT`].
    ///
    /// # Errors
    /// [`ClientError`] if the system's root certificates cannot be read. Where loopback is allowed this is no error:
    /// plain HTTP to this machine needs none.
    pub fn new(loopback: Loopback) -> Result<Self, ClientError> {
        Self::with_limit(loopback, ATTEMPT_LIMIT)
    }

    /// Makes a client with another limit for the whole attempt: for tests of slow receivers.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_limit(loopback: Loopback, limit: Duration) -> Result<Self, ClientError> {
        let http = builder(loopback).build().or_else(|error| match loopback {
            Loopback::Refused => Err(ClientError(error)),
            Loopback::Allowed => builder(loopback).tls_certs_only([]).build().map_err(ClientError),
        })?;
        Ok(Self { http, loopback, limit })
    }

    /// Sends `body` as JSON once. Every failure is an [`Outcome`]; nothing is retried here.
    ///
    /// `headers` are the signatures of [`Signatures::headers`](crate::Signatures::headers) and whatever else belongs
    /// to the attempt.
    pub async fn post(&self, url: &WebhookUrl, headers: &[(&str, &str)], body: Bytes) -> Attempt {
        let start = Instant::now();
        let deadline = start + self.limit;
        let answer = match self.forbidden(url) {
            Some(address) => Answer::from(Outcome::Refused { address }),
            None => self.send(url, headers, body, deadline).await,
        };
        Attempt {
            outcome: answer.outcome,
            duration_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            answer_head: answer.head,
            retry_after_seconds: answer.retry_after_seconds,
        }
    }

    async fn send(&self, url: &WebhookUrl, headers: &[(&str, &str)], body: Bytes, deadline: Instant) -> Answer {
        let mut request = self.http.post(url.as_url().clone()).header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match timeout_at(deadline, request.body(body).send()).await {
            Ok(Ok(response)) => Answer::read(response, deadline).await,
            Ok(Err(error)) => Answer::from(outcome_of(&error)),
            Err(_) => Answer::from(Outcome::Timeout),
        }
    }

    /// The address that forbids sending, as far as the URL itself tells: literal addresses never meet the resolver.
    fn forbidden(&self, url: &WebhookUrl) -> Option<IpAddr> {
        let address = match url.as_url().host()? {
            Host::Ipv4(address) => address.into(),
            Host::Ipv6(address) => address.into(),
            Host::Domain(_) if url.is_loopback() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Host::Domain(_) => return None,
        };
        (!may_reach(address, self.loopback)).then_some(address)
    }
}

/// No connection is kept: a sandbox that was frozen would send its next webhook into a dead one.
fn builder(loopback: Loopback) -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .dns_resolver(PublicAddresses { loopback })
        .redirect(Policy::none())
        .no_proxy()
        .https_only(loopback == Loopback::Refused)
        .connect_timeout(CONNECT_LIMIT)
        .pool_max_idle_per_host(0)
        .retry(reqwest::retry::never())
}

fn may_reach(address: IpAddr, loopback: Loopback) -> bool {
    is_public(address) || (loopback == Loopback::Allowed && address.is_loopback())
}

/// The resolver that the connection is made with, so that no second look-up can give another address.
struct PublicAddresses {
    loopback: Loopback,
}

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        let loopback = self.loopback;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|error| ResolveError::Unknown(Some(error)))?;
            let addresses: Vec<SocketAddr> = found.collect();
            if let Some(refused) = addresses.iter().find(|address| !may_reach(address.ip(), loopback)) {
                return Err(ResolveError::Refused(refused.ip()).into());
            }
            if addresses.is_empty() {
                return Err(ResolveError::Unknown(None).into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Why a name gave no addresses. Found again in the chain of the client's error.
#[derive(Debug, thiserror::Error)]
enum ResolveError {
    #[error("the name resolves to an address that may not be called")]
    Refused(IpAddr),
    #[error("the name does not resolve")]
    Unknown(#[source] Option<std::io::Error>),
}

fn outcome_of(error: &reqwest::Error) -> Outcome {
    if error.is_timeout() {
        return Outcome::Timeout;
    }
    let resolved = chain(error).find_map(|cause| cause.downcast_ref::<ResolveError>());
    Outcome::Connection(match resolved {
        Some(ResolveError::Refused(address)) => return Outcome::Refused { address: *address },
        Some(ResolveError::Unknown(_)) => ConnectionFault::Dns,
        None if !error.is_connect() => ConnectionFault::Protocol,
        None if chain(error).any(is_tls) => ConnectionFault::Tls,
        None => ConnectionFault::Connect,
    })
}

/// The error and its causes.
fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |&cause| cause.source())
}

/// The TLS layer reports its faults as I/O errors with invalid data, which the socket itself never does. They come
/// wrapped in other I/O errors, whose `source` skips what they wrap.
fn is_tls(cause: &(dyn Error + 'static)) -> bool {
    cause
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::InvalidData || error.get_ref().is_some_and(|wrapped| is_tls(wrapped)))
}

/// What is kept of an answer.
struct Answer {
    outcome: Outcome,
    head: String,
    retry_after_seconds: Option<u64>,
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, head: String::new(), retry_after_seconds: None }
    }
}

impl Answer {
    async fn read(mut response: Response, deadline: Instant) -> Self {
        let retry_after_seconds = retry_after_seconds(response.headers());
        let mut head = Vec::new();
        let mut total = 0;
        // The receiver has spoken: a body that stalls or breaks does not make it unsaid.
        while let Ok(Ok(Some(chunk))) = timeout_at(deadline, response.chunk()).await {
            head.extend(chunk.iter().take(ANSWER_HEAD_BYTES.saturating_sub(head.len())));
            total += chunk.len();
            if total >= MAX_ANSWER_BYTES {
                break;
            }
        }
        Self {
            outcome: Outcome::Answered { status: response.status().as_u16() },
            head: String::from_utf8_lossy(&head).into_owned(),
            retry_after_seconds,
        }
    }
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date, which is measured from the answer's own `Date`.
fn retry_after_seconds(headers: &HeaderMap) -> Option<u64> {
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

impl fmt::Display for ConnectionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
