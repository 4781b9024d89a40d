//! What the operator's command does at carriers, against stand-ins for their APIs that keep what they are told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{CredentialId, Mode, OrgId, callback::CallbackToken, carrier::Carrier, wire::CallbackUrls};
use rstest::rstest;
use runtime::random;
use serde_json::{Value, json};
use testkit::fixture;
use tokio::net::TcpListener;
use trunkline::carrier_api::{Account, CarrierApi, Target};

pub(crate) const NUMBER: &str = "+14155550123";
pub(crate) const TOKEN: &str = "canary-token";

pub(crate) fn account(carrier: Carrier) -> &'static str {
    match carrier {
        Carrier::Twilio => "AC0123456789abcdef0123456789ab1234",
        Carrier::Plivo => "MA0123456789ABCDEFGH",
        Carrier::Vobiz => "MA_vobiz",
    }
}

/// What a carrier keeps: its one number's settings, and applications by their ids.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) number: BTreeMap<String, String>,
    applications: BTreeMap<String, Value>,
    pub(crate) writes: usize,
}

pub(crate) type Shared = Arc<Mutex<Kept>>;

fn knows(headers: &HeaderMap, carrier: Carrier) -> Result<(), StatusCode> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let is_known = match carrier {
        Carrier::Vobiz => (text("x-auth-id"), text("x-auth-token")) == (account(carrier).to_owned(), TOKEN.to_owned()),
        _ => text("authorization") == format!("Basic {}", STANDARD.encode(format!("{}:{TOKEN}", account(carrier)))),
    };
    if is_known { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) }
}

fn twilio() -> Router<Shared> {
    let base = format!("/2010-04-01/Accounts/{}", account(Carrier::Twilio));
    let list = async |headers: HeaderMap, Query(asked): Query<BTreeMap<String, String>>, State(kept): State<Shared>| {
        knows(&headers, Carrier::Twilio)?;
        let own = json!({"sid": "PN1", "phone_number": NUMBER});
        let mut own = own.as_object().unwrap().clone();
        own.extend(kept.lock().unwrap().number.iter().map(|(name, value)| (name.clone(), json!(value))));
        let found = if asked["PhoneNumber"] == NUMBER { vec![Value::Object(own)] } else { vec![] };
        Ok::<_, StatusCode>(Json(json!({"incoming_phone_numbers": found})))
    };
    let change = async |headers: HeaderMap, State(kept): State<Shared>, body: Bytes| {
        knows(&headers, Carrier::Twilio)?;
        let mut kept = kept.lock().unwrap();
        kept.writes += 1;
        let names = [
            ("VoiceUrl", "voice_url"),
            ("VoiceMethod", "voice_method"),
            ("StatusCallback", "status_callback"),
            ("StatusCallbackMethod", "status_callback_method"),
            ("VoiceApplicationSid", "voice_application_sid"),
            ("TrunkSid", "trunk_sid"),
        ];
        for (name, value) in form_urlencoded::parse(&body) {
            let (_, known) = names.iter().find(|(sent, _)| *sent == name).unwrap();
            kept.number.insert((*known).to_owned(), value.into_owned());
        }
        Ok::<_, StatusCode>(Json(json!({})))
    };
    let own = async |headers: HeaderMap| {
        knows(&headers, Carrier::Twilio)?;
        Ok::<_, StatusCode>(Json(json!({"friendly_name": "Acme", "status": "active"})))
    };
    Router::new()
        .route(&format!("{base}.json"), get(own))
        .route(&format!("{base}/IncomingPhoneNumbers.json"), get(list))
        .route(&format!("{base}/IncomingPhoneNumbers/PN1.json"), post(change))
}

