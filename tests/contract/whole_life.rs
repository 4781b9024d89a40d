//! Everything that the product does, once, over all functions: what a role must allow, and what no log may show.

mod calls;
mod carriers;
mod failures;

use domain::{Day, Mode, member::Role, scope::Scope};
use http::Method;
use serde_json::{Value, json};
use store::Tenant;
use testkit::{Fixture, Receiver, costs, fixture, load::Plan, tokens};

use crate::{
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

pub(crate) fn texts(events: &[Value]) -> Vec<String> {
    events.iter().map(ToString::to_string).collect()
}
