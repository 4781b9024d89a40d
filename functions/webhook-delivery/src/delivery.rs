//! What a message asks for: a delivery that begins, or one that goes on. What is known of the delivery decides.

use domain::{
    Mode, OrgId,
    delivery::{Delivery, DeliveryPlace, Due},
};
use queue::{DeliveryMessage, RetryMessage, batch::Failure};
use store::{Frozen, Tenant};

use crate::{WebhookDelivery, attempt::Job, batch::Batch};

/// Why a delivery ends whose receiver takes none any more.
const NO_RECEIVER: &str = "the receiver is gone or not active";

#[expect(clippy::disallowed_methods, reason = "the queue's messages say whose they are")]
const fn told(org: OrgId, mode: Mode) -> Tenant {
    Tenant::new(org, mode)
}

impl WebhookDelivery {
    /// Freezes the body and makes the first attempt, unless it was made before.
    pub(crate) async fn begin(&self, batch: &Batch, message: DeliveryMessage) -> Result<(), Failure> {
        let tenant = told(message.organization_id, message.mode);
        let _alone = batch.alone_at(tenant, message.delivery_id).await?;
        let Some(receiver) = self.receiver(tenant, message.receiver).await? else {
            tracing::info!(delivery_id = %message.delivery_id, "{NO_RECEIVER}");
            return Ok(());
        };
        let delivery = Delivery {
            id: message.delivery_id,
            receiver: message.receiver,
            call_id: message.call_id,
            event: message.event,
            body: message.body,
            created_at: self.clock.now(),
        };
        let delivery = match self.table.freeze_delivery(tenant, &delivery).await.map_err(Failure::retry)? {
            Frozen::First => return self.attempt(batch, &receiver, Job::first(tenant, delivery, 1)).await,
            Frozen::Before(frozen) => *frozen,
        };
        match self.due(tenant, delivery.place(), 1, false).await? {
            Due::Attempt { series_from } => self.attempt(batch, &receiver, Job::first(tenant, delivery, series_from)).await,
            Due::Next(at) => self.queue_attempt(tenant, delivery.place(), 2, at).await,
            Due::Nothing => Ok(()),
        }
    }

    /// Makes a later attempt, unless it was made before.
    pub(crate) async fn go_on(&self, batch: &Batch, message: RetryMessage) -> Result<(), Failure> {
        let (tenant, place) = (told(message.organization_id, message.mode), message.place());
        let _alone = batch.alone_at(tenant, place.id).await?;
        let due = self.due(tenant, place, message.retry, message.replayed_by.is_some());
        let (due, delivery) = tokio::join!(due, self.table.delivery(tenant, place.id));
        let Some(delivery) = delivery.map_err(Failure::retry)? else {
            tracing::info!(delivery_id = %place.id, "the delivery is kept no longer");
            return Ok(());
        };
        let series_from = match due? {
            Due::Attempt { series_from } => series_from,
            Due::Next(at) => return self.queue_attempt(tenant, place, message.retry + 1, at).await,
            Due::Nothing => return Ok(()),
        };
        let Some(receiver) = self.receiver(tenant, message.receiver).await? else {
            tracing::info!(delivery_id = %place.id, "{NO_RECEIVER}");
            return self.table.give_up_delivery(tenant, place, NO_RECEIVER).await.map_err(Failure::retry);
        };
        let RetryMessage { retry: number, replayed_by, put_off, has_turn, .. } = message;
        self.attempt(batch, &receiver, Job { tenant, delivery, number, series_from, replayed_by, put_off, has_turn }).await
    }

    async fn due(&self, tenant: Tenant, place: DeliveryPlace, number: u32, is_replay: bool) -> Result<Due, Failure> {
        let state = self.table.delivery_state(tenant, place).await.map_err(Failure::retry)?;
        Ok(state.map_or(Due::Attempt { series_from: 1 }, |state| state.due(number, is_replay)))
    }
}