/// Plivo's and Vobiz' applications, listed by twenty.
fn applications(carrier: Carrier) -> Router<Shared> {
    let list = async move |headers: HeaderMap, Query(asked): Query<BTreeMap<String, usize>>, State(kept): State<Shared>| {
        knows(&headers, carrier)?;
        let kept = kept.lock().unwrap();
        let page: Vec<&Value> = kept.applications.values().skip(asked["offset"]).take(asked["limit"]).collect();
        Ok::<_, StatusCode>(Json(json!({"objects": page})))
    };
    let create = async move |headers: HeaderMap, State(kept): State<Shared>, Json(mut body): Json<Value>| {
        knows(&headers, carrier)?;
        let mut kept = kept.lock().unwrap();
        kept.writes += 1;
        let id = format!("9{:03}", kept.applications.len());
        body["app_id"] = json!(id);
        kept.applications.insert(id.clone(), body);
        Ok::<_, StatusCode>((StatusCode::CREATED, Json(json!({"app_id": id}))))
    };
    let change = async move |headers: HeaderMap, Path(id): Path<String>, State(kept): State<Shared>, Json(body): Json<Value>| {
        knows(&headers, carrier)?;
        let mut kept = kept.lock().unwrap();
        kept.writes += 1;
        let known = kept.applications.get_mut(&id).ok_or(StatusCode::NOT_FOUND)?.as_object_mut().unwrap();
        known.extend(body.as_object().unwrap().clone());
        Ok::<_, StatusCode>((StatusCode::ACCEPTED, Json(json!({}))))
    };
    Router::new().route("/Application/", get(list).post(create)).route("/Application/{id}/", post(change))
}

fn plivo() -> Router<Shared> {
    let base = format!("/v1/Account/{}", account(Carrier::Plivo));
    let own = async |headers: HeaderMap| {
        knows(&headers, Carrier::Plivo)?;
        Ok::<_, StatusCode>(Json(json!({"name": "Acme"})))
    };
    let number = async |headers: HeaderMap, Path(number): Path<String>, State(kept): State<Shared>| {
        knows(&headers, Carrier::Plivo)?;
        let application = kept.lock().unwrap().number.get("app_id").map(|id| format!("/v1/Account/X/Application/{id}/"));
        if format!("+{number}") == NUMBER { Ok(Json(json!({"application": application}))) } else { Err(StatusCode::NOT_FOUND) }
    };
    let attach = async |headers: HeaderMap, Path(_): Path<String>, State(kept): State<Shared>, Json(body): Json<Value>| {
        knows(&headers, Carrier::Plivo)?;
        let mut kept = kept.lock().unwrap();
        kept.writes += 1;
        kept.number.insert("app_id".to_owned(), body["app_id"].as_str().unwrap().to_owned());
        Ok::<_, StatusCode>((StatusCode::ACCEPTED, Json(json!({}))))
    };
    let below = applications(Carrier::Plivo).route("/Number/{number}/", get(number).post(attach));
    Router::new().route(&format!("{base}/"), get(own)).nest(&base, below)
}

fn vobiz() -> Router<Shared> {
    let base = format!("/api/v1/Account/{}", account(Carrier::Vobiz));
    let numbers = async |headers: HeaderMap, State(kept): State<Shared>| {
        knows(&headers, Carrier::Vobiz)?;
        let application = kept.lock().unwrap().number.get("app_id").cloned();
        Ok::<_, StatusCode>(Json(json!({"items": [{"e164": "+14155550199"}, {"e164": NUMBER, "application_id": application}]})))
    };
    let attach = async |headers: HeaderMap, Path(number): Path<String>, State(kept): State<Shared>, Json(body): Json<Value>| {
        knows(&headers, Carrier::Vobiz)?;
        assert_eq!(number, NUMBER);
        let mut kept = kept.lock().unwrap();
        kept.writes += 1;
        kept.number.insert("app_id".to_owned(), body["application_id"].as_str().unwrap().to_owned());
        Ok::<_, StatusCode>(Json(json!({})))
    };
    let below = applications(Carrier::Vobiz).route("/numbers", get(numbers)).route("/numbers/{number}/application", post(attach));
    Router::new().nest(&base, below)
}

