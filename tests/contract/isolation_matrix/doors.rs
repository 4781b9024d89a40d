//! What lies outside of the API's prefixes: carriers' paths × everybody who is not the carrier, all refused alike with nothing
//! written; and what is open, which is answered alike whoever asks. The paths are those that the functions serve; one that
//! nobody knows how to ask fails.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{carrier::Carrier, credential::CarrierCredential};
use http::{HeaderMap, Method, Request, header::CONTENT_TYPE};
use runtime::random;
use serde_json::{Value, json};
use testkit::{
    carrier::{Account, account_id, encoded},
    fixture,
};
use uuid::Uuid;

use super::{ADDRESS, principals, refused_keys, refused_users, with};
use crate::{
    documented,
    every_route::{BASE_URL, EveryRoute, Told, anonymous, from, told_by},
    template::{folder, resources},
    things::Things,
};

/// A carrier's account, and a number that hangs on it.
#[derive(Clone)]
struct Line {
    account: Account,
    to: String,
}

type Form<'a> = Vec<(&'static str, &'a str)>;

impl Line {
    /// Registers both as the organization does. Lines are told apart by `n`, and sign with tokens of their own.
    async fn register(bench: &EveryRoute, things: &Things, carrier: Carrier, n: u32) -> Self {
        let key = if carrier == Carrier::Twilio { "account_sid" } else { "auth_id" };
        let token = format!("canary-{carrier}-{n}");
        let body = json!({"provider": carrier, "label": "Main", "credentials": {key: account_id(carrier), "auth_token": token}});
        let request = anonymous(&Method::POST, "/v1/telephony/providers").header("x-api-key", things.key.reveal());
        let created = bench.told(request.body(body.to_string().into()).unwrap()).await.is(201);
        let text = |name: &str| created[name].as_str().unwrap().to_owned();
        let account = Account { carrier, id: text("id"), token, voice: text("voice_url"), status: text("status_url") };
        let credential = CarrierCredential { id: account.id.parse().unwrap(), ..fixture::credential(carrier, n) };
        let number = fixture::carrier_number(&credential, n);
        bench.local.table.register_number(things.tenant, &number, None).await.unwrap();
        Self { account, to: number.e164.to_string() }
    }

    /// The token in its addresses.
    fn token(&self) -> &str {
        self.account.voice.split('/').nth(5).unwrap()
    }

    /// What its carrier posts at this path.
    fn form<'a>(&'a self, path: &str, call: &'a str) -> Form<'a> {
        match path.rsplit('/').next().unwrap() {
            "voice" => self.account.question(call, &self.to),
            "status" => self.account.answered(call, &self.to).pop().unwrap(),
            other => panic!("nobody knows what a carrier posts at /{other}: add it here"),
        }
    }

    /// Posts a form that its carrier signed for this address.
    async fn sends(&self, bench: &EveryRoute, url: &str, form: &Form<'_>) -> Told {
        let nonce = u64::from_be_bytes(random::bytes()).to_string();
        knock(bench, Method::POST, url, self.account.signed(url, form, &nonce), form).await
    }
}

async fn knock(bench: &EveryRoute, method: Method, url: &str, headers: HeaderMap, form: &Form<'_>) -> Told {
    let path = url.strip_prefix(BASE_URL).unwrap();
    let mut request = Request::builder().method(method).uri(path).body(encoded(form).into()).unwrap();
    *request.headers_mut() = headers;
    bench.told(from(ADDRESS.parse().unwrap(), request)).await
}

fn url(path: &str, token: &str) -> String {
    format!("{BASE_URL}{}", path.replace("{token}", token))
}

fn carrier_of(path: &str) -> Carrier {
    path.split('/').nth(2).unwrap().parse().unwrap()
}

/// A call that was not told of before, by a name such as this carrier's.
fn call(carrier: Carrier) -> String {
    let id = Uuid::new_v4();
    if carrier == Carrier::Twilio { format!("CA{}", id.simple()) } else { id.to_string() }
}

/// The tokens that are put together of two: organization and mode, credential, random part, each of either, and not all of one.
fn mixed(one: &str, other: &str) -> Vec<String> {
    let [one, other] = [one, other].map(|token| URL_SAFE_NO_PAD.decode(token).unwrap());
    let parts = [0..17, 17..33, 33..one.len()];
    let mix = |choice: usize| -> Vec<u8> {
        let part =
            |(n, part): (usize, std::ops::Range<usize>)| if choice >> n & 1 == 0 { one[part].to_vec() } else { other[part].to_vec() };
        parts.iter().cloned().enumerate().flat_map(part).collect()
    };
    (1..7).map(|choice| URL_SAFE_NO_PAD.encode(mix(choice))).collect()
}

