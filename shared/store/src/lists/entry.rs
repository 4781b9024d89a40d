//! The entry of an ended call in the organization's list: what lists show, without its events, in few bytes.
//!
//! It is written when the call is counted, in the same transaction, and kept up with later events. What it was counted
//! as stands in it, so that it tells what a correction or a deletion has to take back. A deleted call leaves an empty
//! entry for as long as its record's tombstone lives: who still has an event of it in hand must not count it again.

use aws_lc_rs::digest;
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{
    CallId, EndpointId, NumberId, Timestamp,
    call::{Call, CallRecord, CallStatus, Counted, Direction, HangupReason},
};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeTuple as _};

use crate::{
    access_patterns,
    error::StoreError,
    item::{Attributes, EXPIRES_AT, Item},
    keys::{Index as _, Keys, Primary, Tenant},
    packed,
};

pub(crate) const MADE_FROM: &str = "n";
pub(crate) const COUNTED: &str = "c";
pub(crate) const BODY: &str = "b";

/// The entry of a call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCall {
    /// The call.
    pub id: CallId,
    /// What lists show of it; `None` if it was deleted.
    pub call: Option<Call>,
    /// The version of the record that it was made from: a larger one is newer.
    pub(crate) version: usize,
    /// When the table forgets a deleted call's entry: seconds since 1970.
    pub(crate) expires_at: Option<i64>,
    /// A short name of what it was counted as, as it is stored: conditions compare it with itself.
    counted_name: String,
}

impl ListedCall {
    /// The entry that a record tells.
    pub(crate) fn of(record: &CallRecord) -> Self {
        let call = Call { transcript: None, transcript_url: None, ..record.call() };
        let counted_name = name_of(Some(&call.counted()));
        Self { id: record.id, call: Some(call), version: record.version(), expires_at: None, counted_name }
    }

    /// The entry of a deleted call.
    pub(crate) fn tombstone(id: CallId, expires_at: i64) -> Self {
        Self { id, call: None, version: usize::MAX, expires_at: Some(expires_at), counted_name: name_of(None) }
    }

    /// What it was counted as.
    pub(crate) fn counted(&self) -> Option<Counted> {
        self.call.as_ref().map(Call::counted)
    }

    /// A short name of what it was counted as.
    pub(crate) fn counted_name(&self) -> &str {
        &self.counted_name
    }

    /// The packed body.
    pub(crate) fn body(&self) -> Result<Option<AttributeValue>, StoreError> {
        let Some(call) = &self.call else { return Ok(None) };
        let json = serde_json::to_vec(&Shown::of(call)?).map_err(corrupt)?;
        Ok(Some(AttributeValue::B(Blob::new(packed::pack(&json)))))
    }
}

impl Item for ListedCall {
    const KIND: &'static str = "listed";
    type Scope = Tenant;

    fn keys(&self, tenant: &Tenant) -> Keys {
        Keys::primary(access_patterns::listed_call(tenant.org(), tenant.mode(), self.id))
    }

    fn to_attributes(&self) -> Result<Attributes, StoreError> {
        let mut attributes = Attributes::new();
        attributes.insert(MADE_FROM.to_owned(), AttributeValue::N(self.version.to_string()));
        attributes.insert(COUNTED.to_owned(), AttributeValue::S(self.counted_name.clone()));
        attributes.extend(self.body()?.map(|body| (BODY.to_owned(), body)));
        attributes.extend(self.expires_at.map(|at| (EXPIRES_AT.to_owned(), AttributeValue::N(at.to_string()))));
        Ok(attributes)
    }

    fn from_attributes(attributes: Attributes) -> Result<Self, StoreError> {
        let key = attributes.get(Primary::SK).and_then(|key| key.as_s().ok()).and_then(|key| key.rsplit_once('#'));
        let id: CallId = key.and_then(|(_, id)| id.parse().ok()).ok_or_else(|| corrupt("the key names no call"))?;
        let number = |name: &str| attributes.get(name).and_then(|value| value.as_n().ok());
        let version = number(MADE_FROM).and_then(|version| version.parse().ok()).ok_or_else(|| corrupt("it has no version"))?;
        let call = attributes.get(BODY).map(|body| read_body(id, body)).transpose()?;
        let expires_at = number(EXPIRES_AT).and_then(|at| at.parse().ok());
        let counted_name = attributes.get(COUNTED).and_then(|name| name.as_s().ok()).ok_or_else(|| corrupt("it has no name"))?.clone();
        Ok(Self { id, call, version, expires_at, counted_name })
    }
}

