//! How often a carrier's question has to wait for AWS before it is answered, in every case: the table, the queue and, in a
//! process that is cold, KMS. What is sent side by side is one trip.

use std::sync::{Arc, Mutex};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use axum::{Json, Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    EndpointId,
    carrier::Carrier,
    credential::CarrierCredential,
    endpoint::{Endpoint, EndpointStatus, Provider},
    number::{NumberChange, NumberStatus, PhoneNumber},
    secret::SecretKind,
};
use http::Method;
use queue::Sender;
use rstest::rstest;
use secrecy::SecretString;
use serde_json::{Value, json};
use store::Table;
use testkit::{
    Receiver, Trips,
    carrier::{Account, encoded},
    fixture, local_table, wait,
};
use tokio::net::TcpListener;
use vault::Vault;
use webhooks::SigningSecret;

use crate::{
    carrier_platform::bought,
    carrier_world::{Said, World, agent, door, knock},
};

const BUSY: &str = r#"reason="busy""#;
const REJECTED: &str = r#"reason="rejected""#;

/// KMS and SQS on a port of their own: what the queue was sent, and whom it waits for before it answers.
#[derive(Clone, Default)]
struct Cloud {
    queued: Arc<Mutex<Vec<Value>>>,
    waits_for: Arc<Mutex<Option<Arc<Receiver>>>>,
    /// The kind of secret whose keys KMS never unwraps.
    stuck: Arc<Mutex<Option<&'static str>>>,
}

impl Cloud {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    /// The events that were queued: their names, and the reason of one that says why.
    fn told(&self) -> Vec<String> {
        let event = |event: Value| match event["data"]["metadata"]["route_reason"].as_str() {
            Some(reason) => reason.to_owned(),
            None => event["type"].as_str().unwrap().to_owned(),
        };
        std::mem::take(&mut *self.queued.lock().unwrap()).into_iter().map(event).collect()
    }
}

async fn answer(State(cloud): State<Cloud>, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let body: Value = serde_json::from_slice(&body).unwrap();
    match headers["x-amz-target"].to_str().unwrap() {
        "TrentService.Decrypt" => {
            let stuck = *cloud.stuck.lock().unwrap();
            if stuck.is_some_and(|kind| body["EncryptionContext"]["kind"] == kind) {
                std::future::pending::<()>().await;
            }
            Json(json!({"Plaintext": STANDARD.encode([7; 32]), "KeyId": body["KeyId"]}))
        }
        "AmazonSQS.SendMessageBatch" => {
            let receiver = cloud.waits_for.lock().unwrap().clone();
            if let Some(receiver) = receiver {
                wait::until("the endpoint to be asked", std::time::Duration::from_secs(5), || async {
                    (!receiver.arrivals().is_empty()).then_some(())
                })
                .await;
            }
            let entries = body["Entries"].as_array().unwrap();
            let bodies = entries.iter().map(|entry| serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap());
            cloud.queued.lock().unwrap().extend(bodies);
            let taken: Vec<Value> =
                entries.iter().map(|entry| json!({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "x"})).collect();
            Json(json!({"Successful": taken, "Failed": []}))
        }
        other => panic!("{other}"),
    }
}

/// A number that a carrier asks about at a door whose waits are counted.
struct Line {
    world: World,
    account: Account,
    number: PhoneNumber,
    cloud: Cloud,
    url: String,
    trips: Trips,
    receiver: Arc<Receiver>,
}

impl Line {
    /// A number that is registered with an agent's id: that of this endpoint, which exists if `is_there`.
    async fn to(carrier: Carrier, endpoint: Option<Endpoint>, is_there: bool) -> Self {
        let world = World::start().await;
        let account = world.account(carrier).await;
        let credential = CarrierCredential { id: account.id.parse().unwrap(), ..fixture::credential(carrier, 0) };
        let agent_id = endpoint.as_ref().map(|endpoint| endpoint.id.to_string());
        let number = PhoneNumber { agent_id, ..fixture::carrier_number(&credential, 1) };
        world.local.table.register_number(world.fixture.tenant, &number, None).await.unwrap();
        if let Some(endpoint) = endpoint.filter(|_| is_there) {
            world.endpoint(endpoint).await;
        }
        Self::of(world, account, number).await
    }

    async fn of(world: World, account: Account, number: PhoneNumber) -> Self {
        let cloud = Cloud::default();
        let url = cloud.start().await;
        Self { world, account, number, cloud, url, trips: Trips::default(), receiver: Arc::new(Receiver::start().await) }
    }

