//! Stand-ins for KMS that count. They are as lax as any: what they are given they unwrap, in every context.

use aws_sdk_kms::{
    Client,
    config::retry::RetryConfig,
    operation::{
        decrypt::{DecryptInput, DecryptOutput},
        generate_data_key::GenerateDataKeyOutput,
    },
    primitives::Blob,
};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use vault::Vault;

pub(crate) const OLD_KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000001";
pub(crate) const NEW_KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-4000-8000-000000000002";

/// Makes data keys under a KMS key. The data key is told by its wrapped form.
pub(crate) fn makes(key: &'static str) -> Rule {
    mock!(Client::generate_data_key).then_output(move || data_key(key))
}

/// A data key as KMS gives it out.
pub(crate) fn data_key(key: &str) -> GenerateDataKeyOutput {
    let seed = key.as_bytes()[key.len() - 1];
    // As long as KMS's own.
    GenerateDataKeyOutput::builder().plaintext(Blob::new([seed; 32])).ciphertext_blob(Blob::new([seed; 184])).key_id(key).build()
}

/// Unwraps what [`makes`] made.
pub(crate) fn unwraps() -> Rule {
    mock!(Client::decrypt).then_compute_output(unwrap)
}

/// Unwraps what lies under one KMS key and fails for everything else.
pub(crate) fn unwraps_of(key: &'static str) -> Rule {
    mock!(Client::decrypt).match_requests(move |request: &DecryptInput| request.key_id() == Some(key)).then_compute_output(unwrap)
}

fn unwrap(request: &DecryptInput) -> DecryptOutput {
    let wrapped: &[u8] = request.ciphertext_blob().map(AsRef::as_ref).unwrap_or_default();
    DecryptOutput::builder().plaintext(Blob::new([wrapped[0]; 32])).build()
}

/// A KMS that answers by these rules and to nothing else.
pub(crate) fn client(rules: &[&Rule]) -> Client {
    let rules = rules.iter().copied();
    mock_client!(aws_sdk_kms, RuleMode::MatchAny, rules, |config| config.retry_config(RetryConfig::disabled()))
}

/// A vault of such a KMS.
pub(crate) fn vault(rules: &[&Rule]) -> Vault {
    Vault::new(client(rules), "alias/vault".to_owned())
}