/// A name that only equal facts share: 48 bits of a SHA-256, among the few corrections of one call.
fn name_of(counted: Option<&Counted>) -> String {
    let text = counted.map_or_else(String::new, |counted| {
        let Counted { status, direction, number_id, endpoint_id, answered, duration, cost_micro_cents } = counted;
        let id = |uuid: Option<uuid::Uuid>| uuid.map_or_else(String::new, |uuid| uuid.to_string());
        let (number, endpoint) = (id(number_id.map(NumberId::as_uuid)), id(endpoint_id.map(EndpointId::as_uuid)));
        let (status, direction) = (status.as_str(), direction.as_str());
        format!("{status} {direction} {number} {endpoint} {answered} {duration} {cost_micro_cents}")
    });
    hex::encode(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..6])
}

fn read_body(id: CallId, body: &AttributeValue) -> Result<Call, StoreError> {
    let blob = body.as_b().map_err(|_| corrupt("the body is no binary"))?;
    let json = packed::unpack(blob.as_ref()).map_err(corrupt)?;
    let shown: Shown = serde_json::from_slice(&json).map_err(corrupt)?;
    shown.into_call(id)
}

fn corrupt(cause: impl ToString) -> StoreError {
    StoreError::corrupt(ListedCall::KIND, cause)
}

/// Words that nearly every call has are told by their places in these lists, which are fixed for ever; what is added goes
/// to the end.
const STATUSES: [CallStatus; 4] = [CallStatus::Completed, CallStatus::Failed, CallStatus::Busy, CallStatus::NoAnswer];
const DIRECTIONS: [Direction; 2] = [Direction::Inbound, Direction::Outbound];
const REASONS: [HangupReason; 8] = [
    HangupReason::NormalClearing,
    HangupReason::UserHangup,
    HangupReason::AgentHangup,
    HangupReason::NoAnswer,
    HangupReason::Busy,
    HangupReason::Rejected,
    HangupReason::NetworkError,
    HangupReason::Timeout,
];

/// A word's place in its list.
fn place<T: PartialEq + std::fmt::Debug>(words: &[T], word: &T) -> Result<usize, StoreError> {
    words.iter().position(|known| known == word).ok_or_else(|| corrupt(format!("{word:?} has no place")))
}

/// The word at a place.
fn word<T: Copy>(words: &[T], place: usize) -> Result<T, StoreError> {
    words.get(place).copied().ok_or_else(|| corrupt(format!("place {place} has no word")))
}

/// A call as a list of values without names, which would be half of it. The order is fixed for ever; what is added goes
/// to the end and has a default. Times are milliseconds: since 1970, or since the call began.
#[derive(Debug, Deserialize)]
struct Shown {
    /// `None` if the id tells it.
    begun: Option<i64>,
    answered: Option<i64>,
    completed: Option<i64>,
    status: usize,
    direction: usize,
    from_number: Option<String>,
    to_number: Option<String>,
    duration: u32,
    cost_micro_cents: u64,
    latency_ms: u32,
    phone_number_id: Option<NumberId>,
    endpoint_id: Option<EndpointId>,
    recording_url: Option<String>,
    hangup_cause: Option<String>,
    hangup_reason: Option<usize>,
    carrier: Option<String>,
    carrier_call_id: Option<String>,
    metadata: serde_json::Map<String, serde_json::Value>,
    has_transcript: bool,
    /// Left out if there is none.
    #[serde(default)]
    public_id: Option<CallId>,
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut values = serializer.serialize_tuple(19 + usize::from(self.public_id.is_some()))?;
        values.serialize_element(&self.begun)?;
        values.serialize_element(&self.answered)?;
        values.serialize_element(&self.completed)?;
        values.serialize_element(&self.status)?;
        values.serialize_element(&self.direction)?;
        values.serialize_element(&self.from_number)?;
        values.serialize_element(&self.to_number)?;
        values.serialize_element(&self.duration)?;
        values.serialize_element(&self.cost_micro_cents)?;
        values.serialize_element(&self.latency_ms)?;
        values.serialize_element(&self.phone_number_id)?;
        values.serialize_element(&self.endpoint_id)?;
        values.serialize_element(&self.recording_url)?;
        values.serialize_element(&self.hangup_cause)?;
        values.serialize_element(&self.hangup_reason)?;
        values.serialize_element(&self.carrier)?;
        values.serialize_element(&self.carrier_call_id)?;
        values.serialize_element(&self.metadata)?;
        values.serialize_element(&self.has_transcript)?;
        if let Some(public_id) = &self.public_id {
            values.serialize_element(public_id)?;
        }
        values.end()
    }
}

