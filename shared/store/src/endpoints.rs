//! Endpoints of an organization.

use domain::{EndpointId, NumberId, Timestamp, endpoint::Endpoint, limits::Counted, number::PhoneNumber};

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use crate::{
    access_patterns,
    counting::{Step, most_reached},
    error::StoreError,
    expression::SetExpression,
    item::{Attributes, Item, from_serde, last_of_key, read, to_serde, whole},
    keys::{Keys, Tenant},
    outbox::Tell,
    table::{Consistency, Table},
    transaction::Outcome,
};

/// The attribute that the key tells already: lists pay for every byte of every endpoint.
const ID: &str = "id";

impl Item for Endpoint {
    const KIND: &'static str = "endpoint";
    type Scope = Tenant;

    fn keys(&self, tenant: &Tenant) -> Keys {
        Keys::primary(access_patterns::endpoint(tenant.org(), tenant.mode(), self.id))
    }

    fn to_attributes(&self) -> Result<Attributes, StoreError> {
        let mut attributes = to_serde(Self::KIND, self)?;
        attributes.remove(ID);
        Ok(attributes)
    }

    fn from_attributes(mut attributes: Attributes) -> Result<Self, StoreError> {
        if let Some(id) = last_of_key(&attributes) {
            attributes.entry(ID.to_owned()).or_insert(AttributeValue::S(id));
        }
        from_serde(Self::KIND, attributes)
    }
}

/// What became of a new endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateEndpoint {
    /// It is there.
    Done(Box<Endpoint>),
    /// One with this id was there before: this one.
    Exists(Box<Endpoint>),
    /// The number that should ring it does not exist or was released.
    NoSuchNumber,
    /// The organization has as many as it may.
    TooMany {
        /// The most that it may have.
        most: u32,
    },
}

/// The events that go with a new endpoint.
#[derive(Clone, Copy, Default)]
pub struct TellOfEndpoint<'a> {
    /// Makes the event of the endpoint.
    pub endpoint: Tell<'a, Endpoint>,
    /// Makes the event of the number that rings it from the start.
    pub number: Tell<'a, PhoneNumber>,
}

/// How often creating an endpoint for a number is tried when the number changes in between.
const TRIES: usize = 5;

impl Table {
    /// Creates an endpoint, and lets a number ring it from the start if one is given, moving that number if need be; all
    /// or nothing, and together with the events that `tell` makes of them.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if the number keeps being changed by others.
    pub async fn create_endpoint(
        &self,
        tenant: Tenant,
        endpoint: &Endpoint,
        number: Option<NumberId>,
        tell: TellOfEndpoint<'_>,
    ) -> Result<CreateEndpoint, StoreError> {
        for _ in 0..TRIES {
            let seen = match number {
                None => None,
                Some(number) => match self.number(tenant, number, Consistency::Strong).await?.filter(|number| number.released_at.is_none())
                {
                    Some(number) => Some(number),
                    None => return Ok(CreateEndpoint::NoSuchNumber),
                },
            };
            let counted = Endpoint { phone_numbers_count: u32::from(seen.is_some()), ..endpoint.clone() };
            let put = TransactWriteItem::builder().put(self.put_new(whole(&counted, &tenant)?)?).build();
            let mut writes = vec![put, self.count(tenant, Counted::Endpoints, Step::Up)?];
            if let Some(seen) = &seen {
                let now = endpoint.created_at.max(seen.updated_at.plus_millis(1));
                writes.push(self.ring(tenant, endpoint.id, seen, now)?);
                writes.extend(self.told(tell.number, &PhoneNumber { endpoint_id: Some(endpoint.id), updated_at: now, ..seen.clone() })?);
            }
            writes.extend(self.told(tell.endpoint, &counted)?);
            match self.transact_leaving(tenant, writes, seen.and_then(|seen| seen.endpoint_id)).await? {
                Outcome::Done => return Ok(CreateEndpoint::Done(Box::new(counted))),
                Outcome::Refused(reasons) => {
                    if let Some(existing) = Outcome::failed(&reasons, 0) {
                        return Ok(CreateEndpoint::Exists(Box::new(read(existing.item.clone().unwrap_or_default())?)));
                    }
                    if let Some(most) = most_reached(&reasons, 1, Counted::Endpoints) {
                        return Ok(CreateEndpoint::TooMany { most });
                    }
                }
            }
        }
        Err(StoreError::Unavailable("the number keeps being changed by others".to_owned()))
    }

    /// All endpoints of an organization, newest first. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn endpoints(&self, tenant: Tenant) -> Result<Vec<Endpoint>, StoreError> {
        let mut endpoints = self.list(access_patterns::endpoints(tenant.org(), tenant.mode())).await?;
        endpoints.reverse();
        Ok(endpoints)
    }

    /// One endpoint of an organization.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn endpoint(&self, tenant: Tenant, id: EndpointId, consistency: Consistency) -> Result<Option<Endpoint>, StoreError> {
        self.get(access_patterns::endpoint(tenant.org(), tenant.mode(), id), consistency).await
    }

    /// Points a number that was seen at one endpoint to another.
    fn ring(&self, tenant: Tenant, endpoint: EndpointId, seen: &PhoneNumber, now: Timestamp) -> Result<TransactWriteItem, StoreError> {
        let mut set = SetExpression::default();
        set.set("endpoint_id", AttributeValue::S(endpoint.to_string()));
        set.set("updated_at", AttributeValue::S(now.to_string()));
        self.update_as_seen(tenant, seen, set)
    }
}
