//! Every route × everybody who must not pass: refused alike, with nothing written. The routes are those that the functions
//! declare; one that nobody knows how to ask fails the first test.

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
use store::Tenant;
use testkit::{Fixture, fixture, tokens};

use crate::{
    every_route::{EveryRoute, Told, anonymous, from},
    route_samples::{SAMPLES, Sample, Slot},
    template::http_functions,
    things::Things,
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
        let token = ("authorization", format!("Bearer {}", tokens::good(user)));
        let headers = vec![token, ("x-account-id", bench.own.tenant.org().to_string())];
        principals.push(Principal { name: format!("a user who is {role}"), headers, scopes: role.scopes(), is_operator: false });
    }
    principals
}

fn credential(key: &ApiKeyText) -> Header {
    ("x-api-key", key.reveal().to_owned())
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

    fn guarded(&self) -> Vec<(&Route, &'static Sample)> {
        self.samples().into_iter().filter(|(route, _)| route.access != Access::Open).collect()
    }

    /// The same organization's test data, and both data sets of another.
    async fn others(&self) -> [Things; 3] {
        let test = Tenant::new(self.own.tenant.org(), Mode::Test);
        let stranger = Fixture::create(&self.local.table, Mode::Live).await.tenant;
        let strangers_test = Tenant::new(stranger.org(), Mode::Test);
        let create = |tenant, n| Things::create(&self.local, tenant, n);
        [create(test, 11).await, create(stranger, 12).await, create(strangers_test, 13).await]
    }
}

