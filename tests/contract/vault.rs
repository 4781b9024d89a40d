//! The vault on the stack's KMS: what is sealed by one process opens in another, in its place and nowhere else.

use domain::{
    Mode, OrgId,
    secret::{SecretKind, SecretPlace},
};
use runtime::random;
use secrecy::ExposeSecret as _;
use testkit::{Stack, fixture};
use vault::{Vault, VaultError};

/// A key of this test's own.
async fn key(kms: &aws_sdk_kms::Client) -> String {
    kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id
}

fn place(kind: SecretKind) -> SecretPlace {
    SecretPlace { org: OrgId::new(fixture::now(), random::bytes()), mode: Mode::Live, kind, id: uuid::Uuid::from_bytes(random::bytes()) }
}

#[tokio::test]
async fn a_secret_opens_in_another_process_in_its_place_only() {
    let kms = Stack::load().unwrap().kms();
    let key = key(&kms).await;
    let (sealing, opening) = (Vault::new(kms.clone(), key.clone()), Vault::new(kms, key));
    let here = place(SecretKind::WebhookSecret);
    let sealed = sealing.seal(&here, &"canary-7f3a".into(), fixture::now()).await.unwrap();
    assert!(!sealed.encoded().contains("canary"));
    assert_eq!(opening.open(&here, &sealed, fixture::now()).await.unwrap().expose_secret(), "canary-7f3a");
    for elsewhere in [
        place(SecretKind::WebhookSecret),
        SecretPlace { mode: Mode::Test, ..here.clone() },
        SecretPlace { kind: SecretKind::SipPassword, ..here.clone() },
    ] {
        let error = opening.open(&elsewhere, &sealed, fixture::now()).await.unwrap_err();
        assert!(matches!(error, VaultError::Corrupt { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_disabled_key_seals_nothing() {
    let kms = Stack::load().unwrap().kms();
    let key = key(&kms).await;
    kms.disable_key().key_id(&key).send().await.unwrap();
    let error = Vault::new(kms, key).seal(&place(SecretKind::SipPassword), &"secret".into(), fixture::now()).await.unwrap_err();
    assert!(matches!(error, VaultError::Unavailable { .. }), "{error}");
}
