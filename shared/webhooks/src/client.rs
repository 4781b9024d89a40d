//! The HTTP client for foreign URLs: one POST, bounded in time and size, to public addresses only.
//!
//! It resolves, connects and speaks HTTP/1.1 by itself, one connection for each attempt, so that there is nothing in it
//! that follows a redirect, decompresses, remembers or asks a proxy. An answer is never parsed or trusted. What to do
//! about an outcome is [`schedule`](crate::schedule)'s to say.

mod answer;
mod network;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{
    Request,
    header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT},
};
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
#[cfg(test)]
use rustls::RootCertStore;
use tokio::{
    io::AsyncReadExt as _,
    time::{Instant, timeout_at},
};
use url::{Host, Position};

use crate::guard::{Policy, SystemResolver, Vetted, WebhookUrl};
use answer::Answer;
use network::{Network, Stream};

/// What the client calls itself.
pub const CLIENT_NAME: &str = "Trunkline-Webhooks/1.0";

/// The limit of a whole attempt: name, connection, request and answer.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(10);

/// The limit of name, connection and TLS together.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How much of an answer is read before it is dropped, in bytes: head and body together, as they come, never unpacked.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// How much of an answer is kept, in bytes.
pub const ANSWER_HEAD_BYTES: usize = 1024;

/// Sends webhooks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WebhookClient {
    network: Arc<dyn Network>,
    tls: Trust,
    policy: Policy,
    limit: Duration,
}

/// Whom a client trusts.
#[derive(Debug, Clone)]
enum Trust {
    /// Whom this machine trusts. Its certificates are read once by the process, when the first connection needs them.
    System,
    /// Whom a test says.
    #[cfg(test)]
    These(Arc<ClientConfig>),
}

impl Trust {
    fn config(&self) -> Result<Arc<ClientConfig>, ClientError> {
        match self {
            Self::System => network::system_tls(),
            #[cfg(test)]
            Self::These(config) => Ok(Arc::clone(config)),
        }
    }
}

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// This machine trusts no certificate, so that no receiver could prove who it is.
    #[error("the webhook client finds no trusted root certificates")]
    NoRoots,
    /// TLS cannot be set up.
    #[error("the webhook client's TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds, the reading of the answer included.
    pub duration_ms: u64,
    /// The first 1,024 bytes of the answer; what is not UTF-8 is replaced. Written by a stranger: show it as text.
    pub answer_head: String,
    /// Whether the answer came to its end, or was cut, before the limit of time.
    pub in_time: bool,
    /// How many seconds the receiver asked to wait, if it asked.
    pub retry_after_seconds: Option<u64>,
}