#[tokio::test]
async fn every_route_of_every_function_has_a_sample_request_and_every_sample_a_route() {
    let bench = EveryRoute::start().await;
    let declared: Vec<&Route> = bench.functions.iter().flat_map(|function| &function.routes).collect();
    for route in &declared {
        assert!(SAMPLES.iter().any(|sample| sample.is_of(route)), "no sample request for {} {}", route.method, route.path);
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
    let refused = refused_keys(&bench).await;
    let before = bench.stored().await;
    for (_, sample) in bench.guarded() {
        for (what, headers, status, code) in &refused {
            for told in bench.asked_rightly(sample, headers).await {
                assert_eq!((told.status, told.code()), (*status, *code), "{} with {what}", sample.shown());
            }
        }
    }
    bench.is_unchanged_since(&before).await;
}

/// Keys that are none, or may not be used now, from here or for this organization, and how they are told so.
async fn refused_keys(bench: &EveryRoute) -> Vec<(&'static str, Vec<Header>, u16, &'static str)> {
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
    for (route, sample) in bench.guarded() {
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

#[tokio::test]
async fn what_is_anothers_is_answered_like_what_is_nobodys_at_the_same_cost_wherever_it_is_named() {
    let bench = EveryRoute::start().await;
    let [own_test, stranger, strangers_test] = bench.others().await;
    let callers = [(&bench.own, [&own_test, &stranger, &strangers_test]), (&own_test, [&bench.own, &stranger, &strangers_test])];
    for (_, sample) in bench.guarded().into_iter().filter(|(route, _)| route.method == Method::GET) {
        for (own, _) in &callers {
            let told = bench.asked(sample, &sample.path(own), String::new(), &[credential(&own.key)]).await;
            assert_eq!(told.status, 200, "{}: {told:?}", sample.shown());
        }
    }
    let before = bench.stored().await;
    for (_, sample) in bench.guarded() {
        for slot in sample.slots() {
            for (own, others) in &callers {
                // What a process remembers for a while is read by the first request.
                naming(&bench, sample, slot, own, &own.unknown()).await;
                let expected = naming(&bench, sample, slot, own, &own.unknown()).await;
                for other in others.iter().filter(|other| !manages(own, other, sample)) {
                    let told = naming(&bench, sample, slot, own, other).await;
                    let shown = format!("{} {slot:?}: {:?} names what {:?} has", sample.shown(), own.tenant, other.tenant);
                    assert_eq!(told, expected, "{shown}");
                    assert!(matches!(slot, Slot::Query(..)) || refused_or_nothing(&told.0), "{shown}: {told:?}");
                }
            }
        }
    }
    bench.is_unchanged_since(&before).await;
}

/// Whether these things are the caller's though they are of another mode: who holds a live key manages the organization's
/// test keys too.
fn manages(own: &Things, other: &Things, sample: &Sample) -> bool {
    let own_test = other.tenant == Tenant::new(own.tenant.org(), Mode::Test);
    own_test && sample.path(own).starts_with("/v1/api-keys")
}

/// What a request is told that names things of others in one place, and what it costs.
async fn naming(bench: &EveryRoute, sample: &Sample, slot: Slot, own: &Things, others: &Things) -> (Told, String) {
    let (path, body) = sample.naming(slot, own, others);
    let usage = bench.local.table.usage();
    let mut told = bench.asked(sample, &path, body, &[credential(&own.key)]).await;
    let cost = bench.local.table.usage() - usage;
    told.body = serde_json::Value::Null;
    (told, format!("{} requests, {} reads, {} writes", cost.requests, cost.read_units, cost.write_units))
}

fn refused_or_nothing(told: &Told) -> bool {
    matches!(told.status, 400 | 403 | 404) || told.text.contains("\"count\":0") || told.text.contains("\"reason\":\"unknown_number\"")
}

#[tokio::test]
async fn a_query_that_names_another_organization_shows_and_changes_nothing_of_it() {
    let bench = EveryRoute::start().await;
    let [_, stranger, _] = bench.others().await;
    let before = bench.stored().await;
    let own = &bench.own;
    for (route, sample) in bench.guarded() {
        let naming = |path: &str| format!("{path}{}organization_id={}", if path.contains('?') { '&' } else { '?' }, stranger.tenant.org());
        let headers = [credential(&own.key)];
        if route.method == Method::GET {
            let path = sample.path(own);
            let plain = bench.asked(sample, &path, String::new(), &headers).await;
            let told = bench.asked(sample, &naming(&path), String::new(), &headers).await;
            assert!(told == plain || told.code() == "FORBIDDEN", "{}: {told:?}", sample.shown());
        }
        for slot in sample.slots() {
            let (path, body) = sample.naming(slot, own, &stranger);
            let plain = bench.asked(sample, &path, body.clone(), &headers).await;
            let told = bench.asked(sample, &naming(&path), body, &headers).await;
            assert!(told == plain || told.code() == "FORBIDDEN", "{} {slot:?}: {told:?}", sample.shown());
        }
    }
    bench.is_unchanged_since(&before).await;
}

#[tokio::test]
async fn the_organization_itself_is_answered_on_every_route_and_a_filter_by_its_own_things_finds_them() {
    let bench = EveryRoute::start().await;
    let [own_test, ..] = bench.others().await;
    for own in [&bench.own, &own_test] {
        let headers = [credential(&own.key)];
        for sample in SAMPLES {
            for slot in sample.slots().into_iter().filter(|slot| matches!(slot, Slot::Query(..))) {
                let (found, _) = naming(&bench, sample, slot, own, own).await;
                let (nothing, _) = naming(&bench, sample, slot, own, &own.unknown()).await;
                assert_ne!(found.text, nothing.text, "{} {slot:?} finds what is there", sample.shown());
            }
            let told = bench.asked(sample, &sample.path(own), sample.body_of(own), &headers).await;
            let simulated_live = sample.shown() == "POST /test/calls" && own.tenant.mode() == Mode::Live;
            // The number that was registered a moment ago hangs on its credential.
            let in_use = sample.shown() == "DELETE /telephony/providers/{id}" && told.code() == "CONFLICT";
            let is_operators = sample.shown() == "POST /route/resolve";
            let passed =
                if simulated_live || is_operators { told.code() == "FORBIDDEN" } else { (200..300).contains(&told.status) || in_use };
            assert!(passed, "{} in {} data: {told:?}", sample.shown(), own.tenant.mode());
        }
    }
}
