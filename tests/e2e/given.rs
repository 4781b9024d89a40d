//! What the contract's cases are given: keys with few scopes, test data, numbers and endpoints; and how they look at answers.

use std::collections::BTreeSet;

use domain::{
    EndpointId, Mode, Timestamp,
    endpoint::Endpoint,
    inventory::{NumberType, Slot},
    number::{NumberStatus, PhoneNumber},
    scope::Scope,
};
use runtime::random;
use serde_json::{Value, json};
use store::{Bought, Tenant};
use testkit::{Client, client::Answer, fixture};

use crate::setup::World;

/// An id as it should be, and nobody's.
pub(crate) const NOBODY: &str = "0198c0de-0000-7000-8000-000000000001";

/// A receiver that is never called.
pub(crate) const HOOK: &str = "https://hooks.example.com/x";

impl World {
    /// A client whose key has these scopes and no others.
    pub(crate) async fn with_scopes(&self, scopes: &[Scope]) -> Client {
        let key = fixture::key(&self.stack.table(), self.fixture.tenant, scopes.iter().copied().collect()).await;
        Client::new(&self.stack.base_url, key.reveal())
    }

    /// A client of the organization's test data.
    pub(crate) async fn in_test_mode(&self) -> Client {
        let tenant = Tenant::new(self.fixture.tenant.org(), Mode::Test);
        let key = fixture::key(&self.stack.table(), tenant, Scope::ALL.iter().copied().collect()).await;
        Client::new(&self.stack.base_url, key.reveal())
    }

    /// Puts a number on offer in a country of the test's own.
    pub(crate) async fn offer_in(&self, country: &str, prefix: &str, number_type: NumberType) -> Slot {
        let digits = u32::from_be_bytes(random::bytes()) % 10_000_000;
        let e164 = format!("{prefix}{digits:07}").parse().unwrap();
        let slot = Slot { e164, country: country.parse().unwrap(), number_type, ..fixture::slot(0) };
        self.stack.table().import_slot(Mode::Live, &slot).await.unwrap();
        slot
    }

    /// Gives the organization a number without a request.
    pub(crate) async fn holds(&self, slot: &Slot, endpoint: Option<EndpointId>, status: NumberStatus) -> PhoneNumber {
        let (mut number, claim) = fixture::purchase(self.fixture.tenant, slot, endpoint);
        number.status = status;
        let bought = self.stack.table().buy_number(self.fixture.tenant, slot, &number, &claim, None).await.unwrap();
        assert_eq!(bought, Bought::Done);
        number
    }

    /// Gives the organization a number that rings this endpoint, or none.
    pub(crate) async fn rings(&self, endpoint: Option<&Value>) -> PhoneNumber {
        let slot = self.offer().await;
        let endpoint = endpoint.map(|endpoint| endpoint["id"].as_str().unwrap().parse().unwrap());
        self.holds(&slot, endpoint, NumberStatus::Active).await
    }

    /// Gives the organization a webhook endpoint without a request.
    pub(crate) async fn has_endpoint(&self) -> Endpoint {
        let endpoint = fixture::endpoint();
        self.stack.table().create_endpoint(self.fixture.tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
        endpoint
    }

    /// Buys a number.
    pub(crate) async fn number(&self) -> Value {
        let order = json!({"inventory_id": self.offer().await.address().id()});
        self.client.post("/v1/phone-numbers", order).await.expect(201)
    }

    /// Creates an endpoint.
    pub(crate) async fn endpoint(&self, body: Value) -> Value {
        self.client.post("/v1/endpoints", body).await.expect(201)
    }

    /// Creates a webhook endpoint.
    pub(crate) async fn webhook(&self) -> Value {
        self.endpoint(json!({"name": "Hook", "type": "webhook", "url": HOOK})).await
    }

    /// How many numbers an endpoint says that it has.
    pub(crate) async fn count(&self, endpoint: &Value) -> Value {
        self.client.get(&at_endpoint(endpoint)).await.expect(200)["phone_numbers_count"].clone()
    }
}

/// A number's path.
pub(crate) fn at_number(number: &Value) -> String {
    format!("/v1/phone-numbers/{}", number["id"].as_str().unwrap())
}

/// An endpoint's path.
pub(crate) fn at_endpoint(endpoint: &Value) -> String {
    format!("/v1/endpoints/{}", endpoint["id"].as_str().unwrap())
}

/// The names of an object's fields.
pub(crate) fn fields(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The ids of a list's items, in order.
pub(crate) fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// Checks a refusal: status, code, and the fields it names, sorted.
#[track_caller]
pub(crate) fn assert_refused(answer: &Answer, status: u16, code: &str, fields: &[&str]) {
    let errors = answer.body["details"]["errors"].as_array();
    let mut named: Vec<&str> = errors.into_iter().flatten().filter_map(|error| error["field"].as_str()).collect();
    named.sort_unstable();
    assert_eq!((answer.status.as_u16(), answer.code(), named.as_slice()), (status, code, fields), "{}", answer.body);
}

/// Checks that a value is a time as the API writes it: UTC, milliseconds, `Z`.
#[track_caller]
pub(crate) fn assert_time(value: &Value) {
    let text = value.as_str().unwrap();
    assert!(text.parse::<Timestamp>().is_ok_and(|time| time.to_string() == text && text.len() == 24), "{text}");
}
