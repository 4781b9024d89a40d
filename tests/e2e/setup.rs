//! What the tests share: an organization on the stack, numbers on offer, the events of a call.

use std::time::Duration;

use domain::{CallId, Mode, inventory::Slot};
use runtime::random;
use serde_json::{Value, json};
use testkit::{Client, Fixture, Receiver, Stack, call, fixture, wait};

/// The longest that anything on a busy machine may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// An organization of the test's own on the running stack.
pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) fixture: Fixture,
    pub(crate) client: Client,
}

/// A number that rings a webhook endpoint.
pub(crate) struct Line {
    pub(crate) number: Value,
    pub(crate) endpoint: Value,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(Mode::Live).await
    }

    /// An organization whose client works in this mode's data.
    pub(crate) async fn of(mode: Mode) -> Self {
        let stack = Stack::load().unwrap();
        let fixture = Fixture::create(&stack.table(), mode).await;
        let client = Client::new(&stack.base_url, fixture.key.reveal());
        Self { stack, fixture, client }
    }

    /// A client with another organization's key.
    pub(crate) async fn stranger(&self) -> Client {
        let other = Fixture::create(&self.stack.table(), Mode::Live).await;
        Client::new(&self.stack.base_url, other.key.reveal())
    }

    /// Puts a number on offer that no other test has.
    pub(crate) async fn offer(&self) -> Slot {
        let slot = fixture::slot(u32::from_be_bytes(random::bytes()) % 10_000_000);
        self.stack.table().import_slot(self.fixture.tenant.mode(), &slot).await.unwrap();
        slot
    }

    /// Buys a number that rings this receiver.
    pub(crate) async fn line(&self, receiver: &Receiver) -> Line {
        let slot = self.offer().await;
        let endpoint = self.client.post("/v1/endpoints", json!({"name": "Line", "type": "webhook", "url": receiver.url})).await.expect(201);
        let order = json!({"inventory_id": slot.address().id(), "endpointId": endpoint["id"]});
        let number = self.client.post("/v1/phone-numbers", order).await.expect(201);
        Line { number, endpoint }
    }

    /// The messages of a file of `events/call-events/`, for a call to this number.
    pub(crate) fn events(&self, file: &str, to: &Value) -> (CallId, Vec<Value>) {
        let path = call::events_folder().join("call-events").join(file);
        call::messages(&path, &self.fixture.tenant.org().to_string(), "live", to.as_str().unwrap(), fixture::now(), 300).unwrap()
    }

    /// Waits until a call's detail is as wanted.
    pub(crate) async fn call(&self, id: CallId, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/v1/calls/{id}");
        wait::until(&format!("call {id}"), LIMIT, || async { Some(self.client.get(&path).await.body).filter(|call| wanted(call)) }).await
    }
}
