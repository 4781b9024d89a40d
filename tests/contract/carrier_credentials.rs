//! Carrier credentials through the real router on a real table: what is answered, what is stored, what KMS is asked.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::{
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    operation::delete_item::DeleteItemError,
    types::{
        AttributeValue::S,
        error::{ConditionalCheckFailedException, TransactionConflictException},
    },
};
use aws_smithy_mocks::{MockResponseInterceptor, RuleMode, create_mock_http_client, mock};
use axum::{Router, body::Body};
use domain::{Mode, credential::OVERLAP_MILLIS, secret::SecretKind};
use http::{HeaderMap, Method, Request, header};
use runtime::Clock;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use testkit::{Fixture, LocalTable, fixture};
use tower::ServiceExt as _;
use vault::Vault;

use crate::kms;

pub(crate) const PROVIDERS: &str = "/v1/telephony/providers";
pub(crate) const NUMBERS: &str = "/v1/telephony/numbers";
pub(crate) const SID: &str = "AC0123456789abcdef0123456789ab1234";
const TOKEN: &str = "canary-token-5b1e";

/// An organization and the functions that serve the telephony routes.
pub(crate) struct Bench {
    pub(crate) local: LocalTable,
    pub(crate) fixture: Fixture,
    credentials: Router,
    pub(crate) numbers: Router,
}

/// An answer, read whole.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{} {}", self.status, self.text))
    }

    pub(crate) fn said(&self) -> (u16, &str) {
        (self.status, &self.text)
    }

    fn content_type(&self) -> &str {
        self.headers[header::CONTENT_TYPE].to_str().unwrap()
    }
}

