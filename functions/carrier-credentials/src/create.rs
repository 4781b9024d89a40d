//! A carrier credential is added: its token is sealed, its callback URLs are shown this once.

use api::{Audit, Born, Caller, Fields, JsonBody, Problem, ShowsSecret};
use axum::{Extension, Json, extract::State};
use domain::{
    CredentialId, Invalid,
    audit::Action,
    callback::CallbackToken,
    carrier::{Carrier, Credentials},
    credential::{CarrierCredential, MAX_LABEL_CHARS},
    wire,
};
use http::StatusCode;
use store::{CreateCredential, Tenant};

/// `POST /telephony/providers`: `provider`, `label`, `credentials`.
pub(crate) async fn create_provider(
    State(state): State<crate::State>,
    caller: Caller,
    audit: Audit,
    Born(birth): Born,
    JsonBody(mut fields): JsonBody,
) -> Result<(StatusCode, Extension<ShowsSecret>, Json<wire::CreatedCredential>), Problem> {
    let order = Order::read(&mut fields)?;
    let id = CredentialId::new(birth.at, birth.bytes);
    let token = crate::callback(caller.tenant, id);
    let credential = order.credential(&state, caller.tenant, id, &token).await?;
    let table = audit.on(&state.table, &caller, Action::CredentialCreated, id.as_uuid());
    let credential = match table.create_credential(caller.tenant, &credential).await? {
        CreateCredential::Done => credential,
        // An earlier try of this very request made it, and nobody was shown its callback URLs: they are made anew.
        CreateCredential::Exists(_) => {
            let now = state.clock.now();
            table.replace_callback(caller.tenant, id, &token.hash(), now).await?.ok_or_else(crate::not_found)?
        }
    };
    let callbacks = wire::CallbackUrls::new(&state.base_url, credential.carrier, &token);
    let created =
        wire::CreatedCredential { id, provider: credential.carrier, label: credential.label, created_at: credential.created_at, callbacks };
    Ok((StatusCode::CREATED, Extension(ShowsSecret), Json(created)))
}

/// What a creator sends.
struct Order {
    carrier: Carrier,
    label: String,
    credentials: Credentials,
}

impl Order {
    fn read(fields: &mut Fields) -> Result<Self, Problem> {
        for field in ["provider", "label", "credentials"] {
            if !fields.has(field) {
                fields.missing(field);
            }
        }
        let carrier = fields.parsed::<Carrier>("provider");
        let label = label(fields);
        let given = fields.object("credentials");
        let credentials = carrier.zip(given).and_then(|(carrier, given)| {
            let read = Credentials::read(carrier, given);
            read.map_err(|faults| note(fields, faults)).ok()
        });
        fields.finish()?;
        match (carrier, label, credentials) {
            (Some(carrier), Some(label), Some(credentials)) => Ok(Self { carrier, label, credentials }),
            _ => Err(Problem::internal("a required field passed as missing")),
        }
    }

    async fn credential(
        self,
        state: &crate::State,
        tenant: Tenant,
        id: CredentialId,
        token: &CallbackToken,
    ) -> Result<CarrierCredential, Problem> {
        let now = state.clock.now();
        let sealed = state.seal(tenant, id, &self.credentials.token, now).await?;
        Ok(CarrierCredential {
            id,
            carrier: self.carrier,
            label: self.label,
            account: self.credentials.account,
            token: sealed,
            previous_token: None,
            previous_until: None,
            older_token: None,
            older_until: None,
            signing_key: None,
            rotated_by: None,
            callback: token.hash(),
            numbers_count: 0,
            created_at: now,
            updated_at: now,
        })
    }
}

/// A checked label; `None` if it is absent or wrong.
pub(crate) fn label(fields: &mut Fields) -> Option<String> {
    let text = fields.text("label")?;
    let label = text.trim();
    if (1..=MAX_LABEL_CHARS).contains(&label.chars().count()) && !text.chars().any(char::is_control) {
        return Some(label.to_owned());
    }
    fields.fault("label", format!("must have 1 to {MAX_LABEL_CHARS} characters and no control characters"));
    None
}

/// Notes what is wrong with credentials.
pub(crate) fn note(fields: &mut Fields, faults: Vec<Invalid>) {
    for fault in faults {
        fields.fault(&fault.field, fault.problem);
    }
}
