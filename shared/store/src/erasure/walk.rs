//! One walk through everything that an organization has, erasing or only counting it, and the look over the whole table
//! that proves it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, ReturnConsumedCapacity, WriteRequest},
};
use domain::{Mode, NumberId, OrgId, UserId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    access_patterns,
    bulk::delete_request,
    due::DueShard,
    endpoint_deletions::numbers_and_gone,
    error::StoreError,
    item::{Attributes, Item as _, KIND},
    keys::{Get, Gsi1, Gsi2, Gsi3, Index as _, List, Primary, Tenant},
    outbox::OutboxShard,
    releases::GivenUp,
    resealing::TableKey,
    table::Table,
};

use super::{
    Erasure,
    partitions::{lone_items, partitions},
};

/// How many partitions, numbers or batches are worked on at the same time.
const CONCURRENT: usize = 8;

/// What a walk does with what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It is erased.
    Erase,
    /// It is counted.
    Count,
}

/// What a walk found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// How many items, by their kind.
    pub items: BTreeMap<String, u64>,
    /// How many numbers went back to the inventory, or would go.
    pub freed_numbers: u64,
}

impl Found {
    /// How many items of all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.items.values().sum()
    }

    /// What this walk and another one found.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        other.items.into_iter().for_each(|(kind, count)| self.add(&kind, count));
        self.freed_numbers += other.freed_numbers;
        self
    }

    fn add(&mut self, kind: &str, count: u64) {
        if count > 0 {
            *self.items.entry(kind.to_owned()).or_default() += count;
        }
    }
}

/// An item that names an organization.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mention {
    /// Its kind.
    pub kind: String,
    /// Its key, for people.
    pub key: String,
}

/// A part of the look over the whole table.
#[derive(Debug)]
pub struct Mentions {
    /// The items that name the organization.
    pub found: Vec<Mention>,
    /// How many items were looked at.
    pub items: u64,
    /// Where the look goes on; `None` at its end.
    pub next: Option<TableKey>,
}

struct Walk<'a> {
    table: &'a Table,
    org: OrgId,
    treatment: Treatment,
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Table {
    /// Finds everything that an organization has, but for its mark, and erases or counts it. Numbers go back to the
    /// inventory, with their claims. `progress` is told of so many items more, again and again.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read or written: what was erased stays erased, and another walk finds the rest.
    pub async fn walk_organization(&self, org: OrgId, treatment: Treatment, progress: &(dyn Fn(u64) + Sync)) -> Result<Found, StoreError> {
        let walk = Walk { table: self, org, treatment, progress };
        // Before the items that tell of them: keys by their hashes, memberships, and claims.
        let mut found = walk.access().await?;
        for mode in Mode::ALL {
            found = found.and(walk.numbers(Tenant::new(org, mode)).await?);
        }
        found = found.and(walk.lone_items().await?).and(walk.shared().await?);
        let own = stream::iter(partitions(org)?).map(|key| walk.partition(key)).buffer_unordered(CONCURRENT);
        own.try_fold(found, async |found, other| Ok(found.and(other))).await
    }

    /// The items among the next `limit` of the table that name an organization, but for its mark. A walk through all parts
    /// reads the whole table.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn mentions(&self, org: OrgId, after: Option<&TableKey>, limit: i32) -> Result<Mentions, StoreError> {
        let names = [Primary::PK, Primary::SK, Gsi1::PK, Gsi1::SK, Gsi2::PK, Gsi2::SK, Gsi3::PK, Gsi3::SK, "organization_id"];
        let filter: Vec<String> = (0..names.len()).map(|at| format!("contains(#n{at}, :org)")).collect();
        let mut scan = self.client.scan().table_name(&*self.name).limit(limit).consistent_read(true).filter_expression(filter.join(" OR "));
        for (at, name) in names.into_iter().enumerate() {
            scan = scan.expression_attribute_names(format!("#n{at}"), name);
        }
        let waiting = self.meter.send();
        let output = scan
            .expression_attribute_values(":org", AttributeValue::S(org.to_string()))
            .set_exclusive_start_key(after.map(TableKey::attributes))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| StoreError::from_sdk(&error))?;
        drop(waiting);
        self.meter.read(output.consumed_capacity.as_slice());
        let found = output.items().iter().filter(|item| kind(item) != Erasure::KIND).map(Mention::of).collect();
        let next = output.last_evaluated_key().and_then(TableKey::of);
        Ok(Mentions { found, items: u64::try_from(output.scanned_count).unwrap_or(0), next })
    }

    /// Erases what lets somebody act for an organization: its keys and members, each of which is two items.
    pub(super) async fn erase_access(&self, org: OrgId) -> Result<Found, StoreError> {
        let (mut found, keys) = (Found::default(), self.list_now(access_patterns::api_keys(org)).await?);
        found.add("api_key", keys.len() as u64);
        found.add("key_record", keys.len() as u64);
        let erased = stream::iter(keys).map(|record| self.erase_key(org, record.key.id)).buffer_unordered(CONCURRENT);
        erased.try_collect::<Vec<()>>().await?;
        let members = self.list_now(access_patterns::members(org)).await?;
        found.add("membership", members.len() as u64);
        found.add("member", members.len() as u64);
        let erased = stream::iter(members).map(|member| self.erase_member(org, member.user_id)).buffer_unordered(CONCURRENT);
        erased.try_collect::<Vec<()>>().await?;
        Ok(found)
    }

    /// What the organization lists goes last: it leads to the other.
    async fn erase_member(&self, org: OrgId, user: UserId) -> Result<(), StoreError> {
        self.delete(access_patterns::membership(user, org)).await?;
        self.delete(access_patterns::member(org, user)).await
    }
}

