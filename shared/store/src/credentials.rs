//! Carrier credentials of an organization: created, changed and deleted, each by one conditional write.
//!
//! A credential counts the numbers that hang on it, so that deleting it asks nobody else. The count is never written
//! here: transactions that register and give back numbers keep it.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    CredentialId, Timestamp,
    callback::CallbackToken,
    carrier::{AccountKey, Carrier},
    credential::CarrierCredential,
    secret::Sealed,
};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    item::serde_item,
    keys::{Keys, Tenant},
    table::{Consistency, Created, Table},
    transaction::TRIES,
    update::{Changed, Deleted},
};

serde_item!(CarrierCredential, "credential", Tenant, |credential, tenant| Keys::primary(access_patterns::credential(
    tenant.org(),
    tenant.mode(),
    credential.id
)));

/// What became of a new credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateCredential {
    /// It is there.
    Done,
    /// One with this id was there before: this one.
    Exists(Box<CarrierCredential>),
}

/// What a change sets; `None` leaves something as it is.
#[derive(Debug, Clone, Default)]
pub struct CredentialChange {
    /// What its owner calls it.
    pub label: Option<String>,
    /// A new token for the same account.
    pub renewal: Option<TokenRenewal>,
    /// The key with which the carrier signs in the token's place; `Some(None)` takes it away.
    pub signing_key: Option<Option<Sealed>>,
}

/// A new token, and the account that it must be for.
#[derive(Debug, Clone)]
pub struct TokenRenewal {
    /// Under which name the account was given: tells carriers apart whose account ids look alike.
    pub key: AccountKey,
    /// The account.
    pub account: String,
    /// The new token.
    pub token: Sealed,
    /// Until when the token before keeps verifying.
    pub previous_until: Timestamp,
    /// The request: done once, however often it is tried.
    pub request: String,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangedCredential {
    /// The credential as it is now.
    Done(Box<CarrierCredential>),
    /// There is no such credential.
    NotFound,
    /// It is for another account: this credential.
    OtherAccount(Box<CarrierCredential>),
    /// Its carrier signs by the token alone.
    NoSigningKey,
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedCredential {
    /// It is gone.
    Done,
    /// There was none.
    NotFound,
    /// Numbers hang on it: nothing was changed.
    InUse,
}

impl Table {
    /// Stores a new credential.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn create_credential(&self, tenant: Tenant, credential: &CarrierCredential) -> Result<CreateCredential, StoreError> {
        Ok(match self.create(credential, &tenant).await? {
            Created::New => CreateCredential::Done,
            Created::Exists(existing) => CreateCredential::Exists(Box::new(existing)),
        })
    }

    /// The credential that a callback token names, as it is now, whether or not the token is its own.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn credential_named_by(&self, token: &CallbackToken) -> Result<Option<CarrierCredential>, StoreError> {
        self.get(access_patterns::credential(token.org, token.mode, token.credential), Consistency::Strong).await
    }

