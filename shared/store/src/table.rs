//! The table: reads by access pattern, and single writes with their condition in the method's name.

use std::sync::Arc;

use aws_sdk_dynamodb::{
    Client,
    operation::{
        delete_item::DeleteItemError,
        put_item::PutItemError,
        query::{QueryOutput, builders::QueryFluentBuilder},
    },
    types::{AttributeValue, Delete, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};

use crate::{
    audit::Act,
    error::StoreError,
    inventory::built,
    item::{Attributes, Item, read, whole},
    keys::{Get, Index, List, Primary, Secondary, Span},
    transaction::{Outcome, item_at, when_free},
    usage::{Meter, Usage},
};

/// How fresh a read must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// Sees every write that was answered before; costs a unit per 4 KB.
    Strong,
    /// May miss the last moment; costs half.
    Eventual,
    /// Eventual, but what is not there is looked for once more strongly: for what must not be missed because it is new.
    EventualIfThere,
}

/// The single table. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) client: Client,
    pub(crate) name: Arc<str>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) act: Option<Arc<Act>>,
}

/// What became of a write that requires the item to be absent.
#[derive(Debug)]
pub(crate) enum Created<I> {
    /// It was written.
    New,
    /// Something is there already: this.
    Exists(I),
}

impl Table {
    /// The table of this name, reached with this client.
    #[must_use]
    pub fn new(client: Client, name: impl Into<Arc<str>>) -> Self {
        Self { client, name: name.into(), meter: Arc::default(), act: None }
    }

