//! Tokens that an attacker makes: all are refused by the same answer, and no table is read for any of them.

use serde_json::{Value, json};
use testkit::tokens::{self, Signer};

use crate::jwks::{Issued, PUBLIC, bearer, told};

/// Every attack with its name.
struct Attacks<'a> {
    issued: &'a Issued,
    all: Vec<(String, String)>,
}

impl Attacks<'_> {
    fn add(&mut self, name: impl Into<String>, token: impl Into<String>) {
        self.all.push((name.into(), token.into()));
    }

    /// A token with the issuer's own good signature whose claims are changed.
    fn claims(&mut self, changes: Value) {
        let token = self.issued.es.token(&self.issued.claims_with(changes.clone()));
        self.add(format!("claims {changes}"), token);
    }

    /// A token with the issuer's own good signature over a header with these fields.
    fn header(&mut self, changes: Value) {
        let mut header = self.issued.es.header();
        header.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let token = self.issued.es.sign(&header.to_string(), &self.issued.claims().to_string());
        self.add(format!("header {changes}"), token);
    }

    /// A token with the issuer's own good signature over these texts.
    fn texts(&mut self, name: &str, header: &str, claims: &str) {
        let token = self.issued.es.sign(header, claims);
        self.add(name, token);
    }
}

fn algorithms(attacks: &mut Attacks<'_>) {
    let (issued, claims) = (attacks.issued, attacks.issued.claims().to_string());
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let unsigned = tokens::unsigned(&json!({"alg": name, "kid": "key-1"}).to_string(), &claims);
        attacks.add(format!("algorithm {name} without a signature"), format!("{unsigned}."));
        attacks.add(format!("algorithm {name} with one"), format!("{unsigned}.AAAA"));
    }
    for name in ["HS256", "HS384", "HS512", "RS256", "RS384", "PS256", "ES384", "ES256K", "EdDSA", "es256"] {
        attacks.header(json!({"alg": name}));
    }
    attacks.header(json!({"alg": ["ES256"]}));
    attacks.header(json!({"alg": null}));
    attacks.texts("no algorithm", r#"{"kid": "key-1", "typ": "JWT"}"#, &claims);
    // The public key as a secret, in each form in which a library might hold it.
    for (signer, id) in [(&issued.es, "key-1"), (&issued.rs, "key-2")] {
        let jwk = signer.jwk();
        let part = |name: &str| jwk[name].as_str().unwrap_or_default().to_owned();
        let forms = [jwk.to_string(), part("x"), part("n"), format!("{}{}", part("x"), part("y")), part("kid"), String::new()];
        for (at, form) in forms.iter().enumerate() {
            let header = json!({"alg": "HS256", "typ": "JWT", "kid": id}).to_string();
            attacks.add(format!("HS256 by the public key, form {at} of {id}"), Signer::hs256(form.as_bytes()).sign(&header, &claims));
        }
    }
    let secret = Signer::hs256(tokens::SECRET.as_bytes());
    attacks.add("the secret of another issuer", secret.token(&issued.claims()));
    let theirs = tokens::claims(tokens::ISSUER, issued.user, issued.time());
    attacks.add("the key of another issuer", issued.es.token(&theirs));
    attacks.add("a wrong secret", Signer::hs256(b"secret").token(&theirs));
    attacks.add("an empty secret", Signer::hs256(b"").token(&theirs));
    attacks.add("a stranger's key under a known id", Signer::es256("key-1").token(&issued.claims()));
}

