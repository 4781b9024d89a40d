//! Where calls go: SIP addresses, webhook endpoints that are asked, and every reason not to connect.

use std::time::Duration;

use domain::{
    EndpointId,
    carrier::Carrier,
    endpoint::{Endpoint, EndpointStatus, Provider},
    number::{NumberChange, NumberStatus},
    secret::SecretKind,
};
use http::Method;
use rstest::rstest;
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::{Receiver, carrier::Account, fixture};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use webhooks::SigningSecret;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::{
    carrier_world::{Said, World, agent},
    documented::received,
};

const BUSY: &str = r#"reason="busy""#;
const REJECTED: &str = r#"reason="rejected""#;

/// A world in which a call comes.
struct Case {
    world: World,
    account: Account,
    to: String,
    number: domain::NumberId,
}

impl Case {
    async fn ringing(carrier: Carrier, endpoint: Option<Endpoint>) -> Self {
        let world = World::start().await;
        let account = world.account(carrier).await;
        let id = match endpoint {
            Some(endpoint) => Some(world.endpoint(endpoint).await),
            None => None,
        };
        let (number, to) = world.number(&account, 1, id).await;
        Self { world, account, to, number }
    }

    /// A number that rings a webhook endpoint with a signing secret.
    async fn asking(carrier: Carrier, url: &str) -> (Self, EndpointId, String) {
        let world = World::start().await;
        let account = world.account(carrier).await;
        let secret = SigningSecret::generate(&[7; 32]);
        let endpoint = Endpoint { given_url: Some(url.to_owned()), ..fixture::endpoint() };
        let place = world.fixture.tenant.place(SecretKind::WebhookSecret, endpoint.id.as_uuid());
        let sealed = world.vault.seal(&place, secret.reveal(), fixture::now()).await.unwrap();
        let id = world.endpoint(Endpoint { secret: Some(sealed), ..endpoint }).await;
        let (number, to) = world.number(&account, 1, Some(id)).await;
        let secret = secrecy::ExposeSecret::expose_secret(secret.reveal()).to_owned();
        (Self { world, account, to, number }, id, secret)
    }

    async fn call(&self) -> Said {
        let said = self.world.send(&self.account, &self.account.voice, &self.account.question(self.account.call(), &self.to)).await;
        assert_eq!((said.status, said.content_type.as_str()), (200, "application/xml; charset=utf-8"), "{}", said.text);
        said
    }

    async fn change(&self, change: NumberChange) {
        self.world.local.table.update_number(self.world.fixture.tenant, self.number, change, fixture::now(), None).await.unwrap();
    }

    /// The call's record, once the queue was worked on.
    async fn record(&self) -> Value {
        self.world.handle(|count| (0..count).rev().collect()).await;
        assert!(self.world.dead.is_empty());
        self.world.call().await
    }

    /// Has a call come that must not be connected, and checks what the caller hears and what is kept of it.
    async fn is_refused(&self, heard: &str, reason: &str) {
        let said = self.call().await;
        assert!(said.text.contains(heard) && !said.text.contains("<Dial"), "{}", said.text);
        let call = self.record().await;
        assert_eq!(call["metadata"]["route_reason"], reason, "{call:#}");
        let (status, cause) = if heard == BUSY { ("busy", "USER_BUSY") } else { ("failed", "CALL_REJECTED") };
        assert_eq!((&call["status"], &call["hangup_cause"]), (&json!(status), &json!(cause)), "{call:#}");
        assert_eq!(call["phone_number_id"], json!(self.number));
    }
}

fn switched_off(endpoint: Endpoint) -> Endpoint {
    Endpoint { status: EndpointStatus::Inactive, ..endpoint }
}

#[rstest]
#[tokio::test]
async fn an_inactive_number_is_busy(#[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let case = Case::ringing(carrier, Some(agent())).await;
    case.change(NumberChange { status: Some(NumberStatus::Inactive), ..Default::default() }).await;
    case.is_refused(BUSY, "number_inactive").await;
}