    /// What this handle and its clones have cost so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.meter.usage()
    }

    /// Does some work, and answers what this handle and its clones were asked for meanwhile: what the work cost, in a process
    /// that does one thing at a time.
    pub async fn spent<T>(&self, work: impl Future<Output = T>) -> (T, Usage) {
        let before = self.usage();
        (work.await, self.usage() - before)
    }

    /// Reads one item, `None` if it is not there.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or the item is not what was written.
    pub async fn get<I: Item>(&self, key: Get<I, Primary>, consistency: Consistency) -> Result<Option<I>, StoreError> {
        let found = self.get_once(&key, consistency == Consistency::Strong).await?;
        if found.is_none() && consistency == Consistency::EventualIfThere {
            return self.get_once(&key, true).await;
        }
        Ok(found)
    }

    pub(crate) async fn get_once<I: Item>(&self, key: &Get<I, Primary>, strong: bool) -> Result<Option<I>, StoreError> {
        let _waiting = self.meter.send();
        let output = self
            .client
            .get_item()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(key)))
            .consistent_read(strong)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        self.meter.read(output.consumed_capacity.as_slice());
        output.item.map(read).transpose()
    }

    /// Reads a whole partition's items, in the order of their keys.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or an item is not what was written.
    pub async fn list<I: Item>(&self, list: List<I, Primary>) -> Result<Vec<I>, StoreError> {
        self.all_items(self.query(list)).await?.into_iter().map(read).collect()
    }

    /// Reads a whole partition's items as they are now, in the order of their keys.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or an item is not what was written.
    pub(crate) async fn list_now<I: Item>(&self, list: List<I, Primary>) -> Result<Vec<I>, StoreError> {
        self.all_items(self.query(list).consistent_read(true)).await?.into_iter().map(read).collect()
    }

    /// Reads at most `limit` items of a span of keys, the last ones first if `newest_first`. Eventually consistent.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or an item is not what was written.
    pub(crate) async fn range<I: Item>(&self, span: Span<I>, newest_first: bool, limit: usize) -> Result<Vec<I>, StoreError> {
        if span.from > span.to {
            return Ok(Vec::new());
        }
        self.some(self.query_between(span).scan_index_forward(!newest_first), limit).await
    }

    /// Reads the first `limit` items of a partition, in the order of their keys.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or an item is not what was written.
    pub(crate) async fn first<I: Item>(&self, list: List<I, Primary>, limit: usize) -> Result<Vec<I>, StoreError> {
        self.some(self.query(list), limit).await
    }

    async fn some<I: Item>(&self, query: QueryFluentBuilder, limit: usize) -> Result<Vec<I>, StoreError> {
        let mut items = Vec::new();
        let mut start = None;
        while items.len() < limit {
            let wanted = i32::try_from(limit - items.len()).unwrap_or(i32::MAX);
            let _waiting = self.meter.send();
            let page = query.clone().limit(wanted).set_exclusive_start_key(start);
            let output = page.send().await.map_err(|error| StoreError::from_sdk(&error))?;
            self.meter.read(output.consumed_capacity.as_slice());
            for attributes in output.items.unwrap_or_default() {
                items.push(read(attributes)?);
            }
            start = output.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// Reads what an index lists: the keys from the index, then the items themselves, in the index's order.
    ///
    /// # Errors
    /// [`StoreError`] if table or index cannot be read or an item is not what was written.
    pub async fn list_index<I: Item, X: Secondary>(&self, list: List<I, X>) -> Result<Vec<I>, StoreError> {
        let rows = self.all_items(self.query(list)).await?;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            let (Some(pk), Some(sk)) = (text(&row, Primary::PK), text(&row, Primary::SK)) else {
                return Err(StoreError::corrupt(I::KIND, "an index row has no key"));
            };
            // Gone between index and table: deleted a moment ago.
            items.extend(self.get(Get::<I>::new(pk, sk), Consistency::Eventual).await?);
        }
        Ok(items)
    }

    /// Writes an item, whatever was there before.
    pub(crate) async fn put<I: Item>(&self, item: &I, scope: &I::Scope) -> Result<(), StoreError> {
        if self.has_act() {
            let put = Put::builder().table_name(&*self.name).set_item(Some(whole(item, scope)?)).build();
            let put = TransactWriteItem::builder().put(built(put)?).build();
            return self.transact(vec![put]).await.map(drop);
        }
        let _waiting = self.meter.send();
        let request = self
            .client
            .put_item()
            .table_name(&*self.name)
            .set_item(Some(whole(item, scope)?))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = when_free(PutItemError::is_transaction_conflict_exception, || request.clone().send())
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        self.meter.written(output.consumed_capacity.as_slice());
        Ok(())
    }

    /// Removes an item, if it is there.
    pub(crate) async fn delete<I: Item>(&self, key: Get<I, Primary>) -> Result<(), StoreError> {
        if self.has_act() {
            let delete = Delete::builder().table_name(&*self.name).set_key(Some(key_attributes(&key))).build();
            let delete = TransactWriteItem::builder().delete(built(delete)?).build();
            return self.transact(vec![delete]).await.map(drop);
        }
        let _waiting = self.meter.send();
        let request = self
            .client
            .delete_item()
            .table_name(&*self.name)
            .set_key(Some(key_attributes(&key)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = when_free(DeleteItemError::is_transaction_conflict_exception, || request.clone().send())
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        self.meter.written(output.consumed_capacity.as_slice());
        Ok(())
    }

    /// Removes an item if one of its attributes says this, or is missing (`None`); what says something else stays.
    pub(crate) async fn delete_if<I: Item>(
        &self,
        key: Get<I, Primary>,
        name: &str,
        says: Option<AttributeValue>,
    ) -> Result<(), StoreError> {
        let _waiting = self.meter.send();
        let request = self.client.delete_item().table_name(&*self.name).set_key(Some(key_attributes(&key)));
        let request = match says {
            Some(says) => request.condition_expression("#name = :says").expression_attribute_values(":says", says),
            None => request.condition_expression("attribute_not_exists(#name)"),
        };
        let request = request.expression_attribute_names("#name", name).return_consumed_capacity(ReturnConsumedCapacity::Total);
        match when_free(DeleteItemError::is_transaction_conflict_exception, || request.clone().send()).await {
            Ok(output) => self.meter.written(output.consumed_capacity.as_slice()),
            Err(error) if error.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception) => {
                self.meter.refused();
            }
            Err(error) => return Err(StoreError::from_sdk(&error)),
        }
        Ok(())
    }

    /// Writes an item that must not be there yet.
    pub(crate) async fn create<I: Item>(&self, item: &I, scope: &I::Scope) -> Result<Created<I>, StoreError> {
        if self.has_act() {
            let put = TransactWriteItem::builder().put(self.put_new(whole(item, scope)?)?).build();
            return match self.transact(vec![put]).await? {
                Outcome::Done => Ok(Created::New),
                Outcome::Refused(reasons) => Ok(Created::Exists(read(item_at(&reasons, 0).unwrap_or_default())?)),
            };
        }
        let _waiting = self.meter.send();
        let request = self
            .client
            .put_item()
            .table_name(&*self.name)
            .set_item(Some(whole(item, scope)?))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match when_free(PutItemError::is_transaction_conflict_exception, || request.clone().send()).await {
            Ok(output) => {
                self.meter.written(output.consumed_capacity.as_slice());
                Ok(Created::New)
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    self.meter.refused();
                    Ok(Created::Exists(read(failed.item.clone().unwrap_or_default())?))
                }
                _ => Err(StoreError::from_sdk(&error)),
            },
        }
    }

    pub(crate) fn query<I, X: Index>(&self, list: List<I, X>) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&*self.name)
            .set_index_name(X::NAME.map(str::to_owned))
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :prefix)")
            .expression_attribute_names("#pk", X::PK)
            .expression_attribute_names("#sk", X::SK)
            .expression_attribute_values(":pk", AttributeValue::S(list.pk))
            .expression_attribute_values(":prefix", AttributeValue::S(list.prefix))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    fn query_between<I>(&self, span: Span<I>) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&*self.name)
            .key_condition_expression("#pk = :pk AND #sk BETWEEN :from AND :to")
            .expression_attribute_names("#pk", Primary::PK)
            .expression_attribute_names("#sk", Primary::SK)
            .expression_attribute_values(":pk", AttributeValue::S(span.pk))
            .expression_attribute_values(":from", AttributeValue::S(span.from))
            .expression_attribute_values(":to", AttributeValue::S(span.to))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    pub(crate) async fn all_items(&self, query: QueryFluentBuilder) -> Result<Vec<Attributes>, StoreError> {
        Ok(self.pages(query).await?.into_iter().flat_map(|page| page.items.unwrap_or_default()).collect())
    }

    /// Asks for page after page until there is none.
    async fn pages(&self, query: QueryFluentBuilder) -> Result<Vec<QueryOutput>, StoreError> {
        let mut pages = Vec::new();
        let mut start = None;
        loop {
            let _waiting = self.meter.send();
            let mut page = query.clone().set_exclusive_start_key(start).send().await.map_err(|error| StoreError::from_sdk(&error))?;
            self.meter.read(page.consumed_capacity.as_slice());
            start = page.last_evaluated_key.take();
            pages.push(page);
            if start.is_none() {
                return Ok(pages);
            }
        }
    }
}

/// A key as the SDK carries it.
pub(crate) fn key_attributes<I>(key: &Get<I, Primary>) -> Attributes {
    [(Primary::PK, &key.pk), (Primary::SK, &key.sk)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), AttributeValue::S(value.clone())))
        .collect()
}

fn text(attributes: &Attributes, name: &str) -> Option<String> {
    attributes.get(name).and_then(|value| value.as_s().ok()).cloned()
}
