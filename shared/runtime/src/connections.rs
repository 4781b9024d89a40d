//! HTTP/1.1 to AWS's services, over TLS by AWS-LC, on connections that are kept: what the SDK's own client does, without its HTTP/2,
//! proxies and roots of the system (infra/adr/0044).

use std::{error::Error, sync::Arc, time::Duration};

use aws_smithy_runtime_api::{
    client::{
        connection::{CaptureSmithyConnection, ConnectionMetadata},
        http::{HttpConnector, HttpConnectorFuture},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::HttpError,
};
use aws_smithy_types::{body::SdkBody, retry::ErrorKind};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        self, Client,
        connect::{CaptureConnection, HttpConnector as TcpConnector, capture_connection},
    },
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// The longest wait for the network to connect; the handshake of TLS has the rest of an attempt's time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The connections of a process, to every service that it asks.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Client<HttpsConnector<TcpConnector>, SdkBody>);

impl Connections {
    /// None yet; those to come are trusted if one of these certifies them.
    ///
    /// # Errors
    /// What TLS cannot be set up for.
    pub(crate) fn trusting(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider())).with_safe_default_protocol_versions()?;
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let tls = HttpsConnectorBuilder::new().with_tls_config(tls.with_root_certificates(roots).with_no_client_auth());
        let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Self(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)))
    }
}

impl HttpConnector for Connections {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let taken = capture_connection(&mut request);
        if let Some(asked) = request.extensions().get::<CaptureSmithyConnection>() {
            asked.set_connection_retriever(move || metadata(&taken));
        }
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(failure)?.map(SdkBody::from_body_1_x);
            HttpResponse::try_from(answer).map_err(|error: HttpError| ConnectorError::other(error.into(), None))
        })
    }
}

/// How the SDK puts a connection out of use on which a service broke down or fell silent.
fn metadata(taken: &CaptureConnection) -> Option<ConnectionMetadata> {
    taken.connection_metadata().as_ref()?;
    let taken = taken.clone();
    let poison = move || taken.connection_metadata().iter().for_each(|connection| connection.poison());
    Some(ConnectionMetadata::builder().proxied(false).poison_fn(poison).build())
}

/// What became of a request that has no answer, in the SDK's words: by these it decides whether to ask again.
fn failure(error: legacy::Error) -> ConnectorError {
    let found = source::<hyper::Error>(&error);
    if found.is_some_and(hyper::Error::is_timeout) {
        return ConnectorError::timeout(error.into());
    }
    if found.is_some_and(hyper::Error::is_user) {
        return ConnectorError::user(error.into());
    }
    if found.is_some_and(hyper::Error::is_incomplete_message) {
        return ConnectorError::other(error.into(), Some(ErrorKind::TransientError));
    }
    let closed = found.is_some_and(|error| error.is_closed() || error.is_canceled());
    if closed || error.is_connect() || source::<std::io::Error>(&error).is_some() {
        return ConnectorError::io(error.into());
    }
    ConnectorError::other(error.into(), None)
}

/// The first error of this kind among the causes.
fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(error.source(), |error| (**error).source()).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::{ServerConfig, pki_types::PrivateKeyDer};
    use tokio::{
        io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
        net::TcpListener,
    };
    use tokio_rustls::TlsAcceptor;

    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

    async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, with: &[u8]) {
        let mut request = [0; 4096];
        if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
            stream.write_all(with).await.unwrap();
        }
    }

    /// A service that answers each request with these bytes and hangs up.
    async fn service(with: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, with).await;
            }
        });
        url
    }

    /// A service behind TLS under an authority of its own, and that authority.
    async fn tls_service() -> (String, RootCertStore) {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream, ANSWER).await;
                }
            }
        });
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        (url, roots)
    }

    async fn asked(url: &str, roots: RootCertStore) -> Result<HttpResponse, ConnectorError> {
        Connections::trusting(roots).unwrap().call(HttpRequest::get(url).unwrap()).await
    }

    #[tokio::test]
    async fn a_service_is_believed_under_a_trusted_authority_alone() {
        let (url, roots) = tls_service().await;
        assert_eq!(asked(&url, roots).await.unwrap().status().as_u16(), 200);
        let (_, others) = tls_service().await;
        for strangers in [others, RootCertStore::empty()] {
            assert!(asked(&url, strangers).await.unwrap_err().is_io());
        }
    }

    #[tokio::test]
    async fn what_may_be_asked_again_is_told_from_what_may_not() {
        let away = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert!(asked(&format!("http://{away}/"), RootCertStore::empty()).await.unwrap_err().is_io());
        let broken = asked(&service(b"HTTP/1.1 20").await, RootCertStore::empty()).await.unwrap_err();
        assert_eq!(broken.as_other(), Some(ErrorKind::TransientError), "{broken:?}");
        let nonsense = asked(&service(b"SSH-2.0-OpenSSH_9.2\r\n\r\n").await, RootCertStore::empty()).await.unwrap_err();
        assert!(nonsense.is_other() && nonsense.as_other().is_none(), "{nonsense:?}");
    }
}
