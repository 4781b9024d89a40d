//! What the table knows of a dialled number and of what it rings, read as it is now: a call does not come a second time.

use domain::{
    E164, Mode, NumberId,
    endpoint::Endpoint,
    number::{Claim, PhoneNumber},
    route::{Endpoints, named},
};
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
