//! One item changed or deleted by one write, under a condition.

use aws_sdk_dynamodb::{
    operation::{delete_item::DeleteItemError, update_item::UpdateItemError},
    types::{AttributeValue, Delete, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update},
};

use crate::{
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{Item, read},
    keys::Get,
    table::{Table, key_attributes},
    transaction::{Outcome, item_at, when_free},
};

/// How an update ended.
pub(crate) enum Changed<I> {
    /// It was written: the item as it is now.
    Done(I),
    /// The condition did not hold: the item as it is, `None` if there is none.
    Refused(Option<I>),
}

impl<I> Changed<I> {
    /// The item as it is now, `None` if nothing was written.
    pub(crate) fn done(self) -> Option<I> {
        match self {
            Self::Done(item) => Some(item),
            Self::Refused(_) => None,
        }
    }
}

/// How the deletion of an item ended that counts what hangs on it.
pub(crate) enum Deleted {
    Done,
    NotFound,
    /// Something hangs on it: nothing was changed.
    Used,
}

impl Table {
    /// Updates one item if the condition holds, if there is one; waits while a transaction holds it. An item that is not
    /// there is made, unless the condition asks for one.
    pub(crate) async fn update<I: Item>(
        &self,
        key: Get<I>,
        set: &SetExpression,
        condition: Option<&str>,
    ) -> Result<Changed<I>, StoreError> {
        if self.has_act() {
            return self.update_as_act(key, set, condition).await;
        }
        let _waiting = self.meter.send();
        let request = self
            .client
            .update_item()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&key)))
            .update_expression(set.expression())
            .set_condition_expression(condition.map(str::to_owned))
            .set_expression_attribute_names(set.names())
            .set_expression_attribute_values(set.values())
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let error = match when_free(UpdateItemError::is_transaction_conflict_exception, || request.clone().send()).await {
            Ok(output) => {
                self.meter.written(output.consumed_capacity.as_slice());
                return Ok(Changed::Done(read(output.attributes.unwrap_or_default())?));
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                self.meter.refused();
                Ok(Changed::Refused(failed.item.clone().map(read).transpose()?))
            }
            _ => Err(StoreError::from_sdk(&error)),
        }
    }

    /// The same with an entry of the audit trail. A transaction does not answer with the item, so it is read after it.
    async fn update_as_act<I: Item>(&self, key: Get<I>, set: &SetExpression, condition: Option<&str>) -> Result<Changed<I>, StoreError> {
        let write = Update::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&key)))
            .update_expression(set.expression())
            .set_condition_expression(condition.map(str::to_owned))
            .set_expression_attribute_names(set.names())
            .set_expression_attribute_values(set.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.transact(vec![TransactWriteItem::builder().update(built(write.build())?).build()]).await? {
            // If it is gone by now, then it is as if it was not there.
            Outcome::Done => Ok(self.get_once(&key, true).await?.map_or(Changed::Refused(None), Changed::Done)),
            Outcome::Refused(reasons) => Ok(Changed::Refused(item_at(&reasons, 0).map(read).transpose()?)),
        }
    }

    /// Deletes one item on which nothing hangs, as its attribute `count` tells; waits while a transaction holds it.
    pub(crate) async fn delete_unused<I>(&self, key: Get<I>, count: &str) -> Result<Deleted, StoreError> {
        if self.has_act() {
            return self.delete_unused_as_act(key, count).await;
        }
        let _waiting = self.meter.send();
        let request = self
            .client
            .delete_item()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&key)))
            .condition_expression(format!("{count} = :none"))
            .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        // While what comes or goes is being counted: how that ends decides.
        let error = match when_free(DeleteItemError::is_transaction_conflict_exception, || request.clone().send()).await {
            Ok(output) => {
                self.meter.written(output.consumed_capacity.as_slice());
                return Ok(Deleted::Done);
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(failed)) => {
                self.meter.refused();
                let is_there = failed.item.as_ref().is_some_and(|item| !item.is_empty());
                Ok(if is_there { Deleted::Used } else { Deleted::NotFound })
            }
            _ => Err(StoreError::from_sdk(&error)),
        }
    }

    /// The same with an entry of the audit trail.
    async fn delete_unused_as_act<I>(&self, key: Get<I>, count: &str) -> Result<Deleted, StoreError> {
        let delete = Delete::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&key)))
            .condition_expression(format!("{count} = :none"))
            .expression_attribute_values(":none", AttributeValue::N("0".to_owned()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Ok(match self.transact(vec![TransactWriteItem::builder().delete(built(delete.build())?).build()]).await? {
            Outcome::Done => Deleted::Done,
            Outcome::Refused(reasons) if item_at(&reasons, 0).is_some() => Deleted::Used,
            Outcome::Refused(_) => Deleted::NotFound,
        })
    }

    /// An update as a part of a transaction.
    pub(crate) fn update_write<I>(&self, key: &Get<I>, set: &SetExpression, condition: &str) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(key)))
            .update_expression(set.expression())
            .condition_expression(condition)
            .set_expression_attribute_names(set.names())
            .set_expression_attribute_values(set.values())
            .build();
        Ok(TransactWriteItem::builder().update(built(update)?).build())
    }
}
