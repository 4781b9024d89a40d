//! Sealed values: each opens in its own place alone, none is left behind when the key is replaced.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kms::{Client, operation::generate_data_key::GenerateDataKeyError, types::error::DisabledException};
use aws_smithy_mocks::mock;
use axum::{Router, body::Body};
use domain::{
    Mode,
    carrier::Carrier,
    secret::{Sealed, SecretKind},
};
use http::{Method, Request};
use runtime::Clock;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use store::{SEALED_ATTRIBUTES, Tenant};
use testkit::{Fixture, fixture, tokens};
use tower::ServiceExt as _;
use trunkline::rewrap::{Counts, Rewrap};
use vault::{Vault, VaultError};

use crate::{
    carrier_credentials::{Bench, PROVIDERS, SID, Told, twilio},
    kms,
};

type Attributes = HashMap<String, AttributeValue>;

fn lax_vault(key: &'static str) -> Vault {
    kms::vault(&[&kms::makes(key), &kms::unwraps()])
}

/// Puts a value into an attribute of a raw item; a dot leads into a map.
async fn plant(bench: &Bench, item: &Attributes, attribute: &str, value: &str) {
    let key = ["pk", "sk"].map(|name| (name.to_owned(), item[name].clone()));
    let names: Vec<&str> = attribute.split('.').collect();
    let path = (0..names.len()).map(|at| format!("#n{at}")).collect::<Vec<_>>().join(".");
    let mut update = bench.local.client.update_item().table_name("trunkline").set_key(Some(key.into()));
    for (at, name) in names.iter().enumerate() {
        update = update.expression_attribute_names(format!("#n{at}"), *name);
    }
    let update = update.update_expression(format!("SET {path} = :v"));
    update.expression_attribute_values(":v", AttributeValue::S(value.to_owned())).send().await.unwrap();
}

/// The items of a kind.
async fn of_kind(bench: &Bench, kind: &str) -> Vec<Attributes> {
    let mut items = bench.local.dump().await;
    items.retain(|item| item["kind"].as_s().unwrap() == kind);
    items
}

#[tokio::test]
async fn a_token_that_is_moved_to_another_row_organization_or_kind_does_not_open() {
    let vault = lax_vault(kms::OLD_KEY);
    let bench = Bench::start(vault.clone()).await;
    let (table, tenant) = (&bench.local.table, bench.fixture.tenant);
    let stranger = Fixture::create(table, Mode::Live).await.tenant;
    let tenants = [tenant, tenant, stranger, Tenant::new(tenant.org(), Mode::Test)];
    let mut rows = Vec::new();
    for (n, owner) in tenants.into_iter().enumerate() {
        let mut credential = fixture::credential(Carrier::Twilio, n as u32);
        let place = owner.place(SecretKind::CarrierToken, credential.id.as_uuid());
        credential.token = vault.seal(&place, &format!("token-{n}").into(), fixture::now()).await.unwrap();
        table.create_credential(owner, &credential).await.unwrap();
        rows.push((place, credential.token));
    }
    let webhook = tenant.place(SecretKind::WebhookSecret, rows[0].0.id);
    rows.push((webhook.clone(), vault.seal(&webhook, &"secret".into(), fixture::now()).await.unwrap()));
    for (at, (place, _)) in rows.iter().enumerate() {
        for (from, (_, sealed)) in rows.iter().enumerate() {
            let opened = vault.open(place, sealed, fixture::now()).await;
            if at == from {
                assert!(opened.is_ok());
            } else {
                assert!(matches!(opened, Err(VaultError::Corrupt(_))), "{from} opens as {at}");
            }
        }
    }
}

#[tokio::test]
async fn a_kept_answer_that_was_swapped_is_a_500_that_says_nothing() {
    let bench = Bench::start(lax_vault(kms::OLD_KEY)).await;
    let ask = async |key: &str, accept: &str| {
        bench.ask(Method::POST, PROVIDERS, Some(twilio("token")), &[("idempotency-key", key), ("accept", accept)]).await
    };
    for key in ["a", "b"] {
        assert_eq!(ask(key, "*/*").await.status, 201);
    }
    let requests = of_kind(&bench, "request").await;
    let sealed = |item: &Attributes| item["answer"].as_m().unwrap()["sealed_body"].as_s().unwrap().clone();
    plant(&bench, &requests[0], "answer.sealed_body", &sealed(&requests[1])).await;
    plant(&bench, &requests[1], "answer.sealed_body", &sealed(&requests[0])).await;
    assert_eq!(ask("a", "*/*").await.said(), (500, "Internal error"));
    let told: Told = ask("b", "application/json").await;
    assert_eq!((told.status, &told.json()["error"], &told.json()["details"]), (500, &json!("Internal error"), &json!({})));
}

