//! Carrier credentials changed, given new callback URLs, and deleted.

use api::{Audit, Born, Caller, Code, Fields, JsonBody, PathId, Problem, ShowsSecret};
use axum::{Extension, Json, extract::State};
use domain::{
    CredentialId, Invalid,
    audit::Action,
    carrier::{AccountKey, Credentials, read_signing_key},
    credential::{CarrierCredential, OVERLAP_MILLIS},
    idempotency::Birth,
    wire,
};
use http::StatusCode;
use secrecy::SecretString;
use store::{ChangedCredential, CredentialChange, DeletedCredential, Tenant, TokenRenewal};

use crate::create::{label, note};

/// `PATCH /telephony/providers/{id}`: a new token for the same account, a new label, the key with which Twilio signs in the token's
/// place (null takes it away), or several of them. The token before keeps verifying callbacks for 24 hours.
pub(crate) async fn update_provider(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    Born(birth): Born,
    PathId(id): PathId,
    JsonBody(mut fields): JsonBody,
) -> Result<Json<wire::CarrierCredential>, Problem> {
    let id = crate::parse(&id)?;
    let audit = audit.naming(fields.present(&["label", "credentials", "signing_key"]));
    let Wanted { label, credentials, signing_key } = Wanted::read(&mut fields)?;
    let key = credentials.as_ref().map(|credentials| credentials.key);
    let renewal = match credentials {
        Some(credentials) => Some(renewal(&state, caller.tenant, id, credentials, &birth).await?),
        None => None,
    };
    let signing_key = match signing_key {
        Some(Some(key)) => Some(Some(state.seal(caller.tenant, id, &key, state.clock.now()).await?)),
        Some(None) => Some(None),
        None => None,
    };
    let change = CredentialChange { label, renewal, signing_key };
    let table = audit.on(&state.table, &caller, Action::CredentialUpdated, id.as_uuid());
    match table.change_credential(caller.tenant, id, &change, state.clock.now()).await? {
        ChangedCredential::Done(credential) => Ok(Json((*credential).into())),
        ChangedCredential::NotFound => Err(crate::not_found()),
        ChangedCredential::OtherAccount(credential) => Err(other_account(key, &credential)),
        ChangedCredential::NoSigningKey => Err(Problem::invalid(vec![Invalid::new("signing_key", "is Twilio's alone")])),
    }
}

/// What a changer sends: at least one of these.
struct Wanted {
    label: Option<String>,
    credentials: Option<Credentials>,
    signing_key: Option<Option<SecretString>>,
}

impl Wanted {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        if !fields.has("label") && !fields.has("credentials") && fields.lacks("signing_key") {
            fields.missing("credentials");
        }
        let label = label(fields);
        let given = fields.object("credentials");
        let credentials = given.and_then(|given| Credentials::read_renewed(given).map_err(|faults| note(fields, faults)).ok());
        let signing_key = fields.text_or_null("signing_key").map(|text| {
            let key = text.map(read_signing_key).transpose();
            key.map_err(|fault| note(fields, vec![fault])).unwrap_or_default()
        });
        fields.finish()?;
        Ok(Self { label, credentials, signing_key })
    }
}

async fn renewal(
    state: &crate::State,
    tenant: Tenant,
    id: CredentialId,
    credentials: Credentials,
    birth: &Birth,
) -> Result<TokenRenewal, Problem> {
    let now = state.clock.now();
    Ok(TokenRenewal {
        key: credentials.key,
        token: state.seal(tenant, id, &credentials.token, now).await?,
        account: credentials.account,
        previous_until: now.plus_millis(OVERLAP_MILLIS),
        request: birth.name(),
    })
}

/// The account cannot be changed: numbers and callbacks belong to it.
fn other_account(key: Option<AccountKey>, credential: &CarrierCredential) -> Problem {
    let wanted = credential.carrier.account_key().as_str();
    let problem = if key == Some(credential.carrier.account_key()) {
        Invalid::new(format!("credentials.{wanted}"), "is another account: add a credential of its own for it")
    } else {
        Invalid::new("credentials", format!("must have exactly {wanted} and auth_token"))
    };
    Problem::invalid(vec![problem])
}

/// `POST /telephony/providers/{id}/rotate-callbacks`: new callback URLs; the ones before end at once.
pub(crate) async fn rotate_callbacks(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
) -> Result<(Extension<ShowsSecret>, Json<wire::RotatedCallbacks>), Problem> {
    let id = crate::parse(&id)?;
    let token = crate::callback(caller.tenant, id);
    let table = audit.on(&state.table, &caller, Action::CredentialCallbacksRotated, id.as_uuid());
    let replaced = table.replace_callback(caller.tenant, id, &token.hash(), state.clock.now()).await?;
    let credential = replaced.ok_or_else(crate::not_found)?;
    let callbacks = wire::CallbackUrls::new(&state.base_url, credential.carrier, &token);
    Ok((Extension(ShowsSecret), Json(wire::RotatedCallbacks { id, callbacks })))
}

/// `DELETE /telephony/providers/{id}`: refused while a number hangs on it.
pub(crate) async fn delete_provider(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    PathId(id): PathId,
) -> Result<StatusCode, Problem> {
    let id = crate::parse(&id)?;
    let table = audit.on(&state.table, &caller, Action::CredentialDeleted, id.as_uuid());
    match table.delete_credential(caller.tenant, id).await? {
        DeletedCredential::Done => Ok(StatusCode::NO_CONTENT),
        DeletedCredential::NotFound => Err(crate::not_found()),
        DeletedCredential::InUse => Err(Problem::new(Code::Conflict, "Credential in use by phone numbers")),
    }
}
