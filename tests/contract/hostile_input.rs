//! Wrong bodies, queries, ids and headers on every route: refused with the field named, never a 5xx, nothing written.

use axum::{Router, body::Body};
use domain::{Mode, carrier::Carrier};
use http::{Method, Request};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Fixture, LocalTable, Stack, fixture};
use tower::ServiceExt as _;

/// What a field may hold: everything else is wrong there.
#[derive(Clone, Copy)]
enum Kind {
    Id,
    Boolean,
    WholeNumber,
    Name,
    Word,
    Url,
    Object,
    Texts,
}

/// Values that are wrong for every kind of field, and those that are wrong for this one.
fn wrong(kind: Kind) -> Vec<Value> {
    let long = "x".repeat(5_000);
    let mut values = vec![json!([[]]), json!([1, null]), json!(-1), json!(1.5), json!(1e300), json!(i64::MIN), json!([{"a": []}])];
    let texts =
        ["", " ", "\u{0}", "a\u{0}b", "\u{202e}abc", "ｔｒｕｅ", "<script>", "' OR 1=1 --", "../../etc", "NaN", "#", "\r\nX: y", &long];
    match kind {
        Kind::Object | Kind::Boolean | Kind::WholeNumber | Kind::Texts => values.extend(texts.map(|text| json!(text))),
        Kind::Id | Kind::Word | Kind::Url => values.extend(texts.map(|text| json!(text))),
        Kind::Name => values.extend(["", " ", "\u{0}", "a\u{0}b", "\r\nX: y", "\u{7f}", &long].map(|text| json!(text))),
    }
    match kind {
        Kind::Boolean => values.extend([json!(0), json!(1), json!("true"), json!({})]),
        Kind::WholeNumber => values.extend([json!("1"), json!(true), json!({}), json!(1e30)]),
        Kind::Object => values.extend([json!(true), json!(7), json!("{}")]),
        Kind::Texts => values.extend([json!({}), json!([true]), json!([""]), json!(["a b"]), json!([]), json!(true)]),
        Kind::Id => values.extend([json!({}), json!(true), json!("0198c0de"), json!("{0198c0de-0000-7000-8000-000000000001}"), json!(7)]),
        Kind::Name | Kind::Word => values.extend([json!({}), json!(true), json!(7)]),
        Kind::Url => {
            let urls =
                ["ftp://a.example.com", "https://", "https://127.0.0.1/x", "https://[::1]/", "https://169.254.169.254/", "https://0x7f.1/"];
            values.extend(urls.map(|url| json!(url)));
            values.extend(
                ["https://a@b.example.com", "https://localhost/", "javascript:1", "https://a.example.com:22/"].map(|url| json!(url)),
            );
            values.extend([json!({}), json!(true), json!(7)]);
        }
    }
    values
}

