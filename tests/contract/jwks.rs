//! Tokens by an issuer's published keys: what is believed, how often the keys are asked for, what an outage does.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use api::Issuers;
use axum::{Router, body::Body};
use domain::{Mode, Timestamp, UserId, member::Role};
use futures_util::future::join_all;
use http::{Request, request::Builder};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{
    Fixture, LocalTable, fixture,
    tokens::{self, Signer},
};
use tower::ServiceExt as _;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

/// The issuer whose keys are published.
pub(crate) const PUBLIC: &str = "https://project.example.com/auth/v1";

/// The time in which keys are not asked for again, in milliseconds, and that in which they need not be.
const COOL_DOWN: i64 = 30_000;
const FRESH: i64 = 600_000;

/// What a request is answered: its status, headers and body.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) retry_after: bool,
    pub(crate) body: Value,
}

/// An issuer with two keys at a server of its own, another with a secret, and a function that believes both.
pub(crate) struct Issued {
    pub(crate) local: LocalTable,
    pub(crate) fixture: Fixture,
    pub(crate) user: UserId,
    pub(crate) es: Signer,
    pub(crate) rs: Signer,
    pub(crate) app: Router,
    server: MockServer,
    answer: Arc<Mutex<ResponseTemplate>>,
    now: Arc<AtomicI64>,
}

impl Issued {
    pub(crate) async fn start() -> Self {
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        let user = fixture::member(&local.table, fixture.tenant.org(), Role::Owner).await;
        tokens::keep_secret(&local.table, &testkit::costs::vault(), tokens::ISSUER, tokens::SECRET).await;
        let (es, rs) = (Signer::es256("key-1"), Signer::rs256("key-2"));
        let answer = Arc::new(Mutex::new(published(&[&es, &rs])));
        let server = MockServer::start().await;
        let current = Arc::clone(&answer);
        Mock::given(any()).respond_with(move |_: &wiremock::Request| current.lock().unwrap().clone()).mount(&server).await;
        let now = Arc::new(AtomicI64::new(fixture::now().as_millis()));
        let mut issued = Self { local, fixture, user, es, rs, app: Router::new(), server, answer, now };
        issued.app = issued.function();
        issued
    }

    /// Another process of the function.
    pub(crate) fn function(&self) -> Router {
        let issuers = format!("{PUBLIC} ES256,RS256 jwks={}/keys; {} HS256", self.server.uri(), tokens::ISSUER);
        let (table, clock) = (self.local.table.clone(), Clock::Manual(Arc::clone(&self.now)));
        let state = calls::State::new(table, testkit::costs::vault(), fixture::nowhere(), clock);
        calls::app(state.under(issuers.parse::<Issuers>().unwrap()))
    }

    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst)).unwrap()
    }

    /// Lets time pass, in milliseconds.
    pub(crate) fn pass(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    /// What an honest token of the issuer with keys says.
    pub(crate) fn claims(&self) -> Value {
        tokens::claims(PUBLIC, self.user, self.time())
    }

    /// The same with some claims changed; null takes one away.
    pub(crate) fn claims_with(&self, changes: Value) -> Value {
        let mut claims = self.claims();
        let object = claims.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() { drop(object.remove(name)) } else { drop(object.insert(name.clone(), value.clone())) }
        }
        claims
    }

    fn publish(&self, answer: ResponseTemplate) {
        *self.answer.lock().unwrap() = answer;
    }

    /// How often the keys were asked for.
    pub(crate) async fn asked(&self) -> usize {
        self.server.received_requests().await.unwrap().len()
    }

    pub(crate) async fn told(&self, token: &str) -> Told {
        told(&self.app, bearer(token)).await
    }

    /// Whether the token opens the door: nothing is behind it.
    async fn opens(&self, token: &str) -> bool {
        self.told(token).await.status == 404
    }
}

/// What an issuer with these keys publishes.
fn published(keys: &[&Signer]) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}))
}

pub(crate) fn bearer(token: &str) -> Builder {
    Request::builder().header("authorization", format!("Bearer {token}"))
}

/// Asks for a call that there is not: whoever is let in gets 404.
pub(crate) async fn told(app: &Router, request: Builder) -> Told {
    let request = request.uri("/v1/calls/no-id").header("x-request-id", "r-1").body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let (status, retry_after) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    Told { status, retry_after, body: serde_json::from_slice(&bytes).unwrap() }
}

#[tokio::test]
async fn each_algorithm_of_its_issuer_is_believed_and_keys_are_asked_for_once() {
    let issued = Issued::start().await;
    assert_eq!(issued.asked().await, 0, "nothing is asked before there is a token");
    let secret = Signer::hs256(tokens::SECRET.as_bytes());
    let by_secret = secret.token(&tokens::claims(tokens::ISSUER, issued.user, issued.time()));
    for _ in 0..3 {
        for token in [issued.es.token(&issued.claims()), issued.rs.token(&issued.claims()), by_secret.clone()] {
            assert!(issued.opens(&token).await);
        }
    }
    assert_eq!(issued.asked().await, 1);
}