/// A carrier's API on a port of its own, and what it keeps.
pub(crate) async fn start(carrier: Carrier) -> (String, Shared) {
    let kept = Shared::default();
    let router = match carrier {
        Carrier::Twilio => twilio(),
        Carrier::Plivo => plivo(),
        Carrier::Vobiz => vobiz(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router.with_state(Arc::clone(&kept));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, kept)
}

fn api(carrier: Carrier, token: &str, url: &str) -> CarrierApi {
    let account = Account { carrier, id: account(carrier).to_owned(), token: token.into() };
    CarrierApi::new(account, Some(url.to_owned())).unwrap()
}

fn target(carrier: Carrier, credential: CredentialId) -> Target {
    let token = CallbackToken::new(OrgId::PLATFORM, Mode::Live, credential, random::bytes());
    let urls = CallbackUrls::new("https://tel.example.test", carrier, &token);
    let target = Target::of_voice_url(carrier, urls.voice_url.expose()).unwrap();
    assert_eq!((target.status_url.as_str(), target.credential), (urls.status_url.expose(), credential));
    target
}

#[rstest]
#[tokio::test]
async fn a_token_is_good_if_the_carrier_says_so(#[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let (url, _) = start(carrier).await;
    let name = api(carrier, TOKEN, &url).verify().await.unwrap();
    assert_eq!(name, if carrier == Carrier::Vobiz { account(carrier) } else { "Acme" });
    let refused = api(carrier, "another", &url).verify().await.unwrap_err().to_string();
    assert!(refused.contains("does not accept") && !refused.contains("another"), "{refused}");
    let away = api(carrier, TOKEN, "http://127.0.0.1:9").verify().await.unwrap_err();
    assert!(!format!("{away:?}").contains(TOKEN), "{away:?}");
}

#[rstest]
#[tokio::test]
async fn a_number_is_pointed_once_and_only_what_differs_is_changed(
    #[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier,
) {
    let (url, kept) = start(carrier).await;
    // Applications of others fill the first page.
    kept.lock().unwrap().applications =
        (0..20).map(|n| (format!("{n:04}"), json!({"app_id": format!("{n:04}"), "app_name": format!("other-{n}")}))).collect();
    let (api, number) = (api(carrier, TOKEN, &url), NUMBER.parse().unwrap());
    let credential = CredentialId::new(fixture::now(), random::bytes());
    let first = target(carrier, credential);

    let plan = api.plan(&number, &first).await.unwrap();
    assert!(plan.changes.iter().any(|change| change.after == first.voice_url), "{:?}", plan.changes);
    assert!(plan.changes.iter().any(|change| change.after == first.status_url));
    assert_eq!(kept.lock().unwrap().writes, 0, "planning changes nothing");
    api.apply(&plan).await.unwrap();
    assert_eq!(api.plan(&number, &first).await.unwrap().changes, [], "all is as it shall be");
    let writes = kept.lock().unwrap().writes;
    api.apply(&api.plan(&number, &first).await.unwrap()).await.unwrap();
    assert_eq!(kept.lock().unwrap().writes, writes, "and nothing is written");

    // New URLs of the same credential: two settings differ, and the number stays where it is.
    let renewed = target(carrier, credential);
    let plan = api.plan(&number, &renewed).await.unwrap();
    assert_eq!(plan.changes.len(), 2, "{:?}", plan.changes);
    assert!(plan.changes.iter().all(|change| change.before == first.voice_url || change.before == first.status_url));
    api.apply(&plan).await.unwrap();
    assert_eq!(api.plan(&number, &renewed).await.unwrap().changes, []);
    assert_eq!(kept.lock().unwrap().writes, writes + 1);
    if carrier != Carrier::Twilio {
        assert_eq!(kept.lock().unwrap().applications.len(), 21, "one application for the credential");
    }
}

#[rstest]
#[tokio::test]
async fn a_number_that_the_account_has_not_is_not_pointed(#[values(Carrier::Twilio, Carrier::Plivo, Carrier::Vobiz)] carrier: Carrier) {
    let (url, kept) = start(carrier).await;
    let target = target(carrier, CredentialId::new(fixture::now(), random::bytes()));
    assert!(api(carrier, TOKEN, &url).plan(&"+14155550188".parse().unwrap(), &target).await.is_err());
    assert_eq!(kept.lock().unwrap().writes, 0);
    for wrong in ["https://tel.example.test/carriers/twilio/x/voice", &target.status_url, "https://tel.example.test"] {
        assert!(Target::of_voice_url(carrier, wrong).is_err(), "{wrong}");
    }
}