#[tokio::test]
async fn a_signing_secret_that_was_swapped_is_a_500_that_says_nothing() {
    let bench = Bench::start(lax_vault(kms::OLD_KEY)).await;
    let endpoints = endpoints(&bench, lax_vault(kms::OLD_KEY));
    let created = [webhook(&bench, &endpoints).await, webhook(&bench, &endpoints).await];
    let items = of_kind(&bench, "endpoint").await;
    plant(&bench, &items[0], "secret", items[1]["secret"].as_s().unwrap()).await;
    let swapped = items[0]["sk"].as_s().unwrap().trim_start_matches("ENDPOINT#");
    let other = created.iter().find(|created| created["id"] != swapped).unwrap();
    let (status, body) = send(&bench, &endpoints, Method::GET, &format!("/v1/endpoints/{swapped}"), None, "").await;
    assert_eq!((status, &body["code"], &body["error"]), (500, &json!("INTERNAL_ERROR"), &json!("Internal error")));
    let (status, body) = send(&bench, &endpoints, Method::GET, &format!("/v1/endpoints/{}", other["id"].as_str().unwrap()), None, "").await;
    assert_eq!((status, &body["secret"]), (200, &other["secret"]));
}

fn endpoints(bench: &Bench, vault: Vault) -> Router {
    endpoints::app(endpoints::State::new(
        bench.local.table.clone(),
        vault,
        fixture::nowhere(),
        Clock::System,
        fixture::public_names(),
        "sip.example.com",
    ))
}

async fn send(bench: &Bench, app: &Router, method: Method, path: &str, body: Option<Value>, key: &str) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path).header("x-api-key", bench.fixture.key.reveal());
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    if !key.is_empty() {
        request = request.header("idempotency-key", key);
    }
    let request = request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn webhook(bench: &Bench, app: &Router) -> Value {
    let body = json!({"name": "E", "type": "webhook", "url": "https://hooks.example.com/x"});
    send(bench, app, Method::POST, "/v1/endpoints", Some(body), "").await.1
}

/// An organization that has a secret in every attribute that holds one.
async fn with_every_secret() -> Bench {
    let bench = Bench::start(lax_vault(kms::OLD_KEY)).await;
    let endpoints = endpoints(&bench, lax_vault(kms::OLD_KEY));
    let webhook = webhook(&bench, &endpoints).await;
    let rotate = format!("/v1/endpoints/{}/rotate-secret", webhook["id"].as_str().unwrap());
    assert_eq!(send(&bench, &endpoints, Method::POST, &rotate, Some(json!({})), "r").await.0, 200);
    let sip = json!({"name": "S", "type": "custom_sip", "url": "sip:pbx.example.com", "provider_config": {"password": "canary-pw"}});
    assert_eq!(send(&bench, &endpoints, Method::POST, "/v1/endpoints", Some(sip), "").await.0, 201);
    bench.local.table.import_slot(Mode::Live, &fixture::slot(1)).await.unwrap();
    assert_eq!(bench.post("/v1/phone-numbers", json!({"inventory_id": fixture::slot(1).address().id()})).await.status, 201);
    let credential = bench.credential().await;
    for token in ["token-2", "token-3"] {
        let renewed = json!({"credentials": {"account_sid": SID, "auth_token": token}});
        assert_eq!(bench.patch(&format!("{PROVIDERS}/{credential}"), renewed).await.status, 200);
    }
    assert_eq!(bench.patch(&format!("{PROVIDERS}/{credential}"), json!({"signing_key": "key"})).await.status, 200);
    let (table, vault) = (bench.local.table.clone(), lax_vault(kms::OLD_KEY));
    let webhooks = webhooks_api::app(webhooks_api::State::new(table, vault, fixture::nowhere(), Clock::System, fixture::public_names()));
    for _ in 0..2 {
        let body = json!({"url": "https://hooks.example.com/x"});
        let (status, subscription) = send(&bench, &webhooks, Method::POST, "/v1/webhooks", Some(body), "").await;
        let rotate = format!("/v1/webhooks/{}/rotate-secret", subscription["id"].as_str().unwrap());
        assert_eq!((status, send(&bench, &webhooks, Method::POST, &rotate, None, "").await.0), (201, 200));
    }
    tokens::keep_secret(&bench.local.table, &lax_vault(kms::OLD_KEY), tokens::ISSUER, tokens::SECRET).await;
    // A page that has a next one: the key of cursors is made.
    assert_eq!(send(&bench, &webhooks, Method::GET, "/v1/webhooks?limit=1", None, "").await.0, 200);
    bench
}

/// Every text of an item with its path.
fn texts(prefix: &str, item: &Attributes, found: &mut Vec<(String, String)>) {
    for (name, value) in item {
        match value {
            AttributeValue::S(text) => found.push((format!("{prefix}{name}"), text.clone())),
            AttributeValue::M(map) => texts(&format!("{prefix}{name}."), map, found),
            _ => {}
        }
    }
}