    async fn ringing(carrier: Carrier, endpoint: Endpoint) -> Self {
        Self::to(carrier, Some(endpoint), true).await
    }

    /// A number that rings a webhook endpoint, which answers this.
    async fn asking(carrier: Carrier, says: &str) -> Self {
        let line = Self::to(carrier, None, false).await;
        line.receiver.say(says);
        let hook = Endpoint { given_url: Some(line.receiver.url.clone()), ..fixture::endpoint() };
        let place = line.world.fixture.tenant.place(SecretKind::WebhookSecret, hook.id.as_uuid());
        let secret = line.world.vault.seal(&place, SigningSecret::generate(&[7; 32]).reveal(), fixture::now()).await.unwrap();
        let id = line.world.endpoint(Endpoint { secret: Some(secret), ..hook }).await;
        line.attach(id).await;
        // The queue answers only once the endpoint is asked: it is told beside that, and not before.
        *line.cloud.waits_for.lock().unwrap() = Some(Arc::clone(&line.receiver));
        line
    }

    async fn attach(&self, endpoint: EndpointId) {
        self.change(NumberChange { endpoint_id: Some(Some(endpoint)), ..Default::default() }).await;
    }

    /// Leaves the claim as it was before it remembered what its number rings.
    async fn forget_note(&self) {
        let table = &self.world.local.table;
        let claim = table.claim(domain::Mode::Live, &self.number.e164, store::Consistency::Strong).await.unwrap().unwrap();
        table.note_rings(domain::Mode::Live, &claim, &[]).await.unwrap();
    }

    async fn change(&self, change: NumberChange) {
        self.world.local.table.update_number(self.world.fixture.tenant, self.number.id, change, fixture::now(), None).await.unwrap();
    }

    /// A process of the function that has nothing yet.
    fn cold(&self) -> Router {
        let config = self.world.local.client.config().to_builder().interceptor(self.trips.of("table")).build();
        let table = Table::new(aws_sdk_dynamodb::Client::from_conf(config), local_table::NAME);
        let (region, credentials) = (Region::new("us-east-1"), Credentials::new("key", "secret", None, None, "tests"));
        let kms = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .endpoint_url(&self.url)
            .interceptor(self.trips.of("kms"));
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .credentials_provider(credentials)
            .endpoint_url(&self.url)
            .interceptor(self.trips.of("queue"));
        let vault = Vault::new(aws_sdk_kms::Client::from_conf(kms.build()), "alias/vault".to_owned());
        let sender = Sender::new(aws_sdk_sqs::Client::from_conf(sqs.build()), "https://queue".to_owned());
        door(table, &vault, sender, &self.world.clock, &self.world.counted)
    }

    async fn asks(&self, door: &Router, nonce: &str) -> Said {
        let form = self.account.question(self.account.call(), self.number.e164.as_str());
        let headers = self.account.signed(&self.account.voice, &form, nonce);
        knock(door, Method::POST, &self.account.voice, headers, &encoded(&form)).await
    }

    /// Has one process answer a question cold and then another one warm, and looks at the trips of each.
    async fn takes(&self, heard: &str, told: &[&str], cold: &[&[&str]], warm: &[&[&str]]) {
        let door = self.cold();
        drop(self.trips.take());
        for (nonce, trips) in [("1", cold), ("2", warm)] {
            let said = self.asks(&door, nonce).await;
            assert!(said.status == 200 && said.text.contains(heard), "{}", said.text);
            assert_eq!(self.trips.take(), trips, "with nonce {nonce}");
            assert_eq!(self.cloud.told(), told);
        }
    }
}

/// What each trip asks for, in a process that is cold and in one that is warm, of a carrier with nonces or without: Twilio's calls
/// have names that are no UUIDs, so that where they lead is decided in their place.
const FIRST: &[&str] = &["table", "table"];
const COLD: &[&str] = &["kms", "table", "table", "table"];
const WARM: &[&str] = &["table", "table", "table"];
const COLD_WITHOUT_NONCE: &[&str] = &["kms", "table", "table"];
const QUEUE: &[&str] = &["queue"];

fn second(carrier: Carrier) -> &'static [&'static str] {
    if carrier == Carrier::Twilio { COLD_WITHOUT_NONCE } else { COLD }
}

