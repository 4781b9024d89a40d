//! What a function asks of AWS, written down as it asks: which actions, on what.
//!
//! A transaction is written down by its single actions, as policies grant them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeSerializationInterceptorContextRef},
    error::BoxError,
    operation::{
        batch_execute_statement::BatchExecuteStatementInput, batch_get_item::BatchGetItemInput, batch_write_item::BatchWriteItemInput,
        delete_item::DeleteItemInput, get_item::GetItemInput, put_item::PutItemInput, query::QueryInput,
        transact_write_items::TransactWriteItemsInput, update_item::UpdateItemInput,
    },
    types::{AttributeValue, BatchStatementRequest, TransactWriteItem, WriteRequest},
};
use aws_sdk_kms::operation::{decrypt::DecryptInput, generate_data_key::GenerateDataKeyInput};
use aws_sdk_sqs::operation::{send_message::SendMessageInput, send_message_batch::SendMessageBatchInput};

/// An action and what it was done on: an index (empty for the table itself) with the beginning of a partition key, a kind
/// of secret, a queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deed {
    /// The action as a policy names it, such as `dynamodb:GetItem`.
    pub action: &'static str,
    /// The index that was asked; the queue's URL; empty for the table and for keys.
    pub on: String,
    /// The beginning of the partition key as a pattern, such as `ORG#*`; the kind of secret; empty for queues.
    pub named: String,
}

/// Writes down what the clients do that have it. Clones write into one book.
#[derive(Debug, Clone, Default)]
pub struct Recorder(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    deeds: BTreeSet<Deed>,
    partitions: BTreeSet<String>,
}

impl Recorder {
    /// What was done so far.
    #[must_use]
    pub fn deeds(&self) -> BTreeSet<Deed> {
        self.0.lock().unwrap().deeds.clone()
    }

    /// The partition keys that the table was asked by since the last time, whole.
    #[must_use]
    pub fn take_partitions(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.0.lock().unwrap().partitions)
    }
}

impl Intercept for Recorder {
    fn name(&self) -> &'static str {
        "Recorder"
    }

    fn read_before_serialization(&self, context: &Request<'_>, _: &RuntimeComponents, _: &mut ConfigBag) -> Result<(), BoxError> {
        let mut book = self.0.lock().unwrap();
        if let Some(asked) = of_table(context) {
            book.deeds.extend(asked.iter().map(Asked::deed));
            book.partitions.extend(asked.into_iter().map(|asked| asked.partition));
        } else {
            book.deeds.extend(of_others(context).ok_or("an operation that the recorder does not know")?);
        }
        Ok(())
    }
}

/// A request before it is written.
type Request<'a> = BeforeSerializationInterceptorContextRef<'a>;

type Values = HashMap<String, AttributeValue>;

/// What the table is asked: an action, on an index or (if it is empty) on itself, by a partition key.
struct Asked {
    action: &'static str,
    index: String,
    partition: String,
}

impl Asked {
    fn of(action: &'static str, key: Option<&Values>) -> Self {
        Self { action, index: String::new(), partition: text(key.and_then(|key| key.get("pk"))) }
    }

    /// A partition key as a policy can name it: what stands before the first separator, and anything after it.
    fn deed(&self) -> Deed {
        let named = self.partition.split_once('#').map_or_else(|| self.partition.clone(), |(kind, _)| format!("{kind}#*"));
        Deed { action: self.action, on: self.index.clone(), named }
    }
}

