//! Who gets a delivery: URL and opened signing secret, remembered for a minute.

use std::sync::Arc;

use domain::{
    EndpointId, Timestamp,
    endpoint::{Endpoint, EndpointStatus},
    secret::{Sealed, SecretKind},
};
use queue::batch::Failure;
use secrecy::ExposeSecret as _;
use store::{Consistency, Tenant};
use webhooks::{guard::WebhookUrl, sign::SigningSecret};

use crate::WebhookDelivery;

/// A receiver, ready to be sent to.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) url: WebhookUrl,
    pub(crate) secret: SigningSecret,
    /// The secret before the last rotation, and until when it signs too.
    previous: Option<(SigningSecret, Timestamp)>,
}

impl Receiver {
    /// The secret before the last rotation, while it keeps signing.
    pub(crate) fn previous(&self, now: Timestamp) -> Option<&SigningSecret> {
        self.previous.as_ref().filter(|(_, until)| now < *until).map(|(secret, _)| secret)
    }
}

impl WebhookDelivery {
    /// The receiver, `None` if it is gone or its owner switched it off.
    pub(crate) async fn receiver(&self, tenant: Tenant, id: EndpointId) -> Result<Option<Arc<Receiver>>, Failure> {
        let now = self.clock.now();
        if let Some(receiver) = self.receivers.get(&(tenant, id), now) {
            return Ok(Some(receiver));
        }
        let endpoint = self.table.endpoint(tenant, id, Consistency::EventualIfThere).await.map_err(Failure::retry)?;
        let Some(endpoint) = endpoint.filter(|endpoint| endpoint.status == EndpointStatus::Active) else { return Ok(None) };
        let receiver = Arc::new(self.open(tenant, endpoint).await?);
        self.receivers.put((tenant, id), Arc::clone(&receiver), now);
        Ok(Some(receiver))
    }

    async fn open(&self, tenant: Tenant, endpoint: Endpoint) -> Result<Receiver, Failure> {
        let url = WebhookUrl::parse(&endpoint.url(None), self.loopback).map_err(Failure::retry)?;
        let current = endpoint.secret.as_ref().ok_or_else(|| Failure::retry("the endpoint has no signing secret"))?;
        let secret = self.signing(tenant, endpoint.id, current).await?;
        let previous = match (endpoint.previous_secret(self.clock.now()), endpoint.previous_until) {
            (Some(sealed), Some(until)) => Some((self.signing(tenant, endpoint.id, sealed).await?, until)),
            _ => None,
        };
        Ok(Receiver { url, secret, previous })
    }

    async fn signing(&self, tenant: Tenant, endpoint: EndpointId, sealed: &Sealed) -> Result<SigningSecret, Failure> {
        let place = tenant.place(SecretKind::WebhookSecret, endpoint.as_uuid());
        let text = self.vault.open(&place, sealed, self.clock.now()).await.map_err(Failure::retry)?;
        SigningSecret::parse(text.expose_secret()).map_err(Failure::retry)
    }
}
