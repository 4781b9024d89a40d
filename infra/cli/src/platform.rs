//! Carrier credentials of the operator: the calls of numbers from the inventory come by them. They lie beside those of
//! organizations, sealed alike, under an id that no organization has.

use domain::{
    CredentialId, Mode, OrgId, Timestamp,
    callback::CallbackToken,
    carrier::{Carrier, Credentials, read_signing_key},
    credential::{CarrierCredential, OVERLAP_MILLIS},
    secret::SecretKind,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use store::{ChangedCredential, CreateCredential, CredentialChange, Table, Tenant, TokenRenewal};
use uuid::Uuid;
use vault::Vault;

/// A credential that is to be added.
#[derive(Debug)]
pub struct NewCredential {
    /// Its id.
    pub id: CredentialId,
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
    Tenant::new(OrgId::PLATFORM, mode)
}

/// Adds a credential: its token is sealed, and its callback token is returned this once.
///
/// `random` makes the callback token.
///
/// # Errors
/// If the account or the token has not the carrier's form, or if KMS or the table cannot be reached.
pub async fn add(
    table: &Table,
    vault: &Vault,
    new: NewCredential,
    now: Timestamp,
    random: [u8; 16],
) -> anyhow::Result<(CarrierCredential, CallbackToken)> {
    let (tenant, id) = (tenant(new.mode), new.id);
    let sound = checked(new.carrier, &new.account, &new.token)?;
    let callback = CallbackToken::new(tenant.org(), tenant.mode(), id, random);
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

/// What its carrier signs with from now on.
#[derive(Debug)]
pub enum Renewed {
    /// A new token of the same account; the one before keeps verifying for 24 hours.
    Token(SecretString),
    /// The key with which Twilio signs in the token's place; `None` takes it away.
    SigningKey(Option<SecretString>),
}

/// Changes what a credential's carrier signs with. `request` tells this change apart from every other.
///
/// # Errors
/// If there is no such credential, its carrier has no signing key or the secret not the carrier's form, or if KMS or the table
/// cannot be reached.
pub async fn renew(
    table: &Table,
    vault: &Vault,
    (mode, id): (Mode, CredentialId),
    renewed: Renewed,
    now: Timestamp,
    request: [u8; 16],
) -> anyhow::Result<CarrierCredential> {
    let tenant = tenant(mode);
    let none = || anyhow::anyhow!("the operator has no credential {id} in {mode} data");
    let known = table.credentials(tenant).await?.into_iter().find(|known| known.id == id).ok_or_else(none)?;
    let place = tenant.place(SecretKind::CarrierToken, id.as_uuid());
    let change = match renewed {
        Renewed::Token(token) => {
            let sound = checked(known.carrier, &known.account, &token)?;
            let renewal = TokenRenewal {
                key: sound.key,
                account: sound.account,
                token: vault.seal(&place, &sound.token, now).await?,
                previous_until: now.plus_millis(OVERLAP_MILLIS),
                request: Uuid::from_bytes(request).to_string(),
            };
            CredentialChange { renewal: Some(renewal), ..Default::default() }
        }
        Renewed::SigningKey(Some(key)) => {
            let key = read_signing_key(key.expose_secret().to_owned())?;
            CredentialChange { signing_key: Some(Some(vault.seal(&place, &key, now).await?)), ..Default::default() }
        }
        Renewed::SigningKey(None) => CredentialChange { signing_key: Some(None), ..Default::default() },
    };
    match table.change_credential(tenant, id, &change, now).await? {
        ChangedCredential::Done(credential) => Ok(*credential),
        ChangedCredential::NotFound => Err(none()),
        ChangedCredential::OtherAccount(_) => anyhow::bail!("the credential is for another account"),
        ChangedCredential::NoSigningKey => anyhow::bail!("a signing key is Twilio's alone"),
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
    let callback = CallbackToken::new(tenant.org(), tenant.mode(), id, random);
    let replaced = table.replace_callback(tenant, id, &callback.hash(), now).await?;
    let credential = replaced.ok_or_else(|| anyhow::anyhow!("the operator has no credential {id} in {mode} data"))?;
    Ok((credential, callback))
}

/// What the API would take from an organization too.
fn checked(carrier: Carrier, account: &str, token: &SecretString) -> anyhow::Result<Credentials> {
    let fields = [(carrier.account_key().as_str().to_owned(), account), ("auth_token".to_owned(), token.expose_secret())];
    let given: Map<String, Value> = fields.into_iter().map(|(name, value)| (name, value.into())).collect();
    Credentials::read(carrier, given).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", faults.join("; "))
    })
}
