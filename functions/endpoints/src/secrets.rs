//! The secrets of endpoints: sealed for one endpoint, and opened for those who may see them.

use api::Problem;
use domain::{
    EndpointId, Timestamp,
    endpoint::{Endpoint, PasswordChange},
    secret::{Sealed, SecretKind},
};
use secrecy::SecretString;
use store::Tenant;
use vault::Vault;

/// Seals and opens the secrets of one tenant's endpoints.
pub(crate) struct Secrets<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) tenant: Tenant,
    pub(crate) now: Timestamp,
}

impl Secrets<'_> {
    /// Seals a webhook's signing secret.
    pub(crate) async fn seal_signing(&self, endpoint: EndpointId, secret: &SecretString) -> Result<Sealed, Problem> {
        Ok(self.vault.seal(&self.tenant.place(SecretKind::WebhookSecret, endpoint.as_uuid()), secret, self.now).await?)
    }

    /// Opens an endpoint's signing secret, if it has one.
    pub(crate) async fn signing(&self, endpoint: &Endpoint) -> Result<Option<SecretString>, Problem> {
        let Some(sealed) = &endpoint.secret else { return Ok(None) };
        let place = self.tenant.place(SecretKind::WebhookSecret, endpoint.id.as_uuid());
        Ok(Some(self.vault.open(&place, sealed, self.now).await?))
    }

    /// The sealed password after a change.
    pub(crate) async fn password(
        &self,
        endpoint: EndpointId,
        change: PasswordChange,
        kept: Option<Sealed>,
    ) -> Result<Option<Sealed>, Problem> {
        Ok(match change {
            PasswordChange::Absent => kept,
            PasswordChange::Remove => None,
            PasswordChange::Set(password) => {
                Some(self.vault.seal(&self.tenant.place(SecretKind::EndpointPassword, endpoint.as_uuid()), &password, self.now).await?)
            }
        })
    }
}