    /// All carrier credentials of an organization, newest first. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn credentials(&self, tenant: Tenant) -> Result<Vec<CarrierCredential>, StoreError> {
        let mut credentials = self.list(access_patterns::credentials(tenant.org(), tenant.mode())).await?;
        credentials.reverse();
        Ok(credentials)
    }

    /// Changes a credential by one write. With a new token the one before is kept beside it, and if that was changed within
    /// the overlap too, also the one before that, which takes a second write.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn change_credential(
        &self,
        tenant: Tenant,
        id: CredentialId,
        change: &CredentialChange,
        now: Timestamp,
    ) -> Result<ChangedCredential, StoreError> {
        let mut live = None;
        for _ in 0..TRIES {
            let mut set = SetExpression::default();
            set.set("updated_at", AttributeValue::S(now.to_string()));
            if let Some(label) = &change.label {
                set.set("label", AttributeValue::S(label.clone()));
            }
            let mut condition = match &change.renewal {
                Some(renewal) => renew(&mut set, renewal, live, now),
                None => "attribute_exists(pk)".to_owned(),
            };
            if let Some(key) = &change.signing_key {
                sign_by(&mut set, key.as_ref());
                condition += " AND carrier = :twilio";
            }
            let key = access_patterns::credential(tenant.org(), tenant.mode(), id);
            let existing = match self.update(key, &set, Some(&condition)).await? {
                Changed::Done(credential) => return Ok(ChangedCredential::Done(Box::new(credential))),
                Changed::Refused(None) => return Ok(ChangedCredential::NotFound),
                Changed::Refused(Some(existing)) => existing,
            };
            if change.signing_key.is_some() && existing.carrier != Carrier::Twilio {
                return Ok(ChangedCredential::NoSigningKey);
            }
            let Some(renewal) = &change.renewal else { break };
            if existing.rotated_by.as_ref() == Some(&renewal.request) {
                return Ok(ChangedCredential::Done(Box::new(existing)));
            }
            if existing.account != renewal.account || existing.carrier.account_key() != renewal.key {
                return Ok(ChangedCredential::OtherAccount(Box::new(existing)));
            }
            // The token before is still in use: it is kept beside the one that goes now.
            live = existing.previous_until.filter(|until| now < *until);
        }
        Err(StoreError::Unavailable("the credential keeps being changed by others".to_owned()))
    }

    /// Replaces the hash of a credential's callback token: the addresses with the one before end at once. The
    /// credential as it is then; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn replace_callback(
        &self,
        tenant: Tenant,
        id: CredentialId,
        hash: &str,
        now: Timestamp,
    ) -> Result<Option<CarrierCredential>, StoreError> {
        let mut set = SetExpression::default();
        set.set("callback", AttributeValue::S(hash.to_owned()));
        set.set("updated_at", AttributeValue::S(now.to_string()));
        let key = access_patterns::credential(tenant.org(), tenant.mode(), id);
        Ok(self.update(key, &set, Some("attribute_exists(pk)")).await?.done())
    }

    /// Deletes a credential on which no number hangs. Waits and tries again while a registration holds it: how that ends
    /// decides.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn delete_credential(&self, tenant: Tenant, id: CredentialId) -> Result<DeletedCredential, StoreError> {
        Ok(match self.delete_unused(access_patterns::credential(tenant.org(), tenant.mode(), id), "numbers_count").await? {
            Deleted::Done => DeletedCredential::Done,
            Deleted::NotFound => DeletedCredential::NotFound,
            Deleted::Used => DeletedCredential::InUse,
        })
    }
}

/// What a signing key sets. The condition beside it asks for Twilio.
fn sign_by(set: &mut SetExpression, key: Option<&Sealed>) {
    match key {
        Some(key) => set.set("signing_key", AttributeValue::S(key.encoded().to_owned())),
        None => set.remove("signing_key"),
    }
    set.value(":twilio", AttributeValue::S(Carrier::Twilio.as_str().to_owned()));
}

/// What a new token sets; the answer is the condition under which it may. `live` tells until when the token before the one
/// that goes now keeps verifying, if it does.
fn renew(set: &mut SetExpression, renewal: &TokenRenewal, live: Option<Timestamp>, now: Timestamp) -> String {
    let seen = match live {
        Some(until) => {
            set.copy("older_token", "previous_token");
            set.copy("older_until", "previous_until");
            set.value(":seen", AttributeValue::S(until.to_string()));
            "previous_until = :seen"
        }
        None => {
            set.remove("older_token");
            set.remove("older_until");
            set.value(":now", AttributeValue::S(now.to_string()));
            "(attribute_not_exists(previous_until) OR previous_until <= :now)"
        }
    };
    set.copy("previous_token", "token");
    set.set("token", AttributeValue::S(renewal.token.encoded().to_owned()));
    set.set("previous_until", AttributeValue::S(renewal.previous_until.to_string()));
    set.set("rotated_by", AttributeValue::S(renewal.request.clone()));
    set.name("#account", "account");
    set.value(":account", AttributeValue::S(renewal.account.clone()));
    set.value(":twilio", AttributeValue::S(Carrier::Twilio.as_str().to_owned()));
    set.value(":request", AttributeValue::S(renewal.request.clone()));
    let carrier = match renewal.key {
        AccountKey::AccountSid => "carrier = :twilio",
        AccountKey::AuthId => "carrier <> :twilio",
    };
    format!("#account = :account AND {carrier} AND (attribute_not_exists(rotated_by) OR rotated_by <> :request) AND {seen}")
}
