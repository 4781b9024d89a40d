//! Every route × everybody who must not pass: refused alike, with nothing written. The routes are those that the functions
//! declare; one that nobody knows how to ask fails the first test.

mod doors;
mod names;

use std::{collections::BTreeSet, net::IpAddr};

use api::{Access, Route};
use domain::{
    Mode, OrgId,
    api_key::{ApiKey, ApiKeyText},
    member::Role,
    scope::{Scope, Scopes},
};
use http::{Method, Request, request::Builder};
use runtime::random;
use testkit::{
    Fixture, fixture,
    tokens::{self, Signer},
};

use crate::{
    every_route::{EveryRoute, Told, anonymous, from},
    route_samples::{SAMPLES, Sample},
    template::http_functions,
};

/// A header that carries a credential, or names an organization.
type Header = (&'static str, String);

/// From where all requests come.
const ADDRESS: &str = "198.51.100.1";

/// Somebody who has credentials, and which routes are theirs.
struct Principal {
    name: String,
    headers: Vec<Header>,
    scopes: Scopes,
    is_operator: bool,
}

impl Principal {
    fn may(&self, access: Access) -> bool {
        match access {
            Access::Open | Access::AnyCaller | Access::Identity => true,
            Access::Scope(scope) => self.scopes.contains(&scope),
            Access::Operator => self.is_operator,
        }
    }
}

/// Everybody whose credentials are sound: keys, and users with their roles.
async fn principals(bench: &EveryRoute) -> Vec<Principal> {
    let all: Scopes = Scope::ALL.iter().copied().collect();
    let mut sets = vec![("all scopes".to_owned(), all.clone()), ("no scope".to_owned(), Scopes::new())];
    for scope in Scope::ALL {
        sets.push((format!("{scope} alone"), [*scope].into()));
        sets.push((format!("all but {scope}"), all.iter().copied().filter(|other| other != scope).collect()));
    }
    let mut principals = Vec::new();
    for (name, scopes) in sets {
        let key = fixture::key(&bench.local.table, bench.own.tenant, scopes.clone()).await;
        principals.push(Principal { name: format!("a key with {name}"), headers: vec![credential(&key)], scopes, is_operator: false });
    }
    let operator = fixture::key(&bench.local.table, trunkline::platform::tenant(Mode::Live), Scopes::new()).await;
    let name = "a key of the operator".to_owned();
    principals.push(Principal { name, headers: vec![credential(&operator)], scopes: Scopes::new(), is_operator: true });
    for role in Role::ALL {
        let user = fixture::member(&bench.local.table, bench.own.tenant.org(), role).await;
        let headers = vec![bearer(&tokens::good(user)), account(bench.own.tenant.org())];
        principals.push(Principal { name: format!("a user who is {role}"), headers, scopes: role.scopes(), is_operator: false });
    }
    principals
}

fn credential(key: &ApiKeyText) -> Header {
    ("x-api-key", key.reveal().to_owned())
}

fn bearer(token: &str) -> Header {
    ("authorization", format!("Bearer {token}"))
}

fn account(org: OrgId) -> Header {
    ("x-account-id", org.to_string())
}

fn with(headers: &[Header], mut request: Builder) -> Builder {
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request
}

impl EveryRoute {
    /// Sends a request with these headers, from the one address; it has always the same request id.
    async fn asked(&self, sample: &Sample, path: &str, body: String, headers: &[Header]) -> Told {
        let request: Request<_> =
            with(headers, anonymous(&sample.method(), path)).header("x-request-id", "matrix").body(body.into()).unwrap();
        self.told(from(ADDRESS.parse::<IpAddr>().unwrap(), request)).await
    }

    /// A right request of the organization, as it is or with an idempotency key, which only writes heed.
    async fn asked_rightly(&self, sample: &Sample, headers: &[Header]) -> Vec<Told> {
        let (path, body) = (sample.path(&self.own), sample.body_of(&self.own));
        let mut told = vec![self.asked(sample, &path, body.clone(), headers).await];
        if sample.method() != Method::GET {
            let kept = [headers, &[("idempotency-key", "matrix".to_owned())]].concat();
            told.push(self.asked(sample, &path, body, &kept).await);
        }
        told
    }

    /// Nothing was written.
    async fn is_unchanged_since(&self, before: &[String]) {
        let after = self.stored().await;
        let changed: Vec<_> = after.iter().filter(|item| !before.contains(item)).collect();
        assert!(changed.is_empty() && after.len() == before.len(), "written: {changed:#?}");
    }
}

#[tokio::test]
async fn every_route_of_every_function_has_a_sample_request_and_every_sample_a_route() {
    let bench = EveryRoute::start().await;
    let declared: Vec<&Route> = bench.functions.iter().flat_map(|function| &function.routes).collect();
    for route in &declared {
        assert!(SAMPLES.iter().any(|sample| sample.is_of(route)), "no sample request for {} {}", route.method, route.path);
        assert_ne!(route.access, Access::Open, "{} {}: nobody is refused there, and no row says so", route.method, route.path);
    }
    for sample in SAMPLES {
        assert!(declared.iter().any(|route| sample.is_of(route)), "nobody declares {}", sample.shown());
    }
    let named: BTreeSet<String> = bench.functions.iter().map(|function| function.name.to_owned()).collect();
    assert_eq!(named, http_functions(), "every function that the template gives routes");
}

#[tokio::test]
async fn whoever_has_no_sound_credentials_is_refused_on_every_route_and_leaves_nothing_behind() {
    let bench = EveryRoute::start().await;
    let (keys, users) = (refused_keys(&bench).await, refused_users(&bench).await);
    let before = bench.stored().await;
    for (route, sample) in bench.samples() {
        // Where a user chooses no organization it does not matter which one is named.
        let users = users.iter().filter(|(.., code)| route.access != Access::Identity || *code != "FORBIDDEN");
        for (what, headers, status, code) in keys.iter().chain(users) {
            for told in bench.asked_rightly(sample, headers).await {
                assert_eq!((told.status, told.code()), (*status, *code), "{} with {what}", sample.shown());
            }
        }
    }
    bench.is_unchanged_since(&before).await;
}

/// Credentials that are refused, and with which status and code.
type Refused = (&'static str, Vec<Header>, u16, &'static str);

/// Users who are none, or are no members of the organization that they name.
async fn refused_users(bench: &EveryRoute) -> Vec<Refused> {
    let (table, own) = (&bench.local.table, bench.own.tenant.org());
    let other = Fixture::create(table, Mode::Live).await.tenant.org();
    let (owner, stranger) = (fixture::member(table, own, Role::Owner).await, fixture::member(table, other, Role::Owner).await);
    let long_ago = tokens::claims(tokens::ISSUER, owner, fixture::now().plus_millis(-2 * 3_600_000));
    let expired = Signer::hs256(tokens::SECRET.as_bytes()).token(&long_ago);
    let forged = Signer::hs256(b"a secret of somebody else's").token(&tokens::claims(tokens::ISSUER, owner, fixture::now()));
    vec![
        ("a token that has expired", vec![bearer(&expired), account(own)], 401, "UNAUTHORIZED"),
        ("a token that another signed", vec![bearer(&forged), account(own)], 401, "UNAUTHORIZED"),
        ("another organization's owner", vec![bearer(&tokens::good(stranger)), account(own)], 403, "FORBIDDEN"),
        ("the owner, for another organization", vec![bearer(&tokens::good(owner)), account(other)], 403, "FORBIDDEN"),
        (
            "the owner, for another organization by the other header",
            vec![bearer(&tokens::good(owner)), ("x-organization-id", other.to_string())],
            403,
            "FORBIDDEN",
        ),
    ]
}

/// Keys that are none, or may not be used now, from here or for this organization.
async fn refused_keys(bench: &EveryRoute) -> Vec<Refused> {
    let (now, own) = (fixture::now(), fixture::api_key(bench.own.tenant));
    let minted = async |key: ApiKey| credential(&fixture::key_as(&bench.local.table, key).await);
    let revoked = minted(ApiKey { revoked_at: Some(now), ..fixture::api_key(bench.own.tenant) }).await;
    let expired = minted(ApiKey { valid_until: Some(now.plus_millis(-1)), ..fixture::api_key(bench.own.tenant) }).await;
    let elsewhere = minted(ApiKey { allowed_ips: vec!["203.0.113.0/24".parse().unwrap()], ..own }).await;
    let sound = bench.own.key.reveal();
    let spoilt = format!("{}{}", &sound[..sound.len() - 1], if sound.ends_with('0') { '1' } else { '0' });
    let never_issued = ApiKeyText::mint(Mode::Live, random::bytes());
    let other = OrgId::new(now, random::bytes()).to_string();
    let named = |header: &'static str| vec![credential(&bench.own.key), (header, other.clone())];
    vec![
        ("no key", vec![], 401, "UNAUTHORIZED"),
        ("a malformed key", vec![("x-api-key", "kros_live_".to_owned())], 401, "UNAUTHORIZED"),
        ("what is no key", vec![("authorization", "Bearer secret".to_owned())], 401, "UNAUTHORIZED"),
        ("a wrong checksum", vec![("x-api-key", spoilt)], 401, "UNAUTHORIZED"),
        ("a key that was never issued", vec![credential(&never_issued)], 401, "UNAUTHORIZED"),
        (
            "two different keys",
            vec![credential(&bench.own.key), ("authorization", format!("Bearer {}", never_issued.reveal()))],
            401,
            "UNAUTHORIZED",
        ),
        ("a revoked key", vec![revoked], 401, "KEY_REVOKED"),
        ("an expired key", vec![expired], 401, "KEY_EXPIRED"),
        ("a key of other addresses", vec![elsewhere], 403, "IP_NOT_ALLOWED"),
        ("x-organization-id of another", named("x-organization-id"), 403, "FORBIDDEN"),
        ("x-account-id of another", named("x-account-id"), 403, "FORBIDDEN"),
    ]
}

#[tokio::test]
async fn every_principal_passes_to_its_own_routes_and_to_no_other() {
    let bench = EveryRoute::start().await;
    let principals = principals(&bench).await;
    // The first list that goes on makes the key of cursors.
    assert_eq!(bench.get("/v1/api-keys").await.0, 200);
    let (unknown, before) = (bench.own.unknown(), bench.stored().await);
    for (route, sample) in bench.samples() {
        for principal in &principals {
            let shown = format!("{} by {}", sample.shown(), principal.name);
            if principal.may(route.access) {
                // Passes the gate, and finds nothing that it could change.
                let body = if sample.body_of(&unknown).is_empty() { String::new() } else { "{}".to_owned() };
                let told = bench.asked(sample, &sample.path(&unknown), body, &principal.headers).await;
                let passed = told.status != 401 && told.code() != "INSUFFICIENT_SCOPE";
                assert!(passed && (route.access != Access::Operator || told.status == 400), "{shown}: {told:?}");
            } else {
                let code = if route.access == Access::Operator { "FORBIDDEN" } else { "INSUFFICIENT_SCOPE" };
                for told in bench.asked_rightly(sample, &principal.headers).await {
                    assert_eq!((told.status, told.code()), (403, code), "{shown}");
                }
            }
        }
    }
    bench.is_unchanged_since(&before).await;
}
