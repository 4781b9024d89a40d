//! KMS disabled, throttled, unreachable or silent: 503 within the function's time, nothing stored, and whatever needs no
//! encryption works on.

use std::time::Duration;

use aws_sdk_kms::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    error::ErrorMetadata,
    operation::generate_data_key::GenerateDataKeyError,
    types::error::DisabledException,
};
use aws_smithy_mocks::{Rule, mock};
use domain::carrier::Carrier;
use http::Method;
use serde_json::json;
use testkit::{Stack, fixture};
use tokio::{net::TcpListener, time::timeout};
use vault::Vault;

use crate::{
    carrier_credentials::{Bench, NUMBERS, PROVIDERS, SID, twilio},
    kms,
};

/// The time-out of the function in the template.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(10);

fn refuses(error: impl Fn() -> GenerateDataKeyError + Send + Sync + 'static) -> Rule {
    mock!(Client::generate_data_key).then_error(error)
}

fn reached_at(endpoint: String) -> Vault {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint);
    Vault::new(Client::from_conf(config.build()), "alias/vault".to_owned())
}

/// What must hold while KMS serves nobody.
async fn nothing_is_stored_and_the_rest_works(vault: Vault) {
    let bench = Bench::start(vault).await;
    let (table, tenant) = (&bench.local.table, bench.fixture.tenant);
    let mut kept = fixture::credential(Carrier::Twilio, 1);
    SID.clone_into(&mut kept.account);
    table.create_credential(tenant, &kept).await.unwrap();
    let before = bench.stored().await;
    let one = format!("{PROVIDERS}/{}", kept.id);
    let renewed = json!({"credentials": {"account_sid": SID, "auth_token": "another"}});
    for (method, path, body) in [(Method::POST, PROVIDERS, twilio("token")), (Method::PATCH, one.as_str(), renewed)] {
        let refused = timeout(FUNCTION_TIMEOUT, bench.ask(method, path, Some(body), &[])).await.unwrap();
        assert_eq!(refused.said(), (503, "Encryption service unavailable"));
        assert!(refused.headers.contains_key("retry-after"));
    }
    assert_eq!(bench.stored().await, before, "nothing was stored");
    let once = [("idempotency-key", "k")];
    let refused = timeout(FUNCTION_TIMEOUT, bench.ask(Method::POST, PROVIDERS, Some(twilio("token")), &once)).await.unwrap();
    assert_eq!(refused.said(), (503, "Encryption service unavailable"));
    assert_eq!(table.credentials(tenant).await.unwrap(), [kept.clone()], "a request with a key is no exception");

    assert_eq!(bench.get(PROVIDERS).await.json()["total"], 1);
    let number = json!({"e164": "+2348050000001", "provider": "twilio", "credentials_id": kept.id});
    let number = bench.post(NUMBERS, number).await.json();
    assert_eq!(bench.delete(&one).await.status, 409);
    assert_eq!(bench.delete(&format!("{NUMBERS}/{}", number["id"].as_str().unwrap())).await.status, 204);
    assert_eq!(bench.patch(&one, json!({"label": "Renamed"})).await.status, 200);
    assert_eq!(bench.delete(&one).await.status, 204);
}

#[tokio::test]
async fn a_disabled_key() {
    let disabled = || GenerateDataKeyError::DisabledException(DisabledException::builder().message("disabled").build());
    nothing_is_stored_and_the_rest_works(kms::vault(&[&refuses(disabled)])).await;
}

#[tokio::test]
async fn a_throttled_or_denied_call() {
    for code in ["ThrottlingException", "AccessDeniedException", "KMSInternalException"] {
        let error = move || GenerateDataKeyError::generic(ErrorMetadata::builder().code(code).build());
        nothing_is_stored_and_the_rest_works(kms::vault(&[&refuses(error)])).await;
    }
}

#[tokio::test]
async fn an_unreachable_service() {
    // A port that nobody listens on any more.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    nothing_is_stored_and_the_rest_works(reached_at(format!("http://127.0.0.1:{port}"))).await;
}

#[tokio::test]
async fn a_service_that_takes_the_call_and_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    nothing_is_stored_and_the_rest_works(reached_at(format!("http://{}", listener.local_addr().unwrap()))).await;
}

/// An outage that begins when the token's data key is at hand and the answer's is not.
#[tokio::test]
async fn an_answer_that_could_not_be_kept_is_noticed_before_anything_is_stored() {
    let once_only = mock!(Client::generate_data_key)
        .sequence()
        .output(|| kms::data_key(kms::OLD_KEY))
        .error(|| GenerateDataKeyError::DisabledException(DisabledException::builder().message("disabled").build()))
        .build();
    let bench = Bench::start(kms::vault(&[&once_only])).await;
    bench.credential().await;
    let refused = bench.ask(Method::POST, PROVIDERS, Some(twilio("token")), &[("idempotency-key", "k")]).await;
    assert_eq!(refused.said(), (503, "Encryption service unavailable"));
    assert_eq!(bench.get(PROVIDERS).await.json()["total"], 1, "only the one from before");
}

#[tokio::test]
async fn the_local_clouds_key_is_disabled_and_serves_again() {
    let client = Stack::load().unwrap().kms();
    let key = client.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    client.disable_key().key_id(&key).send().await.unwrap();
    let bench = Bench::start(Vault::new(client.clone(), key.clone())).await;
    assert_eq!(bench.post(PROVIDERS, twilio("token")).await.said(), (503, "Encryption service unavailable"));
    assert_eq!(bench.get(PROVIDERS).await.json()["total"], 0);
    client.enable_key().key_id(&key).send().await.unwrap();
    assert_eq!(bench.post(PROVIDERS, twilio("token")).await.status, 201);
}
