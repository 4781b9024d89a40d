//! Everything that the product does, once, over all functions: what a role must allow, and what no log may show.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{CallId, Day, Mode, call::CallAlias, carrier::Carrier, member::Role, scope::Scope};
use http::Method;
use queue::call_event::CallEventMessage;
use runtime::random;
use serde_json::{Value, json};
use store::{EventWrite, Tenant};
use testkit::{
    Fixture, Receiver, call,
    carrier::{Account, account_id},
    costs, fixture,
    load::Plan,
    tokens,
};

use crate::{
    endpoint_deletions::put_back,
    route_samples::SAMPLES,
    things::Things,
    whole_cloud::{Cloud, Processes},
};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A tenant with one of everything, and a subscription that takes every event.
pub(crate) struct Life {
    pub(crate) cloud: Cloud,
    pub(crate) live: Things,
    test: Things,
    pub(crate) receiver: Receiver,
}

impl Life {
    pub(crate) async fn begin() -> Self {
        let cloud = Cloud::start().await;
        let tenant = Fixture::create(&cloud.local.table, Mode::Live).await.tenant;
        for mode in Mode::ALL {
            cloud.local.table.import_slot(mode, &fixture::slot(2)).await.unwrap();
            cloud.local.table.import_slot(mode, &fixture::slot(3)).await.unwrap();
        }
        let live = Things::create(&cloud.local, tenant, 10).await;
        let test = Things::create(&cloud.local, Tenant::new(tenant.org(), Mode::Test), 11).await;
        Self { cloud, live, test, receiver: Receiver::start().await }
    }

    /// Lives it all.
    pub(crate) async fn whole(&self) {
        self.told_to_subscribers().await;
        self.calls().await;
        self.carriers().await;
        self.receivers().await;
        self.crashes().await;
        self.lists().await;
        self.users().await;
        self.every_route().await;
        self.lost_answers().await;
    }

    /// A user asks every function, and repeats a request.
    async fn users(&self) {
        let (cloud, org) = (&self.cloud, self.live.tenant.org());
        tokens::keep_secret(&cloud.local.table, &costs::vault(), tokens::ISSUER, tokens::SECRET).await;
        let user = fixture::member(&cloud.local.table, org, Role::Owner).await;
        let token = tokens::Signer::hs256(tokens::SECRET.as_bytes()).token(&tokens::claims(tokens::ISSUER, user, cloud.now()));
        let (processes, account) = (cloud.processes(), org.to_string());
        let once = [("x-account-id", account.as_str()), ("idempotency-key", "user-1")];
        for sample in SAMPLES.iter().filter(|sample| sample.method() == Method::GET) {
            let shown = processes.ask_with(&token, Method::GET, &sample.path(&self.live), "", &once[..1]).await;
            assert_eq!(shown.status, 200, "{}: {shown:?}", sample.shown());
        }
        let explained = json!({"to": self.live.e164}).to_string();
        assert_eq!(processes.ask_with(&token, Method::POST, "/v1/route/explain", &explained, &once[..1]).await.status, 200);
        let (path, body) = (format!("/v1/endpoints/{}", self.live.endpoint), json!({"name": "By a user"}).to_string());
        for _ in 0..2 {
            assert_eq!(processes.ask_with(&token, Method::PATCH, &path, &body, &once).await.status, 200);
        }
        let forged = format!("{}x", &token[..token.len() - 1]);
        assert_eq!(processes.ask_with(&forged, Method::GET, "/v1/calls", "", &once[..1]).await.status, 401);
    }

    fn key(&self) -> &str {
        self.live.key.reveal()
    }

