//! An SQS client for unit tests, answered by mocks.

use aws_sdk_sqs::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client};

use crate::Sender;

/// A client that answers by these rules and fails anything else.
pub(crate) fn client(rules: &[&Rule]) -> Client {
    let mocks = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
    let mocks = rules.iter().fold(mocks, |mocks, rule| mocks.with_rule(rule));
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .http_client(create_mock_http_client())
        .interceptor(mocks);
    Client::from_conf(config.build())
}

/// A sender to a queue that answers by these rules.
pub(crate) fn sender(rules: &[&Rule]) -> Sender {
    Sender::new(client(rules), "https://queue".to_owned())
}