#[tokio::test]
async fn every_attribute_that_holds_a_sealed_value_is_known_to_the_store() {
    let bench = with_every_secret().await;
    // What is sealed begins with the version and the length of the wrapped key.
    let beginning = "AQC4";
    let mut seen = BTreeSet::new();
    for item in bench.local.dump().await {
        let kind = item["kind"].as_s().unwrap().clone();
        let mut found = Vec::new();
        texts("", &item, &mut found);
        for (path, _) in found.into_iter().filter(|(_, text)| text.starts_with(beginning) && text.len() > 300) {
            let known = SEALED_ATTRIBUTES.iter().any(|attribute| attribute.item == kind && attribute.attribute == path);
            assert!(known, "{path} of a {kind} holds a sealed value that re-sealing would not find");
            seen.insert((kind.clone(), path));
        }
    }
    let known: BTreeSet<_> =
        SEALED_ATTRIBUTES.iter().map(|attribute| (attribute.item.to_owned(), attribute.attribute.to_owned())).collect();
    assert_eq!(seen, known, "each of them was looked at");
    assert_eq!(SEALED_ATTRIBUTES.iter().map(|attribute| attribute.secret.as_str()).collect::<BTreeSet<_>>().len(), SecretKind::ALL.len());
}

fn rewrap(bench: &Bench, vault: Vault) -> Rewrap {
    Rewrap { table: bench.local.table.clone(), vault, key_id: kms::NEW_KEY.to_owned(), clock: Clock::System, page_items: 2 }
}

/// Every sealed value with the place where it opens.
async fn sealed(bench: &Bench) -> Vec<store::SealedValue> {
    bench.local.table.sealed_values(None, 1_000).await.unwrap().values
}

#[tokio::test]
async fn after_a_rewrap_every_secret_opens_without_the_old_key_and_a_second_one_changes_nothing() {
    let bench = with_every_secret().await;
    let before = sealed(&bench).await;
    assert!(before.len() >= SEALED_ATTRIBUTES.len());
    let old = lax_vault(kms::OLD_KEY);
    let mut looked_at = 0;
    let counts = rewrap(&bench, lax_vault(kms::NEW_KEY)).run(|items| looked_at += items).await.unwrap();
    let all = before.len() as u64;
    assert_eq!(counts, Counts { resealed: all, ..Counts::default() });
    assert!(looked_at >= bench.local.dump().await.len() as u64, "the whole table was looked at");
    let new = kms::vault(&[&kms::unwraps_of(kms::NEW_KEY)]);
    let after = sealed(&bench).await;
    assert_eq!(after.len(), before.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.attribute, &before.place), (after.attribute, &after.place));
        assert_ne!(before.sealed, after.sealed);
        let text = async |vault: &Vault, sealed: &Sealed| {
            vault.open(&before.place, sealed, fixture::now()).await.unwrap().expose_secret().to_owned()
        };
        assert_eq!(text(&old, &before.sealed).await, text(&new, &after.sealed).await);
    }
    let again = rewrap(&bench, lax_vault(kms::NEW_KEY)).run(|_| {}).await.unwrap();
    assert_eq!(again, Counts { current: all, ..Counts::default() });
    assert_eq!(bench.local.table.resealing().await.unwrap(), None);
    assert!(!bench.stored().await.contains("canary"));
}

#[tokio::test]
async fn an_interrupted_rewrap_goes_on_where_it_stopped() {
    let bench = with_every_secret().await;
    let all = sealed(&bench).await.len() as u64;
    let twice = mock!(Client::generate_data_key)
        .sequence()
        .output(|| kms::data_key(kms::NEW_KEY))
        .times(2)
        .error(|| GenerateDataKeyError::DisabledException(DisabledException::builder().message("disabled").build()))
        .build();
    let mut first = 0;
    // An item holds secrets of one kind, so the third kind comes with the third item at the earliest.
    let one_by_one = |vault| Rewrap { page_items: 1, ..rewrap(&bench, vault) };
    let cut_off = one_by_one(kms::vault(&[&twice, &kms::unwraps()])).run(|items| first += items).await;
    assert!(cut_off.is_err());
    assert!(first >= 2, "{first} items were noted as done");
    let items = bench.local.dump().await.len() as u64;
    let mut second = 0;
    let counts = one_by_one(lax_vault(kms::NEW_KEY)).run(|items| second += items).await.unwrap();
    assert!(second < items, "{second} of {items}: it does not begin anew");
    assert!(counts.resealed > 0 && counts.unreadable == 0);
    let done = rewrap(&bench, lax_vault(kms::NEW_KEY)).run(|_| {}).await.unwrap();
    assert_eq!(done, Counts { current: all, ..Counts::default() });
}

#[tokio::test]
async fn a_value_that_changed_in_between_is_not_overwritten_and_one_that_does_not_open_is_counted() {
    let bench = with_every_secret().await;
    let stale = sealed(&bench).await.into_iter().find(|value| value.attribute.attribute == "token").unwrap();
    let item = of_kind(&bench, "credential").await.remove(0);
    plant(&bench, &item, "token", "someone else's").await;
    let replaced = bench.local.table.replace_sealed(&stale, &Sealed::from_encoded("new".to_owned())).await.unwrap();
    let store::Replaced::Changed(Some(there)) = replaced else { panic!("{replaced:?}") };
    assert_eq!(there.sealed.encoded(), "someone else's");
    let counts = rewrap(&bench, lax_vault(kms::NEW_KEY)).run(|_| {}).await.unwrap();
    assert_eq!(counts.unreadable, 1);
}
