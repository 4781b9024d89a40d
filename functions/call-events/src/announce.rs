//! Webhook work for the endpoint that a call is routed to.

use std::sync::Arc;

use domain::{
    EndpointId,
    call::{CallEvent, CallRecord},
    endpoint::Endpoint,
    webhook::{delivery_id, event_id},
    wire,
};
use queue::{OutMessage, batch::Failure, delivery::DeliveryMessage};
use store::{Consistency, Tenant};

use crate::CallEvents;

impl CallEvents {
    /// Queues what an event owes to the call's endpoint.
    ///
    /// The event that found the route speaks for those that came before it too: they had nobody to be sent to.
    pub(crate) async fn announce(&self, tenant: Tenant, call: &CallRecord, event: &CallEvent) -> Result<(), Failure> {
        let shown = wire::Call::new(call, tenant.org);
        let Some(endpoint_id) = shown.endpoint_id else { return Ok(()) };
        let Some(endpoint) = self.endpoint(tenant, endpoint_id).await? else { return Ok(()) };
        let found_the_route = call.route.as_ref().is_some_and(|route| route.found_by == event.id);
        let owed: Vec<&CallEvent> = if found_the_route { call.in_order() } else { vec![event] };
        let messages: Vec<OutMessage> = owed
            .into_iter()
            .filter_map(|event| work(tenant, &shown, event, &endpoint))
            .collect::<Result<_, _>>()
            .map_err(Failure::retry)?;
        self.deliveries.send_all(&messages).await.map_err(Failure::retry)
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

/// One delivery, `None` if the endpoint does not take the event.
fn work(tenant: Tenant, call: &wire::Call, event: &CallEvent, endpoint: &Endpoint) -> Option<Result<OutMessage, serde_json::Error>> {
    let name = endpoint.takes(event.kind.as_str())?;
    let event_id = event_id(tenant.org, tenant.mode, call.id, event.id.as_str());
    let message = DeliveryMessage {
        organization_id: tenant.org,
        mode: tenant.mode,
        delivery_id: delivery_id(&event_id, endpoint.id.as_uuid()),
        endpoint_id: endpoint.id,
        call_id: call.id,
        event: name.to_owned(),
        attempt: 1,
        body: wire::Envelope::of_call(event_id.clone(), name.to_owned(), event.timestamp, call).into_body(),
        event_id,
    };
    let group = Some(tenant.org.to_string());
    Some(message.to_json().map(|body| OutMessage { body, delay_seconds: 0, group }))
}