#[tokio::test]
async fn whoever_is_not_the_carrier_is_refused_alike_at_every_address_of_carriers_and_leaves_nothing_behind() {
    let bench = EveryRoute::start().await;
    let [own_test, stranger, _] = bench.others().await;
    let mut lines = Vec::new();
    for (n, carrier) in (20..).step_by(4).zip(Carrier::ALL) {
        let own = Line::register(&bench, &bench.own, carrier, n).await;
        let second = Line::register(&bench, &bench.own, carrier, n + 1).await;
        let [test, strangers] =
            [Line::register(&bench, &own_test, carrier, n + 2).await, Line::register(&bench, &stranger, carrier, n + 3).await];
        lines.push([own, second, test, strangers]);
    }
    let holders = principals(&bench).await.into_iter().map(|principal| (principal.name, principal.headers));
    let refused = refused_keys(&bench).await.into_iter().chain(refused_users(&bench).await);
    let unsigned: Vec<_> = holders.chain(refused.map(|(what, headers, ..)| (what.to_owned(), headers))).collect();
    // Each is let in where it belongs. This also opens the tokens: a process that has to ask KMS uses a nonce up beside that.
    for path in carrier_callbacks::carrier_paths() {
        for line in lines.iter().flatten().filter(|line| line.account.carrier == carrier_of(&path)) {
            let call = call(carrier_of(&path));
            assert_eq!(line.sends(&bench, &url(&path, line.token()), &line.form(&path, &call)).await.status, 200, "{path}");
        }
    }
    assert!(!bench.queue.take_all().is_empty());
    let before = bench.stored().await;
    let forbidden = || Told { status: 403, body: Value::Null, text: "Forbidden".to_owned() };
    for path in carrier_callbacks::carrier_paths() {
        let call = call(carrier_of(&path));
        let [own, others @ ..] = lines.iter().find(|lines| lines[0].account.carrier == carrier_of(&path)).unwrap();
        let (right, form) = (url(&path, own.token()), own.form(&path, &call));
        for (who, headers) in &unsigned {
            for method in [Method::GET, Method::POST] {
                let request = with(headers, Request::builder().header(CONTENT_TYPE, "application/x-www-form-urlencoded"));
                let headers = request.body(()).unwrap().headers().clone();
                assert_eq!(knock(&bench, method, &right, headers, &form).await, forbidden(), "{path} without a signature, by {who}");
            }
        }
        for (other, whose) in others.iter().zip(["a second", "a test", "a stranger's"]) {
            assert_eq!(other.sends(&bench, &right, &form).await, forbidden(), "{path} signed by {whose} account");
            let theirs = other.form(&path, &call);
            assert_eq!(own.sends(&bench, &url(&path, other.token()), &theirs).await, forbidden(), "{path} at {whose} address");
        }
        for other in &others[1..] {
            for token in mixed(own.token(), other.token()) {
                for signer in [own, other] {
                    assert_eq!(signer.sends(&bench, &url(&path, &token), &form).await, forbidden(), "{path} at {token}");
                }
            }
        }
    }
    assert!(bench.queue.is_empty(), "nothing was told");
    bench.is_unchanged_since(&before).await;
}

#[tokio::test]
async fn what_a_carrier_names_of_others_is_taken_for_its_own_holders_and_answered_like_what_is_nobodys() {
    let bench = EveryRoute::start().await;
    let [own_test, stranger, _] = bench.others().await;
    let (theirs, mut wrote) = (stranger.tenant.org().to_string(), 0);
    for (n, path) in (20..).zip(carrier_callbacks::carrier_paths()) {
        let carrier = carrier_of(&path);
        let own = Line::register(&bench, &bench.own, carrier, n).await;
        let address = url(&path, own.token());
        let said = async |to: &str, url: &str| {
            let (line, call) = (Line { to: to.to_owned(), ..own.clone() }, call(carrier));
            let usage = bench.local.table.usage();
            let told = line.sends(&bench, url, &line.form(&path, &call)).await;
            let cost = bench.local.table.usage() - usage;
            assert_eq!(told.status, 200, "{path}");
            (told, format!("{} requests, {} reads, {} writes", cost.requests, cost.read_units, cost.write_units))
        };
        let before = bench.stored().await;
        said(&own.to, &address).await;
        let nobodys = said(bench.own.unknown().e164.as_str(), &address).await;
        for other in [&own_test, &stranger] {
            assert_eq!(said(other.e164.as_str(), &address).await, nobodys, "{path}: what {:?} has", other.tenant);
        }
        let own_said = said(&own.to, &address).await;
        assert_eq!(said(&own.to, &format!("{address}?organization_id={theirs}")).await, own_said, "{path}");
        let messages = bench.queue.take_all();
        assert!(messages.len() >= 6, "{messages:?}");
        for (message, _) in messages {
            let message: Value = serde_json::from_str(&message).unwrap();
            let whose = (message["organization_id"].as_str().unwrap(), message["mode"].as_str().unwrap());
            assert_eq!(whose, (bench.own.tenant.org().to_string().as_str(), "live"), "{path}");
        }
        let written: Vec<String> = bench.stored().await.into_iter().filter(|item| !before.contains(item)).collect();
        wrote += usize::from(!written.is_empty());
        assert!(!written.iter().any(|item| item.contains(&theirs) || item.contains("#test")), "{path}: {written:#?}");
    }
    assert!(wrote > Carrier::ALL.len(), "nonces, and names of calls");
}

