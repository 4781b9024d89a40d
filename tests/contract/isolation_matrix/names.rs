//! What is another organization's, or of the other mode, in path, query and body: answered like what is nobody's, whoever asks.

use api::Access;
use domain::{Mode, OrgId, member::Role};
use http::Method;
use store::Tenant;
use testkit::{Fixture, fixture, tokens};

use super::{Header, account, bearer, credential};
use crate::{
    every_route::{EveryRoute, Told},
    route_samples::{SAMPLES, Sample, Slot},
    things::Things,
};

impl EveryRoute {
    /// The same organization's test data, and both data sets of another.
    pub(super) async fn others(&self) -> [Things; 3] {
        let test = Tenant::new(self.own.tenant.org(), Mode::Test);
        let stranger = Fixture::create(&self.local.table, Mode::Live).await.tenant;
        let strangers_test = Tenant::new(stranger.org(), Mode::Test);
        let create = |tenant, n| Things::create(&self.local, tenant, n);
        [create(test, 11).await, create(stranger, 12).await, create(strangers_test, 13).await]
    }
}

/// Somebody who may do everything with these things, and names those of others.
struct Asker<'a> {
    name: String,
    headers: Vec<Header>,
    own: &'a Things,
    others: [&'a Things; 3],
}

/// A key, the same key that says it were of the other mode, and an owner. A user's mode is the one they say.
async fn askers<'a>(bench: &EveryRoute, own: &'a Things, others: [&'a Things; 3]) -> Vec<Asker<'a>> {
    let (org, mode) = (own.tenant.org(), own.tenant.mode());
    let says = |mode: Mode| ("x-mode", mode.to_string());
    let other_mode = if mode == Mode::Live { Mode::Test } else { Mode::Live };
    let owner = bearer(&tokens::good(fixture::member(&bench.local.table, org, Role::Owner).await));
    let all = [
        ("key".to_owned(), vec![credential(&own.key)]),
        (format!("key that says {other_mode}"), vec![credential(&own.key), says(other_mode)]),
        ("owner".to_owned(), vec![owner, account(org), says(mode)]),
    ];
    all.map(|(name, headers)| Asker { name: format!("a {mode} {name}"), headers, own, others }).into()
}

#[tokio::test]
async fn what_is_anothers_is_answered_like_what_is_nobodys_at_the_same_cost_wherever_it_is_named() {
    let bench = EveryRoute::start().await;
    let [own_test, stranger, strangers_test] = bench.others().await;
    let mut askers = askers(&bench, &bench.own, [&own_test, &stranger, &strangers_test]).await;
    askers.extend(self::askers(&bench, &own_test, [&bench.own, &stranger, &strangers_test]).await);
    for (_, sample) in bench.samples().into_iter().filter(|(route, _)| route.method == Method::GET) {
        for asker in &askers {
            let told = bench.asked(sample, &sample.path(asker.own), String::new(), &asker.headers).await;
            assert_eq!(told.status, 200, "{} by {}: {told:?}", sample.shown(), asker.name);
        }
    }
    let before = bench.stored().await;
    for (_, sample) in bench.samples() {
        for slot in sample.slots() {
            for Asker { name, headers, own, others } in &askers {
                let naming = async |others: &Things| naming(&bench, headers, sample, slot, own, others).await;
                // What a process remembers for a while is read by the first request.
                naming(&own.unknown()).await;
                let expected = naming(&own.unknown()).await;
                for other in others.iter().filter(|other| !manages(own, other, sample)) {
                    let told = naming(other).await;
                    let shown = format!("{} {slot:?}: {name} names what {:?} has", sample.shown(), other.tenant);
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
async fn naming(bench: &EveryRoute, headers: &[Header], sample: &Sample, slot: Slot, own: &Things, others: &Things) -> (Told, String) {
    let (path, body) = sample.naming(slot, own, others);
    let usage = bench.local.table.usage();
    let mut told = bench.asked(sample, &path, body, headers).await;
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
    let owner = fixture::member(&bench.local.table, bench.own.tenant.org(), Role::Owner).await;
    let (before, own) = (bench.stored().await, &bench.own);
    let naming = |path: &str, org: OrgId| format!("{path}{}organization_id={org}", if path.contains('?') { '&' } else { '?' });
    // A user says for whom; a key says it by itself, and may say it once more.
    for (headers, is_key) in [([credential(&own.key)], true), ([bearer(&tokens::good(owner))], false)] {
        for (route, sample) in bench.samples() {
            let mut requests: Vec<_> = sample.slots().into_iter().map(|slot| sample.naming(slot, own, &stranger)).collect();
            if route.method == Method::GET {
                requests.push((sample.path(own), String::new()));
            }
            for (path, body) in requests {
                let right = if is_key { path.clone() } else { naming(&path, own.tenant.org()) };
                let plain = bench.asked(sample, &right, body.clone(), &headers).await;
                assert!(!matches!(plain.status, 401 | 500..) && plain.code() != "INSUFFICIENT_SCOPE", "{right}: {plain:?}");
                let told = bench.asked(sample, &naming(&path, stranger.tenant.org()), body, &headers).await;
                let heeds_none = route.access == Access::Identity && !is_key && told == plain;
                assert!(heeds_none || (told.status, told.code()) == (403, "FORBIDDEN"), "{} {path}: {told:?}", sample.shown());
            }
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
                let (found, _) = naming(&bench, &headers, sample, slot, own, own).await;
                let (nothing, _) = naming(&bench, &headers, sample, slot, own, &own.unknown()).await;
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
