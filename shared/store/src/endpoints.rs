//! Endpoints of an organization.

use domain::{EndpointId, NumberId, endpoint::Endpoint};

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{serde_item, whole},
    keys::{Keys, Tenant},
    table::{Consistency, Created, Table, key_attributes},
    transaction::Outcome,
};

serde_item!(Endpoint, "endpoint", Tenant, |endpoint, tenant| Keys::primary(access_patterns::endpoint(
    tenant.org,
    tenant.mode,
    endpoint.id
)));

/// What became of a new endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CreateEndpoint {
    /// It is there.
    Done,
    /// The number that should ring it does not exist or was released.
    NoSuchNumber,
}

impl Table {
    /// Creates an endpoint that no number rings yet.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written.
    pub async fn create_endpoint(&self, tenant: Tenant, endpoint: &Endpoint) -> Result<(), StoreError> {
        match self.create(endpoint, &tenant).await? {
            Created::New => Ok(()),
            Created::Exists(_) => Err(StoreError::Refused("an endpoint with this id exists".to_owned())),
        }
    }

    /// Creates an endpoint and lets a number ring it, moving the number if need be; all or nothing.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be written, or if the number is being changed by others.
    pub async fn create_endpoint_for(&self, tenant: Tenant, endpoint: &Endpoint, number: NumberId) -> Result<CreateEndpoint, StoreError> {
        for _ in 0..3 {
            let Some(seen) = self.number(tenant, number, Consistency::Strong).await?.filter(|number| number.released_at.is_none()) else {
                return Ok(CreateEndpoint::NoSuchNumber);
            };
            let counted = Endpoint { phone_numbers_count: 1, ..endpoint.clone() };
            let writes = vec![
                TransactWriteItem::builder().put(self.put_new(whole(&counted, &tenant)?)?).build(),
                TransactWriteItem::builder().update(self.ring(tenant, endpoint, number, seen.endpoint_id)?).build(),
            ];
            if let Outcome::Done = self.transact_leaving(tenant, writes, seen.endpoint_id).await? {
                return Ok(CreateEndpoint::Done);
            }
        }
        Err(StoreError::Unavailable("the number keeps being changed by others".to_owned()))
    }

    /// One endpoint of an organization.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn endpoint(&self, tenant: Tenant, id: EndpointId, consistency: Consistency) -> Result<Option<Endpoint>, StoreError> {
        self.get(access_patterns::endpoint(tenant.org, tenant.mode, id), consistency).await
    }

    /// Points a number that was seen at one endpoint to a new one.
    fn ring(&self, tenant: Tenant, endpoint: &Endpoint, number: NumberId, seen: Option<EndpointId>) -> Result<Update, StoreError> {
        let mut set = SetExpression::default();
        set.set("endpoint_id", AttributeValue::S(endpoint.id.to_string()));
        set.set("updated_at", AttributeValue::S(endpoint.created_at.to_string()));
        let as_seen = match seen {
            Some(old) => {
                set.value(":seen", AttributeValue::S(old.to_string()));
                "endpoint_id = :seen"
            }
            None => "attribute_not_exists(endpoint_id)",
        };
        built(
            Update::builder()
                .table_name(&*self.name)
                .set_key(Some(key_attributes(&access_patterns::number(tenant.org, tenant.mode, number))))
                .update_expression(set.expression())
                .condition_expression(format!("attribute_exists(pk) AND attribute_not_exists(released_at) AND {as_seen}"))
                .set_expression_attribute_names(set.names())
                .set_expression_attribute_values(set.values())
                .build(),
        )
    }
}
