//! AWS clients, made from what Lambda puts into the environment and nothing else.
//!
//! No profile files, no metadata service, no chain of guesses. A service's own `AWS_ENDPOINT_URL_…` goes before `AWS_ENDPOINT_URL`.

use std::time::Duration;

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, SharedHttpClient, StalledStreamProtectionConfig,
    endpoint::{DefaultResolver, Params, ResolveEndpoint as _},
    http::HttpRequest,
    retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector, http_client_fn};
use http_body_util::BodyExt as _;
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use crate::{
    Lazily,
    connections::Connections,
    env::{ConfigError, optional, required},
};

/// The longest wait for one answer. Functions must be able to tell their caller that AWS is slow.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest wait for an operation with its retries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);

/// The longest wait for the connection that is opened at start.
const HELLO_TIMEOUT: Duration = Duration::from_secs(1);

/// Whom the clients trust unless the environment says otherwise: the services hang on these, and reading the system's 146 takes a
/// cold function its time (infra/adr/0038). Decoded when this was built, from `amazon-roots.pem`.
const AMAZON_ROOTS: &[&[u8]] = include!(concat!(env!("OUT_DIR"), "/amazon_roots.rs"));

/// Names a file of root certificates to be trusted instead, as it does for AWS's other SDKs.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// Names another place for the table's service than AWS's own.
const TABLE_ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// What every client is made with.
#[derive(Debug, Clone)]
pub struct Environment {
    region: Region,
    credentials: Credentials,
    /// One for all clients: connections and trusted roots are theirs together.
    connector: SharedHttpConnector,
}

/// A client of this service, as all of them are made.
macro_rules! client {
    ($sdk:ident, $environment:expr, $variable:expr) => {{
        let mut config = $sdk::config::Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region($environment.region.clone())
            .credentials_provider($environment.credentials.clone())
            .http_client($environment.http())
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(timeouts())
            // The time of an attempt is limited already: a body that stalls ends with it.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        config.set_endpoint_url(endpoint($variable));
        $sdk::Client::from_conf(config.build())
    }};
}

impl Environment {
    /// Reads the environment, and opens the connection to the table's service on which the first request will go: a start has
    /// more of a processor than a request has (infra/adr/0042). Who cannot be reached now is reached for by the first request.
    ///
    /// # Errors
    /// [`ConfigError`] if a variable that Lambda always sets is missing, or if the file that `AWS_CA_BUNDLE` names holds no
    /// certificates.
    pub async fn open() -> Result<Self, ConfigError> {
        let environment = Self::read()?;
        if let Some(url) = environment.table_url().await {
            environment.connect(&url).await;
        }
        Ok(environment)
    }

    fn read() -> Result<Self, ConfigError> {
        let region = Region::new(required("AWS_REGION").or_else(|_| required("AWS_DEFAULT_REGION"))?);
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            optional("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        let roots = optional(CA_BUNDLE).map_or_else(|| Ok(amazon()), |path| bundle(&path));
        let connector = roots.and_then(connector).map_err(|problem| ConfigError::new(CA_BUNDLE, problem))?;
        Ok(Self { region, credentials, connector })
    }

    fn http(&self) -> SharedHttpClient {
        let connector = self.connector.clone();
        http_client_fn(move |_, _| connector.clone())
    }

    /// Where the table's service is.
    async fn table_url(&self) -> Option<String> {
        if let Some(url) = endpoint(TABLE_ENDPOINT) {
            return Some(url);
        }
        let params = Params::builder().region(self.region.as_ref()).build().ok()?;
        Some(DefaultResolver::new().resolve_endpoint(&params).await.ok()?.url().to_owned())
    }

    /// Says hello to a service: its answer to a request that nobody signed costs nothing, and leaves the connection open. Whether
    /// it is.
    async fn connect(&self, url: &str) -> bool {
        let hello = async {
            let answer = self.connector.call(HttpRequest::get(url).ok()?).await.ok()?;
            // Only who has read the answer gives the connection back.
            answer.into_body().collect().await.ok()
        };
        tokio::time::timeout(HELLO_TIMEOUT, hello).await.is_ok_and(|answer| answer.is_some())
    }

    /// A client of DynamoDB.
    #[must_use]
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        client!(aws_sdk_dynamodb, self, TABLE_ENDPOINT)
    }

    /// A client of KMS, made when it is first needed: each client reads AWS's list of regions when it is made.
    #[must_use]
    pub fn kms(&self) -> Lazily<aws_sdk_kms::Client> {
        let environment = self.clone();
        Lazily::by(move || client!(aws_sdk_kms, environment, "AWS_ENDPOINT_URL_KMS"))
    }

    /// A client of SQS, made when it is first needed.
    #[must_use]
    pub fn sqs(&self) -> Lazily<aws_sdk_sqs::Client> {
        let environment = self.clone();
        Lazily::by(move || client!(aws_sdk_sqs, environment, "AWS_ENDPOINT_URL_SQS"))
    }
}

