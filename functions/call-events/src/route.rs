//! Where a call belongs: the organization's number it came to or was placed with, and what that number rings.

use domain::{
    E164, NumberId,
    call::{CallEvent, Direction, Parties, Route},
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
    /// The event names a number that is not the organization's, with the words for the operator.
    Nothing(String),
}

impl CallEvents {
    /// Finds the route that an event tells: by the number's id if it has one, else by the number itself.
    pub(crate) async fn find_route(&self, tenant: Tenant, event: &CallEvent) -> Result<Found, Failure> {
        let number_id = match event.parties.phone_number_id {
            Some(id) => id,
            None => match self.owned(tenant, &event.parties).await? {
                Ok(id) => id,
                Err(found) => return Ok(found),
            },
        };
        let number = self.table.number(tenant, number_id, Consistency::EventualIfThere).await.map_err(Failure::retry)?;
        let Some(number) = number else {
            return Ok(Found::Nothing(format!("data.phone_number_id: the organization has no number {number_id} in {} mode", tenant.mode)));
        };
        let endpoint_id = event.parties.endpoint_id.or(number.endpoint_id);
        Ok(Found::Route(Route { number_id, endpoint_id, found_by: event.id.clone() }))
    }

    /// The organization's number by who owns the called (inbound) or calling (outbound) number.
    async fn owned(&self, tenant: Tenant, parties: &Parties) -> Result<Result<NumberId, Found>, Failure> {
        let (field, own) = match parties.direction {
            Some(Direction::Outbound) => ("from_number", &parties.from_number),
            Some(Direction::Inbound) | None => ("to_number", &parties.to_number),
        };
        let Some(own) = own else { return Ok(Err(Found::NotTold)) };
        let nothing = || Found::Nothing(format!("data.{field}: the organization does not own this number in {} mode", tenant.mode));
        let Ok(e164) = own.parse::<E164>() else { return Ok(Err(nothing())) };
        let claim = self.table.claim(tenant.mode, &e164, Consistency::EventualIfThere).await.map_err(Failure::retry)?;
        Ok(claim.filter(|claim| claim.organization_id == tenant.org).map(|claim| claim.number_id).ok_or_else(nothing))
    }
}
