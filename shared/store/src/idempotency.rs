//! Requests with an idempotency key: claimed before they do anything, completed with their answer.
//!
//! A claim is a lease: whoever dies with it holds the key no longer than a function may run. What a request creates
//! has ids that are the same at every try, so a try after a crash finds what the first one made.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Timestamp,
    idempotency::{KEPT_SECONDS, LEASE_MILLIS, RequestKey},
    secret::Sealed,
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

/// The answer of a request, kept for replays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, unless it shows a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body, sealed, if it shows a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_body: Option<Sealed>,
    /// The body's content type, unless it is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRequest {
    /// Which request it is.
    pub request: String,
    /// A digest of query and body.
    pub fingerprint: String,
    /// When it was first tried, in milliseconds since 1970.
    pub first_at: i64,
    /// Until when a try that has not ended holds it, in milliseconds since 1970.
    pub lease_until: i64,
    /// When it is forgotten, in seconds since 1970.
    pub expires_at: i64,
    /// The answer, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<KeptAnswer>,
}

serde_item!(KeptRequest, "request", (Tenant, RequestKey), |_request, scope| Keys::primary(access_patterns::request(
    scope.0.org(),
    scope.0.mode(),
    scope.1
)));

/// Whether a request may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It may: nobody else works on it. The time is that of its first try.
    Mine {
        /// When it was first tried.
        first_at: Timestamp,
    },
    /// It was answered before.
    Answered {
        /// The answer.
        answer: KeptAnswer,
    },
    /// Another try is under way.
    InProgress,
    /// The key was used for another request.
    Reused,
}

impl Table {
    /// Claims a request, or tells what became of it.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn claim_request(
        &self,
        tenant: Tenant,
        request: RequestKey,
        fingerprint: &str,
        now: Timestamp,
    ) -> Result<Claimed, StoreError> {
        let fresh = "attribute_not_exists(pk) OR (attribute_not_exists(answer) AND lease_until <= :now AND fingerprint = :fingerprint)";
        let kept = match self.claim_if(tenant, request, claim(request, fingerprint, now, FirstTry::Kept), fresh).await? {
            Ok(first_at) => return Ok(Claimed::Mine { first_at }),
            Err(kept) => kept,
        };
        if kept.expires_at <= now.as_seconds() {
            // Forgotten, though TTL has not removed it yet: whoever comes first begins anew.
            let anew = claim(request, fingerprint, now, FirstTry::Now);
            let claimed = self.claim_if(tenant, request, anew, "expires_at <= :now_seconds").await?;
            return Ok(claimed.map_or(Claimed::InProgress, |first_at| Claimed::Mine { first_at }));
        }
        Ok(match kept.answer {
            _ if kept.fingerprint != fingerprint => Claimed::Reused,
            Some(answer) => Claimed::Answered { answer },
            None => Claimed::InProgress,
        })
    }

    /// Writes a claim under a condition: the time of the first try, or what stands there instead.
    async fn claim_if(
        &self,
        tenant: Tenant,
        request: RequestKey,
        set: SetExpression,
        condition: &str,
    ) -> Result<Result<Timestamp, KeptRequest>, StoreError> {
        let key = access_patterns::request(tenant.org(), tenant.mode(), request);
        match self.update(key, &set, Some(condition)).await? {
            Changed::Done(kept) => {
                let first_at = Timestamp::from_millis(kept.first_at).map_err(|error| StoreError::corrupt(KeptRequest::KIND, error))?;
                Ok(Ok(first_at))
            }
            Changed::Refused(Some(kept)) => Ok(Err(kept)),
            Changed::Refused(None) => Err(StoreError::Unavailable("a claimed request vanished".to_owned())),
        }
    }

    /// Keeps a request's answer for replays.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written: a later try finds what this one made by its ids.
    pub async fn complete_request(&self, tenant: Tenant, request: RequestKey, answer: &KeptAnswer) -> Result<(), StoreError> {
        let mut set = SetExpression::default();
        let value = serde_dynamo::to_attribute_value(answer).map_err(|error| StoreError::corrupt(KeptRequest::KIND, error))?;
        set.set_once("answer", value);
        self.change_request(tenant, request, &set, "attribute_exists(pk)").await
    }

    /// Gives up the claim made at this time, whose request came to nothing that may be kept, so that the next try goes on
    /// at once. A claim that another try has made since stays.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written: the lease ends by itself.
    pub async fn abandon_request(&self, tenant: Tenant, request: RequestKey, claimed_at: Timestamp) -> Result<(), StoreError> {
        let mut set = SetExpression::default();
        set.set("lease_until", AttributeValue::N("0".to_owned()));
        set.value(":own", AttributeValue::N(lease_until(claimed_at).to_string()));
        self.change_request(tenant, request, &set, "lease_until = :own").await
    }

    async fn change_request(&self, tenant: Tenant, request: RequestKey, set: &SetExpression, condition: &str) -> Result<(), StoreError> {
        let key = access_patterns::request(tenant.org(), tenant.mode(), request);
        self.update(key, set, Some(condition)).await.map(drop)
    }
}

/// Which time a claim has as that of the first try.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FirstTry {
    /// The one that is there, else now.
    Kept,
    /// Now.
    Now,
}

/// When a claim made at this time ends, in milliseconds since the epoch.
const fn lease_until(claimed_at: Timestamp) -> i64 {
    claimed_at.as_millis() + LEASE_MILLIS
}

/// What a claim writes, and the values that its conditions use.
fn claim(request: RequestKey, fingerprint: &str, now: Timestamp, first_try: FirstTry) -> SetExpression {
    let number = |value: i64| AttributeValue::N(value.to_string());
    let mut set = SetExpression::default();
    set.set(KIND, AttributeValue::S(KeptRequest::KIND.to_owned()));
    set.set(VERSION, AttributeValue::N(KeptRequest::VERSION.to_string()));
    set.set("request", AttributeValue::S(request.to_string()));
    set.set("fingerprint", AttributeValue::S(fingerprint.to_owned()));
    match first_try {
        FirstTry::Kept => set.set_once("first_at", number(now.as_millis())),
        FirstTry::Now => set.set("first_at", number(now.as_millis())),
    }
    set.set("lease_until", number(lease_until(now)));
    set.set(EXPIRES_AT, number(now.as_seconds() + KEPT_SECONDS));
    set.remove("answer");
    match first_try {
        FirstTry::Kept => {
            set.value(":now", number(now.as_millis()));
            set.value(":fingerprint", AttributeValue::S(fingerprint.to_owned()));
        }
        FirstTry::Now => set.value(":now_seconds", number(now.as_seconds())),
    }
    set
}
