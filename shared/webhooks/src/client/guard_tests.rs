//! The client against hosts and name servers that mean harm: what counts is which sockets it asks the system for.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::guard::{
    Loopback, Pending, Resolver,
    tests::{PRIVATE_HOSTS, PUBLIC_HOSTS, words},
};

const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));
/// A public address at which nothing ever answers.
const SILENT: IpAddr = IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9));

/// A network whose name server answers as it is told, and which notes every socket that is asked for. Public addresses
/// lead to a server of the test, or nowhere; loopback ones are the real ones.
#[derive(Debug, Default)]
struct Watched {
    /// Answers in turn; the last one for ever.
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    lookups: AtomicUsize,
    sockets: Mutex<Vec<SocketAddr>>,
    leads_to: Option<SocketAddr>,
}

impl Resolver for Watched {
    fn lookup<'a>(&'a self, _: &'a str) -> Pending<'a, io::Result<Vec<IpAddr>>> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() };
        Box::pin(async { Ok(answer) })
    }
}

impl Network for Watched {
    fn connect(&self, address: Vetted) -> Pending<'_, io::Result<TcpStream>> {
        let address = address.address();
        self.sockets.lock().unwrap().push(address);
        let real = if address.ip().is_loopback() { Some(address) } else { self.leads_to };
        Box::pin(async move {
            match real {
                _ if address.ip() == SILENT => std::future::pending().await,
                Some(real) => TcpStream::connect(real).await,
                None => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
}

impl Watched {
    fn answering(answers: &[&[IpAddr]]) -> Self {
        Self { answers: Mutex::new(answers.iter().map(|answer| answer.to_vec()).collect()), ..Self::default() }
    }

    fn sockets(&self) -> Vec<SocketAddr> {
        self.sockets.lock().unwrap().clone()
    }

    /// Posts to a URL that nobody has checked, with the policy of production.
    async fn post(self: &Arc<Self>, text: &str) -> Outcome {
        self.post_by(text, Loopback::Refused, RootCertStore::empty()).await
    }

    async fn post_by(self: &Arc<Self>, text: &str, policy: impl Into<Policy>, roots: RootCertStore) -> Outcome {
        let client = WebhookClient::over(Arc::<Self>::clone(self), roots, policy.into(), Duration::from_secs(2)).unwrap();
        client.post(&WebhookUrl::unchecked(text).unwrap(), &[], Bytes::from_static(b"{}")).await.outcome
    }
}

/// The addresses of a table, each once.
fn addresses(table: &str) -> Vec<IpAddr> {
    let urls = words(table).into_iter().filter_map(|host| WebhookUrl::unchecked(&format!("https://{host}/")));
    let mut addresses: Vec<IpAddr> = urls.filter_map(|url| url.address()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

#[tokio::test]
async fn no_forbidden_host_gets_a_socket_in_any_spelling() {
    // The name server would give even these names a public address.
    let network = Arc::new(Watched::answering(&[&[PUBLIC]]));
    let mut tried = 0;
    for host in words(PRIVATE_HOSTS) {
        let text = format!("https://{host}/hook");
        if WebhookUrl::unchecked(&text).is_some() {
            tried += 1;
            assert!(matches!(network.post(&text).await, Outcome::Refused { .. }), "{host}");
        }
    }
    assert!(tried >= 100, "{tried}");
    assert_eq!((network.sockets(), network.lookups.load(Ordering::SeqCst)), (vec![], 0));
}

#[tokio::test]
async fn a_public_host_gets_one_socket_at_the_address_that_was_vetted() {
    for host in words(PUBLIC_HOSTS) {
        let (network, text) = (Arc::new(Watched::answering(&[&[PUBLIC]])), format!("https://{host}/hook"));
        assert_eq!(network.post(&text).await, Outcome::Connection(ConnectionFault::Connect), "{host}");
        let address = WebhookUrl::unchecked(&text).unwrap().address().unwrap_or(PUBLIC);
        assert_eq!(network.sockets(), [SocketAddr::new(address, 443)], "{host}");
    }
}

#[tokio::test]
async fn a_name_of_which_one_address_is_forbidden_gets_no_socket() {
    let forbidden = addresses(PRIVATE_HOSTS);
    assert!(forbidden.len() >= 80, "{}", forbidden.len());
    for address in forbidden {
        for answer in [vec![address], vec![address, PUBLIC], vec![PUBLIC, PUBLIC, address]] {
            let network = Arc::new(Watched::answering(&[&answer]));
            assert_eq!(network.post("https://hooks.example.com/").await, Outcome::Refused { address: Some(address) });
            assert_eq!(network.sockets(), [], "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_name_that_changes_between_look_ups_is_connected_to_as_it_was_vetted() {
    let inside: IpAddr = "169.254.169.254".parse().unwrap();
    let network = Arc::new(Watched::answering(&[&[PUBLIC], &[inside]]));
    assert_eq!(network.post("https://hooks.example.com/").await, Outcome::Connection(ConnectionFault::Connect));
    assert_eq!(network.lookups.load(Ordering::SeqCst), 1, "a second look-up could have told something else");
    assert_eq!(network.post("https://hooks.example.com/").await, Outcome::Refused { address: Some(inside) });
    assert_eq!(network.sockets(), [SocketAddr::new(PUBLIC, 443)], "and nothing after it");
}

#[tokio::test]
async fn real_sockets_of_this_machine_hear_nothing() {
    let v4 = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = v4.local_addr().unwrap().port();
    let v6 = TcpListener::bind(("::1", port)).await.ok();
    let open_port = Policy::new(Loopback::Refused, port.to_string().parse().unwrap());
    let network = Arc::new(Watched::answering(&[&[Ipv4Addr::LOCALHOST.into()], &[Ipv6Addr::LOCALHOST.into()]]));
    for host in "127.0.0.1 127.1 2130706433 0x7f.1 0177.0.0.1 0 [::1] [::ffff:127.0.0.1] localhost a.localhost looks.example.com".split(' ')
    {
        for scheme in ["http", "https"] {
            let outcome = network.post_by(&format!("{scheme}://{host}:{port}/"), open_port, RootCertStore::empty()).await;
            assert!(matches!(outcome, Outcome::Refused { .. }), "{scheme} {host}: {outcome:?}");
        }
    }
    for listener in [Some(&v4), v6.as_ref()].into_iter().flatten() {
        assert!(timeout(Duration::from_millis(50), listener.accept()).await.is_err(), "somebody connected");
    }
    // The same listener is heard where it is allowed, so the silence above means something.
    let allowed = format!("http://127.1:{port}/");
    let heard = network.post_by(&allowed, Loopback::Allowed, RootCertStore::empty());
    let (_, accepted) = tokio::join!(timeout(Duration::from_millis(200), heard), v4.accept());
    assert!(accepted.is_ok());
}

#[tokio::test]
async fn another_scheme_or_port_gets_no_socket_either() {
    let network = Arc::new(Watched::answering(&[&[PUBLIC]]));
    for text in ["http://example.com/", "http://example.com:443/", "https://example.com:22/", "https://u@example.com/", "ftp://8.8.8.8/"] {
        assert!(matches!(network.post(text).await, Outcome::Refused { .. }), "{text}");
    }
    assert_eq!((network.sockets(), network.lookups.load(Ordering::SeqCst)), (vec![], 0));
    let own = Policy::new(Loopback::Refused, "9443".parse().unwrap());
    network.post_by("https://example.com:9443/", own, RootCertStore::empty()).await;
    assert_eq!(network.sockets(), [SocketAddr::new(PUBLIC, 9443)]);
}

#[tokio::test]
async fn an_address_that_is_silent_leaves_time_for_the_next_and_only_four_are_tried() {
    let network = Arc::new(Watched::answering(&[&[SILENT, PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC]]));
    assert_eq!(network.post("https://hooks.example.com/").await, Outcome::Connection(ConnectionFault::Connect));
    assert_eq!(network.sockets().iter().map(SocketAddr::ip).collect::<Vec<_>>(), [SILENT, PUBLIC, PUBLIC, PUBLIC]);
}

/// A server with a certificate for this name, which answers one request; where it is, the certificate to trust, and the
/// name that it was asked for.
async fn tls_server(name: &str) -> (SocketAddr, RootCertStore, JoinHandle<io::Result<Option<String>>>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let mut stream = TlsAcceptor::from(Arc::new(config)).accept(listener.accept().await?.0).await?;
        let _ = stream.read(&mut [0; 4096]).await?;
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
        Ok(stream.get_ref().1.server_name().map(str::to_owned))
    });
    (address, roots, serving)
}

#[tokio::test]
async fn the_certificate_must_be_that_of_the_host_and_of_a_trusted_issuer() {
    let url = "https://hooks.example.com/hook";
    let (address, roots, serving) = tls_server("hooks.example.com").await;
    let network = || Arc::new(Watched { leads_to: Some(address), ..Watched::answering(&[&[PUBLIC]]) });
    assert_eq!(network().post_by(url, Loopback::Refused, roots).await, Outcome::Answered { status: 204 });
    assert_eq!(serving.await.unwrap().unwrap().as_deref(), Some("hooks.example.com"), "asked for by name, not by address");

    for (name, trusted) in [("other.example.com", true), ("hooks.example.com", false)] {
        let (address, roots, serving) = tls_server(name).await;
        let roots = if trusted { roots } else { RootCertStore::empty() };
        let network = Arc::new(Watched { leads_to: Some(address), ..Watched::answering(&[&[PUBLIC]]) });
        assert_eq!(network.post_by(url, Loopback::Refused, roots).await, Outcome::Connection(ConnectionFault::Tls), "{name}");
        assert!(serving.await.unwrap().is_err(), "the server gets no request");
    }
}
