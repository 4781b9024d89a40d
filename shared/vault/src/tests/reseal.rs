//! A key that is replaced: what was sealed under the old one is sealed under the new one.

use super::*;

const NEW_KEY_ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab";

/// Keys that another KMS key wraps.
fn makes_keys_of_the_new_key() -> Rule {
    mock!(Client::generate_data_key).then_output(|| {
        GenerateDataKeyOutput::builder().plaintext(Blob::new([77; 32])).ciphertext_blob(wrap(&[77; 32])).key_id(NEW_KEY_ARN).build()
    })
}

#[tokio::test]
async fn a_secret_is_sealed_under_the_new_key_and_opens_in_its_place_alone() {
    let old = vault(&[&makes_keys()]).seal(&place(), &secret("canary"), at(0)).await.unwrap();
    let (makes, unwraps) = (makes_keys_of_the_new_key(), unwraps_anything());
    let vault = vault(&[&makes, &unwraps]);
    let new = vault.reseal(&place(), &old, at(0)).await.unwrap().unwrap();
    assert_ne!(new, old);
    assert_eq!(vault.open(&place(), &new, at(0)).await.unwrap().expose_secret(), "canary");
    assert!(is_corrupt(&vault.open(&SecretPlace { mode: Mode::Test, ..place() }, &new, at(0)).await));
    assert_eq!(vault.reseal(&place(), &new, at(0)).await.unwrap(), None, "it lies under the new key already");
    assert_eq!((makes.num_calls(), unwraps.num_calls()), (1, 1));
}

#[tokio::test]
async fn what_does_not_open_is_not_sealed_anew() {
    let old = vault(&[&makes_keys()]).seal(&place(), &secret("canary"), at(0)).await.unwrap();
    let (makes, unwraps) = (makes_keys_of_the_new_key(), unwraps_anything());
    let elsewhere = SecretPlace { id: Uuid::from_u128(9), ..place() };
    let resealed = vault(&[&makes, &unwraps]).reseal(&elsewhere, &old, at(0)).await;
    assert!(matches!(resealed, Err(VaultError::Corrupt(_))));
}

#[tokio::test]
async fn preparing_needs_kms_once_and_tells_when_it_is_away() {
    let makes = makes_keys();
    let ready = vault(&[&makes]);
    ready.prepare(SecretKind::CarrierToken, at(0)).await.unwrap();
    ready.seal(&SecretPlace { kind: SecretKind::CarrierToken, ..place() }, &secret("a"), at(0)).await.unwrap();
    assert_eq!(makes.num_calls(), 1);
    let disabled = || GenerateDataKeyError::DisabledException(DisabledException::builder().message("disabled").build());
    let refuses = mock!(Client::generate_data_key).then_error(disabled);
    assert!(is_unavailable(&vault(&[&refuses]).prepare(SecretKind::CarrierToken, at(0)).await));
}