#[tokio::test]
async fn a_token_comes_in_either_header_and_a_renewed_one_beside_the_one_before() {
    let issued = Issued::start().await;
    let (one, other) = (issued.es.token(&issued.claims()), issued.rs.token(&issued.claims()));
    let stranger = issued.es.token(&issued.claims_with(json!({"sub": fixture::user()})));
    let forged = format!("{}x", &other[..other.len() - 1]);
    let both = |a: &str, b: &str| bearer(a).header("x-api-key", b);
    let key = issued.fixture.key.reveal();
    for (request, status) in [
        (Request::builder().header("x-api-key", &one), 404),
        (Request::builder().header("authorization", format!("bearer {one}")), 404),
        (both(&one, &one), 404),
        (both(&one, &other), 404),
        (both(&one, &stranger), 401),
        (both(&one, &forged), 401),
        (both(&forged, &one), 401),
        (both(&one, key), 401),
        (both(key, &one), 401),
    ] {
        let shown = format!("{request:?}");
        assert_eq!(told(&issued.app, request).await.status, status, "{shown}");
    }
}

#[tokio::test]
async fn clocks_may_differ_by_half_a_minute_and_audiences_may_be_several() {
    let issued = Issued::start().await;
    let now = issued.time().as_seconds();
    for (changes, opens) in [
        (json!({"exp": now - 29}), true),
        (json!({"exp": now - 31}), false),
        (json!({"exp": now as f64 + 0.5}), true),
        (json!({"nbf": now + 29}), true),
        (json!({"nbf": now + 31}), false),
        (json!({"aud": ["other", "authenticated"]}), true),
        (json!({"is_anonymous": null}), true),
        (json!({"sub": issued.user.to_string().to_uppercase()}), true),
    ] {
        let token = issued.es.token(&issued.claims_with(changes.clone()));
        assert_eq!(issued.opens(&token).await, opens, "{changes}");
    }
}

#[tokio::test]
async fn keys_are_asked_for_again_after_ten_minutes() {
    let issued = Issued::start().await;
    let open = async || assert!(issued.opens(&issued.es.token(&issued.claims())).await);
    open().await;
    issued.pass(FRESH - 1);
    open().await;
    assert_eq!(issued.asked().await, 1);
    issued.pass(1);
    open().await;
    open().await;
    assert_eq!(issued.asked().await, 2);
}

#[tokio::test]
async fn a_new_key_is_believed_at_once_and_one_that_is_withdrawn_no_longer_than_ten_minutes() {
    let issued = Issued::start().await;
    assert!(issued.opens(&issued.es.token(&issued.claims())).await);
    let new = Signer::es256("key-3");
    issued.publish(published(&[&new]));
    issued.pass(COOL_DOWN);
    assert!(issued.opens(&issued.es.token(&issued.claims())).await, "nobody has asked for the keys since");
    assert!(issued.opens(&new.token(&issued.claims())).await, "an unknown key has them asked for");
    assert!(!issued.opens(&issued.es.token(&issued.claims())).await);
    issued.publish(published(&[&issued.es]));
    issued.pass(FRESH);
    assert!(issued.opens(&issued.es.token(&issued.claims())).await);
    assert!(!issued.opens(&new.token(&issued.claims())).await);
}

/// A token that says it is signed with this key.
fn unknown_key(issued: &Issued, name: &str) -> String {
    issued.es.sign(&json!({"alg": "ES256", "kid": name}).to_string(), &issued.claims().to_string())
}

#[tokio::test]
async fn a_storm_of_unknown_keys_has_them_asked_for_once_in_a_cool_down() {
    let issued = Issued::start().await;
    assert!(issued.opens(&issued.es.token(&issued.claims())).await);
    for round in 0..3 {
        assert_eq!(issued.asked().await, 1 + round);
        issued.pass(COOL_DOWN - 1);
        assert!(!issued.opens(&unknown_key(&issued, "unknown")).await);
        assert_eq!(issued.asked().await, 1 + round, "a millisecond is missing");
        issued.pass(1);
        let tokens: Vec<String> = (0..40).map(|n| unknown_key(&issued, &format!("unknown-{n}"))).collect();
        let told = join_all(tokens.iter().map(|token| issued.told(token))).await;
        assert!(told.iter().all(|told| told.status == 401));
    }
    assert_eq!(issued.asked().await, 4);
    assert!(issued.opens(&issued.es.token(&issued.claims())).await, "who has a good key is let in all the while");
}

