//! From a name to a connection: what the client asks of the system, and TLS on top of it.
//!
//! The only place that opens a socket to a foreign server. It takes vetted addresses and nothing else.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Duration, timeout},
};
use tokio_rustls::TlsConnector;
use url::Host;

use super::{ClientError, ConnectionFault, Outcome};
use crate::guard::{Pending, Resolver, SystemResolver, Vetted, WebhookUrl};

/// How many of a name's addresses are tried. A stranger's name server decides how many there are.
const MAX_ADDRESSES: usize = 4;

/// What the system is asked for. Tests count the questions.
pub(super) trait Network: Resolver {
    /// Opens a socket.
    fn connect(&self, address: Vetted) -> Pending<'_, io::Result<TcpStream>>;
}

impl Network for SystemResolver {
    fn connect(&self, address: Vetted) -> Pending<'_, io::Result<TcpStream>> {
        Box::pin(TcpStream::connect(address.address()))
    }
}

/// A connection, with or without TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects to the first address that answers, each given an equal part of `limit`.
pub(super) async fn dial(network: &dyn Network, addresses: &[Vetted], limit: Duration) -> Result<TcpStream, Outcome> {
    let tried = addresses.get(..MAX_ADDRESSES).unwrap_or(addresses);
    let each = limit / u32::try_from(tried.len().max(1)).unwrap_or(1);
    let mut outcome = Outcome::Connection(ConnectionFault::Dns);
    for address in tried {
        match timeout(each, network.connect(*address)).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(_)) => outcome = Outcome::Connection(ConnectionFault::Connect),
            Err(_) => outcome = Outcome::Timeout,
        }
    }
    Err(outcome)
}

/// Speaks TLS over the socket if the URL asks for it. The certificate must be that of the URL's host, whatever address
/// the socket leads to.
pub(super) async fn secured(
    url: &WebhookUrl,
    socket: TcpStream,
    tls: impl FnOnce() -> Result<Arc<ClientConfig>, ClientError>,
) -> Result<Box<dyn Stream>, Outcome> {
    if url.as_url().scheme() != "https" {
        return Ok(Box::new(socket));
    }
    let name = server_name(url).ok_or(Outcome::Connection(ConnectionFault::Tls))?;
    let tls = tls().map_err(|error| {
        tracing::error!(%error, "no connection over TLS can be made");
        Outcome::Connection(ConnectionFault::Tls)
    })?;
    match TlsConnector::from(tls).connect(name, socket).await {
        Ok(stream) => Ok(Box::new(stream)),
        // The TLS layer's own faults are invalid data, which a socket never reports.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(Outcome::Connection(ConnectionFault::Tls)),
        Err(_) => Err(Outcome::Connection(ConnectionFault::Connect)),
    }
}

fn server_name(url: &WebhookUrl) -> Option<ServerName<'static>> {
    match url.as_url().host()? {
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        Host::Ipv4(address) => Some(IpAddr::V4(address).into()),
        Host::Ipv6(address) => Some(IpAddr::V6(address).into()),
    }
}

/// TLS for whom this machine trusts. Reading its certificates takes milliseconds, so a process does it once.
pub(super) fn system_tls() -> Result<Arc<ClientConfig>, ClientError> {
    static SYSTEM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = SYSTEM.get() {
        return Ok(Arc::clone(config));
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(ClientError::NoRoots);
    }
    let config = tls(roots).map_err(ClientError::Tls)?;
    Ok(Arc::clone(SYSTEM.get_or_init(|| config)))
}

/// TLS 1.2 and 1.3, HTTP/1.1, no certificate of our own.
pub(super) fn tls(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}