#[rstest]
#[tokio::test]
async fn a_number_that_takes_no_callers_rejects_them(#[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let case = Case::ringing(carrier, Some(agent())).await;
    case.change(NumberChange { allow_inbound: Some(false), ..Default::default() }).await;
    case.is_refused(REJECTED, "inbound_not_allowed").await;
}

#[tokio::test]
async fn a_number_that_rings_nothing_is_busy() {
    Case::ringing(Carrier::Twilio, None).await.is_refused(BUSY, "no_endpoint").await;
}

#[tokio::test]
async fn an_endpoint_that_is_switched_off_is_busy() {
    Case::ringing(Carrier::Plivo, Some(switched_off(agent()))).await.is_refused(BUSY, "endpoint_inactive").await;
    let failing = Endpoint { status: EndpointStatus::Error, ..agent() };
    Case::ringing(Carrier::Twilio, Some(failing)).await.is_refused(BUSY, "endpoint_inactive").await;
}

#[tokio::test]
async fn an_agent_that_is_no_endpoint_is_busy() {
    let case = Case::ringing(Carrier::Vobiz, None).await;
    let gone = agent().id.to_string();
    assert!(case.world.local.table.pin_number(case.world.fixture.tenant, case.number, Some(&gone), fixture::now(), None).await.unwrap());
    case.is_refused(BUSY, "endpoint_gone").await;
}

#[tokio::test]
async fn an_endpoint_without_an_address_is_busy() {
    let nowhere = Endpoint { provider_config: Default::default(), ..agent() };
    Case::ringing(Carrier::Twilio, Some(nowhere)).await.is_refused(BUSY, "no_address").await;
}

#[tokio::test]
async fn a_number_of_another_credential_is_rejected() {
    let case = Case::ringing(Carrier::Twilio, Some(agent())).await;
    let other = Case { account: case.world.account(Carrier::Vobiz).await, ..case };
    other.is_refused(REJECTED, "other_carrier").await;
}

/// A number that was given up, or never was the organization's, and no number at all.
#[rstest]
#[tokio::test]
async fn a_number_that_is_not_the_organizations_is_rejected_and_the_call_has_the_reason(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
    #[values("somebody's", "+12025550199", "sip:someone@example.com")] to: &str,
) {
    let case = Case::ringing(carrier, Some(agent())).await;
    let elsewhere = testkit::Fixture::create(&case.world.local.table, domain::Mode::Live).await;
    let theirs = fixture::bought(&case.world.local.table, elsewhere.tenant, &fixture::slot(9), None).await;
    let to = if to == "somebody's" { theirs.e164.to_string() } else { to.to_owned() };
    let case = Case { to, ..case };
    let said = case.call().await;
    assert!(said.text.contains(REJECTED), "{}", said.text);
    let name = if carrier == Carrier::Twilio { "CallSid" } else { "CallUUID" };
    let end = [(name, case.account.call()), ("CallStatus", "failed"), ("Direction", "inbound"), ("From", "14155550100"), ("To", &case.to)];
    assert_eq!(case.world.send(&case.account, &case.account.status, &end).await.status, 200);
    let call = case.record().await;
    assert_eq!((&call["status"], &call["metadata"]["route_reason"]), (&json!("failed"), &json!("unknown_number")), "{call:#}");
    assert_eq!((&call["phone_number_id"], &call["to_number"]), (&Value::Null, &json!(case.to)));
}

#[tokio::test]
async fn an_agent_is_pinned_by_its_id() {
    let case = Case::ringing(Carrier::Twilio, None).await;
    let agent = case.world.agent().await.to_string();
    case.world.local.table.pin_number(case.world.fixture.tenant, case.number, Some(&agent), fixture::now(), None).await.unwrap();
    assert!(case.call().await.text.contains("sip:agent-7@sip.vogent.ai"));
    assert_eq!(case.record().await["endpoint_id"], json!(agent));
}