fn claims(attacks: &mut Attacks<'_>) {
    let now = attacks.issued.time().as_seconds();
    for issuer in [json!(null), json!(""), json!(format!("{PUBLIC}/")), json!([PUBLIC]), json!("https://evil.example"), json!(7)] {
        attacks.claims(json!({"iss": issuer}));
    }
    attacks.claims(json!({"iss": PUBLIC.to_uppercase()}));
    for audience in [
        json!(null),
        json!(""),
        json!("anon"),
        json!([]),
        json!(["authenticated", 7]),
        json!({"authenticated": true}),
        json!("Authenticated"),
    ] {
        attacks.claims(json!({"aud": audience}));
    }
    for role in
        [json!(null), json!("anon"), json!("service_role"), json!("supabase_admin"), json!(["authenticated"]), json!("authenticated ")]
    {
        attacks.claims(json!({"role": role}));
    }
    for end in [json!(null), json!(now - 31), json!(0), json!(-1), json!((now + 60).to_string()), json!(true), json!([now + 60])] {
        attacks.claims(json!({"exp": end}));
    }
    for begin in [json!(now + 31), json!(9e15), json!("0"), json!({})] {
        attacks.claims(json!({"nbf": begin}));
    }
    let user = attacks.issued.user;
    for subject in [
        json!(null),
        json!(""),
        json!("admin"),
        json!("user@example.com"),
        json!(7),
        json!([user]),
        json!(format!("user_{user}")),
        json!(format!("{{{user}}}")),
        json!(user.to_string().replace('-', "")),
        json!(format!("{user}#MEMBER")),
    ] {
        attacks.claims(json!({"sub": subject}));
    }
    for anonymous in [json!(true), json!("false"), json!(1), json!("true")] {
        attacks.claims(json!({"is_anonymous": anonymous}));
    }
}

