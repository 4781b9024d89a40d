//! Carrier credentials of the operator: the calls of numbers from the inventory come by them. They lie beside those of
//! organizations, sealed alike, under an id that no organization has.

use domain::{
    CredentialId, Mode, OrgId, Timestamp,
    callback::CallbackToken,
    carrier::{Carrier, Credentials},
    credential::CarrierCredential,
    secret::SecretKind,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use store::{CreateCredential, Table, Tenant};
use vault::Vault;

/// A credential that is to be added.
#[derive(Debug)]
pub struct NewCredential {
    /// In which data set.
    pub mode: Mode,
    /// With which carrier.
    pub carrier: Carrier,
    /// What to call it.
    pub label: String,
    /// The account's id.
    pub account: String,
    /// The account's token.
    pub token: SecretString,
}

/// The operator's data of a mode.
#[must_use]
pub const fn tenant(mode: Mode) -> Tenant {
    Tenant { org: OrgId::PLATFORM, mode }
}

/// Adds a credential: its token is sealed, and its callback token is returned this once.
///
/// `random` makes the id and the callback token.
///
/// # Errors
/// If the account or the token has not the carrier's form, or if KMS or the table cannot be reached.
pub async fn add(
    table: &Table,
    vault: &Vault,
    new: NewCredential,
    now: Timestamp,
    random: ([u8; 10], [u8; 16]),
) -> anyhow::Result<(CarrierCredential, CallbackToken)> {
    let (tenant, id) = (tenant(new.mode), CredentialId::new(now, random.0));
    let sound = checked(&new)?;
    let callback = CallbackToken::new(tenant.org, tenant.mode, id, random.1);
    let credential = CarrierCredential {
        id,
        carrier: new.carrier,
        label: new.label,
        account: sound.account,
        token: vault.seal(&tenant.place(SecretKind::CarrierToken, id.as_uuid()), &sound.token, now).await?,
        previous_token: None,
        previous_until: None,
        older_token: None,
        older_until: None,
        signing_key: None,
        rotated_by: None,
        callback: callback.hash(),
        numbers_count: 0,
        created_at: now,
        updated_at: now,
    };
    match table.create_credential(tenant, &credential).await? {
        CreateCredential::Done => Ok((credential, callback)),
        CreateCredential::Exists(_) => anyhow::bail!("a credential with this id exists"),
    }
}

/// Gives a credential new callback URLs; the ones before end at once.
///
/// # Errors
/// If there is no such credential, or the table cannot be reached.
pub async fn rotate_callbacks(
    table: &Table,
    mode: Mode,
    id: CredentialId,
    now: Timestamp,
    random: [u8; 16],
) -> anyhow::Result<(CarrierCredential, CallbackToken)> {
    let tenant = tenant(mode);
    let callback = CallbackToken::new(tenant.org, tenant.mode, id, random);
    let replaced = table.replace_callback(tenant, id, &callback.hash(), now).await?;
    let credential = replaced.ok_or_else(|| anyhow::anyhow!("the operator has no credential {id} in {mode} data"))?;
    Ok((credential, callback))
}

/// What the API would take from an organization too.
fn checked(new: &NewCredential) -> anyhow::Result<Credentials> {
    let account = new.carrier.account_key().as_str().to_owned();
    let fields = [(account, new.account.as_str()), ("auth_token".to_owned(), new.token.expose_secret())];
    let given: Map<String, Value> = fields.into_iter().map(|(name, value)| (name, value.into())).collect();
    Credentials::read(new.carrier, given).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", faults.join("; "))
    })
}
