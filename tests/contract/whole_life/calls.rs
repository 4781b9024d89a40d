//! Calls of every sort, as a source tells of them.

use domain::{CallId, call::CallAlias};
use http::Method;
use runtime::random;
use serde_json::{Value, json};
use testkit::call;

use super::{HOUR, Life, MINUTE, texts};
use crate::whole_cloud::Processes;

impl Life {
    /// Calls in every way in which they can go: told at once, in parts, under a name, with transcripts, without an end, again
    /// after they were deleted; and messages that are none.
    pub(super) async fn calls(&self) {
        let (cloud, processes) = (&self.cloud, self.cloud.processes());
        for file in ["answered-call.json", "missed-call.json"] {
            let (_, events) = self.events(file);
            cloud.tell(&texts(&events)).await;
            cloud.work(&processes).await;
            cloud.tell(&texts(&events)).await;
            cloud.work(&cloud.processes()).await;
        }
        self.transcribed(&processes).await;
        self.named(&processes).await;
        self.unended(&processes).await;
        self.deleted(&processes).await;
        self.not_understood(&processes).await;
        self.kept_no_longer(&processes).await;
    }

    /// The events of a call to the organization's number.
    pub(crate) fn events(&self, file: &str) -> (CallId, Vec<Value>) {
        let path = call::events_folder().join("call-events").join(file);
        let org = self.live.tenant.org().to_string();
        call::messages(&path, &org, "live", self.live.e164.as_str(), self.cloud.now(), 300).unwrap()
    }

    async fn transcribed(&self, processes: &Processes) {
        let (id, mut events) = self.events("answered-call.json");
        let tellings = [
            json!({"transcript": "canary-transcript ".repeat(2_000)}),
            json!({"transcript": "canary-part one", "part": 1, "parts": 2}),
            json!({"transcript": "canary-part two", "part": 2, "parts": 2}),
            json!({"transcript_url": "https://transcripts.example.com/canary-url"}),
        ];
        let tellings: Vec<Value> = tellings.iter().enumerate().map(|(n, data)| transcript(&events[0], n, data)).collect();
        events.extend(tellings);
        self.cloud.tell(&texts(&events)).await;
        self.cloud.work(processes).await;
        let shown = processes.ask(self.key(), Method::GET, &format!("/v1/calls/{id}"), "").await;
        assert_eq!(shown.status, 200, "{shown:?}");
    }

    /// A call whose source knows it by a name of its own.
    async fn named(&self, processes: &Processes) {
        let (_, mut events) = self.events("missed-call.json");
        let name = format!("CA{}", random::bytes::<16>().map(|byte| format!("{byte:02x}")).concat());
        assert!(name.parse::<CallAlias>().is_ok());
        events.iter_mut().for_each(|event| event["call_id"] = json!(name));
        self.cloud.tell(&texts(&events)).await;
        self.cloud.work(processes).await;
        let listed = processes.ask(self.key(), Method::GET, &format!("/v1/calls/{name}"), "").await;
        assert_eq!(listed.status, 200, "{listed:?}");
    }

    /// Calls of which nothing more is heard, and what a message leaves that fails.
    async fn unended(&self, processes: &Processes) {
        // Two in one batch, whose markers are put together.
        let (one, other) = (self.events("answered-call.json").1, self.events("answered-call.json").1);
        self.cloud.tell(&texts(&[&one[..2], &other[..2]].concat())).await;
        self.cloud.work(processes).await;
        let (left_over, _) = self.events("answered-call.json");
        self.cloud.local.table.mark_live(self.live.tenant, left_over, self.cloud.now()).await.unwrap();
        self.cloud.live(processes, 12, HOUR / 2).await;
        let (ended, events) = self.events("answered-call.json");
        self.cloud.tell(&texts(&events)).await;
        self.cloud.work(processes).await;
        self.cloud.local.table.mark_live(self.live.tenant, ended, self.cloud.now()).await.unwrap();
        self.cloud.live(processes, 3, HOUR / 2).await;
    }

    /// A call with a transcript that is kept beside it, and what is told of it later.
    async fn deleted(&self, processes: &Processes) {
        let (id, mut events) = self.events("missed-call.json");
        events.push(transcript(&events[0], 0, &json!({"transcript": "canary-transcript ".repeat(2_000)})));
        self.cloud.tell(&texts(&events)).await;
        self.cloud.work(processes).await;
        let path = format!("/v1/calls/{id}");
        assert_eq!(processes.ask(self.key(), Method::DELETE, &path, "").await.status, 204);
        self.cloud.tell(&texts(&events)).await;
        self.cloud.work(&self.cloud.processes()).await;
        assert_eq!(processes.ask(self.key(), Method::GET, &path, "").await.status, 404);
    }

    /// A call of long ago, which its source knows by a name, with a transcript that is kept beside it.
    async fn kept_no_longer(&self, processes: &Processes) {
        let (cloud, org, table) = (&self.cloud, self.live.tenant.org(), &self.cloud.local.table);
        let path = call::events_folder().join("call-events").join("missed-call.json");
        let long_ago = cloud.now().plus_millis(-500 * 24 * HOUR);
        let (_, mut events) = call::messages(&path, &org.to_string(), "live", self.live.e164.as_str(), long_ago, 300).unwrap();
        events.push(transcript(&events[0], 0, &json!({"transcript": "canary-transcript ".repeat(2_000)})));
        events.iter_mut().for_each(|event| event["call_id"] = json!("CA-long-ago"));
        cloud.tell(&texts(&events)).await;
        cloud.work(processes).await;
        let calls = table.ended_calls(self.live.tenant).await.unwrap();
        table.set_retention(org, Some(400), cloud.now()).await.unwrap();
        cloud.live(processes, 1, MINUTE).await;
        assert_eq!(table.ended_calls(self.live.tenant).await.unwrap(), calls - 1);
    }

    /// Messages that can never succeed.
    async fn not_understood(&self, processes: &Processes) {
        let (_, events) = self.events("answered-call.json");
        let spoilt = |pointer: &str, value: Value| {
            let mut event = events[0].clone();
            *event.pointer_mut(pointer).unwrap() = value;
            event.to_string()
        };
        let bodies = [
            "canary-body".to_owned(),
            spoilt("/type", json!("canary-type")),
            spoilt("/timestamp", json!("canary-time")),
            spoilt("/organization_id", json!("canary-organization")),
            spoilt("/data/to_number", json!("+14155559999")),
            spoilt("/data/to_number", json!({"canary-field": "canary-value"})),
            spoilt("/data/from_number", json!(["canary-list"])),
        ];
        let before = self.cloud.dead_letters();
        self.cloud.tell(&bodies).await;
        self.cloud.tell_deliveries(&["canary-delivery".to_owned(), json!({"delivery_id": "canary-id"}).to_string()]).await;
        self.cloud.work(processes).await;
        assert!(self.cloud.dead_letters() >= before + 6, "{}", self.cloud.dead_letters() - before);
    }
}

/// A transcript of the call that an event is of.
fn transcript(of: &Value, n: usize, data: &Value) -> Value {
    let mut event = of.clone();
    event["id"] = json!(format!("{}:transcript-{n}", of["call_id"].as_str().unwrap()));
    event["type"] = json!("transcript.ready");
    event["data"] = data.clone();
    event
}
