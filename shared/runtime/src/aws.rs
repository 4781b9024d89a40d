//! AWS clients, made from what Lambda puts into the environment and nothing else.
//!
//! No profile files, no metadata service, no chain of guesses. A service's own `AWS_ENDPOINT_URL_…` goes before `AWS_ENDPOINT_URL`.

use std::time::Duration;

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig, retry::RetryConfig, timeout::TimeoutConfig,
};

use crate::env::{ConfigError, optional, required};

/// The longest wait for one answer. Functions must be able to tell their caller that AWS is slow.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest wait for an operation with its retries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);

/// What every client is made with.
#[derive(Debug, Clone)]
pub struct Environment {
    region: Region,
    credentials: Credentials,
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
    /// Reads region and credentials.
    ///
    /// # Errors
    /// [`ConfigError`] if a variable that Lambda always sets is missing.
    pub fn read() -> Result<Self, ConfigError> {
        let region = Region::new(required("AWS_REGION").or_else(|_| required("AWS_DEFAULT_REGION"))?);
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            optional("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        Ok(Self { region, credentials })
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

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}