    /// Numbers and endpoints come and go, a subscription is told of it, and other processes show what these have sealed.
    async fn told_to_subscribers(&self) {
        let (cloud, key) = (&self.cloud, self.key());
        let one = cloud.processes();
        for things in [&self.live, &self.test] {
            one.done(things.key.reveal(), Method::POST, "/v1/webhooks", &json!({"url": self.receiver.url, "events": ["*"]})).await;
        }
        let order = json!({"e164": fixture::slot(3).e164, "country": "NG", "type": "mobile", "endpoint_id": self.live.endpoint});
        let number = one.done(key, Method::POST, "/v1/phone-numbers", &order).await;
        let sip = json!({"name": "S", "type": "custom_sip", "url": "sip:pbx.example.com",
            "provider_config": {"username": "u", "password": "canary-password"}});
        one.done(key, Method::POST, "/v1/endpoints", &sip).await;
        cloud.work(&one).await;
        let other = cloud.processes();
        let number = format!("/v1/phone-numbers/{}", number["id"].as_str().unwrap());
        let shown = other.ask(key, Method::GET, &number, "").await.body;
        assert!(shown["sip_credentials"]["password"].is_string(), "{shown}");
        other.done(key, Method::PATCH, &number, &json!({"endpoint_id": null})).await;
        other.done(key, Method::DELETE, &format!("{number}?action=release"), &json!({})).await;
        cloud.work(&other).await;
    }

