//! Who gets a delivery: URL and opened signing secret, remembered for a minute.

use std::sync::Arc;

use domain::{
    EndpointId, SubscriptionId, Timestamp,
    endpoint::EndpointStatus,
    secret::{Sealed, SecretKind},
    webhook::ReceiverId,
};
use queue::batch::Failure;
use secrecy::ExposeSecret as _;
use store::{Consistency, Standing, Tenant};
use webhooks::{guard::WebhookUrl, sign::SigningSecret};

use crate::WebhookDelivery;

/// A receiver, ready to be sent to.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// Its URL as it was saved.
    pub(crate) url: String,
    /// The same, if it may be called; what was saved under another policy may not.
    pub(crate) target: Option<WebhookUrl>,
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

/// What the table knows of a receiver that takes deliveries now.
struct Stored {
    url: String,
    secret: Sealed,
    previous: Option<(Sealed, Timestamp)>,
}

impl WebhookDelivery {
    /// The receiver, `None` if it is gone or switched off.
    pub(crate) async fn receiver(&self, tenant: Tenant, id: ReceiverId) -> Result<Option<Arc<Receiver>>, Failure> {
        let now = self.clock.now();
        if let Some(receiver) = self.receivers.get(&(tenant, id), now) {
            return Ok(Some(receiver));
        }
        let stored = async {
            match id {
                ReceiverId::Endpoint(id) => self.endpoint(tenant, id, now).await,
                ReceiverId::Subscription(id) => self.subscription(tenant, id, now).await,
            }
        };
        let health = async { tokio::join!(self.table.receiver_health(tenant, id), self.table.receiver_pace(tenant, id)) };
        // Boxed: seldom needed, and large beside what is needed each time.
        let known = Box::pin(async { tokio::join!(stored, health, self.table.standing(tenant.org())) });
        let (stored, (health, pace), standing) = known.await;
        // Of an erased organization nothing may come back, and a delivery leaves a body and a log.
        let exists = standing.map_err(Failure::retry)? == Standing::Open;
        let Some(stored) = stored?.filter(|_| exists) else { return Ok(None) };
        if let Some(health) = health.map_err(Failure::retry)? {
            self.healths.put((tenant, id), health, now);
        }
        if let Some(pace) = pace.map_err(Failure::retry)? {
            self.paces.put((tenant, id), pace, now);
        }
        let receiver = Arc::new(self.open(tenant, id, stored).await?);
        self.receivers.put((tenant, id), Arc::clone(&receiver), now);
        Ok(Some(receiver))
    }

    async fn endpoint(&self, tenant: Tenant, id: EndpointId, now: Timestamp) -> Result<Option<Stored>, Failure> {
        let endpoint = self.table.endpoint(tenant, id, Consistency::EventualIfThere).await.map_err(Failure::retry)?;
        let Some(endpoint) = endpoint.filter(|endpoint| endpoint.status == EndpointStatus::Active) else { return Ok(None) };
        let previous = endpoint.previous_secret(now).cloned().zip(endpoint.previous_until);
        let url = endpoint.url(None);
        let secret = endpoint.secret.ok_or_else(|| Failure::retry("the endpoint has no signing secret"))?;
        Ok(Some(Stored { url, secret, previous }))
    }

    async fn subscription(&self, tenant: Tenant, id: SubscriptionId, now: Timestamp) -> Result<Option<Stored>, Failure> {
        let subscription = self.table.subscription(tenant, id, Consistency::EventualIfThere).await.map_err(Failure::retry)?;
        let Some(subscription) = subscription.filter(|subscription| subscription.active) else { return Ok(None) };
        let previous = subscription.previous_secret(now).cloned().zip(subscription.previous_until);
        Ok(Some(Stored { url: subscription.url, secret: subscription.secret, previous }))
    }

    async fn open(&self, tenant: Tenant, id: ReceiverId, stored: Stored) -> Result<Receiver, Failure> {
        let target = WebhookUrl::parse(&stored.url, self.policy).ok();
        let secret = self.signing(tenant, id, &stored.secret).await?;
        let previous = match stored.previous {
            Some((sealed, until)) => Some((self.signing(tenant, id, &sealed).await?, until)),
            None => None,
        };
        Ok(Receiver { url: stored.url, target, secret, previous })
    }

    async fn signing(&self, tenant: Tenant, id: ReceiverId, sealed: &Sealed) -> Result<SigningSecret, Failure> {
        let place = tenant.place(SecretKind::WebhookSecret, id.as_uuid());
        let text = self.vault.open(&place, sealed, self.clock.now()).await.map_err(Failure::retry)?;
        SigningSecret::parse(text.expose_secret()).map_err(Failure::retry)
    }
}