#[rstest]
#[tokio::test]
async fn a_custom_address_is_called_as_the_carriers_xml_allows(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
) {
    let world = World::start().await;
    let account = world.account(carrier).await;
    let config = json!({"username": "u", "transport": "tcp", "headers": {"X-Team": "sales"}});
    let sip = Endpoint {
        provider: Provider::CustomSip,
        given_url: Some("sip:desk@pbx.example.com".to_owned()),
        provider_config: serde_json::from_value(config).unwrap(),
        ..agent()
    };
    let place = world.fixture.tenant.place(SecretKind::EndpointPassword, sip.id.as_uuid());
    let password = world.vault.seal(&place, &SecretString::from("canary-sip"), fixture::now()).await.unwrap();
    let id = world.endpoint(Endpoint { password: Some(password), ..sip }).await;
    let (number, to) = world.number(&account, 1, Some(id)).await;
    let case = Case { world, account, to, number };
    let said = case.call().await.text;
    assert!(said.contains("sip:desk@pbx.example.com;transport=tcp"), "{said}");
    let (credentials, header) = match carrier {
        Carrier::Twilio => (true, "?X-Team=sales"),
        Carrier::Plivo | Carrier::Vobiz => (false, r#"sipHeaders="Team=sales""#),
    };
    assert!(said.contains(header), "{said}");
    assert_eq!(said.contains(r#"password="canary-sip""#) && said.contains(r#"username="u""#), credentials, "{said}");
}

#[rstest]
#[case(r#"{"action": "dial", "sip_uri": "sip:bot@example.com"}"#, ">sip:bot@example.com</")]
#[case(r#"{"action": "dial", "number": "+12025550170"}"#, ">+12025550170</Number>")]
#[tokio::test]
async fn a_webhook_endpoint_says_where_a_call_goes(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
    #[case] answer: &str,
    #[case] dialled: &str,
) {
    let receiver = Receiver::start().await;
    receiver.say(answer);
    let (case, endpoint, secret) = Case::asking(carrier, &receiver.url).await;
    let said = case.call().await;
    assert!(said.text.contains("<Dial") && said.text.contains(dialled), "{}", said.text);
    let asked = receiver.arrivals();
    assert_eq!(asked.len(), 1);
    asked[0].verify(&secret, domain::Timestamp::from_millis(case.world.clock.load(std::sync::atomic::Ordering::SeqCst)).unwrap()).unwrap();
    let (body, call) = (received(&receiver).remove(0), case.record().await);
    assert_eq!((&body["event"], &body["data"]["call_id"]), (&json!("call.incoming"), &call["id"]));
    assert_eq!((&body["data"]["to_number"], &body["data"]["from_number"]), (&json!(case.to), &json!("+14155550100")));
    assert_eq!((&body["data"]["endpoint_id"], &body["data"]["status"]), (&json!(endpoint), &json!("initiated")));
    assert_eq!((&call["status"], &call["metadata"]), (&json!("initiated"), &json!({})));
}

#[rstest]
#[case::busy("{}", 200, BUSY, "endpoint_passed")]
#[case::nothing("", 204, BUSY, "endpoint_passed")]
#[case::rejects(r#"{"action": "reject", "reason": "closed"}"#, 200, REJECTED, "endpoint_rejected")]
#[case::is_busy(r#"{"action": "reject", "reason": "busy"}"#, 200, BUSY, "endpoint_rejected")]
#[case::unclear(r#"{"action": "dial", "sip_uri": "ftp://x"}"#, 200, BUSY, "endpoint_unclear")]
#[case::fails("oops", 500, BUSY, "endpoint_silent")]
#[case::moves_away(r#"{"action": "dial", "number": "+12025550170"}"#, 302, BUSY, "endpoint_silent")]
#[tokio::test]
async fn a_webhook_endpoint_may_refuse(#[case] answer: &str, #[case] status: u16, #[case] heard: &str, #[case] reason: &str) {
    let receiver = Receiver::answering(&[status]).await;
    receiver.say(answer);
    let (case, _, _) = Case::asking(Carrier::Plivo, &receiver.url).await;
    case.is_refused(heard, reason).await;
    let call = case.world.call().await;
    assert_eq!(
        call["metadata"].get("route_note"),
        (reason == "endpoint_rejected").then(|| if heard == BUSY { json!("busy") } else { json!("closed") }).as_ref()
    );
}

/// On the operator's account that would be paid by the operator, whatever it costs.
#[rstest]
#[tokio::test]
async fn a_webhook_endpoint_has_no_number_dialled_by_a_number_that_may_place_no_calls(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
) {
    let receiver = Receiver::start().await;
    receiver.say(r#"{"action": "dial", "number": "+12025550170"}"#);
    let (case, ..) = Case::asking(carrier, &receiver.url).await;
    case.change(NumberChange { allow_outbound: Some(false), ..Default::default() }).await;
    case.is_refused(REJECTED, "outbound_not_allowed").await;
    receiver.say(r#"{"action": "dial", "sip_uri": "sip:desk@pbx.example.com"}"#);
    assert!(case.call().await.text.contains("<Dial"), "a SIP address is called all the same");
}

#[tokio::test]
async fn a_webhook_endpoint_that_does_not_answer_is_busy() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", silent.local_addr().unwrap());
    let (case, _, _) = Case::asking(Carrier::Vobiz, &url).await;
    case.is_refused(BUSY, "endpoint_silent").await;
}

/// Twilio and Plivo wait for 15 s, Vobiz for 3 s.
#[rstest]
#[case::in_time(Carrier::Twilio, 2_000, true)]
#[case::in_time_by_the_other(Carrier::Plivo, 2_000, true)]
#[case::too_late(Carrier::Twilio, 3_000, false)]
#[case::in_the_short_time(Carrier::Vobiz, 1_000, true)]
#[case::too_late_for_the_short_time(Carrier::Vobiz, 2_000, false)]
#[tokio::test]
async fn a_webhook_endpoint_has_as_long_as_its_carrier_lets_it(#[case] carrier: Carrier, #[case] millis: u64, #[case] connected: bool) {
    let receiver = MockServer::start().await;
    let answer = json!({"action": "dial", "sip_uri": "sip:bot@example.com"});
    let late = ResponseTemplate::new(200).set_body_json(answer).set_delay(Duration::from_millis(millis));
    Mock::given(any()).respond_with(late).mount(&receiver).await;
    let (case, _, _) = Case::asking(carrier, &receiver.uri()).await;
    if connected {
        assert!(case.call().await.text.contains("<Dial"));
    } else {
        case.is_refused(BUSY, "endpoint_silent").await;
    }
}

#[tokio::test]
async fn a_webhook_endpoint_that_stops_in_the_midst_of_its_answer_is_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let stalls = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
        drop(stream);
    });
    let (case, _, _) = Case::asking(Carrier::Vobiz, &url).await;
    case.is_refused(BUSY, "endpoint_silent").await;
    stalls.abort();
}

#[tokio::test]
async fn a_repeated_question_asks_under_the_same_id_and_is_one_call() {
    let receiver = Receiver::start().await;
    receiver.say(r#"{"action": "reject"}"#);
    let (case, _, _) = Case::asking(Carrier::Twilio, &receiver.url).await;
    case.call().await;
    case.world.pass(3);
    case.call().await;
    let ids: Vec<String> = receiver.arrivals().iter().map(|asked| asked.header("webhook-id").to_owned()).collect();
    assert_eq!((ids.len(), &ids[0]), (2, &ids[1]));
    assert_eq!(case.record().await["events"].as_array().unwrap().len(), 2);
    let stats = case.world.api(Method::GET, "/v1/calls/stats", None).await.expect(200);
    assert_eq!((&stats["total"], &stats["by_status"]["failed"]), (&json!(1), &json!(1)));
}
