//! How many of something an organization may have: nobody gets past the limit, and what goes makes room.

use axum::Router;
use domain::{Mode, limits::Counted};
use futures_util::future::join_all;
use http::Method;
use runtime::Clock;
use serde_json::{Value, json};
use store::{Consistency, access_patterns};
use testkit::{
    Fixture, LocalTable,
    client::{Answer, ask},
    costs::vault,
    fixture,
};
use webhooks::guard::Loopback;

struct World {
    local: LocalTable,
    fixture: Fixture,
    numbers: Router,
    endpoints: Router,
    credentials: Router,
}

impl World {
    async fn start() -> Self {
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        for n in 0..10 {
            local.table.import_slot(Mode::Live, &fixture::slot(n)).await.unwrap();
        }
        let (table, nowhere) = (|| local.table.clone(), fixture::nowhere);
        let numbers = phone_numbers::State::new(table(), vault(), nowhere(), Clock::System, "sip.example.com");
        let endpoints = endpoints::State::new(table(), vault(), nowhere(), Clock::System, Loopback::Refused, "sip.example.com");
        let credentials = carrier_credentials::State::new(table(), vault(), Clock::System, "https://api.example.com");
        Self {
            numbers: phone_numbers::app(numbers),
            endpoints: endpoints::app(endpoints),
            credentials: carrier_credentials::app(credentials),
            local,
            fixture,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let app = match path {
            path if path.contains("numbers") => &self.numbers,
            path if path.contains("providers") => &self.credentials,
            _ => &self.endpoints,
        };
        ask(app, self.fixture.key.reveal(), method, path, body.as_ref()).await
    }

    async fn buy(&self, n: u32) -> Answer {
        self.ask(Method::POST, "/v1/phone-numbers", Some(json!({"inventory_id": fixture::slot(n).address().id()}))).await
    }

    async fn endpoint(&self) -> Answer {
        let body = json!({"name": "Reception", "type": "webhook", "url": "https://hooks.example.com/x"});
        self.ask(Method::POST, "/v1/endpoints", Some(body)).await
    }

    async fn allow(&self, counted: Counted, most: Option<u32>) {
        self.local.table.set_most(self.fixture.tenant, counted, most).await.unwrap();
    }

    async fn numbers_held(&self) -> i64 {
        let key = access_patterns::number_count(self.fixture.tenant.org(), self.fixture.tenant.mode());
        self.local.table.get(key, Consistency::Strong).await.unwrap().unwrap().numbers
    }
}

fn path(kind: &str, resource: &Value) -> String {
    format!("/v1/{kind}/{}", resource["id"].as_str().unwrap())
}

#[tokio::test]
async fn l2_how_many_numbers_an_organization_holds() {
    let world = World::start().await;
    let first = world.buy(0).await.expect(201);
    world.buy(1).await.expect(201);
    assert_eq!(world.numbers_held().await, 2);
    world.ask(Method::DELETE, &format!("{}?action=release", path("phone-numbers", &first)), None).await.expect(200);
    assert_eq!(world.numbers_held().await, 1);
    world.ask(Method::DELETE, &path("phone-numbers", &first), None).await.expect(200);
    assert_eq!(world.numbers_held().await, 1, "a released number is not held, and its record is not counted");
    world.buy(9_999).await.expect(404);
    assert_eq!(world.numbers_held().await, 1);
}

#[tokio::test]
async fn l3_how_many_endpoints_an_organization_has() {
    let world = World::start().await;
    let first = world.endpoint().await.expect(201);
    world.endpoint().await.expect(201);
    let count = async || {
        let key = access_patterns::endpoint_count(world.fixture.tenant.org(), Mode::Live);
        world.local.table.get(key, Consistency::Strong).await.unwrap().unwrap().endpoints
    };
    assert_eq!(count().await, 2);
    world.ask(Method::DELETE, &path("endpoints", &first), None).await.expect(204);
    world.ask(Method::DELETE, &path("endpoints", &first), None).await.expect(404);
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn of_many_at_once_as_many_come_as_may_and_the_rest_are_told_the_limit() {
    let world = World::start().await;
    world.allow(Counted::Endpoints, Some(3)).await;
    world.allow(Counted::Numbers, Some(4)).await;
    let made = join_all((0..8).map(|_| world.endpoint())).await;
    assert_eq!(made.iter().filter(|answer| answer.status.as_u16() == 201).count(), 3);
    for refused in made.iter().filter(|answer| answer.status.as_u16() != 201) {
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "CONFLICT"));
        assert_eq!(refused.body["error"], "An organization has at most 3 endpoints");
    }
    let bought = join_all((0..8).map(|n| world.buy(n))).await;
    assert_eq!(bought.iter().filter(|answer| answer.status.as_u16() == 201).count(), 4);
    let refused = bought.iter().find(|answer| answer.status.as_u16() != 201).unwrap();
    assert_eq!((refused.status.as_u16(), &refused.body["error"]), (409, &json!("An organization has at most 4 phone numbers")));
    assert_eq!(world.numbers_held().await, 4);
}

#[tokio::test]
async fn registered_numbers_count_with_the_bought_ones_and_what_goes_makes_room() {
    let world = World::start().await;
    world.allow(Counted::Numbers, Some(2)).await;
    let credentials = json!({"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "t"});
    let body = json!({"provider": "twilio", "label": "Main", "credentials": credentials});
    let credential = world.ask(Method::POST, "/v1/telephony/providers", Some(body)).await.expect(201);
    let register = async |n: u32| {
        let body = json!({"e164": format!("+23480510000{n:02}"), "provider": "twilio", "credentials_id": credential["id"]});
        world.ask(Method::POST, "/v1/telephony/numbers", Some(body)).await
    };
    let first = register(1).await.expect(201);
    world.buy(1).await.expect(201);
    assert_eq!(register(2).await.told(), (409, "An organization has at most 2 phone numbers"));
    world.buy(2).await.expect(409);
    world.ask(Method::DELETE, &path("telephony/numbers", &first), None).await.expect(204);
    world.buy(2).await.expect(201);
    world.allow(Counted::Numbers, Some(1)).await;
    world.buy(3).await.expect(409);
    world.allow(Counted::Numbers, None).await;
    world.buy(3).await.expect(201);
    assert_eq!(world.numbers_held().await, 3);
}

#[tokio::test]
async fn what_else_is_wrong_is_told_before_the_limit() {
    let world = World::start().await;
    world.buy(1).await.expect(201);
    world.allow(Counted::Numbers, Some(0)).await;
    assert_eq!(world.buy(1).await.code(), "NUMBER_ALREADY_OWNED");
    assert_eq!(world.buy(9_999).await.code(), "NUMBER_NOT_AVAILABLE");
    world.allow(Counted::Numbers, None).await;
    for counted in Counted::ALL {
        assert!(counted.usual() <= usize::try_from(counted.utmost()).unwrap(), "{counted:?}");
    }
}