#[tokio::test]
async fn of_many_first_requests_one_asks_for_the_keys() {
    let issued = Issued::start().await;
    issued.publish(published(&[&issued.es]).set_delay(std::time::Duration::from_millis(200)));
    let token = issued.es.token(&issued.claims());
    let told = join_all((0..20).map(|_| issued.told(&token))).await;
    assert!(told.iter().all(|told| told.status == 404));
    assert_eq!(issued.asked().await, 1);
}

#[tokio::test]
async fn known_keys_go_on_being_believed_for_a_day_while_the_issuer_is_away() {
    let issued = Issued::start().await;
    let opens = async || issued.opens(&issued.es.token(&issued.claims())).await;
    assert!(opens().await);
    issued.publish(ResponseTemplate::new(500));
    issued.pass(FRESH);
    assert!(opens().await && opens().await);
    assert_eq!(issued.asked().await, 2, "and it is not asked again at once");
    issued.pass(COOL_DOWN);
    assert!(opens().await);
    assert_eq!(issued.asked().await, 3);
    // A day since they were read, which was before the first ten minutes.
    issued.pass(24 * 3_600_000 - FRESH - COOL_DOWN - 1);
    assert!(opens().await);
    issued.pass(1);
    let told = issued.told(&issued.es.token(&issued.claims())).await;
    assert_eq!((told.status, told.retry_after, &told.body["code"]), (503, true, &json!("SERVICE_UNAVAILABLE")));
    issued.publish(published(&[&issued.es]));
    issued.pass(5_000);
    assert!(opens().await);
}

#[tokio::test]
async fn without_any_keys_a_token_is_answered_with_503_and_the_issuer_asked_every_five_seconds() {
    let issued = Issued::start().await;
    let redirect = ResponseTemplate::new(302).insert_header("location", format!("{}/keys", issued.server.uri()));
    let keys = json!({"keys": [issued.es.jwk()]}).to_string();
    let many: Vec<Value> = (0..33).map(|_| issued.es.jwk()).collect();
    let answers = [
        ResponseTemplate::new(500),
        ResponseTemplate::new(404),
        redirect,
        ResponseTemplate::new(200).set_body_string("no JSON"),
        ResponseTemplate::new(200).set_body_string(format!("{}{keys}", " ".repeat(64 * 1024 + 1 - keys.len()))),
        ResponseTemplate::new(200).set_body_json(json!({"keys": many})),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        issued.publish(answer);
        for _ in 0..3 {
            let told = issued.told(&issued.es.token(&issued.claims())).await;
            assert_eq!((told.status, told.retry_after), (503, true), "{at}");
        }
        assert_eq!(issued.asked().await, at + 1, "{at}");
        issued.pass(4_999);
        assert_eq!(issued.told(&issued.es.token(&issued.claims())).await.status, 503);
        assert_eq!(issued.asked().await, at + 1, "{at}: a millisecond is missing");
        issued.pass(1);
    }
    // As long as it may be.
    issued.publish(ResponseTemplate::new(200).set_body_string(format!("{}{keys}", " ".repeat(64 * 1024 - keys.len()))));
    assert!(issued.opens(&issued.es.token(&issued.claims())).await);
}

#[tokio::test]
async fn a_secret_that_is_replaced_counts_after_ten_minutes_and_one_that_was_missing_after_half_a_one() {
    let issued = Issued::start().await;
    let by = |secret: &str| Signer::hs256(secret.as_bytes()).token(&tokens::claims(tokens::ISSUER, issued.user, issued.time()));
    assert!(issued.opens(&by(tokens::SECRET)).await);
    let other = "another-secret-of-that-issuer-that-is-long";
    tokens::keep_secret(&issued.local.table, &testkit::costs::vault(), tokens::ISSUER, other).await;
    assert!(!issued.opens(&by(other)).await);
    issued.pass(FRESH);
    assert!(issued.opens(&by(other)).await);
    assert!(!issued.opens(&by(tokens::SECRET)).await);

    let state =
        calls::State::new(issued.local.table.clone(), testkit::costs::vault(), fixture::nowhere(), Clock::Manual(Arc::clone(&issued.now)));
    let app = calls::app(state.under("late HS256".parse::<Issuers>().unwrap()));
    let token = |issued: &Issued| Signer::hs256(other.as_bytes()).token(&tokens::claims("late", issued.user, issued.time()));
    assert_eq!(told(&app, bearer(&token(&issued))).await.status, 401);
    tokens::keep_secret(&issued.local.table, &testkit::costs::vault(), "late", other).await;
    assert_eq!(told(&app, bearer(&token(&issued))).await.status, 401, "it is not looked for again at once");
    issued.pass(COOL_DOWN);
    assert_eq!(told(&app, bearer(&token(&issued))).await.status, 404);
}
