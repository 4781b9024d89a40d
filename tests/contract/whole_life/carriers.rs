//! Calls that come by carriers, and where calls go.

use domain::{Mode, carrier::Carrier};
use http::Method;
use serde_json::json;
use testkit::{
    carrier::{Account, account_id},
    fixture,
};

use super::Life;
use crate::whole_cloud::Processes;

impl Life {
    /// Calls that come by a carrier: to a SIP address with a password, and to an endpoint that is asked; explained, and resolved
    /// for the operator's SIP edge, twice with one idempotency key.
    pub(super) async fn carriers(&self) {
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
}
