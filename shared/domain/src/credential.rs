//! A carrier credential: an organization's account with a carrier, its token sealed.

use serde::{Deserialize, Serialize};

use crate::{CredentialId, Timestamp, carrier::Carrier, secret::Sealed};

/// The longest label, in characters.
pub const MAX_LABEL_CHARS: usize = 100;

/// How long the token before keeps verifying callbacks beside a new one: 24 hours, in milliseconds.
pub const OVERLAP_MILLIS: i64 = 24 * 3600 * 1000;

/// How many characters of the account a hint shows at its end.
const HINT_CHARS: usize = 4;

/// An organization's account with a carrier. Organization and mode stand in its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierCredential {
    /// Its id; version 7.
    pub id: CredentialId,
    /// With which carrier.
    pub carrier: Carrier,
    /// What its owner calls it: 1 to 100 characters.
    pub label: String,
    /// The account's id. Not secret, so that it can be compared without opening anything.
    pub account: String,
    /// The sealed token.
    pub token: Sealed,
    /// The sealed token before the last change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_token: Option<Sealed>,
    /// Until when it keeps verifying beside the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<Timestamp>,
    /// The sealed token before that one, if it was changed twice within the overlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_token: Option<Sealed>,
    /// Until when that one keeps verifying.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_until: Option<Timestamp>,
    /// The sealed key with which Twilio signs in the token's place, if the account was given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<Sealed>,
    /// The request that changed the token last: the same request again changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_by: Option<String>,
    /// The hash of the callback token.
    pub callback: String,
    /// How many numbers hang on it. Kept by the transactions that register and give back numbers.
    pub numbers_count: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl CarrierCredential {
    /// What tells its owner which account it is: the end of the account's id, never anything of the token.
    #[must_use]
    pub fn key_hint(&self) -> String {
        let end = self.account.get(self.account.len().saturating_sub(HINT_CHARS)..).unwrap_or_default();
        let begin = match self.carrier {
            Carrier::Twilio | Carrier::Plivo => self.account.get(..2).unwrap_or_default(),
            Carrier::Vobiz => "",
        };
        format!("{begin}…{end}")
    }

    /// All by which its carrier may sign now: the token, the ones before while they keep verifying, a signing key.
    pub fn signers(&self, now: Timestamp) -> impl Iterator<Item = &Sealed> {
        std::iter::once(&self.token).chain(self.previous_tokens(now)).chain(&self.signing_key)
    }

    /// The tokens before the last two changes, while they keep verifying, the newer first.
    pub fn previous_tokens(&self, now: Timestamp) -> impl Iterator<Item = &Sealed> {
        let kept = [(&self.previous_token, self.previous_until), (&self.older_token, self.older_until)];
        kept.into_iter().filter_map(move |(token, until)| token.as_ref().filter(|_| until.is_some_and(|until| now < until)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(carrier: Carrier, account: &str) -> CarrierCredential {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        CarrierCredential {
            id: CredentialId::new(now, [0; 10]),
            carrier,
            label: "Main".to_owned(),
            account: account.to_owned(),
            token: Sealed::from_encoded("sealed".to_owned()),
            previous_token: Some(Sealed::from_encoded("before".to_owned())),
            previous_until: Some(now.plus_millis(OVERLAP_MILLIS)),
            older_token: Some(Sealed::from_encoded("older".to_owned())),
            older_until: Some(now.plus_millis(OVERLAP_MILLIS / 2)),
            signing_key: None,
            rotated_by: None,
            callback: String::new(),
            numbers_count: 0,
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn a_hint_shows_the_end_of_the_account() {
        let hint = |carrier, account| credential(carrier, account).key_hint();
        assert_eq!(hint(Carrier::Twilio, "AC0123456789abcdef0123456789ab1234"), "AC…1234");
        assert_eq!(hint(Carrier::Plivo, "SA0123456789ABCDEFGH"), "SA…EFGH");
        assert_eq!(hint(Carrier::Vobiz, "account-77"), "…t-77");
    }

    #[test]
    fn the_tokens_before_verify_for_a_day_each() {
        let credential = credential(Carrier::Vobiz, "account-77");
        let at = |millis| credential.previous_tokens(credential.created_at.plus_millis(millis)).count();
        assert_eq!((at(0), at(OVERLAP_MILLIS / 2), at(OVERLAP_MILLIS - 1), at(OVERLAP_MILLIS)), (2, 1, 1, 0));
    }
}
