//! Calls: one item each, into which events fold.
//!
//! An event is one attribute, written if absent: any order and any repetition ends the same, with one write and no
//! read. What most events of a call repeat, the parties, is stored once under a name made of its content, so that it
//! commutes too.
//!
//! A deleted call leaves a tombstone: an item without events, which takes none any more.

use aws_lc_rs::digest;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::{
    CallId, Timestamp,
    call::{CallAlias, CallEvent, CallRecord, EventId, EventKind, Facts, Parties, Route, apply},
};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    access_patterns,
    error::StoreError,
    expression::SetExpression,
    inventory::built,
    item::{Attributes, EXPIRES_AT, Item, KIND, VERSION, last_of_key, whole},
    keys::{Keys, Shard, Tenant},
    table::{Consistency, Table},
    transcripts::long_text,
    update::Changed,
};

const EVENT: &str = "e#";
const PARTIES: &str = "p#";
const ROUTE: &str = "route";
/// What the source calls it.
const ALIAS: &str = "alias";
/// The attribute of a tombstone.
const DELETED: &str = "deleted";

/// An event as it is stored. Short names and codes: an ordinary call must stay within one write unit.
#[derive(Debug, Serialize, Deserialize)]
struct StoredEvent {
    #[serde(rename = "t")]
    kind: String,
    #[serde(rename = "a")]
    at_millis: i64,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    sequence: Option<i64>,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    parties: Option<String>,
    /// JSON: metadata may hold numbers that the table would round.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    facts: Option<String>,
}

impl Item for CallRecord {
    const KIND: &'static str = "call";
    type Scope = Tenant;

    fn keys(&self, tenant: &Tenant) -> Keys {
        Keys::primary(access_patterns::call(tenant.org(), tenant.mode(), Shard::of(self.id), self.id))
    }

    fn to_attributes(&self) -> Result<Attributes, StoreError> {
        let mut attributes = Attributes::new();
        for event in self.events.values() {
            attributes.extend(event_attributes(event)?);
        }
        if let Some(route) = &self.route {
            attributes.insert(ROUTE.to_owned(), to_value(route)?);
        }
        if let Some(alias) = &self.alias {
            attributes.insert(ALIAS.to_owned(), to_value(alias)?);
        }
        Ok(attributes)
    }

    fn from_attributes(mut attributes: Attributes) -> Result<Self, StoreError> {
        let mut record = Self::new(id_of(&attributes)?);
        record.route = attributes.remove(ROUTE).map(|route| from_value(Some(route))).transpose()?;
        record.alias = attributes.remove(ALIAS).map(|alias| from_value(Some(alias))).transpose()?;
        for (name, value) in &attributes {
            if let Some(event_id) = name.strip_prefix(EVENT) {
                apply(&mut record, read_event(event_id, value, &attributes)?);
            }
        }
        Ok(record)
    }
}

/// How an event may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventWrite {
    /// Whether or not anything is known of the call.
    Always,
    /// Only if the call has found its route already.
    IfRouted,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedEvent {
    /// It is part of the call, which is now this.
    Stored(CallRecord),
    /// It was not written: the call has no route yet.
    NotRouted,
    /// It was not written: the call was deleted.
    Deleted,
}

impl Table {
    /// Adds events in one write, and the route if one was found, to a call, which its source may know by a name. The first
    /// route and the first event of an id stay. A long transcript is stored beside the call first, if the call will take it.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] if the call cannot hold all of them: it then took none. Otherwise [`StoreError`] if the table
    /// cannot be written.
    pub async fn record_events(
        &self,
        tenant: Tenant,
        (call, alias): (CallId, Option<&CallAlias>),
        events: &[&CallEvent],
        route: Option<&Route>,
        how: EventWrite,
    ) -> Result<RecordedEvent, StoreError> {
        let any_long = events.iter().any(|event| long_text(event).is_some());
        if how == EventWrite::IfRouted && any_long && !self.has_route(tenant, call).await? {
            return Ok(RecordedEvent::NotRouted);
        }
        let stored = try_join_all(events.iter().map(|event| self.store_transcript(tenant, call, event))).await?;
        let set = event_writes(events.iter().zip(&stored).map(|(event, stored)| stored.as_ref().unwrap_or(event)), alias, route)?;
        let routed = if how == EventWrite::IfRouted { format!(" AND attribute_exists({ROUTE})") } else { String::new() };
        let condition = format!("attribute_not_exists({DELETED}){routed}");
        let key = access_patterns::call(tenant.org(), tenant.mode(), Shard::of(call), call);
        let written = self.update(key, &set, Some(condition.as_str())).await;
        if matches!(written, Err(StoreError::TooLarge)) {
            let transcripts = stored.iter().flatten().filter_map(|event| event.facts.stored_transcript.as_ref());
            try_join_all(transcripts.map(|transcript| self.discard_transcript(tenant, call, transcript))).await?;
        }
        match written? {
            Changed::Done(record) => Ok(RecordedEvent::Stored(with_texts(record, events, &stored))),
            Changed::Refused(Some(tombstone)) if tombstone.events.is_empty() => {
                // What a late event brought does not outlive its call.
                if any_long {
                    self.remove_transcripts(tenant, call).await?;
                }
                Ok(RecordedEvent::Deleted)
            }
            Changed::Refused(_) => Ok(RecordedEvent::NotRouted),
        }
    }

