//! The keys of one issuer, remembered for ten minutes.
//!
//! They are asked for by one request at a time. A key that is not among them has them read once more, and then not again
//! for a while, whatever tokens come; while they cannot be read the ones before go on being believed.

use std::sync::{Arc, Mutex, PoisonError};

use domain::Timestamp;
use jsonwebtoken::{DecodingKey, crypto};
use runtime::Clock;
use secrecy::ExposeSecret as _;
use store::{IssuerId, Table};
use vault::Vault;

use super::{
    issuers::{Algorithm, Issuer, KeySource},
    jwks,
    token::Token,
};
use crate::problem::Problem;

/// How long keys are believed before they are read anew.
const FRESH_MILLIS: i64 = 10 * 60 * 1000;

/// How long keys are believed while they cannot be read anew.
const STALE_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// How long keys are not read again, whatever came of reading them.
const COOL_DOWN_MILLIS: i64 = 30 * 1000;

/// The same where reading them failed and none are there to be believed.
const RETRY_MILLIS: i64 = 5 * 1000;

/// A key that verifies signatures.
#[derive(Debug)]
pub(crate) struct VerifyingKey {
    /// The name under which tokens ask for it; a secret has none and is meant always.
    pub(crate) id: Option<String>,
    /// The one algorithm that it is for.
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
}

impl VerifyingKey {
    fn is_meant(&self, token: &Token<'_>) -> bool {
        self.algorithm == token.algorithm && (self.id.is_none() || self.id == token.key_id)
    }

    /// Whether the token was signed with the key.
    pub(crate) fn verifies(&self, token: &Token<'_>) -> bool {
        let algorithm = match self.algorithm {
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
            Algorithm::Hs256 => jsonwebtoken::Algorithm::HS256,
        };
        crypto::verify(token.signature, token.signed.as_bytes(), &self.key, algorithm).unwrap_or(false)
    }
}

/// Where keys are read.
#[derive(Debug)]
enum Source {
    Jwks(http::Uri),
    Secret { issuer: IssuerId, table: Table, vault: Vault, clock: Clock },
}

/// What is remembered.
#[derive(Debug, Clone, Default)]
struct Kept {
    keys: Option<(Timestamp, Arc<[VerifyingKey]>)>,
    tried_at: Option<Timestamp>,
}

/// The keys of one issuer.
#[derive(Debug)]
pub(crate) struct Keys {
    source: Source,
    kept: Mutex<Kept>,
    /// Held by the one request that reads them.
    reading: tokio::sync::Mutex<()>,
}

impl Keys {
    /// The keys of this issuer. Reads nothing yet.
    pub(crate) fn of(issuer: &Issuer, table: &Table, vault: &Vault, clock: &Clock) -> Self {
        let source = match &issuer.keys {
            KeySource::Jwks(address) => Source::Jwks(address.clone()),
            KeySource::Secret => {
                Source::Secret { issuer: IssuerId::of(&issuer.name), table: table.clone(), vault: vault.clone(), clock: clock.clone() }
            }
        };
        Self { source, kept: Mutex::default(), reading: tokio::sync::Mutex::default() }
    }

    /// Whether one of the keys signed the token.
    ///
    /// # Errors
    /// An outage while no keys can be had.
    pub(crate) async fn verify(&self, token: &Token<'_>, now: Timestamp) -> Result<bool, Problem> {
        if let Some(verdict) = self.verdict(token, now) {
            return Ok(verdict);
        }
        let _reading = self.reading.lock().await;
        // Somebody else may have read them meanwhile.
        if let Some(verdict) = self.verdict(token, now) {
            return Ok(verdict);
        }
        if !self.rests(now) {
            self.read(now).await?;
        }
        let Some(keys) = self.believed(now, STALE_MILLIS) else {
            return Err(Problem::unavailable("the issuer's keys could not be had a moment ago"));
        };
        Ok(keys.iter().find(|key| key.is_meant(token)).is_some_and(|key| key.verifies(token)))
    }

    /// What the keys say that are fresh, if the one that is meant is among them.
    fn verdict(&self, token: &Token<'_>, now: Timestamp) -> Option<bool> {
        let keys = self.believed(now, FRESH_MILLIS)?;
        keys.iter().find(|key| key.is_meant(token)).map(|key| key.verifies(token))
    }

    /// The keys, if they were read so lately.
    fn believed(&self, now: Timestamp, age_millis: i64) -> Option<Arc<[VerifyingKey]>> {
        let (since, keys) = self.kept().keys?;
        (now.millis_since(since).abs() < age_millis).then_some(keys)
    }

    /// Whether it is too early to read them again.
    fn rests(&self, now: Timestamp) -> bool {
        let pause = if self.believed(now, STALE_MILLIS).is_some() { COOL_DOWN_MILLIS } else { RETRY_MILLIS };
        self.kept().tried_at.is_some_and(|tried_at| now.millis_since(tried_at).abs() < pause)
    }

    fn kept(&self) -> Kept {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads them. A failure is one only if there are none to go on with.
    async fn read(&self, now: Timestamp) -> Result<(), Problem> {
        let read = self.source.read().await;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.tried_at = Some(now);
        match read {
            Ok(keys) => kept.keys = Some((now, keys.into())),
            Err(problem) => {
                tracing::warn!(?problem, source = self.source.name(), "an issuer's keys could not be read");
                if kept.keys.is_none() {
                    return Err(problem);
                }
            }
        }
        Ok(())
    }
}

impl Source {
    async fn read(&self) -> Result<Vec<VerifyingKey>, Problem> {
        match self {
            Self::Jwks(address) => jwks::fetch(address).await.map_err(Problem::unavailable),
            Self::Secret { issuer, table, vault, clock } => {
                let Some(stored) = table.issuer_secret(*issuer).await? else {
                    tracing::error!("an issuer's tokens go by HS256 and its secret is not stored: trunkline config jwt-secret");
                    return Ok(Vec::new());
                };
                let secret = vault.open(&issuer.place(), &stored.secret, clock.now()).await?;
                let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
                Ok(vec![VerifyingKey { id: None, algorithm: Algorithm::Hs256, key }])
            }
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Jwks(address) => address.to_string(),
            Self::Secret { .. } => "the stored secret".to_owned(),
        }
    }
}
