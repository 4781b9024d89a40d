//! How often KMS is asked: once an hour, for all tasks together, within bounds.

use super::*;
use crate::keyring::{self, Keyring};

#[tokio::test]
async fn kms_is_asked_once_for_many_secrets_and_clones_share_its_answer() {
    let (makes, unwraps) = (makes_keys(), unwraps_anything());
    let vault = vault(&[&makes, &unwraps]);
    for index in 0..100 {
        let sealed = vault.clone().seal(&place(), &secret("a"), at(index)).await.unwrap();
        vault.open(&place(), &sealed, at(index)).await.unwrap();
    }
    assert_eq!((makes.num_calls(), unwraps.num_calls()), (1, 0), "what was sealed here is opened here without KMS");
    vault.seal(&SecretPlace { kind: SecretKind::SipPassword, ..place() }, &secret("a"), at(0)).await.unwrap();
    assert_eq!(makes.num_calls(), 2, "another kind has another key");
}

#[tokio::test]
async fn many_tasks_at_once_ask_kms_once() {
    let makes = makes_keys();
    let vault_one = vault(&[&makes]);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let vault = vault_one.clone();
                async move { vault.seal(&place(), &secret("a"), at(0)).await }
            })
        })
        .collect();
    let mut sealed = None;
    for task in tasks {
        sealed = Some(task.await.unwrap().unwrap());
    }
    assert_eq!(makes.num_calls(), 1);
    let (sealed, unwraps) = (sealed.unwrap(), unwraps_anything());
    let vault_two = vault(&[&unwraps]);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let (vault, sealed) = (vault_two.clone(), sealed.clone());
                async move { vault.open(&place(), &sealed, at(0)).await }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(unwraps.num_calls(), 1);
}

#[tokio::test]
async fn it_is_known_without_asking_whether_a_secret_opens_without_asking() {
    let (sealed, _, _) = sealed_elsewhere("a").await;
    let unwraps = unwraps_anything();
    let vault = vault(&[&unwraps]);
    let at_once = |kind, now| vault.opens_at_once(kind, &sealed, at(now));
    assert!(!at_once(place().kind, 0) && unwraps.num_calls() == 0);
    vault.open(&place(), &sealed, at(0)).await.unwrap();
    assert!(at_once(place().kind, 3_599_999) && !at_once(place().kind, 3_600_000), "for an hour");
    assert!(!at_once(SecretKind::SipPassword, 0), "another kind has another key");
    assert!(vault.opens_at_once(place().kind, &Sealed::from_encoded("none".to_owned()), at(0)), "it fails at once");
}

#[tokio::test]
async fn a_data_key_seals_for_an_hour_and_opens_for_an_hour() {
    let (makes, unwraps) = (makes_keys(), unwraps_anything());
    let vault = vault(&[&makes, &unwraps]);
    let sealed = vault.seal(&place(), &secret("a"), at(0)).await.unwrap();
    for now in [1, 3_599_999, -5] {
        vault.seal(&place(), &secret("a"), at(now)).await.unwrap();
        vault.open(&place(), &sealed, at(now)).await.unwrap();
    }
    assert_eq!((makes.num_calls(), unwraps.num_calls()), (1, 0));
    vault.seal(&place(), &secret("a"), at(3_600_000)).await.unwrap();
    vault.open(&place(), &sealed, at(3_600_000)).await.unwrap();
    assert_eq!((makes.num_calls(), unwraps.num_calls()), (2, 1));
}

#[tokio::test]
async fn a_data_key_seals_so_many_times_and_no_more() {
    let makes = makes_keys();
    let keyring = Keyring::new(client(&[&makes]).into(), "alias/trunkline".to_owned());
    for _ in 0..keyring::MAX_SEALS {
        keyring.for_sealing(SecretKind::SipPassword, at(0)).await.unwrap();
    }
    assert_eq!(makes.num_calls(), 1);
    keyring.for_sealing(SecretKind::SipPassword, at(0)).await.unwrap();
    assert_eq!(makes.num_calls(), 2);
}

#[tokio::test]
async fn unwrapped_keys_are_kept_up_to_a_bound_and_the_oldest_goes_first() {
    let mut sealed = Vec::new();
    for index in 0..=u16::try_from(keyring::MAX_OPENING_KEYS).unwrap() {
        let makes = mock!(Client::generate_data_key).then_output(move || {
            let wrapped = [wrap(&[1; 32]).as_ref(), &index.to_be_bytes()].concat();
            GenerateDataKeyOutput::builder().plaintext(Blob::new([1; 32])).ciphertext_blob(Blob::new(wrapped)).key_id(KEY_ARN).build()
        });
        sealed.push(vault(&[&makes]).seal(&place(), &secret("a"), at(0)).await.unwrap());
    }
    let unwraps = mock!(Client::decrypt).then_compute_output(|request: &DecryptInput| {
        let wrapped = request.ciphertext_blob().map(AsRef::as_ref).unwrap_or_default();
        DecryptOutput::builder().plaintext(wrap(&wrapped[..32])).key_id(KEY_ARN).build()
    });
    let vault = vault(&[&unwraps]);
    let mut now = 0;
    for sealed in &sealed {
        now += 1;
        vault.open(&place(), sealed, at(now)).await.unwrap();
    }
    let all = sealed.len();
    assert_eq!(unwraps.num_calls(), all);
    for sealed in &sealed[1..] {
        vault.open(&place(), sealed, at(now)).await.unwrap();
    }
    assert_eq!(unwraps.num_calls(), all, "all but the oldest are still there");
    vault.open(&place(), &sealed[0], at(now)).await.unwrap();
    assert_eq!(unwraps.num_calls(), all + 1);
}