fn headers(attacks: &mut Attacks<'_>) {
    let own = Signer::es256("mine");
    let claims = attacks.issued.claims().to_string();
    let ids = [
        json!("unknown"),
        json!(""),
        json!("../../../../dev/null"),
        json!("/etc/passwd"),
        json!("file:///proc/self/environ"),
        json!("https://evil.example/keys"),
        json!("key-1' OR '1'='1"),
        json!("x' UNION SELECT 'secret' --"),
        json!("key-1\u{0}"),
        json!("KEY-1"),
        json!("k".repeat(1_000)),
        json!(1),
        json!(["key-1"]),
        json!(null),
    ];
    for id in ids {
        attacks.header(json!({"kid": id}));
    }
    attacks.texts("no key id", r#"{"alg": "ES256"}"#, &claims);
    for (name, value) in [
        ("jwk", own.jwk()),
        ("jwk", json!("x")),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
    ] {
        attacks.header(json!({name: value}));
        let header = json!({"alg": "ES256", "kid": "mine", name: value}).to_string();
        attacks.add(format!("{name} with the key that it names"), own.sign(&header, &claims));
    }
    for kind in [json!("at+jwt"), json!("JWE"), json!(7), json!("")] {
        attacks.header(json!({"typ": kind}));
    }
}

fn forms(attacks: &mut Attacks<'_>) {
    let (issued, claims) = (attacks.issued, attacks.issued.claims().to_string());
    let (header, good) = (issued.es.header().to_string(), issued.es.token(&issued.claims()));
    let inside = claims.trim_start_matches('{');
    let twice = |what: &str| format!("{{{what},{inside}");
    attacks.texts("a role twice", &header, &twice(r#""role":"service_role""#));
    attacks.texts("the same role twice", &header, &twice(r#""role":"authenticated""#));
    attacks.texts("a subject twice", &header, &twice(r#""sub":"0198c0de-0000-7000-8000-000000000001""#));
    attacks.texts("a claim twice by an escape", &header, &twice(r#""ro\u006ce":"authenticated""#));
    attacks.texts("a claim twice that nobody reads", &header, &twice(r#""email":"other@example.com""#));
    attacks.texts("an algorithm twice", r#"{"alg":"none","alg":"ES256","kid":"key-1"}"#, &claims);
    attacks.texts("a key id twice", r#"{"alg":"ES256","kid":"key-2","kid":"key-1"}"#, &claims);
    for (name, text) in [("a list", "[]"), ("a text", "\"x\""), ("nothing", ""), ("half of it", "{\"alg\":"), ("null", "null")] {
        attacks.texts(&format!("a header that is {name}"), text, &claims);
        attacks.texts(&format!("claims that are {name}"), &header, text);
    }
    let deep = format!("{{\"x\":{}{},{inside}", "[".repeat(2_000), "]".repeat(2_000));
    attacks.texts("claims nested deeply", &header, &deep);
    attacks.texts("a token that is too long", &header, &twice(&format!("\"x\":\"{}\"", "x".repeat(8_000))));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    for (name, signature) in [
        ("none", String::new()),
        ("half", signature[..signature.len() / 2].to_owned()),
        ("longer", format!("{signature}AAAA")),
        ("padded", format!("{signature}==")),
        ("zero", "A".repeat(86)),
        ("of another token", issued.es.token(&issued.claims_with(json!({"aal": "aal2"}))).rsplit_once('.').unwrap().1.to_owned()),
        ("in another alphabet", signature.replace(['-', '_'], "+")),
        ("with a space", format!("{signature} ")),
    ] {
        if name != "in another alphabet" || signature.contains('+') {
            attacks.add(format!("a signature that is {name}"), format!("{signed}.{}", signature.replace(' ', "%20")));
        }
    }
    let (head, body) = signed.split_once('.').unwrap();
    let others = tokens::unsigned(&header, &issued.claims_with(json!({"sub": testkit::fixture::user()})).to_string());
    attacks.add("another's claims under a good signature", format!("{others}.{signature}"));
    attacks.add("four parts", format!("{good}.AAAA"));
    attacks.add("two parts", signed.to_owned());
    attacks.add("parts in another order", format!("{body}.{head}.{signature}"));
    attacks.add("nothing but dots", "..");
    attacks.add("no base64", "a!.b!.c!");
}

#[tokio::test]
async fn every_attack_is_401_with_the_same_body_and_reads_no_table() {
    let issued = Issued::start().await;
    // So that the keys of both issuers and the user's memberships could be known.
    let by_secret = Signer::hs256(tokens::SECRET.as_bytes()).token(&tokens::claims(tokens::ISSUER, issued.user, issued.time()));
    for good in [issued.es.token(&issued.claims()), by_secret] {
        assert_eq!(issued.told(&good).await.status, 404);
    }
    let mut attacks = Attacks { issued: &issued, all: Vec::new() };
    algorithms(&mut attacks);
    claims(&mut attacks);
    headers(&mut attacks);
    forms(&mut attacks);
    assert!(attacks.all.len() > 120, "{}", attacks.all.len());
    let before = issued.local.table.usage();
    let refusal = json!({"error": "The credentials are not valid", "code": "UNAUTHORIZED", "details": {}, "request_id": "r-1"});
    for (name, token) in &attacks.all {
        for request in [bearer(token), http::Request::builder().header("x-api-key", token)] {
            let told = told(&issued.app, request).await;
            assert_eq!((told.status, &told.body), (401, &refusal), "{name}");
        }
    }
    assert_eq!(issued.local.table.usage(), before, "no table was asked");
    assert_eq!(issued.asked().await, 1, "all of them within one cool-down");
    assert_eq!(issued.told(&issued.es.token(&issued.claims())).await.status, 404, "and who is honest is let in");
}

#[tokio::test]
async fn an_attack_on_a_process_that_has_seen_nobody_reads_no_table_either() {
    let issued = Issued::start().await;
    let forged = Signer::es256("key-1").token(&issued.claims());
    let before = issued.local.table.usage();
    assert_eq!(issued.told(&forged).await.status, 401);
    assert_eq!((issued.local.table.usage(), issued.asked().await), (before, 1));
    let expired = issued.es.token(&issued.claims_with(json!({"exp": 0})));
    assert_eq!(told(&issued.function(), bearer(&expired)).await.status, 401);
    assert_eq!(issued.asked().await, 1, "an expired token asks for no keys");
}

#[tokio::test]
async fn without_issuers_no_token_is_believed() {
    let issued = Issued::start().await;
    let state = calls::State::new(issued.local.table.clone(), testkit::costs::vault(), testkit::fixture::nowhere(), runtime::Clock::System);
    let app = calls::app(state);
    assert_eq!(told(&app, bearer(&issued.es.token(&issued.claims()))).await.status, 401);
}
