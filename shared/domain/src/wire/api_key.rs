//! API keys as clients see them: never the hash, and the key itself once.

use serde::Serialize;

use crate::{
    KeyId, Mode, OrgId, Timestamp,
    allowed_ip::AllowedIp,
    api_key::{ApiKeyText, KeyRecord},
    scope::Scopes,
    secret::Revealed,
};

/// An API key. Every field is always present, null when unset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// What its owner calls it.
    pub name: String,
    /// Which data set it reaches.
    pub mode: Mode,
    /// What it may do, by name.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::scope::Scope>))]
    pub scopes: Scopes,
    /// Where it may be used from; everywhere if the list is empty.
    pub allowed_ips: Vec<AllowedIp>,
    /// The key's last characters.
    pub hint: String,
    /// `active`, `expired` or `revoked`.
    pub status: &'static str,
    /// Whose key it is.
    pub organization_id: OrgId,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to within a minute or two.
    pub last_used_at: Option<Timestamp>,
    /// When it was minted.
    pub created_at: Timestamp,
    /// When its settings last changed.
    pub updated_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// The key as its organization sees it at this time.
    #[must_use]
    pub fn at(record: KeyRecord, now: Timestamp) -> Self {
        let KeyRecord { key, hint, last_used_at, key_hash: _ } = record;
        let status = match (key.revoked_at, key.valid_until) {
            (Some(_), _) => "revoked",
            (None, Some(end)) if end <= now => "expired",
            _ => "active",
        };
        Self {
            id: key.id,
            name: key.name,
            mode: key.mode,
            scopes: key.scopes,
            allowed_ips: key.allowed_ips,
            hint,
            status,
            organization_id: key.organization_id,
            expires_at: key.valid_until,
            last_used_at,
            created_at: key.created_at,
            updated_at: key.updated_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A key that was just minted, with itself: the one answer that shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedApiKey {
    /// What can be read of it later too.
    #[serde(flatten)]
    pub api_key: ApiKey,
    /// The key; null where the answer is given once more.
    pub key: Option<Revealed>,
}

impl CreatedApiKey {
    /// The answer that shows the key.
    #[must_use]
    pub fn shown(api_key: ApiKey, text: &ApiKeyText) -> Self {
        Self { api_key, key: Some(text.reveal().to_owned().into()) }
    }

    /// The same answer without the key.
    #[must_use]
    pub fn without_key(&self) -> Self {
        Self { api_key: self.api_key.clone(), key: None }
    }
}
