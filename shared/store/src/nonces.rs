//! Nonces of carriers' callbacks: used once, or again by the very same request.
//!
//! Some carriers sign a nonce but not the body. Whoever has seen one request could send another one under its signature, if
//! the nonce were good a second time.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    CredentialId, Timestamp,
    callback::{NONCE_KEPT_SECONDS, NonceMark, RequestMark},
};
use serde::{Deserialize, Serialize};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    item::{EXPIRES_AT, Item as _, KIND, VERSION, serde_item},
    keys::{Keys, Tenant},
    table::Table,
    update::Changed,
};

/// A nonce, and the request that it came with first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedNonce {
    /// That request.
    pub request: RequestMark,
    /// Until when it counts as used, in seconds since 1970.
    pub expires_at: i64,
}

serde_item!(UsedNonce, "nonce", (Tenant, CredentialId, NonceMark), |_used, scope| Keys::primary(access_patterns::used_nonce(
    scope.0.org(),
    scope.0.mode(),
    scope.1,
    &scope.2
)));

/// Whether a nonce is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceUse {
    /// It was not used before.
    First,
    /// The very same request came before: a repetition.
    Again,
    /// Another request came with it before.
    Stolen,
}

impl Table {
    /// Uses a nonce of a credential for a request, and tells whether it was used before. It counts as used for 24 hours.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn use_nonce(
        &self,
        tenant: Tenant,
        credential: CredentialId,
        nonce: &NonceMark,
        request: &RequestMark,
        now: Timestamp,
    ) -> Result<NonceUse, StoreError> {
        let number = |value: i64| AttributeValue::N(value.to_string());
        let value = serde_dynamo::to_attribute_value(request).map_err(|error| StoreError::corrupt(UsedNonce::KIND, error))?;
        let mut set = SetExpression::default();
        set.set(KIND, AttributeValue::S(UsedNonce::KIND.to_owned()));
        set.set(VERSION, number(UsedNonce::VERSION.into()));
        set.set("request", value);
        set.set(EXPIRES_AT, number(now.as_seconds() + NONCE_KEPT_SECONDS));
        set.value(":now", number(now.as_seconds()));
        let key = access_patterns::used_nonce(tenant.org(), tenant.mode(), credential, nonce);
        // TTL may take its time: what is over counts as gone.
        Ok(match self.update(key, &set, Some("attribute_not_exists(pk) OR expires_at <= :now")).await? {
            Changed::Done(_) => NonceUse::First,
            Changed::Refused(Some(used)) if used.request == *request => NonceUse::Again,
            Changed::Refused(Some(_)) => NonceUse::Stolen,
            Changed::Refused(None) => return Err(StoreError::Unavailable("a used nonce vanished".to_owned())),
        })
    }
}