#[tokio::test]
async fn what_is_open_is_answered_alike_whoever_asks_and_reaches_nothing_of_the_table() {
    let bench = EveryRoute::start().await;
    let [_, stranger, _] = bench.others().await;
    let (own, theirs) = (bench.own.endpoint, stranger.endpoint);
    let mut askers: Vec<_> = principals(&bench).await.into_iter().map(|principal| (principal.name, principal.headers)).collect();
    let refused = refused_keys(&bench).await.into_iter().chain(refused_users(&bench).await);
    askers.extend(refused.map(|(what, headers, ..)| (what.to_owned(), headers)));
    let (before, usage) = (bench.stored().await, bench.local.table.usage());
    let docs = bench.functions.iter().find(|function| function.name == "docs").unwrap();
    let paths = docs::paths().map(|path| (path.to_owned(), 200)).chain([
        (format!("/health?organization_id={}", stranger.tenant.org()), 200),
        (format!("/v1/nothing/{own}"), 404),
        (format!("/v1/nothing/{theirs}"), 404),
        (format!("/v1/nothing/{own}/"), 308),
        (format!("/v1/nothing/{theirs}/"), 308),
    ]);
    for (path, status) in paths {
        for method in [Method::GET, Method::DELETE] {
            let asked = async |headers: &[super::Header]| {
                // The page and its parts compressed, as they lie there.
                let encoding = if path.starts_with("/docs") { "gzip" } else { "identity" };
                let request = with(headers, anonymous(&method, &path)).header("accept-encoding", encoding).header("x-request-id", "matrix");
                told_by(docs, from(ADDRESS.parse().unwrap(), request.body(Vec::new().into()).unwrap())).await
            };
            let anybody = asked(&[]).await;
            assert_eq!(anybody.status, if method == Method::GET || status != 200 { status } else { 405 }, "{method} {path}");
            for (who, headers) in &askers {
                assert_eq!(asked(headers).await, anybody, "{method} {path} by {who}");
            }
        }
    }
    assert_eq!((bench.local.table.usage() - usage).requests, 0);
    bench.is_unchanged_since(&before).await;
}

#[tokio::test]
async fn every_path_that_the_template_leads_to_a_function_is_asked_here_or_by_a_sample_and_is_described() {
    let bench = EveryRoute::start().await;
    for (name, function) in resources("AWS::Serverless::Function") {
        let events = function["Events"].as_mapping().unwrap();
        for event in events.values().filter(|event| event["Type"].as_str() == Some("HttpApi")) {
            let path = event["Properties"]["Path"].as_str();
            let Some(below) = path.and_then(|path| path.strip_prefix("/api/v1").or_else(|| path.strip_prefix("/v1"))) else {
                // All else is the function's to whom `$default` leads.
                let outside = [(None, "docs"), (Some("/carriers/{proxy+}"), "carrier-callbacks")];
                assert!(outside.contains(&(path, folder(&function).as_str())), "{name}: nobody asks {path:?}");
                continue;
            };
            let base = below.trim_end_matches("/{proxy+}");
            let declares = |path: &str| path == base || path.starts_with(&format!("{base}/"));
            let asked = bench.functions.iter().find(|asked| asked.name == folder(&function)).unwrap();
            assert!(asked.routes.iter().any(|route| declares(route.path)), "{name}: nobody asks {path:?}");
        }
    }
    for path in carrier_callbacks::carrier_paths() {
        assert!(documented::operation("POST", &path).is_some(), "{path}");
    }
    // What the page loads is a part of it.
    for path in docs::paths().filter(|path| !path.starts_with("/docs/")) {
        assert!(documented::operation("GET", path).is_some(), "{path}");
    }
}