#[rstest]
#[tokio::test]
async fn a_call_that_is_put_through_takes_three_trips(#[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let line = Line::ringing(carrier, agent()).await;
    line.takes("<Dial", &["call.initiated"], &[FIRST, second(carrier), QUEUE], &[FIRST, WARM, QUEUE]).await;
}

/// Whose it is is noted beside the queue.
#[rstest]
#[tokio::test]
async fn a_call_to_a_bought_number_takes_as_many(#[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let (world, account, number) = bought(carrier).await;
    let line = Line::of(world, account, number).await;
    let told: &[&str] = &["queue", "table"];
    line.takes("<Dial", &["call.initiated"], &[FIRST, second(carrier), told], &[FIRST, WARM, told]).await;
}

#[rstest]
#[tokio::test]
async fn the_password_of_an_address_is_opened_beside_the_queue(#[values(Carrier::Twilio, Carrier::Plivo)] carrier: Carrier) {
    let sip = Endpoint { provider: Provider::CustomSip, given_url: Some("sip:desk@pbx.example.com".to_owned()), ..agent() };
    let line = Line::to(carrier, Some(sip.clone()), false).await;
    let place = line.world.fixture.tenant.place(SecretKind::EndpointPassword, sip.id.as_uuid());
    let password = line.world.vault.seal(&place, &SecretString::from("canary-sip"), fixture::now()).await.unwrap();
    line.world.endpoint(Endpoint { password: Some(password), ..sip }).await;
    line.takes("<Dial", &["call.initiated"], &[FIRST, second(carrier), &["kms", "queue"]], &[FIRST, WARM, QUEUE]).await;
}

#[rstest]
#[case::gone(Line::to(Carrier::Vobiz, Some(agent()), false), BUSY, "endpoint_gone")]
#[case::inactive(Line::ringing(Carrier::Plivo, Endpoint { status: EndpointStatus::Inactive, ..agent() }), BUSY, "endpoint_inactive")]
#[case::without_address(Line::ringing(Carrier::Plivo, Endpoint { provider_config: Default::default(), ..agent() }), BUSY, "no_address")]
#[tokio::test]
async fn an_endpoint_that_takes_no_calls_costs_no_trip_more(
    #[case] line: impl Future<Output = Line>,
    #[case] heard: &str,
    #[case] reason: &str,
) {
    let line = line.await;
    line.takes(heard, &["call.initiated", reason], &[FIRST, COLD, QUEUE], &[FIRST, WARM, QUEUE]).await;
}

#[rstest]
#[case(Carrier::Twilio, NumberChange { status: Some(NumberStatus::Inactive), ..Default::default() }, BUSY, "number_inactive")]
#[case(Carrier::Vobiz, NumberChange { allow_inbound: Some(false), ..Default::default() }, REJECTED, "inbound_not_allowed")]
#[tokio::test]
async fn a_number_that_takes_no_calls_takes_three_trips(
    #[case] carrier: Carrier,
    #[case] change: NumberChange,
    #[case] heard: &str,
    #[case] reason: &str,
) {
    let line = Line::ringing(carrier, agent()).await;
    line.change(change).await;
    line.takes(heard, &["call.initiated", reason], &[FIRST, second(carrier), QUEUE], &[FIRST, WARM, QUEUE]).await;
}

#[tokio::test]
async fn a_number_that_rings_nothing_takes_three_trips() {
    let line = Line::to(Carrier::Plivo, None, false).await;
    let (cold, warm) = (["kms", "table", "table"], ["table", "table"]);
    line.takes(BUSY, &["call.initiated", "no_endpoint"], &[FIRST, &cold, QUEUE], &[FIRST, &warm, QUEUE]).await;
}

