//! What carrier credentials cost, and the numbers that hang on them.

use http::Method;
use serde_json::{Value, json};

use super::Bench;

impl Bench {
    /// A carrier credential as its creator is told of it.
    fn add_credential(&self) -> impl Future<Output = Value> + use<> {
        let credentials = json!({"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "0123456789abcdef0123456789abcdef"});
        let body = json!({"provider": "twilio", "label": "Production Twilio", "credentials": credentials});
        self.ask(&self.credentials, Method::POST, "/v1/telephony/providers", Some(body), 201)
    }

    pub(super) async fn credentials(&mut self) {
        let path = |credential: &Value| format!("/v1/telephony/providers/{}", credential["id"].as_str().unwrap());
        let create = self.add_credential();
        let credential = self.row("create a carrier credential", (1, 0.0, 4.0), create).await;
        let list = self.ask(&self.credentials, Method::GET, "/v1/telephony/providers", None, 200);
        self.row("list carrier credentials", (1, 0.5, 0.0), list).await;
        let body = json!({"e164": "+2348051000000", "provider": "twilio", "credentials_id": credential["id"]});
        let number = self.ask(&self.numbers, Method::POST, "/v1/telephony/numbers", Some(body), 201).await;
        let refused = self.ask(&self.credentials, Method::DELETE, &path(&credential), None, 409);
        self.row("delete a carrier credential: 409", (1, 0.0, 1.0), refused).await;
        let number = format!("/v1/telephony/numbers/{}", number["id"].as_str().unwrap());
        self.ask(&self.numbers, Method::DELETE, &number, None, 204).await;
        let delete = self.ask(&self.credentials, Method::DELETE, &path(&credential), None, 204);
        self.row("delete a carrier credential: 204", (1, 0.0, 4.0), delete).await;
        let again = self.ask(&self.credentials, Method::DELETE, &path(&credential), None, 404);
        self.row("delete a carrier credential: 404", (1, 0.0, 1.0), again).await;
        let credential = self.add_credential().await;
        let callbacks = self.ask(&self.credentials, Method::POST, &format!("{}/rotate-callbacks", path(&credential)), None, 200);
        self.row("rotate the callbacks of a carrier credential", (2, 1.0, 4.0), callbacks).await;
        let renewed = json!({"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "another-token"});
        let change = self.ask(&self.credentials, Method::PATCH, &path(&credential), Some(json!({"credentials": renewed})), 200);
        // Two sealed tokens take it over 1 KB.
        self.row("give a carrier credential a new token", (2, 1.0, 6.0), change).await;
    }

    pub(super) async fn carrier_numbers(&mut self) {
        let credential = self.add_credential().await["id"].clone();
        let order = |n: u32| Some(json!({"e164": format!("+234805{n:07}"), "provider": "twilio", "credentials_id": credential}));
        let register = self.ask(&self.numbers, Method::POST, "/v1/telephony/numbers", order(0), 201);
        let number = self.row("register a carrier number", (1, 0.0, 10.0), register).await;
        let path = format!("/v1/telephony/numbers/{}", number["id"].as_str().unwrap());
        let agent = json!({"agent_id": "agent_01HZ2N7G3K8M0Q5R7T9V2X4Y6Z"});
        let pin = self.ask(&self.numbers, Method::PATCH, &path, Some(agent), 204);
        self.row("pin a carrier number", (2, 1.0, 6.0), pin).await;
        let delete = self.ask(&self.numbers, Method::DELETE, &path, None, 204);
        self.row("delete a carrier number", (2, 1.0, 10.0), delete).await;
        for n in 1..=20 {
            self.ask(&self.numbers, Method::POST, "/v1/telephony/numbers", order(n), 201).await;
        }
        let list = self.ask(&self.numbers, Method::GET, "/v1/telephony/numbers", None, 200);
        // The organization's bought numbers are read with them: they lie side by side.
        self.row("list 20 carrier numbers, 19 bought ones beside them", (1, 3.0, 0.0), list).await;
    }
}