impl Bench {
    pub(crate) async fn start(vault: Vault) -> Self {
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        let state = carrier_credentials::State::new(local.table.clone(), vault.clone(), Clock::System, "https://api.example.com/");
        let numbers = phone_numbers::State::new(local.table.clone(), vault, fixture::nowhere(), Clock::System, "sip.example.com");
        Self { local, fixture, credentials: carrier_credentials::app(state), numbers: phone_numbers::app(numbers) }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> Told {
        let app = if path.contains("/providers") { &self.credentials } else { &self.numbers };
        let mut request = Request::builder().method(method).uri(path).header("x-api-key", self.fixture.key.reveal());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Told { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Told {
        self.ask(Method::POST, path, Some(body), &[]).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Told {
        self.ask(Method::PATCH, path, Some(body), &[]).await
    }

    pub(crate) async fn get(&self, path: &str) -> Told {
        self.ask(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Told {
        self.ask(Method::DELETE, path, None, &[]).await
    }

    /// A credential's id.
    pub(crate) async fn credential(&self) -> String {
        let created = self.post(PROVIDERS, twilio(TOKEN)).await;
        assert_eq!(created.status, 201, "{}", created.text);
        created.json()["id"].as_str().unwrap().to_owned()
    }

    /// Everything that is stored, as text to be searched and compared.
    pub(crate) async fn stored(&self) -> String {
        let items = self.local.dump_unused().await;
        let mut texts: Vec<String> = items.iter().map(|item| format!("{:?}", item.iter().collect::<BTreeMap<_, _>>())).collect();
        texts.sort();
        texts.join("\n")
    }
}

pub(crate) fn twilio(token: &str) -> Value {
    json!({"provider": "twilio", "label": "Production", "credentials": {"account_sid": SID, "auth_token": token}})
}

fn one(id: &str) -> String {
    format!("{PROVIDERS}/{id}")
}

#[tokio::test]
async fn a_credential_is_created_once_shown_listed_and_deleted() {
    let bench = Bench::start(kms::vault(&[&kms::makes(kms::OLD_KEY)])).await;
    let created = bench.post(PROVIDERS, twilio(TOKEN)).await;
    assert_eq!((created.status, created.content_type()), (201, "application/json"));
    let created_body = created.json();
    let names: BTreeSet<&str> = created_body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["created_at", "id", "label", "provider", "status_url", "voice_url"].into());
    assert!(created_body.as_object().unwrap().values().all(Value::is_string), "{created_body}");
    assert!(created_body["voice_url"].as_str().unwrap().starts_with("https://api.example.com/carriers/twilio/"));
    let id = created_body["id"].as_str().unwrap();
    let list = bench.get("/api/v1/telephony/providers").await.json();
    let row = &list["providers"][0];
    assert_eq!((&list["data"], &list["total"]), (&list["providers"], &json!(1)));
    assert_eq!((&row["id"], &row["key_hint"], &row["numbers_count"]), (&json!(id), &json!("AC…1234"), &json!(0)));
    assert_eq!(row.as_object().unwrap().len(), 7, "{row}");
    for prefixed in [one(&format!("prov_{id}")), one(id)] {
        let deleted = bench.delete(&prefixed).await;
        let expected = if prefixed.contains("prov_") { (204, "") } else { (404, "Credential not found") };
        assert_eq!(deleted.said(), expected);
    }
    assert_eq!(bench.get(PROVIDERS).await.json()["total"], 0);
}

#[tokio::test]
async fn neither_the_token_nor_a_callback_url_is_stored() {
    let bench = Bench::start(kms::vault(&[&kms::makes(kms::OLD_KEY)])).await;
    let created = bench.ask(Method::POST, PROVIDERS, Some(twilio(TOKEN)), &[("idempotency-key", "k")]).await.json();
    let rotated = bench.ask(Method::POST, &format!("{}/rotate-callbacks", one(created["id"].as_str().unwrap())), None, &[]).await.json();
    let stored = bench.stored().await;
    assert!(stored.contains(created["id"].as_str().unwrap()), "the search finds what is there");
    let token = |url: &Value| url.as_str().unwrap().split('/').nth(5).unwrap().to_owned();
    assert_ne!(token(&created["voice_url"]), token(&rotated["voice_url"]));
    for secret in [TOKEN.to_owned(), token(&created["voice_url"]), token(&rotated["status_url"])] {
        assert!(!stored.contains(&secret), "{secret}");
    }
}

#[tokio::test]
async fn a_warm_path_asks_kms_for_nothing_and_nothing_is_ever_opened() {
    let makes = kms::makes(kms::OLD_KEY);
    let bench = Bench::start(kms::vault(&[&makes])).await;
    let id = bench.credential().await;
    assert_eq!(makes.num_calls(), 1);
    for _ in 0..3 {
        bench.credential().await;
        assert_eq!(bench.get(PROVIDERS).await.status, 200);
        assert_eq!(bench.get(NUMBERS).await.status, 200);
    }
    let number = json!({"e164": "+2348050000001", "provider": "twilio", "credentials_id": id});
    let number = bench.post(NUMBERS, number).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(bench.delete(&format!("{NUMBERS}/{number}")).await.status, 204);
    assert_eq!(bench.delete(&one(&id)).await.status, 204);
    assert_eq!(makes.num_calls(), 1);
}

#[tokio::test]
async fn a_new_token_is_for_the_same_account_and_the_one_before_is_kept_for_a_day() {
    let vault = kms::vault(&[&kms::makes(kms::OLD_KEY)]);
    let bench = Bench::start(vault.clone()).await;
    let id = bench.credential().await;
    let renewed = json!({"label": "Renamed", "credentials": {"accountSid": SID, "authToken": "token-2"}});
    let row = bench.patch(&one(&id), renewed).await.json();
    assert_eq!((&row["label"], &row["key_hint"]), (&json!("Renamed"), &json!("AC…1234")));
    let credential = bench.local.table.credentials(bench.fixture.tenant).await.unwrap().remove(0);
    let place = bench.fixture.tenant.place(SecretKind::CarrierToken, credential.id.as_uuid());
    let open = async |sealed| vault.open(&place, sealed, fixture::now()).await.unwrap().expose_secret().to_owned();
    assert_eq!(open(&credential.token).await, "token-2");
    assert_eq!(open(credential.previous_tokens(fixture::now()).next().unwrap()).await, TOKEN);
    assert!(credential.previous_tokens(fixture::now().plus_millis(OVERLAP_MILLIS + 1)).next().is_none());
    let refused = [
        (json!({"credentials": {"account_sid": SID.replace('1', "2"), "auth_token": "t"}}), "credentials.account_sid: is another account"),
        (json!({"credentials": {"auth_id": SID, "auth_token": "t"}}), "credentials: must have exactly account_sid and auth_token"),
        (json!({"credentials": {"auth_token": "t"}}), "credentials: must have exactly account_sid"),
        (json!({"credentials": {"account_sid": SID, "auth_token": "t", "more": 1}}), "credentials: must have exactly account_sid"),
        (json!({"label": ""}), "label: must have 1 to 100 characters"),
        (json!({"signing_key": "k".repeat(129)}), "signing_key: must have 1 to 128 printable ASCII characters"),
        (json!({"lable": "x"}), "credentials: is required"),
    ];
    for (body, told) in refused {
        let answer = bench.patch(&one(&id), body.clone()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.text.starts_with(&format!("Invalid body or missing field: {told}")), "{body}: {}", answer.text);
    }
    assert_eq!(bench.local.table.credentials(bench.fixture.tenant).await.unwrap(), [credential], "nothing was changed");
    let unknown = bench.patch(&one("0198c0de-0000-7000-8000-000000000001"), json!({"label": "x"})).await;
    assert_eq!(unknown.said(), (404, "Credential not found"));
}

#[tokio::test]
async fn a_change_that_is_tried_twice_does_not_lose_the_token_before() {
    let bench = Bench::start(kms::vault(&[&kms::makes(kms::OLD_KEY)])).await;
    bench.credential().await;
    let (table, tenant) = (&bench.local.table, bench.fixture.tenant);
    let before = table.credentials(tenant).await.unwrap().remove(0);
    let renewal = |request: &str| store::TokenRenewal {
        key: before.carrier.account_key(),
        account: before.account.clone(),
        token: domain::secret::Sealed::from_encoded("sealed".to_owned()),
        previous_until: fixture::now().plus_millis(OVERLAP_MILLIS),
        request: request.to_owned(),
    };
    for _ in 0..2 {
        let change = store::CredentialChange { renewal: Some(renewal("request-1")), ..Default::default() };
        let changed = table.change_credential(tenant, before.id, &change, fixture::now()).await.unwrap();
        let store::ChangedCredential::Done(now) = changed else { panic!("{changed:?}") };
        assert_eq!(now.previous_token, Some(before.token.clone()));
    }
}

#[tokio::test]
async fn tokens_that_were_changed_twice_within_a_day_both_keep_verifying() {
    let bench = Bench::start(kms::vault(&[&kms::makes(kms::OLD_KEY)])).await;
    let (id, vault) = (bench.credential().await, kms::vault(&[&kms::unwraps()]));
    let (table, tenant) = (&bench.local.table, bench.fixture.tenant);
    let tokens = async || {
        let credential = table.credentials(tenant).await.unwrap().remove(0);
        let place = tenant.place(SecretKind::CarrierToken, credential.id.as_uuid());
        let mut texts = Vec::new();
        for sealed in std::iter::once(&credential.token).chain(credential.previous_tokens(fixture::now())) {
            texts.push(vault.open(&place, sealed, fixture::now()).await.unwrap().expose_secret().to_owned());
        }
        texts
    };
    let renew = async |token: &str| {
        let body = json!({"credentials": {"account_sid": SID, "auth_token": token}});
        assert_eq!(bench.patch(&format!("{PROVIDERS}/{id}"), body).await.status, 200);
    };
    renew("canary-b").await;
    renew("canary-b").await;
    assert_eq!(tokens().await, ["canary-b", "canary-b", TOKEN], "a change that is sent again loses nothing");
    renew("canary-c").await;
    assert_eq!(tokens().await, ["canary-c", "canary-b", "canary-b"], "two tokens before the current one are kept");
}

#[tokio::test]
async fn rotating_the_callbacks_ends_the_ones_before() {
    let bench = Bench::start(kms::vault(&[&kms::makes(kms::OLD_KEY)])).await;
    let id = bench.credential().await;
    let hash = async || bench.local.table.credentials(bench.fixture.tenant).await.unwrap().remove(0).callback;
    let before = hash().await;
    let rotate = async || bench.ask(Method::POST, &format!("{PROVIDERS}/{id}/rotate-callbacks"), Some(json!({})), &[]).await.json();
    let (first, stored_first) = (rotate().await, hash().await);
    let (second, stored_second) = (rotate().await, hash().await);
    assert_ne!(first["voice_url"], second["voice_url"]);
    assert!(before != stored_first && stored_first != stored_second, "what is stored is the hash of the last one");
    let token = |answer: &Value| {
        let url = answer["voice_url"].as_str().unwrap().to_owned();
        url.rsplit('/').nth(1).unwrap().parse::<domain::callback::CallbackToken>().unwrap()
    };
    assert_eq!((token(&first).hash(), token(&second).hash()), (stored_first, stored_second));
}

#[tokio::test]
async fn what_is_wrong_is_told_as_the_page_prints_it_in_text_or_json() {
    let bench = Bench::start(kms::vault(&[&kms::makes(kms::OLD_KEY)])).await;
    let cases = [
        (json!({}), "provider: is required; label: is required; credentials: is required"),
        (json!({"provider": "acme", "label": "x", "credentials": {}}), "provider: must be twilio, plivo or vobiz"),
        (
            json!({"provider": "plivo", "label": "x", "credentials": {"auth_id": "MA0"}}),
            "credentials: must have exactly auth_id and auth_token",
        ),
        (json!({"provider": "plivo", "label": "x", "credentials": "hunter2"}), "credentials: must be an object"),
    ];
    for (body, wrong) in cases {
        let text = bench.post(PROVIDERS, body.clone()).await;
        let expected = format!("Invalid body or missing field: {wrong}");
        assert_eq!((text.said(), text.content_type()), ((400, expected.as_str()), "text/plain; charset=utf-8"));
        let json = bench.ask(Method::POST, PROVIDERS, Some(body), &[("accept", "application/json")]).await;
        assert_eq!((json.status, json.content_type(), &json.json()["error"]), (400, "application/json", &json!(expected)));
    }
    let no_key = Request::get(PROVIDERS).body(Body::empty()).unwrap();
    let refused = bench.credentials.clone().oneshot(no_key).await.unwrap();
    let text = axum::body::to_bytes(refused.into_body(), 1_000).await.unwrap();
    assert_eq!(text, "Unauthorized");
    assert_eq!(bench.ask(Method::PUT, PROVIDERS, None, &[]).await.said(), (405, "Method not allowed"));
    assert_eq!(bench.ask(Method::POST, PROVIDERS, None, &[]).await.said(), (415, "Unsupported media type"));
    assert_eq!(bench.post(PROVIDERS, json!({"label": "x".repeat(70_000)})).await.said(), (413, "Payload too large"));
    assert_eq!(bench.get(&format!("{PROVIDERS}/a/b/c")).await.said(), (404, "Route not found"));
    for wrong in ["cursor=x", "limit=0", "limit=x"] {
        assert_eq!(bench.get(&format!("{PROVIDERS}?{wrong}")).await.status, 400, "{wrong}");
    }
    assert!(!bench.stored().await.contains("hunter2"));
}

#[tokio::test]
async fn an_answer_is_given_again_in_the_form_it_had() {
    let bench = Bench::start(kms::vault(&[&kms::makes(kms::OLD_KEY), &kms::unwraps()])).await;
    let ask = async |key: &str, body: Value| bench.ask(Method::POST, PROVIDERS, Some(body), &[("idempotency-key", key)]).await;
    let (first, again) = (ask("a", twilio(TOKEN)).await, ask("a", twilio(TOKEN)).await);
    assert_eq!((again.said(), again.content_type()), ((201, first.text.as_str()), "application/json"));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let (first, again) = (ask("b", json!({})).await, ask("b", json!({})).await);
    assert_eq!((again.said(), again.content_type()), (first.said(), "text/plain; charset=utf-8"));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(ask("a", json!({})).await.said(), (422, "Idempotency key reused"));
    assert_eq!(bench.get(PROVIDERS).await.json()["total"], 1);
}

/// No local database brings such a conflict about: it hands items to one writer at a time.
#[tokio::test]
async fn a_deletion_waits_for_a_registration_that_holds_the_credential() {
    let held = || DeleteItemError::TransactionConflictException(TransactionConflictException::builder().build());
    let twice = mock!(aws_sdk_dynamodb::Client::delete_item)
        .sequence()
        .error(held)
        .times(2)
        .error(|| {
            DeleteItemError::ConditionalCheckFailedException(
                ConditionalCheckFailedException::builder().item("pk", S("x".to_owned())).build(),
            )
        })
        .build();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(create_mock_http_client())
        .interceptor(MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny).with_rule(&twice));
    let table = store::Table::new(aws_sdk_dynamodb::Client::from_conf(config.build()), "trunkline");
    let tenant = store::Tenant::new(domain::OrgId::new(fixture::now(), runtime::random::bytes()), Mode::Live);
    let id = domain::CredentialId::new(fixture::now(), runtime::random::bytes());
    assert_eq!(table.delete_credential(tenant, id).await.unwrap(), store::DeletedCredential::InUse);
    assert_eq!(twice.num_calls(), 3);
}
