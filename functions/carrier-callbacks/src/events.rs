//! What is told of a call: events for the queue, under the carrier's own id of the call.

use domain::{
    CallId, Timestamp,
    call::{CallAlias, CallEvent, EventId, EventKind},
    carrier::Carrier,
    route::Refusal,
};
use queue::{CallEventMessage, OutMessage};
use store::{StoreError, Tenant};

use crate::State;

/// What ends the id of the event that a call was not connected.
const REFUSED: &str = "refused";

/// A call as its carrier names it: an id that carries a time, or another name.
#[derive(Debug, Clone)]
pub(crate) enum CallName {
    /// The id.
    Id(CallId),
    /// The name.
    Alias(CallAlias),
}

impl CallName {
    /// Reads a carrier's id of a call; `None` if no call can have it.
    pub(crate) fn read(text: &str) -> Option<Self> {
        match text.parse() {
            Ok(alias) => Some(Self::Alias(alias)),
            Err(_) => text.parse().ok().map(Self::Id),
        }
    }

    /// An id under which a call can be shown that nobody has decided on: where the name is a UUID, clients see that, wherever
    /// the call is stored. `None` if clients see the id that is decided for the name.
    pub(crate) fn shown_as(&self, at: Timestamp) -> Option<CallId> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Alias(alias) => alias.public_id().map(|_| alias.stored_id(at)),
        }
    }
}

impl State {
    /// Queues events of one call. True if the queue has them all.
    pub(crate) async fn tell(&self, tenant: Tenant, call: &CallName, events: &[CallEvent]) -> bool {
        // The request's own line says whose call it was.
        tracing::Span::current().record("organization_id", tracing::field::display(tenant.org()));
        let messages: Result<Vec<OutMessage>, String> = events.iter().map(|event| message(tenant, call, event.clone())).collect();
        let sent = match messages {
            Ok(messages) => self.call_events.send_all(&messages).await.map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        if let Err(error) = &sent {
            tracing::error!(organization_id = %tenant.org(), mode = tenant.mode().as_str(), error, "events of a call were not queued");
        }
        sent.is_ok()
    }

    /// The id under which a call is stored, decided now if nothing was heard of it.
    pub(crate) async fn stored_id(&self, tenant: Tenant, call: &CallName, at: Timestamp) -> Result<CallId, StoreError> {
        match call {
            CallName::Id(id) => Ok(*id),
            CallName::Alias(alias) => self.table.name_new_call(tenant, alias, at).await,
        }
    }
}

fn message(tenant: Tenant, call: &CallName, event: CallEvent) -> Result<OutMessage, String> {
    let (call_id, alias) = match call {
        CallName::Id(id) => (*id, None),
        CallName::Alias(alias) => (alias.stored_id(event.timestamp), Some(alias.clone())),
    };
    let message = CallEventMessage { organization_id: tenant.org(), mode: tenant.mode(), call_id, alias, event };
    let body = message.to_json().map_err(|error| error.to_string())?;
    Ok(OutMessage { body, delay_seconds: 0, group: Some(tenant.org().to_string()) })
}

/// The event that a call was not connected, and why. Told again, it is the same event.
pub(crate) fn refused(carrier: Carrier, carrier_call_id: &str, initiated: &CallEvent, refusal: &Refusal) -> CallEvent {
    CallEvent {
        id: EventId::of_carrier(carrier, &[carrier_call_id, REFUSED]),
        kind: EventKind::Failed,
        timestamp: initiated.timestamp,
        // At the same time as the event that there is a call at all, and after it; before what the carrier tells of the
        // end in that second, which it numbers from 0.
        sequence: Some(-1),
        parties: initiated.parties.clone(),
        facts: refusal.facts(),
    }
}
