//! Webhook work for the endpoint that a call is routed to, and for the subscriptions of its organization.

use std::{collections::HashSet, sync::Arc};

use domain::{
    EndpointId,
    call::{CallEvent, CallRecord},
    endpoint::Endpoint,
    subscription::Subscription,
    webhook::{ReceiverId, delivery_id, event_id},
    wire,
};
use queue::{DeliveryMessage, OutMessage, batch::Failure};
use store::{Consistency, Tenant};

use crate::{
    CallEvents,
    gather::{Coming, together},
};

impl CallEvents {
    /// Queues what events owe to their call's endpoint and to the subscriptions.
    ///
    /// The event that found the route speaks to the endpoint for those that came before it too: they had nobody to be
    /// sent to. Subscriptions take every event as it comes.
    pub(crate) async fn announce(
        &self,
        tenant: Tenant,
        call: &CallRecord,
        events: &[&CallEvent],
        sending: Coming<(), Vec<OutMessage>>,
    ) -> Result<(), Failure> {
        // What the system told in a source's place is nothing once the source has spoken.
        let ended = call.end().is_some_and(|end| !end.is_timeout());
        let stands = |event: &&CallEvent| !(ended && event.is_timeout());
        let mut ids = HashSet::new();
        let told: Vec<&CallEvent> = events.iter().copied().filter(|event| stands(event) && ids.insert(&event.id)).collect();
        if told.is_empty() {
            return Ok(());
        }
        let mut owed = Vec::new();
        if let Some(id) = call.endpoint_id()
            && let Some(endpoint) = self.endpoint(tenant, id).await?
        {
            let found_the_route = call.route.as_ref().is_some_and(|route| ids.contains(&route.found_by));
            let all: Vec<&CallEvent> = if found_the_route { call.in_order().into_iter().filter(stands).collect() } else { told.clone() };
            let named = all.into_iter().filter_map(|event| Some((event, endpoint.takes(event.kind.as_str())?)));
            owed.extend(named.map(|(event, name)| (ReceiverId::Endpoint(endpoint.id), event, name.to_owned())));
        }
        for subscription in self.subscriptions(tenant).await?.iter() {
            let named = told.iter().filter_map(|event| Some((*event, subscription.takes(event.kind.as_str())?)));
            owed.extend(named.map(|(event, name)| (ReceiverId::Subscription(subscription.id), event, name.to_owned())));
        }
        if owed.is_empty() {
            return Ok(());
        }
        let shown = wire::Call::new(call, tenant.org());
        let messages = owed.into_iter().map(|(receiver, event, name)| work(tenant, &shown, event, receiver, name));
        let messages: Vec<OutMessage> = messages.collect::<Result<_, _>>().map_err(Failure::retry)?;
        sending.join((), messages, |all| together(all, |works| self.send(works))).await
    }

    async fn send(&self, works: Vec<Vec<OutMessage>>) -> Result<(), Failure> {
        self.deliveries.send_all(&works.concat()).await.map_err(Failure::retry)
    }

    /// The organization's subscriptions, remembered for a moment.
    async fn subscriptions(&self, tenant: Tenant) -> Result<Arc<[Subscription]>, Failure> {
        let now = self.clock.now();
        if let Some(subscriptions) = self.subscriptions.get(&tenant, now) {
            return Ok(subscriptions);
        }
        let read: Arc<[Subscription]> = self.table.subscriptions(tenant, Consistency::Eventual).await.map_err(Failure::retry)?.into();
        self.subscriptions.put(tenant, Arc::clone(&read), now);
        Ok(read)
    }

    /// An endpoint of the organization, remembered for a moment.
    pub(crate) async fn endpoint(&self, tenant: Tenant, id: EndpointId) -> Result<Option<Arc<Endpoint>>, Failure> {
        let now = self.clock.now();
        if let Some(endpoint) = self.endpoints.get(&(tenant, id), now) {
            return Ok(Some(endpoint));
        }
        let read = self.table.endpoint(tenant, id, Consistency::EventualIfThere).await.map_err(Failure::retry)?;
        Ok(read.map(|endpoint| {
            let endpoint = Arc::new(endpoint);
            self.endpoints.put((tenant, id), Arc::clone(&endpoint), now);
            endpoint
        }))
    }
}

/// One delivery of an event to a receiver, which knows it by this name.
fn work(tenant: Tenant, call: &wire::Call, event: &CallEvent, receiver: ReceiverId, name: String) -> Result<OutMessage, serde_json::Error> {
    let event_id = event_id(tenant.org(), tenant.mode(), call.id, event.id.as_str());
    let message = DeliveryMessage {
        organization_id: tenant.org(),
        mode: tenant.mode(),
        delivery_id: delivery_id(&event_id, receiver.as_uuid()),
        receiver,
        call_id: Some(call.id),
        event: name.clone(),
        body: wire::Envelope::of_call(event_id.clone(), name, event.timestamp, call).into_body(),
        event_id,
    };
    message.out()
}