impl Walk<'_> {
    /// A key is two items, and the one by its hash is found by the other; so is a member, and a user's membership.
    async fn access(&self) -> Result<Found, StoreError> {
        let found = match self.treatment {
            Treatment::Erase => self.table.erase_access(self.org).await?,
            Treatment::Count => {
                let mut found = Found::default();
                // The walk through the partition counts what leads to them.
                found.add("api_key", self.table.list_now(access_patterns::api_keys(self.org)).await?.len() as u64);
                found.add("membership", self.table.list_now(access_patterns::members(self.org)).await?.len() as u64);
                found
            }
        };
        (self.progress)(found.total());
        Ok(found)
    }

    /// A number goes with its claim, and back to the inventory.
    async fn numbers(&self, tenant: Tenant) -> Result<Found, StoreError> {
        let query = self.table.query(access_patterns::numbers(tenant.org(), tenant.mode())).consistent_read(true);
        let (numbers, _) = numbers_and_gone(self.table.all_items(query).await?)?;
        let given_up = stream::iter(numbers).map(async |number| match self.treatment {
            Treatment::Erase => self.number(tenant, number.id).await,
            Treatment::Count => Ok(Some(GivenUp::of(&number))),
        });
        let mut found = Found::default();
        for given_up in given_up.buffer_unordered(CONCURRENT).try_collect::<Vec<_>>().await?.into_iter().flatten() {
            found.add("claim", u64::from(given_up.claim));
            found.freed_numbers += u64::from(given_up.slot);
            if self.treatment == Treatment::Erase {
                found.add("number", 1);
            }
        }
        Ok(found)
    }

    async fn number(&self, tenant: Tenant, id: NumberId) -> Result<Option<GivenUp>, StoreError> {
        let given_up = self.table.erase_number(tenant, id).await?;
        (self.progress)(1);
        Ok(given_up)
    }

    /// Items in partitions of others, under keys of their own.
    async fn lone_items(&self) -> Result<Found, StoreError> {
        let mut found = Found::default();
        for key in lone_items(self.org)? {
            let got = self.table.client.get_item().table_name(&*self.table.name).set_key(Some(key.attributes())).consistent_read(true);
            let got = got.send().await.map_err(|error| StoreError::from_sdk(&error))?;
            found = found.and(self.treat(got.item.into_iter().collect()).await?);
        }
        Ok(found)
    }

    /// Partitions of the system, in which the items of all organizations wait.
    async fn shared(&self) -> Result<Found, StoreError> {
        let mut queries: Vec<QueryFluentBuilder> = OutboxShard::all().map(|shard| self.of_own(access_patterns::outbox(shard))).collect();
        queries.extend(DueShard::all().map(|shard| self.of_own(access_patterns::due_attempts(shard))));
        let found = stream::iter(queries).map(|query| self.pages(query)).buffer_unordered(CONCURRENT);
        found.try_fold(Found::default(), async |found, other| Ok(found.and(other))).await
    }

    fn of_own<I>(&self, list: List<I, Primary>) -> QueryFluentBuilder {
        let query = self.table.query(list).filter_expression("#org = :org").expression_attribute_names("#org", "organization_id");
        query.expression_attribute_values(":org", AttributeValue::S(self.org.to_string()))
    }

    /// A partition that is the organization's alone.
    async fn partition(&self, key: String) -> Result<Found, StoreError> {
        let query = self.table.client.query().table_name(&*self.table.name).key_condition_expression("#pk = :pk");
        let query = query.expression_attribute_names("#pk", Primary::PK).expression_attribute_values(":pk", AttributeValue::S(key));
        self.pages(query.return_consumed_capacity(ReturnConsumedCapacity::Total)).await
    }

    /// Treats what a query finds, page by page.
    async fn pages(&self, query: QueryFluentBuilder) -> Result<Found, StoreError> {
        let query = query
            .consistent_read(true)
            .projection_expression("#own_pk, #own_sk, #kind")
            .expression_attribute_names("#own_pk", Primary::PK)
            .expression_attribute_names("#own_sk", Primary::SK)
            .expression_attribute_names("#kind", KIND);
        let (mut found, mut start) = (Found::default(), None);
        loop {
            let waiting = self.table.meter.send();
            let page = query.clone().set_exclusive_start_key(start).send().await.map_err(|error| StoreError::from_sdk(&error))?;
            drop(waiting);
            self.table.meter.read(page.consumed_capacity.as_slice());
            found = found.and(self.treat(page.items.unwrap_or_default()).await?);
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    /// Erases or counts items; the organization's mark is none of them.
    async fn treat(&self, mut items: Vec<Attributes>) -> Result<Found, StoreError> {
        items.retain(|item| kind(item) != Erasure::KIND);
        let mut found = Found::default();
        items.iter().for_each(|item| found.add(kind(item), 1));
        if self.treatment == Treatment::Erase {
            self.table.write_all(items.iter().map(delete).collect::<Result<_, _>>()?).await?;
        }
        (self.progress)(items.len() as u64);
        Ok(found)
    }
}

impl Mention {
    fn of(item: &Attributes) -> Self {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        Self { kind: kind(item).to_owned(), key: format!("{} {}", text(Primary::PK), text(Primary::SK)) }
    }
}

fn kind(item: &Attributes) -> &str {
    item.get(KIND).and_then(|kind| kind.as_s().ok()).map_or("unknown", String::as_str)
}

fn delete(item: &Attributes) -> Result<WriteRequest, StoreError> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    let key = text(Primary::PK).zip(text(Primary::SK)).map(|(pk, sk)| Get::<()>::new(pk, sk));
    delete_request(&key.ok_or_else(|| StoreError::Refused("an item has no key".to_owned()))?)
}
