//! What the table knows of a dialled number and of what it rings, read as it is now: a call does not come a second time.

use domain::{
    E164, EndpointId, Mode, NumberId,
    endpoint::Endpoint,
    number::{Claim, PhoneNumber},
    route::{Endpoints, named},
};
use futures_util::future::join_all;
use store::{Consistency, StoreError, Tenant};

use crate::State;

/// The endpoints that a number names, as far as they exist.
#[derive(Debug, Default)]
pub(crate) struct Found {
    attached: Option<Endpoint>,
    pinned: Option<Endpoint>,
}

impl Found {
    /// The endpoints as rules see them.
    pub(crate) const fn as_endpoints(&self) -> Endpoints<'_> {
        Endpoints { attached: self.attached.as_ref(), pinned: self.pinned.as_ref() }
    }

    /// The one that calls go to.
    pub(crate) fn chosen(&self) -> Option<&Endpoint> {
        self.attached.as_ref().or(self.pinned.as_ref())
    }
}

/// What is read of a dialled number in one round trip: its record, and the endpoints that it is believed to name.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) number: Result<Option<PhoneNumber>, StoreError>,
    pub(crate) guessed: Guessed,
}

/// Endpoints that were read before it was certain that they matter.
#[derive(Debug)]
pub(crate) struct Guessed(Vec<(EndpointId, Result<Option<Endpoint>, StoreError>)>);

impl Guessed {
    /// The endpoints that a number names; `None` if one of them was not read.
    pub(crate) fn of(mut self, number: &PhoneNumber) -> Option<Result<Found, StoreError>> {
        let (attached, pinned) = named(number);
        let (attached, pinned) = (self.take(attached)?, self.take(pinned)?);
        Some(attached.and_then(|attached| Ok(Found { attached, pinned: pinned? })))
    }

    fn take(&mut self, id: Option<EndpointId>) -> Option<Result<Option<Endpoint>, StoreError>> {
        let Some(id) = id else { return Some(Ok(None)) };
        let at = self.0.iter().position(|(read, _)| *read == id)?;
        Some(self.0.swap_remove(at).1)
    }
}

impl State {
    /// Who holds a number; `None` also if none is asked for.
    pub(crate) async fn claim(&self, mode: Mode, number: Option<&E164>) -> Result<Option<Claim>, StoreError> {
        match number {
            Some(number) => self.table.claim(mode, number, Consistency::Strong).await,
            None => Ok(None),
        }
    }

    /// The record of a number.
    pub(crate) async fn number(&self, held: Option<(Tenant, NumberId)>) -> Result<Option<PhoneNumber>, StoreError> {
        match held {
            Some((tenant, id)) => self.table.number(tenant, id, Consistency::Strong).await,
            None => Ok(None),
        }
    }

    /// A number and what it rings, in one round trip, if its claim remembers right.
    pub(crate) async fn seen(&self, held: Option<(Tenant, NumberId)>, claim: Option<&Claim>) -> Seen {
        let guess = held.zip(claim).into_iter().flat_map(|((tenant, _), claim)| claim.rings.iter().map(move |id| (tenant, *id)));
        let read = async |(tenant, id)| (id, self.table.endpoint(tenant, id, Consistency::Strong).await);
        let (number, guessed) = tokio::join!(self.number(held), join_all(guess.map(read)));
        Seen { number, guessed: Guessed(guessed) }
    }

    /// What a number names, in one round trip.
    pub(crate) async fn endpoints(&self, tenant: Tenant, number: &PhoneNumber) -> Result<Found, StoreError> {
        let (attached, pinned) = named(number);
        let read = async |id| match id {
            Some(id) => self.table.endpoint(tenant, id, Consistency::Strong).await,
            None => Ok(None),
        };
        let (attached, pinned) = tokio::try_join!(read(attached), read(pinned))?;
        Ok(Found { attached, pinned })
    }
}