fn text(value: Option<&AttributeValue>) -> String {
    value.and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

fn of_table(request: &Request<'_>) -> Option<Vec<Asked>> {
    let input = request.input();
    if let Some(get) = input.downcast_ref::<GetItemInput>() {
        return Some(vec![Asked::of("dynamodb:GetItem", get.key())]);
    }
    if let Some(batch) = input.downcast_ref::<BatchGetItemInput>() {
        let keys = batch.request_items().into_iter().flat_map(HashMap::values).flat_map(|of_table| of_table.keys());
        return Some(keys.map(|key| Asked::of("dynamodb:BatchGetItem", Some(key))).collect());
    }
    if let Some(put) = input.downcast_ref::<PutItemInput>() {
        return Some(vec![Asked::of("dynamodb:PutItem", put.item())]);
    }
    if let Some(update) = input.downcast_ref::<UpdateItemInput>() {
        return Some(vec![Asked::of("dynamodb:UpdateItem", update.key())]);
    }
    if let Some(delete) = input.downcast_ref::<DeleteItemInput>() {
        return Some(vec![Asked::of("dynamodb:DeleteItem", delete.key())]);
    }
    if let Some(query) = input.downcast_ref::<QueryInput>() {
        let partition = text(query.expression_attribute_values().and_then(|values| values.get(":pk")));
        return Some(vec![Asked { action: "dynamodb:Query", index: query.index_name().unwrap_or_default().to_owned(), partition }]);
    }
    if let Some(batch) = input.downcast_ref::<BatchWriteItemInput>() {
        let requests = batch.request_items().into_iter().flat_map(HashMap::values).flatten();
        let key = |request: &WriteRequest| match (request.put_request(), request.delete_request()) {
            (Some(put), _) => Asked::of("dynamodb:BatchWriteItem", Some(put.item())),
            (None, delete) => Asked::of("dynamodb:BatchWriteItem", delete.map(|delete| delete.key())),
        };
        return Some(requests.map(key).collect());
    }
    if let Some(batch) = input.downcast_ref::<BatchExecuteStatementInput>() {
        return batch.statements().iter().map(of_statement).collect();
    }
    let transaction = input.downcast_ref::<TransactWriteItemsInput>()?;
    Some(transaction.transact_items().iter().map(of_transaction).collect())
}

/// An insertion, which names its item's attributes in the order of its parameters; `None` for any other statement.
fn of_statement(request: &BatchStatementRequest) -> Option<Asked> {
    let (_, fields) = request.statement().strip_prefix("INSERT INTO ")?.split_once(" VALUE {")?;
    let place = fields.split(", ").position(|field| field == "'pk': ?")?;
    let partition = text(request.parameters().get(place));
    Some(Asked { action: "dynamodb:PartiQLInsert", index: String::new(), partition })
}

fn of_transaction(item: &TransactWriteItem) -> Asked {
    if let Some(put) = item.put() {
        return Asked::of("dynamodb:PutItem", Some(put.item()));
    }
    if let Some(update) = item.update() {
        return Asked::of("dynamodb:UpdateItem", Some(update.key()));
    }
    if let Some(delete) = item.delete() {
        return Asked::of("dynamodb:DeleteItem", Some(delete.key()));
    }
    Asked::of("dynamodb:ConditionCheckItem", item.condition_check().map(|check| check.key()))
}

fn of_others(request: &Request<'_>) -> Option<Vec<Deed>> {
    let of_kind = |action, context: Option<&HashMap<String, String>>| {
        let named = context.and_then(|context| context.get("kind")).cloned().unwrap_or_default();
        Some(vec![Deed { action, on: String::new(), named }])
    };
    if let Some(generate) = request.input().downcast_ref::<GenerateDataKeyInput>() {
        return of_kind("kms:GenerateDataKey", generate.encryption_context());
    }
    if let Some(decrypt) = request.input().downcast_ref::<DecryptInput>() {
        return of_kind("kms:Decrypt", decrypt.encryption_context());
    }
    let queue = match request.input().downcast_ref::<SendMessageInput>() {
        Some(one) => one.queue_url(),
        None => request.input().downcast_ref::<SendMessageBatchInput>()?.queue_url(),
    };
    Some(vec![Deed { action: "sqs:SendMessage", on: queue.unwrap_or_default().to_owned(), named: String::new() }])
}

/// Deeds by what they are done on: what a policy's statements are made of.
#[must_use]
pub fn by_action(deeds: &BTreeSet<Deed>) -> BTreeMap<(&'static str, &str), BTreeSet<&str>> {
    let mut grouped: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for deed in deeds {
        grouped.entry((deed.action, deed.on.as_str())).or_default().insert(deed.named.as_str());
    }
    grouped
}
