//! AWS clients, made from what Lambda puts into the environment and nothing else.
//!
//! No profile files, no metadata service, no chain of guesses. A service's own `AWS_ENDPOINT_URL_…` goes before `AWS_ENDPOINT_URL`.

use std::time::Duration;

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, SharedHttpClient, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use crate::env::{ConfigError, optional, required};

/// The longest wait for one answer. Functions must be able to tell their caller that AWS is slow.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest wait for an operation with its retries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);

/// Whom the clients trust unless the environment says otherwise: the services hang on these, and reading the system's 146 takes a
/// cold function its time (infra/adr/0038).
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// Names a file of root certificates to be trusted instead, as it does for AWS's other SDKs.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// What every client is made with.
#[derive(Debug, Clone)]
pub struct Environment {
    region: Region,
    credentials: Credentials,
    /// One for all clients: connections and trusted roots are theirs together.
    http: SharedHttpClient,
}

macro_rules! client {
    ($(#[$doc:meta])* $name:ident $sdk:ident $variable:literal) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> $sdk::Client {
            let mut config = $sdk::config::Builder::new()
                .behavior_version(BehaviorVersion::latest())
                .region(self.region.clone())
                .credentials_provider(self.credentials.clone())
                .http_client(self.http.clone())
                .retry_config(RetryConfig::standard().with_max_attempts(3))
                .timeout_config(timeouts())
                // The time of an attempt is limited already: a body that stalls ends with it.
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
            config.set_endpoint_url(optional($variable).or_else(|| optional("AWS_ENDPOINT_URL")));
            $sdk::Client::from_conf(config.build())
        }
    };
}

impl Environment {
    /// Reads region and credentials, and the root certificates if `AWS_CA_BUNDLE` names some.
    ///
    /// # Errors
    /// [`ConfigError`] if a variable that Lambda always sets is missing, or if that file holds no certificates.
    pub fn read() -> Result<Self, ConfigError> {
        let region = Region::new(required("AWS_REGION").or_else(|_| required("AWS_DEFAULT_REGION"))?);
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            optional("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        let roots = optional(CA_BUNDLE).map_or_else(|| Ok(AMAZON_ROOTS.to_vec()), |path| bundle(&path));
        let http = roots.and_then(http).map_err(|problem| ConfigError::new(CA_BUNDLE, problem))?;
        Ok(Self { region, credentials, http })
    }

    client! {
        /// A client of DynamoDB.
        dynamodb aws_sdk_dynamodb "AWS_ENDPOINT_URL_DYNAMODB"
    }
    client! {
        /// A client of KMS.
        kms aws_sdk_kms "AWS_ENDPOINT_URL_KMS"
    }
    client! {
        /// A client of SQS.
        sqs aws_sdk_sqs "AWS_ENDPOINT_URL_SQS"
    }
}

/// The root certificates of a file.
fn bundle(path: &str) -> Result<Vec<u8>, String> {
    let text = std::fs::read(path).map_err(|error| format!("names no file that can be read: {error}"))?;
    // The client would not say so until its first connection, and then by a panic.
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(text),
        Ok(_) => Err("names a file without certificates".to_owned()),
        Err(error) => Err(format!("names a file of certificates that cannot be read: {error}")),
    }
}

/// HTTP over TLS by AWS-LC, trusting these roots.
fn http(roots: Vec<u8>) -> Result<SharedHttpClient, String> {
    let store = TrustStore::empty().with_pem_certificate(roots);
    let tls = TlsContext::builder().with_trust_store(store).build().map_err(|error| error.to_string())?;
    Ok(Builder::new().tls_provider(Provider::rustls(CryptoMode::AwsLc)).tls_context(tls).build_https())
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roots_of_amazon_are_five_certificates() {
        let certificates = CertificateDer::pem_slice_iter(AMAZON_ROOTS).collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(certificates.len(), 5);
        assert!(http(AMAZON_ROOTS.to_vec()).is_ok());
    }

    #[test]
    fn a_bundle_is_a_file_with_certificates_or_an_error_at_start() {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/src/amazon-roots.pem");
        assert_eq!(bundle(own).unwrap(), AMAZON_ROOTS);
        assert!(bundle("/nowhere.pem").unwrap_err().contains("no file"));
        let none = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(bundle(none).unwrap_err().contains("without certificates"));
    }
}
