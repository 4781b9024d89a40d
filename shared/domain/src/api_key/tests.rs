//! Keys: minted, read, refused, changed.

use proptest::prelude::*;

use super::*;
use crate::scope::Scope;

#[test]
fn a_minted_key_has_the_published_shape() {
    let key = ApiKeyText::mint(Mode::Live, [0xA5; 32]);
    assert!(key.reveal().starts_with("kros_live_"));
    assert_eq!(key.reveal().len(), 46);
    assert_eq!(format!("{key:?}"), "ApiKeyText(…)");
}

#[test]
fn every_random_bit_counts_and_the_checksum_is_of_all_before_it() {
    // Computed by another program: two halves of 128 bits in base 62, and zlib's CRC32.
    let random = std::array::from_fn(|at| u8::try_from(at).unwrap());
    assert_eq!(ApiKeyText::mint(Mode::Test, random).reveal(), "kros_test_RiJxkEgOGusQGwpGO3cQWJhXqJNbv52qfmnN");
}

#[test]
fn a_right_checksum_alone_makes_no_key() {
    let checked = |secret: &str| {
        let mut text = format!("{PREFIX}live_{secret}");
        let checksum = crc32fast::hash(text.as_bytes());
        push_base62(&mut text, checksum.into(), CHECKSUM_LENGTH);
        ApiKeyText::parse(&text).is_ok()
    };
    assert!(checked(&"a".repeat(30)));
    for wrong in ["a".repeat(29), "a".repeat(31), format!("{}-", "a".repeat(29)), format!("{}é", "a".repeat(28))] {
        assert!(!checked(&wrong), "{wrong}");
    }
}

#[test]
fn a_pepper_is_of_its_key_and_not_what_is_stored() {
    let [one, other] = [[1; 32], [2; 32]].map(|random| ApiKeyText::mint(Mode::Live, random));
    assert_eq!(one.pepper(), ApiKeyText::mint(Mode::Live, [1; 32]).pepper());
    assert_ne!(one.pepper(), other.pepper());
    assert_ne!(KeyHash(one.pepper()), one.hash());
}

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn key() -> ApiKey {
    ApiKey {
        id: KeyId::new(now(), [0; 10]),
        organization_id: OrgId::new(now(), [0; 10]),
        mode: Mode::Live,
        name: "k".into(),
        scopes: Scopes::new(),
        created_at: now(),
        updated_at: now(),
        allowed_ips: Vec::new(),
        valid_until: None,
        revoked_at: None,
    }
}

#[test]
fn a_revoked_or_expired_key_says_which() {
    let (now, key) = (now(), key());
    assert_eq!(key.check(now, None), Ok(()));
    let expired = ApiKey { valid_until: Some(now), ..key };
    assert_eq!(expired.check(now.plus_millis(-1), None), Ok(()));
    assert_eq!(expired.check(now, None), Err(KeyRefusal::Expired));
    let revoked = expired.revoked(now);
    assert_eq!(revoked.check(now, None), Err(KeyRefusal::Revoked));
    let at = now.plus_millis(1);
    assert_eq!(revoked, ApiKey { revoked_at: Some(at), updated_at: at, ..expired }, "revoked at the time of a new version");
    assert_eq!(REVOKED_KEPT_SECONDS, 7_776_000, "90 days");
}

#[test]
fn a_key_with_addresses_works_from_them_alone() {
    let key = ApiKey { allowed_ips: vec!["203.0.113.7".parse().unwrap(), "2001:db8::/32".parse().unwrap()], ..key() };
    let from = |address: &str| key.check(now(), Some(address.parse().unwrap()));
    for allowed in ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::1"] {
        assert_eq!(from(allowed), Ok(()), "{allowed}");
    }
    for other in ["203.0.113.8", "2001:db9::1", "127.0.0.1"] {
        assert_eq!(from(other), Err(KeyRefusal::Address), "{other}");
    }
    assert_eq!(key.check(now(), None), Err(KeyRefusal::Address), "nobody knows from where");
}

#[test]
fn a_change_leaves_what_it_does_not_name_and_makes_a_new_version() {
    let key = ApiKey { valid_until: Some(now().plus_millis(1)), ..key() };
    let renamed = KeyChange { name: Some("other".into()), ..KeyChange::default() };
    let changed = renamed.applied_to(&key, now());
    let updated_at = now().plus_millis(1);
    assert_eq!(changed, ApiKey { name: "other".into(), updated_at, ..key.clone() });
    assert!(!renamed.changes_power());
    let lifted = KeyChange { valid_until: Some(None), ..KeyChange::default() };
    assert_eq!(lifted.applied_to(&key, now()).valid_until, None);
    assert!(lifted.changes_power());
    let narrowed = KeyChange { scopes: Some([Scope::CallsRead].into()), ..KeyChange::default() };
    assert_eq!(narrowed.applied_to(&key, now()).scopes, [Scope::CallsRead].into());
    assert!(narrowed.changes_power());
    let bound = KeyChange { allowed_ips: Some(vec!["203.0.113.7".parse().unwrap()]), ..KeyChange::default() };
    assert_eq!(Some(bound.applied_to(&key, now()).allowed_ips), bound.allowed_ips);
    assert!(bound.changes_power());
}

#[test]
fn what_the_pattern_finds_is_bounded_and_has_the_published_length() {
    let pattern = regex::Regex::new(PATTERN).unwrap();
    let key = ApiKeyText::mint(Mode::Test, [1; 32]);
    for around in [format!("KEY={}", key.reveal()), format!("'{}',", key.reveal())] {
        assert_eq!(pattern.find(&around).map(|found| found.as_str()), Some(key.reveal()), "{around}");
    }
    for other in [format!("{}x", key.reveal()), key.reveal()[..45].to_owned(), key.reveal().replace("test", "prod")] {
        assert!(!pattern.is_match(&other), "{other}");
    }
}

proptest! {
    #[test]
    fn every_minted_key_is_read_back(random: [u8; 32]) {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        for mode in Mode::ALL {
            let key = ApiKeyText::mint(mode, random);
            prop_assert_eq!(ApiKeyText::parse(key.reveal()), Ok(key.clone()));
            prop_assert_eq!(pattern.find(key.reveal()).map(|found| found.as_str()), Some(key.reveal()));
            prop_assert!(key.reveal().ends_with(key.hint()) && key.hint().len() == HINT_LENGTH);
            prop_assert_eq!(key.hash().to_string().parse::<KeyHash>(), Ok(key.hash()));
        }
    }

    #[test]
    fn one_changed_character_is_noticed(random: [u8; 32], at in 10_usize..46, to in 0_usize..62) {
        let key = ApiKeyText::mint(Mode::Test, random);
        let mut bytes = key.reveal().as_bytes().to_vec();
        prop_assume!(bytes[at] != ALPHABET[to]);
        bytes[at] = ALPHABET[to];
        prop_assert_eq!(ApiKeyText::parse(std::str::from_utf8(&bytes).unwrap()), Err(NotAnApiKey));
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC*") {
        prop_assert_eq!(ApiKeyText::parse(&text), Err(NotAnApiKey));
    }
}
