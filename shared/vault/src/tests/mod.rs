//! The vault against a KMS that is as lax as it can be: it unwraps whatever it is given, so what is refused here is
//! refused by the vault itself. What a strict KMS refuses is mocked answer by answer.

mod binding;
mod kms;
mod reseal;
mod reuse;

use std::sync::Mutex;

use aws_sdk_kms::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    operation::{
        decrypt::{DecryptError, DecryptInput, DecryptOutput},
        generate_data_key::{GenerateDataKeyError, GenerateDataKeyInput, GenerateDataKeyOutput},
    },
    primitives::Blob,
    types::error::DisabledException,
};
use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock};
use domain::{Mode, OrgId};
use uuid::Uuid;

use super::*;

const KEY_ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn client(rules: &[&Rule]) -> Client {
    let mocks = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
    let mocks = rules.iter().fold(mocks, |mocks, rule| mocks.with_rule(rule));
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .http_client(create_mock_http_client())
        .interceptor(mocks);
    Client::from_conf(config.build())
}

fn vault(rules: &[&Rule]) -> Vault {
    Vault::new(client(rules), "alias/trunkline".to_owned())
}

/// «Wraps» a key by turning every bit.
fn wrap(bytes: &[u8]) -> Blob {
    Blob::new(bytes.iter().map(|byte| !byte).collect::<Vec<u8>>())
}

fn makes_keys() -> Rule {
    let made = Mutex::new(0_u8);
    mock!(Client::generate_data_key)
        .match_requests(|request: &GenerateDataKeyInput| request.key_id() == Some("alias/trunkline"))
        .then_compute_output(move |_| {
            let mut made = made.lock().unwrap();
            *made = made.wrapping_add(1);
            let key = [*made; 32];
            GenerateDataKeyOutput::builder().plaintext(Blob::new(key)).ciphertext_blob(wrap(&key)).key_id(KEY_ARN).build()
        })
}

fn unwraps_anything() -> Rule {
    mock!(Client::decrypt).then_compute_output(|request: &DecryptInput| {
        let wrapped = request.ciphertext_blob().map(AsRef::as_ref).unwrap_or_default();
        DecryptOutput::builder().plaintext(wrap(wrapped)).key_id(KEY_ARN).build()
    })
}

fn place() -> SecretPlace {
    SecretPlace { org: OrgId::from_uuid(Uuid::from_u128(1)), mode: Mode::Live, kind: SecretKind::WebhookSecret, id: Uuid::from_u128(2) }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_767_225_600_000 + millis).unwrap()
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

/// Seals with one vault and hands out another that has seen nothing of it.
async fn sealed_elsewhere(text: &str) -> (Sealed, Vault, Rule) {
    let sealed = vault(&[&makes_keys()]).seal(&place(), &secret(text), at(0)).await.unwrap();
    let unwraps = unwraps_anything();
    let other = vault(&[&unwraps]);
    (sealed, other, unwraps)
}

fn is_corrupt(opened: &Result<SecretString, VaultError>) -> bool {
    matches!(opened, Err(VaultError::Corrupt(_)))
}

fn is_unavailable<T>(result: &Result<T, VaultError>) -> bool {
    matches!(result, Err(VaultError::Unavailable(_)))
}