impl Attempt {
    /// The attempt at a URL that is none of a receiver: nothing is done.
    #[must_use]
    pub const fn refused() -> Self {
        Self {
            outcome: Outcome::Refused { address: None },
            duration_ms: 0,
            answer_head: String::new(),
            in_time: false,
            retry_after_seconds: None,
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered; the status decides, whatever became of the answer's body.
    Answered {
        /// The HTTP status; a redirect is a status like any other.
        status: u16,
    },
    /// Nothing was sent and no connection made: the policy forbids the URL, or an address that its name resolves to.
    Refused {
        /// The first such address, `None` if it is not for an address that the URL is forbidden. Not for the receiver's
        /// owner: it may tell of a private network.
        address: Option<IpAddr>,
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
    /// Makes a client with the limit of [`ATTEMPT_LIMIT`], and reads the system's root certificates unless this process has read them.
    ///
    /// # Errors
    /// [`ClientError`] if the system's root certificates cannot be read. Where loopback is allowed this is no error:
    /// plain HTTP to this machine needs none.
    pub fn new(policy: impl Into<Policy>) -> Result<Self, ClientError> {
        Self::with_limit(policy, ATTEMPT_LIMIT)
    }

    /// Makes a client with another limit for the whole attempt: for tests of slow receivers.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_limit(policy: impl Into<Policy>, limit: Duration) -> Result<Self, ClientError> {
        let client = Self::seldom(policy, limit);
        match client.tls.config() {
            Err(ClientError::NoRoots) if client.policy.allows_loopback() => Ok(client),
            read => read.map(|_| client),
        }
    }

    /// Makes a client for who may never need it: the system's root certificates are read by the first connection over TLS, which
    /// fails if they cannot be.
    pub fn seldom(policy: impl Into<Policy>, limit: Duration) -> Self {
        Self { network: Arc::new(SystemResolver), tls: Trust::System, policy: policy.into(), limit }
    }

    #[cfg(test)]
    fn over(network: Arc<dyn Network>, roots: RootCertStore, policy: Policy, limit: Duration) -> Result<Self, ClientError> {
        Ok(Self { network, tls: Trust::These(network::tls(roots).map_err(ClientError::Tls)?), policy, limit })
    }

    /// Sends `body` as JSON once. Every failure is an [`Outcome`]; nothing is retried here.
    ///
    /// `headers` are the signatures of [`Signatures::headers`](crate::Signatures::headers) and whatever else belongs
    /// to the attempt.
    pub async fn post(&self, url: &WebhookUrl, headers: &[(&str, &str)], body: Bytes) -> Attempt {
        let start = Instant::now();
        let deadline = start + self.limit;
        let answer = match self.opened(url, headers, body, start).await {
            Ok((stream, request)) => exchange(stream, request, deadline).await,
            Err(outcome) => Answer::from(outcome),
        };
        Attempt {
            outcome: answer.outcome,
            duration_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
            answer_head: answer.head,
            in_time: answer.in_time,
            retry_after_seconds: answer.retry_after_seconds,
        }
    }

    /// A connection to the receiver, and what is to be said on it.
    async fn opened(
        &self,
        url: &WebhookUrl,
        headers: &[(&str, &str)],
        body: Bytes,
        start: Instant,
    ) -> Result<(Box<dyn Stream>, Request<Full<Bytes>>), Outcome> {
        let request = request(url, headers, body).map_err(|_| Outcome::Connection(ConnectionFault::Protocol))?;
        let limit = self.limit.min(CONNECT_LIMIT);
        let stream = async {
            let addresses = self.addresses(url).await?;
            let socket = network::dial(&*self.network, &addresses, limit).await?;
            network::secured(url, socket, || self.tls.config()).await
        };
        let stream = timeout_at(start + limit, stream).await.unwrap_or(Err(Outcome::Timeout))?;
        Ok((stream, request))
    }

    /// Every address of the receiver, if all of them may be called. They are looked up once, and what is found here is
    /// what is connected to: no later look-up can give another address.
    async fn addresses(&self, url: &WebhookUrl) -> Result<Vec<Vetted>, Outcome> {
        if url.check(self.policy).is_err() {
            return Err(Outcome::Refused { address: url.address() });
        }
        let found = match (url.address(), url.as_url().host()) {
            (Some(address), _) => vec![address],
            // These names mean this machine, whatever a resolver says of them.
            _ if url.is_loopback() => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            (None, Some(Host::Domain(name))) => self.network.lookup(name).await.unwrap_or_default(),
            _ => Vec::new(),
        };
        if found.is_empty() {
            return Err(Outcome::Connection(ConnectionFault::Dns));
        }
        self.policy.vet(&found, url.port()).map_err(|address| Outcome::Refused { address: Some(address) })
    }
}

fn request(url: &WebhookUrl, headers: &[(&str, &str)], body: Bytes) -> http::Result<Request<Full<Bytes>>> {
    let url = url.as_url();
    let mut request = Request::post(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, CLIENT_NAME)
        .header(ACCEPT, "*/*")
        .header(CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body))
}

/// One request and its answer. The connection ends with them: a sandbox that was frozen would send its next webhook
/// into a dead one.
async fn exchange(stream: Box<dyn Stream>, request: Request<Full<Bytes>>, deadline: Instant) -> Answer {
    // Whatever the receiver sends beyond that is as if it had closed the connection.
    let (reader, writer) = tokio::io::split(stream);
    let stream = tokio::io::join(reader.take(MAX_ANSWER_BYTES as u64), writer);
    let handshake = http1::Builder::new().max_buf_size(MAX_ANSWER_BYTES).handshake(TokioIo::new(stream)).await;
    let Ok((sender, connection)) = handshake else {
        return Answer::from(Outcome::Connection(ConnectionFault::Protocol));
    };
    let mut connection = pin!(connection);
    let mut answer = pin!(answered(sender, request, deadline));
    tokio::select! {
        answer = &mut answer => return answer,
        // The receiver has closed it; what came before is still to be read.
        _ = &mut connection => {}
    }
    answer.await
}

async fn answered(mut sender: SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>, deadline: Instant) -> Answer {
    match timeout_at(deadline, sender.send_request(request)).await {
        Ok(Ok(response)) => Answer::read(response, deadline).await,
        Ok(Err(_)) => Answer::from(Outcome::Connection(ConnectionFault::Protocol)),
        Err(_) => Answer::from(Outcome::Timeout),
    }
}

impl fmt::Display for ConnectionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod guard_tests;
#[cfg(test)]
mod tests;
