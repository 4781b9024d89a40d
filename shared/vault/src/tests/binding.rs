//! What is sealed opens in its place, unchanged, and in no other way.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn a_secret_comes_back_from_another_process() {
    let (sealed, other, _) = sealed_elsewhere("whsec_abc ü").await;
    assert_eq!(other.open(&place(), &sealed, at(9)).await.unwrap().expose_secret(), "whsec_abc ü");
    assert!(!sealed.encoded().contains("whsec"));
}

#[tokio::test]
async fn one_secret_sealed_twice_looks_different() {
    let vault = vault(&[&makes_keys()]);
    let first = vault.seal(&place(), &secret("a"), at(0)).await.unwrap();
    let second = vault.seal(&place(), &secret("a"), at(0)).await.unwrap();
    assert_ne!(first.encoded(), second.encoded());
}

#[tokio::test]
async fn every_changed_bit_of_a_sealed_value_is_noticed() {
    let (sealed, other, _) = sealed_elsewhere("secret").await;
    let text = sealed.encoded().as_bytes();
    for bit in 0..text.len() * 8 {
        let mut changed = text.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        let Ok(changed) = String::from_utf8(changed) else { continue };
        let opened = other.open(&place(), &Sealed::from_encoded(changed), at(0)).await;
        assert!(is_corrupt(&opened), "bit {bit} of the text");
    }
}

#[tokio::test]
async fn every_changed_byte_and_every_cut_under_the_encoding_is_noticed() {
    let (sealed, other, _) = sealed_elsewhere("secret").await;
    let bytes = URL_SAFE_NO_PAD.decode(sealed.encoded()).unwrap();
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[index] ^= 1 << bit;
            let changed = Sealed::from_encoded(URL_SAFE_NO_PAD.encode(changed));
            let opened = other.open(&place(), &changed, at(0)).await;
            assert!(opened.is_err(), "bit {bit} of byte {index}");
        }
        let cut = Sealed::from_encoded(URL_SAFE_NO_PAD.encode(&bytes[..index]));
        assert!(is_corrupt(&other.open(&place(), &cut, at(0)).await), "cut at {index}");
    }
}

#[tokio::test]
async fn a_sealed_value_opens_in_no_other_place() {
    let (sealed, other, _) = sealed_elsewhere("secret").await;
    let places = [
        SecretPlace { org: OrgId::from_uuid(Uuid::from_u128(3)), ..place() },
        SecretPlace { mode: Mode::Test, ..place() },
        SecretPlace { kind: SecretKind::SipPassword, ..place() },
        SecretPlace { id: Uuid::from_u128(3), ..place() },
        SecretPlace { org: OrgId::from_uuid(place().id), id: place().org.as_uuid(), ..place() },
    ];
    for place in places {
        assert!(is_corrupt(&other.open(&place, &sealed, at(0)).await), "{place:?}");
    }
    assert!(other.open(&place(), &sealed, at(0)).await.is_ok());
}

#[tokio::test]
async fn two_sealed_values_cannot_lend_each_other_their_parts() {
    let first = vault(&[&makes_keys()]).seal(&place(), &secret("first"), at(0)).await.unwrap();
    let second = vault(&[&makes_keys()]).seal(&place(), &secret("other"), at(0)).await.unwrap();
    let [first, second] = [first, second].map(|sealed| URL_SAFE_NO_PAD.decode(sealed.encoded()).unwrap());
    let (_, other, _) = sealed_elsewhere("").await;
    let tail = "first".len() + 16;
    let mixed = [&first[..first.len() - tail], &second[second.len() - tail..]].concat();
    let opened = other.open(&place(), &Sealed::from_encoded(URL_SAFE_NO_PAD.encode(mixed)), at(0)).await;
    assert!(is_corrupt(&opened));
}

#[tokio::test]
async fn what_was_never_sealed_is_corrupt_and_kms_is_not_asked() {
    let unwraps = unwraps_anything();
    let vault = vault(&[&unwraps]);
    for text in ["", "A", "AQ", "not base64!", "AQAA", "AgAAAAA", "AQAAAAA", "AQAAAAAAAAAAAAAAAAAAAAA", "AQD__w"] {
        assert!(is_corrupt(&vault.open(&place(), &Sealed::from_encoded(text.to_owned()), at(0)).await), "{text}");
    }
    assert_eq!(unwraps.num_calls(), 0);
}

#[test]
fn a_vault_prints_nothing_of_its_keys() {
    assert_eq!(format!("{:?}", vault(&[])), "Vault(…)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_text_comes_back_in_its_place_alone(text in ".*", org: u128, other: u128, id: u128) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let vault = vault(&[&makes_keys()]);
            let here = SecretPlace { org: OrgId::from_uuid(Uuid::from_u128(org)), mode: Mode::Test, kind: SecretKind::SipPassword, id: Uuid::from_u128(id) };
            let sealed = vault.seal(&here, &secret(&text), at(0)).await.unwrap();
            let opened = vault.open(&here, &sealed, at(0)).await.unwrap();
            prop_assert_eq!(opened.expose_secret(), text.as_str());
            if other != org {
                let there = SecretPlace { org: OrgId::from_uuid(Uuid::from_u128(other)), ..here };
                prop_assert!(is_corrupt(&vault.open(&there, &sealed, at(0)).await));
            }
            Ok(())
        })?;
    }
}