/// A route, a body that is right but for one field, and what its fields may hold.
struct Route {
    app: Router,
    method: Method,
    path: String,
    right: Value,
    fields: Vec<(&'static str, Kind)>,
}

struct Bench {
    local: LocalTable,
    fixture: Fixture,
    routes: Vec<Route>,
}

impl Bench {
    async fn start() -> Self {
        let vault = Stack::load().unwrap().vault().await;
        let local = LocalTable::start().await;
        let fixture = Fixture::create(&local.table, Mode::Live).await;
        let slot = fixture::slot(1);
        local.table.import_slot(Mode::Live, &slot).await.unwrap();
        local.table.import_slot(Mode::Live, &fixture::slot(2)).await.unwrap();
        let (number, claim) = fixture::purchase(fixture.tenant, &slot, None);
        local.table.buy_number(fixture.tenant, &slot, &number, &claim, None).await.unwrap();
        let endpoint = fixture::endpoint();
        local.table.create_endpoint(fixture.tenant, &endpoint, None, store::TellOfEndpoint::default()).await.unwrap();
        let numbers = phone_numbers::app(phone_numbers::State::new(
            local.table.clone(),
            vault.clone(),
            fixture::nowhere(),
            Clock::System,
            "sip.example.com",
        ));
        let endpoints = endpoints::app(endpoints::State::new(
            local.table.clone(),
            vault.clone(),
            fixture::nowhere(),
            Clock::System,
            fixture::public_names(),
            "sip.example.com",
        ));
        let credentials = carrier_credentials::State::new(local.table.clone(), vault, Clock::System, "https://api.example.com");
        let credentials = carrier_credentials::app(credentials);
        let credential = fixture::credential(Carrier::Vobiz, 1);
        local.table.create_credential(fixture.tenant, &credential).await.unwrap();
        let settings = [("allow_inbound", Kind::Boolean), ("allowOutbound", Kind::Boolean), ("endpointId", Kind::Id)];
        let prices =
            [("totalCostCents", Kind::WholeNumber), ("setup_cost_cents", Kind::WholeNumber), ("monthlyCostCents", Kind::WholeNumber)];
        let by_number = [("e164", Kind::Word), ("country", Kind::Word), ("type", Kind::Word)];
        let order = json!({"e164": fixture::slot(2).e164, "country": "NG", "type": "mobile"});
        let webhook = json!({"name": "E", "type": "webhook", "url": "https://hooks.example.com/x"});
        let described = [("name", Kind::Name), ("url", Kind::Url), ("providerConfig", Kind::Object), ("events", Kind::Texts)];
        let carrier_number = json!({"e164": "+2348050000001", "provider": "vobiz", "credentials_id": credential.id});
        let account = json!({"auth_id": "account-1", "auth_token": "token"});
        let telephony = vec![
            Route {
                app: credentials.clone(),
                method: Method::POST,
                path: "/v1/telephony/providers".to_owned(),
                right: json!({"provider": "vobiz", "label": "A", "credentials": account}),
                fields: vec![("provider", Kind::Word), ("label", Kind::Name), ("credentials", Kind::Object)],
            },
            Route {
                app: credentials,
                method: Method::PATCH,
                path: format!("/v1/telephony/providers/{}", credential.id),
                right: json!({}),
                fields: vec![("label", Kind::Name), ("credentials", Kind::Object)],
            },
            Route {
                app: numbers.clone(),
                method: Method::POST,
                path: "/v1/telephony/numbers".to_owned(),
                right: carrier_number,
                fields: vec![
                    ("e164", Kind::Word),
                    ("provider", Kind::Word),
                    ("credentialsId", Kind::Id),
                    ("inboundEnabled", Kind::Boolean),
                    ("outbound_enabled", Kind::Boolean),
                ],
            },
            Route {
                app: numbers.clone(),
                method: Method::PATCH,
                path: format!("/v1/telephony/numbers/{}", number.id),
                right: json!({}),
                fields: Vec::new(),
            },
        ];
        let mut routes = vec![
            Route {
                app: numbers.clone(),
                method: Method::POST,
                path: "/v1/phone-numbers".to_owned(),
                right: order,
                fields: [settings.as_slice(), &prices, &by_number].concat(),
            },
            Route {
                app: numbers,
                method: Method::PATCH,
                path: format!("/v1/phone-numbers/{}", number.id),
                right: json!({}),
                fields: [settings.as_slice(), &[("status", Kind::Word)]].concat(),
            },
            Route {
                app: endpoints.clone(),
                method: Method::POST,
                path: "/v1/endpoints".to_owned(),
                right: webhook,
                fields: [described.as_slice(), &[("type", Kind::Word), ("phoneNumberId", Kind::Id)]].concat(),
            },
            Route {
                app: endpoints,
                method: Method::PATCH,
                path: format!("/v1/endpoints/{}", endpoint.id),
                right: json!({}),
                fields: [described.as_slice(), &[("type", Kind::Word), ("status", Kind::Word)]].concat(),
            },
        ];
        routes.extend(telephony);
        Self { local, fixture, routes }
    }