impl Shown {
    fn of(call: &Call) -> Result<Self, StoreError> {
        let after = |time: Option<Timestamp>| time.map(|time| time.millis_since(call.created_at));
        Ok(Self {
            begun: (call.id.time() != Some(call.created_at)).then(|| call.created_at.as_millis()),
            answered: after(call.answered_at),
            completed: after(call.completed_at),
            status: place(&STATUSES, &call.status)?,
            direction: place(&DIRECTIONS, &call.direction)?,
            from_number: call.from_number.clone(),
            to_number: call.to_number.clone(),
            duration: call.duration,
            cost_micro_cents: call.cost_micro_cents,
            latency_ms: call.latency_ms,
            phone_number_id: call.phone_number_id,
            endpoint_id: call.endpoint_id,
            recording_url: call.recording_url.clone(),
            hangup_cause: call.hangup_cause.clone(),
            hangup_reason: call.hangup_reason.map(|reason| place(&REASONS, &reason)).transpose()?,
            carrier: call.carrier.clone(),
            carrier_call_id: call.carrier_call_id.clone(),
            metadata: call.metadata.clone(),
            has_transcript: call.has_transcript,
            public_id: call.public_id,
        })
    }

    fn into_call(self, id: CallId) -> Result<Call, StoreError> {
        let begun = match self.begun {
            Some(millis) => Timestamp::from_millis(millis).map_err(corrupt)?,
            None => id.time().ok_or_else(|| corrupt("it tells no time"))?,
        };
        let after = |millis: Option<i64>| millis.map(|millis| begun.plus_millis(millis));
        Ok(Call {
            id,
            public_id: self.public_id,
            from_number: self.from_number,
            to_number: self.to_number,
            direction: word(&DIRECTIONS, self.direction)?,
            status: word(&STATUSES, self.status)?,
            duration: self.duration,
            cost_micro_cents: self.cost_micro_cents,
            latency_ms: self.latency_ms,
            phone_number_id: self.phone_number_id,
            endpoint_id: self.endpoint_id,
            recording_url: self.recording_url,
            hangup_cause: self.hangup_cause,
            hangup_reason: self.hangup_reason.map(|place| word(&REASONS, place)).transpose()?,
            carrier: self.carrier,
            carrier_call_id: self.carrier_call_id,
            metadata: self.metadata,
            created_at: begun,
            answered_at: after(self.answered),
            completed_at: after(self.completed),
            transcript: None,
            has_transcript: self.has_transcript,
            transcript_url: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::call::{CallEvent, EventKind, Facts, Parties, apply};

    use super::*;

    #[test]
    fn an_entry_shows_the_call_as_its_record_does() {
        let begin: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let mut record = CallRecord::new(CallId::new(begin, [7; 10]));
        for (id, kind, after_ms) in
            [("a", EventKind::Answered, 5_000), ("c", EventKind::Completed, 98_000), ("t", EventKind::TranscriptReady, 99_000)]
        {
            let mut facts =
                Facts { cost_micro_cents: Some(2_400_000), hangup_cause: Some("NORMAL_CLEARING".to_owned()), ..Facts::default() };
            facts.transcript = (kind == EventKind::TranscriptReady).then(|| "Hello.".to_owned());
            facts.metadata = serde_json::json!({"big": 12_345_678_901_234_567_890_u64, "small": 1e-300, "null": null}).as_object().cloned();
            let parties = Parties { from_number: Some("+14155550100".to_owned()), ..Parties::default() };
            apply(
                &mut record,
                CallEvent { id: id.parse().unwrap(), kind, timestamp: begin.plus_millis(after_ms), sequence: None, parties, facts },
            );
        }
        let entry = ListedCall::of(&record);
        let read = read_body(record.id, &entry.body().unwrap().unwrap()).unwrap();
        assert_eq!(read, Call { transcript: None, ..record.call() });
        assert!(read.has_transcript);
        assert_eq!(entry.counted(), Some(record.call().counted()));
    }
}
