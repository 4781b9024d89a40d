//! Where a call belongs: the organization's number it came to or was placed with, and what that number rings.
//!
//! A route is kept for ever, so no bad answer rests on a read that may be a moment old: what is not there, not the
//! organization's, or rings nothing is looked at once more as it is now.

use std::sync::Arc;

use domain::{
    E164, EndpointId, NumberId,
    call::{CallEvent, Direction, Parties, Route},
    endpoint::{Endpoint, EndpointStatus},
    number::PhoneNumber,
};
use queue::batch::Failure;
use store::{Consistency, Tenant};

use crate::CallEvents;

/// What an event tells of its call's route.
pub(crate) enum Found {
    /// The route.
    Route(Route),
    /// The event names no number: another one will.
    NotTold,
    /// The event names what is not the organization's, with the words for the operator.
    Nothing(String),
}

impl CallEvents {
    /// Finds the route that an event tells: by the number's id if it has one, else by the number itself.
    pub(crate) async fn find_route(&self, tenant: Tenant, event: &CallEvent) -> Result<Found, Failure> {
        let number = match event.parties.phone_number_id {
            Some(id) => self.number(tenant, id).await?,
            None => match self.by_parties(tenant, &event.parties).await? {
                Ok(id) => self.number(tenant, id).await?,
                // Carriers go on telling of a number that was given up, and of calls to it.
                Err(Found::Nothing(_)) if event.id.is_of_carrier() => return Ok(Found::NotTold),
                Err(found) => return Ok(found),
            },
        };
        let Some(number) = number else {
            return Ok(Found::Nothing(format!("data.phone_number_id: the organization has no such number in {} mode", tenant.mode())));
        };
        let told = event.parties.endpoint_id;
        // Whoever calls a number that is switched off hears a busy signal, whatever it rings otherwise.
        let rings = event.parties.direction == Some(Direction::Outbound) || number.takes_callers();
        // A number of one's own carrier may be pinned to an endpoint by its agent's id; what it is attached to goes before.
        let mut endpoint = self.existing(tenant, told.or(number.endpoint_id)).await?;
        if endpoint.is_none() && told.is_none() {
            endpoint = self.existing(tenant, number.pinned_endpoint()).await?;
        }
        if told.is_some() && endpoint.is_none() {
            return Ok(Found::Nothing(format!("data.endpoint_id: the organization has no such endpoint in {} mode", tenant.mode())));
        }
        // An endpoint that is switched off is as busy; one that the source names took the call.
        let takes = |endpoint: &Endpoint| told.is_some() || (rings && endpoint.status == EndpointStatus::Active);
        let endpoint_id = endpoint.filter(|endpoint| takes(endpoint)).map(|endpoint| endpoint.id);
        Ok(Found::Route(Route { number_id: number.id, endpoint_id, found_by: event.id.clone() }))
    }

    /// The endpoint, if it exists: a number's row may still name one that was deleted.
    async fn existing(&self, tenant: Tenant, id: Option<EndpointId>) -> Result<Option<Arc<Endpoint>>, Failure> {
        match id {
            Some(id) => self.endpoint(tenant, id).await,
            None => Ok(None),
        }
    }

    /// A number of the organization that was not released.
    async fn number(&self, tenant: Tenant, id: NumberId) -> Result<Option<PhoneNumber>, Failure> {
        let read = async |consistency| self.table.number(tenant, id, consistency).await.map_err(Failure::retry);
        let mut number = read(Consistency::Eventual).await?;
        if number.as_ref().is_none_or(|number| number.endpoint_id.is_none() || !number.takes_callers()) {
            number = read(Consistency::Strong).await?;
        }
        Ok(number.filter(|number| number.released_at.is_none()))
    }

    /// The organization's number among the parties: the called one of an inbound call, the calling one of an outbound
    /// call, and whichever it owns of a call whose direction is not told.
    async fn by_parties(&self, tenant: Tenant, parties: &Parties) -> Result<Result<NumberId, Found>, Failure> {
        let (to, from) = (("to_number", &parties.to_number), ("from_number", &parties.from_number));
        let candidates = match parties.direction {
            Some(Direction::Inbound) => vec![to],
            Some(Direction::Outbound) => vec![from],
            None => vec![to, from],
        };
        for (_, number) in &candidates {
            if let Some(e164) = number.as_ref().and_then(|number| number.parse::<E164>().ok())
                && let Some(id) = self.owned(tenant, &e164).await?
            {
                return Ok(Ok(id));
            }
        }
        Ok(Err(match (parties.direction, candidates.first()) {
            (Some(_), Some((field, Some(_)))) => {
                Found::Nothing(format!("data.{field}: the organization does not own this number in {} mode", tenant.mode()))
            }
            _ => Found::NotTold,
        }))
    }

    /// The organization's record of an E.164 number, if it owns the number.
    async fn owned(&self, tenant: Tenant, e164: &E164) -> Result<Option<NumberId>, Failure> {
        for consistency in [Consistency::Eventual, Consistency::Strong] {
            let claim = self.table.claim(tenant.mode(), e164, consistency).await.map_err(Failure::retry)?;
            if let Some(claim) = claim.filter(|claim| claim.organization_id == tenant.org()) {
                return Ok(Some(claim.number_id));
            }
        }
        Ok(None)
    }
}