    async fn send(&self, route: &Route, path: &str, body: Vec<u8>, content_type: &str) -> (u16, Value) {
        let request = Request::builder().method(route.method.clone()).uri(path).header("x-api-key", self.fixture.key.reveal());
        // The telephony routes tell their problems in JSON only if they are asked to.
        let request = request.header("accept", "application/json").header("content-type", content_type).body(Body::from(body)).unwrap();
        let response = route.app.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// Everything that is stored, in an order of its own.
    async fn stored(&self) -> Vec<String> {
        self.local.stored().await
    }
}

#[tokio::test]
async fn a_wrong_value_in_any_field_is_refused_with_the_field_named_and_nothing_written() {
    let bench = Bench::start().await;
    let before = bench.stored().await;
    let mut tried = 0;
    for route in &bench.routes {
        for (field, kind) in &route.fields {
            for value in wrong(*kind) {
                let mut body = route.right.clone();
                body[field] = value.clone();
                let (status, answer) = bench.send(route, &route.path, body.to_string().into_bytes(), "application/json").await;
                assert!((400..500).contains(&status), "{} {} {field}={value}: {status} {answer}", route.method, route.path);
                let snake = field.chars().flat_map(|c| if c.is_ascii_uppercase() { vec!['_', c.to_ascii_lowercase()] } else { vec![c] });
                let snake: String = snake.collect();
                assert!(answer["error"].as_str().unwrap().contains(&snake), "{field}={value}: {answer}");
                tried += 1;
            }
        }
    }
    assert!(tried >= 4 * 150, "only {tried} bodies were tried");
    assert_eq!(bench.stored().await, before, "nothing was written");
}

/// Names that stand twice, thousands of times: an answer that told each of them would be too large to be given.
fn repetitive() -> [Vec<u8>; 3] {
    let pairs = |name: &str, count: usize| vec![format!("\"{name}\":1,\"{name}\":2"); count].join(",");
    let long = "n".repeat(30_000);
    [
        format!("{{\"a\":{{{}}}}}", pairs("b", 4_000)),
        format!("{{\"{long}\":{{{}}}}}", pairs("b", 2_000)),
        format!("{{{}}}", (0..2_000).map(|n| pairs(&format!("x{n}"), 1)).collect::<Vec<_>>().join(",")),
    ]
    .map(String::into_bytes)
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_on_every_route() {
    let bench = Bench::start().await;
    let before = bench.stored().await;
    let deep = "[".repeat(20_000).into_bytes();
    let bodies: Vec<Vec<u8>> =
        ["", "{", "null", "[]", "7", "\"x\"", "{}{}", "{\"a\":}", "{'a':1}", "\u{feff}{}", "{\"name\":\"\\ud800\"}", "{\"a\u{0}\":1}"]
            .map(|text| text.as_bytes().to_vec())
            .into_iter()
            .chain(repetitive())
            .chain([deep, vec![0xFF; 10], vec![b' '; 65 * 1024], br#"{"name":"a","name":"b"}"#.to_vec()])
            .collect();
    for route in &bench.routes {
        for body in &bodies {
            let (status, answer) = bench.send(route, &route.path, body.clone(), "application/json").await;
            let head = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
            assert!((400..500).contains(&status), "{} {head}: {status} {answer}", route.path);
            assert!(answer.to_string().len() < 64 * 1024, "{} {head}: the answer is larger than the request", route.path);
        }
        for content_type in ["text/plain", "application/xml", "multipart/form-data", "application/jsonp", ""] {
            let (status, _) = bench.send(route, &route.path, b"{}".to_vec(), content_type).await;
            assert_eq!(status, 415, "{content_type}");
        }
    }
    assert_eq!(bench.stored().await, before);
}

#[tokio::test]
async fn a_path_that_is_no_id_names_nothing() {
    let bench = Bench::start().await;
    let ids = [
        "x",
        "%00",
        "%FF",
        "..%2F..",
        "0198c0de",
        "%7B0198c0de-0000-7000-8000-000000000001%7D",
        "ORG%23",
        "pn_",
        "ep_pn_x",
        "'%20OR%201=1",
    ];
    let routes = [
        ("/v1/phone-numbers", &bench.routes[1]),
        ("/v1/endpoints", &bench.routes[3]),
        ("/v1/telephony/providers", &bench.routes[5]),
        ("/v1/telephony/numbers", &bench.routes[7]),
    ];
    for (base, app) in routes {
        for id in ids {
            let (status, answer) = bench.send(app, &format!("{base}/{id}"), b"{}".to_vec(), "application/json").await;
            assert_eq!((status, answer["code"].as_str()), (404, Some("NOT_FOUND")), "{base}/{id}");
        }
    }
}