    /// Calls in every way in which they can go: told at once, in parts, under a name, with transcripts, without an end, again
    /// after they were deleted; and messages that are none.
    async fn calls(&self) {
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

    /// Calls that come by a carrier: to a SIP address with a password, and to an endpoint that is asked; explained, and resolved
    /// for the operator's SIP edge, twice with one idempotency key.
    async fn carriers(&self) {
        let (cloud, key) = (&self.cloud, self.key());
        let (one, other) = (cloud.processes(), cloud.processes());
        let account = self.account(&one, Carrier::Plivo).await;
        let sip = json!({"name": "P", "type": "custom_sip", "url": "sip:desk@pbx.example.com",
            "provider_config": {"username": "u", "password": "canary-password"}});
        let hook = json!({"name": "H", "type": "webhook", "url": self.receiver.url});
        for (n, (endpoint, heard)) in [(sip, "sip:desk@pbx.example.com"), (hook, "busy")].into_iter().enumerate() {
            let endpoint = one.done(key, Method::POST, "/v1/endpoints", &endpoint).await;
            let to = format!("+234805700000{n}");
            let number = json!({"e164": to, "provider": "plivo", "credentials_id": account.id, "agent_id": endpoint["id"]});
            one.done(key, Method::POST, "/v1/telephony/numbers", &number).await;
            let call = format!("11111111-2222-4333-8444-00000000000{n}");
            let xml = other.knock(&account, &account.voice, &account.question(&call, &to), &format!("1{n}")).await;
            assert!(xml.contains(heard), "{xml}");
            for (at, callback) in account.answered(&call, &to).into_iter().enumerate() {
                other.knock(&account, &account.status, &callback, &format!("2{n}{at}")).await;
            }
            self.explained(&one, &other, &to).await;
        }
        // Its calls have names that are no UUIDs.
        let (twilio, to) = (self.account(&one, Carrier::Twilio).await, "+2348057000009");
        let number = json!({"e164": to, "provider": "twilio", "credentials_id": twilio.id});
        one.done(key, Method::POST, "/v1/telephony/numbers", &number).await;
        let xml = other.knock(&twilio, &twilio.voice, &twilio.question(twilio.call(), to), "").await;
        assert!(xml.contains("busy"), "{xml}");
        cloud.work(&one).await;
    }

    /// Where a call goes, as an organization and the operator are told.
    async fn explained(&self, one: &Processes, other: &Processes, to: &str) {
        let operator = fixture::key(&self.cloud.local.table, trunkline::platform::tenant(Mode::Live), Default::default()).await;
        let body = json!({"to": to, "from": "+14155550100"});
        one.done(self.key(), Method::POST, "/v1/route/explain", &body).await;
        for processes in [one, other] {
            let kept = [("idempotency-key", "resolved")];
            let told = processes.ask_with(operator.reveal(), Method::POST, "/v1/route/resolve", &body.to_string(), &kept).await;
            assert_eq!(told.status, 200, "{told:?}");
        }
    }

    async fn account(&self, processes: &Processes, carrier: Carrier) -> Account {
        let token = "canary-carrier-token".to_owned();
        let credentials = json!({carrier.account_key().as_str(): account_id(carrier), "auth_token": token});
        let body = json!({"provider": carrier, "label": "Main", "credentials": credentials});
        let created = processes.done(self.key(), Method::POST, "/v1/telephony/providers", &body).await;
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        Account { carrier, id: text("id"), token, voice: text("voice_url"), status: text("status_url") }
    }

    /// Receivers that fail now and then, say that they are gone, or fail for so long that they are switched off.
    async fn receivers(&self) {
        let (cloud, key, processes) = (&self.cloud, self.key(), self.cloud.processes());
        let dead = Receiver::start().await;
        dead.answer(500);
        let subscription = processes.done(key, Method::POST, "/v1/webhooks", &json!({"url": dead.url, "events": ["*"]})).await;
        let endpoint = processes.done(key, Method::POST, "/v1/endpoints", &json!({"name": "R", "type": "webhook", "url": dead.url})).await;
        let [hook, endpoint] = [("webhooks", &subscription), ("endpoints", &endpoint)]
            .map(|(family, made)| format!("/v1/{family}/{}", made["id"].as_str().unwrap()));
        let number = format!("/v1/phone-numbers/{}", self.live.number);
        processes.done(key, Method::PATCH, &number, &json!({"endpoint_id": endpoint.rsplit('/').next()})).await;
        for day in 0..6 {
            let (_, events) = self.events("missed-call.json");
            cloud.tell(&texts(&events)).await;
            processes.done(key, Method::POST, &format!("{hook}/test"), &json!({})).await;
            cloud.work(&processes).await;
            let (steps, step) = if day == 0 { (6, 10 * MINUTE) } else { (6, 4 * HOUR) };
            cloud.live(&processes, steps, step).await;
        }
        let shown = processes.ask(key, Method::GET, &hook, "").await.body;
        assert_eq!(shown["active"], false, "{shown}");
        let gone = Receiver::start().await;
        gone.answer(410);
        let again = json!({"status": "active", "url": gone.url});
        processes.done(key, Method::PATCH, &endpoint, &again).await;
        processes.done(key, Method::PATCH, &hook, &json!({"active": true, "url": gone.url})).await;
        let (_, events) = self.events("missed-call.json");
        cloud.tell(&texts(&events)).await;
        cloud.pass(HOUR);
        cloud.work(&cloud.processes()).await;
        cloud.live(&processes, 4, HOUR / 2).await;
    }

    /// What functions leave behind that die: events in the outbox, a deletion that was not swept, a call that was not
    /// counted.
    async fn crashes(&self) {
        let (cloud, key, processes, things) = (&self.cloud, self.key(), self.cloud.processes(), &self.live);
        let endpoint = json!({"name": "C", "type": "webhook", "url": self.receiver.url, "phone_number_id": things.number});
        let endpoint = processes.done(key, Method::POST, "/v1/endpoints", &endpoint).await;
        let path = format!("/v1/endpoints/{}", endpoint["id"].as_str().unwrap());
        assert_eq!(processes.ask(key, Method::DELETE, &path, "").await.status, 204);
        put_back(&cloud.local, things.tenant, things.number, endpoint["id"].as_str().unwrap().parse().unwrap()).await;
        cloud.lose_deliveries();
        let (id, events) = self.events("answered-call.json");
        for event in texts(&events) {
            let CallEventMessage { event, .. } = CallEventMessage::from_json(&event, cloud.now()).unwrap();
            cloud.local.table.record_events(things.tenant, (id, None), &[&event], None, EventWrite::Always).await.unwrap();
        }
        cloud.local.table.mark_live(things.tenant, id, cloud.now()).await.unwrap();
        cloud.local.table.note_busy(things.tenant, cloud.now()).await.unwrap();
        cloud.live(&cloud.processes(), 3, 10 * MINUTE).await;
    }

    /// Lists that go on, by a process that makes the key of cursors and by one that finds it; and pages and sums out of many calls.
    async fn lists(&self) {
        let (cloud, key) = (&self.cloud, self.key());
        let account = json!({"provider": "vobiz", "label": "A", "credentials": {"auth_id": "account-2", "auth_token": "canary-token"}});
        cloud.processes().done(key, Method::POST, "/v1/telephony/providers", &account).await;
        for list in ["phone-numbers", "endpoints", "calls", "webhooks", "telephony/providers", "api-keys"] {
            let setting = cloud.local.dump().await.into_iter().find(|item| item["pk"].as_s().unwrap() == "SETTING");
            if let Some(setting) = setting {
                let delete = cloud.local.client.delete_item().table_name("trunkline");
                delete.key("pk", setting["pk"].clone()).key("sk", setting["sk"].clone()).send().await.unwrap();
            }
            for processes in [cloud.processes(), cloud.processes()] {
                let told = processes.ask(key, Method::GET, &format!("/v1/{list}?limit=1&envelope=true&include_released=true"), "").await;
                assert!(told.status == 200 && told.body["next_cursor"].is_string(), "{list}: {told:?}");
            }
        }
        let today = Day::of(cloud.now());
        let plan = Plan { first: today.plus(-2), ..Plan::of_a_year(150, today, 7) };
        cloud.local.table.load_calls(self.live.tenant, &plan.calls().collect::<Vec<_>>()).await.unwrap();
        for query in ["limit=1&page=60".to_owned(), format!("action=stats&start_date={}", cloud.now().plus_millis(-25 * HOUR))] {
            let told = cloud.processes().ask(key, Method::GET, &format!("/v1/calls?{query}"), "").await;
            assert_eq!(told.status, 200, "{told:?}");
        }
    }

    /// A key is minted, and the function dies before it has answered.
    async fn lost_answers(&self) {
        let body = json!({"name": "K", "scopes": ["calls:read"]}).to_string();
        for _ in 0..2 {
            let headers = [("idempotency-key", "lost")];
            let told = self.cloud.processes().ask_with(self.key(), Method::POST, "/v1/api-keys", &body, &headers).await;
            assert_eq!(told.status, 201, "{told:?}");
            for request in self.cloud.local.dump().await.into_iter().filter(|item| item["kind"].as_s().unwrap() == "request") {
                let forget = self.cloud.local.client.update_item().table_name("trunkline");
                let forget = forget.key("pk", request["pk"].clone()).key("sk", request["sk"].clone());
                let forget = forget.update_expression("REMOVE answer SET lease_until = :none");
                forget.expression_attribute_values(":none", AttributeValue::N("0".to_owned())).send().await.unwrap();
            }
        }
    }

    /// Every route with success, with an idempotency key and again with the same by another process.
    async fn every_route(&self) {
        let (one, other) = (self.cloud.processes(), self.cloud.processes());
        for things in [&self.test, &self.live] {
            let unknown = things.unknown();
            for sample in SAMPLES {
                let (path, body) = (sample.path(things), sample.body_of(things));
                for slot in sample.slots() {
                    let (path, body) = sample.naming(slot, things, &unknown);
                    one.ask(things.key.reveal(), sample.method(), &path, &body).await;
                }
                let kept = [("idempotency-key", "canary-idempotency")];
                for processes in [&one, &other] {
                    let told = processes.ask_with(things.key.reveal(), sample.method(), &path, &body, &kept).await;
                    assert!(told.status < 500, "{}: {told:?}", sample.shown());
                }
            }
            self.cloud.work(&one).await;
        }
        self.last_uses(&one).await;
    }

    /// Keys that are refused, and one that changes itself.
    async fn last_uses(&self, processes: &Processes) {
        let reader = fixture::key(&self.cloud.local.table, self.live.tenant, [Scope::CallsRead].into()).await;
        for key in [reader.reveal(), "kros_live_wrong", "canary-key"] {
            processes.ask(key, Method::POST, "/v1/endpoints", "{\"name\": \"canary-name").await;
        }
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

pub(crate) fn texts(events: &[Value]) -> Vec<String> {
    events.iter().map(ToString::to_string).collect()
}
