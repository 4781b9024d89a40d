//! Transcripts: packed, in parts that fit into items, beside the call's record.
//!
//! A part is named by the content of the whole transcript, so writing it again changes nothing and two transcripts of
//! one call never mix. Short ones stay with their event.

use aws_lc_rs::digest;
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{
    CallId,
    call::{CallEvent, CallRecord, StoredTranscript},
};
use futures_util::future::try_join_all;

use crate::{
    access_patterns,
    error::StoreError,
    item::{Attributes, Item},
    keys::{Index as _, Keys, Primary, Segment, Tenant},
    packed,
    table::{Consistency, Table},
};

/// The longest transcript that stays with its event, in bytes: an item of its own would cost more.
const WITH_EVENT: usize = 256;

/// The most packed bytes of a part. An item may have 400 KB.
const PART_BYTES: usize = 350_000;

const BYTES: &str = "b";

/// Which part of which transcript of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartName {
    digest: String,
    part: u16,
}

impl PartName {
    /// The part of this number, from 0, of the transcript that a digest names.
    #[must_use]
    pub fn new(transcript: &StoredTranscript, part: u16) -> Self {
        Self { digest: transcript.digest.clone(), part }
    }
}

impl Segment for PartName {
    fn segment(&self) -> String {
        let digest: String = self.digest.chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{digest}.{:05}", self.part)
    }
}

/// One part of a transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptPart {
    call: CallId,
    name: PartName,
    bytes: Vec<u8>,
}

impl Item for TranscriptPart {
    const KIND: &'static str = "transcript";
    type Scope = Tenant;

    fn keys(&self, tenant: &Tenant) -> Keys {
        Keys::primary(access_patterns::transcript_part(tenant.org(), tenant.mode(), self.call, self.name.clone()))
    }

    fn to_attributes(&self) -> Result<Attributes, StoreError> {
        Ok([(BYTES.to_owned(), AttributeValue::B(Blob::new(self.bytes.clone())))].into())
    }

    fn from_attributes(mut attributes: Attributes) -> Result<Self, StoreError> {
        let key = attributes.get(Primary::SK).and_then(|key| key.as_s().ok()).map(|key| key.split('#').collect::<Vec<_>>());
        let (call, name) = match key.as_deref() {
            Some([_, call, name]) => (call.parse().ok(), part_name(name)),
            _ => (None, None),
        };
        let bytes =
            attributes.remove(BYTES).and_then(|bytes| if let AttributeValue::B(blob) = bytes { Some(blob.into_inner()) } else { None });
        match (call, name, bytes) {
            (Some(call), Some(name), Some(bytes)) => Ok(Self { call, name, bytes }),
            _ => Err(corrupt("it is not what was written")),
        }
    }
}

/// Reads the name of a part back from its key.
fn part_name(text: &str) -> Option<PartName> {
    let (digest, part) = text.split_once('.')?;
    Some(PartName { digest: digest.to_owned(), part: part.parse().ok()? })
}

impl Table {
    /// Takes a long transcript out of an event and stores it beside the call. The event to be written instead.
    pub(crate) async fn store_transcript(&self, tenant: Tenant, call: CallId, event: &CallEvent) -> Result<Option<CallEvent>, StoreError> {
        let Some(text) = long_text(event) else { return Ok(None) };
        let name = hex::encode(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..12]);
        let packed = packed::pack(text.as_bytes());
        let parts: Vec<&[u8]> = packed.chunks(PART_BYTES).collect();
        let stored = StoredTranscript { digest: name, parts: u16::try_from(parts.len()).map_err(|_| StoreError::TooLarge)? };
        let items =
            parts.iter().zip(0..).map(|(bytes, part)| TranscriptPart { call, name: PartName::new(&stored, part), bytes: bytes.to_vec() });
        try_join_all(items.map(|item| async move { self.put(&item, &tenant).await })).await?;
        let mut event = event.clone();
        (event.facts.transcript, event.facts.stored_transcript) = (None, Some(stored));
        Ok(Some(event))
    }

    /// Fetches the transcripts that are kept beside a call and puts them back into its events.
    pub(crate) async fn with_transcripts(&self, tenant: Tenant, mut record: CallRecord) -> Result<CallRecord, StoreError> {
        if record.events.values().all(|event| event.facts.stored_transcript.is_none()) {
            return Ok(record);
        }
        // As fresh as the record, which names them.
        let parts = self.list_now(access_patterns::transcript_parts(tenant.org(), tenant.mode(), record.id)).await?;
        for event in record.events.values_mut() {
            if let Some(stored) = &event.facts.stored_transcript
                && let Some(text) = whole(stored, &parts)?
            {
                (event.facts.transcript, event.facts.stored_transcript) = (Some(text), None);
            }
        }
        Ok(record)
    }

    /// Removes a transcript that was stored for an event which its call did not take, unless another event of the call
    /// tells the same.
    pub(crate) async fn discard_transcript(&self, tenant: Tenant, call: CallId, stored: &StoredTranscript) -> Result<(), StoreError> {
        let record = self.record(tenant, call, Consistency::Strong).await?;
        let is_told = |event: &CallEvent| event.facts.stored_transcript.as_ref() == Some(stored);
        if record.is_some_and(|record| record.events.values().any(is_told)) {
            return Ok(());
        }
        let names = (0..stored.parts).map(|part| PartName::new(stored, part));
        let gone = names.map(|name| self.delete(access_patterns::transcript_part(tenant.org(), tenant.mode(), call, name)));
        try_join_all(gone).await.map(|_| ())
    }

    /// Removes whatever transcripts of a call there are.
    pub(crate) async fn remove_transcripts(&self, tenant: Tenant, call: CallId) -> Result<(), StoreError> {
        let parts = self.list_now(access_patterns::transcript_parts(tenant.org(), tenant.mode(), call)).await?;
        let gone =
            parts.into_iter().map(|part| self.delete(access_patterns::transcript_part(tenant.org(), tenant.mode(), call, part.name)));
        try_join_all(gone).await.map(|_| ())
    }
}

/// An event's transcript, if it is too long to stay with it.
pub(crate) fn long_text(event: &CallEvent) -> Option<&String> {
    event.facts.transcript.as_ref().filter(|text| text.len() > WITH_EVENT)
}

/// A transcript put together; `None` while a part is missing, which an eventual read may be.
fn whole(stored: &StoredTranscript, parts: &[TranscriptPart]) -> Result<Option<String>, StoreError> {
    let own: Vec<&TranscriptPart> = parts.iter().filter(|part| part.name.digest == stored.digest).collect();
    if own.len() != usize::from(stored.parts) {
        return Ok(None);
    }
    let packed: Vec<u8> = own.iter().flat_map(|part| part.bytes.iter().copied()).collect();
    let bytes = packed::unpack(&packed).map_err(corrupt)?;
    String::from_utf8(bytes).map(Some).map_err(corrupt)
}

fn corrupt(cause: impl ToString) -> StoreError {
    StoreError::corrupt(TranscriptPart::KIND, cause)
}