/// Two trips, the request with the queue beside it, and a third trip to tell why the call was not connected. In a process that is cold
/// the request begins with its own key and, for Twilio, the call's name, within the time that it has.
#[rstest]
#[tokio::test]
async fn a_webhook_endpoint_is_asked_after_two_trips_and_its_answer_told_by_the_third(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
    #[values(true, false)] dials: bool,
) {
    let says = if dials { r#"{"action": "dial", "sip_uri": "sip:desk@pbx.example.com"}"# } else { "{}" };
    let line = Line::asking(carrier, says).await;
    let (heard, told): (_, &[&str]) = if dials { ("<Dial", &["call.initiated"]) } else { (BUSY, &["call.initiated", "endpoint_passed"]) };
    let beside: &[&str] = if carrier == Carrier::Twilio { &["kms", "queue", "table"] } else { &["kms", "queue"] };
    let mut cold = vec![FIRST, second(carrier), beside];
    let mut warm = vec![FIRST, WARM, QUEUE];
    if !dials {
        cold.push(QUEUE);
        warm.push(QUEUE);
    }
    line.takes(heard, told, &cold, &warm).await;
    assert_eq!(line.receiver.arrivals().len(), 2);
}

#[tokio::test]
async fn a_number_that_is_attached_anew_is_noted_at_once_and_an_old_note_is_mended_by_the_first_call() {
    let line = Line::to(Carrier::Plivo, None, false).await;
    let off = Endpoint { status: EndpointStatus::Inactive, ..agent() };
    let (on, off) = (line.world.agent().await, line.world.endpoint(Endpoint { id: EndpointId::new(fixture::now(), [9; 10]), ..off }).await);
    let door = line.cold();
    line.asks(&door, "1").await;
    drop(line.trips.take());
    for (nonce, endpoint, answer) in [("2", on, "<Dial"), ("3", off, BUSY)] {
        line.attach(endpoint).await;
        assert!(line.asks(&door, nonce).await.text.contains(answer));
        assert_eq!(line.trips.take(), [FIRST, WARM, QUEUE]);
    }
    // As a table has it that is older than the note, or a read that is a moment old.
    let (number_alone, looked_up) = (["table", "table"], ["queue", "table", "table"]);
    line.forget_note().await;
    assert!(line.asks(&door, "4").await.text.contains(BUSY));
    assert_eq!(line.trips.take(), [FIRST, &number_alone[..], &looked_up[..], QUEUE]);
    line.attach(on).await;
    line.forget_note().await;
    assert!(line.asks(&door, "5").await.text.contains("<Dial"));
    assert_eq!(line.trips.take(), [FIRST, &number_alone[..], &looked_up[..]]);
    assert!(line.asks(&door, "6").await.text.contains("<Dial"));
    assert_eq!(line.trips.take(), [FIRST, WARM, QUEUE]);
}

/// The nonce is used beside the call to KMS, so what is wrong with either must be found out all the same.
#[rstest]
#[tokio::test]
async fn a_process_that_is_cold_lets_nobody_in_who_would_not_be_let_in_else(#[values(Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let line = Line::ringing(carrier, agent()).await;
    assert!(line.asks(&line.cold(), "1").await.text.contains("<Dial"));
    line.cloud.told();
    let other = line.account.question("22222222-2222-4333-8444-555555555555", line.number.e164.as_str());
    let replayed = line.account.signed(&line.account.voice, &other, "1");
    let said = knock(&line.cold(), Method::POST, &line.account.voice, replayed, &encoded(&other)).await;
    assert_eq!((said.status, line.world.counted()), (403, vec!["NonceReplays".to_owned()]));

    let forger = Account { token: "another".to_owned(), ..line.account.clone() };
    for nonce in ["1", "2"] {
        let forged = forger.signed(&line.account.voice, &other, nonce);
        let said = knock(&line.cold(), Method::POST, &line.account.voice, forged, &encoded(&other)).await;
        assert_eq!((said.status, said.text.as_str()), (403, "Forbidden"));
    }
    assert_eq!(line.world.counted().len(), 1, "who has not signed raises no alarm");
    assert!(line.cloud.told().is_empty());
}

#[tokio::test]
async fn the_reason_is_kept_of_an_answer_that_took_too_long() {
    let sip = Endpoint { provider: Provider::CustomSip, given_url: Some("sip:desk@pbx.example.com".to_owned()), ..agent() };
    let line = Line::to(Carrier::Vobiz, Some(sip.clone()), false).await;
    let place = line.world.fixture.tenant.place(SecretKind::EndpointPassword, sip.id.as_uuid());
    let password = line.world.vault.seal(&place, &SecretString::from("canary-sip"), fixture::now()).await.unwrap();
    line.world.endpoint(Endpoint { password: Some(password), ..sip }).await;
    *line.cloud.stuck.lock().unwrap() = Some("endpoint-password");
    let said = line.asks(&line.cold(), "1").await;
    assert!(said.status == 200 && said.text.contains(BUSY), "{said:?}");
    let told = line.cloud.told();
    assert_eq!((told.first().map(String::as_str), told.last().map(String::as_str)), (Some("call.initiated"), Some("unavailable")));
}
