//! A key is minted, and shown this once.

use api::{Audit, Born, Caller, Code, JsonBody, KeptInstead, Problem};
use axum::{Extension, Json, extract::State};
use domain::{
    KeyId, Mode,
    api_key::{ApiKey, ApiKeyText, KeyRecord},
    audit::Action,
    limits::Counted,
    wire,
};
use http::StatusCode;
use runtime::random;
use store::{CreateApiKey, Table};

use crate::settings;

/// `POST /api-keys`: name and scopes, and where and how long the key works.
pub(crate) async fn create_api_key(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    Born(birth): Born,
    JsonBody(mut fields): JsonBody,
) -> Result<(StatusCode, Extension<KeptInstead>, Json<wire::CreatedApiKey>), Problem> {
    let now = state.clock.now();
    for required in ["name", "scopes"].into_iter().filter(|name| !fields.has(name)).collect::<Vec<_>>() {
        fields.missing(required);
    }
    let mode = fields.parsed::<Mode>("mode").unwrap_or(caller.tenant.mode());
    let wanted = settings::read(&mut fields, now);
    fields.finish()?;
    if (caller.tenant.mode(), mode) == (Mode::Test, Mode::Live) {
        return Err(Problem::new(Code::Forbidden, "A key of test mode mints keys of test mode alone"));
    }
    let (Some(name), Some(scopes)) = (wanted.name, wanted.scopes) else {
        return Err(Problem::internal("a name or scopes passed as missing"));
    };
    caller.require_each(&scopes)?;
    let key = ApiKey {
        id: KeyId::new(birth.at, birth.bytes),
        organization_id: caller.tenant.org(),
        mode,
        name,
        scopes,
        created_at: now,
        updated_at: now,
        allowed_ips: wanted.allowed_ips.unwrap_or_default(),
        valid_until: wanted.valid_until.flatten(),
        revoked_at: None,
    };
    let text = ApiKeyText::mint(mode, random::bytes());
    let table = audit.on(&state.table, &caller, Action::KeyCreated, key.id.as_uuid());
    let record = mint(&table, KeyRecord::new(key, &text), &text).await?;
    let shown = wire::CreatedApiKey::shown(wire::ApiKey::at(record, now), &text);
    let kept = serde_json::to_string(&shown.without_key()).map_err(Problem::internal)?;
    Ok((StatusCode::CREATED, Extension(KeptInstead(kept)), Json(shown)))
}

/// Stores the key's record. What an earlier try of this very request stored was shown to nobody: the key that is shown now
/// takes its place.
async fn mint(table: &Table, record: KeyRecord, text: &ApiKeyText) -> Result<KeyRecord, Problem> {
    match table.create_api_key(&record).await? {
        CreateApiKey::Done => Ok(record),
        // Somebody gave it other scopes or places since: not what this caller asked for, and perhaps not its to have.
        CreateApiKey::Exists(existing) if existing.key.updated_at != existing.key.created_at => Err(changed()),
        CreateApiKey::Exists(existing) if existing.key_hash == record.key_hash => Ok(record),
        CreateApiKey::Exists(existing) => {
            let reminted = table.remint_api_key(&existing, text).await?;
            reminted.ok_or_else(changed)
        }
        CreateApiKey::TooMany { most } => Err(Problem::too_many(Counted::Keys, most)),
    }
}

fn changed() -> Problem {
    Problem::new(Code::Conflict, "The key was changed or revoked before it was shown")
}