    /// Whether a call takes events that need a route: it has one, which stays, or it was deleted and absorbs them.
    async fn has_route(&self, tenant: Tenant, call: CallId) -> Result<bool, StoreError> {
        for consistency in [Consistency::Eventual, Consistency::Strong] {
            let key = access_patterns::call(tenant.org(), tenant.mode(), Shard::of(call), call);
            if self.get(key, consistency).await?.is_some_and(|record| record.route.is_some() || record.events.is_empty()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One call of an organization, as it is now, with its transcript.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn call(&self, tenant: Tenant, id: CallId) -> Result<Option<CallRecord>, StoreError> {
        match self.record(tenant, id, Consistency::Strong).await? {
            Some(record) => self.with_transcripts(tenant, record).await.map(Some),
            None => Ok(None),
        }
    }

    /// One call's record without transcripts that are kept beside it; `None` if there is none or it was deleted.
    ///
    /// # Errors
    /// [`StoreError`] if the table cannot be read.
    pub async fn record(&self, tenant: Tenant, id: CallId, consistency: Consistency) -> Result<Option<CallRecord>, StoreError> {
        let key = access_patterns::call(tenant.org(), tenant.mode(), Shard::of(id), id);
        Ok(self.get(key, consistency).await?.filter(|record| !record.events.is_empty()))
    }

    /// Puts a tombstone in the place of a call.
    pub(crate) fn bury_call(&self, tenant: Tenant, id: CallId, expires_at: i64) -> Result<TransactWriteItem, StoreError> {
        let mut item = whole(&CallRecord::new(id), &tenant)?;
        item.insert(DELETED.to_owned(), AttributeValue::Bool(true));
        item.insert(EXPIRES_AT.to_owned(), AttributeValue::N(expires_at.to_string()));
        let put = Put::builder()
            .table_name(&*self.name)
            .set_item(Some(item))
            .condition_expression(format!("attribute_exists(pk) AND attribute_not_exists({DELETED})"))
            .build();
        Ok(TransactWriteItem::builder().put(built(put)?).build())
    }
}

/// The change of a call's item that adds events to it.
fn event_writes<'a>(
    events: impl Iterator<Item = &'a CallEvent>,
    alias: Option<&CallAlias>,
    route: Option<&Route>,
) -> Result<SetExpression, StoreError> {
    let mut attributes = Attributes::new();
    for event in events {
        for (name, value) in event_attributes(event)? {
            attributes.entry(name).or_insert(value);
        }
    }
    if let Some(alias) = alias {
        attributes.insert(ALIAS.to_owned(), to_value(alias)?);
    }
    if let Some(route) = route {
        attributes.insert(ROUTE.to_owned(), to_value(route)?);
    }
    let mut set = SetExpression::default();
    set.set(KIND, AttributeValue::S(CallRecord::KIND.to_owned()));
    set.set(VERSION, AttributeValue::N(CallRecord::VERSION.to_string()));
    for (name, value) in attributes {
        set.set_once(&name, value);
    }
    Ok(set)
}

/// The record with the texts of the transcripts that its events brought: who wrote them need not fetch them.
fn with_texts(mut record: CallRecord, events: &[&CallEvent], stored: &[Option<CallEvent>]) -> CallRecord {
    for (event, stored) in events.iter().zip(stored) {
        if let (Some(stored), Some(own)) = (stored, record.events.get_mut(&event.id))
            && own.facts.stored_transcript == stored.facts.stored_transcript
        {
            (own.facts.transcript, own.facts.stored_transcript) = (event.facts.transcript.clone(), None);
        }
    }
    record
}

/// The attributes of one event: the event itself, and its parties under a name made of their content.
fn event_attributes(event: &CallEvent) -> Result<Attributes, StoreError> {
    let mut attributes = Attributes::new();
    let mut parties = None;
    if event.parties != Parties::default() {
        let name = content_name(&event.parties)?;
        attributes.insert(format!("{PARTIES}{name}"), to_value(&event.parties)?);
        parties = Some(name);
    }
    let facts = (event.facts != Facts::default()).then(|| serde_json::to_string(&event.facts)).transpose().map_err(corrupt)?;
    let stored = StoredEvent {
        kind: code(&event.kind).to_owned(),
        at_millis: event.timestamp.as_millis(),
        sequence: event.sequence,
        parties,
        facts,
    };
    attributes.insert(format!("{EVENT}{}", event.id), to_value(&stored)?);
    Ok(attributes)
}

fn read_event(id: &str, value: &AttributeValue, attributes: &Attributes) -> Result<CallEvent, StoreError> {
    let stored: StoredEvent = from_value(Some(value.clone()))?;
    let parties = match &stored.parties {
        Some(name) => from_value(attributes.get(&format!("{PARTIES}{name}")).cloned())?,
        None => Parties::default(),
    };
    let facts = stored.facts.as_deref().map(serde_json::from_str::<Facts>).transpose().map_err(corrupt)?.unwrap_or_default();
    Ok(CallEvent {
        id: id.parse::<EventId>().map_err(corrupt)?,
        kind: kind(&stored.kind)?,
        timestamp: Timestamp::from_millis(stored.at_millis).map_err(corrupt)?,
        sequence: stored.sequence,
        parties,
        facts,
    })
}

/// Codes of the kinds that nearly every call has. Other kinds are stored under their names, in which no `~` can be.
const CODES: [(&str, EventKind); 7] = [
    ("~i", EventKind::Initiated),
    ("~r", EventKind::Ringing),
    ("~a", EventKind::Answered),
    ("~c", EventKind::Completed),
    ("~f", EventKind::Failed),
    ("~R", EventKind::RecordingReady),
    ("~T", EventKind::TranscriptReady),
];

fn code(kind: &EventKind) -> &str {
    CODES.iter().find(|(_, known)| known == kind).map_or_else(|| kind.as_str(), |(code, _)| code)
}

fn kind(code: &str) -> Result<EventKind, StoreError> {
    match CODES.iter().find(|(known, _)| *known == code) {
        Some((_, kind)) => Ok(kind.clone()),
        None => code.parse().map_err(corrupt),
    }
}

/// The call's id, which is the end of its sort key.
fn id_of(attributes: &Attributes) -> Result<CallId, StoreError> {
    last_of_key(attributes).ok_or_else(|| corrupt("the key names no call"))?.parse().map_err(corrupt)
}

/// A short name that only equal parties share: 48 bits of a SHA-256, among the few parties of one call.
fn content_name(parties: &Parties) -> Result<String, StoreError> {
    let json = serde_json::to_vec(parties).map_err(corrupt)?;
    Ok(hex::encode(&digest::digest(&digest::SHA256, &json).as_ref()[..6]))
}

fn to_value<T: Serialize>(value: &T) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(corrupt)
}

fn from_value<T: DeserializeOwned>(value: Option<AttributeValue>) -> Result<T, StoreError> {
    let value = value.ok_or_else(|| corrupt("an attribute is missing"))?;
    serde_dynamo::from_attribute_value(value).map_err(corrupt)
}

fn corrupt(cause: impl ToString) -> StoreError {
    StoreError::corrupt(CallRecord::KIND, cause)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_kind_reads_back_as_itself(name in "[A-Za-z0-9._-]{1,64}") {
            let named: EventKind = name.parse().unwrap();
            prop_assert_eq!(kind(code(&named)).unwrap(), named);
        }
    }

    #[test]
    fn every_known_kind_reads_back_as_itself() {
        for (_, known) in CODES {
            assert_eq!(kind(code(&known)).unwrap(), known);
        }
        for letter in ["i", "r", "a", "c", "f", "R", "T"] {
            assert_eq!(kind(letter).unwrap(), EventKind::Other(letter.into()));
        }
    }
}
