//! A lifecycle event becomes one delivery for each subscription that takes it.

use domain::{
    OutboxId,
    subscription::Subscription,
    webhook::{ReceiverId, delivery_id, lifecycle_event_id},
    wire,
};
use queue::{DeliveryMessage, OutMessage, batch::Failure};
use store::{Consistency, OutboxEvent};

use crate::WebhookDelivery;

impl WebhookDelivery {
    /// Queues an event's deliveries and then takes it out of the outbox. One that is no longer there was queued before.
    pub(crate) async fn fan_out(&self, id: OutboxId) -> Result<(), Failure> {
        let Some(event) = self.table.outbox_event(id).await.map_err(Failure::retry)? else { return Ok(()) };
        let subscriptions = self.table.subscriptions(event.tenant(), Consistency::Strong).await.map_err(Failure::retry)?;
        let messages = subscriptions.iter().filter_map(|subscription| work(&event, subscription));
        let messages: Vec<OutMessage> = messages.collect::<Result<_, _>>().map_err(Failure::retry)?;
        self.retries.send_all(&messages).await.map_err(Failure::retry)?;
        self.table.settle_outbox_event(id).await.map_err(Failure::retry)
    }
}

/// One delivery, `None` if the subscription does not take the event.
fn work(event: &OutboxEvent, subscription: &Subscription) -> Option<Result<OutMessage, serde_json::Error>> {
    let name = subscription.takes(&event.event)?;
    let (event_id, receiver) = (lifecycle_event_id(event.id), ReceiverId::Subscription(subscription.id));
    let message = serde_json::from_str(&event.data).and_then(|data| {
        let envelope = wire::Envelope::of_resource(event_id.clone(), name.to_owned(), event.at, event.organization_id, data);
        let message = DeliveryMessage {
            organization_id: event.organization_id,
            mode: event.mode,
            delivery_id: delivery_id(&event_id, receiver.as_uuid()),
            receiver,
            call_id: None,
            event: name.to_owned(),
            body: envelope.into_body(),
            event_id,
        };
        message.out()
    });
    Some(message)
}
