//! The body of a webhook.

use serde::Serialize;
use serde_json::{Value, json};

use super::Call;
use crate::{OrgId, Timestamp};

/// The most bytes of a webhook's body: under 20 kB.
pub const MAX_BODY_BYTES: usize = 19_999;

/// What a webhook carries: which event, of whom, and the object it is about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Envelope {
    /// `evt_…`, one per event.
    pub id: String,
    /// The event's name, as the receiver subscribed to it.
    pub event: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The same instant, under the other product's name.
    pub created_at: Timestamp,
    /// Whose event it is.
    pub organization_id: OrgId,
    /// The object it is about.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub data: Value,
}

impl Envelope {
    /// The envelope of a call's event: the whole call object, and its id once more as `call_id`.
    #[must_use]
    pub fn of_call(id: String, event: String, timestamp: Timestamp, call: &Call) -> Self {
        let mut data = serde_json::to_value(call).unwrap_or_default();
        data["call_id"] = json!(call.id);
        if call.has_transcript && call.transcript.is_none() && call.transcript_url.is_none() {
            (data["truncated"], data["transcript_url"]) = (json!(true), json!(format!("/v1/calls/{}", call.id)));
        }
        Self { id, event, timestamp, created_at: timestamp, organization_id: call.organization_id, data }
    }

    /// The envelope of an event that tells what became of a resource: `data` is the resource as the API shows it.
    #[must_use]
    pub const fn of_resource(id: String, event: String, timestamp: Timestamp, organization_id: OrgId, data: Value) -> Self {
        Self { id, event, timestamp, created_at: timestamp, organization_id, data }
    }

    /// The bytes that are signed and sent, at most [`MAX_BODY_BYTES`]: where they would be more, the transcript and
    /// then the metadata become null, with `transcript_url` and `truncated: true` beside them.
    #[must_use]
    pub fn into_body(mut self) -> String {
        for field in ["transcript", "metadata"] {
            let body = self.body();
            if body.len() <= MAX_BODY_BYTES {
                return body;
            }
            if self.data.get(field).is_some_and(|value| !value.is_null()) {
                self.data[field] = Value::Null;
                self.data["truncated"] = json!(true);
                self.data["transcript_url"] = self.data.get("id").and_then(Value::as_str).map(|id| format!("/v1/calls/{id}")).into();
            }
        }
        self.body()
    }

    fn body(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        CallId,
        call::{CallEvent, CallRecord, EventKind, Facts, Parties, apply},
    };

    fn envelope(transcript: String) -> Envelope {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut record = CallRecord::new(CallId::new(now, [1; 10]));
        let facts = Facts { transcript: Some(transcript), ..Facts::default() };
        apply(
            &mut record,
            CallEvent {
                id: "e1".parse().unwrap(),
                kind: EventKind::TranscriptReady,
                timestamp: now,
                sequence: None,
                parties: Parties::default(),
                facts,
            },
        );
        let call = Call::new(&record, OrgId::new(now, [2; 10]));
        Envelope::of_call("evt_1".into(), "transcript.ready".into(), now, &call)
    }

    #[test]
    fn a_short_transcript_is_sent_whole() {
        let body: Value = serde_json::from_str(&envelope("Hello.".into()).into_body()).unwrap();
        assert_eq!(body["data"]["transcript"], "Hello.");
        assert_eq!(body["data"]["call_id"], body["data"]["id"]);
        assert_eq!(body["data"].get("truncated"), None);
        assert_eq!(body["created_at"], "2026-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_long_transcript_becomes_a_link() {
        let text = envelope("é".repeat(15_000)).into_body();
        assert!(text.len() <= MAX_BODY_BYTES);
        let body: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(body["data"]["transcript"], Value::Null);
        assert_eq!(body["data"]["has_transcript"], true);
        assert_eq!(body["data"]["truncated"], true);
        assert_eq!(body["data"]["transcript_url"], format!("/v1/calls/{}", body["data"]["id"].as_str().unwrap()));
    }

    /// An event of a resource with these fields, as long as is asked for.
    fn of_length(bytes: usize, metadata: usize) -> Envelope {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let data =
            |transcript: usize| json!({"id": "c1", "transcript": "x".repeat(transcript), "metadata": {"note": "y".repeat(metadata)}});
        let of =
            |transcript| Envelope::of_resource("evt_1".into(), "call.completed".into(), now, OrgId::new(now, [2; 10]), data(transcript));
        of(bytes - of(0).body().len())
    }

    #[test]
    fn a_body_is_under_20_kb_and_not_cut_below() {
        let whole = of_length(19_999, 10).into_body();
        assert!(whole.len() == 19_999 && !whole.contains("truncated"));
        let cut: Value = serde_json::from_str(&of_length(20_000, 10).into_body()).unwrap();
        assert_eq!((&cut["data"]["transcript"], &cut["data"]["truncated"]), (&Value::Null, &json!(true)));
        assert_eq!((&cut["data"]["metadata"]["note"], &cut["data"]["transcript_url"]), (&json!("yyyyyyyyyy"), &json!("/v1/calls/c1")));
    }

    #[test]
    fn metadata_become_null_where_the_transcript_is_not_enough() {
        let text = of_length(30_000, 20_000).into_body();
        let body: Value = serde_json::from_str(&text).unwrap();
        assert!(text.len() <= MAX_BODY_BYTES);
        assert_eq!((&body["data"]["transcript"], &body["data"]["metadata"]), (&Value::Null, &Value::Null));
    }
}