/// Where a service is, if not at AWS: by its own variable, or by that of all services.
fn endpoint(variable: &str) -> Option<String> {
    optional(variable).or_else(|| optional("AWS_ENDPOINT_URL"))
}

fn amazon() -> Vec<CertificateDer<'static>> {
    AMAZON_ROOTS.iter().map(|root| CertificateDer::from_slice(root)).collect()
}

/// The root certificates of a file.
fn bundle(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = std::fs::read(path).map_err(|error| format!("names no file that can be read: {error}"))?;
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err("names a file without certificates".to_owned()),
        Err(error) => Err(format!("names a file of certificates that cannot be read: {error}")),
    }
}

/// Connections that are trusted if one of these certifies them.
fn connector(roots: Vec<CertificateDer<'static>>) -> Result<SharedHttpConnector, String> {
    let mut trusted = RootCertStore::empty();
    for root in roots {
        trusted.add(root).map_err(|error| format!("names a file with a certificate that cannot be used: {error}"))?;
    }
    let connections = Connections::trusting(trusted).map_err(|error| format!("cannot be used: {error}"))?;
    Ok(SharedHttpConnector::new(connections))
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(OPERATION_TIMEOUT).build()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{TcpListener, TcpStream},
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        thread,
    };

    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 2\r\n\r\n{}";

    const BROKEN: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";

    /// A service that breaks down over its first so many requests and answers all others, and what begins each request together
    /// with the number of its connection.
    fn service(failures: usize) -> (String, mpsc::Receiver<(usize, String)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (seen, requests) = mpsc::channel();
        let answered = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (seen, answered, stream) = (seen.clone(), Arc::clone(&answered), stream.unwrap());
                thread::spawn(move || {
                    serve(stream, |request| {
                        seen.send((connection, request)).unwrap();
                        if answered.fetch_add(1, Ordering::SeqCst) < failures { BROKEN } else { ANSWER }
                    });
                });
            }
        });
        (url, requests)
    }

    fn serve(mut stream: TcpStream, answer: impl Fn(String) -> &'static [u8]) {
        let mut text = Vec::new();
        let mut chunk = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut chunk) {
            text.extend_from_slice(&chunk[..read]);
            let so_far = String::from_utf8_lossy(&text).to_ascii_lowercase();
            let Some((head, body)) = so_far.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |length| length.parse().unwrap());
            if body.len() >= length {
                let answer = answer(head.lines().next().unwrap().to_owned());
                text.clear();
                stream.write_all(answer).unwrap();
            }
        }
    }

    fn environment() -> Environment {
        let credentials = Credentials::new("key", "secret", None, None, "test");
        Environment { region: Region::new("eu-west-1"), credentials, connector: connector(amazon()).unwrap() }
    }

    fn table(environment: &Environment, url: String) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::config::Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(environment.region.clone())
            .credentials_provider(environment.credentials.clone())
            .retry_config(RetryConfig::standard())
            .http_client(environment.http());
        config.set_endpoint_url(Some(url));
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    #[tokio::test]
    async fn requests_go_on_the_connection_that_the_start_opened() {
        let (url, requests) = service(0);
        let environment = environment();
        assert!(environment.connect(&url).await);
        let client = table(&environment, url);
        client.list_tables().send().await.unwrap();
        client.list_tables().send().await.unwrap();
        let seen: Vec<_> = requests.try_iter().collect();
        let request = |line: &str| (0, line.to_owned());
        assert_eq!(seen, [request("get / http/1.1"), request("post / http/1.1"), request("post / http/1.1")]);
    }

    #[tokio::test]
    async fn a_request_is_tried_again_on_another_connection_than_the_one_that_broke_down() {
        let (url, requests) = service(1);
        table(&environment(), url).list_tables().send().await.unwrap();
        let connections: Vec<_> = requests.try_iter().map(|(connection, _)| connection).collect();
        assert_eq!(connections, [0, 1]);
    }

    #[tokio::test]
    async fn a_service_that_is_away_or_says_nothing_keeps_no_start_back() {
        let (silent, away) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        for service in [silent.local_addr().unwrap(), away] {
            assert!(!environment().connect(&format!("http://{service}/")).await);
        }
    }

    #[tokio::test]
    async fn without_a_variable_the_table_is_where_the_region_has_it() {
        assert_eq!(environment().table_url().await.unwrap(), "https://dynamodb.eu-west-1.amazonaws.com");
    }

    #[test]
    fn the_roots_of_amazon_are_five_certificates() {
        assert_eq!(AMAZON_ROOTS.len(), 5);
        assert!(connector(amazon()).is_ok());
    }

    #[test]
    fn a_bundle_is_a_file_with_certificates_or_an_error_at_start() {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/src/amazon-roots.pem");
        assert_eq!(bundle(own).unwrap(), amazon());
        assert!(bundle("/nowhere.pem").unwrap_err().contains("no file"));
        let none = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(bundle(none).unwrap_err().contains("without certificates"));
    }
}
